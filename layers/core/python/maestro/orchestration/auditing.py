"""The audit function: append to, verify and export a tenant's trail."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maestro.audit import Head, export, parse_line, verify
from maestro.model import dump, load
from maestro.orchestration.errors import OrderError

if TYPE_CHECKING:
    from maestro.orchestration.context import Context

PAGE = 1000


def serve(context: "Context", event: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out an event of the audit function.

    ``{"action": "append", "tenant", "entry": {"action", "subject", "data"}}`` adds an entry;
    ``{"action": "verify", "tenant"}`` proves the stored trail; with ``lines`` (JSON Lines as exported) and ``head`` in
    the event it proves those instead, without any store; ``{"action": "export", "tenant", "after"}`` gives a page of
    JSON Lines.

    Raises
    ------
    OrderError
        If the event asks for something else.
    """
    action = event.get("action")
    if action == "verify" and "lines" in event:
        entries = [parse_line(line.encode()) for line in str(event["lines"]).splitlines() if line]
        return _plain(verify(entries, load(Head, event["head"])))
    tenant = str(event.get("tenant", ""))
    if not tenant:
        msg = "The event names no tenant."
        raise OrderError(msg)
    if action == "verify":
        ledger = context.ledger
        return _plain(verify(ledger.entries(tenant), ledger.head(tenant)))
    if action == "append":
        entry = event["entry"]
        added = context.ledger.append(tenant, entry["action"], entry["subject"], entry.get("data", {}))
        return {"seq": added.seq, "hash": added.hash}
    if action == "export":
        listed = list(context.ledger.entries(tenant, after=int(event.get("after", 0)), limit=PAGE))
        lines = b"".join(export(listed)).decode()
        return {"lines": lines, "next": listed[-1].seq if len(listed) == PAGE else None}
    msg = f"There is no action {action!r}; there are append, verify and export."
    raise OrderError(msg)


def _plain(value: object) -> dict[str, Any]:
    data: dict[str, Any] = dump(value)
    return data
