"""A project's files, an environment, and the adapter that collects and runs its tests."""

import sys
import textwrap
import time
from pathlib import Path

from maestro.adapters import PytestAdapter
from maestro.model import Collection, EnvironmentSpec, Suite, SuiteResult
from maestro.registry import Environment, Workspace

RUNNING = "{}.{}".format(*sys.version_info[:2])


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
