"""What streams can do, whatever carries them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from maestro.streams.events import CloudEvent


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it was delivered: its id in the stream, and how often it was delivered, this time included."""

    stream: str
    id: str
    event: CloudEvent
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What was given up. ``raw`` is the event's JSON, or whatever stood in its place."""

    id: str
    original_id: str
    reason: str
    deliveries: int
    at: str  # ISO 8601, UTC
    raw: str


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """How full a stream is: all entries; those not yet delivered; delivered and unacknowledged; dead letters."""

    depth: int
    undelivered: int
    pending: int
    dead: int


class Streams(Protocol):
    """Streams of events, read by groups of consumers.

    Stream names have no prefix. Every method raises ``StreamsUnavailable`` when it may work later, and
    ``StreamsError`` when it will not.
    """

    def publish(self, stream: str, event: CloudEvent) -> str:
        """Append an event; returns its id in the stream. After an error it may or may not be there."""
        ...

    def publish_many(self, stream: str, events: Sequence[CloudEvent]) -> list[str]:
        """Append events in order, in one round trip; returns their ids."""
        ...

    def read(self, stream: str, group: str, consumer: str, *, count: int = 32, block_ms: int = 0) -> list[Message]:
        """Take up to ``count`` new messages, waiting up to ``block_ms`` for the first (0: not at all).

        What is not an event goes to the dead letters with the parser's words and is not returned. A missing stream or
        group is made, the group from the stream's beginning.
        """
        ...

    def ack(self, stream: str, group: str, *ids: str) -> int:
        """Mark messages as done; returns how many were not done before."""
        ...

    def claim_stale(
        self, stream: str, group: str, consumer: str, *, min_idle_ms: int, count: int = 100
    ) -> list[Message]:
        """Take over up to ``count`` messages that some consumer took and left alone for ``min_idle_ms``."""
        ...

    def dead_letter(self, stream: str, group: str, message: Message, reason: str) -> str:
        """Move a message to the dead letters and acknowledge it, both or neither; returns its id there."""
        ...

    def dead_letters(self, stream: str, count: int = 100) -> list[DeadLetter]:
        """Return the newest dead letters of a stream, newest first."""
        ...

    def outstanding(self, stream: str, group: str, message_id: str) -> bool:
        """Tell whether a message is still on its way: in the stream, and not yet delivered or not acknowledged."""
        ...

    def trim(self, stream: str, length: int = 10_000) -> int:
        """Forget the oldest entries above about ``length``, but none that a group has not acknowledged.

        A stream that is read by one of our groups is left alone until that group exists. Returns how many went.
        """
        ...

    def info(self, stream: str, group: str = "") -> StreamInfo:
        """Return how full a stream is; without a group nothing counts as undelivered or pending."""
        ...

    def leave(self, stream: str, group: str, consumer: str) -> bool:
        """Forget a consumer that took its last message, unless it has unacknowledged ones; returns whether it went."""
        ...

    def beat(self, name: str, seconds: float) -> None:
        """Say that ``name`` is alive for that long."""
        ...

    def stop_beat(self, name: str) -> None:
        """Say that ``name`` has ended."""
        ...

    def alive(self, name: str) -> bool:
        """Tell whether ``name`` said that it is alive."""
        ...
