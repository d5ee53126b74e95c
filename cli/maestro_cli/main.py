"""The ``maestro`` command."""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from maestro_cli.commands import audit, configuration, keys, repairs, run, runs, stack
from maestro_cli.errors import Exit


class _Group(TyperGroup):
    """A group whose usage errors end with pytest's exit code for them, not with 2."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        return _with_usage_code(super().make_context, *args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        return _with_usage_code(super().invoke, ctx)


def _with_usage_code(call: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return call(*args, **kwargs)
    except TyperException as error:
        error.exit_code = Exit.USAGE
        raise


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(version("maestro-cars"))
        raise typer.Exit


app = typer.Typer(
    name="maestro",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Continuous Auto-Repair Service: give it a project whose checks fail, get back a proven repair.",
    epilog="Exit codes: 0 ok or healed, 1 failures, 2 interrupted or cancelled, 3 internal error,"
    " 4 bad input or configuration, 5 no tests collected.",
)


@app.callback()
def _root(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _print_version(wanted=wanted), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del show_version


_RUNS, _STACK, _PROJECT = "Runs", "The embedded stack", "The project"
app.command(rich_help_panel=_RUNS)(run.run)
app.command(rich_help_panel=_RUNS)(runs.runs)
app.command(rich_help_panel=_RUNS)(runs.show)
app.command(rich_help_panel=_RUNS)(runs.cancel)
app.command(rich_help_panel=_RUNS)(runs.logs)
app.command(rich_help_panel=_RUNS)(repairs.repairs)
app.command(rich_help_panel=_RUNS)(repairs.approve)
app.command(rich_help_panel=_RUNS)(repairs.reject)
app.command(rich_help_panel=_STACK)(stack.up)
app.command(rich_help_panel=_STACK)(stack.down)
app.command(rich_help_panel=_STACK)(stack.status)
app.command(rich_help_panel=_STACK)(stack.doctor)
app.command(rich_help_panel=_PROJECT)(configuration.init)
app.add_typer(configuration.group, name="config", rich_help_panel=_PROJECT)
app.add_typer(keys.group, name="keys", rich_help_panel=_RUNS)
app.add_typer(audit.group, name="audit", rich_help_panel=_RUNS)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
