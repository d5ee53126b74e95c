"""A ledger in memory, for tests and for tools that need a chain but no store."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from maestro.audit.chain import Entry, Head, check_tenant
from maestro.audit.errors import EntryRefused


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class InMemoryLedger:
    """Chains in a dict. Takes no ``items``: it has no table to store them in."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._chains: dict[str, list[Entry]] = {}

    def append(
        self,
        tenant: str,
        action: str,
        subject: str,
        data: Mapping[str, Any],
        *,
        items: Sequence[Mapping[str, Any]] = (),
    ) -> Entry:
        """Add an entry; see :meth:`maestro.audit.Ledger.append`."""
        if items:
            raise EntryRefused("a ledger in memory stores no transact items; use DynamoLedger for them")
        check_tenant(tenant)
        with self._lock:
            head = self.head(tenant)
            at = self._clock().isoformat()
            entry = Entry.make(tenant, head.seq + 1, head.hash, at=at, action=action, subject=subject, data=data)
            self._chains.setdefault(tenant, []).append(entry)
        return entry

    def head(self, tenant: str) -> Head:
        """Return the last entry's number and hash."""
        chain = self._chains.get(tenant)
        return Head(len(chain), chain[-1].hash) if chain else Head()

    def entries(self, tenant: str, after: int = 0, limit: int | None = None) -> Iterator[Entry]:
        """Yield the entries above ``after`` as they are now."""
        chain = self._chains.get(tenant, [])
        yield from chain[after : len(chain) if limit is None else after + limit]
