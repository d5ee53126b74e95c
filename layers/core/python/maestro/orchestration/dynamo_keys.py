"""Records of API keys in DynamoDB.

``pk`` is ``{tenant}#KEYS``, ``sk`` the key's id. A presented key names no tenant, so gsi1 (``~key#{id}``) finds its
record; whether it is revoked is then read from the table itself, where it is never out of date.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from maestro.audit import ConditionFailed, Ledger
from maestro.orchestration.ports import KeyRecord
from maestro.orchestration.table import Item, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEPT = timedelta(days=30)  # an expired key is remembered so long, to tell its owner that it expired


class DynamoKeyStore:
    """Records in the same table as the runs; the ledger's entries are stored with them."""

    def __init__(self, client: "DynamoDBClient", table: str, ledger: Ledger) -> None:
        self._table = Table(client, table)
        self.ledger = ledger

    def save(self, record: KeyRecord) -> None:
        """Store a new record and its audit entry."""
        item: dict[str, Any] = {
            "pk": {"S": f"{record.tenant}#KEYS"},
            "sk": {"S": record.id},
            "gsi1pk": {"S": f"~key#{record.id}"},
            "gsi1sk": {"S": record.tenant},
            "digest": {"S": record.digest},
            "scopes": {"L": [{"S": scope} for scope in record.scopes]},
            "created_at": {"S": record.created_at},
            "until": {"S": record.expires_at},
            "revoked_at": {"S": record.revoked_at},
        }
        if record.expires_at:
            forgotten = datetime.fromisoformat(record.expires_at) + _KEPT
            item["expires_at"] = {"N": str(int(forgotten.timestamp()))}
        put = {"TableName": self._table.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        data = {"scopes": list(record.scopes), "expires_at": record.expires_at}
        self.ledger.append(record.tenant, "key.created", record.id, data, items=[{"Put": put}])

    def find(self, key_id: str) -> KeyRecord | None:
        """Return a record."""
        for found in self._table.query(f"~key#{key_id}", index="gsi1", limit=1):
            item = self._table.get(found["pk"]["S"], found["sk"]["S"])
            return _record(item) if item else None
        return None

    def revoke(self, tenant: str, key_id: str, at: str) -> bool:
        """Mark a key as revoked, with its audit entry."""
        item = self._table.get(f"{tenant}#KEYS", key_id)
        if item is None:
            return False
        if item["revoked_at"]["S"]:
            return True
        update = {
            "TableName": self._table.name,
            "Key": {"pk": {"S": f"{tenant}#KEYS"}, "sk": {"S": key_id}},
            "UpdateExpression": "SET revoked_at = :at",
            "ConditionExpression": "revoked_at = :never",
            "ExpressionAttributeValues": {":at": {"S": at}, ":never": {"S": ""}},
        }
        with suppress(ConditionFailed):  # someone else revoked it at the same moment
            self.ledger.append(tenant, "key.revoked", key_id, {}, items=[{"Update": update}])
        return True

    def records(self, tenant: str) -> list[KeyRecord]:
        """Return the tenant's records."""
        return [_record(item) for item in self._table.query(f"{tenant}#KEYS")]


def _record(item: Item) -> KeyRecord:
    return KeyRecord(
        id=item["sk"]["S"],
        tenant=item["pk"]["S"].removesuffix("#KEYS"),
        digest=item["digest"]["S"],
        scopes=tuple(scope["S"] for scope in item["scopes"]["L"]),
        created_at=item["created_at"]["S"],
        expires_at=item["until"]["S"],
        revoked_at=item["revoked_at"]["S"],
    )
