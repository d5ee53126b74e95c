"""Repairs and what people say of them, in the same table as the runs; the keys stand in ``dynamo.py``.

The word on a repair is an attribute of its item, so that storing the repair again leaves it; what it counts for is an
item of its own, changed in the same transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from maestro.audit import Ledger
from maestro.model import Repair, Review, Tally, dump_json, load_json
from maestro.orchestration.ports import Page, RepairRecord
from maestro.orchestration.records import (
    check_size,
    key_of,
    moved_counts,
    repair_data,
    review_data,
    reviewable,
    said_already,
    tally_key,
    tally_order,
)
from maestro.orchestration.table import Item, Table, optimistically, page_of

_TALLY = ("project", "strategy", "generator", "pattern")


class DynamoRepairs:
    """The part of ``DynamoRunStore`` that keeps repairs. ``expiry`` gives the moment at which an item is forgotten."""

    def __init__(
        self, table: Table, ledger: Ledger, clock: Callable[[], datetime], expiry: Callable[[], dict[str, str]]
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._clock = clock
        self._expiry = expiry

    def put(self, tenant: str, run_id: str, repair: Repair) -> None:
        """Store a repair and its audit entry; an update, so that a review that came in the meantime stays."""
        document = dump_json(repair)
        check_size(f"The repair {repair.id}", len(document))
        old = self._table.get(*_key(tenant, run_id, repair.id))
        if old and _record(old).repair == repair:
            return
        item = self._table.updating(
            *_key(tenant, run_id, repair.id),
            "SET document = :document, expires_at = :expiry, run_id = :run, gsi1pk = :all, gsi1sk = :id,"
            " created_at = if_not_exists(created_at, :now)",
            ExpressionAttributeValues={
                ":document": {"S": document.decode()},
                ":expiry": self._expiry(),
                ":run": {"S": run_id},
                ":all": {"S": f"{tenant}#REPAIRS"},
                ":id": {"S": repair.id},
                ":now": {"S": self._clock().isoformat(timespec="milliseconds")},
            },
        )
        action = f"repair.{repair.status}"
        self._ledger.append(tenant, action, repair.id, repair_data(run_id, repair), items=[item])

    def of_run(self, tenant: str, run_id: str) -> list[Repair]:
        """Return a run's repairs."""
        return [_record(item).repair for item in self._table.query(f"{tenant}#RUN#{run_id}", prefix="REPAIR#")]

    def get(self, tenant: str, repair_id: str) -> RepairRecord | None:
        """Return a repair."""
        for found in self._table.query(f"{tenant}#REPAIRS", index="gsi1", prefix=repair_id):
            if found["gsi1sk"]["S"] == repair_id:
                item = self._table.get(found["pk"]["S"], found["sk"]["S"])
                return _record(item) if item else None
        return None

    def page(self, tenant: str, limit: int, cursor: str | None) -> Page[RepairRecord]:
        """Return a page of the tenant's repairs."""
        below = key_of(cursor) if cursor else ""
        found = self._table.query(f"{tenant}#REPAIRS", index="gsi1", below=below, newest_first=True, limit=limit + 1)
        items = list(found)
        return page_of([_record(item) for item in items], [item["gsi1sk"]["S"] for item in items], limit)

    def review(self, tenant: str, repair_id: str, review: Review, project_of: Callable[[str], str]) -> RepairRecord:
        """Store a person's word; ``project_of`` tells a run's project, and raises where there is no such run."""

        def attempt() -> RepairRecord:
            record = reviewable(self.get(tenant, repair_id), repair_id)
            if said_already(record, review):
                return record
            key = tally_key(project_of(record.run_id), record.repair)
            before = {":old": {"S": dump_json(record.review).decode()}} if record.review else {}
            word = self._table.updating(
                *_key(tenant, record.run_id, repair_id),
                "SET review = :new",
                "review = :old" if before else "attribute_exists(pk) AND attribute_not_exists(review)",
                ExpressionAttributeValues={":new": {"S": dump_json(review).decode()}, **before},
            )
            counted = self._counted(tenant, key, moved_counts(record.review, review))
            data = review_data(record, review)
            self._ledger.append(tenant, f"review.{review.word}", repair_id, data, items=[word, *counted])
            return replace(record, review=review)

        return optimistically(f"the repair {repair_id}", attempt)

    def _counted(self, tenant: str, key: tuple[str, ...], change: Mapping[str, int]) -> list[dict[str, Any]]:
        """Return the part of a transaction that counts a word, if it changes the counts."""
        if not change:
            return []
        names = {f"#{name}": name for name in (*_TALLY, "right", "wrong")}
        values = {f":{name}": {"S": value} for name, value in zip(_TALLY, key, strict=True)}
        values |= {f":{side}": {"N": str(change.get(side, 0))} for side in ("right", "wrong")}
        told = ", ".join(f"#{name} = :{name}" for name in _TALLY)
        return [
            self._table.updating(
                f"{tenant}#TALLIES",
                "#".join(key),
                f"SET {told} ADD #right :right, #wrong :wrong",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        ]

    def tallies(self, tenant: str) -> list[Tally]:
        """Return what people said of repairs, counted."""
        items = self._table.query(f"{tenant}#TALLIES")
        found = [
            Tally(**{n: i[n]["S"] for n in _TALLY}, right=int(i["right"]["N"]), wrong=int(i["wrong"]["N"]))
            for i in items
        ]
        return sorted(found, key=tally_order)


def _key(tenant: str, run_id: str, repair_id: str) -> tuple[str, str]:
    return f"{tenant}#RUN#{run_id}", f"REPAIR#{repair_id}"


def _record(item: Item) -> RepairRecord:
    review = load_json(Review, item["review"]["S"]) if "review" in item else None
    repair = load_json(Repair, item["document"]["S"])
    return RepairRecord(item["run_id"]["S"], item["created_at"]["S"], repair, review)
