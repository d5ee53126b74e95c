"""``maestro init``, ``config check`` and ``config schema``."""

import os
from pathlib import Path
from typing import Annotated

import typer
from maestro import config as configuration
from maestro.model import dump
from rich.console import Console

from maestro_cli.errors import UsageError
from maestro_cli.output import DebugOption, JsonOption, command, plain

FolderArgument = Annotated[
    Path,
    # whether it can be read is told by `folder`, in the words and the JSON of every other error
    typer.Argument(metavar="PATH", help="The project's root.", show_default=False, readable=False),
]

group = typer.Typer(no_args_is_help=True, help="Check maestro.yaml, or print its JSON Schema.")
_NAMES = ("maestro.yaml", "maestro.yml")


def init(
    path: FolderArgument = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a maestro.yaml that is there.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a maestro.yaml from what is detected in PATH."""
    with command(as_json=as_json, debug=debug) as output:
        root = folder(path)
        present = next((root / name for name in _NAMES if (root / name).exists()), None)
        if present and not force:
            raise UsageError(f"{present} is there already; edit it, or replace it with --force")
        text = configuration.render(configuration.detect(root))
        target = present or root / _NAMES[0]
        target.write_text(text, encoding="utf-8")

        def show(console: Console) -> None:
            console.print(f"Wrote {plain(str(target))}\n")
            console.print(plain(text.rstrip()), style="dim")

        output.result({"file": str(target), "content": text}, show)


@group.command("check")
def check(path: FolderArgument = Path(), *, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Check PATH's maestro.yaml and show what it means; exit code 4 with file, line and column of every error."""
    with command(as_json=as_json, debug=debug) as output:
        found = configuration.load_config(folder(path))

        def show(console: Console) -> None:
            source = found.config_file or "detected, there is no maestro.yaml"
            console.print(f"[green]✓[/green] {plain(found.project)} [dim]({plain(source)})[/dim]")
            for suite in found.suites:
                paths = " ".join(suite.paths) or "."
                console.print(
                    f"  {plain(suite.name)}: {suite.adapter} on {plain(paths)}, python {suite.environment.python}"
                )

        output.result(
            {
                "valid": True,
                "config": found.model_dump(mode="json", exclude={"suites", "environment"})
                | {"environment": dump(found.environment), "suites": [dump(suite) for suite in found.suites]},
            },
            show,
        )


@group.command("schema")
def schema(*, debug: DebugOption = False, as_json: JsonOption = False) -> None:
    """Print the JSON Schema of maestro.yaml, for editors."""
    with command(as_json=as_json, debug=debug) as output:
        document = configuration.json_schema()
        output.result(document, lambda console: console.print_json(data=document))


def folder(path: Path) -> Path:
    """Return ``path`` as an absolute folder.

    Raises
    ------
    UsageError
        If it is none.
    """
    root = path.absolute()
    if not root.is_dir():
        raise UsageError(f"{path} is {'not a folder' if root.exists() else 'not there'}; name a project's root folder")
    if not os.access(root, os.R_OK | os.X_OK):
        raise UsageError(f"{path} cannot be read by you; change its permissions, or run as somebody who may")
    return root
