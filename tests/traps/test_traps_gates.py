"""What the traps taught the gates, each as the smallest case that shows it."""

from dataclasses import replace
from pathlib import Path

import pytest
from maestro.healing import proof
from maestro.healing.attempt import Attempt
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import (
    Candidate,
    ErrorKind,
    Facts,
    Failure,
    GateResult,
    Phase,
    Severity,
    Strategy,
    Trial,
    TrialStatus,
)

CONFIGURATION = "environment:\n  install: [{}]\n"
FAILURE = Failure(
    id="f", kind=ErrorKind.RUNTIME_ERROR, severity=Severity.HIGH, signature="s", cause="", tests=("<session>",),
    suite="unit", message="", facts=Facts(
        phase=Phase.SESSION, exception="pytest.UsageError", message="setup.cfg:1: no section header defined",
        causes=({"exception": "iniconfig.exceptions.ParseError", "message": "no section header defined"},),
    ),
)  # fmt: skip
PIN = Candidate(
    id="c", strategy=Strategy.DEPENDENCY_FIX, generator="version_pin", summary="pin pytest<9", patch="", workaround=True
)


def judged(folder: Path, owner: str, failure: Failure = FAILURE, candidate: Candidate = PIN) -> GateResult:
    for name, line in (("before", "pytest"), ("after", "pytest<9")):
        (folder / name / owner).mkdir(parents=True)
        (folder / name / owner / "__init__.py").touch()
        (folder / name / "maestro.yaml").write_text(CONFIGURATION.format(line))
    trial = Trial(candidate="c", status=TrialStatus.RAN)
    gates = {"it": STATIC_GATES["answers_the_cause"]}
    return proof.prove(Attempt(failure, candidate, trial, (), folder / "before", folder / "after"), gates=gates)["it"]


@pytest.mark.parametrize("owner", ["iniconfig", "src/iniconfig"])
def test_a_pin_of_the_tool_does_not_answer_an_error_that_the_product_raises(tmp_path: Path, owner: str) -> None:
    # iniconfig-03-logic: pytest 9 reads setup.cfg with the broken iniconfig under test, pytest 8 does not.
    result = judged(tmp_path, owner)

    assert not result.passed
    assert "iniconfig.exceptions.ParseError" in result.detail


@pytest.mark.parametrize("owner", ["other", "tests/iniconfig", "src/deep/iniconfig"])
def test_a_pin_may_answer_an_error_that_something_installed_raises(tmp_path: Path, owner: str) -> None:
    assert judged(tmp_path, owner).passed


def test_what_is_no_pin_may_answer_it(tmp_path: Path) -> None:
    assert judged(tmp_path, "iniconfig", candidate=replace(PIN, workaround=False)).passed


def test_once_tests_run_it_is_for_the_diagnosis_to_say(tmp_path: Path) -> None:
    running = replace(FAILURE, tests=("a.py::b",), facts=replace(FAILURE.facts, phase=Phase.CALL))

    assert judged(tmp_path, "iniconfig", failure=running).passed
