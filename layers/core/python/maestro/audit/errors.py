"""What can go wrong with the audit trail."""

from typing import ClassVar

from maestro.model import MaestroError


class AuditError(MaestroError):
    """Base of this package's errors."""

    code: ClassVar[str] = "audit_error"


class EntryRefused(AuditError):
    """An entry cannot be stored as it is: a bad tenant name, data that is not JSON, or too much of it."""

    code: ClassVar[str] = "audit_entry_refused"


class ConditionFailed(AuditError):
    """A condition of the caller's own item did not hold; nothing was stored, the entry neither.

    Attributes
    ----------
    index
        Position in the caller's ``items`` of the first one whose condition failed.
    """

    code: ClassVar[str] = "condition_failed"

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


class LedgerBusy(AuditError):
    """Other writers moved the head every time; nothing was stored."""

    code: ClassVar[str] = "audit_busy"
    retryable: ClassVar[bool] = True


class LedgerUnavailable(AuditError):
    """The table throttles or is out of reach; whether the entry was stored may be unknown."""

    code: ClassVar[str] = "audit_unavailable"
    retryable: ClassVar[bool] = True
