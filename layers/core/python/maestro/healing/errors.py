"""The errors of healing."""

from maestro.model import MaestroError


class HealingError(MaestroError):
    """Base of every error that healing raises on purpose."""

    code = "healing_failed"


class CombineError(HealingError):
    """Accepted repairs could not be put together; the message holds the words of git."""

    code = "combine_failed"


class OutcomesError(HealingError):
    """The measured outcomes behind a confidence could not be read."""

    code = "outcomes_invalid"


class LeftAloneError(HealingError):
    """A generator could hide a defect with what it knows, so that it proposes nothing; the message says why."""

    code = "healing.left_alone"
