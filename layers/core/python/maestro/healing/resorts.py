"""A last resort is a repair of its own: what an earlier round earned is delivered first, and by itself.

A heal's repair holds the changes of all its rounds. Where a later round takes the whole environment back, or another
Python, a person could not take the small change of an earlier one without that. So what was proven before stands, and
the last resort is tried anew in the next pass, on top of it; and nothing is built on a last resort that is proven.
"""

from maestro.healing.judge import LAST_RESORTS, Judgement
from maestro.model import Repair, Tier

BY_THEMSELVES = LAST_RESORTS | {"newer_python"}


def delivered(earlier: Repair | None, fresh: Repair | None) -> Repair | None:
    """Return which repair a heal has by now: the newest one, but for a last resort that would swallow an earlier one.

    ``earlier`` is what the rounds before earned; ``fresh`` what this round adds to it, None for nothing. A repair that
    is only reported is no reason to wait.
    """
    if earlier is None or fresh is None:
        return fresh or earlier
    stands = earlier.tier is not Tier.REPORT and earlier.generator not in BY_THEMSELVES
    return earlier if stands and fresh.generator in BY_THEMSELVES else fresh


def ends(judgement: Judgement, best: Repair | None) -> bool:
    """Whether the heal ends with a round, as its step is a last resort and there is something to deliver without it."""
    winner = judgement.winner
    return best is not None and winner is not None and winner.generator in BY_THEMSELVES


__all__ = ["BY_THEMSELVES", "delivered", "ends"]
