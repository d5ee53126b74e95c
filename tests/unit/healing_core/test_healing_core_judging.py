"""Trials to verdicts, repairs to one patch, evidence to a probability."""

import dataclasses
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from healing_core_trees import KILLED, candidate, failure, lay_out, two_trees
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing import combine as combining
from maestro.healing import confidence, grouping, judge, proof
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.errors import OutcomesError
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import (
    Candidate,
    CaseResult,
    Facts,
    Failure,
    Frame,
    GateResult,
    Outcome,
    Phase,
    Repair,
    RepairStatus,
    Strategy,
    Tier,
    Trial,
    TrialStatus,
)

OLD = """\
import collections


def test_a():
    assert isinstance({}, collections.Mapping)


def test_b():
    assert 2 > 1
"""
NEW = OLD.replace("import collections\n", "import collections.abc\n").replace("collections.M", "collections.abc.M")
A, B, C = (f"tests/test_x.py::test_{name}" for name in "abc")


def case(
    test: str,
    outcome: Outcome = Outcome.PASSED,
    *,
    exception: str = "AttributeError",
    phase: Phase = Phase.CALL,
    message: str = "boom",
) -> CaseResult:
    facts = Facts(phase, exception, message) if outcome.bad else None
    return CaseResult(test, outcome, 0.01, message=message if outcome.bad else "", facts=facts)


def ran(
    name: str = "c1",
    target: Sequence[CaseResult] = (),
    repeats: Sequence[Sequence[CaseResult]] = (),
    suite: Sequence[CaseResult] = (),
) -> Trial:
    return Trial(
        name,
        TrialStatus.RAN,
        target=tuple(target),
        repeats=tuple(map(tuple, repeats)),
        suite=tuple(suite),
        mutation=KILLED,
    )


BROKEN = failure((A,), exception="AttributeError", attributes={"owner": "collections", "name": "Mapping"})
BASELINE = (case(A, Outcome.FAILED), case(B))
GOOD = ran(target=[case(A)], repeats=[[case(A)], [case(A)]], suite=[case(A), case(B)])


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    return two_trees(tmp_path, {"tests/test_x.py": OLD}, {"tests/test_x.py": NEW})


def judged(
    trees: tuple[Path, Path],
    trial: Trial = GOOD,
    broken: Failure = BROKEN,
    baseline: Sequence[CaseResult] = BASELINE,
    candidates: Sequence[Candidate] | None = None,
) -> judge.Judgement:
    before, after = trees
    return judge.judge(broken, candidates or [candidate()], [trial], baseline, before, lambda _: after)


def test_a_candidate_that_passes_everything_heals(trees: tuple[Path, Path]) -> None:
    result = judged(trees)
    assert result.verdict == "healed"
    assert result.repair is not None
    assert result.repair.tests_fixed == (A,)
    assert all(gate.passed for gate in result.repair.proof.values())
    assert set(result.repair.proof) == {*STATIC_GATES, *proof.RUN_GATES}
    assert result.repair.proof["stable"].detail == "1 test green 3 times"


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        ((case(A, Outcome.FAILED),), "no test passed before, so none was lost; 2 were run"),
        ((case(A, Outcome.FAILED), case(B)), "the one test that passed before still passes, 2 were run"),
        ((case(A), case(B)), "all 2 tests that passed before still pass, 2 were run"),
    ],
)
def test_what_was_kept_is_counted_in_words_that_fit(
    trees: tuple[Path, Path], baseline: Sequence[CaseResult], words: str
) -> None:
    gates = proof.prove(Attempt(BROKEN, candidate(), GOOD, baseline, *trees))
    assert gates["no_regression"] == GateResult(passed=True, detail=words)


@pytest.mark.parametrize(("again", "verdict"), [(Outcome.PASSED, "healed"), (Outcome.FAILED, "exhausted")])
def test_what_earlier_steps_healed_is_claimed_and_must_not_be_lost(
    trees: tuple[Path, Path], again: Outcome, verdict: str
) -> None:
    # given a second step, which mends what the first one left, and a test that the first one made green
    baseline = (*BASELINE, case(C, Outcome.FAILED, message="another cause"))
    trial = ran(target=[case(A)], repeats=[[case(A)], [case(A)]], suite=[case(A), case(B), case(C, again)])
    before, after = trees

    result = judge.judge(BROKEN, [candidate()], [trial], baseline, before, lambda _: after, Policy(fixed=(C,)))

    assert result.verdict == verdict
    if result.repair is None:
        assert f"no_regression: 1 of 2 that passed before do not: {C} (healed before)" in result.rejected[0]
    else:
        assert result.repair.tests_fixed == (C, A)
        assert "(and 1 that earlier steps healed)" in result.repair.proof["no_regression"].detail


