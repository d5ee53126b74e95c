"""``maestro repairs``, ``approve`` and ``reject``: repairs that were made, and what a person says of them."""

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from maestro_cli.client import Client
from maestro_cli.connect import KeyOption, UrlOption, connect
from maestro_cli.output import DebugOption, JsonOption, Output, command, plain, table

RepairArgument = Annotated[str, typer.Argument(metavar="REPAIR", help="A repair's id, as `maestro repairs` lists it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")]
_TABLE_WIDTH = 180  # columns that the table needs; in a narrower terminal its cells would break into slivers
_SAID = {"approved": "[green]approved[/green]", "rejected": "[red]rejected[/red]"}


def repairs(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to list, newest run first.")] = 20,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the repairs of all runs, newest run first, with what people said of them."""
    with command(as_json=as_json, debug=debug) as output:
        found = list(connect(url, key).client.pages("/v1/repairs", limit=limit))

        def show(console: Console) -> None:
            if not found:
                console.print("No repairs yet")
                return
            console.print(_table(found) if console.width >= _TABLE_WIDTH else _narrow(found))

        output.result({"repairs": found}, show)


def _table(records: Sequence[Mapping[str, Any]]) -> Table:
    view = table("repair", "proof", "tier", "confidence", "said", "strategy", "summary", "run")
    for record in records:
        repair = record["repair"]
        view.add_row(
            repair["id"],
            plain(repair["status"]),
            plain(repair["tier"]),
            _percent(repair),
            _said(record) or "-",
            plain(repair["strategy"]),
            plain(repair["summary"]),
            plain(record["run_id"]),
        )
    return view


def _narrow(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return the same for a terminal in which eight columns have no place: the summary, and the rest below it."""
    view = table("repair", "what it does")
    for record in records:
        repair = record["repair"]
        proof = f"{plain(repair['status'])}, {_percent(repair)} confident, {plain(repair['tier'])}"
        facts = ", ".join(filter(None, (plain(repair["strategy"]), proof, _said(record))))
        view.add_row(repair["id"], f"{plain(repair['summary'])}\n[dim]{facts}\nrun {plain(record['run_id'])}[/dim]")
    return view


def _percent(repair: Mapping[str, Any]) -> str:
    return f"{math.floor(float(repair['confidence']) * 100)}%"


def _said(record: Mapping[str, Any]) -> str:
    return _SAID.get((record.get("review") or {}).get("word", ""), "")


def approve(
    repair: RepairArgument,
    *,
    reason: ReasonOption = "",
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say that a repair is right; repairs of its kind rank higher in later runs."""
    with command(as_json=as_json, debug=debug) as output:
        _say(output, connect(url, key).client, repair, "approve", reason)


def reject(
    repair: RepairArgument,
    *,
    reason: ReasonOption = "",
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say that a repair is wrong; repairs of its kind rank lower, and earn less, in later runs."""
    with command(as_json=as_json, debug=debug) as output:
        _say(output, connect(url, key).client, repair, "reject", reason)


def _say(output: Output, client: Client, repair: str, verb: str, reason: str) -> None:
    path = f"/v1/repairs/{quote(repair, safe='')}/{verb}"
    answer: dict[str, Any] = client.post(path, {"reason": reason}, idempotency_key=str(uuid.uuid4()))
    said = f"{answer['review']['word'].capitalize()} {plain(answer['repair']['id'])}: "
    output.result(answer, lambda console: console.print(said + plain(answer["repair"]["summary"])))
