"""Which candidates are worth a sandbox, and which may stop because a better one is proven.

Candidates of a round race. One that is proven leaves a mark; a candidate that could not win against it any more stops.
What comes out is what would come out if all ran to their ends: only a candidate that the judge would pass over stops.
"""

from dataclasses import dataclass
from pathlib import Path

from maestro.healing import proof
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.judge import LAST_RESORTS, green_tests, left, preference
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import Candidate, Failure, Strategy, Trial, TrialStatus


@dataclass(frozen=True, slots=True)
class Proven:
    """A candidate whose trial passed everything, and how many checks of the suite still fail with it."""

    candidate: Candidate
    left: int


def refusal(failure: Failure, candidate: Candidate, before: Path, after: Path, policy: Policy) -> str:
    """Say which gate refuses a candidate even if its trial makes all tests green; "" where none does.

    ``before`` is the source as submitted, ``after`` the tree with the candidate's patch.
    """
    untried = Trial(candidate.id, TrialStatus.RAN)
    gates = proof.prove(Attempt(failure, candidate, untried, (), before, after, policy), gates=STATIC_GATES)
    return next((f"{name}: {gate.detail}" for name, gate in gates.items() if not gate.passed), "")


def proven(attempt: Attempt) -> Proven | None:
    """Return what a finished trial proves of a candidate that no static gate refuses; None where it is not all proven.

    A last resort proves nothing here: the judge may hold it back in favour of others.
    """
    failure, candidate = attempt.failure, attempt.candidate
    green = green_tests(failure, candidate, attempt.trial)
    if candidate.generator in LAST_RESORTS or set(green) != set(failure.tests):
        return None
    # Where an expectation changes, its origin is held against the tests that the trial made green.
    updates = candidate.strategy is Strategy.ASSERTION_UPDATE
    asked = {**STATIC_GATES, **proof.RUN_GATES} if updates else proof.RUN_GATES
    gates = proof.prove(attempt, tests=green, gates=asked)
    return Proven(candidate, left(attempt.trial)) if all(gate.passed for gate in gates.values()) else None


def costly(attempt: Attempt) -> bool:
    """Whether the whole suite's run refuses a candidate, so that nothing else needs to be run."""
    gates = proof.prove(attempt, gates=proof.SUITE_GATES)
    return not all(gates[name].passed for name in proof.SUITE_GATES)


def overtaken(candidate: Candidate, failing: int | None, first: Proven | None) -> bool:
    """Whether a candidate cannot win any more.

    ``failing`` counts the checks of the suite that fail with it; None where the suite has not been run yet: it might
    leave nothing failing. A workaround never overtakes an adaptation, whatever it leaves.
    """
    if first is None or first.candidate.id == candidate.id:
        return False
    return preference(first.candidate, first.left) < preference(candidate, failing or 0)


__all__ = ["Proven", "costly", "left", "overtaken", "proven", "refusal"]
