"""How long trials may take, and which tests are worth running again.

A candidate can make tests slow without end: a client library, installed now, waits for a server that is not there.
So each run of a trial has a limit, which comes from what the suite took as submitted, and healing as a whole has one.
"""

from collections.abc import Collection, Sequence

from maestro.adapters import unfinished
from maestro.model import CaseResult, Outcome

GREEN = frozenset({Outcome.PASSED, Outcome.XFAILED})

# One run of a trial: three times the suite, as other trials share the machine and a repair lets more tests run. Where
# little or nothing could run before, its time is not known: a minute is more than nine of ten suites take.
RUN_SECONDS = 60.0
RUN_FACTOR = 3.0
# All healing of a run: a proof costs the suite up to three times. Eight minutes are time for the six rounds of a suite
# that takes ten seconds, also where the machine has other work: the limits are of wall time.
HEALING_SECONDS = 480.0
HEALING_FACTOR = 3.0

SLOW_SECONDS = 10.0  # what takes longer is run once more only: in a shuffled order, which shows most
_TOO_LITTLE = 2.0  # seconds in which no trial gets anywhere


def run_seconds(suite: float) -> float:
    """Return what one run of a trial may take; ``suite`` is what the suite took as submitted, 0 where nobody knows."""
    return max(RUN_SECONDS, RUN_FACTOR * suite)


def healing_seconds(suite: float) -> float:
    """Return what all healing of a run may take, beside the passes; ``suite`` as for :func:`run_seconds`."""
    return max(HEALING_SECONDS, HEALING_FACTOR * suite)


def over(until: float, now: float) -> bool:
    """Whether there is no time left for a trial; both are seconds since the epoch, ``until`` 0 for no limit."""
    return bool(until) and now > until - _TOO_LITTLE


def too_slow(results: Sequence[CaseResult], seconds: float, suite: float) -> str:
    """Say in words why a run was stopped after ``seconds``."""
    ended, left = finished(results)
    tests = sum("::" in r.id for r in ended)
    known = f"the whole suite took {suite:.0f} s as submitted" if suite else "how long the suite takes was not known"
    said = f"with it the tests take too long: stopped after {seconds:.0f} s, when {tests} tests had ended"
    slow = max((r for r in results if "::" in r.id), key=lambda r: r.seconds, default=None)
    longest = f"; the slowest was {slow.id} ({slow.seconds:.0f} s)" if slow is not None else ""
    return f"{said} and {len(left)} had not; {known}{longest}"


def finished(results: Sequence[CaseResult]) -> tuple[tuple[CaseResult, ...], tuple[str, ...]]:
    """Part the results of a run that was stopped into those that ended and the ids that did not.

    What sums up a file or class goes where one of its tests did not end.
    """
    left = tuple(r.id for r in results if unfinished(r))
    above = {parent for test in left for parent in _above(test)}
    return tuple(r for r in results if r.id not in {*left, *above}), left


def _above(test: str) -> list[str]:
    parts = test.partition("[")[0].split("::")
    return ["::".join(parts[:n]) for n in range(1, len(parts))]


def worth_repeating(
    target: Sequence[CaseResult], wanted: Sequence[str] | None, files: Collection[str], took: float
) -> list[str] | None:
    """Return the ids to run again of those that a trial made green; None for all that was asked for.

    A test that is red stays red for its repair: another run of it tells nothing. Where the whole session did not start
    before, what is claimed is that it starts: tests that together take some seconds show it, and with them all those
    in ``files``, which the change edits. ``wanted`` are the ids asked for, None for the session; ``took`` is what their
    run took, in seconds.
    """
    green = [r for r in target if r.outcome in GREEN and "::" in r.id]
    if wanted is not None:
        return [r.id for r in green] or None
    if took <= SLOW_SECONDS:
        return None
    chosen: list[CaseResult] = [r for r in green if r.file in files]
    spent = sum(r.seconds for r in chosen)
    for result in sorted((r for r in green if r.file not in files), key=lambda r: r.seconds):
        spent += result.seconds
        if spent > SLOW_SECONDS:
            break
        chosen.append(result)
    ids = {r.id for r in chosen}
    return [r.id for r in green if r.id in ids] or None
