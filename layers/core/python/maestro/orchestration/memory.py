"""Stores in memory, with the behaviour of the real ones; the same contract suite runs on both."""

import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from maestro.aggregation.statistics import FileStatistics
from maestro.audit import InMemoryLedger, Ledger
from maestro.model import Failure, Repair, Review, Run, RunStatus, Tally, dump, dump_json
from maestro.orchestration.errors import BlobNotFoundError, NotFoundError, RunExistsError, TransitionError
from maestro.orchestration.ports import KeyRecord, LiveRun, Page, RepairRecord
from maestro.orchestration.records import (
    check_size,
    cursor_after,
    key_of,
    milliseconds,
    moved,
    moved_counts,
    now,
    repair_data,
    request_data,
    review_data,
    reviewable,
    said_already,
    tally_key,
    tally_order,
    transition_data,
)

_Key = tuple[str, str]  # tenant, run id


class InMemoryRunStore:
    """Runs in dicts, safe between threads."""

    def __init__(self, ledger: Ledger | None = None, clock: Callable[[], datetime] = now) -> None:
        self.ledger = ledger or InMemoryLedger(clock)
        self._clock = clock
        self._lock = threading.RLock()
        self._runs: dict[_Key, Run] = {}
        self._streamed: dict[_Key, tuple[float, str]] = {}
        self._failures: dict[_Key, dict[tuple[int, str], Failure]] = {}
        self._repairs: dict[_Key, RepairRecord] = {}  # by tenant and repair id
        self._tallies: dict[str, dict[tuple[str, str, str, str], dict[str, int]]] = {}
        self._chunks: dict[_Key, dict[tuple[int, str], dict[str, Any]]] = {}
        self._statistics: dict[_Key, dict[str, FileStatistics]] = {}
        self._counters: dict[_Key, dict[str, int]] = {}
        self._run_counters: dict[_Key, dict[str, int]] = {}

    def create_run(self, run: Run, audit_data: Mapping[str, Any] | None = None) -> None:
        """Store a new run."""
        check_size(f"The run {run.id}", len(dump_json(run)))
        with self._lock:
            if (run.tenant, run.id) in self._runs:
                raise RunExistsError(f"There is a run {run.id} already.")
            self.ledger.append(run.tenant, "run.requested", run.id, request_data(run, audit_data))
            self._runs[run.tenant, run.id] = run

    def get_run(self, tenant: str, run_id: str) -> Run | None:
        """Return a run."""
        return self._runs.get((tenant, run_id))

    def _existing(self, tenant: str, run_id: str) -> Run:
        run = self._runs.get((tenant, run_id))
        if run is None:
            raise NotFoundError(f"There is no run {run_id}.")
        return run

    def list_runs(self, tenant: str, limit: int = 20, cursor: str | None = None) -> Page[Run]:
        """Return a page of runs."""
        with self._lock:
            mine = {run.id: run for run in self._runs.values() if run.tenant == tenant}
        return _page(mine, limit, cursor)

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
        """Move a run to another status."""
        with self._lock:
            run = self._existing(tenant, run_id)
            after = moved(run, to, expected=expected, reason=reason, at=self._clock(), fields=fields)
            if after is None:
                return run
            self.ledger.append(tenant, action or f"run.{to}", run_id, transition_data(run, after, audit_data))
            self._runs[tenant, run_id] = after
            return after

    def request_cancel(self, tenant: str, run_id: str) -> Run:
        """Mark a run as to be cancelled."""
        with self._lock:
            run = self._existing(tenant, run_id)
            if run.status.final:
                raise TransitionError(f"The run {run_id} has ended already: it is {run.status}.")
            if not run.cancel_requested:
                self.ledger.append(tenant, "run.cancel_requested", run_id, {"status": str(run.status)})
                run = self._runs[tenant, run_id] = replace(run, cancel_requested=True)
            return run

    def set_progress(self, tenant: str, run_id: str, progress: Mapping[str, Any]) -> None:
        """Replace keys of the progress."""
        with self._lock:
            run = self._existing(tenant, run_id)
            self._runs[tenant, run_id] = replace(run, progress={**run.progress, **progress})

    def progress_key(self, tenant: str, run_id: str) -> tuple[str, str]:
        """Return the key of the counters' item."""
        return f"{tenant}#RUN#{run_id}", "COUNTERS"

    def counters_of(self, tenant: str, run_id: str) -> dict[str, int]:
        """Return a run's counters."""
        return dict(self._run_counters.get((tenant, run_id), {}))

    def count(self, tenant: str, run_id: str, counts: Mapping[str, int]) -> None:
        """Add to a run's counters, as the state machine does in the table."""
        with self._lock:
            _add(self._run_counters.setdefault((tenant, run_id), {}), counts)

    def reset_counters(self, tenant: str, run_id: str) -> None:
        """Set a run's counters to nothing."""
        self._run_counters.pop((tenant, run_id), None)

    def mark_streamed(self, tenant: str, run_id: str, message_id: str = "") -> None:
        """Note that a run was published."""
        with self._lock:
            run = self._existing(tenant, run_id)
            if run.status is RunStatus.QUEUED:
                self._streamed[tenant, run_id] = (self._clock().timestamp(), message_id)

    def list_unstreamed(self, older_than_seconds: float = 5.0, limit: int = 500) -> list[Run]:
        """Return runs never published."""
        border = (self._clock().timestamp() - older_than_seconds) * 1000
        with self._lock:
            found = [
                run
                for key, run in self._runs.items()
                if run.status is RunStatus.QUEUED
                and key not in self._streamed
                and milliseconds(run.created_at) <= border
            ]
        return sorted(found, key=_age)[:limit]

    def list_running(self, limit: int = 500) -> list[LiveRun]:
        """Return runs that are under way."""
        with self._lock:
            found = [
                LiveRun(run, *self._streamed.get(key, (0.0, "")))
                for key, run in self._runs.items()
                if run.status is RunStatus.RUNNING or (run.status is RunStatus.QUEUED and key in self._streamed)
            ]
        return sorted(found, key=lambda live: _age(live.run))[:limit]

    def put_failures(self, tenant: str, run_id: str, pass_no: int, failures: Sequence[Failure]) -> None:
        """Store failures."""
        for failure in failures:
            check_size(f"The failure {failure.id}", len(dump_json(failure)))
        with self._lock:
            kept = self._failures.setdefault((tenant, run_id), {})
            kept.update({(pass_no, failure.id): failure for failure in failures})

    def list_failures(self, tenant: str, run_id: str, pass_no: int | None = None) -> list[Failure]:
        """Return failures."""
        kept = self._failures.get((tenant, run_id), {})
        return [kept[key] for key in sorted(kept) if pass_no in (None, key[0])]

    def put_repair(self, tenant: str, run_id: str, repair: Repair) -> None:
        """Store a repair."""
        check_size(f"The repair {repair.id}", len(dump_json(repair)))
        with self._lock:
            old = self._repairs.get((tenant, repair.id))
            if old and old.repair == repair and old.run_id == run_id:
                return
            self.ledger.append(tenant, f"repair.{repair.status}", repair.id, repair_data(run_id, repair))
            created = old.created_at if old else self._clock().isoformat(timespec="milliseconds")
            self._repairs[tenant, repair.id] = RepairRecord(run_id, created, repair, old.review if old else None)

    def list_repairs(self, tenant: str, run_id: str) -> list[Repair]:
        """Return a run's repairs."""
        return [r.repair for (of, _), r in sorted(self._repairs.items()) if of == tenant and r.run_id == run_id]

    def get_repair(self, tenant: str, repair_id: str) -> RepairRecord | None:
        """Return a repair."""
        return self._repairs.get((tenant, repair_id))

    def list_all_repairs(self, tenant: str, limit: int = 20, cursor: str | None = None) -> Page[RepairRecord]:
        """Return a page of repairs."""
        return _page({id_: record for (of, id_), record in self._repairs.items() if of == tenant}, limit, cursor)

    def review_repair(self, tenant: str, repair_id: str, review: Review) -> RepairRecord:
        """Store a person's word on a repair, and count it."""
        with self._lock:
            record = reviewable(self._repairs.get((tenant, repair_id)), repair_id)
            if said_already(record, review):
                return record
            key = tally_key(self._existing(tenant, record.run_id).project, record.repair)
            self.ledger.append(tenant, f"review.{review.word}", repair_id, review_data(record, review))
            counts = self._tallies.setdefault(tenant, {}).setdefault(key, {"right": 0, "wrong": 0})
            _add(counts, moved_counts(record.review, review))
            after = self._repairs[tenant, repair_id] = replace(record, review=review)
            return after

    def tallies(self, tenant: str) -> list[Tally]:
        """Return what people said of repairs, counted."""
        with self._lock:
            found = [
                Tally(*key, counts["right"], counts["wrong"]) for key, counts in self._tallies.get(tenant, {}).items()
            ]
        return sorted(found, key=tally_order)

    def put_chunk(self, tenant: str, run_id: str, pass_no: int, chunk: Mapping[str, Any]) -> None:
        """Store a chunk's summary."""
        with self._lock:
            self._chunks.setdefault((tenant, run_id), {})[pass_no, str(chunk["id"])] = dict(dump(dict(chunk)))

    def list_chunks(self, tenant: str, run_id: str, pass_no: int) -> list[dict[str, Any]]:
        """Return chunk summaries."""
        kept = self._chunks.get((tenant, run_id), {})
        return [dict(kept[key]) for key in sorted(kept) if key[0] == pass_no]

    def get_statistics(self, tenant: str, project: str) -> dict[str, FileStatistics]:
        """Return the statistics of a project."""
        return dict(self._statistics.get((tenant, project), {}))

    def update_statistics(self, tenant: str, project: str, statistics: Mapping[str, FileStatistics]) -> None:
        """Store the statistics of files."""
        with self._lock:
            self._statistics.setdefault((tenant, project), {}).update(statistics)

    def bump_counters(self, tenant: str, project: str, counts: Mapping[str, int]) -> None:
        """Add to a project's counters."""
        with self._lock:
            _add(self._counters.setdefault((tenant, project), {}), counts)

    def counters(self, tenant: str, project: str | None = None) -> dict[str, int]:
        """Return counters."""
        total: dict[str, int] = {}
        with self._lock:
            for (of, name), counts in self._counters.items():
                if of == tenant and project in (None, name):
                    _add(total, counts)
        return total


