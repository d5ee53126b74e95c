"""A project under repair: what is proposed for its failures, and what becomes of its files."""

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from maestro.healing.base import Project
from maestro.healing.candidates import propose
from maestro.model import Candidate, EnvironmentFacts, EnvironmentSpec, Failure


class Bench:
    """A project under repair: write it, fail it, look at what is proposed, apply it."""

    def __init__(self, root: Path, index: str) -> None:
        self.root, self.index = root, index
        self.python = "3.12"
        self.distributions: dict[str, str] = {}
        self.modules: dict[str, str] = {}
        self.install: tuple[str, ...] = ("pytest",)
        self.protect: tuple[str, ...] = ()
        self.config_file = "maestro.yaml"
        self.write({"maestro.yaml": "project: demo\nenvironment:\n  python: '3.12'\n  install:\n  - pytest\n"})

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), newline="")

    @property
    def project(self) -> Project:
        return Project(
            self.root,
            EnvironmentSpec(self.python, self.install),
            EnvironmentFacts("0", self.python, self.distributions, self.modules),
            self.config_file,
            ("tests",),
            self.protect,
            {"UV_DEFAULT_INDEX": self.index},
        )

    def propose(self, failure: Failure, **options: Any) -> list[Candidate]:
        return propose(failure, self.project, **options)

    def apply(self, candidate: Candidate) -> None:
        subprocess.run(
            ["git", "apply", "-"], input=candidate.patch.encode(), cwd=self.root, check=True, capture_output=True
        )
        for path in self.root.rglob("*.py"):
            ast.parse(path.read_bytes())

    def read(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()
