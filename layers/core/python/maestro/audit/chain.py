"""The chain itself: entries, their hashes, and the proof. Knows no storage."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from maestro.audit.errors import EntryRefused

GENESIS = "0" * 64  # stands for "the entry before" in a chain's first entry
MAX_PAYLOAD = 350_000  # bytes; a DynamoDB item holds 400 KB with its keys
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FIELDS = frozenset(("action", "at", "data", "previous", "seq", "subject", "tenant"))
_TAIL_QUOTES = (
    6  # quotes after `"subject":` where the subject has none of its own: two each for it, "tenant", the value
)
_HASH_MEMBER = re.compile(rb',"hash":"([0-9a-f]{64})"\}$')
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=True).encode


def check_tenant(tenant: str) -> str:
    """Return ``tenant`` if it is 1 to 64 letters, digits, dots, dashes and underscores; raise ``EntryRefused`` else."""
    if not _TENANT.fullmatch(tenant):
        msg = f"the tenant {tenant[:80]!r} is not 1 to 64 letters, digits, '.', '-' or '_', a letter or digit first"
        raise EntryRefused(msg)
    return tenant


def _check_keys(value: object) -> None:
    """Refuse keys that JSON would turn into strings: the entry read back would not equal the one written."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise EntryRefused(f"audit data holds the key {key!r}, which is not a string")
            _check_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_keys(inner)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: ``payload``, the canonical JSON of all its fields, and ``hash``, the payload's SHA-256 in hex.

    Canonical means keys sorted, no spaces, everything outside ASCII escaped. The fields are read from the payload, so
    that what is shown is what was hashed.
    """

    payload: bytes
    hash: str
    _fields: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def make(
        cls, tenant: str, seq: int, previous: str, *, at: str, action: str, subject: str, data: Mapping[str, Any]
    ) -> "Entry":
        """Build the entry that follows ``previous``; raises ``EntryRefused`` for data that JSON cannot hold."""
        _check_keys(data)
        fields = {
            "action": action,
            "at": at,
            "data": data if isinstance(data, dict) else dict(data),
            "previous": previous,
            "seq": seq,
            "subject": subject,
            "tenant": tenant,
        }
        try:
            payload = _encode(fields).encode("ascii")
        except (TypeError, ValueError, RecursionError) as error:
            raise EntryRefused(f"the audit data of {action!r} for {subject!r} is not JSON: {error}") from error
        if len(payload) > MAX_PAYLOAD:
            msg = f"the audit entry {action!r} for {subject!r} has {len(payload)} bytes, more than {MAX_PAYLOAD}"
            raise EntryRefused(msg + "; store the bulk as a blob and its key and hash here")
        return cls(payload, hashlib.sha256(payload).hexdigest())

    def fields(self) -> Mapping[str, Any]:
        """Return all fields but the hash; raises ``ValueError`` where the payload is not an entry."""
        if self._fields is None:
            try:
                loaded = json.loads(self.payload)
            except RecursionError as error:
                raise ValueError("the payload is nested too deeply to be an audit entry") from error
            if not isinstance(loaded, dict) or loaded.keys() != _FIELDS:
                raise ValueError("the payload does not hold the fields of an audit entry")
            object.__setattr__(self, "_fields", loaded)
            return loaded
        return self._fields

    @property
    def tenant(self) -> str:
        """Whose chain this is."""
        return str(self.fields()["tenant"])

    @property
    def seq(self) -> int:
        """The entry's number in the chain; the first is 1."""
        return int(self.fields()["seq"])

    @property
    def at(self) -> str:
        """When it was appended: ISO 8601, UTC."""
        return str(self.fields()["at"])

    @property
    def action(self) -> str:
        """What was done."""
        return str(self.fields()["action"])

    @property
    def subject(self) -> str:
        """To what."""
        return str(self.fields()["subject"])

    @property
    def data(self) -> Mapping[str, Any]:
        """What else there is to know."""
        data: Mapping[str, Any] = self.fields()["data"]
        return data

    @property
    def previous(self) -> str:
        """The hash of the entry before."""
        return str(self.fields()["previous"])


@dataclass(frozen=True, slots=True)
class Head:
    """The number and hash of a chain's last entry."""

    seq: int = 0
    hash: str = GENESIS


class Problem(StrEnum):
    """What is wrong with a chain."""

    CHANGED = "changed"  # an entry's bytes do not have its hash
    REMOVED = "removed"
    REORDERED = "reordered"
    FORKED = "forked"  # a second entry with a number, or one that does not follow from the one before


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a chain is whole; if not, ``problem`` says in words what is wrong and ``at`` with which number."""

    ok: bool
    problem: str = ""
    at: int | None = None
    kind: Problem | None = None
    checked: int = 0


def _links(payload: bytes, marker: bytes, tail: bytes) -> bool:
    """Tell, without parsing, whether the payload's last members are ``marker``, a plain subject, and ``tail``."""
    start = payload.rfind(marker)
    if start < 0:
        return False
    rest = payload[start + len(marker) :]
    return rest.endswith(tail) and rest.count(b'"') == _TAIL_QUOTES and b"\\" not in rest


