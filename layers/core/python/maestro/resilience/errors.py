"""What the guards raise."""

from typing import ClassVar

from maestro.model import MaestroError


class ResilienceError(MaestroError):
    """Base of this package's errors; all of them pass with time."""

    code: ClassVar[str] = "resilience_error"
    retryable: ClassVar[bool] = True


class CircuitOpen(ResilienceError):
    """The call was not made: the last ones failed, and it is too early to try again."""

    code: ClassVar[str] = "circuit_open"


class BulkheadFull(ResilienceError):
    """The call was not made: as many as may run at once are running."""

    code: ClassVar[str] = "bulkhead_full"


class DeadlineExceeded(ResilienceError):
    """There is no time left for the call."""

    code: ClassVar[str] = "deadline_exceeded"
