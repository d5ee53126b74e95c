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
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_PAUSE = 0.05
_PATIENCE = 20.0  # seconds that one waits for the others


@contextmanager
def moved_aside(paths: Sequence[str], deadline: float) -> Iterator[None]:
    """Let files and folders not be there for a while, those of this user; what is made in their places is removed.

    Waits for what else is tried, for a while and no longer than until ``deadline`` (a ``time.monotonic()`` value);
    after that nothing is moved. Without paths it only keeps others from moving something.
    """
    until = min(deadline, time.monotonic() + _PATIENCE)
    with _locked(alone=bool(paths), until=until) as held:
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
def _locked(*, alone: bool, until: float) -> Iterator[bool]:
    """Hold the lock, alone or with others; tells whether it is held.

    Who wants it alone keeps the door shut while the others leave, so that those who come later wait.
    """
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with ExitStack() as room:
        with ExitStack() as door:
            held = door.enter_context(_file("door", kind, until)) and room.enter_context(_file("room", kind, until))
            if alone:
                room.push(door.pop_all())
        yield held


@contextmanager
def _file(name: str, kind: int, until: float) -> Iterator[bool]:
    """Hold the lock of one file; tells whether it is held."""
    path = Path(tempfile.gettempdir(), f"maestro-{name}-{os.getuid()}.lock")
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:  # another's file of that name
        yield False
        return
    try:
        yield _flocked(lock, kind, until)
    finally:
        os.close(lock)


def _flocked(lock: int, kind: int, until: float) -> bool:
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return True
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE)
