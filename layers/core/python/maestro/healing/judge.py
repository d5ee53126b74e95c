"""From trials to a verdict: healed, progressed, or exhausted.

- healed: some candidate makes every test of the failure green and passes every gate.
- progressed: none does, but one removes the failure's cause (its signature is gone from what still fails) and what
  fails now is less or later; the patch is worth keeping for another round.
- exhausted: neither. A repair may still come out: one that made some of the tests green and passes all gates for those.

No repair comes out that makes no test green, but for files that are collected again because what they miss is installed
(:mod:`maestro.healing.collecting`); none for a regression, unless the same source and the same tests all
pass in the environment of their own time, which shows that it was none.

A session or a file that could not be collected is healed when its tests run: how they end is another failure's matter.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maestro.healing import collecting, confidence, feedback, grouping, proof, steps
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.diagnosis import CONTRADICTING
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import (
    Candidate,
    CaseResult,
    Failure,
    GateResult,
    Phase,
    Repair,
    RepairStatus,
    Strategy,
    Tier,
    Trial,
    TrialStatus,
)

Verdict = Literal["healed", "progressed", "exhausted"]
_ORDER = {Phase.SESSION: 0, Phase.PROCESS: 1, Phase.COLLECT: 2, Phase.SETUP: 3, Phase.CALL: 4, Phase.TEARDOWN: 5}
# Generators whose repair is held back as long as another one gets on, though it may heal all at once.
LAST_RESORTS = frozenset({"dated_environment"})
_OTHER_PYTHON = re.compile(r"(?m)^\+\s*(?:environment:\s*\{.*)?\bpython:")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one round.

    ``winner`` is the candidate to keep; ``repair`` what may be delivered now, whatever the verdict; ``next_failure``
    what the kept patch uncovered, to be diagnosed anew; ``rejected`` says for each other candidate why; ``green`` are
    the tests that the winner made green.
    """

    verdict: Verdict
    winner: Candidate | None = None
    repair: Repair | None = None
    next_failure: Failure | None = None
    rejected: tuple[str, ...] = ()
    green: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Round:
    """What all candidates of a round are held against; the fields are the arguments of :func:`judge`."""

    failure: Failure
    baseline: Sequence[CaseResult]
    before: Path
    materialise_after: Callable[[Candidate], Path]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with its trial and what came of the proof, for the tests of the failure that it made green."""

    candidate: Candidate
    trial: Trial
    green: tuple[str, ...]
    gates: Mapping[str, GateResult]
    next_failure: Failure | None = None
    collected: tuple[str, ...] = ()  # the failure's files, where all are collected now by what is no workaround
    unproven: str = ""  # why a file that is collected, without a green test, is no repair

    @property
    def accepted(self) -> bool:
        """Whether it may be delivered: something is green, and every gate that was asked passed."""
        return bool(self.fixed) and bool(self.gates) and all(gate.passed for gate in self.gates.values())

    @property
    def fixed(self) -> tuple[str, ...]:
        """What may be claimed: the green tests, or the files in which none is, that are collected all the same."""
        return self.green or (() if self.unproven else self.collected)

    @property
    def refusal(self) -> str:
        """Why it is not accepted."""
        failed = (f"{name}: {gate.detail}" for name, gate in self.gates.items() if not gate.passed)
        return next(failed, self.unproven or "no progress")


def size(patch: str) -> int:
    """Count the lines that a unified diff adds or removes."""
    return sum(line[:1] in "+-" and not line.startswith(("+++", "---")) for line in patch.splitlines() if line)


def preference(candidate: Candidate, left: int) -> tuple[bool, int, int, float, str]:
    """Adaptation before workaround, then what leaves less failing, then the smaller diff, then the likelier.

    A session or file that runs now shows its tests: a pin with which most of them fail has only moved the trouble.
    """
    return (candidate.workaround, left, size(candidate.patch), -candidate.prior, candidate.id)


def _preference(judged: Judged) -> tuple[bool, int, int, float, str]:
    return preference(judged.candidate, left(judged.trial))


def left(trial: Trial) -> int:
    """Count what a trial leaves: what fails in its suite, and what was stopped, which nobody saw pass."""
    return sum(result.outcome.bad for result in trial.suite or trial.target) + len(trial.unfinished)


def judge(  # noqa: PLR0917 - the order that the contract states
    failure: Failure,
    candidates: Sequence[Candidate],
    trials: Sequence[Trial],
    baseline: Sequence[CaseResult],
    tree_before: Path,
    materialise_after: Callable[[Candidate], Path],
    policy: Policy | None = None,
) -> Judgement:
    """Judge one round of trials.

    ``baseline`` are the results of the whole suite without any patch; ``tree_before`` the source as submitted;
    ``materialise_after`` returns a tree with a candidate's patch applied, which is called only for candidates
    whose trial got better.
    """
    this = _Round(failure, baseline, tree_before, materialise_after, policy or Policy())
    by_candidate = {trial.candidate: trial for trial in trials}
    judged: list[Judged] = []
    rejected: list[str] = []
    if failure.regression:
        said = "the failure is a regression of the product: it is reported, and no repair may hide it"
        rejected = [f"{c.id}: {said}" for c in candidates if c.generator not in CONTRADICTING]
        candidates = [c for c in candidates if c.generator in CONTRADICTING]
    for candidate in candidates:
        trial = by_candidate.get(candidate.id)
        if trial is None or trial.status is not TrialStatus.RAN:
            why = "was not tried" if trial is None else f"{trial.status}: {trial.detail}"[:300]
            rejected.append(f"{candidate.id} ({candidate.summary}): {why}")
            continue
        judged.append(_one(this, candidate, trial))
    verdict, winner, fallback = _chosen(this, judged)
    for other in judged:
        if other is not winner:
            why = "another candidate is smaller or fixes more" if other.accepted else other.refusal
            rejected.append(f"{other.candidate.id} ({other.candidate.summary}): {why}")
    if winner is None:
        return Judgement("exhausted", rejected=tuple(rejected))
    if winner.unproven:
        rejected.append(f"{winner.candidate.id} ({winner.candidate.summary}): only a step. {winner.unproven}")
    best = max((j for j in (winner, fallback) if j and j.accepted), key=lambda j: len(j.green), default=None)
    repair = repair_of(failure, best, this.policy) if best else None
    return Judgement(verdict, winner.candidate, repair, winner.next_failure, tuple(rejected), winner.green)


def _chosen(this: _Round, judged: Sequence[Judged]) -> tuple[Verdict, Judged | None, Judged | None]:
    """Return the verdict, the winner, and what heals all though it is a last resort."""
    # What else fails beside these tests (a session that starts now shows it) is another failure, of the next pass.
    complete = [j for j in judged if j.accepted and set(j.green) == set(this.failure.tests)]
    partly = [j for j in judged if j.accepted and j not in complete]
    forward = [j for j in judged if j not in complete and _progress(this, j)]
    complete, forward, fallback = _held_back(complete, forward)
    if complete:
        return "healed", min(complete, key=_preference), fallback
    collects = [j for j in partly if j.collected and fallback is None]
    if collects:
        return "healed", min(collects, key=lambda j: (-len(j.green), _preference(j))), None
    if forward:
        # most green tests, then the widest step, then the usual preference
        widest = min(forward, key=lambda j: (-len(j.green), _rank(j.next_failure), _preference(j)))
        return "progressed", widest, fallback
    return "exhausted", min(partly, key=lambda j: (-len(j.green), _preference(j)), default=None), fallback


def _held_back(complete: list[Judged], forward: list[Judged]) -> tuple[list[Judged], list[Judged], Judged | None]:
    """Let what adapts the code get on, where only a last resort heals all; that is delivered if nothing comes of it."""
    adapting = [j for j in forward if not j.candidate.workaround]
    if not adapting or any(j.candidate.generator not in LAST_RESORTS for j in complete):
        return complete, forward, None
    return [], adapting, min(complete, key=_preference, default=None)


def _one(this: _Round, candidate: Candidate, trial: Trial) -> Judged:
    failure = this.failure
    green = green_tests(failure, candidate, trial)
    rest = grouping.group(trial.target, failure.suite)
    following = rest[0] if rest else None
    if not green and (following is None or any(f.signature == failure.signature for f in rest)):
        kept = "the failure is still there" if following else "no test ran"
        return Judged(candidate, trial, (), {"target_green": GateResult(passed=False, detail=kept)}, following)
    met = {failure.signature, *(earlier.signature for earlier in this.policy.history)}
    new = not candidate.workaround and not any(f.signature in met for f in rest)
    collected = collecting.again(failure, trial) if new else ()
    gates = dict(STATIC_GATES) if not green else {**STATIC_GATES, **proof.RUN_GATES}
    if not green and trial.suite:
        gates |= proof.SUITE_GATES
    if not green and collected:
        gates |= collecting.COLLECT_GATES
    after = this.materialise_after(candidate)
    attempt = Attempt(failure, candidate, trial, this.baseline, this.before, after, this.policy)
    results = proof.prove(attempt, tests=green or collected, gates=gates)
    unproven = ""
    if "collects" in results and not results["collects"].passed:
        # It may still be a step towards a repair, which is then judged by what it makes green.
        unproven = f"collects: {results.pop('collects').detail}"
    return Judged(candidate, trial, green, results, following, collected, unproven)


def green_tests(failure: Failure, candidate: Candidate, trial: Trial) -> tuple[str, ...]:
    """Return the ids that a trial made green: those of the failure, and single tests of a file that collects now."""
    found: dict[str, None] = {}
    ids = {result.id for result in trial.target}
    unsteady = failure.flaky or bool(failure.diagnosis.get("stress"))

    def again(test: str) -> Callable[[Sequence[CaseResult]], bool]:
        return lambda results: proof.green_again(results, test, candidate.strategy)

    for test in failure.tests:
        file = failure.facts.phase is Phase.COLLECT and "::" not in test
        whole = not any(left.startswith(test + "::") for left in trial.unfinished)
        if whole and proof.status(trial.target, test) == "passed":
            # One run says nothing of a test that comes and goes: it counts where every run was green. So does a file
            # that could not be collected, or a session: what its tests do in other orders was never seen before.
            if not (unsteady or file or test == proof.SESSION) or all(map(again(test), trial.repeats)):
                found[test] = None
                continue
            if not file:
                continue
        elif test == proof.SESSION or (test in ids and not file):
            continue
        # What a file's or folder's own result says sums up how its tests ended.
        inside = [r.id for r in collecting.inside(trial.target, test)]
        found |= dict.fromkeys(
            name
            for name in inside
            if proof.status(trial.target, name) == "passed" and all(map(again(name), trial.repeats))
        )
    return tuple(found)


def _rank(failure: Failure | None) -> tuple[int, int]:
    if failure is None:
        return (-len(_ORDER), 0)
    return (-_ORDER[failure.facts.phase], len(failure.tests))


def _progress(this: _Round, judged: Judged) -> bool:
    """Whether a step is worth keeping: sound, the old cause gone, and what fails now is fewer or later."""
    failure = this.failure
    if (
        failure.flaky
        or judged.next_failure is None
        or not judged.gates
        or not all(gate.passed for gate in judged.gates.values())
    ):
        return False
    failing = grouping.group(judged.trial.target, failure.suite)
    met = {failure.signature, *(earlier.signature for earlier in this.policy.history)}
    if not failing or any(f.signature in met for f in failing):
        return False  # still there, or back again
    earliest = min(_ORDER[f.facts.phase] for f in failing)
    was = _ORDER[failure.facts.phase]
    if earliest > was or (judged.green and earliest == was):
        return True
    return earliest == was and steps.moved(failure, failing, judged.trial, this.baseline)


def repair_of(failure: Failure, judged: Judged, policy: Policy) -> Repair:
    """Make the repair of a candidate that passed its gates, for the tests that it may claim."""
    candidate, trial, green, gates = judged.candidate, judged.trial, judged.fixed, judged.gates
    workaround = candidate.workaround or policy.workaround
    reached = [t for t in failure.tests if t in green or any(name.startswith(f"{t}::") for name in green)]
    observed = confidence.Observed(
        repeats=len(trial.repeats),
        tests=len({r.id for r in trial.target if not r.outcome.bad}) or len(green),
        lines=size(candidate.patch),
        prior=candidate.prior,
        touches_product=candidate.touches_product,
        workaround=workaround,
        killed=sum(mutant.killed for mutant in trial.mutants),
        survived=sum(not mutant.killed for mutant in trial.mutants),
        fixed=len(reached) / max(len(failure.tests), 1),
        flaky=failure.flaky,
        regression=failure.regression,
    )
    value = confidence.confidence(candidate, observed, confidence.outcomes().with_said(policy.said))
    earned = confidence.tier(value, policy.thresholds, seen=observed)
    if ("collects" in gates or candidate.unasked or policy.unasked) and earned is Tier.APPLIED:
        earned = Tier.REVIEW  # no test is green that could tell whether it is right, or only a name speaks for it
    if (for_a_person(candidate) or policy.doubtful) and earned in (Tier.APPLIED, Tier.REVIEW):
        earned = Tier.PULL_REQUEST
    return Repair(
        id=hashlib.sha256(f"{failure.id}\0{candidate.patch}".encode()).hexdigest()[:12],
        failures=(failure.id,),
        strategy=candidate.strategy,
        status=RepairStatus.ACCEPTED,
        tier=earned,
        confidence=value,
        summary=candidate.summary,
        tests_fixed=tuple(dict.fromkeys((*policy.fixed, *green))),
        files=files(candidate.patch),
        patch=candidate.patch,
        proof=dict(gates),
        rounds=(*policy.rounds, candidate.summary),
        workaround=workaround,
        generator=candidate.generator,
        pattern=feedback.pattern(failure),
    )


def for_a_person(candidate: Candidate) -> bool:
    """Whether a person has to decide over a change, however sure it looks.

    That is one that contradicts what a test expects, steadies what the product may owe, says what product code means,
    or takes another Python.
    """
    strategies = (Strategy.FLAKY_STABILIZATION, Strategy.TIMING_ADJUSTMENT, Strategy.ASSERTION_UPDATE)
    rewritten = candidate.strategy is Strategy.SYNTAX_REPAIR and candidate.touches_product
    return candidate.strategy in strategies or rewritten or bool(_OTHER_PYTHON.search(candidate.patch))


def files(patch: str) -> tuple[str, ...]:
    """Return the paths that a git-style unified diff touches, in order."""
    found: dict[str, None] = {}
    for line in patch.splitlines():
        if line.startswith(("--- a/", "+++ b/")):
            found.setdefault(line[6:].split("\t")[0])
    return tuple(found)
