"""A real environment with pytest, laboratories on little projects, and a machine for whole runs of them."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from healing_experiments_projects import MakeLaboratory, write
from maestro.adapters import PytestAdapter
from maestro.model import EnvironmentSpec, Suite
from maestro.orchestration.experimenting import Laboratory
from maestro.registry import Environment, EnvironmentBuilder
from maestro.settings import network_variables
from support.machine import LocalMachine

SPEC = EnvironmentSpec("{}.{}".format(*sys.version_info[:2]), ("pytest",), (".",))


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


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMachine]:
    with LocalMachine(tmp_path_factory.mktemp("machine")) as made:
        yield made


@pytest.fixture
def laboratory(tmp_path: Path, environment: Environment, adapter: PytestAdapter) -> MakeLaboratory:
    def make(files: Mapping[str, str]) -> Laboratory:
        root = tmp_path / "project"
        write(root, files)
        suite = Suite("tests", timeout=20.0, environment=SPEC)
        return Laboratory(adapter, environment, suite, root, time.monotonic() + 60)

    return make