@pytest.mark.parametrize("workaround", [False, True])
@pytest.mark.parametrize("strategy", [Strategy.FLAKY_STABILIZATION, Strategy.TIMING_ADJUSTMENT])
def test_what_steadies_tests_is_for_a_person_to_decide(
    trees: tuple[Path, Path], strategy: Strategy, *, workaround: bool
) -> None:
    sure = dataclasses.replace(candidate(), strategy=strategy, workaround=workaround, prior=0.99)
    repair = judged(trees, candidates=[sure]).repair
    assert repair is not None
    assert repair.tier is Tier.PULL_REQUEST


def test_product_code_that_did_not_parse_can_be_mended_in_more_than_one_way(trees: tuple[Path, Path]) -> None:
    sure = dataclasses.replace(candidate(), strategy=Strategy.SYNTAX_REPAIR, touches_product=True, prior=0.99)
    repair = judged(trees, candidates=[sure]).repair
    assert repair is not None
    assert repair.tier is Tier.PULL_REQUEST


@pytest.mark.parametrize("unasked", [False, True])
def test_what_nothing_of_the_project_asks_for_is_looked_at_before_it_is_installed(
    trees: tuple[Path, Path], *, unasked: bool
) -> None:
    sure = dataclasses.replace(
        candidate(), strategy=Strategy.DEPENDENCY_FIX, generator="missing_module", prior=0.99, unasked=unasked
    )
    repair = judged(trees, candidates=[sure]).repair
    assert repair is not None
    assert (repair.tier is Tier.APPLIED) is not unasked


@pytest.mark.parametrize(
    ("policy", "tier"),
    [(Policy(), Tier.APPLIED), (Policy(unasked=True), Tier.REVIEW), (Policy(doubtful=True), Tier.PULL_REQUEST)],
    ids=["nothing", "an unasked distribution", "what is for a person"],
)
def test_what_an_earlier_round_owes_is_owed_by_the_repair_that_contains_it(
    trees: tuple[Path, Path], policy: Policy, tier: Tier
) -> None:
    before, after = trees
    sure = dataclasses.replace(candidate(), strategy=Strategy.DEPENDENCY_FIX, generator="missing_module", prior=0.99)

    result = judge.judge(BROKEN, [sure], [GOOD], BASELINE, before, lambda _: after, policy)

    assert result.repair is not None
    assert result.repair.tier is tier


@pytest.mark.parametrize(
    ("gate", "change"),
    [
        ("stable", {"repeats": ()}),
        ("stable", {"repeats": ((case(A),), (case(A, Outcome.FAILED),))}),
        ("stable", {"repeats": ((case(B),),)}),
        ("no_regression", {"suite": ()}),
        ("no_regression", {"suite": (case(A), case(B, Outcome.FAILED))}),
        ("no_regression", {"suite": (case(A), case(B, Outcome.FLAKY))}),
        ("nothing_vanished", {"suite": (case(A),)}),
        ("nothing_vanished", {"suite": (case(A), case(B, Outcome.SKIPPED))}),
        ("nothing_vanished", {"suite": (case(A), case(B, Outcome.XFAILED))}),
    ],
)
def test_a_bad_run_is_refused_by_its_gate(trees: tuple[Path, Path], gate: str, change: dict[str, object]) -> None:
    trial = dataclasses.replace(GOOD, **change)
    results = proof.prove(Attempt(BROKEN, candidate(), trial, BASELINE, *trees))
    assert not results[gate].passed
    assert judged(trees, trial).repair is None


def test_a_known_flaky_test_does_not_refuse_a_repair(trees: tuple[Path, Path]) -> None:
    trial = dataclasses.replace(GOOD, suite=(case(A), case(B, Outcome.FAILED)))
    results = proof.prove(Attempt(BROKEN, candidate(), trial, BASELINE, *trees, Policy(flaky=frozenset({B}))))
    assert all(result.passed for result in results.values())


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.FLAKY, Outcome.FAILED, Outcome.ERROR, Outcome.XPASSED])
def test_only_green_is_green(trees: tuple[Path, Path], outcome: Outcome) -> None:
    trial = dataclasses.replace(GOOD, target=(case(A, outcome),))
    assert not proof.prove(Attempt(BROKEN, candidate(), trial, BASELINE, *trees))["target_green"].passed
    assert judged(trees, trial).repair is None


def test_a_regression_is_never_repaired(trees: tuple[Path, Path]) -> None:
    broken = dataclasses.replace(BROKEN, regression=True)
    assert judged(trees, broken=broken).repair is None
    assert judged(trees, broken=broken).verdict == "exhausted"
    assert set(proof.prove(Attempt(broken, candidate(), GOOD, BASELINE, *trees))) == {"diagnosis"}


