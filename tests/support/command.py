"""The real `maestro` command as a subprocess, and small projects to give it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.stack import clean_environment

MAESTRO = Path(sys.executable).with_name("maestro")
TIMEOUT = 240.0  # seconds; far more than any command here takes, on a machine under load too

# A suite of small tests in `tests/`, with an environment that every project here shares.
PLAIN = """\
project: small
environment:
  install: [pytest]
suites:
  unit:
    kind: test
    paths: [tests]
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document that `--json` promises on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The message of an error document."""
        return str(self.json["error"]["message"])


def maestro(folder: Path, *words: str | Path, through: Path | None = None, timeout: float = TIMEOUT) -> Done:
    """Run `maestro WORDS --json` where a user would stand; raises subprocess.TimeoutExpired when it hangs.

    ``through`` is a Python script that starts the command that is given to it.
    """
    wrapper: list[str | Path] = [sys.executable, through] if through else []
    done = subprocess.run(
        [*wrapper, MAESTRO, *words, "--json"],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def start(folder: Path, *words: str | Path, output: Path) -> subprocess.Popen[bytes]:
    """Start `maestro WORDS --json` and do not wait; its standard output goes to a file."""
    with output.open("wb") as out, output.with_suffix(".err").open("wb") as err:
        return subprocess.Popen(
            [MAESTRO, *words, "--json"],
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )


def project(folder: Path, files: Mapping[str, str], config: str = PLAIN) -> Path:
    """Write a project: ``maestro.yaml`` (none where ``config`` is empty) and files by their path; returns its root."""
    for name, text in {**({"maestro.yaml": config} if config else {}), **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(slots=True)
class Outcomes:
    """The results of a run's tests, by id."""

    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __getitem__(self, test: str) -> str:
        return str(self.by_id[test]["outcome"])

    def message(self, test: str) -> str:
        """What is said about a test."""
        return str(self.by_id[test]["message"])


def outcomes(items: Sequence[Mapping[str, Any]]) -> Outcomes:
    """Index the items of ``GET /v1/runs/{id}/tests``."""
    return Outcomes({str(item["id"]): dict(item) for item in items})


def pids_with(marker: str) -> list[int]:
    """Return the processes of this machine that carry ``marker`` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it ended meanwhile
            if marker.encode() in line:
                found.append(int(entry.name))
    return found
