"""Runs in DynamoDB, in one table. ``{t}`` is the tenant.

====================================  ==============================  =============================================
pk                                    sk                              what, and its indexes
====================================  ==============================  =============================================
``{t}#RUNS``                          run id                          a run; gsi2: ``~unstreamed`` or ``~live``
``{t}#RUN#{run id}``                  ``COUNTERS``                    what the state machine counts
``{t}#RUN#{run id}``                  ``FAILURE#{pass}#{id}``         a failure
``{t}#RUN#{run id}``                  ``REPAIR#{id}``                 a repair; gsi1: ``{t}#REPAIRS``, id
``{t}#RUN#{run id}``                  ``CHUNK#{pass}#{id}``           a chunk's summary
``{t}#STATISTICS#{project}``          hash of the file, ``#{part}``   packed statistics of a file's tests
``{t}#COUNTERS``                      project                         counters
``{t}#TALLIES``                       project, strategy, generator,   what people said of repairs of this kind, counted
                                      pattern: joined by ``#``
``{t}#AUDIT``                         see ``maestro.audit.dynamo``    the audit trail
``{t}#KEYS``                          key id                          see ``maestro.orchestration.dynamo_keys``
====================================  ==============================  =============================================

The two partitions of gsi2 are the only ones across tenants, for the poller's sweep; they are sparse, and ordered by
the runs' age.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from maestro.audit import ConditionFailed, Ledger
from maestro.model import Failure, Repair, Review, Run, RunStatus, Tally, dump_json, load_json
from maestro.orchestration.dynamo_repairs import DynamoRepairs
from maestro.orchestration.dynamo_statistics import read_statistics, write_statistics
from maestro.orchestration.errors import NotFoundError, RunExistsError, TransitionError
from maestro.orchestration.ports import LiveRun, Page, RepairRecord
from maestro.orchestration.records import (
    check_size,
    key_of,
    milliseconds,
    moved,
    now,
    request_data,
    transition_data,
)
from maestro.orchestration.table import Item, Table, optimistically, page_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from maestro.aggregation.statistics import FileStatistics

UNSTREAMED = "~unstreamed"
LIVE = "~live"
_NEW = "attribute_not_exists(pk)"
_THERE = "attribute_exists(pk)"


class DynamoRunStore:
    """Runs in a table with the indexes ``gsi1`` and ``gsi2`` (all attributes) and TTL on ``expires_at``.

    Parameters
    ----------
    ledger
        Writes the audit entries, with the items that they record, into the same account and region.
    retention_days
        After how long runs, and what belongs to them, are forgotten. The audit trail and statistics stay.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        ledger: Ledger,
        clock: Callable[[], datetime] = now,
        *,
        retention_days: int = 90,
    ) -> None:
        self._table = Table(client, table)
        self.ledger = ledger
        self._clock = clock
        self._retention = timedelta(days=retention_days)
        self._repairs = DynamoRepairs(self._table, ledger, clock, self._expiry)

    def _expiry(self) -> dict[str, str]:
        return {"N": str(int((self._clock() + self._retention).timestamp()))}

    def create_run(self, run: Run, audit_data: Mapping[str, Any] | None = None) -> None:
        """Store a new run and its audit entry."""
        document = _document(run)
        check_size(f"The run {run.id}", len(dump_json(run)))
        item: dict[str, Any] = {
            "pk": {"S": _runs(run.tenant)},
            "sk": {"S": run.id},
            "document": {"S": document},
            "status": {"S": str(run.status)},
            "version": {"N": str(run.version)},
            "cancel_requested": {"BOOL": run.cancel_requested},
            "progress": {"M": {key: {"S": json.dumps(value)} for key, value in run.progress.items()}},
            "expires_at": self._expiry(),
        }
        if not run.status.final:
            item["gsi2pk"] = {"S": UNSTREAMED if run.status is RunStatus.QUEUED else LIVE}
            item["gsi2sk"] = {"S": _age(run)}
        data = request_data(run, audit_data)
        try:
            self.ledger.append(run.tenant, "run.requested", run.id, data, items=[self._table.putting(item, _NEW)])
        except ConditionFailed as error:
            raise RunExistsError(f"There is a run {run.id} already.") from error

    def get_run(self, tenant: str, run_id: str) -> Run | None:
        """Return a run."""
        item = self._table.get(_runs(tenant), run_id)
        return _run(item) if item else None

    def _existing(self, tenant: str, run_id: str) -> Run:
        run = self.get_run(tenant, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id}.")
        return run

    def list_runs(self, tenant: str, limit: int = 20, cursor: str | None = None) -> Page[Run]:
        """Return a page of runs."""
        below = key_of(cursor) if cursor else ""
        items = list(self._table.query(_runs(tenant), below=below, newest_first=True, limit=limit + 1))
        return page_of([_run(item) for item in items], [item["sk"]["S"] for item in items], limit)

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
        """Move a run to another status, with its audit entry."""

        def attempt() -> Run:
            run = self._existing(tenant, run_id)
            after = moved(run, to, expected=expected, reason=reason, at=self._clock(), fields=fields)
            if after is None:
                return run
            check_size(f"The run {run_id}", len(dump_json(after)))
            values: dict[str, Any] = {
                ":document": {"S": _document(after)},
                ":status": {"S": str(to)},
                ":version": {"N": str(after.version)},
                ":old": {"N": str(run.version)},
            }
            change = "SET document = :document, #status = :status, version = :version"
            if to.final:
                change += " REMOVE gsi2pk, gsi2sk"
            elif to is RunStatus.RUNNING:
                change += ", gsi2pk = :live, gsi2sk = :age"
                values |= {":live": {"S": LIVE}, ":age": {"S": _age(run)}}
            item = self._table.updating(
                _runs(tenant),
                run_id,
                change,
                "version = :old",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
            )
            data = transition_data(run, after, audit_data)
            self.ledger.append(tenant, action or f"run.{to}", run_id, data, items=[item])
            return after

        return optimistically(f"the run {run_id}", attempt)

    def request_cancel(self, tenant: str, run_id: str) -> Run:
        """Mark a run as to be cancelled, with its audit entry."""

        def attempt() -> Run:
            run = self._existing(tenant, run_id)
            if run.status.final:
                raise TransitionError(f"The run {run_id} has ended already: it is {run.status}.")
            if run.cancel_requested:
                return run
            item = self._table.updating(
                _runs(tenant),
                run_id,
                "SET cancel_requested = :true",
                "version = :old AND cancel_requested = :false",
                ExpressionAttributeValues={
                    ":true": {"BOOL": True},
                    ":false": {"BOOL": False},
                    ":old": {"N": str(run.version)},
                },
            )
            self.ledger.append(tenant, "run.cancel_requested", run_id, {"status": str(run.status)}, items=[item])
            return replace(run, cancel_requested=True)

        return optimistically(f"the run {run_id}", attempt)

    def set_progress(self, tenant: str, run_id: str, progress: Mapping[str, Any]) -> None:
        """Replace keys of the progress, in one write."""
        if not progress:
            return
        names = {f"#k{index}": key for index, key in enumerate(progress)}
        values = {f":v{index}": {"S": json.dumps(value)} for index, value in enumerate(progress.values())}
        change = "SET " + ", ".join(f"progress.#k{index} = :v{index}" for index in range(len(progress)))
        there = self._table.update(
            _runs(tenant),
            run_id,
            change,
            condition=_THERE,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        if not there:
            raise NotFoundError(f"There is no run {run_id}.")

    def progress_key(self, tenant: str, run_id: str) -> tuple[str, str]:
        """Return the key of the counters' item."""
        return _parts(tenant, run_id), "COUNTERS"

    def counters_of(self, tenant: str, run_id: str) -> dict[str, int]:
        """Return a run's counters."""
        item = self._table.get(*self.progress_key(tenant, run_id)) or {}
        return {name: int(value["N"]) for name, value in item.items() if "N" in value and name != "expires_at"}

    def reset_counters(self, tenant: str, run_id: str) -> None:
        """Set a run's counters to nothing."""
        pk, sk = self.progress_key(tenant, run_id)
        self._table.put({"pk": {"S": pk}, "sk": {"S": sk}, "expires_at": self._expiry()})

    def mark_streamed(self, tenant: str, run_id: str, message_id: str = "") -> None:
        """Note that a run was published."""
        values = {
            ":queued": {"S": str(RunStatus.QUEUED)},
            ":live": {"S": LIVE},
            ":at": {"N": f"{self._clock().timestamp():.3f}"},
            ":message": {"S": message_id},
        }
        marked = self._table.update(
            _runs(tenant),
            run_id,
            "SET gsi2pk = :live, streamed_at = :at, message_id = :message",
            condition="#status = :queued",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=values,
        )
        if not marked:
            self._existing(tenant, run_id)

    def list_unstreamed(self, older_than_seconds: float = 5.0, limit: int = 500) -> list[Run]:
        """Return runs never published; from an index, so one published a moment ago may still be there."""
        border = int((self._clock().timestamp() - older_than_seconds) * 1000) + 1
        items = self._table.query(UNSTREAMED, index="gsi2", below=_moment(border), limit=limit)
        return [_run(item) for item in items]

    def list_running(self, limit: int = 500) -> list[LiveRun]:
        """Return runs that are under way; from an index, so one that ended a moment ago may still be there."""
        return [
            LiveRun(
                _run(item),
                float(item["streamed_at"]["N"]) if "streamed_at" in item else 0.0,
                item["message_id"]["S"] if "message_id" in item else "",
            )
            for item in self._table.query(LIVE, index="gsi2", limit=limit)
        ]

    def put_failures(self, tenant: str, run_id: str, pass_no: int, failures: Sequence[Failure]) -> None:
        """Store failures, an item each."""
        documents = [dump_json(failure) for failure in failures]
        for failure, document in zip(failures, documents, strict=True):
            check_size(f"The failure {failure.id}", len(document))
        for failure, document in zip(failures, documents, strict=True):
            self._table.put(self._part(tenant, run_id, f"FAILURE#{pass_no:04d}#{failure.id}", document))

    def _part(self, tenant: str, run_id: str, sk: str, document: bytes) -> dict[str, Any]:
        return {
            "pk": {"S": _parts(tenant, run_id)},
            "sk": {"S": sk},
            "document": {"S": document.decode()},
            "expires_at": self._expiry(),
        }

    def list_failures(self, tenant: str, run_id: str, pass_no: int | None = None) -> list[Failure]:
        """Return failures."""
        prefix = "FAILURE#" if pass_no is None else f"FAILURE#{pass_no:04d}#"
        items = self._table.query(_parts(tenant, run_id), prefix=prefix)
        return [load_json(Failure, item["document"]["S"]) for item in items]

    def put_repair(self, tenant: str, run_id: str, repair: Repair) -> None:
        """Store a repair and its audit entry."""
        self._repairs.put(tenant, run_id, repair)

    def list_repairs(self, tenant: str, run_id: str) -> list[Repair]:
        """Return a run's repairs."""
        return self._repairs.of_run(tenant, run_id)

    def get_repair(self, tenant: str, repair_id: str) -> RepairRecord | None:
        """Return a repair; one stored a moment ago may not be found yet, but what is found is as it is now."""
        return self._repairs.get(tenant, repair_id)

    def list_all_repairs(self, tenant: str, limit: int = 20, cursor: str | None = None) -> Page[RepairRecord]:
        """Return a page of repairs, newest run first, as their ids begin with its time."""
        return self._repairs.page(tenant, limit, cursor)

    def review_repair(self, tenant: str, repair_id: str, review: Review) -> RepairRecord:
        """Store a person's word on a repair, its count and its audit entry, all or none."""
        return self._repairs.review(tenant, repair_id, review, lambda run_id: self._existing(tenant, run_id).project)

    def tallies(self, tenant: str) -> list[Tally]:
        """Return what people said of repairs, counted."""
        return self._repairs.tallies(tenant)

    def put_chunk(self, tenant: str, run_id: str, pass_no: int, chunk: Mapping[str, Any]) -> None:
        """Store a chunk's summary."""
        document = json.dumps(dict(chunk)).encode()
        check_size(f"The summary of chunk {chunk['id']}", len(document))
        self._table.put(self._part(tenant, run_id, f"CHUNK#{pass_no:04d}#{chunk['id']}", document))

    def list_chunks(self, tenant: str, run_id: str, pass_no: int) -> list[dict[str, Any]]:
        """Return chunk summaries."""
        items = self._table.query(_parts(tenant, run_id), prefix=f"CHUNK#{pass_no:04d}#")
        return [json.loads(item["document"]["S"]) for item in items]

    def get_statistics(self, tenant: str, project: str) -> "dict[str, FileStatistics]":
        """Return the statistics of a project."""
        return read_statistics(self._table, f"{tenant}#STATISTICS#{project}")

    def update_statistics(self, tenant: str, project: str, statistics: "Mapping[str, FileStatistics]") -> None:
        """Store the statistics of files; of two runs that end at once, the later one's count."""
        write_statistics(self._table, f"{tenant}#STATISTICS#{project}", statistics)

    def bump_counters(self, tenant: str, project: str, counts: Mapping[str, int]) -> None:
        """Add to a project's counters, in one write."""
        if not counts:
            return
        self._table.update(
            f"{tenant}#COUNTERS",
            project,
            "ADD " + ", ".join(f"#c{index} :c{index}" for index in range(len(counts))),
            ExpressionAttributeNames={f"#c{index}": name for index, name in enumerate(counts)},
            ExpressionAttributeValues={f":c{index}": {"N": str(count)} for index, count in enumerate(counts.values())},
        )

    def counters(self, tenant: str, project: str | None = None) -> dict[str, int]:
        """Return counters."""
        pk = f"{tenant}#COUNTERS"
        items = self._table.query(pk) if project is None else filter(None, [self._table.get(pk, project)])
        total: dict[str, int] = {}
        for item in items:
            for name, value in item.items():
                if "N" in value:
                    total[name] = total.get(name, 0) + int(value["N"])
        return total


def _runs(tenant: str) -> str:
    return f"{tenant}#RUNS"


def _parts(tenant: str, run_id: str) -> str:
    return f"{tenant}#RUN#{run_id}"


def _moment(when: int) -> str:
    return f"{when:015d}"


def _age(run: Run) -> str:
    return f"{_moment(milliseconds(run.created_at))}#{run.tenant}#{run.id}"


def _document(run: Run) -> str:
    """Serialise what changes with the status only; the rest stands in attributes of its own."""
    return dump_json(replace(run, progress={})).decode()


def _run(item: Item) -> Run:
    return replace(
        load_json(Run, item["document"]["S"]),
        status=RunStatus(item["status"]["S"]),
        version=int(item["version"]["N"]),
        cancel_requested=item["cancel_requested"]["BOOL"],
        progress={key: json.loads(value["S"]) for key, value in item["progress"]["M"].items()},
    )
