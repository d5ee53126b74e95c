"""The sandbox: build environments, collect tests, run a chunk, try a patch.

Runs code that nobody vetted, so it has no rights: orders come and answers go by presigned URLs. A process serves one
tenant for its whole life.
"""

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import urllib3

from maestro.adapters import Adapter, adapter_for
from maestro.config import ConfigError, load_config
from maestro.healing.experiments import Experiment, Observation
from maestro.model import (
    CaseResult,
    Collection,
    Facts,
    Outcome,
    Phase,
    Suite,
    SuiteResult,
    Trial,
    TrialStatus,
    dump_json,
    failing,
    load_json,
)
from maestro.orchestration import pacing
from maestro.orchestration.building import possible
from maestro.orchestration.errors import OrderError, OvertakenError, TooSlowError, WrongTenantError
from maestro.orchestration.experimenting import Laboratory
from maestro.orchestration.orders import (
    ChunkOrder,
    EnvironmentArchive,
    ExperimentAnswer,
    ExperimentOrder,
    PrepareAnswer,
    PrepareOrder,
    ServicesOrder,
    Source,
    TrialOrder,
    summary,
)
from maestro.orchestration.transfer import Transfer
from maestro.orchestration.trials import MARGIN_SECONDS, Bench, Known, Racer, Stopwatch
from maestro.registry import (
    BundleError,
    Environment,
    EnvironmentBuilder,
    EnvironmentBuildError,
    PatchError,
    Workspace,
    archive_key,
    unpack,
)

logger = logging.getLogger(__name__)

KEPT_SOURCES = 8
TRACED_TESTS = 10
TRACED_MORE = 40  # of the failures after these, the quickest
TRACED_PASSING = 20  # passing tests of the same files, which tell what is not to blame
TRACED_SECONDS = 2.0  # for these, and for those, together


