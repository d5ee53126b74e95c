"""One DynamoDB table as the stores use it: a low-level client, ``pk`` and ``sk``, errors in our words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import stamina

from maestro.audit import ConditionFailed
from maestro.orchestration.errors import StoreUnavailableError
from maestro.orchestration.ports import Page
from maestro.orchestration.records import cursor_after

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Item = Mapping[str, Any]  # attribute name -> {"S": ...}, {"N": ...}, ...

_LATER = frozenset(
    (
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
    )
)


class Table:
    """A table with string keys ``pk`` and ``sk``. The client's own retries have been used up when it raises."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self.client = client
        self.name = name

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self.client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _LATER:
                raise StoreUnavailableError(f"The table {self.name} is not available: {error}") from error
            raise

    def get(self, pk: str, sk: str) -> Item | None:
        """Return an item as it is now, or None."""
        with self._explained():
            key = {"pk": {"S": pk}, "sk": {"S": sk}}
            return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")

    def put(self, item: Item) -> None:
        """Store an item in place of any with its key."""
        with self._explained():
            self.client.put_item(TableName=self.name, Item=dict(item))

    def update(self, pk: str, sk: str, expression: str, *, condition: str = "", **more: Any) -> bool:
        """Change an item; returns False, with nothing changed, where ``condition`` does not hold.

        ``more`` is passed on: ``ExpressionAttributeNames`` and ``ExpressionAttributeValues``.
        """
        if condition:
            more["ConditionExpression"] = condition
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        try:
            with self._explained():
                self.client.update_item(TableName=self.name, Key=key, UpdateExpression=expression, **more)
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def putting(self, item: Item, condition: str = "") -> dict[str, Any]:
        """Return the part of a transaction that stores an item."""
        put: dict[str, Any] = {"TableName": self.name, "Item": dict(item)}
        if condition:
            put["ConditionExpression"] = condition
        return {"Put": put}

    def updating(self, pk: str, sk: str, expression: str, condition: str = "", **more: Any) -> dict[str, Any]:
        """Return the part of a transaction that changes an item; ``more`` as for :meth:`update`."""
        if condition:
            more["ConditionExpression"] = condition
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return {"Update": {"TableName": self.name, "Key": key, "UpdateExpression": expression, **more}}

    def query(
        self,
        pk: str,
        *,
        index: str = "",
        prefix: str = "",
        below: str = "",
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """Yield the items of one partition, of the table (as they are now) or of an index, in order of their sort key.

        Parameters
        ----------
        prefix, below
            Only sort keys that begin with ``prefix``, or that are less than ``below``; one of the two at most.
        limit
            How many items at most.
        """
        names = (f"{index}pk", f"{index}sk")
        condition, values = "#pk = :pk", {":pk": {"S": pk}}
        aliases = {"#pk": names[0]}
        if prefix or below:
            aliases["#sk"] = names[1]
            condition += " AND begins_with(#sk, :sk)" if prefix else " AND #sk < :sk"
            values[":sk"] = {"S": prefix or below}
        query: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": aliases,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": not index,
        }
        if index:
            query["IndexName"] = index
        left = limit
        while left is None or left > 0:
            if left is not None:
                query["Limit"] = left
            with self._explained():
                page = self.client.query(**query)
            yield from page["Items"]
            if left is not None:
                left -= len(page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def optimistically(what: str, attempt: Callable[[], T]) -> T:
    """Read, decide and write again while others write in between; raises ``StoreUnavailableError``."""
    try:
        for retry in stamina.retry_context(
            on=ConditionFailed, attempts=10, timeout=10.0, wait_initial=0.01, wait_max=0.5, wait_jitter=0.05
        ):
            with retry:
                return attempt()
    except ConditionFailed as error:
        raise StoreUnavailableError(f"Others kept changing {what}; nothing was changed, try again.") from error
    raise AssertionError("unreachable: the loop returns or raises")


def page_of(items: Sequence[T], keys: Sequence[str], limit: int) -> Page[T]:
    """Return the first ``limit`` items as a page; the sort key of its last one is the cursor where there are more."""
    return Page(tuple(items[:limit]), cursor_after(keys[limit - 1]) if len(items) > limit else None)
