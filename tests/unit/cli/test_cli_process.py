"""Processes by pid and start time: never the wrong one, never one left over."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from maestro_cli.stack.process import ProcessRef, alive, find, members, spawn, start_time, stop, wait_gone

# Starts a child in a session of its own, says so, and then ignores SIGTERM or not.
_PARENT = """
import signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(child.pid, flush=True)
time.sleep(60)
"""


def _parent(folder: Path, manner: str) -> tuple[ProcessRef, int]:
    log = folder / "log"
    ref = spawn([sys.executable, "-c", _PARENT, manner], env={"PATH": os.defpath}, cwd=folder, log=log)
    deadline = time.monotonic() + 10
    while not log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return ref, int(log.read_text())


@pytest.mark.parametrize("manner", ["obedient", "stubborn"])
def test_stopping_ends_the_whole_tree_whatever_sessions_it_made(tmp_path: Path, manner: str) -> None:
    parent, child = _parent(tmp_path, manner)
    assert {ref.pid for ref in members(parent)} == {parent.pid, child}

    stop(parent, grace=0.3)

    assert not alive(parent)
    assert start_time(child) is None


def test_what_a_dead_leader_left_in_its_session_is_found_and_stopped(tmp_path: Path) -> None:
    # given a process whose leader was killed
    script = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    leader = spawn([sys.executable, "-c", script], env={"PATH": os.defpath}, cwd=tmp_path, log=tmp_path / "log")
    deadline = time.monotonic() + 10
    while not (tmp_path / "log").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    left = int((tmp_path / "log").read_text())
    os.kill(leader.pid, signal.SIGKILL)
    assert wait_gone([leader], timeout=5)
    assert start_time(left) is not None

    # when it is stopped all the same, then nothing is left
    stop(leader, grace=0.1)
    assert start_time(left) is None


def test_a_reused_pid_is_another_process_and_is_not_touched(tmp_path: Path) -> None:
    real = spawn(["sleep", "60"], env={"PATH": os.defpath}, cwd=tmp_path, log=tmp_path / "log")
    try:
        impostor = ProcessRef(real.pid, "some other boot:1")

        assert alive(real)
        assert not alive(impostor)
        assert members(impostor) == []
        stop(impostor, grace=0.1)
        assert alive(real)
    finally:
        stop(real, grace=1)
    assert not alive(real)


def test_a_process_is_found_by_a_whole_argument(tmp_path: Path) -> None:
    marker = str(tmp_path / "state folder")
    ref = spawn(
        [sys.executable, "-c", "import time; time.sleep(60)", marker],
        env={"PATH": os.defpath},
        cwd=tmp_path,
        log=tmp_path / "log",
    )
    try:
        deadline = time.monotonic() + 5
        while find(marker) != [ref] and time.monotonic() < deadline:
            time.sleep(0.02)  # until it has become the program
        assert find(marker) == [ref]
        assert find(marker[:-1]) == []
    finally:
        stop(ref, grace=1)
