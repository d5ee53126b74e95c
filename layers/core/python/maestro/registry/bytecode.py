"""Bytecode shared between environments: what one of them compiled is linked into the next.

uv links the files of a distribution from its cache, so the environments of one machine have the same files; compiling
them is what a build spends most of its time on. Here a module is compiled once for each interpreter. The store's names
say for which source: its digest, and its time of change, which the bytecode holds and Python compares.
"""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_NO_LINK = frozenset({errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP})


@dataclass(frozen=True, slots=True)
class Filled:
    """How many modules got bytecode from the store, and how many were compiled."""

    linked: int
    compiled: int


def fill(site: Path, store: Path, version: str, build: Callable[[Sequence[Path]], None]) -> Filled:
    """Give every module below ``site`` its bytecode.

    Parameters
    ----------
    site
        A ``site-packages`` folder that nobody else writes.
    store
        The folder of one interpreter; made where it is not there.
    version
        The interpreter's full version ("3.12.4").
    build
        Compiles source files as ``compileall`` does; those that do not compile are left out.
    """
    tag = "cpython-{}{}".format(*version.split(".")[:2])
    store.mkdir(parents=True, exist_ok=True)
    missing: dict[Path, tuple[Path, Path]] = {}
    linked = 0
    for source in _modules(site):
        made = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        if made.exists():
            continue
        kept = store / _name(source)
        if _link(kept, made):
            linked += 1
        else:
            missing[source] = (made, kept)
    if missing:
        build(list(missing))
        for made, kept in missing.values():
            _link(made, kept)  # one that does not compile is not there
    return Filled(linked, len(missing))


def _modules(site: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(site):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        yield from (Path(folder, name) for name in files if name.endswith(".py"))


def _name(source: Path) -> str:
    changed = int(source.stat().st_mtime)
    return f"{hashlib.sha256(source.read_bytes()).hexdigest()[:40]}-{changed:x}.pyc"


def _link(source: Path, target: Path) -> bool:
    """Link a file, or copy it where that cannot be; tell whether there was one. One that is there already stays."""
    try:
        target.parent.mkdir(exist_ok=True)
        os.link(source, target)
    except FileNotFoundError:
        return False
    except FileExistsError:
        return True
    except OSError as problem:
        if problem.errno not in _NO_LINK:
            raise
        draft = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(source, draft)
            draft.replace(target)
        return target.exists()
    return True
