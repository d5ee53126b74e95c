"""A round's race: who is refused before it, who may stop, and that the winner is the one the judge would choose."""

import dataclasses
import random
from pathlib import Path

import pytest
from healing_core_trees import KILLED, candidate, failure, two_trees
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.healing import judge, racing
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.judge import LAST_RESORTS
from maestro.model import Candidate, CaseResult, Facts, Outcome, Phase, Trial, TrialStatus

OLD = "import collections\n\n\ndef test_a():\n    assert isinstance({}, collections.Mapping)\n    assert 2 > 1\n"
GOOD = OLD.replace("collections", "collections.abc")
WEAK = GOOD.replace("    assert 2 > 1\n", "")
A, B = "tests/test_x.py::test_a", "tests/test_x.py::test_b"
BROKEN = failure((A,), exception="AttributeError", attributes={"owner": "collections", "name": "Mapping"})
FAILED = CaseResult(A, Outcome.FAILED, 0.01, facts=Facts(Phase.CALL, "AttributeError", "boom"))
PASSED = CaseResult(A, Outcome.PASSED, 0.01)
BESIDE = CaseResult(B, Outcome.FAILED, 0.01, facts=Facts(Phase.CALL, "ValueError", "another failure"))
TRIAL = Trial(
    "c1", TrialStatus.RAN, target=(PASSED,), repeats=((PASSED,), (PASSED,)), suite=(PASSED, BESIDE),
    mutation=KILLED,
)  # fmt: skip


def trees(tmp_path: Path, after: str) -> tuple[Path, Path]:
    return two_trees(tmp_path, {"tests/test_x.py": OLD}, {"tests/test_x.py": after})


@pytest.mark.parametrize(("after", "gate"), [(GOOD, ""), (WEAK, "no_weakening"), (OLD, "applies"), ("def", "parses")])
def test_what_no_trial_can_prove_is_refused_before_one(tmp_path: Path, after: str, gate: str) -> None:
    before, patched = trees(tmp_path, after)

    said = racing.refusal(BROKEN, candidate(), before, patched, Policy())

    assert said.partition(":")[0] == gate


def test_a_protected_path_is_refused_before_a_trial(tmp_path: Path) -> None:
    before, patched = trees(tmp_path, GOOD)

    said = racing.refusal(BROKEN, candidate(), before, patched, Policy(protect=("tests/*",)))

    assert said.startswith("scope: ")


def test_a_trial_that_passes_every_gate_proves(tmp_path: Path) -> None:
    before, patched = trees(tmp_path, GOOD)

    done = racing.proven(Attempt(BROKEN, candidate(), TRIAL, (FAILED, BESIDE), before, patched))

    assert done == racing.Proven(candidate(), left=1)


@pytest.mark.parametrize(
    "trial",
    [
        dataclasses.replace(TRIAL, target=(FAILED,), suite=(FAILED, BESIDE)),
        dataclasses.replace(TRIAL, repeats=()),
        dataclasses.replace(TRIAL, repeats=((PASSED,), (FAILED,))),
        dataclasses.replace(TRIAL, suite=(PASSED,)),
        dataclasses.replace(TRIAL, mutation=None),
    ],
    ids=["not_green", "not_repeated", "not_stable", "a_test_vanished", "no_mutants"],
)
def test_a_trial_that_a_gate_refuses_proves_nothing(tmp_path: Path, trial: Trial) -> None:
    before, patched = trees(tmp_path, GOOD)

    assert racing.proven(Attempt(BROKEN, candidate(), trial, (FAILED, BESIDE), before, patched)) is None


def test_a_last_resort_stops_nobody(tmp_path: Path) -> None:
    before, patched = trees(tmp_path, GOOD)
    dated = dataclasses.replace(candidate(), generator=next(iter(LAST_RESORTS)))

    assert racing.proven(Attempt(BROKEN, dated, TRIAL, (FAILED, BESIDE), before, patched)) is None


def test_a_workaround_never_stops_an_adaptation() -> None:
    pin = racing.Proven(dataclasses.replace(candidate("pin"), workaround=True, patch="-a\n+b\n", prior=0.99), left=0)
    adaptation = dataclasses.replace(candidate("adaptation"), patch="-a\n+b\n" * 50, prior=0.1)

    assert not racing.overtaken(adaptation, 30, pin)
    assert racing.overtaken(dataclasses.replace(adaptation, workaround=True), 30, pin)


def test_what_may_heal_more_goes_on_until_its_suite_was_run() -> None:
    first = racing.Proven(dataclasses.replace(candidate("small"), patch="-a\n+b\n"), left=3)
    larger = dataclasses.replace(candidate("large"), patch="-a\n+b\n" * 9)

    assert not racing.overtaken(larger, None, first)
    assert not racing.overtaken(larger, 2, first)
    assert racing.overtaken(larger, 3, first)


RUNNERS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 4), st.sampled_from([0.3, 0.6, 0.9]), st.booleans()),
    min_size=1,
    max_size=7,
)


@settings(deadline=None)
@given(RUNNERS, st.randoms())
def test_whoever_finishes_first_the_judges_choice_wins(
    made: list[tuple[bool, int, int, float, bool]], chance: random.Random
) -> None:
    # given candidates, those that would be proven and those that would not, that finish in any order
    runners: list[tuple[Candidate, int, bool]] = []
    for number, (workaround, failing, lines, prior, good) in enumerate(made):
        one = dataclasses.replace(candidate(f"c{number}"), patch="+x\n" * lines, workaround=workaround, prior=prior)
        runners.append((one, failing, good))
    order = runners[:]
    chance.shuffle(order)

    # when each looks at the mark before it finishes
    mark: racing.Proven | None = None
    finished: list[tuple[Candidate, int]] = []
    for one, failing, good in order:
        if not racing.overtaken(one, failing if chance.random() < 0.7 else None, mark) and good:
            finished.append((one, failing))
            if not racing.overtaken(one, failing, mark):
                mark = racing.Proven(one, failing)

    # then the best of those that were proven is the best of all that would have been
    would = [(one, failing) for one, failing, good in runners if good]
    best = min(would, key=lambda pair: judge.preference(*pair), default=None)
    assert min(finished, key=lambda pair: judge.preference(*pair), default=None) == best
