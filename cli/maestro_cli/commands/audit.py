"""``maestro audit verify`` and ``export``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from maestro_cli.connect import KeyOption, UrlOption, connect
from maestro_cli.errors import Exit
from maestro_cli.output import DebugOption, JsonOption, command, plain

group = typer.Typer(no_args_is_help=True, help="The tamper-evident trail of everything that was done.")


@group.command("verify")
def verify(
    *, url: UrlOption = "", key: KeyOption = "", as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Check that no entry was changed, removed, reordered or forked; exit code 1 if one was."""
    with command(as_json=as_json, debug=debug) as output:
        found = connect(url, key).client.get("/v1/audit/verify")
        ok = bool(found.get("ok"))
        text = (
            "[green]✓[/green] The trail is whole"
            if ok
            else (f"[red]✗[/red] {plain(str(found.get('problem')))} at entry {found.get('at')}")
        )
        output.result(found, lambda console: console.print(text))
        if not ok:
            raise typer.Exit(Exit.FAILURES)


@group.command("export")
def export(
    *,
    file: Annotated[Path | None, typer.Option("--output", "-o", help="Write here; default: standard output.")] = None,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the trail as JSON Lines, one entry a line, oldest first."""
    with command(as_json=as_json, debug=debug) as output:
        client = connect(url, key).client
        entries = []
        after: str | None = "0"
        while after is not None:
            page = client.get("/v1/audit", after=after)
            entries += page["items"]
            after = page.get("cursor")
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        if file:
            file.write_text(lines, encoding="utf-8")
            output.say(f"{len(entries)} entries in {file}")
        document = {"entries": len(entries), "file": str(file)} if file else {"entries": entries}
        output.result(document, lambda console: None if file else console.print(plain(lines), end=""))
