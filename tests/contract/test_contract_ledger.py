"""The same cases on the ledger in memory and in DynamoDB."""

from threading import Thread

import pytest
from maestro.audit import (
    ConditionFailed,
    EntryRefused,
    Head,
    InMemoryLedger,
    Ledger,
    LedgerBusy,
    export,
    parse_line,
    verify,
)
from maestro.audit.dynamo import DynamoLedger
from support.aws import Aws


@pytest.fixture(params=["memory", "dynamo"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return InMemoryLedger()
    aws: Aws = request.getfixturevalue("aws")
    return DynamoLedger(aws.dynamodb, aws.table)


def test_a_chain_grows_and_proves_itself(ledger: Ledger) -> None:
    assert ledger.head("acme") == Head()
    for number in range(5):
        entry = ledger.append("acme", "run.created", f"run-{number}", {"n": number, "é": ["ü", None, 1.5]})
        assert (entry.seq, entry.tenant, entry.subject) == (number + 1, "acme", f"run-{number}")
    entries = list(ledger.entries("acme"))
    assert [entry.data["n"] for entry in entries] == [0, 1, 2, 3, 4]
    assert verify(entries, ledger.head("acme")).ok
    assert ledger.head("acme") == Head(5, entries[-1].hash)


def test_tenants_have_chains_of_their_own(ledger: Ledger) -> None:
    ledger.append("acme", "a", "s", {})
    assert ledger.append("umbrella", "a", "s", {}).seq == 1
    assert [entry.tenant for entry in ledger.entries("umbrella")] == ["umbrella"]


def test_entries_are_read_in_pieces(ledger: Ledger) -> None:
    for number in range(7):
        ledger.append("acme", "a", str(number), {})
    assert [e.seq for e in ledger.entries("acme", after=2, limit=3)] == [3, 4, 5]
    assert [e.seq for e in ledger.entries("acme", after=5)] == [6, 7]
    assert list(ledger.entries("acme", after=7)) == []
    assert list(ledger.entries("acme", limit=0)) == []
    third = next(ledger.entries("acme", after=2, limit=1))
    assert verify(ledger.entries("acme", after=3), ledger.head("acme"), start=Head(3, third.hash)).ok


def test_an_export_reads_back_and_proves_itself(ledger: Ledger) -> None:
    for number in range(3):
        ledger.append("acme", "a", f'"tenant":"{number}\\', {"previous": "x", "text": 'a"b\\c'})
    lines = list(export(ledger.entries("acme")))
    again = [parse_line(line) for line in lines]
    assert again == list(ledger.entries("acme"))
    assert verify(again, ledger.head("acme")).ok


@pytest.mark.parametrize(
    "data", [{"x": object()}, {1: "x"}, {"x": float("nan")}, {"x": [{2: 1}]}, {"x": "y" * 400_000}]
)
def test_what_cannot_be_stored_is_refused_and_leaves_no_trace(ledger: Ledger, data: dict[str, object]) -> None:
    with pytest.raises(EntryRefused):
        ledger.append("acme", "a", "s", data)
    assert ledger.head("acme") == Head()


@pytest.mark.parametrize("tenant", ["", "a#b", "~live", "a" * 65, "a b", "a\n"])
def test_a_tenant_name_that_could_reach_another_key_is_refused(ledger: Ledger, tenant: str) -> None:
    with pytest.raises(EntryRefused):
        ledger.append(tenant, "a", "s", {})


def test_writers_at_once_make_one_chain(ledger: Ledger) -> None:
    def write(name: str) -> None:
        for number in range(5):
            ledger.append("acme", "a", f"{name}-{number}", {})

    threads = [Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verify(ledger.entries("acme"), ledger.head("acme"))
    assert (found.ok, found.checked) == (True, 20)


def _put(aws: Aws, condition: str = "attribute_not_exists(pk)") -> dict[str, object]:
    item = {"pk": {"S": "acme#X"}, "sk": {"S": "1"}}
    return {"Put": {"TableName": aws.table, "Item": item, "ConditionExpression": condition}}


def test_an_item_and_its_entry_are_stored_together(aws: Aws) -> None:
    ledger = DynamoLedger(aws.dynamodb, aws.table)
    ledger.append("acme", "a", "s", {}, items=[_put(aws)])
    key = {"pk": {"S": "acme#X"}, "sk": {"S": "1"}}
    assert "Item" in aws.dynamodb.get_item(TableName=aws.table, Key=key)
    with pytest.raises(ConditionFailed) as caught:
        ledger.append("acme", "a", "s", {}, items=[_put(aws, "attribute_not_exists(zz)"), _put(aws)][1:])
    assert caught.value.index == 0
    assert ledger.head("acme").seq == 1
    assert len(list(ledger.entries("acme"))) == 1


def test_a_moved_head_is_retried_and_a_failed_condition_is_not(aws: Aws) -> None:
    ledger = DynamoLedger(aws.dynamodb, aws.table)
    other = DynamoLedger(aws.dynamodb, aws.table)
    read, reads = ledger.head, []

    def stale(tenant: str) -> Head:
        head = read(tenant)
        reads.append(head.seq)
        if len(reads) <= 2:
            other.append(tenant, "other", "s", {})  # between our read and our write
        return head

    ledger.head = stale  # type: ignore[method-assign]
    assert ledger.append("acme", "a", "s", {}).seq == 3
    assert reads == [0, 1, 2]
    with pytest.raises(ConditionFailed):
        ledger.append("acme", "a", "s", {}, items=[_put(aws, "attribute_exists(pk)")])
    assert len(reads) == 4


def test_a_head_that_always_moves_ends_in_a_clear_error(aws: Aws) -> None:
    ledger = DynamoLedger(aws.dynamodb, aws.table, attempts=3)
    other = DynamoLedger(aws.dynamodb, aws.table)
    read = ledger.head

    def stale(tenant: str) -> Head:
        head = read(tenant)
        other.append(tenant, "other", "s", {})
        return head

    ledger.head = stale  # type: ignore[method-assign]
    with pytest.raises(LedgerBusy, match="try again") as caught:
        ledger.append("acme", "a", "s", {}, items=[_put(aws)])
    assert caught.value.retryable
    assert verify(other.entries("acme"), other.head("acme")).checked == 3


def test_a_ledger_in_memory_does_not_drop_items_silently() -> None:
    with pytest.raises(EntryRefused):
        InMemoryLedger().append("acme", "a", "s", {}, items=[{"Put": {}}])
