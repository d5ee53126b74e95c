"""The state folder: what is written, who may read it, and who may change it at one time."""

import multiprocessing
import os
import signal
import stat
import time
from pathlib import Path

import pytest
from maestro_cli.stack import StackBusyError, StackError
from maestro_cli.stack.folder import Part, Record, StateFolder, find, rotate, tail
from maestro_cli.stack.process import ProcessRef


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path / "project" / ".maestro")
    made.create()
    return made


def test_a_record_is_read_as_it_was_written_by_its_owner_alone(folder: StateFolder) -> None:
    record = Record(valkey=Part(1234, ProcessRef(5, "boot:6")), api_key="mk_a_b", outputs={"ApiId": "x"})

    folder.save(record)

    assert folder.load() == record
    assert stat.S_IMODE((folder.path / "stack.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert (folder.path / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}'])
def test_a_record_of_somebody_else_is_an_error_with_a_remedy(folder: StateFolder, text: str) -> None:
    (folder.path / "stack.json").write_text(text)

    with pytest.raises(StackError, match=r"maestro down|another version"):
        folder.load()


def test_the_nearest_stack_upwards_is_found(folder: StateFolder) -> None:
    below = folder.path.parent / "src" / "deep"
    below.mkdir(parents=True)
    assert find(below) is None

    folder.save(Record())

    found = find(below)
    assert found is not None
    assert found.path == folder.path


def _hold(path: Path, held: "multiprocessing.synchronize.Event") -> None:
    with StateFolder(path).locked(1):
        held.set()
        time.sleep(60)


def test_a_lock_keeps_others_out_until_its_holder_dies(folder: StateFolder) -> None:
    # given another process that holds the lock
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(folder.path, held))
    holder.start()
    try:
        assert held.wait(20)

        # then the error says who
        with pytest.raises(StackBusyError, match=f"pid {holder.pid}"), folder.locked(0.1):
            raise AssertionError

        # and once it was killed, the lock is free
        assert holder.pid
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        with folder.locked(0.1):
            pass
    finally:
        holder.kill()
        holder.join()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StackError, match="cannot make the state folder"):
        StateFolder(tmp_path / "file" / ".maestro").create()


def test_the_tail_of_a_long_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert tail(log) == ""
    log.write_text("".join(f"line {number} {'x' * 100}\n" for number in range(5000)))

    assert [line.split()[1] for line in tail(log, 3).splitlines()] == ["4997", "4998", "4999"]

    rotate(log, limit=1000)
    assert not log.exists()
    assert (tmp_path / "a.1.log").exists()
