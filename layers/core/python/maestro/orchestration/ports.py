"""What the stores can do, whatever keeps the data. One contract suite holds all implementations to it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from maestro.aggregation.statistics import FileStatistics
from maestro.model import Failure, Repair, Review, Run, RunStatus, Tally

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``cursor`` asks for the next one, None says that there is none."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class RepairRecord:
    """A stored repair, with its run, when it was first stored (ISO 8601, UTC), and what a person said of it."""

    run_id: str
    created_at: str
    repair: Repair
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that was streamed and has not ended; when (seconds since the epoch) and as which message, if known."""

    run: Run
    streamed_at: float
    message_id: str


class RunStore(Protocol):
    """Runs and what belongs to them. Times are ISO 8601 in UTC.

    A decision and its audit entry are stored together or not at all. Every method may raise ``StoreUnavailableError``;
    those that write raise ``ItemTooLargeError`` for what does not fit one item (about 390 KB as JSON).
    """

    def create_run(self, run: Run, audit_data: Mapping[str, Any] | None = None) -> None:
        """Store a new run, audited as ``run.requested``; raises ``RunExistsError``."""
        ...

    def get_run(self, tenant: str, run_id: str) -> Run | None:
        """Return a run as it is now, or None."""
        ...

    def list_runs(self, tenant: str, limit: int = 20, cursor: str | None = None) -> Page[Run]:
        """Return a page of the tenant's runs, newest first by id (UUID version 7); raises ``CursorError``."""
        ...

    def transition(
        self,
        tenant: str,
        run_id: str,
        to: RunStatus,
        *,
        expected: AbstractSet[RunStatus],
        reason: str = "",
        action: str = "",
        audit_data: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Run:
        """Move a run to another status, audited; return it as it then is.

        Parameters
        ----------
        expected
            The statuses from which this may happen. A final status never changes.
        reason
            Why, for whoever reads the run; empty keeps the one that is stored.
        action
            The audit entry's action; ``run.{to}`` by default.
        fields
            ``started_at``, ``ended_at`` (both set to now by default when a run starts or ends), ``totals``, ``code``.

        Raises
        ------
        NotFoundError
            If there is no such run.
        TransitionError
            If its status is not expected. A run that is in ``to`` already is returned as it is, without an entry, so
            a repeated step does no harm (unless ``expected`` holds ``to``: then the fields are stored).
        """
        ...

    def request_cancel(self, tenant: str, run_id: str) -> Run:
        """Mark a run as to be cancelled, audited once; raises ``NotFoundError``, or ``TransitionError`` if it ended."""
        ...

    def set_progress(self, tenant: str, run_id: str, progress: Mapping[str, Any]) -> None:
        """Replace the given top-level keys of the run's progress, not audited; raises ``NotFoundError``."""
        ...

    def progress_key(self, tenant: str, run_id: str) -> tuple[str, str]:
        """Return ``pk`` and ``sk`` of the item to whose number attributes others may ADD; see :meth:`counters_of`."""
        ...

    def counters_of(self, tenant: str, run_id: str) -> dict[str, int]:
        """Return the run's counters (``chunks_done``, ``tests_done``, ``tests_failed``), those that were counted."""
        ...

    def reset_counters(self, tenant: str, run_id: str) -> None:
        """Set the run's counters to nothing, at the beginning of a pass."""
        ...

    def mark_streamed(self, tenant: str, run_id: str, message_id: str = "") -> None:
        """Note that a QUEUED run was published, as which message; nothing happens to a run in another status."""
        ...

    def list_unstreamed(self, older_than_seconds: float = 5.0, limit: int = 500) -> list[Run]:
        """Return the oldest runs of all tenants that are QUEUED and were never marked as streamed."""
        ...

    def list_running(self, limit: int = 500) -> list[LiveRun]:
        """Return the oldest runs of all tenants that were streamed, or are RUNNING, and have not ended."""
        ...

    def put_failures(self, tenant: str, run_id: str, pass_no: int, failures: Sequence[Failure]) -> None:
        """Store the failures of a pass, by their ids; all sizes are checked before any is stored."""
        ...

    def list_failures(self, tenant: str, run_id: str, pass_no: int | None = None) -> list[Failure]:
        """Return the failures of a pass, or of all passes in order (one may be in several), sorted by id."""
        ...

    def put_repair(self, tenant: str, run_id: str, repair: Repair) -> None:
        """Store a repair, audited as ``repair.{status}``; storing the same one again does nothing.

        What a person said of it stays.
        """
        ...

    def list_repairs(self, tenant: str, run_id: str) -> list[Repair]:
        """Return a run's repairs, sorted by id."""
        ...

    def get_repair(self, tenant: str, repair_id: str) -> RepairRecord | None:
        """Return a repair of any run."""
        ...

    def list_all_repairs(self, tenant: str, limit: int = 20, cursor: str | None = None) -> Page[RepairRecord]:
        """Return a page of the tenant's repairs, newest first by id; raises ``CursorError``."""
        ...

    def review_repair(self, tenant: str, repair_id: str, review: Review) -> RepairRecord:
        """Store a person's word on a repair and count it in :meth:`tallies`, audited as ``review.{word}``.

        The same word for the same reason again does nothing; another word takes the first one's place in the counts.

        Raises
        ------
        NotFoundError
            If there is no such repair, or its run is gone.
        ReviewError
            If the repair did not survive the proof, so there is nothing to approve or reject.
        """
        ...

    def tallies(self, tenant: str) -> list[Tally]:
        """Return what the tenant's people said of repairs, counted; sorted by project, strategy, generator, pattern."""
        ...

    def put_chunk(self, tenant: str, run_id: str, pass_no: int, chunk: Mapping[str, Any]) -> None:
        """Store a chunk's summary (JSON data with an ``id``); storing it twice counts once."""
        ...

    def list_chunks(self, tenant: str, run_id: str, pass_no: int) -> list[dict[str, Any]]:
        """Return the chunk summaries of a pass, sorted by id."""
        ...

    def get_statistics(self, tenant: str, project: str) -> dict[str, FileStatistics]:
        """Return the statistics of a project's tests, by file."""
        ...

    def update_statistics(self, tenant: str, project: str, statistics: Mapping[str, FileStatistics]) -> None:
        """Store the statistics of the given files, where they differ from what is stored; the other files stay."""
        ...

    def bump_counters(self, tenant: str, project: str, counts: Mapping[str, int]) -> None:
        """Add to the project's counters; adding again counts again."""
        ...

    def counters(self, tenant: str, project: str | None = None) -> dict[str, int]:
        """Return a project's counters, or the sums over all of the tenant's projects."""
        ...


class BlobStore(Protocol):
    """Objects by key."""

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store an object, in place of any with this key."""
        ...

    def get(self, key: str) -> bytes:
        """Return an object's bytes; raises ``BlobNotFoundError``."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether there is an object (on S3: that may be read)."""
        ...

    def list(self, prefix: str) -> "list[str]":
        """Return the keys that begin with ``prefix``, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; it need not be there."""
        ...

    def presign_get(self, key: str, seconds: int = 3600) -> str:
        """Return a URL with which anyone may GET this object for so long."""
        ...

    def presign_put(self, key: str, seconds: int = 3600) -> str:
        """Return a URL with which anyone may PUT this object for so long."""
        ...


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is stored of an API key: never its secret. ``expires_at`` is ISO 8601, or empty for never."""

    id: str
    tenant: str
    digest: str  # SHA-256 of the secret, in hex
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str = ""
    revoked_at: str = ""


class KeyStore(Protocol):
    """Records of API keys; what changes them is audited."""

    def save(self, record: KeyRecord) -> None:
        """Store a new record."""
        ...

    def find(self, key_id: str) -> KeyRecord | None:
        """Return the record with this id, of whichever tenant, as it is now."""
        ...

    def revoke(self, tenant: str, key_id: str, at: str) -> bool:
        """Mark a key as revoked at that time; False where the tenant has no such key."""
        ...

    def records(self, tenant: str) -> "list[KeyRecord]":
        """Return the tenant's records, sorted by id."""
        ...


Kind = Literal["run", "heal"]
ExecutionStatus = Literal["running", "succeeded", "failed", "aborted", "missing"]


class ExecutionStarter(Protocol):
    """Starts and follows executions of the state machines. Raises ``StoreUnavailableError`` when it may work later."""

    def start(self, kind: Kind, name: str, state: Mapping[str, Any]) -> None:
        """Start an execution; one of that name that was started before is success."""
        ...

    def status(self, name: str, kind: Kind = "run") -> ExecutionStatus:
        """Tell how an execution is; one that timed out has failed."""
        ...

    def stop(self, name: str, reason: str, kind: Kind = "run") -> None:
        """Stop an execution; one that ended, or never was, needs no stopping."""
        ...