def test_adaptation_wins_over_workaround_then_size_then_prior(trees: tuple[Path, Path]) -> None:
    before, after = trees
    line = "--- a/x\n+++ b/x\n"
    made = {
        "pin": candidate("pin", line + "+a\n", workaround=True, prior=0.9),
        "large": candidate("large", line + "+a\n+b\n+c\n", prior=0.9),
        "small": candidate("small", line + "+a\n+b\n", prior=0.3),
        "likely": candidate("likely", line + "+a\n+c\n", prior=0.6),
    }
    trials = [dataclasses.replace(GOOD, candidate=name) for name in made]
    result = judge.judge(BROKEN, list(made.values()), trials, BASELINE, before, lambda _: after)
    assert result.winner == made["likely"]
    assert len(result.rejected) == 3


def test_what_was_stopped_counts_as_failing(trees: tuple[Path, Path]) -> None:
    # given two that start a session, one of which makes tests wait until they are stopped
    started = dataclasses.replace(GOOD, target=(case(A), case(B)), suite=(case(A), case(B), case(C, Outcome.FAILED)))
    waiting = dataclasses.replace(GOOD, target=(case(A), case(B)), unfinished=(C, f"{C}[2]"), candidate="c2")
    before, after = trees
    options = [candidate("c2", prior=0.9), candidate("c1", prior=0.5)]

    result = judge.judge(BROKEN, options, [waiting, started], BASELINE, before, lambda _: after)

    # then the one whose suite was seen to end is preferred, though a test fails in it
    assert result.winner is not None
    assert result.winner.id == "c1"
    assert (judge.left(started), judge.left(waiting)) == (1, 2)


def test_a_candidate_that_weakens_is_passed_over_for_a_larger_one(tmp_path: Path) -> None:
    before, good = two_trees(tmp_path / "good", {"tests/test_x.py": OLD}, {"tests/test_x.py": NEW})
    _, bad = two_trees(
        tmp_path / "bad", {"tests/test_x.py": OLD}, {"tests/test_x.py": OLD.replace("def test_b", "def _b")}
    )
    first, second = candidate("bad", "+a\n"), candidate("good", "+a\n+b\n")
    trials = [dataclasses.replace(GOOD, candidate=name) for name in ("bad", "good")]
    result = judge.judge(BROKEN, [first, second], trials, BASELINE, before, lambda c: bad if c is first else good)
    assert result.winner is second
    assert "removed_test" in result.rejected[0]


def test_a_file_that_collects_now_is_healed(trees: tuple[Path, Path]) -> None:
    broken = failure(("tests/test_x.py",), exception="AttributeError", phase=Phase.COLLECT)
    green = [case(A), case(B)]
    trial = ran(target=green, repeats=[green], suite=green)
    baseline = [case("tests/test_x.py", Outcome.ERROR, phase=Phase.COLLECT)]
    assert judged(trees, trial, broken, baseline).verdict == "healed"


def test_a_file_whose_tests_are_all_skipped_is_not(trees: tuple[Path, Path]) -> None:
    broken = failure(("tests/test_x.py",), exception="AttributeError", phase=Phase.COLLECT)
    skipped = [case(A, Outcome.SKIPPED), case(B, Outcome.SKIPPED)]
    baseline = [case("tests/test_x.py", Outcome.ERROR, phase=Phase.COLLECT)]
    assert judged(trees, ran(target=skipped, repeats=[skipped], suite=skipped), broken, baseline).repair is None


def test_a_session_that_runs_tests_is_healed_and_one_that_runs_none_is_not(trees: tuple[Path, Path]) -> None:
    broken = failure(("<session>",), exception="ImportError", phase=Phase.SESSION)
    baseline = [case("<session>", Outcome.ERROR, phase=Phase.SESSION)]
    green = [case(A), case(B)]
    assert judged(trees, ran(target=green, repeats=[green], suite=green), broken, baseline).verdict == "healed"
    assert judged(trees, ran(), broken, baseline).verdict == "exhausted"


def test_uncovering_a_later_failure_is_progress_without_a_repair(trees: tuple[Path, Path]) -> None:
    broken = failure(("tests/test_x.py",), exception="AttributeError", phase=Phase.COLLECT)
    baseline = [case("tests/test_x.py", Outcome.ERROR, phase=Phase.COLLECT)]
    result = judged(trees, ran(target=[case(A, Outcome.FAILED, exception="TypeError")]), broken, baseline)
    assert (result.verdict, result.repair) == ("progressed", None)
    assert result.next_failure is not None
    assert result.next_failure.tests == (A,)


def test_a_session_that_runs_now_with_failures_is_healed(trees: tuple[Path, Path]) -> None:
    broken = failure(("<session>",), exception="ImportError", phase=Phase.SESSION)
    baseline = [case("<session>", Outcome.ERROR, phase=Phase.SESSION)]
    after = [case(A), case(B, Outcome.FAILED)]
    result = judged(trees, ran(target=after, repeats=[after], suite=after), broken, baseline)
    # the failures that it uncovered are for the next pass
    assert result.verdict == "healed"
    assert result.repair is not None
    assert result.repair.tests_fixed == ("<session>",)


