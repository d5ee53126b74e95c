"""Environments of which the installer refuses stated lines: they are healed like other failures, and hide none."""

from typing import Any

import pytest
from support.machine import LocalMachine

CONFIGURATION = """\
project: sample
environment:
  python: "3.11"
  install: [pytest, nose==0.10, six==0.1]
suites:
  unit:
    paths: [tests]
"""
TESTS = "import six\n\n\ndef test_six():\n    assert six.PY3\n\n\ndef test_sum():\n    assert 1 + 1 == {}\n"


@pytest.mark.parametrize("total", [2, 3])
def test_the_environment_is_built_without_what_cannot_be_installed(
    machine: LocalMachine, write: Any, total: int
) -> None:
    # given two pins of which there are no releases, one of them used; and a test that fails for another reason, or not
    outcome = machine.run(write({"maestro.yaml": CONFIGURATION, "tests/test_six.py": TESTS.format(total)}))

    # then the one gets a newer release and the other goes, which hides no failure
    (repair,) = outcome.accepted
    assert repair.generator == "unbuildable_requirement"
    assert "+  install: [pytest, six]" in repair.patch
    assert repair.files == ("maestro.yaml",)
    assert outcome.run.status == ("healed" if total == 2 else "failed")
    assert outcome.document["totals_after"]["failed"] == (0 if total == 2 else 1)
    assert outcome.document["totals"]["error"] == 1


def test_without_healing_the_run_fails_and_says_what_is_refused(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write({"maestro.yaml": CONFIGURATION, "tests/test_six.py": TESTS.format(2)}), heal=False)

    assert outcome.run.status == "failed"
    (failure,) = outcome.failures
    assert failure.cause == "the environment cannot be built with `nose==0.10`, `six==0.1`"
    assert "no version of" in failure.message


def test_a_line_of_a_file_that_the_environment_names_is_mended_in_that_file(machine: LocalMachine, write: Any) -> None:
    files = {
        "maestro.yaml": CONFIGURATION.replace("nose==0.10, six==0.1", "-r requirements.txt"),
        "requirements.txt": "nose==0.10\nsix==0.1  # both Pythons\n",
        "tests/test_six.py": TESTS.format(2),
    }

    outcome = machine.run(write(files))

    (repair,) = outcome.accepted
    assert outcome.run.status == "healed"
    assert repair.files == ("requirements.txt",)
    assert "+six  # both Pythons" in repair.patch
