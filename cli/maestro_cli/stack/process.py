"""Processes that outlive the command that started them, named so that a reused pid is never signalled."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_POLL = 0.02  # seconds between two looks at a process
_started: list[subprocess.Popen[bytes]] = []  # kept, so that ended children of this process are reaped


@dataclass(frozen=True, slots=True)
class ProcessRef:
    """A process: its pid, and when it started (opaque; equal only for the same process of the same boot)."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class _Entry:
    ref: ProcessRef
    parent: int
    session: int
    dead: bool


def spawn(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> ProcessRef:
    """Start a program in its own session, its output appended to ``log``, and return without waiting."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started.append(child)
    return ProcessRef(child.pid, start_time(child.pid) or "")


def start_time(pid: int) -> str | None:
    """Return when process ``pid`` started, or ``None`` if it does not run (a zombie does not)."""
    entry = _entry(pid)
    return None if entry is None or entry.dead else entry.ref.started


def alive(ref: ProcessRef | None) -> bool:
    """Whether exactly this process still runs."""
    for child in _started:
        child.poll()
    return ref is not None and ref.started != "" and start_time(ref.pid) == ref.started


def members(root: ProcessRef) -> list[ProcessRef]:
    """Return the living processes of ``root``'s session and all their descendants, whatever session those made.

    A session's id is the pid of its leader and is not reused while a member lives, so this finds what a dead leader
    left behind too; ``root`` itself comes first when it lives.
    """
    table = [entry for entry in _table() if not entry.dead]
    current = next((entry for entry in table if entry.ref.pid == root.pid), None)
    if current is not None and current.ref != root:
        return []  # the pid belongs to somebody else now
    found = {entry.ref.pid: entry.ref for entry in table if entry.session == root.pid or entry.ref == root}
    grew = True
    while grew:
        grew = False
        for entry in table:
            if entry.parent in found and entry.ref.pid not in found:
                found[entry.ref.pid] = entry.ref
                grew = True
    return sorted(found.values(), key=lambda ref: ref.pid != root.pid)


def find(marker: str) -> list[ProcessRef]:
    """Return the session leaders of this user whose command line holds ``marker`` as one whole argument."""
    return [
        entry.ref
        for entry in _table()
        if not entry.dead and entry.session == entry.ref.pid and marker in _command(entry.ref.pid)
    ]


def stop(root: ProcessRef, *, grace: float) -> None:
    """End ``root`` by SIGTERM, its tree by SIGKILL, and ``root`` too when it lives ``grace`` seconds later.

    The tree goes first and at once: what ``root`` waits for in it would only hold up its orderly end.
    """
    tree = members(root)
    if alive(root):
        _signal(root, signal.SIGTERM)
        for ref in tree:
            if ref != root:
                _signal(ref, signal.SIGKILL)
        wait_gone([root], timeout=grace)
    tree = list({*tree, *members(root)})
    for ref in tree:
        _signal(ref, signal.SIGKILL)
    wait_gone(tree, timeout=5.0)


def wait_gone(refs: Iterable[ProcessRef], *, timeout: float) -> bool:
    """Wait until none of ``refs`` lives; return whether that came true within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    left = list(refs)
    while left := [ref for ref in left if alive(ref)]:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _signal(ref: ProcessRef, number: signal.Signals) -> None:
    if alive(ref):
        try:
            os.kill(ref.pid, number)
        except ProcessLookupError:
            return  # it ended between the look and the signal


def _table() -> list[_Entry]:
    if _PROC.joinpath("self/stat").exists():
        pids = (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())
        return [entry for pid in pids if (entry := _from_proc(pid)) is not None]
    return _from_ps(["-ax"])


def _entry(pid: int) -> _Entry | None:
    if _PROC.joinpath("self/stat").exists():
        return _from_proc(pid)
    return next(iter(_from_ps(["-p", str(pid)])), None)


def _from_proc(pid: int) -> _Entry | None:
    try:
        text = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None  # it ended
    # The name in parentheses may hold spaces and parentheses; the fields after it are plain (proc(5)).
    state, parent, _, session, *rest = text.rpartition(")")[2].split()
    threads, started = int(rest[13]), rest[15]
    # A first thread that ended leaves a zombie while others are still at it, with the ports of the process open.
    ended = state in "ZX" and threads <= 1
    return _Entry(ProcessRef(pid, f"{_boot()}:{started}"), int(parent), int(session), ended)


def _boot() -> str:
    try:
        return _PROC.joinpath("sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _from_ps(select: Sequence[str]) -> list[_Entry]:
    """Read the table through ps(1), for systems without /proc; a group stands for a session there."""
    done = subprocess.run(
        ["ps", *select, "-o", "pid=,ppid=,pgid=,stat=,lstart="],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.defpath},
    )
    entries = []
    for line in done.stdout.splitlines():
        pid, parent, group, state, started = line.split(None, 4)
        entries.append(_Entry(ProcessRef(int(pid), started.strip()), int(parent), int(group), state.startswith("Z")))
    return entries


def _command(pid: int) -> list[str]:
    try:
        raw = _PROC.joinpath(str(pid), "cmdline").read_bytes()
        return raw.decode(errors="replace").split("\0")
    except OSError:
        done = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
        return done.stdout.split()