def test_a_file_that_collects_with_some_failures_is_healed_for_its_green_tests(trees: tuple[Path, Path]) -> None:
    broken = failure(("tests/test_x.py",), exception="AttributeError", phase=Phase.COLLECT)
    baseline = [case("tests/test_x.py", Outcome.ERROR, phase=Phase.COLLECT)]
    target = [case(A), case(B, Outcome.FAILED, exception="TypeError"), case(C)]
    shuffled = [case(A), case(B, Outcome.FAILED, exception="TypeError"), case(C, Outcome.FAILED)]
    trial = ran(target=target, repeats=[shuffled], suite=target)
    result = judged(trees, trial, broken, baseline)
    # what fails in it is for the next pass
    assert result.verdict == "healed"
    assert result.repair is not None
    assert result.repair.tests_fixed == (A,)

    # and where that is the old cause again, or the change is a workaround, it is only a step or a partial repair
    met = grouping.group(target, broken.suite)[0].signature
    same = dataclasses.replace(broken, signature=met)
    assert judged(trees, trial, same, baseline).verdict == "exhausted"
    pin = [candidate(workaround=True)]
    assert judged(trees, trial, broken, baseline, pin).verdict == "progressed"


def test_a_file_of_which_one_test_comes_and_goes_is_kept_for_the_others(trees: tuple[Path, Path]) -> None:
    # given a file that collects now, all green in its own order, and one of its tests red in another
    broken = failure(("tests/test_x.py",), exception="AttributeError", phase=Phase.COLLECT)
    baseline = [case("tests/test_x.py", Outcome.ERROR, phase=Phase.COLLECT)]
    target = [case(A), case(B)]
    shuffled = [case(A), case(B, Outcome.FAILED)]
    # when it is judged
    result = judged(trees, ran(target=target, repeats=[target, shuffled], suite=target), broken, baseline)
    # then the repair claims what is green in every run, and no more
    assert result.repair is not None
    assert result.repair.tests_fixed == (A,)


def test_a_file_that_collects_by_chance_does_not_stand_in_the_way_of_a_step(trees: tuple[Path, Path]) -> None:
    # given two files with one cause, whose next error spares one of them in one order only
    files = ("tests/test_x.py", "tests/test_y.py")
    broken = failure(files, exception="ModuleNotFoundError", attributes={"module": "m"}, phase=Phase.COLLECT)
    baseline = [case(f, Outcome.ERROR, exception="ModuleNotFoundError", phase=Phase.COLLECT) for f in files]
    first, second = (case(f, Outcome.ERROR, exception="TypeError", phase=Phase.COLLECT) for f in files)
    target, shuffled = [case(A), second], [first, second]
    trial = ran(target=target, repeats=[target, shuffled], suite=target)
    # when it is judged
    result = judged(trees, trial, broken, baseline)
    # then it is a step to the next error, and no repair yet
    assert (result.verdict, result.repair) == ("progressed", None)


def test_a_session_whose_tests_pass_by_chance_is_a_step_to_what_fails_now(trees: tuple[Path, Path]) -> None:
    # given a session that starts now, in which an error spares one test in one order only
    broken = failure(("<session>",), exception="ModuleNotFoundError", attributes={"module": "m"}, phase=Phase.SESSION)
    baseline = [case("<session>", Outcome.ERROR, exception="ModuleNotFoundError", phase=Phase.SESSION)]
    target = [case(A), case(B, Outcome.FAILED, exception="ImportError")]
    alone = [case(A, Outcome.FAILED, exception="ImportError")]
    # when it is judged
    result = judged(trees, ran(target=target, repeats=[alone], suite=target), broken, baseline)
    # then nothing is claimed, and the error is the next one
    assert (result.verdict, result.repair) == ("progressed", None)
    assert result.next_failure is not None
    assert result.next_failure.tests == (B,)


def test_a_single_test_that_comes_and_goes_refuses_its_repair(trees: tuple[Path, Path]) -> None:
    red = ran(target=[case(A)], repeats=[[case(A)], [case(A, Outcome.FAILED)]], suite=[case(A), case(B)])
    result = judged(trees, red)
    assert result.repair is None
    assert "stable: run 3 of 3" in result.rejected[0]


def test_a_test_that_leans_on_others_does_not_refuse_a_repair_of_something_else(trees: tuple[Path, Path]) -> None:
    trial = dataclasses.replace(GOOD, repeats=((case(A),), (case(A, Outcome.FLAKY),)))
    assert "1 leans on the order" in proof.prove(Attempt(BROKEN, candidate(), trial, BASELINE, *trees))["stable"].detail
    waiting = dataclasses.replace(candidate(), strategy=Strategy.TIMING_ADJUSTMENT)
    assert not proof.prove(Attempt(BROKEN, waiting, trial, BASELINE, *trees))["stable"].passed