@dataclass(slots=True)
class Sandbox:
    """One process's sandbox. ``cache`` holds environments and sources between executions."""

    cache: Path
    network: Mapping[str, str]
    path: str
    transfer: Transfer = field(default_factory=Transfer)
    tenant: str = ""
    _adapters: dict[str, Adapter] = field(default_factory=dict)

    def prepare(self, order: PrepareOrder) -> PrepareAnswer:
        """Build, or find, the environment of the suites; list their tests."""
        started = time.monotonic()
        deadline = started + order.seconds
        try:
            with self._tree(order.source) as tree:
                environment, problem = possible(
                    lambda suite: self._environment(suite, tree, order.archive), order.suites[0], tree, deadline
                )
                collections = []
                for suite in order.suites:
                    if problem is not None:
                        collections.append(Collection(suite.name, (), {}, (problem,)))
                        continue
                    with Workspace(tree, environment=environment) as workspace:
                        adapter = self._adapter(suite)
                        collections.append(adapter.collect(workspace, environment, suite, deadline=deadline))
        except (EnvironmentBuildError, BundleError, PatchError) as error:
            return PrepareAnswer(facts=None, error=str(error), code=error.code, seconds=time.monotonic() - started)
        return PrepareAnswer(
            facts=environment.facts,
            collections=tuple(collections),
            seconds=round(time.monotonic() - started, 3),
            reused=environment.reused,
        )

    def run_chunk(self, order: ChunkOrder) -> SuiteResult:
        """Run the chunk's tests; those that fail run again to tell flaky from broken, and to see what they enter."""
        deadline = time.monotonic() + order.seconds
        with self._tree(order.source) as tree:
            environment = self._environment(order.suite, tree, order.archive)
            with Workspace(tree, environment=environment) as workspace:
                result = self._adapter(order.suite).run(
                    workspace,
                    environment,
                    order.suite,
                    tests=order.tests,
                    collection=order.collection,
                    deadline=deadline,
                    retries=order.suite.retries,
                )
            return self._traced(order, tree, environment, result, deadline)

    def try_candidate(self, order: TrialOrder) -> Trial:
        """Apply a candidate to a fresh copy, run the failure's tests, and where they got better the whole proof."""
        started = time.monotonic()
        watch = Stopwatch()
        trial = self._try(order, started + order.seconds, watch)
        return replace(trial, seconds=round(time.monotonic() - started, 3), spent=watch.spent)

    def experiment(self, order: ExperimentOrder) -> ExperimentAnswer:
        """Run tests in other orders, alone, under load or in other surroundings, and tell how they fared."""
        started = time.monotonic()
        deadline = started + order.seconds
        try:
            with self._tree(order.source) as tree:
                observations = tuple(
                    self._observe(order, experiment, tree, deadline) for experiment in order.experiments
                )
        except (EnvironmentBuildError, PatchError) as error:
            return ExperimentAnswer(error=str(error), seconds=round(time.monotonic() - started, 3))
        return ExperimentAnswer(observations, seconds=round(time.monotonic() - started, 3))

    def _observe(self, order: ExperimentOrder, experiment: Experiment, tree: Path, deadline: float) -> Observation:
        """Carry out one experiment, on a patched copy of the source where it exchanges something."""
        if not experiment.patch:
            environment = self._environment(order.suite, tree, order.archive)
            return Laboratory(self._adapter(order.suite), environment, order.suite, tree, deadline).observe(experiment)
        with Workspace(tree) as workspace:
            try:
                workspace.apply(experiment.patch)
                suite = next((s for s in load_config(workspace.source).suites if s.name == order.suite.name), None)
                if suite is None:
                    return Observation(experiment.name, problem=f"there is no suite {order.suite.name!r} any more")
                environment = self._environment(suite, workspace.source, order.archive)
            except (EnvironmentBuildError, PatchError, ConfigError) as error:
                return Observation(experiment.name, problem=str(error))
            return Laboratory(self._adapter(suite), environment, suite, workspace.source, deadline).observe(experiment)

    def check_services(self, order: ServicesOrder) -> dict[str, object]:
        """Ask each service's health URL; healthy means that all answered 2xx."""
        pool = urllib3.PoolManager()
        problems = []
        for service in order.services:
            try:
                answer = pool.request(
                    "GET", service.url, timeout=order.seconds / max(1, len(order.services)), retries=1
                )
                if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's own borders
                    problems.append(f"{service.name} at {service.url} answered {answer.status}")
            except urllib3.exceptions.HTTPError as error:
                problems.append(f"{service.name} at {service.url} cannot be reached ({type(error).__name__})")
        return {"healthy": not problems, "problems": problems}

    def _traced(
        self, order: ChunkOrder, tree: Path, environment: Environment, result: SuiteResult, deadline: float
    ) -> SuiteResult:
        """Run a few of the failures, and passing tests beside them, once more, to note which functions they enter."""
        failed = [r for r in failing(result.results) if r.facts and r.facts.phase is Phase.CALL]
        failed = [*failed[:TRACED_TESTS], *_quick(failed[TRACED_TESTS:], TRACED_MORE)]
        files = {r.file for r in failed}
        passed = [r for r in result.results if r.outcome is Outcome.PASSED and r.file in files]
        chosen = [r.id for r in (*failed, *_quick(passed, TRACED_PASSING))]
        if not chosen or time.monotonic() > deadline - MARGIN_SECONDS:
            return result
        with Workspace(tree, environment=environment) as workspace:
            again = self._adapter(order.suite).run(
                workspace,
                environment,
                order.suite,
                tests=chosen,
                collection=order.collection,
                trace=True,
                deadline=deadline,
            )
        seen = {r.id: r.facts.covered for r in again.results if r.facts}
        return replace(
            result,
            results=tuple(
                replace(r, facts=replace(r.facts or Facts(Phase.CALL, "", ""), covered=seen[r.id]))
                if seen.get(r.id)
                else r
                for r in result.results
            ),
        )

    def _try(self, order: TrialOrder, deadline: float, watch: Stopwatch) -> Trial:
        racer = Racer(order.race, self.transfer)
        now = time.time()
        if pacing.over(order.until, now):
            detail = "the time for healing was over before it was tried"
            return Trial(candidate=order.candidate, status=TrialStatus.CANCELLED, detail=detail)
        if order.until:
            deadline = min(deadline, time.monotonic() + order.until - now)
        try:
            racer.look()
            return self._tried(order, racer, deadline, watch)
        except (OvertakenError, TooSlowError) as error:
            return Trial(candidate=order.candidate, status=TrialStatus.CANCELLED, detail=str(error))

    def _tried(self, order: TrialOrder, racer: Racer, deadline: float, watch: Stopwatch) -> Trial:
        with self._tree(order.source) as tree, Workspace(tree) as workspace:
            try:
                workspace.apply(order.patch)
                config = load_config(workspace.source)
            except (PatchError, ConfigError) as error:
                return Trial(candidate=order.candidate, status=TrialStatus.NOT_APPLICABLE, detail=str(error))
            suite = next((s for s in config.suites if s.name == order.suite), None)
            if suite is None:
                detail = f"with the patch there is no suite {order.suite!r} any more"
                return Trial(candidate=order.candidate, status=TrialStatus.NOT_APPLICABLE, detail=detail)
            known = Known(order, self.transfer)
            with self._tree(order.origin or order.source) as before:
                done = known.useless(racer, before, workspace.source)
                if done is not None:
                    return done
                try:
                    with watch.at("environment"):
                        environment = self._environment(suite, workspace.source, order.archive)
                except EnvironmentBuildError as error:
                    return Trial(candidate=order.candidate, status=TrialStatus.ENVIRONMENT_FAILED, detail=str(error))
                adapter = self._adapter(suite)
                bench = Bench(order, suite, adapter, environment, workspace.source, deadline, racer, watch, known)
                return bench.prove(before)

    def _adapter(self, suite: Suite) -> Adapter:
        if suite.adapter not in self._adapters:
            self._adapters[suite.adapter] = adapter_for(suite.adapter, owner=self.tenant)
        return self._adapters[suite.adapter]

    def close(self) -> None:
        """End the warm runners."""
        for adapter in self._adapters.values():
            adapter.close()
        self._adapters.clear()

    # ------------------------------------------------------------------ sources and environments

    def _environment(self, suite: Suite, tree: Path, archive: EnvironmentArchive) -> Environment:
        builder = EnvironmentBuilder(self.cache, self.network, self.path)
        if not archive.key or archive_key(suite.environment, tree) != archive.key:
            return builder.ensure(suite.environment, tree)
        with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
            packed = Path(scratch) / "environment.tar.gz"
            if not (self.cache / "adopted" / archive.key).exists() and self.transfer.find(archive.get_url, packed):
                builder.adopt(packed)
            environment = builder.ensure(suite.environment, tree)
            if not environment.reused:
                builder.archive(environment, packed)
                self.transfer.put(archive.put_url, packed.read_bytes())
        (self.cache / "adopted").mkdir(exist_ok=True)
        (self.cache / "adopted" / archive.key).touch()
        return environment

    @contextmanager
    def _tree(self, source: Source) -> Iterator[Path]:
        """Give the source as a folder that nobody changes: the cached bundle, or a patched copy of it."""
        base = self._bundle(source)
        if not source.patches:
            yield base
            return
        with Workspace(base) as workspace:
            for patch in source.patches:
                workspace.apply(patch)
            yield workspace.source

    def _bundle(self, source: Source) -> Path:
        folder = self.cache / "sources" / source.digest
        tree, done = folder / "tree", folder / "complete"
        if not done.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not done.exists():
                    shutil.rmtree(tree, ignore_errors=True)
                    with tempfile.TemporaryDirectory(dir=folder) as scratch:
                        archive = Path(scratch) / "bundle.tar.gz"
                        self.transfer.download(source.url, archive)
                        unpack(archive, tree)
                    done.touch()
            self._forget_old_sources(keep=folder)
        os.utime(done)
        return tree

    def _forget_old_sources(self, keep: Path) -> None:
        """Drop the sources used least recently, but none that an execution of the last hour may still be reading."""
        marks = sorted(keep.parent.glob("*/complete"), key=lambda p: p.stat().st_mtime, reverse=True)
        for mark in marks[KEPT_SOURCES:]:
            if time.time() - mark.stat().st_mtime > 3600:  # noqa: PLR2004 - an hour; no execution lasts that long
                shutil.rmtree(mark.parent, ignore_errors=True)


