"""Compare what Maestro says of a release with what plain `pytest` says, test by test.

The release is the current source distribution of a project on the package index, unpacked and not touched. Both sides
get the same interpreter and the same requirements, which are the project's own.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import urllib3
from maestro.config import load_config
from maestro.registry import EnvironmentBuilder, unpack
from maestro.registry.environments import _uv_variables
from maestro.settings import network_variables
from maestro_cli.client import pool
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import Version
from support.command import maestro
from support.stack import RunningStack

UV = Path(sys.executable).with_name("uv")
PLUGIN = Path(__file__).parent / "record_outcomes.py"
SECONDS = 600.0  # for one suite; those of the named projects take well under a minute
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the two say: outcomes by test id, and how long each took (wall seconds, Maestro's on a warm stack)."""

    release: str
    plain: Mapping[str, str]
    ours: Mapping[str, str]
    plain_seconds: float
    our_seconds: float
    plain_exit: int
    our_exit: int

    @property
    def ids(self) -> set[str]:
        """Every id that either of the two names."""
        return {*self.plain, *self.ours}

    @property
    def differences(self) -> dict[str, tuple[str, str]]:
        """Ids with (plain, ours) outcomes where they are not the same; "-" stands for no such test."""
        pairs = {test: (self.plain.get(test, "-"), self.ours.get(test, "-")) for test in sorted(self.ids)}
        return {test: pair for test, pair in pairs.items() if pair[0] != pair[1]}

    def line(self) -> str:
        """One row of a table: release, ids, equal, different, plain's outcomes, seconds."""
        counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(Counter(self.plain.values()).items()))
        equal = len(self.ids) - len(self.differences)
        return (
            f"{self.release:<18} {len(self.ids):>6} {equal:>6} {len(self.differences):>6} "
            f"{self.plain_seconds:>8.1f} {self.our_seconds:>8.1f}  {counts}"
        )


HEADER = f"{'release':<18} {'ids':>6} {'equal':>6} {'differ':>6} {'plain s':>8} {'ours s':>8}  outcomes"


def fetch(name: str, folder: Path) -> Path:
    """Download the current source distribution of a project; return its unpacked root."""
    base = _first("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL") or "https://pypi.org/simple"
    page = f"{base.rstrip('/')}/{canonicalize_name(name)}/"
    answer = _get(page, {"Accept": _ACCEPT})
    best: tuple[Version, str, str, str] | None = None
    for file, url, digest in _files(answer, page):
        try:
            project, version = parse_sdist_filename(file)
        except InvalidSdistFilename:
            continue  # a wheel, or something older than sdists have names
        wanted = project == canonicalize_name(name) and not version.is_prerelease and file.endswith(".tar.gz")
        if wanted and (best is None or version > best[0]):
            best = (version, file, url, digest)
    assert best, f"the index at {page} has no source distribution of {name}"
    _, file, url, digest = best
    body = _get(url, {}).data
    assert not digest or hashlib.sha256(body).hexdigest() == digest, f"{file} is not what the index says"
    archive = folder / file
    archive.write_bytes(body)
    unpack(archive, folder / "sdist")
    return folder / "sdist" / file.removesuffix(".tar.gz")


def compare(up: RunningStack, root: Path, folder: Path) -> Comparison:
    """Run an untouched project both ways; ``folder`` is for the plain side's copy and environment."""
    plain, plain_seconds, plain_exit = _plain(root, folder)
    started = time.monotonic()
    done = maestro(up.folder, "run", root, "--no-heal", "--output", folder / "reports", timeout=SECONDS)
    our_seconds = time.monotonic() - started
    assert done.json.get("totals"), done.out + done.err  # without results it says why
    results = up.client.pages(f"/v1/runs/{done.json['run_id']}/tests", limit=None)
    ours = {str(item["id"]): str(item["outcome"]) for item in results}
    return Comparison(root.name, plain, ours, plain_seconds, our_seconds, plain_exit, done.code)


def _plain(root: Path, folder: Path) -> tuple[dict[str, str], float, int]:
    """Run `pytest` as a developer does: in the project's root, in an environment with its requirements."""
    config = load_config(root)
    network = network_variables(os.environ)
    python = EnvironmentBuilder(folder / "finding", network, os.environ["PATH"]).find_python(config.environment.python)
    copy, venv, home = folder / "copy" / root.name, folder / "venv", folder / "home"
    shutil.copytree(root, copy)
    home.mkdir()
    uv = {**os.environ, **_uv_variables(network), "VIRTUAL_ENV": str(venv)}
    _call([UV, "venv", "--quiet", "--python", python.path, venv], folder, uv)
    _call([UV, "pip", "install", "--quiet", "--python", venv / "bin" / "python", *_lines(config.environment.install)],
          copy, uv)  # fmt: skip
    outcomes = folder / "outcomes.json"
    environ = {
        "PATH": os.pathsep.join([str(venv / "bin"), os.environ["PATH"]]),
        "HOME": str(home),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(PLUGIN.parent),
        "RECORD_OUTCOMES": str(outcomes),
    }
    command: list[str | Path] = [venv / "bin" / "python", "-m", "pytest", "-q", "-p", PLUGIN.stem]
    for suite in config.suites:
        command += [*suite.args, *suite.paths]
    started = time.monotonic()
    done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)
    seconds = time.monotonic() - started
    assert outcomes.exists(), done.stdout + done.stderr
    return json.loads(outcomes.read_text(encoding="utf-8")), seconds, done.returncode


def _lines(install: tuple[str, ...]) -> list[str]:
    """Write `install` of a configuration as arguments of `uv pip install`."""
    words: list[str] = []
    for line in install:
        option = re.match(r"(-e|-r|-c)\s+(.+)", line)
        words += [option[1], option[2]] if option else [line]
    return words


def _call(command: list[str | Path], cwd: Path, environ: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


def _first(*names: str) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _get(url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
    answer = pool(url).request("GET", url, headers=headers, timeout=60, retries=urllib3.Retry(3, backoff_factor=0.5))
    assert answer.status == 200, f"{url} answered {answer.status}"
    return answer


def _files(answer: urllib3.BaseHTTPResponse, page: str) -> list[tuple[str, str, str]]:
    """Read an index's page (PEP 691, or 503): name, URL and SHA-256 of each file that is not withdrawn."""
    if "json" in answer.headers.get("Content-Type", ""):
        return [
            (str(file["filename"]), urljoin(page, file["url"]), str(file["hashes"].get("sha256", "")))
            for file in answer.json()["files"]
            if not file.get("yanked")
        ]
    found: list[tuple[str, str, str]] = []

    class Anchors(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            if tag == "a" and given.get("href") and "data-yanked" not in given:
                url, fragment = urldefrag(urljoin(page, given["href"] or ""))
                found.append((unquote(url.rpartition("/")[2]), url, fragment.removeprefix("sha256=")))

    Anchors().feed(answer.data.decode("utf-8", "replace"))
    return found
