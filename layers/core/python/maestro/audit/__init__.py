"""The audit trail: one tamper-evident chain of entries per tenant.

Every entry holds the SHA-256 of the one before it, and a head names the last one, so a changed, removed, reordered or
forked entry is found and located. A :class:`Ledger` appends; :func:`verify` proves; :func:`export` hands out JSON
Lines that :func:`parse_line` reads back. ``maestro.audit.dynamo.DynamoLedger`` stores an entry and the decision that
it records in one transaction. A rewrite of all entries *and* the head shows only against a head kept elsewhere.

>>> from maestro.audit import InMemoryLedger, verify
>>> ledger = InMemoryLedger()
>>> entry = ledger.append("acme", "run.created", "run-1", {"project": "shop"})
>>> entry.seq, verify(ledger.entries("acme"), ledger.head("acme")).ok
(1, True)
"""

from maestro.audit.chain import GENESIS, Entry, Head, Problem, Verification, export, parse_line, verify
from maestro.audit.errors import AuditError, ConditionFailed, EntryRefused, LedgerBusy, LedgerUnavailable
from maestro.audit.memory import InMemoryLedger
from maestro.audit.ports import Ledger

__all__ = [
    "GENESIS",
    "AuditError",
    "ConditionFailed",
    "Entry",
    "EntryRefused",
    "Head",
    "InMemoryLedger",
    "Ledger",
    "LedgerBusy",
    "LedgerUnavailable",
    "Problem",
    "Verification",
    "export",
    "parse_line",
    "verify",
]
