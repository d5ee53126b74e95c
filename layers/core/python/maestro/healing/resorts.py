"""A last resort is a repair of its own: what an earlier round earned is delivered first, and by itself.

A heal's repair holds the changes of all its rounds. Where a later round takes the whole environment back, or another
Python, a person could not take the small change of an earlier one without that. So what was proven before stands, and
the last resort is tried anew in the next pass, on top of it; and nothing is built on a last resort that is proven.
"""

from collections.abc import Sequence

from maestro.healing.judge import LAST_RESORTS, Judgement
from maestro.model import Candidate, Failure, Repair, Tier

BY_THEMSELVES = LAST_RESORTS | {"newer_python"}


def worth_trying(candidates: Sequence[Candidate], best: Repair | None, failure: Failure) -> list[Candidate]:
    """Leave out the last resorts of a round where one already heals all of ``failure``, and something else adapts.

    ``failure`` is the one that the heal began with; ``best`` what the rounds before earned. A last resort is the
    dearest trial (another environment, and all of the suite), and says nothing new with each step of the others.
    """
    proven = best is not None and best.generator in LAST_RESORTS and _heals(best, failure)
    adapts = any(not c.workaround for c in candidates)
    return [c for c in candidates if not (proven and adapts and c.generator in LAST_RESORTS)]


def _heals(repair: Repair, failure: Failure) -> bool:
    """Whether a repair reaches every test of a failure: itself, or a test of the file that could not be collected."""
    green = repair.tests_fixed
    return all(test in green or any(name.startswith(f"{test}::") for name in green) for test in failure.tests)


def delivered(earlier: Repair | None, fresh: Repair | None, failure: Failure) -> Repair | None:
    """Return which repair a heal has by now: the newest one, but for a last resort that would swallow an earlier one.

    ``earlier`` is what the rounds before earned; ``fresh`` what this round adds to it, None for nothing. A repair that
    is only reported is no reason to wait. A last resort that heals all of ``failure``, with which the heal began,
    stands until something else does.
    """
    if earlier is None or fresh is None:
        return fresh or earlier
    if earlier.generator in LAST_RESORTS and _heals(earlier, failure) and not _heals(fresh, failure):
        return earlier
    stands = earlier.tier is not Tier.REPORT and earlier.generator not in BY_THEMSELVES
    return earlier if stands and fresh.generator in BY_THEMSELVES else fresh


def ends(judgement: Judgement, best: Repair | None) -> bool:
    """Whether the heal ends with a round, as its step is a last resort and there is something to deliver without it."""
    winner = judgement.winner
    return best is not None and winner is not None and winner.generator in BY_THEMSELVES


__all__ = ["BY_THEMSELVES", "delivered", "ends", "worth_trying"]
