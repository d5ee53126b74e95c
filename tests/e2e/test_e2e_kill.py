"""Killed, cancelled, or put down in the middle of a run: nothing is forgotten, and the next run works."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from maestro_cli.client import Client
from maestro_cli.stack.process import wait_gone
from support.command import maestro, project, start
from support.stack import RunningStack, running
from support.waiting import DEADLINE, eventually

OK = {"tests/test_ok.py": "def test_ok():\n    assert True\n"}
# Eight modules that wait for a file that never comes: the run is at work for as long as a test needs it to be.
SLOW = {
    f"tests/test_slow_{number}.py": "import time\n\ndef test_slow():\n    time.sleep(20)\n" for number in range(8)
}  # fmt: skip
FINAL = {"passed", "failed", "error", "cancelled", "healed"}
# `maestro up` has the poller look at what was left at once; its schedule and grace would take longer than this.
RECONCILED = 45.0


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningStack]:
    """A stack of the test's own, to be killed."""
    folder = tmp_path / "stack"
    folder.mkdir()
    with running(folder) as up:
        yield up


def client_of(up: RunningStack) -> Client:
    """A client of the stack as it now is; after `up` its port may be another one."""
    record = up.stack.folder.load()
    return Client(record.api_url, record.api_key)


def at_work(up: RunningStack) -> dict[str, Any]:
    """Return the newest run, once its chunks are being run."""

    def look() -> dict[str, Any] | None:
        runs = client_of(up).get("/v1/runs", limit=1)["items"]
        busy = bool(runs) and runs[0]["status"] == "running" and runs[0]["progress"].get("state") == "Run Waves"
        return runs[0] if busy else None

    return eventually(look, "a run to be at work")


def ended(up: RunningStack, run_id: str, deadline: float = DEADLINE) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = client_of(up).get(f"/v1/runs/{run_id}")
        return found if found["status"] in FINAL else None

    return eventually(look, f"run {run_id} to end", deadline)


def test_killed_in_the_middle_of_a_run(own: RunningStack, tmp_path: Path) -> None:
    # given a run that ended, and one that is at work
    good = project(tmp_path / "good", OK)
    before = maestro(own.folder, "run", good).json["run_id"]
    slow = project(tmp_path / "slow", SLOW)
    command = start(own.folder, "run", slow, output=tmp_path / "slow.json")
    run_id = at_work(own)["id"]

    # when both servers are killed, and with them every function
    record = own.stack.folder.load()
    servers = [part.process for part in (record.aws, record.valkey) if part.process]
    assert len(servers) == 2
    for server in servers:
        os.kill(server.pid, signal.SIGKILL)
    assert wait_gone(servers, timeout=20)

    # then the command that followed the run says that the service went away; it does not hang
    assert command.wait(timeout=120) == 3
    assert json.loads((tmp_path / "slow.json").read_text(encoding="utf-8"))["error"]["code"] == "service_unavailable"

    # and after `up` the run ends in a stored state with a reason
    assert maestro(own.folder, "up").code == 0
    found = ended(own, run_id, RECONCILED)
    assert found["status"] == "error"
    assert found["code"] == "execution_lost"
    assert "stopped or killed" in found["reason"]
    shown = maestro(own.folder, "show", run_id)
    assert shown.json["outcome"] == "error"

    # and what was before is there, the trail is whole, and a new run works
    assert maestro(own.folder, "show", before).json["outcome"] == "passed"
    assert maestro(own.folder, "run", good).json["outcome"] == "passed"
    assert maestro(own.folder, "audit", "verify").json["ok"] is True


def test_put_down_and_up_in_the_middle_of_a_run(own: RunningStack, tmp_path: Path) -> None:
    # given a run at work, and one that ended
    good = project(tmp_path / "good", OK)
    before = maestro(own.folder, "run", good).json["run_id"]
    command = start(own.folder, "run", project(tmp_path / "slow", SLOW), output=tmp_path / "slow.json")
    run_id = at_work(own)["id"]

    # when the stack is put down and up again
    assert maestro(own.folder, "down").json["stopped"] is True
    assert command.wait(timeout=120) == 3
    assert maestro(own.folder, "up").code == 0

    # then all runs are listed, the old one's report can be read, and the one at work ends with a reason
    listed = {run["id"]: run["status"] for run in maestro(own.folder, "runs").json["runs"]}
    assert listed[before] == "passed"
    assert run_id in listed
    page = client_of(own).text(f"/v1/runs/{before}/report", format="html")
    assert "</html>" in page
    found = ended(own, run_id)
    assert found["status"] in ("error", "failed")
    assert found["reason"]


@pytest.mark.parametrize("how", ["by the command", "by Ctrl-C"])
def test_cancelled_midway(stack: RunningStack, tmp_path: Path, how: str) -> None:
    # given a run at work
    command = start(stack.folder, "run", project(tmp_path / "slow", SLOW), output=tmp_path / "slow.json")
    run_id = at_work(stack)["id"]

    # when it is cancelled
    if how == "by the command":
        assert maestro(stack.folder, "cancel", run_id).code == 0
    else:
        command.send_signal(signal.SIGINT)

    # then the command ends with 2, and the run is stored as cancelled
    assert command.wait(timeout=120) == 2
    found = ended(stack, run_id)
    assert found["status"] == "cancelled"
    assert "cancelled" in found["reason"]
    assert maestro(stack.folder, "show", run_id).code == 2
