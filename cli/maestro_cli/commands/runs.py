"""``maestro runs``, ``show``, ``cancel`` and ``logs``: runs that were submitted before."""

import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maestro_cli import artifacts, verdict
from maestro_cli.client import Client
from maestro_cli.connect import KeyOption, UrlOption, connect, kept_runs, local_stack
from maestro_cli.errors import UsageError
from maestro_cli.output import DebugOption, JsonOption, command, plain, table
from maestro_cli.runlog import read_log, stack_trouble

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `latest`.")]
_COLOURS = {"passed": "green", "healed": "green", "failed": "red", "error": "red", "cancelled": "yellow"}


def runs(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to list, newest first.")] = 20,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List runs, newest first."""
    with command(as_json=as_json, debug=debug) as output:
        connection = connect(url, key)
        found = list(connection.client.pages("/v1/runs", limit=limit))

        def show(console: Console) -> None:
            if not found:
                console.print("No runs yet")
                if connection.folder and (told := kept_runs(connection.folder)):
                    console.print(f"Runs with a stack of their own are not listed: {plain(told)}")
                return
            view = table("run", "status", "project", "created", "result")
            for run in found:
                colour = _COLOURS.get(run["status"], "cyan")
                totals = ", ".join(f"{count} {name}" for name, count in (run.get("totals") or {}).items() if count)
                status = f"[{colour}]{run['status']}[/{colour}]"
                view.add_row(run["id"], status, plain(run["project"]), run["created_at"], plain(totals))
            console.print(view)

        output.result({"runs": found}, show)


def show(
    run: RunArgument,
    *,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Print a run's verdict again; the exit code is that of the run."""
    with command(as_json=as_json, debug=debug) as output:
        connection = connect(url, key)
        client = connection.client
        state = client.get(f"/v1/runs/{resolve(client, run)}")
        found = artifacts.read(client, state["id"])
        where = found.document.get("artifacts", {}).get("report", "")
        if connection.folder and (kept := connection.folder.runs / state["id"] / "report.html").is_file():
            where = str(kept)  # `maestro run` brought it here already
        output.result(
            found.document,
            lambda console: verdict.show(
                console,
                found.document,
                reason=state.get("reason", ""),
                patches=found.patches,
                suspects=found.suspects,
                where=where,
            ),
        )
        raise typer.Exit(verdict.exit_code(found.document, state.get("reason", ""), state.get("code", "")))


def cancel(
    run: RunArgument,
    *,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Ask a run to stop; it ends at its next step."""
    with command(as_json=as_json, debug=debug) as output:
        client = connect(url, key).client
        answer = client.post(f"/v1/runs/{resolve(client, run)}/cancel", idempotency_key=str(uuid.uuid4()))
        output.result(answer, lambda console: console.print(f"Cancelling {answer['id']}"))


def logs(run: RunArgument, *, as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Show a run's states and the log lines of its functions (embedded stack only)."""
    with command(as_json=as_json, debug=debug) as output:
        folder, record = local_stack(Path.cwd())
        client = Client(record.api_url, record.api_key)
        state = client.get(f"/v1/runs/{resolve(client, run)}")
        run_id = str(state["id"])
        history, lines = read_log(record, run_id)
        trouble = stack_trouble(folder, state["created_at"])

        def show(console: Console) -> None:
            for event in history:
                if not event["detail"] and (not event["name"] or event["event"].endswith("Exited")):
                    continue  # the JSON has them all; here the states tell the story
                console.print(f"[dim]{event['time']}[/dim] [cyan]{plain(event['event'])}[/cyan] {plain(event['name'])}")
                if event["detail"]:
                    console.print(f"    {plain(event['detail'])}")
            for line in lines:
                console.print(f"[dim]{line['time']} {plain(line['function'])}[/dim] {plain(line['message'])}")
            for text in trouble:
                console.print(f"[red]stack[/red] {plain(text)}")
            if not (history or lines or trouble):
                console.print(f"Nothing was logged for this run; see {plain(folder.logs)}")

        output.result({"run_id": run_id, "states": history, "lines": lines, "stack": trouble}, show)


def resolve(client: Client, run: str) -> str:
    """Turn ``latest`` into the id of the newest run; any other text is an id already."""
    if run != "latest":
        return run
    newest = next(iter(client.pages("/v1/runs", limit=1)), None)
    if newest is None:
        raise UsageError("there are no runs yet; `maestro run PATH` makes one")
    return str(newest["id"])
