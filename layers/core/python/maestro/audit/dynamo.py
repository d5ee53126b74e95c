"""The audit trail in DynamoDB.

Items of one tenant: ``pk`` is ``{tenant}#AUDIT``; ``sk`` is ``ENTRY#{number, 12 digits}`` with ``payload`` and
``hash``, or ``HEAD`` with ``seq`` and ``hash``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import stamina

from maestro.audit.chain import Entry, Head, check_tenant
from maestro.audit.errors import ConditionFailed, EntryRefused, LedgerBusy, LedgerUnavailable
from maestro.audit.memory import now

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_ITEMS = 98  # DynamoDB takes 100 in a transaction; the entry and the head are two
_BUSY = frozenset(("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"))
_UNAVAILABLE = frozenset(
    (
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
    )
)


class _HeadMoved(Exception):  # noqa: N818 - never leaves this module
    pass


class DynamoLedger:
    """Chains in a DynamoDB table; one transaction per entry.

    Parameters
    ----------
    client
        A low-level client (``boto3.client("dynamodb")``). It sends a request token with each transaction, so its own
        retries after a lost answer do not append twice.
    table
        The table's name; its keys are ``pk`` and ``sk``, both strings.
    attempts, seconds
        How often, and for how long at most, an append is tried while other writers move the head.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        clock: Callable[[], datetime] = now,
        *,
        attempts: int = 20,
        seconds: float = 20.0,
    ) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._attempts = attempts
        self._seconds = seconds

    def append(
        self,
        tenant: str,
        action: str,
        subject: str,
        data: Mapping[str, Any],
        *,
        items: Sequence[Mapping[str, Any]] = (),
    ) -> Entry:
        """Add an entry, and store ``items`` in the same transaction; see :meth:`maestro.audit.Ledger.append`."""
        check_tenant(tenant)
        if len(items) > MAX_ITEMS:
            raise EntryRefused(f"{len(items)} items cannot share a transaction with an audit entry; {MAX_ITEMS} can")
        try:
            for attempt in stamina.retry_context(
                on=_HeadMoved,
                attempts=self._attempts,
                timeout=self._seconds,
                wait_initial=0.01,
                wait_max=0.5,
                wait_jitter=0.05,
            ):
                with attempt:
                    return self._append(tenant, action, subject, data, items)
        except _HeadMoved as error:
            message = (
                f"the audit entry {action!r} for {subject!r} of {tenant!r} was not stored, nor what belongs to it: "
            )
            raise LedgerBusy(message + "others kept writing to the same chain; try again") from error
        raise AssertionError("unreachable: the loop returns or raises")

    def _append(
        self, tenant: str, action: str, subject: str, data: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
    ) -> Entry:
        head = self.head(tenant)
        entry = Entry.make(
            tenant, head.seq + 1, head.hash, at=self._clock().isoformat(), action=action, subject=subject, data=data
        )
        put_entry = {
            "Put": {
                "TableName": self._table,
                "Item": {
                    "pk": {"S": f"{tenant}#AUDIT"},
                    "sk": {"S": _entry_key(entry.seq)},
                    "payload": {"S": entry.payload.decode("ascii")},
                    "hash": {"S": entry.hash},
                },
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        move_head: dict[str, Any] = {
            "TableName": self._table,
            "Item": {
                "pk": {"S": f"{tenant}#AUDIT"},
                "sk": {"S": "HEAD"},
                "seq": {"N": str(entry.seq)},
                "hash": {"S": entry.hash},
            },
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if head.seq:
            move_head["ConditionExpression"] = "seq = :seq AND #hash = :hash"
            move_head["ExpressionAttributeNames"] = {"#hash": "hash"}
            move_head["ExpressionAttributeValues"] = {":seq": {"N": str(head.seq)}, ":hash": {"S": head.hash}}
        transaction: list[Any] = [put_entry, {"Put": move_head}, *items]
        try:
            self._client.transact_write_items(TransactItems=transaction)
        except self._client.exceptions.TransactionCanceledException as error:
            self._explain(error, subject)
            raise
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _UNAVAILABLE:
                raise LedgerUnavailable(f"the audit table {self._table} is not available: {error}") from error
            raise
        return entry

    def _explain(self, error: "ClientError", subject: str) -> None:
        """Raise the cause of a cancelled transaction; return where it is not one that is expected."""
        reasons: list[Any] = error.response.get("CancellationReasons") or []
        codes = [str(reason.get("Code") or "None") for reason in reasons]
        for index, code in enumerate(codes[2:]):
            if code == "ConditionalCheckFailed":
                raise ConditionFailed(f"a condition on what is stored of {subject!r} no longer holds", index) from error
        if "ConditionalCheckFailed" in codes[:2] or any(code in _BUSY for code in codes):
            raise _HeadMoved from error

    def head(self, tenant: str) -> Head:
        """Return the last entry's number and hash, read consistently."""
        key = {"pk": {"S": f"{check_tenant(tenant)}#AUDIT"}, "sk": {"S": "HEAD"}}
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return Head(int(item["seq"]["N"]), item["hash"]["S"]) if item else Head()

    def entries(self, tenant: str, after: int = 0, limit: int | None = None) -> Iterator[Entry]:
        """Yield the entries above ``after`` in order, a page of the table at a time."""
        left = limit
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": f"{check_tenant(tenant)}#AUDIT"},
                ":first": {"S": _entry_key(after + 1)},
                ":last": {"S": "ENTRY#~"},
            },
            "ConsistentRead": True,
        }
        while left is None or left > 0:
            if left is not None:
                query["Limit"] = left
            page = self._client.query(**query)
            for item in page["Items"]:
                yield Entry(item["payload"]["S"].encode(), item["hash"]["S"])
            if left is not None:
                left -= len(page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _entry_key(seq: int) -> str:
    return f"ENTRY#{seq:012d}"