def test_a_file_is_judged_by_how_its_tests_ended(trees: tuple[Path, Path]) -> None:
    # given a file that collects now, whose own result sums up a first attempt that the order of a repeat upset
    file = "tests/test_x.py"
    broken = failure((file,), exception="ModuleNotFoundError", phase=Phase.COLLECT)
    baseline = (case(file, Outcome.ERROR, phase=Phase.COLLECT),)
    summed_up = case(file, Outcome.FAILED)
    upset = (summed_up, case(A, Outcome.FLAKY), case(B))
    trial = ran(target=[case(A), case(B)], repeats=[[case(A), case(B)], upset], suite=[case(A), case(B)])

    # when its tests passed on their own, or one did not
    leaning = proof.prove(Attempt(broken, candidate(), trial, baseline, *trees), tests=(file,))["stable"]
    still = dataclasses.replace(trial, repeats=((summed_up, case(A, Outcome.FAILED), case(B)),))
    failing = proof.prove(Attempt(broken, candidate(), still, baseline, *trees), tests=(file,))["stable"]

    # then only the latter is not stable
    assert leaning.passed
    assert not failing.passed


def test_names_of_earlier_rounds_are_known(tmp_path: Path) -> None:
    old = "def test_m(shell):\n    shell.close()\n    assert shell.read() == 1\n"
    before, after = two_trees(tmp_path, {"tests/test_m.py": old}, {"tests/test_m.py": old.replace("read()", "recv()")})
    missing = failure((A,), exception="AttributeError", attributes={"owner": "lib.Shell", "name": "read"})
    alive = failure((A,), exception="TypeError", attributes={"owner": "lib.Shell", "name": "x", "available": ["read"]})
    trial = Trial("c1", TrialStatus.RAN)
    for history, passed in (((), False), ((missing,), True)):
        result = proof.prove(
            Attempt(alive, candidate(), trial, (), before, after, Policy(history=history)), gates=STATIC_GATES
        )
        assert result["no_weakening"].passed is passed


def test_some_tests_green_is_kept_for_exactly_them(trees: tuple[Path, Path]) -> None:
    broken = dataclasses.replace(BROKEN, tests=(A, C), signature="attribute:collections.Mapping")
    target = [case(A), case(C, Outcome.FAILED, exception="TypeError")]
    baseline = [case(A, Outcome.FAILED), case(B), case(C, Outcome.FAILED)]
    result = judged(trees, ran(target=target, repeats=[target], suite=[*target, case(B)]), broken, baseline)
    assert result.verdict == "progressed"
    assert result.repair is not None
    assert result.repair.tests_fixed == (A,)
    assert result.next_failure is not None
    assert result.next_failure.tests == (C,)


def test_the_same_failure_again_is_no_progress(trees: tuple[Path, Path]) -> None:
    message = "AttributeError: module 'collections' has no attribute 'Mapping'"
    broken = dataclasses.replace(BROKEN, signature="attribute:collections.Mapping")
    result = judged(trees, ran(target=[case(A, Outcome.FAILED, message=message)]), broken)
    assert result.verdict == "exhausted"
    assert "still there" in result.rejected[0]


def test_another_error_at_the_same_place_is_no_progress(trees: tuple[Path, Path]) -> None:
    here = (Frame("tests/test_x.py", 5, "test_a", in_project=True),)
    broken = dataclasses.replace(BROKEN, facts=dataclasses.replace(BROKEN.facts, frames=here))
    worse = CaseResult(A, Outcome.FAILED, 0.0, facts=Facts(Phase.CALL, "NameError", "name 'x'", frames=here))
    assert judged(trees, ran(target=[worse]), broken).verdict == "exhausted"


@pytest.mark.parametrize(("line", "verdict"), [(31, "progressed"), (28, "exhausted")])
def test_each_test_of_a_group_is_held_against_its_own_place(trees: tuple[Path, Path], line: int, verdict: str) -> None:
    # given two tests that failed for one cause, each at a line of its own
    def at(test: str, place: int, exception: str) -> CaseResult:
        frames = (Frame("tests/test_x.py", place, test.rpartition("::")[2], in_project=True),)
        return CaseResult(test, Outcome.FAILED, 0.0, facts=Facts(Phase.CALL, exception, "gone", frames=frames))

    before = [at(A, 5, "AttributeError"), at(C, 28, "AttributeError"), case(B)]
    broken = dataclasses.replace(BROKEN, tests=(A, C), facts=before[0].facts)

    # when both fail for another reason, the second one further on or where it was
    after = [at(A, 9, "ValueError"), at(C, line, "ValueError")]
    result = judged(trees, ran(target=after, suite=[*after, case(B)]), broken, before)

    # then it is a step only if both got on
    assert result.verdict == verdict


