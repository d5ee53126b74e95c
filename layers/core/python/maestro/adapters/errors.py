"""The errors of test tools' adapters."""

from typing import ClassVar

from maestro.model import MaestroError


class AdapterError(MaestroError):
    """The base of this package's errors."""

    code: ClassVar[str] = "adapter_error"


class UnknownAdapterError(AdapterError):
    """No adapter of that name."""

    code: ClassVar[str] = "adapter_unknown"


class RunnerError(AdapterError):
    """The warm runner of an environment does not start or does not answer."""

    code: ClassVar[str] = "runner_failed"
    retryable: ClassVar[bool] = True
