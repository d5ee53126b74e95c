"""``maestro up``, ``down``, ``status`` and ``doctor``: the embedded stack."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maestro_cli.client import Client
from maestro_cli.doctor import Level, examine
from maestro_cli.errors import Exit
from maestro_cli.output import DebugOption, JsonOption, command, plain, table
from maestro_cli.stack import EmbeddedStack, StateFolder, find
from maestro_cli.stack.folder import NAME

_SIGNS = {Level.OK: "[green]✓[/green]", Level.WARNING: "[yellow]![/yellow]", Level.PROBLEM: "[red]✗[/red]"}


def up(
    *,
    template: Annotated[
        Path | None, typer.Option(help="Deploy this template instead of the bundle.", exists=True, dir_okay=False)
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Start the embedded stack of this folder, or mend it; its state is kept in .maestro/."""
    with command(as_json=as_json, debug=debug) as output:
        began = time.monotonic()
        stack = EmbeddedStack(_folder().path, template=template, say=output.say)
        record = stack.up()
        seconds = time.monotonic() - began
        document = {
            "folder": str(stack.folder.path),
            "api_url": record.api_url,
            "api_key": record.api_key,
            "seconds": round(seconds, 2),
            "versions": record.versions,
        }

        def show(console: Console) -> None:
            console.print(f"[green]Up[/green] in {seconds:.1f} s")
            console.print(f"  API   {plain(record.api_url)}")
            console.print(f"  Key   in {plain(str(stack.folder.path / 'stack.json'))}")
            console.print("  Next  maestro run PATH")

        output.result(document, show)


def down(*, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Stop the stack of this folder; its state stays for the next `maestro up`."""
    with command(as_json=as_json, debug=debug) as output:
        folder = _folder()
        ran = EmbeddedStack(folder.path).down()
        document = {"folder": str(folder.path), "stopped": ran}
        output.result(document, lambda console: console.print("Down" if ran else "Nothing was up"))


def status(*, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Show the stack's parts, addresses and versions, and the runs in progress; exit code 1 if it is not up."""
    with command(as_json=as_json, debug=debug) as output:
        stack = EmbeddedStack(_folder().path)
        now = stack.status()
        running = []
        if now.api:
            client = Client(now.api_url, stack.folder.load().api_key)
            running = [run for run in client.pages("/v1/runs", limit=50) if run["status"] in ("queued", "running")]

        def show(console: Console) -> None:
            view = table("part", "state", "pid", "port", "version")
            for part in now.parts:
                state = "[green]up[/green]" if part.up else "[red]down[/red]"
                view.add_row(part.name, state, str(part.pid or "-"), str(part.port or "-"), part.version)
            view.add_row(
                "api", "[green]up[/green]" if now.api else "[red]down[/red]", "", "", now.versions.get("maestro")
            )
            console.print(view)
            console.print(f"\n[dim]folder[/dim] {plain(now.folder)}")
            if now.api:
                console.print(f"[dim]url[/dim]    {plain(now.api_url)}")
            for run in running:
                console.print(f"[dim]run[/dim]    {run['id']} {run['status']} {plain(run['project'])}")

        output.result({**asdict(now), "runs": running}, show)
        if not (now.up and now.api):
            raise typer.Exit(Exit.FAILURES)


def doctor(*, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Check what this machine needs for the embedded stack, and say what to do about each problem."""
    with command(as_json=as_json, debug=debug) as output:
        findings = examine(_folder().path)
        healthy = all(finding.level is not Level.PROBLEM for finding in findings)

        def show(console: Console) -> None:
            for finding in findings:
                console.print(f"{_SIGNS[finding.level]} {plain(finding.name):<12} {plain(finding.detail)}")
                if finding.remedy:
                    console.print(f"  [dim]→ {plain(finding.remedy)}[/dim]")

        output.result({"healthy": healthy, "checks": [asdict(finding) for finding in findings]}, show)
        if not healthy:
            raise typer.Exit(Exit.FAILURES)


def _folder() -> StateFolder:
    return find(Path.cwd()) or StateFolder(Path.cwd() / NAME)
