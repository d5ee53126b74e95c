"""Little projects on disk, failures with a diagnosis, and what is proposed for them."""

import ast
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from maestro.healing import weakening
from maestro.healing._trees import changes
from maestro.healing.base import Generator, Project
from maestro.healing.candidates import Proposed, proposed
from maestro.model import (
    Candidate,
    EnvironmentFacts,
    EnvironmentSpec,
    ErrorKind,
    Facts,
    Failure,
    Frame,
    Phase,
    Severity,
)

CONFIG = "project: demo\nenvironment:\n  python: '3.12'\n  install:\n  - pytest\n"


class Bench:
    """A project under repair: write it, fail it, look at what one generator proposes, and at what that changes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "project"
        self.variables: dict[str, str] = {}
        self.write({"maestro.yaml": CONFIG})

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), newline="")

    def propose(self, generator: Generator, failure: Failure) -> list[Candidate]:
        return list(self.noted(generator, failure).candidates)

    def noted(self, generator: Generator, failure: Failure, facts: EnvironmentFacts | None = None) -> Proposed:
        """What a generator proposes, and what it says of what it left alone."""
        return proposed(failure, self.project(facts), using=[generator])

    def project(self, facts: EnvironmentFacts | None = None) -> Project:
        return Project(
            self.root,
            EnvironmentSpec("3.12", ("pytest",), (), self.variables),
            facts or EnvironmentFacts("0", "3.12"),
            "maestro.yaml",
            ("tests",),
        )

    def applied(self, candidate: Candidate) -> Path:
        """A copy of the project with a candidate's change."""
        after = self.folder / f"after-{candidate.id}"
        if after.exists():
            return after
        shutil.copytree(self.root, after)
        subprocess.run(["git", "apply", "-"], input=candidate.patch.encode(), cwd=after, check=True)
        for path in after.rglob("*.py"):
            ast.parse(path.read_bytes())
        return after

    def findings(self, candidate: Candidate) -> list[str]:
        """The rules that a candidate's change breaks."""
        return [f.rule for f in weakening.find(self.root, self.applied(candidate))]

    def rules(self, edits: Mapping[str, str]) -> set[str]:
        """The rules that a change written by hand breaks."""
        after = self.folder / "by-hand"
        shutil.copytree(self.root, after)
        for name, text in edits.items():
            (after / name).write_text(dedent(text))
        assert changes(self.root, after)
        return {f.rule for f in weakening.find(self.root, after)}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return Bench(tmp_path)


@pytest.fixture(name="failing")
def failing_() -> Callable[..., Failure]:
    return failing


def failing(
    exception: str,
    message: str,
    *tests: str,
    frames: tuple[Frame, ...] = (),
    attributes: Mapping[str, Any] | None = None,
    diagnosis: Mapping[str, Any] | None = None,
    covered: Mapping[str, tuple[str, ...]] | None = None,
) -> Failure:
    facts = Facts(
        Phase.CALL, exception, message, attributes=attributes or {}, frames=frames, covered=covered or {}, text=message
    )
    ids = tests or ("tests/test_demo.py::test_it",)
    return Failure(
        "f", ErrorKind.TEST_FAILURE, Severity.LOW, "s", "c", ids, "tests", message, facts, diagnosis=diagnosis or {}
    )
