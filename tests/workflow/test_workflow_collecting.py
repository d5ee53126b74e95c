"""Files that are collected again though their tests fail, and healing that takes too long."""

import json
from typing import Any

import pytest
from maestro.orchestration import pacing
from support.machine import LocalMachine

PASSING = {"tests/test_other.py": "def test_other():\n    assert 1 + 1 == 2\n"}
FAILING = "import six\n\n\ndef test_which():\n    assert six.PY2 is six.PY3\n"
WAITING = "import six\n\n\ndef test_server():\n    import time\n    time.sleep(60)\n    assert six.PY2\n"
DECLARED = {"test-requirements.txt": "six\n", "pytest.ini": "[pytest]\naddopts = -x\n"}


def test_a_file_whose_only_test_fails_is_healed_as_a_collection_error(machine: LocalMachine, write: Any) -> None:
    # given a file that cannot be imported, whose test fails for a reason of its own, where one failure stops pytest
    outcome = machine.run(write({"tests/test_six.py": FAILING, **PASSING, **DECLARED}))

    # then what is missing is installed, for a person to look at, and the test's failure is reported by itself
    (repair,) = outcome.accepted
    assert repair.tests_fixed == ("tests/test_six.py",)
    assert repair.files == ("maestro.yaml",)
    assert repair.tier == "review"
    assert repair.proof["collects"].passed
    assert repair.proof["confirmed"].passed
    assert outcome.run.status == "failed"
    assert outcome.document["totals_after"]["failed"] == 1
    assert [f["tests"] for f in outcome.document["failures"] if not f["tests"][0].endswith(".py")] == [
        ["tests/test_six.py::test_which"]
    ]


def test_a_module_that_nothing_asks_for_is_not_installed_for_a_red_test(machine: LocalMachine, write: Any) -> None:
    # given the same file in a project whose files do not name the distribution
    outcome = machine.run(write({"tests/test_six.py": FAILING, **PASSING}))

    # then nothing shows that it is the right one, and that is said
    assert outcome.accepted == ()
    (rejected,) = [
        json.loads(outcome.context.blobs.get(key))
        for key in outcome.context.blobs.list(f"local/runs/{outcome.run.id}/")
        if key.endswith("/round-1/rejected.json")
    ]
    assert "collects: no test is green, and nothing but the name speaks for six" in str(rejected)


def test_a_candidate_that_makes_tests_wait_is_given_up_in_words(
    machine: LocalMachine, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a test that waits, once what it imports is installed, for what is not there
    monkeypatch.setattr(pacing, "RUN_SECONDS", 3.0)
    outcome = machine.run(write({"tests/test_six.py": WAITING, **PASSING, **DECLARED}))

    # then its candidates end early, and the user reads why
    assert outcome.accepted == ()
    assert "the tests take too long: stopped after 3 s" in outcome.document["failures"][0]["unhealed"]


def test_a_project_says_how_long_healing_may_take(machine: LocalMachine, write: Any) -> None:
    # given a project that leaves no time, with a failure that would be healed
    root = write({"tests/test_six.py": "import six\n\n\ndef test_six():\n    assert six.PY3\n", **PASSING, **DECLARED})
    config = (root / "maestro.yaml").read_text()
    (root / "maestro.yaml").write_text(config + "healing: {time_limit: 0.01}\n")

    outcome = machine.run(root)

    # then the run ends with its verdict, and says that there was no time
    assert outcome.accepted == ()
    assert outcome.run.status in ("failed", "error")
    assert "time for healing was over" in outcome.document["failures"][0]["unhealed"]
