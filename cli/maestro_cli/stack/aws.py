"""MiniStack with what a stack that must survive needs: its state on disk while it runs, and a name.

Run as ``python -m maestro_cli.stack.aws STATE_FOLDER``. MiniStack writes its state only when it ends in good order;
here a thread writes it about once a second while there is anything to write. Two addresses are added:
``GET /_maestro/stack`` tells which process this is, ``POST /_maestro/checkpoint`` answers once everything that was
done before the call is on disk.
"""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_INTERVAL = 1.0  # seconds between two looks
_SHARE = 0.05  # of one core, at most, goes into checkpoints
_ATTEMPTS = 5
_API = "/_aws/execute-api/"
_logger = logging.getLogger("maestro.checkpoint")


class Checkpoint:
    """Writes the state of every service that MiniStack knows.

    Parameters
    ----------
    services
        Gives, for each state file's name, a function that returns a copy of its state, or ``None``.
    save
        Writes one state under its name; it swallows its own errors, so success is read from the file.
    folder
        Where the files are.
    busy
        Whether something changes without any request coming in (a state machine is at work).
    """

    def __init__(
        self,
        services: Callable[[], dict[str, Callable[[], Any]]],
        save: Callable[[str, Any], None],
        folder: Path,
        busy: Callable[[], bool],
    ) -> None:
        self._services = services
        self._save = save
        self._folder = folder
        self._busy = busy
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._touched = 0
        self._written = -1

    def touch(self) -> None:
        """Note that something may have changed."""
        self._touched += 1

    def write(self) -> list[str]:
        """Write all states now; return the names of those that could not be written."""
        with self._lock:
            seen = self._touched
            failed = [name for name, state in self._services().items() if not self._write_one(name, state)]
            if not failed:
                self._written = seen
            return failed

    def close(self) -> None:
        """Write no more; returns when no write is under way."""
        self._closed.set()
        with self._lock:
            return

    def loop(self) -> None:
        """Write whenever there is something to write, until closed."""
        pause = _INTERVAL
        idle_writes = 0  # a request's effects may come after it was counted: look twice more
        while not self._closed.wait(pause):
            if self._touched == self._written and not self._busy():
                if idle_writes <= 0:
                    continue
                idle_writes -= 1
            else:
                idle_writes = 2
            began = time.thread_time()
            failed = self.write()
            if failed:
                _logger.warning("could not write the state of %s; trying again", ", ".join(failed))
            pause = max(_INTERVAL, (time.thread_time() - began) / _SHARE)

    def _write_one(self, name: str, state: Callable[[], Any]) -> bool:
        for _ in range(_ATTEMPTS):
            try:
                value = state()
            except RuntimeError:  # changed while it was copied
                time.sleep(0.01)
                continue
            if value is None:
                return True
            file = self._folder / f"{name}.json"
            before = file.stat().st_ino if file.exists() else None
            self._save(name, value)
            return file.exists() and file.stat().st_ino != before
        return False


def wrap(inner: App, checkpoint: Checkpoint, identity: dict[str, Any]) -> App:
    """Return ``inner`` with our two addresses, every other request noted, and an orderly end."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await inner(scope, _closing(receive, checkpoint), send)
            _exit_soon()
            return
        path = scope.get("path", "")
        if path == "/_maestro/stack":
            await _answer(send, 200, identity)
        elif path == "/_maestro/checkpoint" and scope.get("method") == "POST":
            import asyncio

            failed = await asyncio.to_thread(checkpoint.write)
            await _answer(send, 500 if failed else 200, {"failed": failed})
        else:
            accepts = scope.get("method") == "POST" and path.startswith(_API)
            checkpoint.touch()
            try:
                await inner(scope, receive, _kept(send, checkpoint) if accepts else send)
            finally:
                checkpoint.touch()

    return app


def _kept(send: Send, checkpoint: Checkpoint) -> Send:
    """Send an answer that accepts something only once it is on disk: what was accepted survives SIGKILL."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start" and int(message["status"]) < 300:  # noqa: PLR2004 - HTTP's own border
            import asyncio

            checkpoint.touch()
            await asyncio.to_thread(checkpoint.write)
        await send(message)

    return wrapped


def _closing(receive: Receive, checkpoint: Checkpoint) -> Receive:
    async def wrapped() -> Message:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            checkpoint.close()  # MiniStack writes the last state itself
        return message

    return wrapped


def _exit_soon() -> None:
    """End the process even if functions are still at work: their threads would hold it for as long as they take."""

    def end() -> None:
        time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()


async def _answer(send: Send, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def limited(run_map: Callable[..., Any], resolve: Callable[[str, Any], Any]) -> Callable[..., Any]:
    """Return ``run_map`` with ``MaxConcurrencyPath`` heeded, which this MiniStack knows only as ``MaxConcurrency``."""

    def run(state: dict[str, Any], data: Any, *rest: Any) -> Any:
        path = state.get("MaxConcurrencyPath")
        return run_map({**state, "MaxConcurrency": int(resolve(path, data))} if path else state, data, *rest)

    return run


def main() -> None:
    """Run MiniStack until SIGTERM; the state folder is the one argument."""
    state = sys.argv.pop(1)
    from ministack import app as ministack
    from ministack.core import persistence
    from ministack.services import stepfunctions

    def busy() -> bool:
        return any(execution.get("status") == "RUNNING" for execution in list(stepfunctions._executions.all_values()))  # noqa: SLF001 - no public view

    checkpoint = Checkpoint(
        ministack._build_persistence_save_dict,  # noqa: SLF001 - what its own orderly end writes
        persistence.save_state,
        Path(os.environ["STATE_DIR"]),
        busy,
    )
    logging.getLogger("persistence").setLevel(logging.WARNING)  # a line per file and second otherwise
    ministack.app = wrap(ministack.app, checkpoint, {"pid": os.getpid(), "state": state})
    stepfunctions._run_map_items = limited(stepfunctions._run_map_items, stepfunctions._resolve_path)  # noqa: SLF001
    threading.Thread(target=checkpoint.loop, name="maestro-checkpoint", daemon=True).start()
    ministack.main()


if __name__ == "__main__":
    main()
