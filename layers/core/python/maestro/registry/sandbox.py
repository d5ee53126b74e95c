"""Private folders, patches, and processes that cannot outlive their chunk."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from maestro.model import EnvironmentSpec
from maestro.registry.errors import PatchError, SandboxError

KEEPER = Path(__file__).parent / "guest" / "keeper.py"
"""The stdlib-only program (and module) that supervises a tree of processes."""

LIMITS: Mapping[str, int] = {"AS": 32 << 30, "FSIZE": 4 << 30, "CORE": 0}
"""Resource limits of a child, in bytes: address space is generous, because mapped is not used."""

_LINK_MODE = re.compile(r"^(?:new|new file|old) mode 1[26]0000$", re.MULTILINE)


class Python(Protocol):
    """What a workspace needs to know of an environment (see ``environments.Environment``)."""

    @property
    def python(self) -> Path:
        """The interpreter."""
        ...

    @property
    def import_roots(self) -> tuple[str, ...]:
        """Folders of an editable install, relative to the project's root."""
        ...

    @property
    def overlay(self) -> Path:
        """Files that the build made inside the tree."""
        ...

    @property
    def search_path(self) -> str:
        """The ``PATH`` of its processes."""
        ...


@dataclass(frozen=True, slots=True)
class Finished:
    """How a supervised child ended. ``signal`` is 0 unless one ended it; ``strays`` counts what it left behind."""

    exit_code: int
    signal: int
    timed_out: bool
    output: str
    seconds: float
    strays: int = 0


class Workspace:
    """A private folder with a copy of a source tree, wiped on exit.

    Parameters
    ----------
    source_tree
        Copied to ``.source``; never linked, because tests write.
    environment
        Its overlay (files that the build made in the tree) is laid over the copy, overwriting nothing.
    base
        The folder to make it in; by default the system's temporary folder.

    Examples
    --------
    >>> import tempfile
    >>> tree = Path(tempfile.mkdtemp())
    >>> _ = (tree / "a.txt").write_text("one")
    >>> with Workspace(tree) as workspace:
    ...     _ = (workspace.source / "a.txt").write_text("two")
    >>> (tree / "a.txt").read_text(), workspace.root.exists()
    ('one', False)
    """

    def __init__(self, source_tree: Path, *, environment: Python | None = None, base: Path | None = None) -> None:
        self._tree = source_tree
        self._environment = environment
        self._base = base
        self.root = Path()

    @property
    def source(self) -> Path:
        """The copy of the source tree: the working folder of whatever runs."""
        return self.root / "source"

    @property
    def home(self) -> Path:
        """An empty home."""
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        """The temporary folder of what runs."""
        return self.root / "tmp"

    @property
    def control(self) -> Path:
        """Where logs of the supervisor go."""
        return self.root / "control"

    def __enter__(self) -> Self:
        if self._base is not None:
            self._base.mkdir(parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix="maestro-", dir=self._base)).resolve()
        try:
            for folder in (self.home, self.tmp, self.control):
                folder.mkdir()
            copy_tree(self._tree, self.source)
            if self._environment is not None:
                lay_over(self._environment.overlay, self.source)
        except BaseException:
            wipe(self.root)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end_strays(self.root)
        wipe(self.root)

    def environ(self, environment: Python, spec: EnvironmentSpec) -> dict[str, str]:
        """Return the whole environment of a child: an allow-list, then the spec's variables; nothing is inherited."""
        given = dict(spec.variables)
        roots = [*environment.import_roots, *spec.pythonpath]
        path = [str(self.source / root) if root != "." else str(self.source) for root in roots]
        path += [entry for entry in given.pop("PYTHONPATH", "").split(os.pathsep) if entry]
        venv = environment.python.parent.parent
        return {
            "PATH": environment.search_path,
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "VIRTUAL_ENV": str(venv),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "100",
            "NO_COLOR": "1",
            **({"PYTHONPATH": os.pathsep.join(dict.fromkeys(path))} if path else {}),
            **given,
        }

    def apply(self, patch: str) -> None:
        """Apply a unified diff (git style, paths from the root) to ``.source``, all of it or nothing.

        Raises
        ------
        PatchError
            If it does not apply, reaches outside of the tree, or makes links; with git's words.
        """
        apply_patch(patch, self.source, self.control)


