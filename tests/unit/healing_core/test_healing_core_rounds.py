"""From round to round: what is a step forward where a session cannot start, and what goes round in circles."""

from pathlib import Path

import pytest
from healing_core_trees import candidate, failure, two_trees
from maestro.healing import judge
from maestro.healing.attempt import Policy
from maestro.healing.base import Project
from maestro.healing.diagnosis import healable
from maestro.model import (
    CaseResult,
    EnvironmentFacts,
    EnvironmentSpec,
    Facts,
    Failure,
    Outcome,
    Phase,
    Strategy,
    Trial,
    TrialStatus,
)

SESSION = "<session>"
BEFORE, AFTER = "environment:\n  install: [a==2]\n", "environment:\n  install: [a<2]\n"


def session(message: str, exception: str = "UsageError") -> CaseResult:
    return CaseResult(SESSION, Outcome.ERROR, 0.0, message=message, facts=Facts(Phase.SESSION, exception, message))


def of(result: CaseResult) -> Failure:
    from maestro.healing.grouping import group

    return group([result], "tests")[0]


@pytest.mark.parametrize(
    ("then", "history", "verdict"),
    [
        (session("no such plugin: b"), (), "progressed"),
        (session("no such plugin: a", "pytest.UsageError"), (), "exhausted"),  # the same, raised elsewhere
        (session("no such plugin: b"), (of(session("no such plugin: b")),), "exhausted"),  # that was had before
    ],
)
def test_a_pin_is_progress_only_if_something_new_is_said(
    tmp_path: Path, then: CaseResult, history: tuple[Failure, ...], verdict: str
) -> None:
    before, after = two_trees(tmp_path, {"maestro.yaml": BEFORE}, {"maestro.yaml": AFTER})
    now = session("no such plugin: a")
    trial = Trial("c1", TrialStatus.RAN, target=(then,))
    result = judge.judge(
        of(now), [candidate(workaround=True)], [trial], [now], before, lambda _: after, Policy(history=history)
    )
    assert result.verdict == verdict


def missing(module: str) -> CaseResult:
    message = f"No module named '{module}'"
    facts = Facts(Phase.COLLECT, "ModuleNotFoundError", message, attributes={"module": module})
    return CaseResult("tests/test_x.py", Outcome.ERROR, 0.0, message=message, facts=facts)


@pytest.mark.parametrize(("then", "verdict"), [("b", "progressed"), ("a", "exhausted")])
def test_the_next_missing_module_of_a_file_is_a_step_further(tmp_path: Path, then: str, verdict: str) -> None:
    before, after = two_trees(tmp_path, {"maestro.yaml": BEFORE}, {"maestro.yaml": AFTER})
    trial = Trial("c1", TrialStatus.RAN, target=(missing(then),))
    result = judge.judge(of(missing("a")), [candidate()], [trial], [missing("a")], before, lambda _: after)
    assert result.verdict == verdict


@pytest.mark.parametrize(("phase", "adapting"), [(Phase.SESSION, True), (Phase.COLLECT, True), (Phase.CALL, False)])
def test_a_tool_that_says_no_before_any_test_runs_is_no_assertion(
    tmp_path: Path, phase: Phase, *, adapting: bool
) -> None:
    project = Project(tmp_path, EnvironmentSpec("3.12"), EnvironmentFacts("0", "3.12"))
    said = healable(failure(("t.py",), exception="Failed", phase=phase), project)
    assert (Strategy.API_CONTRACT_ADAPTATION in said) is adapting
