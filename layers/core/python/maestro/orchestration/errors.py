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


class RunExistsError(ConflictError):
    """A run with this id is stored already."""

    code: ClassVar[str] = "run_exists"


class TransitionError(ConflictError):
    """A run is not in a status from which it may get to the one that was asked for; nothing was changed."""

    code: ClassVar[str] = "run_status_conflict"


class ReviewError(ConflictError):
    """A repair is not one that a person can approve or reject."""

    code: ClassVar[str] = "repair_not_accepted"


class CursorError(RequestError):
    """A page's cursor is not one that this list gave."""

    code: ClassVar[str] = "bad_cursor"


class StoreError(OrchestrationError):
    """A store refuses what it was asked to do."""

    code: ClassVar[str] = "store_error"


class ItemTooLargeError(StoreError):
    """Something has more bytes than one item of the table may have; nothing was stored."""

    code: ClassVar[str] = "item_too_large"


class StoreUnavailableError(StoreError):
    """A store throttles or is out of reach."""

    code: ClassVar[str] = "store_unavailable"
    retryable: ClassVar[bool] = True


class BlobNotFoundError(NotFoundError):
    """There is no object with this key (or, on S3, none that may be read)."""

    code: ClassVar[str] = "blob_not_found"


class SuiteUnknownError(RequestError):
    """A run was asked for a suite that the project does not have."""

    code: ClassVar[str] = "suite_unknown"


class OvertakenError(OrchestrationError):
    """A trial stops, because a candidate that would be preferred is proven."""

    code: ClassVar[str] = "trial_overtaken"


class TooSlowError(OrchestrationError):
    """A trial ends, because what it runs takes longer than a trial may."""

    code: ClassVar[str] = "trial_too_slow"