def verify(entries: Iterable[Entry], head: Head, *, start: Head | None = None) -> Verification:
    """Prove a chain, or find the first thing wrong with it. Reads the entries once, keeps none.

    Parameters
    ----------
    entries
        The chain in order, all of one tenant.
    head
        What the store says the last entry is.
    start
        The last entry that was proven before, to go on after it.
    """
    last = start or Head()
    first, seq, previous = last.seq, last.seq, last.hash
    tail: bytes | None = None
    sha256 = hashlib.sha256
    stream = iter(entries)
    for entry in stream:
        seq += 1
        payload = entry.payload
        if sha256(payload).hexdigest() != entry.hash:
            return _changed(entry, seq, first)
        marker = b'"previous":"%b","seq":%d,"subject":' % (previous.encode(), seq)
        if tail is None or not _links(payload, marker, tail):
            try:
                fields = entry.fields()
                tenant = str(fields["tenant"])
                number = int(fields["seq"])
            except (ValueError, TypeError):
                return _changed(entry, seq, first)
            wanted = b',"tenant":%b}' % _encode(tenant).encode()
            if number != seq or fields["previous"] != previous or (tail is not None and wanted != tail):
                return _broken(seq, number, stream, checked=seq - 1 - first)
            tail = wanted
        previous = entry.hash
    return _ended(Head(seq, previous), head, checked=seq - first)


def _changed(entry: Entry, seq: int, first: int) -> Verification:
    try:
        claimed = entry.seq
    except (ValueError, TypeError):
        claimed = seq
    message = f"entry {seq} was changed: its bytes do not have the hash that is stored with it"
    if claimed != seq:
        message += f" (it now says that it is entry {claimed})"
    return Verification(ok=False, problem=message, at=seq, kind=Problem.CHANGED, checked=seq - 1 - first)


def _broken(seq: int, number: int, rest: Iterator[Entry], *, checked: int) -> Verification:
    """Name what happened where an unaltered entry does not follow from the one before it."""

    def found(kind: Problem, problem: str, at: int = seq) -> Verification:
        return Verification(ok=False, problem=problem, at=at, kind=kind, checked=checked)

    if number < seq:
        return found(Problem.FORKED, f"there is a second entry {number} after entry {seq - 1}", number)
    if number > seq:
        for later in rest:
            try:
                here = later.seq == seq
            except (ValueError, TypeError):
                continue
            if here:
                message = f"entry {seq} was moved: it stands after entry {number} instead of before it"
                return found(Problem.REORDERED, message)
        gap = f"entry {seq} was" if number == seq + 1 else f"entries {seq} to {number - 1} were"
        return found(Problem.REMOVED, f"{gap} removed: entry {number} follows entry {seq - 1}")
    return found(Problem.FORKED, f"entry {seq} does not follow from entry {seq - 1}: it names another one before it")


def _ended(last: Head, head: Head, *, checked: int) -> Verification:
    def found(kind: Problem, problem: str, at: int) -> Verification:
        return Verification(ok=False, problem=problem, at=at, kind=kind, checked=checked)

    if last.seq < head.seq:
        gap = f"entry {head.seq} was" if head.seq == last.seq + 1 else f"entries {last.seq + 1} to {head.seq} were"
        return found(Problem.REMOVED, f"{gap} removed from the end: the head says there are {head.seq}", last.seq + 1)
    if last.seq > head.seq:
        message = f"entry {head.seq + 1} was added past the head, which says there are {head.seq}"
        return found(Problem.FORKED, message, head.seq + 1)
    if last.hash != head.hash:
        message = f"entry {last.seq} is not the one that the head names: it was replaced, or the head was"
        return found(Problem.FORKED, message, last.seq)
    return Verification(ok=True, checked=checked)


def export(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the entries as JSON Lines: each payload with its hash as the last member, and a line end."""
    for entry in entries:
        yield b'%b,"hash":"%b"}\n' % (entry.payload[:-1], entry.hash.encode())


def parse_line(line: bytes) -> Entry:
    """Read one exported line back; raises ``ValueError`` if it is not one. It may still fail :func:`verify`."""
    stripped = line.rstrip(b"\r\n")
    found = _HASH_MEMBER.search(stripped)
    if found is None:
        raise ValueError('an exported audit line ends with ,"hash":"<64 hex digits>"}')
    return Entry(stripped[: found.start()] + b"}", found[1].decode())
