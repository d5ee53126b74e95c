"""Which service a command speaks to: the one it is told, the stack that is up here, or one of its own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from maestro_cli.client import Client
from maestro_cli.errors import UsageError
from maestro_cli.stack import EmbeddedStack, NoStackError, Record, StateFolder, find, ministack
from maestro_cli.stack.folder import NAME, cache_folder
from maestro_cli.stack.process import ProcessRef, alive, start_time

UrlOption = Annotated[
    str, typer.Option("--url", envvar="MAESTRO_URL", help="URL of a deployed service; default: the local stack.")
]
KeyOption = Annotated[str, typer.Option("--key", envvar="MAESTRO_KEY", help="API key for --url.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Connection:
    """A service to speak to; ``folder`` is set when it is a local stack."""

    client: Client
    folder: StateFolder | None = None


def connect(url: str, key: str, here: Path | None = None) -> Connection:
    """Return the service that ``url`` and ``key`` name, or the stack that is up in this folder or one above it.

    Raises
    ------
    UsageError
        If only one of the two is given.
    NoStackError
        If neither is given and no stack is up.
    """
    if url or key:
        if not (url and key):
            raise UsageError("a deployed service needs both --url and --key (or MAESTRO_URL and MAESTRO_KEY)")
        return Connection(Client(url, key))
    folder, record = local_stack(here or Path.cwd())
    return Connection(Client(record.api_url, record.api_key), folder)


def local_stack(here: Path) -> tuple[StateFolder, Record]:
    """Return the stack that is up in ``here`` or above.

    Raises
    ------
    NoStackError
        If there is none, or it is not up.
    """
    folder = find(here)
    if folder is None:
        told = kept_runs(StateFolder(here / NAME))
        raise NoStackError(
            f"no stack in {here} or above it; run `maestro up`, or name a service by --url and --key"
            + (f"\n{told}" if told else "")
        )
    record = folder.load()
    if not (record.api_url and record.api_key and ministack.healthy(record.aws)):
        raise NoStackError(f"the stack in {folder.path} is not up; run `maestro up` in {folder.path.parent}")
    return folder, record


def kept_runs(folder: StateFolder) -> str:
    """Say where the files of earlier runs are, which may be all that is left of them; "" if there are none."""
    summaries = folder.runs.glob("*/summary.json")
    newest = max(summaries, key=lambda summary: summary.stat().st_mtime, default=None)
    if newest is None:
        return ""
    return f"the files of earlier runs are in {folder.runs}, the newest run's in {newest.parent.name}"


@contextmanager
def connect_or_start(url: str, key: str, say: Callable[[str], None]) -> Iterator[Connection]:
    """Like :func:`connect`, but never without a stack.

    One that was brought up here and died in part is mended. Where none was, one is started for the time of the block.
    It lives in a folder of its own under the user's cache, so that any number can run side by side, and is stopped
    and removed at the end. Those that a killed command left behind are cleared away first.
    """
    if url or key:
        yield connect(url, key)
        return
    here = find(Path.cwd())
    if here and here.load().started_at:
        record = EmbeddedStack(here.path, say=say).mend()
        yield Connection(Client(record.api_url, record.api_key), here)
        return
    home = cache_folder(os.environ) / "stacks"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    clear_abandoned(home)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=home))
    (folder / "owner").write_text(f"{os.getpid()} {start_time(os.getpid())}", encoding="utf-8")
    stack = EmbeddedStack(folder / ".maestro", say=say)
    try:
        record = stack.up()
        yield Connection(Client(record.api_url, record.api_key), stack.folder)
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)


def clear_abandoned(home: Path) -> None:
    """Stop and remove the private stacks whose command was killed."""
    for owner in home.glob("run-*/owner"):
        try:
            pid, _, started = owner.read_text(encoding="utf-8").partition(" ")
        except OSError:
            continue  # its own command is removing it
        if pid.isdigit() and not alive(ProcessRef(int(pid), started)):
            EmbeddedStack(owner.parent / ".maestro").down()
            shutil.rmtree(owner.parent, ignore_errors=True)
