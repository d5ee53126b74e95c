"""The same cases on blob and key stores in memory and in AWS."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from maestro.audit.dynamo import DynamoLedger
from maestro.orchestration.dynamo_keys import DynamoKeyStore
from maestro.orchestration.errors import BlobNotFoundError
from maestro.orchestration.keys import ApiKeys, ExpiredKeyError, ForbiddenError, Principal, UnauthenticatedError
from maestro.orchestration.memory import InMemoryBlobStore, InMemoryKeyStore
from maestro.orchestration.ports import BlobStore
from maestro.orchestration.s3 import S3BlobStore
from support.aws import Aws


class Clock:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(params=["memory", "s3"])
def blobs(request: pytest.FixtureRequest) -> BlobStore:
    if request.param == "memory":
        return InMemoryBlobStore()
    aws: Aws = request.getfixturevalue("aws")
    return S3BlobStore(aws.bucket, aws.s3)


@pytest.fixture(params=["memory", "dynamo"])
def keys(request: pytest.FixtureRequest) -> ApiKeys:
    if request.param == "memory":
        return ApiKeys(InMemoryKeyStore(), Clock())
    aws: Aws = request.getfixturevalue("aws")
    return ApiKeys(DynamoKeyStore(aws.dynamodb, aws.table, DynamoLedger(aws.dynamodb, aws.table)), Clock())


def test_an_object_is_stored_replaced_and_removed(blobs: BlobStore) -> None:
    blobs.put("acme/a b/é.json", b"1")
    blobs.put("acme/a b/é.json", b"\x002")
    assert blobs.get("acme/a b/é.json") == b"\x002"
    assert blobs.exists("acme/a b/é.json")
    blobs.delete("acme/a b/é.json")
    blobs.delete("acme/a b/é.json")
    assert not blobs.exists("acme/a b/é.json")
    with pytest.raises(BlobNotFoundError, match=r"acme/a b/é\.json"):
        blobs.get("acme/a b/é.json")


def test_keys_are_listed_by_prefix_past_a_page(blobs: BlobStore) -> None:
    for number in range(1005):
        blobs.put(f"acme/{number:04d}", b"")
    blobs.put("acmf/0", b"")
    assert blobs.list("acme/") == [f"acme/{number:04d}" for number in range(1005)]
    assert blobs.list("acme/100") == [f"acme/{number}" for number in range(1000, 1005)]
    assert blobs.list("nobody/") == []


def test_presigned_urls_name_one_object_and_one_method(blobs: BlobStore) -> None:
    get, put = blobs.presign_get("acme/a b", 60), blobs.presign_put("acme/a b", 60)
    assert get != put
    for url in (get, put):
        assert urlsplit(url).path.endswith("/acme/a%20b")
        assert parse_qs(urlsplit(url).query)


def test_a_key_opens_what_its_scopes_say(keys: ApiKeys) -> None:
    key, record = keys.create("acme", ["runs:write", "runs:read"])
    assert key.startswith(f"mk_{record.id}_")
    assert keys.verify(key) == Principal("acme", ("runs:read", "runs:write"), record.id)
    assert keys.verify(key, "runs:read").tenant == "acme"
    with pytest.raises(ForbiddenError) as caught:
        keys.verify(key, "keys:write")
    assert (caught.value.code, caught.value.status) == ("forbidden", 403)
    assert key.split("_", 2)[2] not in repr(keys.list("acme"))


@pytest.mark.parametrize(
    "change", ["", "mk", "mk__", "mk_x", "zk{0}", "{0}x", "{0}é", "mk_nobody_secret", "x" * 10_000]
)
def test_a_wrong_key_opens_nothing(keys: ApiKeys, change: str) -> None:
    key, record = keys.create("acme", ["a"])
    presented = change.format(key) if "{0}" in change else change
    for wrong in (presented, key[:-1], f"mk_{record.id}_", key.replace(record.id, record.id[::-1] + "0")):
        with pytest.raises(UnauthenticatedError) as caught:
            keys.verify(wrong)
        assert caught.value.status == 401


def test_a_key_ends_with_its_time(keys: ApiKeys) -> None:
    clock: Any = keys.clock
    key, _ = keys.create("acme", ["a"], timedelta(hours=1))
    clock.now += timedelta(minutes=59)
    assert keys.verify(key).tenant == "acme"
    clock.now += timedelta(minutes=1)
    with pytest.raises(ExpiredKeyError):
        keys.verify(key)
    with pytest.raises(UnauthenticatedError):
        keys.verify(key + "x")


def test_a_revoked_key_opens_nothing_and_only_its_tenant_revokes_it(keys: ApiKeys) -> None:
    key, record = keys.create("acme", ["a"])
    assert not keys.revoke("umbrella", record.id)
    assert keys.verify(key).key_id == record.id
    assert keys.revoke("acme", record.id)
    assert keys.revoke("acme", record.id)
    with pytest.raises(UnauthenticatedError):
        keys.verify(key)
    [stored] = keys.list("acme")
    assert stored.revoked_at
    assert keys.list("umbrella") == []
    assert [entry.action for entry in keys.store.ledger.entries("acme")] == ["key.created", "key.revoked"]  # type: ignore[attr-defined]
