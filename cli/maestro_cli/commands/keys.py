"""``maestro keys create``, ``list`` and ``revoke``."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from maestro.model import dump
from maestro.orchestration.keys import ApiKeys
from maestro.orchestration.ports import KeyRecord
from rich.console import Console

from maestro_cli.connect import local_stack
from maestro_cli.errors import UsageError
from maestro_cli.output import DebugOption, JsonOption, command, plain, table
from maestro_cli.stack import keyring

group = typer.Typer(
    no_args_is_help=True,
    help="API keys of the embedded stack; with --table, of a deployed service (with your AWS credentials).",
)

TableOption = Annotated[
    str, typer.Option("--table", help="Table of a deployed service (its TableName output); default: the local stack.")
]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose keys.")]


@group.command("create")
def create(
    *,
    scope: Annotated[list[str] | None, typer.Option(help="What the key may do; repeat. Default: everything.")] = None,
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0 for never.")] = 90,
    tenant: TenantOption = keyring.TENANT,
    deployed: TableOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a key. It is shown once; only a hash of it is stored."""
    with command(as_json=as_json, debug=debug) as output:
        unknown = sorted(set(scope or ()) - set(keyring.SCOPES))
        if unknown:
            raise UsageError(f"no such scope: {', '.join(unknown)}; there are: {', '.join(keyring.SCOPES)}")
        lifetime = timedelta(days=days) if days else None
        key, record = _keys(deployed).create(tenant, scope or keyring.SCOPES, lifetime)

        def show(console: Console) -> None:
            console.print(plain(key))
            output.say(f"id {record.id}, tenant {tenant}, expires {record.expires_at or 'never'}")

        output.result({"key": key, **_public(record)}, show)


@group.command("list")
def list_(
    *,
    tenant: TenantOption = keyring.TENANT,
    deployed: TableOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the keys of a tenant, without their secrets."""
    with command(as_json=as_json, debug=debug) as output:
        records = _keys(deployed).list(tenant)

        def show(console: Console) -> None:
            view = table("id", "scopes", "created", "expires", "revoked")
            for record in records:
                scopes = plain(" ".join(record.scopes))
                view.add_row(
                    record.id, scopes, record.created_at, record.expires_at or "never", record.revoked_at or "-"
                )
            console.print(view)

        output.result({"keys": [_public(record) for record in records]}, show)


@group.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")],
    *,
    tenant: TenantOption = keyring.TENANT,
    deployed: TableOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Revoke a key; it is refused from now on."""
    with command(as_json=as_json, debug=debug) as output:
        if not _keys(deployed).revoke(tenant, key_id):
            raise UsageError(f"tenant {tenant} has no key {key_id}; `maestro keys list` shows those there are")
        output.result({"id": key_id, "revoked": True}, lambda console: console.print(f"Revoked {plain(key_id)}"))


def _keys(deployed: str) -> ApiKeys:
    if deployed:
        return keyring.deployed(deployed)
    _, record = local_stack(Path.cwd())
    return keyring.local(record)


def _public(record: KeyRecord) -> dict[str, Any]:
    """Return what may be shown of a key: all but the hash of its secret."""
    shown: dict[str, Any] = dump(record)
    del shown["digest"]
    return shown