def apply_patch(patch: str, tree: Path, scratch: Path) -> None:
    """Apply a unified diff to ``tree``; git sees an empty repository made in ``scratch``, none of the project's."""
    if not patch.strip():
        return
    if _LINK_MODE.search(patch):
        raise PatchError("The patch makes a symbolic link or a submodule; a repair may only change files.")
    git = Path(tempfile.mkdtemp(prefix="git-", dir=scratch))
    (git / "objects").mkdir()
    (git / "refs").mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    environ = {
        "PATH": os.pathsep.join([os.defpath, "/usr/local/bin", "/opt/bin"]),  # the last: the layer brings git there
        "HOME": str(git),
        "GIT_DIR": str(git),
        "GIT_WORK_TREE": str(tree),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C.UTF-8",
    }
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false",
               "-c", "safe.directory=*", "apply", "--whitespace=nowarn", "-"]  # fmt: skip
    text = patch if patch.endswith("\n") else patch + "\n"
    try:
        done = subprocess.run(
            command, cwd=tree, env=environ, input=text.encode("utf-8", "surrogateescape"), capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
    except FileNotFoundError as problem:
        raise PatchError("git is not installed here; applying a patch needs it on PATH.") from problem
    except subprocess.TimeoutExpired as problem:
        raise PatchError("git did not apply the patch within 60 s.") from problem
    finally:
        wipe(git)
    if done.returncode:
        raise PatchError(f"The patch does not apply: {done.stderr.decode('utf-8', 'replace').strip()[-2000:]}")


def copy_tree(source: Path, dest: Path) -> None:
    """Copy a tree, links as links; blocks are shared where the file system can, names never."""
    if not source.is_dir():
        raise SandboxError(f"The source tree {source} is not a folder.")
    if sys.platform == "linux" and shutil.which("cp"):
        dest.mkdir(parents=True)
        command = ["cp", "-R", "-P", "--reflink=auto", "--preserve=mode,timestamps", "--", f"{source}/.", str(dest)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        wipe(dest)
    try:
        shutil.copytree(source, dest, symlinks=True)
    except (OSError, shutil.Error) as problem:
        raise SandboxError(f"The source tree {source} cannot be copied: {str(problem)[:1000]}") from problem


def lay_over(overlay: Path, dest: Path) -> None:
    """Copy the files of ``overlay`` into ``dest`` where nothing of that name is."""
    for folder, folders, files in os.walk(overlay):
        below = dest / os.path.relpath(folder, overlay)
        for name in [*folders, *files]:
            origin, target = Path(folder, name), below / name
            if os.path.lexists(target):
                continue
            if origin.is_symlink():
                target.symlink_to(origin.readlink())
            elif origin.is_dir():
                target.mkdir()
            else:
                shutil.copy2(origin, target)


def wipe(folder: Path) -> None:
    """Remove a folder and all in it, read-only folders too; links are removed, never followed."""

    def unlock(_function: object, path: str, _error: object) -> None:
        for place in (Path(path).parent, Path(path)):
            with contextlib.suppress(OSError):
                if not place.is_symlink() and place.is_dir():
                    place.chmod(stat.S_IRWXU)
        with contextlib.suppress(OSError):
            if Path(path).is_dir() and not Path(path).is_symlink():
                shutil.rmtree(path)
            else:
                Path(path).unlink()

    for _ in range(3):
        shutil.rmtree(folder, onerror=unlock)
        if not folder.exists():
            return
    raise SandboxError(f"The folder {folder} cannot be removed; something still writes to it, or its disk fails.")


def end_strays(root: Path) -> int:
    """Kill every process whose environment or working folder lies in ``root``; return how many.

    The supervisor ends what a child leaves. This is for what killed its supervisor first.
    """
    mark, ended = str(root).encode(), 0
    if not Path("/proc/self/environ").exists():
        return 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ = Path(entry.path, "environ").read_bytes()
            here = b"HOME=" + mark + b"/" in environ or str(Path(entry.path, "cwd").readlink()).startswith(f"{root}/")
            if here:
                os.kill(int(entry.name), signal.SIGKILL)
                ended += 1
        except OSError:
            continue  # ended meanwhile, or another user's
    return ended


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    seconds: float,
    limits: Mapping[str, int] | None = None,
    output_limit: int = 1_000_000,
) -> Finished:
    """Run a program under supervision; when it ends, or after ``seconds``, all of its descendants are killed.

    It gets exactly ``environ``, an empty standard input, no open descriptors and its own session. ``output`` is the
    last ``output_limit`` bytes of its standard output and error together.

    Raises
    ------
    SandboxError
        If the supervisor did not report (it was killed).
    """
    started = time.monotonic()
    order = {"argv": list(argv), "cwd": str(cwd), "environ": dict(environ), "seconds": seconds,
             "limits": dict(LIMITS if limits is None else limits)}  # fmt: skip
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as log:
        with theirs:
            keeper = _start_keeper(theirs, log)
        try:
            ours.sendall(json.dumps(order).encode() + b"\n")
            ours.settimeout(seconds + 30)
            answer = b"".join(iter(lambda: ours.recv(4096), b""))
        except OSError:
            answer = b""
        finally:
            ours.close()
            _end_keeper(keeper)
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - output_limit))
        output = log.read().decode("utf-8", "replace")
    if not answer:
        raise SandboxError(f"The supervisor of {argv[0]} was killed before it could report. {output[-500:]}")
    said = json.loads(answer)
    number = int(said.get("signal", 0))
    return Finished(
        exit_code=int(said.get("exit", 128 + number)),
        signal=number,
        timed_out=said["reason"] == "deadline",
        output=output,
        seconds=time.monotonic() - started,
        strays=int(said["strays"]),
    )


def _start_keeper(channel: socket.socket, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the keeper with ``channel`` as its descriptor 3."""
    # A shell that only moves the descriptor would cost more than the keeper; the program is given the number instead.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOOT, str(KEEPER), str(channel.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={"PATH": os.defpath},
        pass_fds=[channel.fileno()],
        start_new_session=True,
    )


_BOOT = """
import os, runpy, sys
fd = int(sys.argv[2])
if fd != 3:
    os.dup2(fd, 3)
    os.close(fd)
sys.argv[:] = sys.argv[1:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _end_keeper(keeper: subprocess.Popen[bytes]) -> None:
    try:
        keeper.wait(timeout=10)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
