"""A real environment with pytest, and laboratories on little projects."""

import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from maestro.adapters import PytestAdapter
from maestro.model import EnvironmentSpec, Suite
from maestro.orchestration.experimenting import Laboratory
from maestro.registry import Environment, EnvironmentBuilder
from maestro.settings import network_variables

SPEC = EnvironmentSpec("{}.{}".format(*sys.version_info[:2]), ("pytest",), (".",))

MakeLaboratory = Callable[[Mapping[str, str]], Laboratory]


@pytest.fixture(scope="session")
def adapter() -> Iterator[PytestAdapter]:
    made = PytestAdapter(owner="experiments")
    yield made
    made.close()


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("experiments")
    builder = EnvironmentBuilder(folder / "cache", network_variables(os.environ), os.environ["PATH"])
    (folder / "empty").mkdir()
    return builder.ensure(SPEC, folder / "empty")


@pytest.fixture
def laboratory(tmp_path: Path, environment: Environment, adapter: PytestAdapter) -> MakeLaboratory:
    def make(files: Mapping[str, str]) -> Laboratory:
        root = tmp_path / "project"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(textwrap.dedent(text))
        suite = Suite("tests", timeout=20.0, environment=SPEC)
        return Laboratory(adapter, environment, suite, root, time.monotonic() + 60)

    return make
