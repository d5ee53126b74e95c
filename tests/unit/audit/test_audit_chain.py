"""Laws of the chain: it holds, and any single change of it is found where it was made."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.audit import Entry, Head, InMemoryLedger, Problem, export, parse_line, verify

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
records = st.tuples(st.text(max_size=12), st.text(max_size=30), st.dictionaries(st.text(max_size=8), json_values))


def chain(written: list[Any]) -> tuple[list[Entry], Head]:
    ledger = InMemoryLedger()
    for action, subject, data in written:
        ledger.append("acme", action, subject, data)
    return list(ledger.entries("acme")), ledger.head("acme")


@given(st.lists(records, max_size=8))
def test_a_chain_as_it_was_written_holds_and_survives_an_export(written: list[Any]) -> None:
    entries, head = chain(written)
    found = verify(entries, head)
    assert (found.ok, found.checked, found.problem) == (True, len(written), "")
    assert [parse_line(line) for line in export(entries)] == entries
    assert all(json.loads(line)["hash"] == entry.hash for line, entry in zip(export(entries), entries, strict=True))


@given(records)
def test_a_hash_is_that_of_the_canonical_json_of_everything_else(record: Any) -> None:
    [entry], _ = chain([record])
    fields = dict(entry.fields())
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    assert hashlib.sha256(canonical).hexdigest() == entry.hash
    assert set(fields) == {"tenant", "seq", "at", "action", "subject", "data", "previous"}
    assert (entry.action, entry.subject, entry.data) == record


def _rehashed(entry: Entry, **changes: Any) -> Entry:
    fields: dict[str, Any] = {**entry.fields(), **changes}
    payload = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return Entry(payload, hashlib.sha256(payload).hexdigest())


@settings(max_examples=200)
@given(st.lists(records, min_size=2, max_size=8), st.data())
def test_any_single_change_is_found_and_located(written: list[Any], data: st.DataObject) -> None:
    entries, head = chain(written)
    index = data.draw(st.integers(0, len(entries) - 1))
    entry, seq = entries[index], index + 1
    kind = data.draw(st.sampled_from(["field", "byte", "hash", "drop", "swap", "duplicate", "fork", "truncate"]))
    changed = list(entries)
    if kind == "field":
        forged = {"action": entry.action + "x", "subject": "else", "at": "1999", "data": {"forged": 1}, "seq": 99}
        name, value = data.draw(st.sampled_from(sorted(forged.items(), key=str)))
        if entry.fields()[name] == value:
            return
        payload = json.dumps({**entry.fields(), name: value}, sort_keys=True, separators=(",", ":")).encode()
        changed[index] = Entry(payload, entry.hash)
        expected: tuple[Problem, int] = (Problem.CHANGED, seq)
    elif kind == "byte":
        at = data.draw(st.integers(0, len(entry.payload) - 1))
        flipped = bytes([entry.payload[at] ^ data.draw(st.integers(1, 255))])
        changed[index] = Entry(entry.payload[:at] + flipped + entry.payload[at + 1 :], entry.hash)
        expected = (Problem.CHANGED, seq)
    elif kind == "hash":
        changed[index] = Entry(entry.payload, hashlib.sha256(b"forged").hexdigest())
        expected = (Problem.CHANGED, seq)
    elif kind == "drop":
        del changed[index]
        expected = (Problem.REMOVED, seq)
    elif kind == "swap":
        index = min(index, len(entries) - 2)
        changed[index], changed[index + 1] = changed[index + 1], changed[index]
        expected = (Problem.REORDERED, index + 1)
    elif kind == "duplicate":
        changed.insert(seq, entry)
        expected = (Problem.FORKED, seq)
    elif kind == "fork":  # rewritten with a hash that fits: the next entry, or the head, still names the old one
        changed[index] = _rehashed(entry, subject=entry.subject + "forged")
        expected = (Problem.FORKED, min(seq + 1, len(entries)))
    else:
        del changed[index:]
        expected = (Problem.REMOVED, seq)
    found = verify(iter(changed), head)
    assert not found.ok
    assert (found.kind, found.at) == expected
    assert f"entr{'ies' if 'entries' in found.problem else 'y'} {found.at}" in found.problem


def test_an_entry_past_the_head_is_found() -> None:
    entries, _ = chain([("a", "s", {})] * 3)
    found = verify(entries, Head(2, entries[1].hash))
    assert (found.kind, found.at) == (Problem.FORKED, 3)


def test_an_entry_of_another_tenant_is_found() -> None:
    entries, head = chain([("a", "s", {})] * 3)
    entries[1] = _rehashed(entries[1], tenant="umbrella")
    found = verify(entries, head)
    assert (found.ok, found.at) == (False, 2)


def test_data_that_imitates_the_links_deceives_nobody() -> None:
    entries, head = chain([("a", "s", {})])
    imitation = {"previous": entries[0].hash, "seq": 2, "subject": "s", "tenant": "acme"}
    wrong = Entry.make("acme", 7, "f" * 64, at="now", action="a", subject="s", data=imitation)
    assert verify([entries[0], wrong], Head(2, wrong.hash)).kind is Problem.REMOVED
    text = json.dumps(imitation, separators=(",", ":"))
    wrong = Entry.make("acme", 2, "f" * 64, at="now", action="a", subject=text, data={"x": text})
    assert verify([entries[0], wrong], Head(2, wrong.hash)).kind is Problem.FORKED
    assert verify(entries, head).ok


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b'{"seq":1}', b"\xff", b"[" * 10_000])
def test_bytes_that_are_no_entry_are_found_even_with_their_right_hash(payload: bytes) -> None:
    found = verify([Entry(payload, hashlib.sha256(payload).hexdigest())], Head(1, "x"))
    assert (found.kind, found.at) == (Problem.CHANGED, 1)


def test_verifying_reads_once_and_keeps_nothing() -> None:
    entries, head = chain([("a", "s", {"n": n}) for n in range(100)])
    assert verify((entry for entry in entries), head).checked == 100


@pytest.mark.parametrize("line", [b"", b"{}", b'{"a":1,"hash":"short"}', b"not json"])
def test_a_line_that_was_not_exported_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="audit line"):
        parse_line(line)
