"""Checkpoints: everything that was done before one is on disk after it."""

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

from maestro_cli.stack.aws import Checkpoint, wrap


class Services:
    """Two services; one fails to be copied as often as it is told, as a dict that changes under the copier does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state: dict[str, Any] = {"queue": {"n": 0}, "table": {"n": 0}}
        self.trouble = 0
        self.full_disk = False
        self.saves = 0

    def all(self) -> dict[str, Any]:
        return {name: lambda name=name: self._copy(name) for name in self.state}

    def _copy(self, name: str) -> Any:
        if name == "table" and self.trouble:
            self.trouble -= 1
            raise RuntimeError("dictionary changed size during iteration")
        return dict(self.state[name])

    def save(self, name: str, state: Any) -> None:
        self.saves += 1
        if not self.full_disk:
            fresh = self.folder / f"{name}.json.tmp"
            fresh.write_text(json.dumps(state))
            fresh.replace(self.folder / f"{name}.json")

    def stored(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())


def _checkpoint(services: Services, *, busy: bool = False) -> Checkpoint:
    return Checkpoint(services.all, services.save, services.folder, lambda: busy)


def test_a_state_that_changes_while_it_is_copied_is_copied_again(tmp_path: Path) -> None:
    services = Services(tmp_path)
    services.trouble = 3

    assert _checkpoint(services).write() == []

    assert services.stored("table") == {"n": 0}


def test_what_could_not_be_written_is_named(tmp_path: Path) -> None:
    services = Services(tmp_path)
    checkpoint = _checkpoint(services)
    assert checkpoint.write() == []

    services.full_disk = True

    assert checkpoint.write() == ["queue", "table"]


def test_the_loop_writes_what_changed_and_rests_when_nothing_does(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("maestro_cli.stack.aws._INTERVAL", 0.01)
    services = Services(tmp_path)
    checkpoint = _checkpoint(services)
    thread = threading.Thread(target=checkpoint.loop)
    thread.start()
    try:
        # when something changes
        services.state["table"]["n"] = 7
        checkpoint.touch()
        _until(lambda: (tmp_path / "table.json").exists() and services.stored("table") == {"n": 7})

        # then it is written, and after a last look nothing more is
        _until(lambda: services.saves >= 6)
        time.sleep(0.1)
        assert services.saves == 6  # two services, three times: the change, and two looks for what comes late
    finally:
        checkpoint.close()
        thread.join(5)
    assert not thread.is_alive()


def test_the_server_answers_for_itself_and_notes_all_other_requests(tmp_path: Path) -> None:
    services = Services(tmp_path)
    checkpoint = _checkpoint(services)
    inner: list[str] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        inner.append(scope["path"])
        services.state["queue"]["n"] += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    server = wrap(app, checkpoint, {"pid": 42})

    assert _request(server, "GET", "/_maestro/stack") == (200, {"pid": 42})
    assert _request(server, "PUT", "/bucket/key") == (200, {})
    assert _request(server, "POST", "/_maestro/checkpoint") == (200, {"failed": []})
    assert services.stored("queue") == {"n": 1}
    assert inner == ["/bucket/key"]

    services.full_disk = True
    assert _request(server, "POST", "/_maestro/checkpoint")[0] == 500


def _request(app: Any, method: str, path: str) -> tuple[int, Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    asyncio.run(app({"type": "http", "method": method, "path": path}, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def _until(true: Any) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
