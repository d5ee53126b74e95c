"""The folder that holds everything of one embedded stack: ``.maestro/``."""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maestro_cli.stack.errors import StackBusyError, StackError
from maestro_cli.stack.process import ProcessRef

NAME = ".maestro"
_FORMAT = 1


@dataclass(slots=True)
class Part:
    """One server of the stack: the port that it listens on (127.0.0.1), and its process."""

    port: int = 0
    process: ProcessRef | None = None


@dataclass(slots=True)
class Record:
    """What ``stack.json`` holds; the ports are hints for the next start and never stored anywhere else."""

    valkey: Part = field(default_factory=Part)
    aws: Part = field(default_factory=Part)
    valkey_password: str = ""
    deployed: str = ""  # the fingerprint of what was deployed last; empty: nothing, or not to the end
    outputs: dict[str, str] = field(default_factory=dict)
    api_url: str = ""
    api_key: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    started_at: str = ""


class StateFolder:
    """The files of one stack; nothing is made before :meth:`create`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def logs(self) -> Path:
        """Logs of the servers."""
        return self.path / "logs"

    @property
    def valkey(self) -> Path:
        """Valkey's configuration and append-only file."""
        return self.path / "valkey"

    @property
    def aws(self) -> Path:
        """MiniStack's state, checkpointed."""
        return self.path / "aws"

    @property
    def objects(self) -> Path:
        """The bodies of S3 objects."""
        return self.path / "s3"

    @property
    def tmp(self) -> Path:
        """Temporary files of MiniStack and of the functions.

        They lie in the user's cache, as the tools of a project under test look for their settings in every folder
        above it: what stands beside ``.maestro/`` would become a setting of whatever runs in the stack.
        """
        return cache_folder(os.environ) / "tmp" / hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

    @property
    def runs(self) -> Path:
        """What ``maestro run`` wrote, one folder per run."""
        return self.path / "runs"

    def create(self) -> None:
        """Make the folder, readable by its owner alone and ignored by git."""
        try:
            for path in (self.path, self.logs, self.valkey, self.aws, self.objects, self.tmp):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise StackError(
                f"cannot make the state folder {self.path}: {error.strerror}; run in a folder that you can write to"
            ) from error

    def load(self) -> Record:
        """Read ``stack.json``; a fresh record when there is none.

        Raises
        ------
        StackError
            If the file is there and is not one of ours.
        """
        file = self.path / "stack.json"
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Record()
        except (OSError, ValueError) as error:
            raise StackError(
                f"cannot read {file}: {error}; run `maestro down`, delete that file and try again"
            ) from error
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise StackError(
                f"{file} was written by another version of maestro; stop that stack with it, or delete {self.path}"
            )
        data.pop("format")
        return Record(**{**data, "valkey": _part(data["valkey"]), "aws": _part(data["aws"])})

    def save(self, record: Record) -> None:
        """Write ``stack.json`` in one step, readable by its owner alone (it holds the API key)."""
        file = self.path / "stack.json"
        fresh = file.with_suffix(".json.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump({"format": _FORMAT, **asdict(record)}, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)

    @contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """Hold the folder against other commands; the kernel frees the lock of a process that died.

        Raises
        ------
        StackBusyError
            If another command still holds it after ``wait`` seconds.
        """
        file = self.path / "lock"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        holder = file.read_text(encoding="utf-8").strip() or "unknown"
                        raise StackBusyError(
                            f"another maestro command (pid {holder}) is starting or stopping the stack in {self.path};"
                            " wait for it, or end it, and try again"
                        ) from None
                    time.sleep(0.05)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)  # which frees the lock


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's cache folder of maestro."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "maestro"


def find(start: Path) -> StateFolder | None:
    """Return the nearest state folder with a stack in it, from ``start`` upwards."""
    here = start.absolute()
    for folder in (here, *here.parents):
        if (folder / NAME / "stack.json").is_file():
            return StateFolder(folder / NAME)
    return None


def tail(log: Path, lines: int = 20) -> str:
    """Return the last ``lines`` lines of a log file; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 65536))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def clear(folder: Path) -> None:
    """Remove everything in a folder, as far as that can be done."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def rotate(log: Path, limit: int = 10_000_000) -> None:
    """Put a log of more than ``limit`` bytes aside, in place of the one put aside before."""
    if log.exists() and log.stat().st_size > limit:
        log.replace(log.with_suffix(".1.log"))


def _part(data: dict[str, Any]) -> Part:
    process = data["process"]
    return Part(port=data["port"], process=ProcessRef(**process) if process else None)
