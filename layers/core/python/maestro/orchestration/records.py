"""What all run stores share: the rules of a run's status, cursors, sizes. Knows no storage."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from maestro.model import Repair, Run, RunStatus
from maestro.orchestration.errors import CursorError, ItemTooLargeError, TransitionError

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
