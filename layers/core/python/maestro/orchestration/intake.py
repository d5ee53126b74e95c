"""Intake: a request becomes a stored run and a message on the jobs stream.

The run is stored before anything else. A stream that is down delays a run until the poller's sweep; it never loses one.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from maestro.model import Run, RunStatus, dump, new_id
from maestro.orchestration.errors import ConflictError, NotFoundError, RequestError
from maestro.orchestration.naming import source_key
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.resilience import CircuitBreaker, CircuitOpen
from maestro.streams import JOBS, CloudEvent, EventType, Streams, StreamsUnavailable

logger = logging.getLogger(__name__)

UPLOAD_SECONDS = 3600
MAX_CHANGES = 50
POLLER = "poller"


def now() -> str:
    """Return the present in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes requests.

    ``wake`` invokes the poller asynchronously; it is called when no poller shows a heartbeat. ``breaker`` keeps a
    stream that is down from slowing every request.
    """

    runs: RunStore
    blobs: BlobStore
    streams: Streams
    wake: Callable[[], None]
    breaker: CircuitBreaker = field(
        default_factory=lambda: CircuitBreaker("the jobs stream", failures=3, seconds=10, counts=StreamsUnavailable)
    )

    def open_upload(self, tenant: str) -> dict[str, object]:
        """Return an id for a source bundle and the presigned URL that takes it by PUT within an hour."""
        upload = new_id()
        url = self.blobs.presign_put(source_key(tenant, upload), UPLOAD_SECONDS)
        return {"upload_id": upload, "url": url, "method": "PUT", "expires_in": UPLOAD_SECONDS}

    def submit(
        self,
        tenant: str,
        project: str,
        upload_id: str,
        *,
        heal: bool = True,
        suites: Sequence[str] = (),
        changes: Sequence[Mapping[str, object]] = (),
    ) -> Run:
        """Store a run as QUEUED, announce it on the jobs stream, wake the poller; return the run.

        Raises
        ------
        RequestError
            If no bundle was uploaded under ``upload_id``.
        """
        key = source_key(tenant, upload_id)
        if not self.blobs.exists(key):
            raise RequestError(
                f"There is no upload {upload_id}: PUT the bundle to the URL that POST /v1/uploads gave, then submit it."
            )
        run = Run(
            id=new_id(),
            tenant=tenant,
            project=project,
            status=RunStatus.QUEUED,
            created_at=now(),
            source=key,
            heal=heal,
            suites=tuple(suites),
            changes=tuple(changes)[:MAX_CHANGES],
        )
        self.runs.create_run(run, {"project": project, "heal": heal, "upload": upload_id})
        self._announce(run, EventType.RUN_REQUESTED)
        return run

    def cancel(self, tenant: str, run_id: str) -> Run:
        """Mark a run as cancelled-to-be, which every step looks at, and announce it; return the run.

        Raises
        ------
        NotFoundError
            If the tenant has no such run.
        ConflictError
            If the run has already ended.
        """
        run = self.runs.get_run(tenant, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id}.")
        if run.status.final:
            raise ConflictError(f"Run {run_id} has already ended: {run.status}.")
        self.runs.request_cancel(tenant, run_id)
        self._announce(replace(run, cancel_requested=True), EventType.RUN_CANCELLED)
        return replace(run, cancel_requested=True)

    def _announce(self, run: Run, kind: EventType) -> None:
        event = CloudEvent.new(kind, "/intake", dump(run), tenant=run.tenant, subject=run.id)

        def publish() -> tuple[str, bool]:
            return self.streams.publish(JOBS, event), self.streams.alive(POLLER)

        try:
            message, alive = self.breaker.call(publish)
        except (StreamsUnavailable, CircuitOpen) as error:
            logger.warning(
                "The jobs stream is out of reach (%s); the poller's sweep will publish run %s.", error, run.id
            )
            alive = False
        else:
            if kind is EventType.RUN_REQUESTED:
                self.runs.mark_streamed(run.tenant, run.id, message)
        if not alive:
            self.wake()
