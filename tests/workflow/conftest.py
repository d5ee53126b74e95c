"""One machine for all workflow tests: environments are built once, in a folder of the session."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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


Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a project's files; it has a configuration of its own unless one is given."""

    def make(files: Mapping[str, str]) -> Path:
        root = tmp_path / "project"
        for name, text in {"maestro.yaml": CONFIGURATION, **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    return make
