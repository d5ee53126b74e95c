"""What can go wrong on the road."""

from typing import ClassVar

from maestro.model import MaestroError


class StreamsError(MaestroError):
    """Base of this package's errors; raised as it is when Redis refuses a command."""

    code: ClassVar[str] = "streams_error"


class StreamsUnavailable(StreamsError):
    """Redis is out of reach, loading, full or read-only at the moment."""

    code: ClassVar[str] = "streams_unavailable"
    retryable: ClassVar[bool] = True


class EventRefused(StreamsError):
    """What was given or read is not a CloudEvents 1.0 event in JSON."""

    code: ClassVar[str] = "event_invalid"
