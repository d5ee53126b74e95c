"""The adapter of pytest, on a warm forked runner."""

import time
from collections.abc import Sequence
from dataclasses import replace

from maestro.adapters.job import Job
from maestro.adapters.pool import Runner, RunnerPool, shadowed, warm_environ
from maestro.model import CaseResult, Collection, Outcome, Phase, Suite, SuiteResult
from maestro.registry import Environment, Workspace

MANY_FAILING = 50  # so many failing tests, if they are most of those that ran, are not tried again


class PytestAdapter:
    """Collects and runs pytest suites with the semantics of ``pytest`` in the project's root.

    Parameters
    ----------
    owner
        Whose tests these are. Warm runners never serve another owner.
    pool
        Where runners are kept; by default one of its own, ended by ``close``.
    """

    name = "pytest"

    def __init__(self, owner: str = "", pool: RunnerPool | None = None) -> None:
        self._owner = owner
        self._pool = pool or RunnerPool()

    def close(self) -> None:
        """End the warm runners."""
        self._pool.close()

    def collect(self, workspace: Workspace, environment: Environment, suite: Suite, *, deadline: float) -> Collection:
        """Return the suite's tests; what does not collect, or stops the session, is in ``errors``."""
        started = time.monotonic()
        job = Job(lambda: self.runner(workspace, environment, suite), workspace, environment, suite, deadline)
        sessions = job.collect()
        tests: dict[str, str] = {}
        errors: dict[str, CaseResult] = {}
        for session in sessions:
            tests.update({name: session.files[name] for name in session.collected or ()})
            errors.update(session.problems)
        last = sessions[-1]
        return Collection(
            suite=suite.name,
            tests=tuple(tests),
            files=tests,
            errors=tuple(errors.values()),
            rootdir=last.rootdir,
            inifile=last.inifile,
            seconds=time.monotonic() - started,
        )

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
        """Run tests; see ``base.Adapter.run``."""
        started = time.monotonic()
        job = Job(
            lambda: self.runner(workspace, environment, suite),
            workspace,
            environment,
            suite,
            deadline,
            collection,
            shuffle_seed,
            trace,
        )
        asked = None if tests is None else list(dict.fromkeys(tests))
        results = job.run(asked)
        for attempt in range(retries):
            again = [name for name, result in results.items() if _worth_retrying(result)]
            if not again or time.monotonic() >= deadline:
                break
            if shuffle_seed is None and len(again) > MANY_FAILING and len(again) * 2 > len(results):
                break  # so many fail for a cause that they have in common, not by chance
            fresh = replace(job, seed=None if shuffle_seed is None else shuffle_seed + attempt + 1, exit_code=None)
            for name, result in fresh.run(again).items():
                if name in again:
                    results[name] = _merged(results[name], result)
        return SuiteResult(tuple(results.values()), time.monotonic() - started, job.code(results), job.log())

    def runner(self, workspace: Workspace, environment: Environment, suite: Suite) -> tuple[Runner, bool]:
        """Return a runner, and whether it serves this workspace alone and must be closed after use."""
        environ = workspace.environ(environment, suite.environment)
        warm = warm_environ(environ)
        key = (environment.facts.hash, str(environment.python), *sorted(f"{k}={v}" for k, v in warm.items()))
        runner = self._pool.get(self._owner, key, environment.python, warm)
        if runner.hello["ok"] and not shadowed(runner.hello["modules"], environ.get("PYTHONPATH", "")):
            return runner, False
        if runner.hello["ok"] or environ.get("PYTHONPATH"):
            # The project brings a module that pytest itself uses: only a fresh interpreter takes the project's.
            return Runner(environment.python, environ), True
        return runner, False


def _worth_retrying(result: CaseResult) -> bool:
    phase = result.facts.phase if result.facts is not None else Phase.CALL
    return result.outcome.bad and "::" in result.id and phase not in (Phase.COLLECT, Phase.SESSION)


def _merged(before: CaseResult, after: CaseResult) -> CaseResult:
    attempts = (*(before.attempts or (before.outcome,)), after.outcome)
    if after.outcome.bad:
        return replace(before, attempts=attempts)
    # The first failure stays on record: it is what the flakiness looks like.
    return replace(before, outcome=Outcome.FLAKY, seconds=after.seconds, attempts=attempts)
