"""The errors of sources, environments and sandboxes."""

from typing import ClassVar

from maestro.model import MaestroError


class RegistryError(MaestroError):
    """The base of this package's errors."""

    code: ClassVar[str] = "registry_error"


class BundleError(RegistryError):
    """A source bundle cannot be made or must not be unpacked."""

    code: ClassVar[str] = "bundle_unreadable"


class BundleEmptyError(BundleError):
    """There is nothing to run."""

    code: ClassVar[str] = "bundle_empty"


class BundleUnsafeError(BundleError):
    """The archive names something outside of its folder, or something that is not a file, folder or link."""

    code: ClassVar[str] = "bundle_unsafe"


class BundleTooLargeError(BundleError):
    """The archive holds more than the limits allow."""

    code: ClassVar[str] = "bundle_too_large"


class EnvironmentBuildError(RegistryError):
    """The installer could not build the environment; the message holds its own words."""

    code: ClassVar[str] = "environment_build_failed"


class EnvironmentTimeoutError(EnvironmentBuildError):
    """The installer did not end in time."""

    code: ClassVar[str] = "environment_build_timeout"
    retryable: ClassVar[bool] = True


class PythonMissingError(EnvironmentBuildError):
    """No interpreter of the wanted version; the message lists those that were found."""

    code: ClassVar[str] = "environment_python_missing"


class PatchError(RegistryError):
    """A patch does not apply, or reaches outside of the tree; the message holds git's words."""

    code: ClassVar[str] = "patch_failed"


class SandboxError(RegistryError):
    """The sandbox itself failed, not what ran in it."""

    code: ClassVar[str] = "sandbox_failed"
    retryable: ClassVar[bool] = True