class InMemoryBlobStore:
    """Objects in a dict. Its presigned URLs name the object and lead nowhere."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:  # noqa: ARG002 - nobody asks a dict for it
        """Store an object."""
        self._objects[key] = bytes(data)

    def get(self, key: str) -> bytes:
        """Return an object's bytes."""
        if key not in self._objects:
            raise BlobNotFoundError(f"There is no object {key}.")
        return self._objects[key]

    def exists(self, key: str) -> bool:
        """Tell whether there is an object."""
        return key in self._objects

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._objects.pop(key, None)

    def presign_get(self, key: str, seconds: int = 3600) -> str:
        """Return a URL for GET."""
        return f"memory:///{quote(key)}?method=GET&seconds={seconds}"

    def presign_put(self, key: str, seconds: int = 3600) -> str:
        """Return a URL for PUT."""
        return f"memory:///{quote(key)}?method=PUT&seconds={seconds}"

    def list(self, prefix: str) -> list[str]:
        """Return keys."""
        return sorted(key for key in self._objects if key.startswith(prefix))


class InMemoryKeyStore:
    """Records of API keys in a dict."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or InMemoryLedger()
        self._records: dict[str, KeyRecord] = {}

    def save(self, record: KeyRecord) -> None:
        """Store a new record."""
        self.ledger.append(record.tenant, "key.created", record.id, {"scopes": list(record.scopes)})
        self._records[record.id] = record

    def find(self, key_id: str) -> KeyRecord | None:
        """Return a record."""
        return self._records.get(key_id)

    def revoke(self, tenant: str, key_id: str, at: str) -> bool:
        """Mark a key as revoked."""
        record = self._records.get(key_id)
        if record is None or record.tenant != tenant:
            return False
        if not record.revoked_at:
            self.ledger.append(tenant, "key.revoked", key_id, {})
            self._records[key_id] = replace(record, revoked_at=at)
        return True

    def records(self, tenant: str) -> list[KeyRecord]:
        """Return the tenant's records."""
        return sorted((r for r in self._records.values() if r.tenant == tenant), key=lambda record: record.id)


def _page(items: Mapping[str, Any], limit: int, cursor: str | None) -> Page[Any]:
    before = key_of(cursor) if cursor else None
    ids = sorted((id_ for id_ in items if before is None or id_ < before), reverse=True)
    chosen = ids[:limit]
    return Page(tuple(items[id_] for id_ in chosen), cursor_after(chosen[-1]) if len(ids) > limit else None)


def _add(total: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count


def _age(run: Run) -> tuple[int, str, str]:
    return milliseconds(run.created_at), run.tenant, run.id
