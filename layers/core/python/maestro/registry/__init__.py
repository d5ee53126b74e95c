"""Sources, interpreters, environments and sandboxes: what a suite runs in.

``bundles`` packs and unpacks source trees; ``interpreters`` finds Pythons; ``environments`` builds virtual environments
once for what they depend on; ``sandbox`` gives private copies of a tree, applies patches to them, and runs programs
that cannot outlive their deadline. Everything that comes out of a project is taken for hostile.

>>> import tempfile
>>> from pathlib import Path
>>> from maestro.registry import pack, unpack
>>> folder = Path(tempfile.mkdtemp())
>>> (folder / "project").mkdir()
>>> _ = (folder / "project" / "test_it.py").write_text("def test_it(): pass")
>>> pack(folder / "project", folder / "source.tar.gz").files
1
>>> unpack(folder / "source.tar.gz", folder / "copy")
>>> [path.name for path in (folder / "copy").iterdir()]
['test_it.py']
"""

from maestro.registry.bundles import BundleInfo, Limits, pack, unpack
from maestro.registry.environments import Environment, EnvironmentBuilder, archive_key
from maestro.registry.errors import (
    BundleEmptyError,
    BundleError,
    BundleTooLargeError,
    BundleUnsafeError,
    EnvironmentBuildError,
    EnvironmentTimeoutError,
    PatchError,
    PythonMissingError,
    RegistryError,
    SandboxError,
)
from maestro.registry.sandbox import Workspace

__all__ = [
    "BundleEmptyError",
    "BundleError",
    "BundleInfo",
    "BundleTooLargeError",
    "BundleUnsafeError",
    "Environment",
    "EnvironmentBuildError",
    "EnvironmentBuilder",
    "EnvironmentTimeoutError",
    "Limits",
    "PatchError",
    "PythonMissingError",
    "RegistryError",
    "SandboxError",
    "Workspace",
    "archive_key",
    "pack",
    "unpack",
]
