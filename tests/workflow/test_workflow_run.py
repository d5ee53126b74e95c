"""Whole runs, from the submitted source to the stored end."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.asl import Call, ExecutionError
from support.machine import LocalMachine, LocalRun, RunOutcome

PASSING = {"tests/test_a.py": "def test_one():\n    assert 1\n\n\ndef test_two():\n    assert 2\n"}
PYTHON2 = {
    "tests/helper.py": "def text(error):\n    print 'called'\n    return str(error)\n",
    "tests/test_a.py": "from helper import text\n\n\ndef test_text():\n    assert text(1) == '1'\n",
    "tests/test_b.py": "def test_plain():\n    assert 1\n",
}
LEAKING = {
    "tests/test_state.py": (
        "seen = []\n\n\ndef test_first():\n    seen.append(1)\n    assert seen\n\n\n"
        "def test_second():\n    assert seen == []\n"
    ),
}
USES_SIX = "import six\n\n\ndef test_six():\n    assert six.PY3\n"
TWO_BACKENDS = {
    "tests/test_one.py": USES_SIX,
    "tests/test_two.py": USES_SIX,
    "tests/test_toml.py": "import toml\n\n\ndef test_toml():\n    assert toml.loads('a = 1') == {'a': 1}\n",
    "tests/test_backends.py": (
        "from importlib.util import find_spec\n\n\n"
        "def test_only_one_backend():\n    assert not (find_spec('six') and find_spec('toml'))\n"
    ),
}
TWO_BROKEN = {
    "tests/old.py": "def shown(text):\n    print 'shown'\n    return text\n",
    "tests/test_one.py": "from old import shown\n\n\ndef test_one():\n    assert shown(1) == 1\n",
    "tests/test_two.py": "from old import shown\n\n\ndef test_two():\n    assert shown(2) == 2\n",
    "tests/unfinished.py": "def doubled(number)\n    return 2 * number\n",
    "tests/test_three.py": "from unfinished import doubled\n\n\ndef test_three():\n    assert doubled(3) == 6\n",
    "tests/test_broken.py": (
        "import ast, pathlib\n\n\n"
        "def parses(name):\n"
        "    try:\n"
        "        ast.parse(pathlib.Path(__file__).with_name(name).read_text())\n"
        "    except SyntaxError:\n"
        "        return False\n"
        "    return True\n\n\n"
        "def test_something_is_broken():\n"
        "    assert not (parses('old.py') and parses('unfinished.py'))\n"
    ),
}


def test_a_project_that_passes(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(PASSING))

    assert (outcome.run.status, outcome.failed) == ("passed", "")
    assert outcome.document["outcome"] == "passed"
    assert outcome.run.totals["passed"] == 2
    assert (outcome.repairs, outcome.failures, outcome.patch) == ((), (), "")
    assert outcome.states[-1] == "Run Recorded"
    assert "Heal Failures" not in outcome.states


def test_a_product_that_is_wrong_is_reported_and_never_repaired(machine: LocalMachine, write: Any) -> None:
    root = write(
        {
            "tests/test_a.py": "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
            "shop.py": "def total(prices):\n    return sum(prices) - 1\n",
            "tests/conftest.py": "import pathlib, sys\nsys.path.insert(0, str(pathlib.Path(__file__).parents[1]))\n",
        }
    )

    outcome = machine.run(root)

    assert outcome.run.status == "failed"
    assert outcome.run.reason == "1 check failed."
    assert (outcome.repairs, outcome.patch) == ((), "")
    (failure,) = outcome.failures
    assert failure.regression
    assert failure.suspects[0]["function"] == "total"
    assert not any(call.state == "Try Candidate" for call in outcome.calls)


def test_without_healing_nothing_is_tried(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(PYTHON2), heal=False)

    assert outcome.run.status == "failed"
    assert {"Heal Failures", "Diagnose"}.isdisjoint(outcome.states)


def test_a_missing_module_is_installed_and_the_patch_is_enough(machine: LocalMachine, write: Any) -> None:
    root = write({"tests/test_six.py": USES_SIX, **PASSING})

    outcome = machine.run(root)

    assert (outcome.run.status, outcome.run.reason) == ("healed", "Every failure got an accepted repair.")
    (repair,) = outcome.accepted
    assert repair.files == ("maestro.yaml",)
    assert repair.proof["confirmed"].passed
    assert outcome.document["repairs"][0]["id"] == repair.id
    assert outcome.document["totals"]["error"] == 1
    assert outcome.document["totals_after"] == {**outcome.document["totals"], "error": 0, "passed": 3}
    subprocess.run(["git", "apply", "-"], cwd=root, input=outcome.patch.encode(), check=True)
    again = machine.run(root, heal=False)
    assert (again.run.status, again.run.totals["passed"]) == ("passed", 3)


def test_a_generator_that_ends_by_an_exception_returns(machine: LocalMachine, write: Any) -> None:
    # given a product of before Python 3.7
    reading = "def lines(text):\n    for line in text.splitlines():\n"
    reading += "        if not line:\n            raise StopIteration\n"
    reading += "        yield line\n"
    checks = "from reading import lines\n\n\ndef test_lines():\n    assert list(lines('a\\nb\\n\\nc')) == ['a', 'b']\n"
    checks += "\n\ndef test_all():\n    assert list(lines('a')) == ['a']\n"

    # when it runs
    outcome = machine.run(write({"reading.py": reading, "tests/test_reading.py": checks}))

    # then the product says it in today's words
    assert outcome.run.status == "healed"
    assert "-            raise StopIteration\n+            return\n" in outcome.patch


def test_an_iterator_that_runs_out_in_a_generator_is_nobodys_guess(machine: LocalMachine, write: Any) -> None:
    pairs = "def pairs(items):\n    left = iter(items)\n    for item in left:\n        yield item, next(left)\n"
    checks = "from pairing import pairs\n\n\ndef test_pairs():\n    assert list(pairs([1, 2, 3])) == [(1, 2)]\n"

    outcome = machine.run(write({"pairing.py": pairs, "tests/test_pairing.py": checks}))

    assert (outcome.run.status, outcome.patch) == ("failed", "")
    assert "generator raised StopIteration" in outcome.failures[0].cause


def test_a_file_without_tests_that_can_be_collected_again_is_no_loss(machine: LocalMachine, write: Any) -> None:
    # given a file whose name is a test's, which holds nothing but data, and fails to import as the others do
    outcome = machine.run(
        write({"tests/test_six.py": USES_SIX, "tests/test_data.py": "import six\n\nPRICES = [1, 2]\n"})
    )

    assert outcome.run.status == "healed"
    assert outcome.accepted[0].proof["confirmed"].passed


def test_no_tests(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write({"tests/readme.txt": "later"}))

    assert (outcome.run.status, outcome.run.code) == ("error", "no_tests")
    assert "No tests were collected" in outcome.run.reason
    assert "Run Waves" not in outcome.states


def test_a_configuration_that_is_wrong(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write({"maestro.yaml": "project: x\nsuites:\n  unit:\n    pathss: [tests]\n", **PASSING}))

    assert (outcome.run.status, outcome.run.code) == ("error", "config_invalid")
    assert "maestro.yaml:4:5" in outcome.run.reason
    assert "Prepare Environments" not in outcome.states


def test_an_environment_that_cannot_be_built(machine: LocalMachine, write: Any) -> None:
    configuration = (
        "project: x\nenvironment: {python: '3.11', install: [pytest, no-such-package-of-anybody]}\n"
        "suites: {unit: {paths: [tests]}}\n"
    )

    outcome = machine.run(write({"maestro.yaml": configuration, **PASSING}))

    assert (outcome.run.status, outcome.run.code) == ("error", "environment_build_failed")
    assert "no-such-package-of-anybody" in outcome.run.reason


def test_a_service_that_does_not_answer(machine: LocalMachine, write: Any) -> None:
    configuration = (
        "project: x\nenvironment: {python: '3.11', install: [pytest]}\n"
        "services:\n  shop: {url: 'http://127.0.0.1:9/'}\nsuites:\n  unit: {paths: [tests]}\n"
    )

    outcome = machine.run(write({"maestro.yaml": configuration, **PASSING}))

    assert (outcome.run.status, outcome.run.code) == ("error", "service_unhealthy")
    assert "shop at http://127.0.0.1:9/" in outcome.run.reason


def test_a_suite_waits_for_those_that_it_needs(machine: LocalMachine, write: Any) -> None:
    configuration = (
        "project: x\nenvironment: {python: '3.11', install: [pytest]}\nsuites:\n"
        "  late: {paths: [tests/late], needs: [early]}\n  early: {paths: [tests/early]}\n"
    )
    root = write(
        {
            "maestro.yaml": configuration,
            "tests/early/test_e.py": PASSING["tests/test_a.py"],
            "tests/late/test_l.py": PASSING["tests/test_a.py"],
        }
    )

    outcome = machine.run(root)

    assert outcome.run.status == "passed"
    ran = [call.parameters["Payload"]["result_url"] for call in outcome.calls if call.state == "Run Chunk"]
    suites = [url.partition("/results/")[2].partition("/")[0] for url in ran]
    assert suites == sorted(suites)
    assert set(suites) == {"early", "late"}


# ---------------------------------------------------------------------- repairs that do not go together


def test_of_two_repairs_that_together_cost_a_test_one_is_taken_back(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(TWO_BROKEN))

    status = {str(r.status): r for r in outcome.repairs}
    assert set(status) == {"accepted", "rejected"}
    assert status["accepted"].files == ("tests/old.py",)  # it fixes more
    assert status["accepted"].proof["confirmed"].passed
    assert status["rejected"].files == ("tests/unfinished.py",)
    assert "test_something_is_broken" in status["rejected"].proof["confirmed"].detail
    assert "old.py" in outcome.patch
    assert "unfinished.py" not in outcome.patch
    assert (outcome.run.status, outcome.run.reason) == ("failed", "1 check still failing.")
    kept = "tests/test_broken.py::test_something_is_broken"
    assert _passing(outcome, 0) == {kept}
    assert _passing(outcome, 1) == {f"tests/test_{n}.py::test_{n}" for n in ("one", "two", "three")}
    assert _passing(outcome, 2) == {kept, "tests/test_one.py::test_one", "tests/test_two.py::test_two"}


def test_of_two_repairs_that_add_a_requirement_each_one_is_taken_back(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(TWO_BACKENDS))

    # both lines fit into one file, and the run with both shows what they cost together
    (repair,) = outcome.accepted
    (taken,) = (r for r in outcome.repairs if r is not repair)
    assert "test_only_one_backend" not in {*repair.tests_fixed, *taken.tests_fixed}
    assert not taken.proof["confirmed"].passed
    assert "test_only_one_backend" in taken.proof["confirmed"].detail
    # and the change that would install both at once was refused before
    refused = [key for key in outcome.context.blobs.list("local/runs/") if key.endswith("/rejected.json")]
    said = b"".join(outcome.context.blobs.get(key) for key in refused)
    assert b"no_regression: 1 of" in said
    assert outcome.run.status == "failed"


def _passing(outcome: RunOutcome, pass_no: int) -> set[str]:
    key = f"local/runs/{outcome.run.id}/pass-{pass_no}/verdict.json"
    verdict = json.loads(outcome.context.blobs.get(key))
    return {r["id"] for suite in verdict["suites"] for r in suite["results"] if r["outcome"] == "passed"}


# ---------------------------------------------------------------------- chunks that come twice


def test_a_chunk_that_ran_twice_counts_once(machine: LocalMachine, write: Any) -> None:
    lost: list[Call] = []

    def lose_the_first_answer(call: Call, _run: LocalRun) -> None:
        if call.state == "Run Chunk" and not lost:
            lost.append(call)
            raise ExecutionError("Lambda.Unknown", "the connection broke after the work was done")

    outcome = machine.run(write(PASSING), after=lose_the_first_answer)

    ran = [call for call in outcome.calls if call.state == "Run Chunk"]
    assert [call.parameters for call in ran].count(lost[0].parameters) == 2
    assert (outcome.run.status, outcome.run.totals) == ("passed", {**outcome.run.totals, "passed": 2})
    counters = outcome.context.runs.counters_of("local", outcome.run.id)
    assert (counters["chunks_done"], counters["tests_done"]) == (len(ran) - 1, 2)


def test_the_same_chunk_delivered_again_after_the_run_changes_nothing(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(PASSING))
    key = f"local/runs/{outcome.run.id}/pass-0/verdict.json"
    before = outcome.context.blobs.get(key)
    call = next(call for call in outcome.calls if call.state == "Run Chunk")

    machine._perform(outcome.context, call)

    run = outcome.context.runs.get_run("local", outcome.run.id)
    assert run == outcome.run
    assert outcome.context.blobs.get(key) == before


# ---------------------------------------------------------------------- cancelled, or broken, at every step


STEPS = [
    "Load Configuration", "Check Services", "Prepare Environment", "Plan Chunks", "Run Chunk", "Count Chunk",
    "Aggregate Results", "Heal Failure", "Diagnose", "Try Candidate", "Judge", "Combine Repairs", "Confirm Repairs",
    "Deliver Repairs", "Record Outcome",
]  # fmt: skip


def test_the_sample_takes_every_step(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(PYTHON2))

    assert outcome.run.status == "healed"
    assert {call.state for call in outcome.calls} == set(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_is_cancelled_before_a_step_ends_cancelled(machine: LocalMachine, write: Any, step: str) -> None:
    def cancel(call: Call, run: LocalRun) -> None:
        if call.state == step:
            run.cancel()

    outcome = machine.run(write(PYTHON2), before=cancel)

    assert (outcome.run.status, outcome.run.reason) == ("cancelled", "The run was cancelled on request.")
    assert outcome.failed == ""
    assert outcome.run.ended_at


SPARED = {"Run Chunk", "Count Chunk", "Heal Failure", "Diagnose", "Try Candidate", "Judge"}


@pytest.mark.parametrize("step", [step for step in STEPS if step not in SPARED])
def test_trouble_in_a_step_ends_the_run_with_its_words(machine: LocalMachine, write: Any, step: str) -> None:
    def break_off(call: Call, _run: LocalRun) -> None:
        if call.state == step:
            raise OSError(f"the disk of {step} is full")

    outcome = machine.run(write(PYTHON2), before=break_off)

    assert (outcome.run.status, outcome.run.code) == ("error", "step_failed")
    assert f"OSError: the disk of {step} is full" in outcome.run.reason
    assert outcome.failed.startswith("RunBrokeOff")
    assert outcome.run.ended_at


@pytest.mark.parametrize("step", ["Heal Failure", "Diagnose", "Try Candidate", "Judge"])
def test_trouble_in_healing_leaves_the_failure_unhealed(machine: LocalMachine, write: Any, step: str) -> None:
    def break_off(call: Call, _run: LocalRun) -> None:
        if call.state == step:
            raise OSError("the disk is full")

    outcome = machine.run(write(PYTHON2), before=break_off)

    assert (outcome.run.status, outcome.run.reason) == ("failed", "1 check failed.")
    assert (outcome.accepted, outcome.patch) == ((), "")


def test_a_test_that_leans_on_others_is_told_by_experiment(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(LEAKING))

    assert sum(call.state == "Run Experiment" for call in outcome.calls) > 1
    (failure,) = outcome.failures
    assert failure.tests == ("tests/test_state.py::test_second",)
    assert not failure.regression
    assert "Experiments:" in failure.cause


def test_a_run_that_is_cancelled_while_it_experiments_ends_cancelled(machine: LocalMachine, write: Any) -> None:
    def cancel(call: Call, run: LocalRun) -> None:
        if call.state == "Run Experiment":
            run.cancel()

    outcome = machine.run(write(LEAKING), before=cancel)

    assert outcome.run.status == "cancelled"
    assert not any(call.state == "Try Candidate" for call in outcome.calls)


def test_experiments_that_die_prove_nothing_and_the_run_ends(machine: LocalMachine, write: Any) -> None:
    def die(call: Call, _run: LocalRun) -> None:
        if call.state == "Run Experiment":
            raise ExecutionError("Sandbox.Died")

    outcome = machine.run(write(LEAKING), before=die)

    assert outcome.run.status == "passed"  # alone it passes: it is flaky
    assert outcome.document["flaky"]
    assert (outcome.accepted, outcome.patch) == ((), "")
    assert outcome.states.count("Run Experiments") <= 6
    assert "Record Failure" not in outcome.states


def test_chunks_that_die_are_errors_and_no_pass(machine: LocalMachine, write: Any) -> None:
    def die(call: Call, _run: LocalRun) -> None:
        if call.state == "Run Chunk":
            raise ExecutionError("Sandbox.Died")

    outcome = machine.run(write(PASSING), before=die)

    assert outcome.run.status == "failed"
    assert (outcome.run.totals["passed"], outcome.run.totals["error"]) == (0, 2)


def test_progress_that_cannot_be_counted_hurts_nobody(machine: LocalMachine, write: Any) -> None:
    def throttle(call: Call, _run: LocalRun) -> None:
        if call.state == "Count Chunk":
            raise ExecutionError("DynamoDB.ThrottlingException")

    outcome = machine.run(write(PASSING), before=throttle)

    assert outcome.run.status == "passed"


def test_a_sandbox_that_fails_for_a_moment_is_asked_again(machine: LocalMachine, write: Any) -> None:
    seen: set[str] = set()

    def falter(call: Call, _run: LocalRun) -> None:
        if call.resource.endswith("lambda:invoke") and call.state not in seen:
            seen.add(call.state)
            raise ExecutionError("Lambda.TooManyRequestsException")

    outcome = machine.run(write(PYTHON2), before=falter)

    assert outcome.run.status == "healed"
    assert seen == set(STEPS) - {"Count Chunk", "Heal Failure"}


def test_the_audit_trail_of_a_healed_run_is_whole(machine: LocalMachine, write: Any, tmp_path: Path) -> None:
    outcome = machine.run(write(PYTHON2))

    actions = [entry.action for entry in outcome.context.runs.ledger.entries("local")]
    assert actions[:2] == ["run.requested", "run.started"]
    assert actions[-1] == "run.healed"
    assert "repair.accepted" in actions
    assert list(tmp_path.iterdir()) == [tmp_path / "project"]  # nothing is written beside the project


SHOP = (
    "import collections\n\n\ndef many(value):\n    return isinstance(value, collections.Iterable)\n\n\n"
    "def answer(value):\n    try:\n        return 200 if many(value) else 404\n"
    "    except AttributeError:\n        return 500\n"
)
SHOP_TESTS = (
    "from shop import answer, many\n\n\ndef test_many():\n    assert many([])\n\n\n"
    "def test_found():\n    assert answer([]) == 200\n\n\ndef test_not_found():\n    assert answer(1) == 404\n"
)
ON_PATH = {
    "tests/conftest.py": "import pathlib, sys\nsys.path.insert(0, str(pathlib.Path(__file__).parents[1]))\n",
}


def test_assertions_wait_until_the_error_behind_them_is_healed(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write({"shop.py": SHOP, "tests/test_shop.py": SHOP_TESTS, **ON_PATH}))

    assert outcome.run.status == "healed"
    assert len(outcome.accepted) == 1
    assert sum(call.state == "Diagnose" for call in outcome.calls) == 1


def test_what_waited_is_diagnosed_where_nothing_else_could_be_healed(machine: LocalMachine, write: Any) -> None:
    tests = {
        "tests/test_shop.py": "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
        "tests/test_lost.py": "import shop.no_such_module_of_ours\n",
    }
    product = {"shop/__init__.py": "def total(prices):\n    return sum(prices) - 1\n"}

    outcome = machine.run(write({**tests, **product, **ON_PATH}))

    assert outcome.run.status == "failed"
    assert outcome.repairs == ()
    assert [f.regression for f in outcome.failures if "test_total" in f.tests[0]] == [True]
    assert outcome.states.count("Heal Failures") == 2
    assert outcome.states.count("Run Waves") == 1