@pytest.mark.parametrize(("line", "verdict"), [(7, "exhausted"), (11, "progressed")])
def test_a_step_goes_on_from_where_the_last_round_came(trees: tuple[Path, Path], line: int, verdict: str) -> None:
    # given a test that failed at line 5, and at line 9 since an earlier round
    def at(place: int, exception: str) -> CaseResult:
        frames = (Frame("tests/test_x.py", place, "test_a", in_project=True),)
        return CaseResult(A, Outcome.FAILED, 0.0, facts=Facts(Phase.CALL, exception, "gone", frames=frames))

    facts = at(9, "TypeError").facts
    assert facts is not None
    broken = dataclasses.replace(BROKEN, tests=(A,), facts=facts)

    # when it fails for another reason before that place, or behind it
    after = [at(line, "ValueError")]
    result = judged(trees, ran(target=after, suite=[*after, case(B)]), broken, [at(5, "AttributeError"), case(B)])

    # then only the latter is a step
    assert result.verdict == verdict


def test_candidates_without_a_trial_say_why(trees: tuple[Path, Path]) -> None:
    before, after = trees
    trials = [Trial("a", TrialStatus.ENVIRONMENT_FAILED, "no such version")]
    result = judge.judge(BROKEN, [candidate("a"), candidate("b")], trials, BASELINE, before, lambda _: after)
    assert "no such version" in result.rejected[0]
    assert "not tried" in result.rejected[1]


# --- combination


