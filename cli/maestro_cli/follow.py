"""Following a run while it is at work."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from maestro.model import RunStatus
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from maestro_cli.client import Client
from maestro_cli.errors import ServiceError
from maestro_cli.output import plain

_QUICK = 0.25  # seconds between two looks at first
_SLOW = 1.0  # and after half a minute
_QUICK_FOR = 30.0

Show = Callable[[Mapping[str, Any]], None]


def follow(client: Client, run_id: str, show: Show) -> dict[str, Any]:
    """Read the run until it has ended, telling ``show`` each time; return it as it ended.

    Raises
    ------
    ServiceError
        If the service goes away for longer than the client's own patience.
    """
    began = time.monotonic()
    while True:
        run = client.get(f"/v1/runs/{run_id}")
        if not isinstance(run, dict) or "status" not in run:
            raise ServiceError(f"the service answered with no run for {run_id}; is --url a Maestro API?")
        show(run)
        if RunStatus(run["status"]).final:
            return run
        time.sleep(_QUICK if time.monotonic() - began < _QUICK_FOR else _SLOW)


@contextmanager
def progress(console: Console) -> Iterator[Show]:
    """Give a way to show a run's progress: one live line on a terminal, else a line for each change."""
    if not console.is_terminal:
        yield _plain(console)
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("Queued", total=None, counts="")

        def show(run: Mapping[str, Any]) -> None:
            done, total = _chunks(run)
            bar.update(task, description=_title(run), total=total or None, completed=done, counts=_counts(run))

        yield show


def _plain(console: Console) -> Show:
    last = ""

    def show(run: Mapping[str, Any]) -> None:
        nonlocal last
        done, total = _chunks(run)
        parts = [_title(run), f"{done}/{total} chunks" if total else "", _counts(run)]
        line = ", ".join(filter(None, parts))
        if line != last:
            last = line
            console.print(plain(line))

    return show


def _title(run: Mapping[str, Any]) -> str:
    progress = run.get("progress") or {}
    if run.get("cancel_requested") and run["status"] == RunStatus.RUNNING:
        return "Cancelling"
    if run["status"] != RunStatus.RUNNING:
        return str(run["status"]).capitalize()
    title = str(progress.get("state") or "Running")
    number = progress.get("pass")
    return f"{title} (pass {number})" if number else title


def _chunks(run: Mapping[str, Any]) -> tuple[int, int]:
    progress = run.get("progress") or {}
    return int(progress.get("chunks_done") or 0), int(progress.get("chunks_total") or 0)


def _counts(run: Mapping[str, Any]) -> str:
    progress = run.get("progress") or {}
    return ", ".join(
        f"{int(progress[name])} {name if int(progress[name]) != 1 else name[:-1]}"
        for name in ("tests", "failures", "repairs")
        if progress.get(name)
    )
