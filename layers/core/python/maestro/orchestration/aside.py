"""What lies in the machine's shared folders is moved aside for one experiment, as if nobody had left it there.

Tests of other failures may state the same files. So nothing is tried meanwhile: experiments and trials hold a lock
together with the others, and the one that moves something holds it alone.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_PAUSE = 0.05


@contextmanager
def moved_aside(paths: Sequence[str], deadline: float) -> Iterator[None]:
    """Let files and folders not be there for a while, those of this user; what is made in their places is removed.

    Waits until ``deadline`` (a ``time.monotonic()`` value) for what else is tried; after that nothing is moved. Without
    paths it only keeps others from moving something.
    """
    with _locked(alone=bool(paths), deadline=deadline) as held:
        moved: list[tuple[Path, Path]] = []
        try:
            for path in map(Path, paths if held else ()):
                aside = path.with_name(f"{path.name}.aside-{os.getpid()}-{len(moved)}")
                with suppress(OSError):  # it is not there, or not to be moved: then the test meets it as ever
                    if path.lstat().st_uid == os.getuid() and (path.is_file() or path.is_dir()):
                        path.rename(aside)
                        moved.append((path, aside))
            yield
        finally:
            for path, aside in moved:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
                aside.rename(path)


@contextmanager
def _locked(*, alone: bool, deadline: float) -> Iterator[bool]:
    """Hold the experiments' lock, alone or with others; tells whether it is held."""
    name = Path(tempfile.gettempdir(), f"maestro-experiments-{os.getuid()}.lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:  # another's file of that name: nothing is moved then
        yield False
        return
    try:
        held = False
        while not held:
            with suppress(BlockingIOError):
                fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                held = True
            if not held and time.monotonic() > deadline:
                break
            if not held:
                time.sleep(_PAUSE)
        yield held
    finally:
        os.close(lock)
