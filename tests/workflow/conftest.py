"""One machine for all workflow tests: environments are built once, in a folder of the session."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from support.machine import LocalMachine

CONFIGURATION = """\
project: sample
environment:
  python: "3.11"
  install: [pytest]
suites:
  unit:
    paths: [tests]
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machine")


@pytest.fixture(scope="session")
def machine(cache: Path) -> Iterator[LocalMachine]:
    with LocalMachine(cache) as made:
        yield made


class Write(Protocol):
    def __call__(self, files: Mapping[str, str], more: str = "") -> Path: ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a project's files; its configuration is the one above, with ``more`` after it, unless one is given."""

    def make(files: Mapping[str, str], more: str = "") -> Path:
        root = tmp_path / "project"
        for name, text in {"maestro.yaml": CONFIGURATION + more, **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    return make
