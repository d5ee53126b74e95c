"""How commands speak: one JSON document or readable text on stdout, everything else on stderr."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TextIO

import typer
from maestro.model import MaestroError
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from maestro_cli.errors import CliError, Exit

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]

_PIPE_WIDTH = 500  # columns

# Errors of the layer that say that what the user gave cannot be used.
USAGE_CODES = frozenset(
    {
        "config_invalid",
        "config_edit_failed",
        "bundle_empty",
        "bundle_too_large",
        "bundle_unreadable",
        "bundle_unsafe",
        "suite_unknown",
    }
)


def printable(text: object) -> str:
    """Replace the control characters (colours, cursor moves) of text that others wrote."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in str(text))


def plain(text: object) -> str:
    """Return text that others wrote so that it is only shown: no control characters, no markup."""
    return escape(printable(text))


def table(*names: str) -> Table:
    """Return a table without lines whose first column, the id, is never cut."""
    first, *others = names
    return Table(Column(first, no_wrap=True), *others, box=None, pad_edge=False)


class Output:
    """Where a command writes to.

    Parameters
    ----------
    as_json
        Whether the result goes to stdout as JSON.
    debug
        Whether errors come with a traceback.
    """

    def __init__(self, *, as_json: bool, debug: bool) -> None:
        self.as_json = as_json
        self.debug = debug
        # Rich colours only a terminal, and honours NO_COLOR; a pipe has no width, so nothing is cut for it.
        self.out = Console(file=sys.stdout, highlight=False, soft_wrap=True, width=_width(sys.stdout))
        self.err = Console(file=sys.stderr, highlight=False, soft_wrap=True, width=_width(sys.stderr))

    def say(self, text: str) -> None:
        """Tell what is being done, on stderr."""
        self.err.print(plain(text), style="dim")

    def warn(self, text: str) -> None:
        """Tell what the user should know, on stderr."""
        self.err.print(f"[yellow]warning:[/yellow] {plain(text)}")

    def result(self, document: Any, show: Callable[[Console], None]) -> None:
        """Print the command's result: ``document`` with ``--json``, else what ``show`` prints."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            show(self.out)

    def error(self, code: str, message: str) -> None:
        """Print an error on stderr and, with ``--json``, as the document on stdout."""
        self.err.print(f"[bold red]error[/bold red][dim]\\[{code}][/dim]: {plain(message)}")
        if self.as_json:
            sys.stdout.write(json.dumps({"error": {"code": code, "message": message}}) + "\n")


@contextmanager
def command(*, as_json: bool, debug: bool) -> Iterator[Output]:
    """Run a command's body: errors become one message and the exit code that fits.

    Raises
    ------
    typer.Exit
        With pytest's exit codes: 2 interrupted, 3 internal, 4 bad input.
    """
    output = Output(as_json=as_json, debug=debug)
    try:
        yield output
    except MaestroError as error:
        _trace(output)
        output.error(error.code, str(error))
        raise typer.Exit(_exit_code(error)) from error
    except KeyboardInterrupt:
        output.error("interrupted", "interrupted")
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of our output left; that is its right. Nothing may be flushed into the pipe any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Exit.OK) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:  # the outermost frame: whatever it is, the user gets one message, and exit code 3
        _trace(output)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        output.error("internal_error", f"{what}; run again with --debug to see where")
        raise typer.Exit(Exit.INTERNAL) from error


def _width(stream: TextIO) -> int | None:
    return None if stream.isatty() else _PIPE_WIDTH


def _trace(output: Output) -> None:
    if output.debug:
        traceback.print_exc(file=sys.stderr)


def _exit_code(error: MaestroError) -> Exit:
    if isinstance(error, CliError):
        return error.exit_code
    return Exit.USAGE if error.code in USAGE_CODES else Exit.INTERNAL
