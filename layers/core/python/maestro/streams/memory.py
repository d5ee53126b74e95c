"""Streams in memory, with the behaviour of the real ones; the same contract suite runs on both."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from maestro.streams.errors import EventRefused
from maestro.streams.events import CloudEvent
from maestro.streams.names import GROUPS
from maestro.streams.ports import DeadLetter, Message, StreamInfo


@dataclass(slots=True)
class _Pending:
    consumer: str
    since: float
    deliveries: int = 1


@dataclass(slots=True)
class _Group:
    last: int = 0
    pending: dict[int, _Pending] = field(default_factory=dict)


@dataclass(slots=True)
class _Stream:
    entries: dict[int, bytes] = field(default_factory=dict)  # in order of their ids
    groups: dict[str, _Group] = field(default_factory=dict)
    newest: int = 0


class InMemoryStreams:
    """Streams in dicts, safe between threads. ``clock`` gives seconds, for idle times and heartbeats."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._streams: dict[str, _Stream] = {}
        self._dead: dict[str, list[DeadLetter]] = {}
        self._beats: dict[str, float] = {}

    def publish(self, stream: str, event: CloudEvent) -> str:
        """Append an event."""
        return self.publish_many(stream, [event])[0]

    def publish_many(self, stream: str, events: Sequence[CloudEvent]) -> list[str]:
        """Append events in order."""
        return [self.publish_raw(stream, text) for text in [event.to_json() for event in events]]

    def publish_raw(self, stream: str, text: bytes) -> str:
        """Append what any writer could put there, event or not."""
        with self._changed:
            target = self._streams.setdefault(stream, _Stream())
            target.newest += 1
            target.entries[target.newest] = text
            self._changed.notify_all()
            return f"{target.newest}-0"

    def read(self, stream: str, group: str, consumer: str, *, count: int = 32, block_ms: int = 0) -> list[Message]:
        """Take new messages."""
        limit = time.monotonic() + block_ms / 1000
        with self._changed:
            while True:
                target, readers = self._group(stream, group)
                fresh = [number for number in target.entries if number > readers.last][:count]
                left = limit - time.monotonic()
                if fresh or left <= 0:
                    break
                self._changed.wait(left)
            for number in fresh:
                readers.last = number
                readers.pending[number] = _Pending(consumer, self._clock())
            return self._deliver(stream, group, fresh)

    def _group(self, stream: str, group: str) -> tuple[_Stream, _Group]:
        target = self._streams.setdefault(stream, _Stream())
        return target, target.groups.setdefault(group, _Group())

    def _deliver(self, stream: str, group: str, numbers: Sequence[int]) -> list[Message]:
        target, readers = self._group(stream, group)
        messages = []
        for number in numbers:
            raw = target.entries[number]
            deliveries = readers.pending[number].deliveries
            try:
                event = CloudEvent.parse(raw)
            except EventRefused as error:
                self._bury(stream, group, number, raw, str(error))
                continue
            messages.append(Message(stream, f"{number}-0", event, deliveries))
        return messages

    def ack(self, stream: str, group: str, *ids: str) -> int:
        """Mark messages as done."""
        with self._changed:
            readers = self._group(stream, group)[1]
            return sum(readers.pending.pop(_number(id_), None) is not None for id_ in ids)

    def claim_stale(
        self, stream: str, group: str, consumer: str, *, min_idle_ms: int, count: int = 100
    ) -> list[Message]:
        """Take over what others left."""
        with self._changed:
            target, readers = self._group(stream, group)
            now = self._clock()
            stale = [n for n, p in sorted(readers.pending.items()) if (now - p.since) * 1000 >= min_idle_ms]
            claimed = []
            for number in stale[:count]:
                if number not in target.entries:
                    del readers.pending[number]
                    continue
                readers.pending[number] = _Pending(consumer, now, readers.pending[number].deliveries + 1)
                claimed.append(number)
            return self._deliver(stream, group, claimed)

    def _bury(self, stream: str, group: str, number: int, raw: bytes, reason: str) -> str:
        letters = self._dead.setdefault(stream, [])
        pending = self._group(stream, group)[1].pending.pop(number, None)
        at = datetime.now(UTC).isoformat()
        deliveries = pending.deliveries if pending else 1
        text = raw.decode(errors="replace")
        letters.append(DeadLetter(f"{len(letters) + 1}-0", f"{number}-0", reason, deliveries, at, text))
        return letters[-1].id

    def dead_letter(self, stream: str, group: str, message: Message, reason: str) -> str:
        """Give a message up."""
        with self._changed:
            return self._bury(stream, group, _number(message.id), message.event.to_json(), reason)

    def dead_letters(self, stream: str, count: int = 100) -> list[DeadLetter]:
        """Return the newest dead letters."""
        with self._changed:
            return self._dead.get(stream, [])[::-1][:count]

    def outstanding(self, stream: str, group: str, message_id: str) -> bool:
        """Tell whether a message is on its way."""
        with self._changed:
            target, readers = self._group(stream, group)
            number = _number(message_id)
            return number in target.entries and (number > readers.last or number in readers.pending)

    def trim(self, stream: str, length: int = 10_000) -> int:
        """Forget old entries."""
        with self._changed:
            target = self._streams.setdefault(stream, _Stream())
            if stream in GROUPS and GROUPS[stream] not in target.groups:
                return 0
            floor = target.newest + 1
            for readers in target.groups.values():
                floor = min(floor, readers.last + 1, *readers.pending)
            goners = [n for n in list(target.entries)[: max(0, len(target.entries) - length)] if n < floor]
            for number in goners:
                del target.entries[number]
            return len(goners)

    def info(self, stream: str, group: str = "") -> StreamInfo:
        """Return how full a stream is."""
        with self._changed:
            target = self._streams.get(stream, _Stream())
            readers = target.groups.get(group, _Group())
            fresh = sum(number > readers.last for number in target.entries) if group else 0
            return StreamInfo(len(target.entries), fresh, len(readers.pending), len(self._dead.get(stream, [])))

    def leave(self, stream: str, group: str, consumer: str) -> bool:
        """Forget a consumer."""
        with self._changed:
            return all(p.consumer != consumer for p in self._group(stream, group)[1].pending.values())

    def lose(self, stream: str) -> None:
        """Lose a stream with its groups, as a Redis without an append-only file does when it is killed."""
        with self._changed:
            self._streams.pop(stream, None)

    def beat(self, name: str, seconds: float) -> None:
        """Say that ``name`` is alive."""
        self._beats[name] = self._clock() + seconds

    def stop_beat(self, name: str) -> None:
        """Say that ``name`` has ended."""
        self._beats.pop(name, None)

    def alive(self, name: str) -> bool:
        """Tell whether ``name`` is alive."""
        return self._beats.get(name, 0.0) > self._clock()


def _number(message_id: str) -> int:
    return int(message_id.partition("-")[0])
