"""The sweep: what the table says should be happening, against what the streams and Step Functions know."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from maestro.model import MaestroError, Run, RunStatus, dump
from maestro.orchestration.errors import TransitionError
from maestro.orchestration.ports import ExecutionStarter, LiveRun, RunStore
from maestro.orchestration.records import milliseconds
from maestro.streams import GROUPS, JOBS, CloudEvent, EventType, Streams, StreamsUnavailable

logger = logging.getLogger(__name__)

_ACTIVE = frozenset((RunStatus.QUEUED, RunStatus.RUNNING))


@dataclass(slots=True)
class Swept:
    """What a sweep did: runs published, ended in error, cancelled, left for the next sweep; entries trimmed."""

    published: int = 0
    ended: int = 0
    cancelled: int = 0
    failed: int = 0
    trimmed: int = 0


class Reconciler:
    """Brings runs and their executions together again. ``wall`` gives seconds since the epoch."""

    def __init__(
        self,
        streams: Streams,
        runs: RunStore,
        starter: ExecutionStarter,
        wall: Callable[[], float],
        *,
        unstreamed_seconds: float,
        grace_seconds: float,
        republish_seconds: float,
    ) -> None:
        self._streams = streams
        self._runs = runs
        self._starter = starter
        self._wall = wall
        self._unstreamed = unstreamed_seconds
        self._grace = grace_seconds
        self._republish = republish_seconds

    def sweep(self) -> Swept:
        """Look at every run that has not ended; trouble with one leaves it for the next sweep."""
        swept = Swept()
        try:
            for run in self._runs.list_unstreamed(self._unstreamed):
                self._publish(run, swept)
        except StreamsUnavailable as error:
            logger.warning("Runs that were never streamed wait on, Redis is out of reach: %s", error)
            swept.failed += 1
        except MaestroError:
            logger.exception("Runs that were never streamed wait for the next sweep")
            swept.failed += 1
        try:
            live = self._runs.list_running()
        except MaestroError:
            logger.exception("Runs under way are not known just now")
            swept.failed += 1
            return swept
        for one in live:
            try:
                self._reconcile(one, swept)
            except MaestroError:
                logger.exception("The run %s waits for the next sweep", one.run.id)
                swept.failed += 1
        return swept

    def _publish(self, listed: Run, swept: Swept) -> None:
        run = self._runs.get_run(listed.tenant, listed.id)  # the index may be behind
        if run is None or run.status is not RunStatus.QUEUED:
            return
        event = CloudEvent.new(EventType.RUN_REQUESTED, "/poller", dump(run), tenant=run.tenant, subject=run.id)
        self._runs.mark_streamed(run.tenant, run.id, self._streams.publish(JOBS, event))
        swept.published += 1

    def _reconcile(self, live: LiveRun, swept: Swept) -> None:
        listed = live.run
        begun = max(live.streamed_at, milliseconds(listed.started_at or listed.created_at) / 1000)
        age = self._wall() - begun
        if listed.cancel_requested:
            swept.cancelled += self.cancel(listed)
            return
        if age < self._grace:
            return
        status = self._starter.status(listed.id)
        if status == "running":
            return
        run = self._runs.get_run(listed.tenant, listed.id)  # as it is after its execution was looked at
        if run is None or run.status.final:
            return
        if run.status is RunStatus.QUEUED and status == "missing":
            on_its_way = bool(live.message_id) and self._streams.outstanding(JOBS, GROUPS[JOBS], live.message_id)
            if not on_its_way and (live.message_id or age >= self._republish):
                self._publish(run, swept)
            return
        what = {"missing": "it is not known any more", "succeeded": "it came to its end"}.get(status, f"it {status}")
        reason = (
            f"The execution ended without recording a result: {what}; "
            "the stack was stopped or killed while it ran, or a step of it could not even start"
            " (`maestro logs` of the run tells more). Submit the run again."
        )
        try:
            self._runs.transition(
                run.tenant,
                run.id,
                RunStatus.ERROR,
                expected=_ACTIVE,
                reason=reason,
                action="run.error",
                audit_data={"execution": status},
                code="execution_lost",
            )
        except TransitionError:
            return  # it recorded its end at this moment
        swept.ended += 1

    def cancel(self, run: Run) -> bool:
        """Stop a run's execution and end the run as cancelled; False where it has ended otherwise."""
        reason = "cancelled on request"
        self._starter.stop(run.id, reason)
        try:
            self._runs.transition(
                run.tenant, run.id, RunStatus.CANCELLED, expected=_ACTIVE, reason=reason, action="run.cancelled"
            )
        except TransitionError:
            return False
        return True
