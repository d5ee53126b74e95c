"""Errors of the steps of a run and of the HTTP API."""

from typing import ClassVar

from maestro.model import MaestroError


class OrchestrationError(MaestroError):
    """Base of everything that goes wrong between the parts."""

    code: ClassVar[str] = "orchestration_error"


class RequestError(OrchestrationError):
    """A request that cannot be served as it is; ``status`` is the HTTP status that says so."""

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 400


class NotFoundError(RequestError):
    """Something that was asked for does not exist, or belongs to another tenant."""

    code: ClassVar[str] = "not_found"
    status: ClassVar[int] = 404


class ConflictError(RequestError):
    """The request contradicts the state that its object is in."""

    code: ClassVar[str] = "conflict"
    status: ClassVar[int] = 409


class TransferError(OrchestrationError):
    """A presigned URL could not be read or written."""

    code: ClassVar[str] = "transfer_failed"
    retryable: ClassVar[bool] = True


class OrderError(OrchestrationError):
    """An order for the sandbox makes no sense."""

    code: ClassVar[str] = "bad_order"


class WrongTenantError(OrchestrationError):
    """A sandbox that has served one tenant was asked to serve another."""

    code: ClassVar[str] = "wrong_tenant"
    retryable: ClassVar[bool] = True
