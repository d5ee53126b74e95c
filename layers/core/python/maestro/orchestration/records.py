"""What all run stores share: the rules of a run's status, cursors, sizes. Knows no storage."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from maestro.model import Repair, RepairStatus, Review, Run, RunStatus, Tally, Word
from maestro.orchestration.errors import CursorError, ItemTooLargeError, NotFoundError, ReviewError, TransitionError
from maestro.orchestration.ports import RepairRecord

MAX_ITEM = 390_000  # bytes; DynamoDB takes 400 KB with keys and attribute names
_FIELDS = frozenset(("started_at", "ended_at", "totals", "code"))


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def moved(
    run: Run,
    to: RunStatus,
    *,
    expected: AbstractSet[RunStatus],
    reason: str,
    at: datetime,
    fields: Mapping[str, Any],
) -> Run | None:
    """Return the run as it is in its new status, or None where it is there already.

    Raises
    ------
    TransitionError
        If the run may not get there from where it is.
    TypeError
        If a field cannot change with the status.
    """
    unknown = fields.keys() - _FIELDS
    if unknown:
        raise TypeError(f"a transition cannot set {', '.join(sorted(unknown))}; only {', '.join(sorted(_FIELDS))}")
    if run.status is to and (to not in expected or to.final):
        return None
    if run.status.final or run.status not in expected:
        wanted = " or ".join(sorted(expected))
        state = "has ended: it is" if run.status.final else "is"
        raise TransitionError(f"The run {run.id} {state} {run.status}; only from {wanted} does it become {to}.")
    times = {}
    if to is RunStatus.RUNNING and not run.started_at:
        times["started_at"] = at.isoformat(timespec="milliseconds")
    if to.final:
        times["ended_at"] = at.isoformat(timespec="milliseconds")
    changes = {**times, **fields, "reason": reason or run.reason}
    return replace(run, status=to, version=run.version + 1, **changes)


def transition_data(before: Run, after: Run, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the audit trail keeps of a transition."""
    return {
        "from": str(before.status),
        "to": str(after.status),
        "reason": after.reason,
        "totals": dict(after.totals),
        **(extra or {}),
    }


def request_data(run: Run, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the audit trail keeps of a new run."""
    return {"project": run.project, "source": run.source, "heal": run.heal, **(extra or {})}


def repair_data(run_id: str, repair: Repair) -> dict[str, Any]:
    """Return what the audit trail keeps of a repair: enough to recognise its patch, not the patch."""
    return {
        "run": run_id,
        "failures": list(repair.failures),
        "strategy": str(repair.strategy),
        "tier": str(repair.tier),
        "confidence": repair.confidence,
        "gates": {name: gate.passed for name, gate in repair.proof.items()},
        "patch_sha256": hashlib.sha256(repair.patch.encode("utf-8", "surrogatepass")).hexdigest(),
    }


def review_data(record: RepairRecord, review: Review) -> dict[str, Any]:
    """Return what the audit trail keeps of a person's word."""
    return {
        "run": record.run_id,
        "word": str(review.word),
        "before": str(record.review.word) if record.review else "",
        "reason": review.reason,
        "by": review.by,
    }


def reviewable(record: RepairRecord | None, repair_id: str) -> RepairRecord:
    """Return the record where a person may say something of it; raises ``NotFoundError`` or ``ReviewError``."""
    if record is None:
        raise NotFoundError(f"There is no repair {repair_id}.")
    if record.repair.status is not RepairStatus.ACCEPTED:
        raise ReviewError(f"The repair {repair_id} did not survive the proof: nothing was changed by it.")
    return record


def said_already(record: RepairRecord, review: Review) -> bool:
    """Whether a person said this of the repair before, for this reason."""
    return record.review is not None and (record.review.word, record.review.reason) == (review.word, review.reason)


def moved_counts(before: Review | None, after: Review) -> dict[str, int]:
    """Return by how much a person's word changes ``right`` and ``wrong``; nothing where it says the same as before."""
    if before is not None and before.word is after.word:
        return {}
    side = {Word.APPROVED: "right", Word.REJECTED: "wrong"}
    return {side[after.word]: 1} | ({side[before.word]: -1} if before is not None else {})


def tally_key(project: str, repair: Repair) -> tuple[str, str, str, str]:
    """Return what a word on a repair counts for: project, strategy, generator, pattern."""
    return project, str(repair.strategy), repair.generator, repair.pattern


def tally_order(tally: Tally) -> tuple[str, str, str, str]:
    """Return by what tallies are sorted."""
    return tally.project, tally.strategy, tally.generator, tally.pattern


def milliseconds(timestamp: str) -> int:
    """Return an ISO 8601 time as milliseconds since the epoch; one without a zone is UTC."""
    when = datetime.fromisoformat(timestamp)
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def cursor_after(key: str) -> str:
    """Wrap the last key of a page."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(cursor: str) -> str:
    """Unwrap a cursor; raises ``CursorError`` for what is not one."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise CursorError("The cursor is not one that this list gave; leave it out to begin anew.") from error


def check_size(what: str, size: int) -> None:
    """Raise ``ItemTooLargeError`` where ``size`` bytes do not fit one item."""
    if size > MAX_ITEM:
        message = (
            f"{what} has {size} bytes; one item holds {MAX_ITEM}. Store its bulk as a blob, and the blob's key here."
        )
        raise ItemTooLargeError(message)
