"""``maestro repairs``, ``approve`` and ``reject``: repairs that were made, and what a person says of them."""

import math
import uuid
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from maestro_cli.client import Client
from maestro_cli.connect import KeyOption, UrlOption, connect
from maestro_cli.output import DebugOption, JsonOption, Output, command, plain, table

RepairArgument = Annotated[str, typer.Argument(metavar="REPAIR", help="A repair's id, as `maestro repairs` lists it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")]
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
            view = table("repair", "proof", "tier", "confidence", "said", "strategy", "summary", "run")
            for record in found:
                repair = record["repair"]
                view.add_row(
                    repair["id"],
                    plain(repair["status"]),
                    plain(repair["tier"]),
                    f"{math.floor(float(repair['confidence']) * 100)}%",
                    _SAID.get((record.get("review") or {}).get("word", ""), "-"),
                    plain(repair["strategy"]),
                    plain(repair["summary"]),
                    plain(record["run_id"]),
                )
            console.print(view)

        output.result({"repairs": found}, show)


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
