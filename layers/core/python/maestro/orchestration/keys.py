"""API keys: ``mk_<id>_<secret>``.

The secret has 256 random bits, so its plain SHA-256 is stored: there is nothing to guess that a slow hash would
protect, as there is with a password that a person chose.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar

from maestro.orchestration.errors import OrchestrationError
from maestro.orchestration.ports import KeyRecord, KeyStore
from maestro.orchestration.records import now

_PREFIX = "mk"
_PARTS = 3
_MAX_LENGTH = 200  # a key has 79 characters


class KeyError_(OrchestrationError):  # noqa: N801, N818 - KeyError is taken
    """Base of what is wrong with a presented key; ``status`` is the HTTP status that says so."""

    code: ClassVar[str] = "unauthenticated"
    status: ClassVar[int] = HTTPStatus.UNAUTHORIZED


class UnauthenticatedError(KeyError_):
    """No key, or none that is known: malformed, unknown, revoked, or with another secret."""


class ExpiredKeyError(KeyError_):
    """A known key whose time is over."""

    code: ClassVar[str] = "key_expired"


class ForbiddenError(KeyError_):
    """A valid key without the scope that the call needs."""

    code: ClassVar[str] = "forbidden"
    status: ClassVar[int] = HTTPStatus.FORBIDDEN


@dataclass(frozen=True, slots=True)
class Principal:
    """Who presents a key, and what it may do."""

    tenant: str
    scopes: tuple[str, ...]
    key_id: str


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """Makes, checks and revokes keys."""

    store: KeyStore
    clock: Callable[[], datetime] = now

    def create(self, tenant: str, scopes: Iterable[str], ttl: timedelta | None = None) -> tuple[str, KeyRecord]:
        """Make a key that is valid for ``ttl`` (None: for ever); returns it, this once, and its record."""
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        at = self.clock()
        record = KeyRecord(
            id=key_id,
            tenant=tenant,
            digest=hashlib.sha256(secret.encode()).hexdigest(),
            scopes=tuple(sorted(set(scopes))),
            created_at=at.isoformat(timespec="milliseconds"),
            expires_at=(at + ttl).isoformat(timespec="milliseconds") if ttl is not None else "",
        )
        self.store.save(record)
        return f"{_PREFIX}_{key_id}_{secret}", record

    def verify(self, presented: str, scope: str = "") -> Principal:
        """Return whose key it is. The secret is compared in constant time, for an unknown id too.

        Raises
        ------
        UnauthenticatedError
            If it is not a key, not a known one, or revoked; which of these is not said.
        ExpiredKeyError
            If it was valid until some time ago.
        ForbiddenError
            If ``scope`` is given and the key does not have it.
        """
        parts = presented.split("_", _PARTS - 1) if len(presented) <= _MAX_LENGTH and presented.isascii() else []
        key_id, secret = (parts[1], parts[2]) if len(parts) == _PARTS and parts[0] == _PREFIX else ("", "")
        record = self.store.find(key_id) if key_id.isalnum() else None
        digest = hashlib.sha256(secret.encode()).hexdigest()
        right = hmac.compare_digest(digest, record.digest if record else "0" * len(digest))
        if record is None or not right or record.revoked_at:
            raise UnauthenticatedError("No valid API key was presented; send one as 'Authorization: Bearer mk_...'.")
        if record.expires_at and self.clock() >= datetime.fromisoformat(record.expires_at):
            raise ExpiredKeyError(f"The API key {key_id} expired at {record.expires_at}; make a new one.")
        if scope and scope not in record.scopes:
            raise ForbiddenError(f"The API key {key_id} does not have the scope {scope!r} that this call needs.")
        return Principal(record.tenant, record.scopes, key_id)

    def revoke(self, tenant: str, key_id: str) -> bool:
        """End a key at once; False where the tenant has no such key."""
        return self.store.revoke(tenant, key_id, self.clock().isoformat(timespec="milliseconds"))

    def list(self, tenant: str) -> list[KeyRecord]:
        """Return the records of the tenant's keys, the ended ones too."""
        return self.store.records(tenant)
