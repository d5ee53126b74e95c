"""What the command line can end with, and the errors that end it."""

from enum import IntEnum
from typing import ClassVar

from maestro.model import MaestroError


class Exit(IntEnum):
    """Exit codes; the same as pytest's."""

    OK = 0
    FAILURES = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING_COLLECTED = 5


class CliError(MaestroError):
    """Base of the command line's own errors; ``exit_code`` is what the process ends with."""

    code: ClassVar[str] = "cli_error"
    exit_code: ClassVar[Exit] = Exit.INTERNAL


class UsageError(CliError):
    """The command was asked for something that it cannot do: a bad argument, folder or configuration."""

    code: ClassVar[str] = "usage"
    exit_code: ClassVar[Exit] = Exit.USAGE


class ServiceError(CliError):
    """The service could not be reached, or answered with something that the command cannot work with."""

    code: ClassVar[str] = "service_unavailable"
    retryable: ClassVar[bool] = True


class ApiError(CliError):
    """The service refused a request; ``status`` and ``problem`` are from its problem document (RFC 9457)."""

    code: ClassVar[str] = "api_error"

    def __init__(self, message: str, *, status: int, problem_code: str) -> None:
        super().__init__(message)
        self.status = status
        self.problem_code = problem_code


class PatchApplyError(CliError):
    """A repair could not be applied to the folder; nothing was changed."""

    code: ClassVar[str] = "patch_not_applied"
    exit_code: ClassVar[Exit] = Exit.USAGE
