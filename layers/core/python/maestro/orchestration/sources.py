"""The source of a run on this function's disk, for steps that read it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from maestro.orchestration.ports import BlobStore
from maestro.registry import Workspace, unpack


@dataclass(frozen=True, slots=True)
class Sources:
    """Lays out submitted sources. What is laid out is read and parsed, never imported or run."""

    blobs: BlobStore

    @contextmanager
    def checkout(self, key: str, *patches: str) -> Iterator[Path]:
        """Give the bundle under ``key``, with the patches applied in order, as a folder that is gone afterwards.

        Raises
        ------
        BundleError
            If the bundle is unsafe or broken.
        PatchError
            If a patch does not apply.
        """
        with tempfile.TemporaryDirectory(prefix="maestro-source-") as scratch:
            archive = Path(scratch) / "bundle.tar.gz"
            archive.write_bytes(self.blobs.get(key))
            tree = Path(scratch) / "tree"
            unpack(archive, tree)
            with Workspace(tree) as workspace:
                for patch in patches:
                    if patch:
                        workspace.apply(patch)
                yield workspace.source
