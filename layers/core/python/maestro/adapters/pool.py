"""Warm runners: one process per environment and owner, that has the test tool imported and forks for each request."""

import array
import contextlib
import json
import os
import select
import socket
import subprocess
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from maestro.adapters.errors import RunnerError
from maestro.registry.sandbox import KEEPER

RUNNER = Path(__file__).parent / "guest" / "runner.py"
_START = 60.0  # seconds for an interpreter to import pytest, on a machine under load
_LINE = 64 << 20  # no event is longer than this


class Execution:
    """One request under way: its events, and the means to end it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def stop(self) -> None:
        """Have the test process and all its descendants killed; the ``end`` event still comes."""
        with contextlib.suppress(OSError):
            self._channel.send(b"k")

    def events(self, until: float) -> Iterator[dict[str, Any] | None]:
        """Yield events as they come; None when ``until`` (monotonic) has come without one. Ends after ``end`` or EOF.

        The iterator may be asked again after a None.
        """
        while True:
            line = self._line()
            if line is None:
                left = until - time.monotonic()
                ready = left > 0 and select.select([self._channel], [], [], left)[0]
                if not ready:
                    yield None
                    return
                data = self._channel.recv(1 << 18)
                if not data:
                    yield {"e": "end", "reason": "lost"}
                    return
                self._buffer += data
                if len(self._buffer) > _LINE:
                    yield {"e": "end", "reason": "flood"}
                    return
                continue
            event = _parsed(line)
            yield event
            if event["e"] == "end":
                return

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def _parsed(line: bytes) -> dict[str, Any]:
    """Read one event. The process under test could write anything here: what is no event is reported as garbage."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if isinstance(event, dict) and isinstance(event.get("e"), str):
        return event
    return {"e": "garbage"}


class Runner:
    """A process of the environment's interpreter that has imported pytest. ``hello`` is its first message."""

    def __init__(self, python: Path, environ: Mapping[str, str]) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="maestro-runner-")
        ours, theirs = socket.socketpair()
        self._control = ours
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [str(python), str(RUNNER), str(theirs.fileno()), str(KEEPER)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=self.folder.name,
                env={**environ, "HOME": self.folder.name, "TMPDIR": self.folder.name},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            self.hello = self._greeting()
        except BaseException:
            self.close()
            raise

    def _greeting(self) -> dict[str, Any]:
        self._control.settimeout(_START)
        data = b""
        try:
            while not data.endswith(b"\n"):
                piece = self._control.recv(1 << 16)
                if not piece:
                    break
                data += piece
        except TimeoutError as problem:
            raise RunnerError(f"The interpreter did not import pytest within {_START:.0f} s.") from problem
        if not data:
            raise RunnerError(f"The interpreter of the environment does not start: {self._words()}")
        self._control.settimeout(None)
        hello = json.loads(data)
        if not isinstance(hello, dict):
            raise RunnerError("The runner's first message is not an object.")
        return hello

    def _words(self) -> str:
        self._process.kill()
        return self._process.communicate()[1].decode("utf-8", "replace").strip()[-2000:]

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def execute(self, request: Mapping[str, Any]) -> Execution:
        """Start a request.

        Raises
        ------
        RunnerError
            If the runner is gone.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                with self._lock:
                    self._control.sendmsg(
                        [b"R"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
                    )
                data = (json.dumps(request) + "\n").encode()
            except OSError as problem:
                ours.close()
                raise RunnerError("The warm runner is gone; something killed it.") from problem
        try:
            ours.sendall(data)
        except OSError as problem:
            ours.close()
            raise RunnerError("The warm runner did not take the request.") from problem
        return Execution(ours)

    def close(self) -> None:
        """End the process and what is below it."""
        self._control.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self.folder.cleanup()


class RunnerPool:
    """At most ``size`` live runners, all of one owner; the least recently used one ends first."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._owner = ""
        self._runners: OrderedDict[tuple[str, ...], Runner] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, owner: str, key: tuple[str, ...], python: Path, environ: Mapping[str, str]) -> Runner:
        """Return the warm runner for ``key``; another owner's runners are ended first."""
        with self._lock:
            if owner != self._owner:
                self.close()
                self._owner = owner
            runner = self._runners.get(key)
            if runner is not None and not runner.alive:
                self._runners.pop(key).close()
                runner = None
            if runner is None:
                runner = Runner(python, environ)
                self._runners[key] = runner
                while len(self._runners) > self._size:
                    self._runners.popitem(last=False)[1].close()
            self._runners.move_to_end(key)
            return runner

    def close(self) -> None:
        """End all runners."""
        with self._lock:
            while self._runners:
                self._runners.popitem()[1].close()


def warm_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of a child's environment that an interpreter reads when it starts, the workspace left out."""
    own = ("HOME", "TMPDIR", "PYTHONPATH", "GIT_CONFIG_GLOBAL")
    return {name: value for name, value in environ.items() if name not in own}


def shadowed(modules: list[str], pythonpath: str) -> bool:
    """Whether a module that the runner has loaded would come from ``pythonpath`` in a cold interpreter."""
    names = set(modules)
    for entry in filter(None, pythonpath.split(os.pathsep)):
        with contextlib.suppress(OSError):
            for found in os.scandir(entry):
                stem = found.name.partition(".")[0]
                if stem in names and (found.name.endswith(".py") or _is_package(found) or found.name.endswith(".so")):
                    return True
    return False


def _is_package(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir() and Path(entry.path, "__init__.py").exists()
