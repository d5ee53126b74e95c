"""The same cases on the streams in memory and on a real server."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from maestro.streams import GROUPS, JOBS, RESULTS, CloudEvent, EventRefused, EventType, InMemoryStreams, Streams
from maestro.streams.redis import RedisStreams
from support.valkey import valkey_server

GROUP = GROUPS[JOBS]


@dataclass
class Road:
    streams: Streams
    raw: Callable[[str, bytes], str]  # puts anything into a stream
    lose: Callable[[str], None]  # loses a stream with its groups


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with valkey_server() as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def road(request: pytest.FixtureRequest) -> Iterator[Road]:
    if request.param == "memory":
        memory = InMemoryStreams()
        yield Road(memory, memory.publish_raw, memory.lose)
        return
    server = request.getfixturevalue("server")
    streams = RedisStreams.connect(server.connection_url)
    client = streams._redis
    client.flushall()
    yield Road(
        streams,
        lambda stream, text: client.xadd(streams.key(stream), {"event": text}).decode(),
        lambda stream: client.delete(streams.key(stream)),
    )
    streams.close()


def event(number: int = 0) -> CloudEvent:
    return CloudEvent.new(EventType.RUN_REQUESTED, "/tests", {"number": number, "nothing": None}, tenant="acme")


def test_a_published_event_arrives_once_and_unchanged(road: Road) -> None:
    sent = event()
    id_ = road.streams.publish(JOBS, sent)
    [message] = road.streams.read(JOBS, GROUP, "one")
    assert (message.id, message.event, message.deliveries, message.stream) == (id_, sent, 1, JOBS)
    assert road.streams.read(JOBS, GROUP, "two") == []


def test_events_keep_their_order_and_come_in_batches(road: Road) -> None:
    ids = road.streams.publish_many(JOBS, [event(number) for number in range(10)])
    first = road.streams.read(JOBS, GROUP, "one", count=7)
    second = road.streams.read(JOBS, GROUP, "one", count=7)
    assert [m.id for m in first + second] == ids
    assert [m.event.data["number"] for m in first + second] == list(range(10))
    assert len(first) == 7


def test_reading_waits_no_longer_than_it_may(road: Road) -> None:
    started = time.monotonic()
    assert road.streams.read(JOBS, GROUP, "one", block_ms=60) == []
    assert 0.05 <= time.monotonic() - started < 2


def test_acknowledging_counts_each_message_once(road: Road) -> None:
    ids = road.streams.publish_many(JOBS, [event(), event(), event()])
    road.streams.read(JOBS, GROUP, "one")
    assert road.streams.ack(JOBS, GROUP, *ids[:2]) == 2
    assert road.streams.ack(JOBS, GROUP, *ids) == 1
    assert road.streams.ack(JOBS, GROUP) == 0
    assert road.streams.info(JOBS, GROUP).pending == 0


def test_what_a_dead_consumer_left_is_claimed_with_its_deliveries(road: Road) -> None:
    ids = road.streams.publish_many(JOBS, [event(number) for number in range(3)])
    road.streams.read(JOBS, GROUP, "dead")
    road.streams.ack(JOBS, GROUP, ids[1])
    assert road.streams.claim_stale(JOBS, GROUP, "alive", min_idle_ms=60_000) == []
    time.sleep(0.03)
    claimed = road.streams.claim_stale(JOBS, GROUP, "alive", min_idle_ms=20)
    assert [(m.id, m.deliveries) for m in claimed] == [(ids[0], 2), (ids[2], 2)]
    time.sleep(0.03)
    again = road.streams.claim_stale(JOBS, GROUP, "third", min_idle_ms=20, count=1)
    assert [(m.id, m.deliveries) for m in again] == [(ids[0], 3)]


def test_a_claimed_message_is_not_claimed_by_another_at_once(road: Road) -> None:
    road.streams.publish(JOBS, event())
    road.streams.read(JOBS, GROUP, "dead")
    time.sleep(0.06)
    assert len(road.streams.claim_stale(JOBS, GROUP, "one", min_idle_ms=50)) == 1
    assert road.streams.claim_stale(JOBS, GROUP, "two", min_idle_ms=50) == []


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"specversion":"0.3","id":"1","source":"/x","type":"t"}',
        b'{"specversion":"1.0","id":"1","source":"","type":"t"}',
        b'{"specversion":"1.0","id":"1","source":"/x"}',
        b'{"specversion":"1.0","id":"1","source":"/x","type":"t","time":"yesterday"}',
        b'{"specversion":"1.0","id":"1","source":"/x","type":"t","Not_An_Extension":"y"}',
        b'{"specversion":"1.0","id":"1","source":"/x","type":"t","data":1,"data_base64":"eA=="}',
        b"[" * 100_000,
    ],
)
def test_poison_goes_to_the_dead_letters_and_holds_up_nothing(road: Road, text: bytes) -> None:
    poison = road.raw(JOBS, text)
    good = road.streams.publish(JOBS, event())
    assert [m.id for m in road.streams.read(JOBS, GROUP, "one")] == [good]
    [letter] = road.streams.dead_letters(JOBS)
    assert letter.original_id == poison
    assert letter.reason.startswith("not a CloudEvents 1.0 event")
    assert letter.raw == text.decode(errors="replace")
    assert road.streams.info(JOBS, GROUP).pending == 1


def test_a_given_up_message_is_a_dead_letter_and_no_longer_pending(road: Road) -> None:
    road.streams.publish(JOBS, event(7))
    [message] = road.streams.read(JOBS, GROUP, "one")
    id_ = road.streams.dead_letter(JOBS, GROUP, message, "it kept failing")
    [letter] = road.streams.dead_letters(JOBS)
    assert (letter.id, letter.original_id, letter.reason, letter.deliveries) == (id_, message.id, "it kept failing", 1)
    assert CloudEvent.parse(letter.raw) == message.event
    info = road.streams.info(JOBS, GROUP)
    assert (info.pending, info.dead) == (0, 1)
    assert not road.streams.outstanding(JOBS, GROUP, message.id)


def test_a_lost_stream_is_made_again(road: Road) -> None:
    road.streams.publish(JOBS, event(1))
    road.streams.read(JOBS, GROUP, "one")
    road.lose(JOBS)
    assert road.streams.claim_stale(JOBS, GROUP, "one", min_idle_ms=0) == []
    road.lose(JOBS)
    road.streams.publish(JOBS, event(2))
    assert [m.event.data["number"] for m in road.streams.read(JOBS, GROUP, "one")] == [2]


def test_outstanding_follows_a_message_on_its_way(road: Road) -> None:
    id_ = road.streams.publish(JOBS, event())
    assert road.streams.outstanding(JOBS, GROUP, id_)
    road.streams.read(JOBS, GROUP, "one")
    assert road.streams.outstanding(JOBS, GROUP, id_)
    road.streams.ack(JOBS, GROUP, id_)
    assert not road.streams.outstanding(JOBS, GROUP, id_)
    assert not road.streams.outstanding(JOBS, GROUP, "99999999999999-0")


def test_trimming_never_takes_what_is_not_acknowledged(road: Road) -> None:
    ids = road.streams.publish_many(JOBS, [event(number) for number in range(1000)])
    assert road.streams.trim(JOBS, 10) == 0, "nobody has read anything"
    road.streams.read(JOBS, GROUP, "one", count=600)
    road.streams.ack(JOBS, GROUP, *ids[:350], *ids[351:600])
    removed = road.streams.trim(JOBS, 10)
    assert 200 <= removed <= 350
    assert [m.id for m in road.streams.claim_stale(JOBS, GROUP, "two", min_idle_ms=0)] == [ids[350]]
    assert [m.id for m in road.streams.read(JOBS, GROUP, "one", count=1000)] == ids[600:]
    road.streams.ack(JOBS, GROUP, *ids)
    road.streams.trim(JOBS, 300)
    assert 300 <= road.streams.info(JOBS, GROUP).depth <= 450


def test_a_stream_that_others_read_is_trimmed_by_length(road: Road) -> None:
    road.streams.publish_many(RESULTS, [event(number) for number in range(500)])
    if isinstance(road.streams, RedisStreams):
        assert 300 <= road.streams.trim(RESULTS, 100) <= 400
    else:
        assert road.streams.trim(RESULTS, 100) == 400


def test_info_counts_what_waits(road: Road) -> None:
    assert road.streams.info(JOBS, GROUP).depth == 0
    ids = road.streams.publish_many(JOBS, [event(number) for number in range(5)])
    assert road.streams.info(JOBS).undelivered == 0
    road.streams.read(JOBS, GROUP, "one", count=2)
    road.streams.ack(JOBS, GROUP, ids[0])
    info = road.streams.info(JOBS, GROUP)
    assert (info.depth, info.undelivered, info.pending, info.dead) == (5, 3, 1, 0)


def test_a_consumer_leaves_only_with_empty_hands(road: Road) -> None:
    id_ = road.streams.publish(JOBS, event())
    road.streams.read(JOBS, GROUP, "one")
    assert not road.streams.leave(JOBS, GROUP, "one")
    road.streams.ack(JOBS, GROUP, id_)
    assert road.streams.leave(JOBS, GROUP, "one")


def test_a_heartbeat_ends_by_itself_or_on_purpose(road: Road) -> None:
    assert not road.streams.alive("poller")
    road.streams.beat("poller", 0.05)
    assert road.streams.alive("poller")
    time.sleep(0.08)
    assert not road.streams.alive("poller")
    road.streams.beat("poller", 60)
    road.streams.stop_beat("poller")
    assert not road.streams.alive("poller")


def test_data_that_is_not_json_is_refused_before_anything_is_sent(road: Road) -> None:
    with pytest.raises(EventRefused):
        road.streams.publish(JOBS, CloudEvent.new("t", "/x", {"what": object()}))
    assert road.streams.info(JOBS).depth == 0


def test_the_wire_format_is_one_field_of_cloudevents_json(server: Any) -> None:
    streams = RedisStreams.connect(server.connection_url, "wire:")
    streams.publish(JOBS, event(3))
    [(_, fields)] = streams._redis.xrange("wire:jobs")
    assert list(fields) == [b"event"]
    sent = json.loads(fields[b"event"])
    assert sent["specversion"] == "1.0"
    assert sent["type"] == "maestro.run.requested"
    assert sent["data"] == {"number": 3, "nothing": None}
    assert "dataschema" not in sent
    streams.close()
