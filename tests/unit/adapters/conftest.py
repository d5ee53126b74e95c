"""Real environments, built once per session through the product's own builder."""

import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from maestro.adapters import PytestAdapter
from maestro.model import Collection, EnvironmentSpec, Suite, SuiteResult
from maestro.registry import Environment, EnvironmentBuilder, PythonMissingError, Workspace
from maestro.settings import network_variables

RUNNING = "{}.{}".format(*sys.version_info[:2])
# Old and new interpreters, each with the oldest and newest pytest that works on it.
PAIRS = [
    (RUNNING, "pytest"),
    ("3.8", "pytest<4 setuptools<66"),
    ("3.8", "pytest"),
    ("3.9", "pytest<7"),
    ("3.12", "pytest<8"),
    ("3.13", "pytest"),
]


class Bench:
    """A project's files and everything that is needed to run them."""

    def __init__(self, root: Path, environment: Environment, spec: EnvironmentSpec, adapter: PytestAdapter) -> None:
        self.root, self.environment, self.spec, self.adapter = root, environment, spec, adapter

    def write(self, **files: str) -> "Bench":
        """Write files; ``__`` in a name stands for a slash; the ending is .py unless there is a dot.

        A name with a slash is taken as it is.
        """
        for name, text in files.items():
            path = self.root / (name if "/" in name else name.replace("__", "/") + ("" if "." in name else ".py"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return self

    def suite(self, **fields: object) -> Suite:
        return Suite("tests", environment=self.spec, **{"timeout": 20.0, **fields})  # type: ignore[arg-type]

    def workspace(self) -> Workspace:
        return Workspace(self.root, environment=self.environment)

    def collect(self, seconds: float = 60, **fields: object) -> Collection:
        with self.workspace() as workspace:
            return self.adapter.collect(
                workspace, self.environment, self.suite(**fields), deadline=time.monotonic() + seconds
            )

    def run(
        self, tests: list[str] | None = None, *, seconds: float = 60, collection: Collection | None = None,
        seed: int | None = None, trace: bool = False, retries: int = 0, **fields: object,
    ) -> SuiteResult:  # fmt: skip
        with self.workspace() as workspace:
            return self.adapter.run(
                workspace, self.environment, self.suite(**fields), tests=tests, collection=collection,
                shuffle_seed=seed, trace=trace, deadline=time.monotonic() + seconds, retries=retries,
            )  # fmt: skip


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
    if python != RUNNING:
        try:
            builder.find_python(python)
        except PythonMissingError as missing:
            pytest.skip(str(missing))
    return make_bench(python, *install.split())
