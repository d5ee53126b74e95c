"""What may contradict a diagnosis: the same source and the same tests, green in an older environment."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from healing_core_trees import candidate, failure, two_trees
from maestro.healing import judge, proof
from maestro.healing.attempt import Attempt, Policy
from maestro.model import Candidate, CaseResult, Facts, Outcome, Phase, Tier, Trial, TrialStatus

A, B = ("tests/test_x.py::test_a", "tests/test_x.py::test_b")
TEST = "import x\n\n\ndef test_a():\n    assert x.one() == 1\n"
NEW, OLD = "environment:\n  python: '3.12'\n", "environment:\n  python: '3.8'\n"
REGRESSION = dataclasses.replace(failure((A, B)), regression=True)
Trees = Callable[..., tuple[Path, Path]]


def case(test: str, outcome: Outcome = Outcome.PASSED, phase: Phase = Phase.CALL) -> CaseResult:
    return CaseResult(test, outcome, 0.01, facts=Facts(phase, "AssertionError", "no") if outcome.bad else None)


BASELINE = (case(A, Outcome.FAILED), case(B, Outcome.FAILED))


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    before = {"tests/test_x.py": TEST, "x.py": "def one():\n    return 2\n", "maestro.yaml": NEW}
    return two_trees(tmp_path, before, {"maestro.yaml": OLD})


def ran(*results: CaseResult, name: str = "c1") -> Trial:
    return Trial(name, TrialStatus.RAN, target=results, repeats=(results, results), suite=results)


def dated(name: str = "c1") -> Candidate:
    return dataclasses.replace(candidate(name, workaround=True, prior=0.99), generator="dated_environment")


def test_an_older_environment_that_explains_all_of_it_is_a_repair_for_a_person_to_decide(
    trees: tuple[Path, Path],
) -> None:
    before, after = trees
    result = judge.judge(REGRESSION, [dated()], [ran(case(A), case(B))], BASELINE, before, lambda _: after)
    assert result.verdict == "healed"
    assert result.repair is not None
    assert (result.repair.tier, result.repair.workaround) == (Tier.PULL_REQUEST, True)
    assert result.repair.proof["diagnosis"].passed


def test_one_that_explains_a_part_of_it_is_none(trees: tuple[Path, Path]) -> None:
    before, after = trees
    trial = ran(case(A), case(B, Outcome.FAILED))
    result = judge.judge(REGRESSION, [dated()], [trial], BASELINE, before, lambda _: after)
    assert (result.verdict, result.repair) == ("exhausted", None)
    assert "does not explain all" in result.rejected[0]


def test_any_other_candidate_is_refused_whatever_its_trial_says(trees: tuple[Path, Path]) -> None:
    before, after = trees
    other = candidate("c1", workaround=True)
    result = judge.judge(REGRESSION, [other], [ran(case(A), case(B))], BASELINE, before, lambda _: after)
    assert (result.verdict, result.repair) == ("exhausted", None)
    assert "regression" in result.rejected[0]


def test_the_experiment_leaves_source_and_tests_alone(tmp_path: Path) -> None:
    before, after = two_trees(
        tmp_path, {"tests/test_x.py": TEST, "maestro.yaml": NEW}, {"maestro.yaml": OLD, "tests/test_x.py": TEST + "\n"}
    )
    gates = proof.prove(Attempt(REGRESSION, dated(), ran(case(A), case(B)), BASELINE, before, after))
    assert not gates["diagnosis"].passed


@pytest.mark.parametrize(
    ("limit", "passed"), [("(3, 9)", False), ("(3, 12)", False), ("(3,)", True), ("(3, 7, 1)", True)]
)
def test_code_that_the_older_interpreter_does_not_run_may_hide_the_defect(
    tmp_path: Path, limit: str, *, passed: bool
) -> None:
    product = f"import sys\n\n\ndef one():\n    return 2 if sys.version_info >= {limit} else 1\n"
    before, after = two_trees(
        tmp_path, {"tests/test_x.py": TEST, "x.py": product, "maestro.yaml": NEW}, {"maestro.yaml": OLD}
    )
    facts = dataclasses.replace(REGRESSION.facts, covered={"x.py": ("one",)})
    broken = dataclasses.replace(REGRESSION, facts=facts)
    gates = proof.prove(Attempt(broken, dated(), ran(case(A), case(B)), BASELINE, before, after))
    assert gates["diagnosis"].passed is passed


def test_of_two_workarounds_the_one_that_leaves_less_failing_is_kept(trees: tuple[Path, Path]) -> None:
    before, after = trees
    broken = failure(("<session>",), exception="ImportError", phase=Phase.SESSION)
    small = candidate("small", workaround=True)
    large = candidate("large", patch="--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n-b\n+c\n+d\n", workaround=True)
    trials = [ran(case(A), case(B, Outcome.FAILED), name="small"), ran(case(A), case(B), name="large")]
    baseline = [case("<session>", Outcome.ERROR, phase=Phase.SESSION)]
    result = judge.judge(broken, [small, large], trials, baseline, before, lambda _: after)
    assert result.verdict == "healed"
    assert result.winner is not None
    assert result.winner.id == "large"


def test_the_last_resort_waits_while_adapting_gets_on(tmp_path: Path) -> None:
    gone = "import collections\n\n\ndef test_a():\n    assert collections.Mapping\n"
    fixed = gone.replace("collections", "collections.abc")
    broken = failure((A,), exception="AttributeError", attributes={"owner": "collections", "name": "Mapping"})
    before, adapted = two_trees(tmp_path / "one", {"t/test_x.py": gone, "maestro.yaml": NEW}, {"t/test_x.py": fixed})
    _, old = two_trees(tmp_path / "two", {"t/test_x.py": gone, "maestro.yaml": NEW}, {"maestro.yaml": OLD})
    next_one = CaseResult(A, Outcome.FAILED, 0.01, facts=Facts(Phase.TEARDOWN, "KeyError", "later"))
    trials = [
        Trial("adapts", TrialStatus.RAN, target=(next_one,), repeats=((next_one,),)),
        ran(case(A), name="dated"),
    ]
    found = judge.judge(
        broken,
        [candidate("adapts"), dated("dated")],
        trials,
        [case(A, Outcome.FAILED)],
        before,
        lambda c: old if c.id == "dated" else adapted,
    )
    assert found.verdict == "progressed"
    assert found.winner is not None
    assert found.winner.id == "adapts"
    assert found.repair is not None  # to be delivered should nothing better come of it
    assert found.repair.generator == "dated_environment"


@pytest.mark.parametrize(
    ("line", "capped"), [("+  python: '3.8'", True), ("+environment: {python: '3.8'}", True), ("+  - widgets<2", False)]
)
def test_another_interpreter_is_for_a_person_to_decide(line: str, *, capped: bool) -> None:
    facts = Facts(Phase.CALL, "AttributeError", "module 'asyncio' has no attribute 'async'")
    broken = dataclasses.replace(REGRESSION, regression=False, facts=facts)
    patch = f"--- a/maestro.yaml\n+++ b/maestro.yaml\n@@ -1 +1 @@\n-x\n{line}\n"
    made = dataclasses.replace(dated(), patch=patch, workaround=False)
    repair = judge.repair_of(broken, judge.Judged(made, ran(case(A), case(B)), (A, B), {}), Policy())
    assert repair.confidence >= 0.75
    assert (repair.tier is Tier.PULL_REQUEST) is capped
