"""What an adapter of a test tool gets and gives."""

from collections.abc import Sequence
from typing import Protocol

from maestro.model import Collection, Suite, SuiteResult
from maestro.registry import Environment, Workspace


class Adapter(Protocol):
    """Runs one test tool. Failures of tests, and of the tool, are data; exceptions mean trouble with the machine."""

    name: str

    def collect(self, workspace: Workspace, environment: Environment, suite: Suite, *, deadline: float) -> Collection:
        """Return the suite's tests without running them. ``deadline`` is a ``time.monotonic()`` value."""
        ...

    def run(
        self,
        workspace: Workspace,
        environment: Environment,
        suite: Suite,
        *,
        tests: Sequence[str] | None,
        collection: Collection | None,
        shuffle_seed: int | None = None,
        trace: bool = False,
        deadline: float,
        retries: int = 0,
    ) -> SuiteResult:
        """Run ``tests`` (ids), or with None the whole suite.

        There is one result for every id asked for; one that could not be run is an ``error`` that says why. An id may
        also be a file, a class or ``<session>``: then the results of the tests in it follow its own. ``shuffle_seed``
        mixes the order; ``trace`` records which functions each test entered; tests that fail are run again up to
        ``retries`` times in fresh processes, and are ``flaky`` if they then pass. Where most of many tests fail in
        their own order, they are not run again: that is no chance.
        """
        ...

    def close(self) -> None:
        """End every process that is kept warm."""
        ...
