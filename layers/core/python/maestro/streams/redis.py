"""Streams on Redis or Valkey.

Each entry has one field, ``event``. A dead letter has ``event`` (as it was), ``reason``, ``original_id``,
``deliveries`` and ``at``. On a server in cluster mode give the prefix a hash tag (``{maestro:streams:automation}:``),
so that a stream and its dead letters live in one slot and move in one transaction.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from maestro.streams.errors import EventRefused, StreamsError, StreamsUnavailable
from maestro.streams.events import CloudEvent
from maestro.streams.names import GROUPS, PREFIX, dead
from maestro.streams.ports import DeadLetter, Message, StreamInfo

T = TypeVar("T")
_FIELD = b"event"
_LATER = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.TryAgainError,
    redis.exceptions.ClusterDownError,
)
_Raw = tuple[bytes, list[bytes] | None]  # id; names and values in turn


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except redis.exceptions.AuthenticationError as error:
        raise StreamsError(f"Redis refused the user or password of its URL: {error}") from error
    except _LATER as error:
        raise StreamsUnavailable(f"Redis is not available: {error}") from error
    except redis.exceptions.RedisError as error:
        raise StreamsError(f"Redis refused a command: {error}") from error


class RedisStreams:
    """Streams of a Redis 6.2 or newer, or Valkey, server.

    Parameters
    ----------
    client
        A client that returns bytes and speaks RESP2; :meth:`connect` makes one.
    prefix
        What the streams' keys begin with.
    """

    def __init__(self, client: "redis.Redis", prefix: str = PREFIX) -> None:
        self._redis = client
        self._run: Callable[..., Any] = client.execute_command  # the library leaves it without types
        # The library's own parsers of these answers cost more than the rest of a delivery.
        for command in ("XREADGROUP", "XAUTOCLAIM", "XPENDING"):
            client.set_response_callback(command, _as_it_is)
        self._prefix = prefix

    @classmethod
    def connect(
        cls, url: str, prefix: str = PREFIX, *, connect_seconds: float = 1.0, answer_seconds: float = 5.0
    ) -> "RedisStreams":
        """Make streams for a ``redis://`` or ``rediss://`` URL. Connects when first used.

        ``answer_seconds`` must be longer than any ``block_ms``. A broken pooled connection is retried once, at once;
        waiting and trying again is for the caller, who knows what else there is to do.
        """
        client = redis.Redis.from_url(
            url,
            protocol=2,
            socket_connect_timeout=connect_seconds,
            socket_timeout=answer_seconds,
            retry=Retry(NoBackoff(), 1),
        )
        return cls(client, prefix)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def key(self, stream: str) -> str:
        """Return a stream's key in Redis."""
        return self._prefix + stream

    def _call(self, *arguments: Any) -> Any:
        with _explained():
            return self._run(*arguments)

    def _grouped(self, stream: str, group: str, call: Callable[[], T]) -> T:
        """Make the call; where the stream or group is missing, make it and call again."""
        with _explained():
            try:
                return call()
            except redis.exceptions.ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
            try:
                self._run("XGROUP", "CREATE", self.key(stream), group, "0", "MKSTREAM")
            except redis.exceptions.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):  # another consumer was quicker
                    raise
            return call()

    def publish(self, stream: str, event: CloudEvent) -> str:
        """Append an event."""
        return str(self._call("XADD", self.key(stream), "*", _FIELD, event.to_json()).decode())

    def publish_many(self, stream: str, events: Sequence[CloudEvent]) -> list[str]:
        """Append events in order, in one round trip."""
        key = self.key(stream)
        texts = [event.to_json() for event in events]
        with _explained():
            pipeline = self._redis.pipeline(transaction=False)
            add: Callable[..., Any] = pipeline.execute_command
            for text in texts:
                add("XADD", key, "*", _FIELD, text)
            return [id_.decode() for id_ in pipeline.execute()]

    def read(self, stream: str, group: str, consumer: str, *, count: int = 32, block_ms: int = 0) -> list[Message]:
        """Take new messages."""
        command: list[Any] = ["XREADGROUP", "GROUP", group, consumer, "COUNT", count]
        if block_ms > 0:
            command += ["BLOCK", block_ms]
        command += ["STREAMS", self.key(stream), ">"]
        answer = self._grouped(stream, group, lambda: self._run(*command))
        raw: list[_Raw] = answer[0][1] if answer else []
        return self._deliver(stream, group, raw, {})

    def _deliver(self, stream: str, group: str, raw: Sequence[_Raw], deliveries: dict[bytes, int]) -> list[Message]:
        messages = []
        for id_, fields in raw:
            times = deliveries.get(id_, 1)
            try:
                event = CloudEvent.parse(_text(fields))
            except EventRefused as error:
                self._bury(stream, group, id_.decode(), raw=_text(fields), reason=str(error), deliveries=times)
                continue
            messages.append(Message(stream, id_.decode(), event, times))
        return messages

    def ack(self, stream: str, group: str, *ids: str) -> int:
        """Mark messages as done."""
        return int(self._call("XACK", self.key(stream), group, *ids)) if ids else 0

    def claim_stale(
        self, stream: str, group: str, consumer: str, *, min_idle_ms: int, count: int = 100
    ) -> list[Message]:
        """Take over what others left."""
        key = self.key(stream)
        claimed: list[_Raw] = []
        cursor: bytes | str = "0-0"
        while len(claimed) < count:
            command = ("XAUTOCLAIM", key, group, consumer, min_idle_ms, cursor, "COUNT", count - len(claimed))
            answer: Any = self._grouped(stream, group, partial(self._run, *command))
            cursor = answer[0]
            claimed += [entry for entry in answer[1] if entry is not None and entry[0] is not None]
            if cursor == b"0-0":
                break
        return self._deliver(stream, group, claimed, self._deliveries(key, group, consumer, claimed))

    def _deliveries(self, key: str, group: str, consumer: str, claimed: Sequence[_Raw]) -> dict[bytes, int]:
        """Ask how often claimed messages were delivered; one request per thousand pending ones."""
        found: dict[bytes, int] = {}
        wanted = {id_ for id_, _ in claimed}
        if not wanted:
            return found
        start, last = claimed[0][0], claimed[-1][0]
        while True:
            page = self._call("XPENDING", key, group, start, last, 1000, consumer)
            found.update((id_, times) for id_, _, _, times in page)
            if len(page) < 1000:  # noqa: PLR2004 - the page's size, just above
                return found
            start = b"(" + page[-1][0]

    def _bury(self, stream: str, group: str, id_: str, *, raw: bytes, reason: str, deliveries: int) -> str:
        fields = {
            _FIELD: raw,
            b"reason": reason,
            b"original_id": id_,
            b"deliveries": deliveries,
            b"at": datetime.now(UTC).isoformat(),
        }
        flat = [part for pair in fields.items() for part in pair]
        with _explained():
            pipeline = self._redis.pipeline(transaction=True)
            add: Callable[..., Any] = pipeline.execute_command
            add("XADD", self.key(dead(stream)), "*", *flat)
            add("XACK", self.key(stream), group, id_)
            return str(pipeline.execute()[0].decode())

    def dead_letter(self, stream: str, group: str, message: Message, reason: str) -> str:
        """Give a message up."""
        return self._bury(
            stream,
            group,
            message.id,
            raw=message.event.to_json(),
            reason=reason,
            deliveries=message.deliveries,
        )

    def dead_letters(self, stream: str, count: int = 100) -> list[DeadLetter]:
        """Return the newest dead letters."""
        letters = []
        for id_, fields in self._call("XREVRANGE", self.key(dead(stream)), "+", "-", "COUNT", count):
            text = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
            letters.append(
                DeadLetter(
                    id_.decode(),
                    text.get("original_id", ""),
                    text.get("reason", ""),
                    int(text.get("deliveries", "1")),
                    text.get("at", ""),
                    text.get("event", ""),
                )
            )
        return letters

    def _groups(self, stream: str) -> dict[str, dict[str, Any]]:
        try:
            with _explained():
                groups = self._run("XINFO GROUPS", self.key(stream))
        except StreamsError as error:
            if "no such key" in str(error):
                return {}
            raise
        return {group["name"].decode(): group for group in groups}

    def outstanding(self, stream: str, group: str, message_id: str) -> bool:
        """Tell whether a message is on its way."""
        key = self.key(stream)
        if not self._call("XRANGE", key, message_id, message_id):
            return False
        readers = self._groups(stream).get(group)
        if readers is None or _order(message_id) > _order(readers["last-delivered-id"].decode()):
            return True
        return bool(self._call("XPENDING", key, group, message_id, message_id, 1))

    def trim(self, stream: str, length: int = 10_000) -> int:
        """Forget old entries, in whole nodes of the stream's tree."""
        key = self.key(stream)
        groups = self._groups(stream)
        if not groups:
            return 0 if stream in GROUPS else int(self._call("XTRIM", key, "MAXLEN", "~", length))
        excess = int(self._call("XLEN", key)) - length
        if excess <= 0 or (stream in GROUPS and GROUPS[stream] not in groups):
            return 0
        floors = []
        for name, group in groups.items():
            oldest = self._call("XPENDING", key, name)[1] if group["pending"] else None
            floors.append(_order((oldest or group["last-delivered-id"]).decode()))
        floor = "{}-{}".format(*min(floors))
        return int(self._call("XTRIM", key, "MINID", "~", floor, "LIMIT", excess))

    def info(self, stream: str, group: str = "") -> StreamInfo:
        """Return how full a stream is."""
        key = self.key(stream)
        depth = int(self._call("XLEN", key))
        letters = int(self._call("XLEN", self.key(dead(stream))))
        if not group:
            return StreamInfo(depth, 0, 0, letters)
        readers = self._groups(stream).get(group)
        if readers is None:
            return StreamInfo(depth, depth, 0, letters)
        lag = readers.get("lag")
        if lag is None:  # the server lost count, after a deletion in the middle
            lag = len(self._call("XRANGE", key, "(" + readers["last-delivered-id"].decode(), "+"))
        return StreamInfo(depth, int(lag), int(readers["pending"]), letters)

    def leave(self, stream: str, group: str, consumer: str) -> bool:
        """Forget a consumer; it must not read any more, or what it reads meanwhile would be forgotten with it."""
        key = self.key(stream)
        if self._grouped(
            stream, group, lambda: self._run("XPENDING", key, group, "-", "+", 1, consumer, parse_detail=True)
        ):
            return False
        self._call("XGROUP DELCONSUMER", key, group, consumer)
        return True

    def beat(self, name: str, seconds: float) -> None:
        """Say that ``name`` is alive."""
        self._call("SET", self.key("heartbeat:" + name), "1", "PX", max(1, int(seconds * 1000)))

    def stop_beat(self, name: str) -> None:
        """Say that ``name`` has ended."""
        self._call("DEL", self.key("heartbeat:" + name))

    def alive(self, name: str) -> bool:
        """Tell whether ``name`` is alive."""
        return bool(self._call("EXISTS", self.key("heartbeat:" + name)))


def _order(message_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = message_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _text(fields: list[bytes] | None) -> bytes:
    """Return the event field, or, where there is none, all fields as JSON, which is then not an event."""
    flat = fields or []
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        if name == _FIELD:
            return value
    return json.dumps([part.decode(errors="replace") for part in flat]).encode()


def _as_it_is(answer: Any, **_parsing: Any) -> Any:
    return answer