def patch_of(folder: Path, base: dict[str, str], edits: dict[str, str | None]) -> str:
    before, after = two_trees(folder, base, edits)
    done = subprocess.run(
        ["git", "diff", "--no-index", "--no-prefix", "before", "after"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout.replace("before/", "a/").replace("after/", "b/")
    assert text, (before, after)
    return text


def repair(name: str, patch: str, tests: tuple[str, ...] = (A,)) -> Repair:
    gates = {"applies": GateResult(passed=True, detail="")}
    return Repair(
        name, ("f",), Strategy.DEPENDENCY_FIX, RepairStatus.ACCEPTED, Tier.REVIEW, 0.8, name, tests, (), patch, gates
    )


FILES = {
    "a.py": "one = 1\ntwo = 2\nthree = 3\n",
    "b.py": "crlf = 1\r\n",
    "maestro.yaml": "environment:\n  install:\n  - pytest\nsuites: {}\n",
}


def install(*lines: str) -> dict[str, str | None]:
    text = "".join(f"  - {line}\n" for line in ("pytest", *lines))
    return {"maestro.yaml": f"environment:\n  install:\n{text}suites: {{}}\n"}


def git_apply(tree: Path, patch: str, *options: str) -> None:
    done = subprocess.run(
        ["git", "apply", *options], cwd=tree, input=patch, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_repairs_that_add_requirements_at_one_place_go_together(tmp_path: Path) -> None:
    source = lay_out(tmp_path / "source", FILES)
    repairs = [
        repair("mock", patch_of(tmp_path / "1", FILES, install("mock"))),
        repair("six", patch_of(tmp_path / "2", FILES, install("six")), (A, B)),
        repair("code", patch_of(tmp_path / "3", FILES, {"a.py": "one = 1\ntwo = 22\nthree = 3\n"})),
    ]
    result = combining.combine(repairs, source)
    assert result.kept[0].id == "six"
    assert len(result.kept) == 3
    git_apply(source, result.patch)
    text = (source / "maestro.yaml").read_text()
    assert "- mock\n" in text
    assert "- six\n" in text
    assert (source / "a.py").read_text() == "one = 1\ntwo = 22\nthree = 3\n"
    git_apply(source, result.reverse)
    assert {name: (source / name).read_bytes().decode() for name in FILES} == FILES


def test_a_conflict_is_deferred_not_lost(tmp_path: Path) -> None:
    source = lay_out(tmp_path / "source", FILES)
    first = repair("first", patch_of(tmp_path / "1", FILES, {"a.py": "one = 1\ntwo = 22\nthree = 3\n"}), (A, B))
    other = repair("other", patch_of(tmp_path / "2", FILES, {"a.py": "one = 1\ntwo = 222\nthree = 3\n"}))
    result = combining.combine([other, first], source)
    assert (result.kept, result.deferred) == ((first,), (other,))
    assert "222" not in result.patch
    assert result.reasons[0].startswith("other: ")


def test_two_versions_of_one_requirement_are_not_merged(tmp_path: Path) -> None:
    source = lay_out(tmp_path / "source", FILES)
    repairs = [
        repair("old", patch_of(tmp_path / "1", FILES, install("mock<4"))),
        repair("new", patch_of(tmp_path / "2", FILES, install("mock>=5"))),
    ]
    result = combining.combine(repairs, source)
    assert len(result.kept) == 1
    assert "mock twice" in result.reasons[0]


PINNED = {"maestro.yaml": "environment:\n  install:\n  - flask==3.1\n  - werkzeug==3.1\n  - jinja2==3.1\nsuites: {}\n"}


def pinned(*lines: str) -> dict[str, str | None]:
    text = "".join(f"  - {line}\n" for line in lines)
    return {"maestro.yaml": f"environment:\n  install:\n{text}suites: {{}}\n"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            [("flask<2.3", "werkzeug==3.1", "jinja2==3.1"), ("flask==3.1", "werkzeug<3", "jinja2==3.1")],
            ["flask<2.3", "werkzeug<3", "jinja2==3.1"],
        ),
        (
            [("flask<2.3", "werkzeug<3", "jinja2==3.1", "six"), ("flask<3", "werkzeug==3.1", "jinja2<3", "mock")],
            ["flask<2.3", "werkzeug<3", "jinja2<3", "six", "mock"],
        ),
    ],
)
def test_pins_of_neighbours_go_together(tmp_path: Path, changes: list[tuple[str, ...]], expected: list[str]) -> None:
    source = lay_out(tmp_path / "source", PINNED)
    repairs = [repair(str(n), patch_of(tmp_path / str(n), PINNED, pinned(*c))) for n, c in enumerate(changes)]
    result = combining.combine(repairs, source)
    assert (len(result.kept), result.reasons) == (2, ())
    git_apply(source, result.patch)
    found = yaml.safe_load((source / "maestro.yaml").read_text())["environment"]["install"]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("other", ["flask==2.2", "flask>=4", "flask[async]<2"])
def test_pins_that_want_different_things_do_not_go_together(tmp_path: Path, other: str) -> None:
    source = lay_out(tmp_path / "source", PINNED)
    lines = [("flask<2.3", "werkzeug==3.1", "jinja2==3.1"), (other, "werkzeug==3.1", "jinja2==3.1")]
    repairs = [repair(str(n), patch_of(tmp_path / str(n), PINNED, pinned(*c))) for n, c in enumerate(lines)]
    result = combining.combine(repairs, source)
    assert (len(result.kept), len(result.deferred)) == (1, 1)


def test_a_last_resort_waits_while_there_is_another_repair(tmp_path: Path) -> None:
    source = lay_out(tmp_path / "source", FILES)
    patch = patch_of(tmp_path / "1", FILES, install("mock<4"))
    resort = dataclasses.replace(repair("resort", patch, (A, B)), generator="dated_environment")
    code = repair("code", patch_of(tmp_path / "2", FILES, {"a.py": "one = 1\ntwo = 22\nthree = 3\n"}))
    assert combining.combine([resort, code], source).kept == (code,)
    assert combining.combine([resort], source).kept == (resort,)


def test_the_same_repair_of_two_failures_is_one(tmp_path: Path) -> None:
    source = lay_out(tmp_path / "source", FILES)
    patch = patch_of(tmp_path / "1", FILES, install("mock"))
    sure = dataclasses.replace(repair("b", patch, (A, B)), failures=("g",), confidence=0.95, tier=Tier.APPLIED)

    result = combining.combine([sure, repair("a", patch)], source)

    assert result.patch.count("+  - mock") == 1
    (kept,) = result.kept
    assert set(kept.failures) == {"f", "g"}
    assert set(kept.tests_fixed) == {A, B}
    assert (kept.confidence, kept.tier) == (0.8, Tier.REVIEW)  # of the one that is less sure


def test_line_ends_of_the_source_survive(tmp_path: Path) -> None:
    source = lay_out(tmp_path / "source", {})
    (source / "w.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    (source / ".gitattributes").write_text("*.py text eol=lf\n")
    patch = "diff --git a/w.py b/w.py\n--- a/w.py\n+++ b/w.py\n@@ -1,2 +1,2 @@\n-a = 1\r\n+a = 3\r\n b = 2\r\n"
    result = combining.combine([repair("w", patch)], source)
    assert len(result.kept) == 1
    assert "+a = 3\r\n" in result.patch


def test_nothing_to_combine_is_an_empty_patch(tmp_path: Path) -> None:
    assert combining.combine([], lay_out(tmp_path / "source", FILES)).patch == ""


# --- confidence


observed = st.builds(
    confidence.Observed,
    repeats=st.integers(0, 8),
    tests=st.integers(0, 500),
    lines=st.integers(0, 5000),
    prior=st.floats(0, 1),
    touches_product=st.booleans(),
    workaround=st.booleans(),
    killed=st.integers(0, 40),
    survived=st.integers(0, 40),
    fixed=st.floats(0, 1),
    flaky=st.booleans(),
    regression=st.booleans(),
    proven=st.booleans(),
)
shipped_or_judged = st.sampled_from([confidence.outcomes(), confidence.Outcomes()])
counted = st.dictionaries(
    st.sampled_from(["api_contract_adaptation/generator", "api_contract_adaptation/b", "syntax_repair/c"]),
    st.tuples(st.floats(0, 50), st.floats(0, 50)),
)


@given(observed, shipped_or_judged, counted)
def test_confidence_is_a_probability(
    seen: confidence.Observed, model: confidence.Outcomes, said: dict[str, tuple[float, float]]
) -> None:
    assert 0 < confidence.confidence(candidate(), seen, model.with_said(said)) < 1


@given(
    observed, shipped_or_judged, st.sampled_from(["repeats", "tests", "killed", "prior", "fixed"]), st.integers(1, 50)
)
def test_confidence_never_falls_with_evidence(
    seen: confidence.Observed, model: confidence.Outcomes, name: str, more: int
) -> None:
    value = getattr(seen, name)
    better = dataclasses.replace(
        seen, **{name: value + more if isinstance(value, int) else min(1.0, value + more / 50)}
    )
    assert confidence.confidence(candidate(), better, model) >= confidence.confidence(candidate(), seen, model)


@given(observed, shipped_or_judged, st.integers(1, 500))
def test_confidence_never_rises_with_what_speaks_against_a_repair(
    seen: confidence.Observed, model: confidence.Outcomes, more: int
) -> None:
    value = confidence.confidence(candidate(), seen, model)
    for worse in (
        {"lines": seen.lines + more},
        {"touches_product": True},
        {"workaround": True},
        {"survived": seen.survived + more},
        {"flaky": True},
        {"regression": True},
        {"proven": False},
    ):
        assert confidence.confidence(candidate(), dataclasses.replace(seen, **worse), model) <= value


@given(counted, observed)
def test_outcomes_move_confidence_the_right_way(
    said: dict[str, tuple[float, float]], seen: confidence.Observed
) -> None:
    known = confidence.Outcomes().with_said(said)
    value = confidence.confidence(candidate(), seen, known)
    for right, moved in ((True, 1), (False, -1)):
        after = known.updated("api_contract_adaptation", "generator", right=right)
        assert (confidence.confidence(candidate(), seen, after) - value) * moved > 0


@pytest.mark.parametrize(
    ("value", "tier"),
    [
        (1.0, Tier.APPLIED),
        (0.90, Tier.APPLIED),
        (0.8999999, Tier.REVIEW),
        (0.75, Tier.REVIEW),
        (0.7499999, Tier.PULL_REQUEST),
        (0.60, Tier.PULL_REQUEST),
        (0.5999999, Tier.REPORT),
        (0.0, Tier.REPORT),
    ],
)
def test_thresholds_belong_to_their_tier(value: float, tier: Tier) -> None:
    assert confidence.tier(value) is tier


@given(st.floats(0, 1), observed)
def test_a_workaround_and_a_contradiction_ask_for_a_person(value: float, seen: confidence.Observed) -> None:
    order = [Tier.REPORT, Tier.PULL_REQUEST, Tier.REVIEW, Tier.APPLIED]
    most = Tier.PULL_REQUEST if seen.regression else Tier.REVIEW if seen.workaround else Tier.APPLIED
    wanted = min(confidence.tier(value), most, key=order.index)
    assert confidence.tier(value, seen=seen) is wanted


@given(st.floats(0, 1), st.floats(0, 1))
def test_tiers_are_monotone(one: float, other: float) -> None:
    order = [Tier.REPORT, Tier.PULL_REQUEST, Tier.REVIEW, Tier.APPLIED]
    low, high = sorted((one, other))
    assert order.index(confidence.tier(low)) <= order.index(confidence.tier(high))


def test_a_generator_that_nobody_saw_at_work_is_never_applied() -> None:
    best = confidence.Observed(repeats=9, tests=500, lines=1, prior=1.0, killed=99)
    assert confidence.tier(confidence.confidence(candidate(), best)) is not Tier.APPLIED
    assert 0 < confidence.outcomes().record("no_such_strategy", "no_such_generator") < 0.9


@given(st.integers(0, 40))
def test_a_record_claims_no_more_than_its_length_allows(right: int) -> None:
    # given a generator that never erred, beside many others that never did
    known = confidence.Outcomes({"a/other": (1e6, 0), "a/own": (right, 0)})
    # then it claims what its own n, two of a uniform prior and the pool of four give
    assert known.record("a", "own") == pytest.approx((right + 5) / (right + 6), abs=1e-4)


def outcomes_text(**changes: object) -> str:
    shipped: dict[str, object] = {"counts": {}, "pool": 4, "intercept": 0, "weights": dict(confidence.JUDGED)}
    return json.dumps(shipped | changes)


def test_outcomes_are_read() -> None:
    read = confidence.parse_outcomes(outcomes_text(counts={"a/b": {"right": 2, "wrong": 1}}))
    assert (read.counts, read.pool, read.intercept) == ({"a/b": (2, 1)}, 4, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        outcomes_text(counts={"a/b": {"right": -1, "wrong": 0}}),
        outcomes_text(counts={"a/b": 3}),
        outcomes_text(pool=0),
        outcomes_text(weights={"size": 1}),
        outcomes_text(weights={**confidence.JUDGED, "size": -0.1}),
    ],
)
def test_bad_outcomes_are_an_error(text: str) -> None:
    with pytest.raises(OutcomesError):
        confidence.parse_outcomes(text)