def _quick(results: Sequence[CaseResult], most: int) -> list[CaseResult]:
    """Choose so many of the quickest tests, as far as they together take little time."""
    chosen: list[CaseResult] = []
    for result in sorted(results, key=lambda r: r.seconds)[:most]:
        if sum(r.seconds for r in (*chosen, result)) <= TRACED_SECONDS:
            chosen.append(result)
    return chosen


# ---------------------------------------------------------------------- the function's entry point


@dataclass(frozen=True, slots=True)
class _Action:
    order: type[Any]
    perform: Callable[[Sandbox, Any], Any]
    summarise: Callable[[Any], Mapping[str, object]]


class Execution:
    """Serves the execution function's events: ``{"action", "tenant", "work_url", "result_url"}``."""

    ACTIONS: ClassVar[Mapping[str, _Action]] = {
        "prepare": _Action(
            PrepareOrder,
            Sandbox.prepare,
            lambda a: summary(
                ready=a.facts is not None, tests=sum(len(c.tests) for c in a.collections), seconds=a.seconds
            ),
        ),
        "run_chunk": _Action(
            ChunkOrder,
            Sandbox.run_chunk,
            lambda a: summary(tests=len(a.results), failed=len(failing(a.results)), seconds=a.seconds),
        ),
        "try_candidate": _Action(
            TrialOrder,
            Sandbox.try_candidate,
            lambda a: summary(candidate=a.candidate, status=a.status, seconds=a.seconds),
        ),
        "experiment": _Action(
            ExperimentOrder,
            Sandbox.experiment,
            lambda a: summary(experiments=len(a.observations), error=a.error, seconds=a.seconds),
        ),
        "check_services": _Action(ServicesOrder, Sandbox.check_services, lambda a: a),
    }

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def handle(self, event: Mapping[str, str], seconds_left: float) -> Mapping[str, object]:
        """Carry out the order behind the event's URL; return what stays in the state machine.

        Raises
        ------
        OrderError
            If the action is unknown.
        WrongTenantError
            If this process has served another tenant; the caller ends the process, and a retry gets a fresh one.
        TransferError
            If the order cannot be read or the answer not stored.
        """
        action = self.ACTIONS.get(event.get("action", ""))
        if action is None:
            msg = f"There is no action {event.get('action')!r}; the sandbox knows {', '.join(self.ACTIONS)}."
            raise OrderError(msg)
        tenant = event["tenant"]
        if self._sandbox.tenant not in ("", tenant):
            msg = "This sandbox has served another tenant; try again for a fresh one."
            raise WrongTenantError(msg)
        self._sandbox.tenant = tenant
        order = load_json(action.order, self._sandbox.transfer.get(event["work_url"]))
        limit = max(5.0, seconds_left - MARGIN_SECONDS)
        if order.seconds > limit:
            order = replace(order, seconds=limit)
        answer = action.perform(self._sandbox, order)
        self._sandbox.transfer.put(event["result_url"], dump_json(answer))
        return action.summarise(answer)
