"""The proof of a repair: every gate between it and a candidate, and of these the gates that look at what ran.

Those that need no run are in :mod:`maestro.healing.static_gates`. A repair passes all of them or it is not one.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from maestro.healing import swaps, weakening
from maestro.healing._claims import untouched
from maestro.healing._configuration import is_configuration
from maestro.healing._trees import changes
from maestro.healing.attempt import Attempt
from maestro.healing.contradiction import contradicted
from maestro.healing.diagnosis import CONTRADICTING
from maestro.healing.gate import Evidence, Gate, listed
from maestro.healing.mutation import product_file, verdict
from maestro.healing.provenance import taken_back
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import CaseResult, GateResult, Outcome, Strategy
from maestro.model.words import counted

SESSION = "<session>"
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_GREEN = frozenset({Outcome.PASSED, Outcome.XFAILED})


def status(results: Iterable[CaseResult], node: str) -> str:
    """Return how a listed id fared: "passed", "failed", "absent", or another outcome word.

    A file or class id passes when something in it passes and nothing in it fails; ``<session>`` when tests ran and the
    session itself did not fail.
    """
    by_id = {result.id: result.outcome for result in results}
    if node == SESSION:
        fine = not by_id.get(SESSION, Outcome.PASSED).bad and Outcome.PASSED in by_id.values()
        return "passed" if fine else "failed"
    if node in by_id:
        outcome = by_id[node]
        return "passed" if outcome in _GREEN else "failed" if outcome.bad else str(outcome)
    inside = [o for key, o in by_id.items() if key.startswith((node + "::", node + "/")) or node == "."]
    if not inside:
        return "absent"
    fine = Outcome.PASSED in inside and not any(o.bad or o is Outcome.FLAKY for o in inside)
    return "passed" if fine else "failed"


def target_green(evidence: Evidence) -> GateResult:
    """Every test that the repair claims is green."""
    if not evidence.tests:
        return GateResult(passed=False, detail="it makes no test green")
    states = {test: status(evidence.trial.target, test) for test in evidence.tests}
    bad = {f"{test} ({state})" for test, state in states.items() if state != "passed"}
    if bad:
        return GateResult(passed=False, detail=f"{len(bad)} of {len(states)} are not green: {listed(bad)}")
    return GateResult(passed=True, detail=f"{counted(len(states), 'test')} green")


_WAITING = frozenset({Strategy.TIMING_ADJUSTMENT, Strategy.FLAKY_STABILIZATION})


def green_again(results: Sequence[CaseResult], test: str, strategy: Strategy) -> bool:
    """Whether a test is green in a repeated run.

    A test that a shuffled order upsets and that then passes on its own leans on other tests, which no repair of
    another kind has to answer for. A repair of timing or flakiness has to.
    """
    if strategy not in _WAITING:
        results = [dataclasses.replace(r, outcome=Outcome.PASSED) if r.outcome is Outcome.FLAKY else r for r in results]
        # A file's own result sums up its first attempt; its tests tell how they ended.
        if any(r.id.startswith(test + "::") for r in results):
            results = [r for r in results if r.id != test]
    return status(results, test) == "passed"


def stable(evidence: Evidence) -> GateResult:
    """They are green again in every further, shuffled run; at least one such run is needed."""
    repeats = evidence.trial.repeats
    if not repeats:
        return GateResult(passed=False, detail="it was not run a second time")
    for number, results in enumerate(repeats, start=2):
        bad = {test for test in evidence.tests if not green_again(results, test, evidence.candidate.strategy)}
        if bad:
            return GateResult(passed=False, detail=f"run {number} of {len(repeats) + 1} was not green: {listed(bad)}")
    leaning = {r.id for results in repeats for r in results if r.outcome is Outcome.FLAKY}
    said = (
        f"; {len(leaning)} {'leans' if len(leaning) == 1 else 'lean'} on the order of others: {listed(leaning)}"
        if leaning
        else ""
    )
    return GateResult(
        passed=True, detail=f"{counted(len(evidence.tests), 'test')} green {len(repeats) + 1} times{said}"
    )


def _ids(results: Iterable[CaseResult]) -> dict[str, Outcome]:
    """Map ids, without addresses that vary, to outcomes; the worst of several."""
    found: dict[str, Outcome] = {}
    for result in results:
        key = _stable_id(result.id)
        if key not in found or result.outcome is not Outcome.PASSED:
            found[key] = result.outcome
    return found


def _stable_id(test: str) -> str:
    """Replace memory addresses, which some parametrised ids hold."""
    return _ADDRESS.sub("0xADDRESS", test)


def no_regression(evidence: Evidence) -> GateResult:
    """Every test that passed before, and that earlier rounds healed, passes in the trial's run of the whole suite.

    Known flaky ones aside.
    """
    now = _ids(evidence.trial.suite)
    if not now:
        return GateResult(passed=False, detail="the whole suite was not run")
    passed = {k for k, o in _ids(evidence.baseline).items() if o is Outcome.PASSED} - evidence.policy.flaky
    lost = {f"{test} ({now.get(test, 'gone')})" for test in passed if now.get(test) is not Outcome.PASSED}
    healed = set(evidence.policy.fixed) - evidence.policy.flaky
    lost |= {f"{t} (healed before)" for t in healed if status(evidence.trial.suite, t) != "passed"}
    if lost:
        return GateResult(
            passed=False, detail=f"{len(lost)} of {len(passed | healed)} that passed before do not: {listed(lost)}"
        )
    ran = f"{len(now)} {'was' if len(now) == 1 else 'were'} run"
    if not passed | healed:
        return GateResult(passed=True, detail=f"no test passed before, so none was lost; {ran}")
    if not passed:
        kept = f"what earlier steps healed ({counted(len(healed), 'test')}) still passes"
    else:
        tests = "the one test" if len(passed) == 1 else f"all {len(passed)} tests"
        steps = f" (and {len(healed)} that earlier steps healed)" if healed else ""
        kept = f"{tests} that passed before{steps} still pass{'es' if len(passed | healed) == 1 else ''}"
    return GateResult(passed=True, detail=f"{kept}, {ran}")


def nothing_vanished(evidence: Evidence) -> GateResult:
    """No test is gone, and none that ran is now skipped or expected to fail."""
    now, before = _ids(evidence.trial.suite), _ids(evidence.baseline)
    if not now:
        return GateResult(passed=False, detail="the whole suite was not run")
    gone = {
        t for t in before if "::" in t and t not in now and not any(k.startswith(t + "::") for k in now)
    } - evidence.policy.flaky
    silent = (Outcome.SKIPPED, Outcome.XFAILED)
    hidden = {t for t, o in before.items() if o not in silent and now.get(t) in silent}
    hidden |= {t for t, o in before.items() if o is Outcome.SKIPPED and now.get(t) is Outcome.XFAILED}
    if gone or hidden:
        words = [f"{len(gone)} are gone: {listed(gone)}"] if gone else []
        words += [f"{len(hidden)} are skipped or expected to fail now: {listed(hidden)}"] if hidden else []
        return GateResult(passed=False, detail="; ".join(words))
    return GateResult(passed=True, detail=f"all {len(before)} earlier ids are there; {len(now)} now")


def mutation(evidence: Evidence) -> GateResult:
    """The healed tests still kill the mutants that the original ones killed; where those could not run, at least one.

    A patch that changes no source leaves the tests as they are, byte for byte; one that only adds fixtures of a known
    form, or calls an assertion by its other name, leaves what they claim: they see what they saw, be it ever so little.
    """
    if not any(change.python for change in evidence.changed):
        return GateResult(passed=True, detail="no source is changed: the tests are byte for byte what they were")
    if evidence.trial.mutation is None:
        said = "no mutants were tried: nothing shows that the tests still notice defects"
        return GateResult(passed=False, detail=said)
    tests = [c for c in evidence.changed if not (product_file(c.path) or is_configuration(c.path))]
    edited = [c.path for c in tests if not (c.python and untouched(c))]
    return verdict(evidence.trial.mutation, edited)


# Those that look at the whole suite, without which no step is worth keeping either.
SUITE_GATES: Mapping[str, Gate] = {
    "no_regression": no_regression,
    "nothing_vanished": nothing_vanished,
}
RUN_GATES: Mapping[str, Gate] = {
    "target_green": target_green,
    **SUITE_GATES,
    "stable": stable,
    "mutation": mutation,
}


def prove(
    attempt: Attempt, *, tests: Sequence[str] | None = None, gates: Mapping[str, Gate] | None = None
) -> dict[str, GateResult]:
    """Put a candidate through the gates (default: all) and return each one's result, by name.

    ``tests`` are the ids that it claims to have made green (default: all of the failure's).
    """
    failure = attempt.failure
    if failure.regression and attempt.candidate.generator not in CONTRADICTING:
        refused = GateResult(passed=False, detail="the failure is a regression of the product; no repair may hide it")
        return {"diagnosis": refused}
    chosen = {**STATIC_GATES, **RUN_GATES} if gates is None else gates
    changed = changes(attempt.before, attempt.after)
    knowledge = weakening.knowledge_of(attempt.before, failure, *attempt.policy.history)
    rest, followed = taken_back(changed, swaps.provenance(failure))
    evidence = Evidence(
        failure,
        attempt.candidate,
        attempt.trial,
        attempt.baseline,
        attempt.before,
        attempt.after,
        attempt.policy,
        tests=tuple(failure.tests if tests is None else tests),
        changed=changed,
        knowledge=knowledge,
        findings=weakening.inspect(attempt.before, rest, knowledge) if chosen.keys() & STATIC_GATES.keys() else (),
        followed=followed,
    )
    results = {name: gate(evidence) for name, gate in chosen.items()}
    if failure.regression:
        results["diagnosis"] = contradicted(failure, changed, evidence.tests, attempt.before, attempt.after)
    return results
