"""What an audit trail can do, whatever stores it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from maestro.audit.chain import Entry, Head


class Ledger(Protocol):
    """An append-only chain of entries per tenant."""

    def append(
        self,
        tenant: str,
        action: str,
        subject: str,
        data: Mapping[str, Any],
        *,
        items: Sequence[Mapping[str, Any]] = (),
    ) -> Entry:
        """Add an entry at the end of the tenant's chain.

        Parameters
        ----------
        action, subject
            What was done ("run.created") and to what (an id).
        data
            JSON data: strings, finite numbers, booleans, None, lists, and dicts with string keys.
        items
            Up to 98 DynamoDB transact items, stored with the entry or not at all. Only a ledger on DynamoDB takes any.

        Raises
        ------
        EntryRefused
            If the tenant, the data or the items cannot be stored by this ledger.
        ConditionFailed
            If a condition of ``items`` does not hold.
        LedgerBusy, LedgerUnavailable
            If it may work later.
        """
        ...

    def head(self, tenant: str) -> Head:
        """Return the last entry's number and hash; number 0 and ``GENESIS`` for a tenant without entries."""
        ...

    def entries(self, tenant: str, after: int = 0, limit: int | None = None) -> Iterator[Entry]:
        """Yield the entries numbered above ``after`` in order, ``limit`` of them at most."""
        ...
