"""``maestro run``: check a project, heal it, and bring the results home."""

import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from maestro.config import load_config
from maestro.model import MaestroError, Tier
from maestro.model.words import counted
from maestro.registry.bundles import pack
from rich.console import Console

from maestro_cli import artifacts, project, verdict
from maestro_cli.client import Client
from maestro_cli.commands.configuration import FolderArgument, folder
from maestro_cli.connect import KeyOption, UrlOption, connect_or_start
from maestro_cli.errors import PatchApplyError, UsageError
from maestro_cli.follow import follow, progress
from maestro_cli.output import DebugOption, JsonOption, Output, command, plain
from maestro_cli.stack import find
from maestro_cli.stack.folder import NAME, StateFolder


@dataclass(frozen=True, slots=True)
class _Applied:
    """What became of applying: the ids of the repairs that PATH has now, and what to say of it, or the trouble."""

    repairs: tuple[str, ...] = ()
    words: str = ""
    trouble: PatchApplyError | None = None


class Apply(StrEnum):
    """Which repairs are applied to PATH."""

    NONE = "none"
    APPLIED = "applied"
    REVIEW = "review"


def run(
    path: FolderArgument,
    *,
    heal: Annotated[bool, typer.Option("--heal/--no-heal", help="Try to repair what fails.")] = True,
    suite: Annotated[list[str] | None, typer.Option(help="Run only this suite; repeat for more.")] = None,
    output_folder: Annotated[
        Path | None,
        typer.Option("--output", help="Where the reports go; default: .maestro/runs/{id}.", file_okay=False),
    ] = None,
    apply: Annotated[Apply, typer.Option(help="Apply accepted repairs of at least this tier to PATH.")] = Apply.NONE,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Run PATH's checks, heal what fails, and print the verdict.

    Uses the stack that is up in this folder or one above it, or the service at --url; where there is neither, it
    starts a stack of its own in the user's cache for the time of the run. Ctrl-C cancels the run.
    """
    with command(as_json=as_json, debug=debug) as output, _terminable():
        root = folder(path)
        config = load_config(root)
        names = _suites(suite or [], [found.name for found in config.suites])
        if output_folder:
            artifacts.clear(output_folder)
        with tempfile.TemporaryDirectory(prefix="maestro-run-") as scratch:
            bundle = Path(scratch) / "source.tar.gz"
            info = pack(root, bundle)
            output.say(f"{config.project}: {counted(info.files, 'file')}, {info.size / 1024:.0f} KB")
            with connect_or_start(url, key, output.say) as connection:
                request = {
                    "project": config.project,
                    "heal": heal,
                    "suites": names,
                    "changes": project.changes(root),
                }
                state = _submit_and_follow(connection.client, request, bundle, output)
                found = artifacts.read(connection.client, state["id"])
                # Before anything is written: the output folder may be in PATH.
                changed = apply is not Apply.NONE and pack(root, Path(scratch) / "now.tar.gz").sha256 != info.sha256
                target = output_folder or _runs_folder() / state["id"]
                document = artifacts.write(connection.client, found, target)
            applied = _Applied() if apply is Apply.NONE else _apply(root, found, Tier(apply.value), changed=changed)
            if applied.repairs:
                document = artifacts.note_applied(target, document, applied.repairs)
            reason = state.get("reason", "")
            report = target / document["artifacts"].get("report", "summary.json")

            def show(console: Console) -> None:
                verdict.show(
                    console,
                    document,
                    reason=reason,
                    patches=found.patches,
                    suspects=found.suspects,
                    where=str(report),
                )
                if found.combined and apply is Apply.NONE:
                    console.print(f"[dim]Patch:[/dim]  git apply {plain(str(target / 'repairs.patch'))}")

            output.result(document, show)
            if applied.trouble:
                raise applied.trouble
            if applied.words:
                output.say(applied.words)
        raise typer.Exit(verdict.exit_code(document, reason, state.get("code", "")))


def _submit_and_follow(client: Client, request: dict[str, Any], bundle: Path, output: Output) -> dict[str, Any]:
    upload = client.post("/v1/uploads", idempotency_key=str(uuid.uuid4()))
    client.upload(upload["url"], bundle)
    accepted = client.post("/v1/runs", {**request, "upload_id": upload["upload_id"]}, idempotency_key=str(uuid.uuid4()))
    run_id = str(accepted["id"])
    output.say(f"Run {run_id}")
    try:
        with progress(output.err) as show:
            return follow(client, run_id, show)
    except KeyboardInterrupt:
        _cancel(client, run_id, output)
        raise


def _cancel(client: Client, run_id: str, output: Output) -> None:
    output.say(f"Cancelling run {run_id}")
    try:
        client.post(f"/v1/runs/{run_id}/cancel", idempotency_key=str(uuid.uuid4()))
    except MaestroError as error:
        output.warn(f"the run could not be cancelled: {error}; `maestro cancel {run_id}` tries again")


def _suites(wanted: list[str], known: list[str]) -> list[str]:
    missing = [name for name in wanted if name not in known]
    if missing:
        raise UsageError(f"no suite {', '.join(missing)} in this project; there are: {', '.join(known) or 'none'}")
    return wanted


def _apply(root: Path, found: artifacts.Artifacts, least: Tier, *, changed: bool) -> _Applied:
    """Apply what earned tier ``least``; ``changed`` says that the tree is not the one that was run any more."""
    patches, repairs = found.deliverable(least), found.earned(least)
    omitted = found.left_out(least)
    left = [f"Left out: {verdict.in_a_line(repair)}" for repair in omitted]
    if not patches:
        return _Applied(words="\n".join([f"No repair of tier {least} or better to apply", *left]))
    if changed:
        return _Applied(
            trouble=PatchApplyError(
                f"{root} changed while the run was at work, so nothing was applied to it; look at the patch in the"
                " output folder, or run again"
            )
        )
    try:
        project.apply(root, patches)
    except PatchApplyError as error:
        return _Applied(trouble=error)
    said = f"Applied {len(repairs)} of {counted(len(repairs) + len(omitted), 'repair')} to {root}"
    return _Applied(tuple(repairs), "\n".join([said, *left]))


def _runs_folder() -> Path:
    """Return where runs are kept: beside the stack that is here or above, else in this folder's own ``.maestro``."""
    place = find(Path.cwd()) or StateFolder(Path.cwd() / NAME)
    place.runs.mkdir(parents=True, exist_ok=True)
    ignore = place.path / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return place.runs


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does: the run is cancelled, a private stack stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
