"""Real environments, built once per session through the product's own builder."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from adapters_bench import RUNNING, Bench
from maestro.adapters import PytestAdapter
from maestro.model import EnvironmentSpec
from maestro.registry import EnvironmentBuilder, PythonMissingError
from maestro.settings import network_variables

# Old and new interpreters, each with the oldest and newest pytest that works on it.
PAIRS = [
    (RUNNING, "pytest"),
    ("3.8", "pytest<4 setuptools<66"),
    ("3.8", "pytest"),
    ("3.9", "pytest<7"),
    ("3.12", "pytest<8"),
    ("3.13", "pytest"),
]


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> EnvironmentBuilder:
    cache = tmp_path_factory.mktemp("cache")
    return EnvironmentBuilder(cache, network_variables(os.environ), os.environ["PATH"])


@pytest.fixture(scope="session")
def adapter() -> Iterator[PytestAdapter]:
    made = PytestAdapter(owner="tests")
    yield made
    made.close()


@pytest.fixture
def make_bench(builder: EnvironmentBuilder, adapter: PytestAdapter, tmp_path: Path) -> Callable[..., Bench]:
    def make(python: str = RUNNING, *install: str, **fields: object) -> Bench:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        spec = EnvironmentSpec(python, install or ("pytest",), **fields)  # type: ignore[arg-type]
        return Bench(root, builder.ensure(spec, root), spec, adapter)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture(params=PAIRS, ids=lambda pair: "-".join(pair).replace(" ", "+"))
def each_bench(request: pytest.FixtureRequest, builder: EnvironmentBuilder, make_bench: Callable[..., Bench]) -> Bench:
    """A bench for every pair of interpreter and pytest; the running interpreter must be among them."""
    python, install = request.param
    if python != RUNNING and (missing := _missing(builder, python)):
        pytest.skip(missing)
    return make_bench(python, *install.split())


@functools.cache
def _missing(builder: EnvironmentBuilder, python: str) -> str:
    """Say why there is no such interpreter, "" where there is; asked once, as it may be looked for far away."""
    try:
        builder.find_python(python)
    except PythonMissingError as missing:
        return str(missing)
    return ""
