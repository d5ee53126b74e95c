"""The poller: from messages on the streams to executions, and what keeps runs from being forgotten.

A message is acknowledged after its execution was started; the execution's name is the run's id, so a message that is
delivered again starts nothing again. What fails is delivered again after the visibility time, and given up, with the
run ended in error, after ``max_deliveries``. The table is the truth: the sweep publishes what was stored and never
streamed or was lost on the way, and ends runs whose execution ended without saying how.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from maestro.model import MaestroError, Run, RunStatus, load, new_id
from maestro.orchestration.errors import NotFoundError, RunExistsError, StoreError, TransitionError
from maestro.orchestration.ports import ExecutionStarter, RunStore
from maestro.orchestration.reconciling import Reconciler, Swept
from maestro.streams import GROUPS, HEALING, JOBS, EventType, Message, Streams, StreamsUnavailable

logger = logging.getLogger(__name__)

HEARTBEAT = "poller"
ROADS = (HEALING, JOBS)  # the last one is waited for


@dataclass(frozen=True, slots=True)
class PollerSettings:
    """Seconds, unless the name says otherwise. ``heartbeat_seconds`` must be longer than handling a batch takes."""

    batch: int = 32
    block_ms: int = 1000
    visibility_seconds: float = 30.0
    max_deliveries: int = 5
    idle_seconds: float = 10.0
    heartbeat_seconds: float = 15.0
    sweep_seconds: float = 15.0  # between sweeps
    unstreamed_seconds: float = 5.0  # how old a run that was not streamed must be to be published by the sweep
    grace_seconds: float = 30.0  # how long an execution may be unknown to Step Functions
    republish_seconds: float = 60.0  # when a message of unknown whereabouts is published again
    stream_length: int = 10_000


@dataclass(slots=True)
class Polled:
    """What one poll did, in messages (``swept``: see :class:`Swept`)."""

    handled: int = 0
    failed: int = 0
    dead: int = 0
    swept: Swept = field(default_factory=Swept)


class UnusableMessageError(StoreError):
    """A message that no further delivery can make sense of."""

    code = "message_unusable"


class Poller:
    """Reads the streams with a consumer of its own.

    Parameters
    ----------
    clock
        Monotonic seconds.
    wall
        Seconds since the epoch, to be compared with the times of runs.
    sleep
        Waits that many seconds, while Redis is out of reach.
    """

    def __init__(
        self,
        streams: Streams,
        runs: RunStore,
        starter: ExecutionStarter,
        clock: Callable[[], float] = time.monotonic,
        settings: PollerSettings | None = None,
        *,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._streams = streams
        self._runs = runs
        self._starter = starter
        self._clock = clock
        self._settings = settings or PollerSettings()
        self._sleep = sleep
        self._reconciler = Reconciler(
            streams,
            runs,
            starter,
            wall,
            unstreamed_seconds=self._settings.unstreamed_seconds,
            grace_seconds=self._settings.grace_seconds,
            republish_seconds=self._settings.republish_seconds,
        )
        self.consumer = new_id()
        self._handlers: Mapping[str, Callable[[Message], None]] = {
            EventType.RUN_REQUESTED: self._run_requested,
            EventType.RUN_CANCELLED: self._run_cancelled,
            EventType.HEAL_REQUESTED: self._heal_requested,
        }

    def poll(self, until: float) -> Polled:
        """Handle messages, and sweep now and then, until ``until`` on the clock or nothing came for the idle time.

        Trouble with Redis or with one message is logged and tried again; it does not end the poll.
        """
        done = Polled()
        idle_since = self._clock()
        next_sweep = self._clock()
        waits = 0
        while self._clock() < until:
            if self._clock() >= next_sweep:
                _add(done.swept, self.sweep())
                next_sweep = self._clock() + self._settings.sweep_seconds
            idle = self._clock() - idle_since >= self._settings.idle_seconds
            try:
                # The heartbeat ends before the last look, so what is published after that look wakes a poller.
                self._beat(alive=not idle)
                messages = self._take(until, wait=not idle)
                self._handle(messages, until, done)
            except StreamsUnavailable as error:
                waits += 1
                logger.warning("Redis is out of reach, attempt %d: %s", waits, error)
                if idle:
                    break
                self._sleep(max(0.0, min(5.0, 0.1 * 2 ** min(waits, 6), until - self._clock())))
                continue
            waits = 0
            if messages:
                idle_since = self._clock()
            elif idle:
                break
        self._leave()
        return done

    def sweep(self) -> Swept:
        """Publish runs that were stored and are on no stream, end those whose execution is gone, trim the streams."""
        swept = self._reconciler.sweep()
        try:
            for road in ROADS:
                swept.trimmed += self._streams.trim(road, self._settings.stream_length)
        except StreamsUnavailable as error:
            logger.warning("The streams were not trimmed: %s", error)
        return swept

    def _beat(self, *, alive: bool) -> None:
        if alive:
            self._streams.beat(HEARTBEAT, self._settings.heartbeat_seconds)
        else:
            self._streams.stop_beat(HEARTBEAT)

    def _take(self, until: float, *, wait: bool) -> list[Message]:
        """Take what others left and what is new; wait for the last stream where nothing else is to do."""
        taken: list[Message] = []
        for road in ROADS:
            taken += self._streams.claim_stale(
                road,
                GROUPS[road],
                self.consumer,
                min_idle_ms=int(self._settings.visibility_seconds * 1000),
                count=self._settings.batch,
            )
        for road in ROADS:
            left = int((until - self._clock()) * 1000)
            patient = wait and road is ROADS[-1] and not taken
            block = max(0, min(self._settings.block_ms, left)) if patient else 0
            taken += self._streams.read(road, GROUPS[road], self.consumer, count=self._settings.batch, block_ms=block)
        return taken

    def _handle(self, messages: list[Message], until: float, done: Polled) -> None:
        """Handle messages; acknowledge those that are done, at the end of the batch or where it breaks off."""
        finished: dict[str, list[str]] = {}
        try:
            for message in messages:
                if self._clock() >= until:
                    logger.info("No time is left for message %s; it is delivered again", message.id)
                    break
                if self._settle(message, done):
                    finished.setdefault(message.stream, []).append(message.id)
        finally:
            for road, ids in finished.items():
                self._streams.ack(road, GROUPS[road], *ids)
                done.handled += len(ids)

    def _settle(self, message: Message, done: Polled) -> bool:
        """Handle a message; returns whether it is done with. What fails stays pending, and is delivered again."""
        if message.deliveries > self._settings.max_deliveries:
            times = message.deliveries - 1
            self._give_up(
                message, f"delivered {times} times, and never finished: who read it died or gave no answer", done
            )
            return False
        handle = self._handlers.get(message.event.type)
        if handle is None:
            self._give_up(message, f"nobody here handles events of the type {message.event.type[:100]!r}", done)
            return False
        try:
            handle(message)
        except StreamsUnavailable:
            raise
        except UnusableMessageError as error:
            self._give_up(message, str(error), done)
        except Exception as error:
            # One message must not keep the others from being handled. It is not forgotten: it stays pending, and
            # in the end its reason is stored with it and with its run.
            done.failed += 1
            logger.exception("Message %s failed, delivery %d", message.id, message.deliveries)
            if message.deliveries >= self._settings.max_deliveries:
                self._give_up(message, f"failed {message.deliveries} times, lastly: {error}", done)
        else:
            return True
        return False

    def _give_up(self, message: Message, reason: str, done: Polled) -> None:
        """End the message's run in error, then move the message to the dead letters; where the first fails, neither."""
        try:
            if message.event.type == EventType.RUN_REQUESTED:
                self._fail_run(message, reason)
        except MaestroError:
            logger.exception("The run of message %s could not be ended; the message stays", message.id)
            return
        self._streams.dead_letter(message.stream, GROUPS[message.stream], message, reason)
        done.dead += 1
        logger.error("Message %s went to the dead letters: %s", message.id, reason)

    def _fail_run(self, message: Message, reason: str) -> None:
        try:
            tenant, run_id = _names(message)
            self._runs.transition(
                tenant,
                run_id,
                RunStatus.ERROR,
                expected={RunStatus.QUEUED},
                reason=f"The run could not be started: {reason}",
                action="run.error",
                code="not_started",
            )
        except (UnusableMessageError, NotFoundError, TransitionError) as error:
            logger.info("No run ends with message %s: %s", message.id, error)

    def _run_requested(self, message: Message) -> None:
        run = self._known(message)
        if run.status.final:
            return
        if run.cancel_requested:
            self._reconciler.cancel(run)
            return
        self._starter.start("run", run.id, {"tenant": run.tenant, "run_id": run.id, "pass": 0})

    def _known(self, message: Message) -> Run:
        """Return the stored run; where the table lost it, store it again from the message, if that holds all of it."""
        tenant, run_id = _names(message)
        run = self._runs.get_run(tenant, run_id)
        if run is not None:
            return run
        try:
            told = load(Run, message.event.data)
        except ValidationError as error:
            problem = f"the run {run_id[:100]!r} is not stored, and the message does not hold all of it"
            raise UnusableMessageError(problem) from error
        run = replace(told, status=RunStatus.QUEUED, version=0, reason="", totals={}, started_at="", ended_at="")
        try:
            self._runs.create_run(run, {"recovered_from": message.id})
        except RunExistsError:  # another delivery of this message was quicker
            return self._known(message)
        self._runs.mark_streamed(tenant, run_id, message.id)
        return run

    def _run_cancelled(self, message: Message) -> None:
        tenant, run_id = _names(message)
        run = self._runs.get_run(tenant, run_id)
        if run is None:
            raise UnusableMessageError(f"the run {run_id[:100]!r} that is to be cancelled is not stored")
        if run.status.final:
            return
        try:
            run = self._runs.request_cancel(tenant, run_id)
        except TransitionError:  # it ended meanwhile
            return
        self._reconciler.cancel(run)

    def _heal_requested(self, message: Message) -> None:
        data = message.event.data
        if not isinstance(data, Mapping):
            raise UnusableMessageError("a request to heal needs an object as its data: the input of the execution")
        self._starter.start("heal", message.event.id, data)

    def _leave(self) -> None:
        """Take leave; what cannot be done now (Redis is down) ends by itself."""
        try:
            self._streams.stop_beat(HEARTBEAT)
            for road in ROADS:
                self._streams.leave(road, GROUPS[road], self.consumer)
        except StreamsUnavailable as error:
            logger.warning("The poller left without saying so: %s", error)


def _names(message: Message) -> tuple[str, str]:
    """Return the tenant and the run's id; where the event names them twice, both must agree."""
    data: Any = message.event.data
    if not isinstance(data, Mapping):
        raise UnusableMessageError("the event's data is not an object")
    tenant, run_id = data.get("tenant"), data.get("id") or data.get("run_id")
    if not (isinstance(tenant, str) and tenant and isinstance(run_id, str) and run_id):
        raise UnusableMessageError("the event's data does not name its run: it needs 'tenant' and 'id'")
    if message.event.tenant not in (None, tenant) or message.event.subject not in (None, run_id):
        raise UnusableMessageError("the event names one tenant or run in its attributes and another in its data")
    return tenant, run_id


def _add(total: Swept, more: Swept) -> None:
    for name in ("published", "ended", "cancelled", "failed", "trimmed"):
        setattr(total, name, getattr(total, name) + getattr(more, name))
