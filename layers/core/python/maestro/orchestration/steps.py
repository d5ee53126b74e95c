"""The steps of a run that plan and record: load the configuration, plan chunks, deliver, record the end.

A step takes the state of the state machine and returns the next one: a small dict of ids, counts and URLs. A step that
ends the run early sets ``stop`` and says why in ``status``, ``code`` and ``reason``.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from maestro.aggregation.statistics import durations
from maestro.config import Config, ConfigError, load_config
from maestro.model import (
    Collection,
    EnvironmentSpec,
    Run,
    RunStatus,
    Suite,
    dump_json,
)
from maestro.orchestration.errors import NotFoundError, SuiteUnknownError
from maestro.orchestration.intake import now
from maestro.orchestration.naming import environment_key, pass_key, run_key, slug
from maestro.orchestration.orders import (
    URL_SECONDS,
    ChunkOrder,
    Desk,
    EnvironmentArchive,
    PrepareAnswer,
    PrepareOrder,
    Service,
    ServicesOrder,
    Source,
)
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.sources import Sources
from maestro.registry import BundleError, EnvironmentBuildError, archive_key
from maestro.workflow import WorkflowError, plan_chunks, waves

logger = logging.getLogger(__name__)

State = dict[str, Any]

PREPARE_SECONDS = 840.0
CHUNK_SECONDS = 840.0
NO_TESTS = "The project has no tests that CARS can find: no suite is configured, and there are no test files."


@dataclass(frozen=True, slots=True)
class RunSteps:
    """The steps that need the stores and nothing else. ``concurrency`` is how many sandboxes a run may use at once."""

    runs: RunStore
    blobs: BlobStore
    sources: Sources
    concurrency: int
    archives: bool = False

    def load_configuration(self, state: Mapping[str, Any]) -> State:
        """Read or detect the project's configuration; mark the run as running; order pass 0's environments."""
        tenant, run_id = state["tenant"], state["run_id"]
        run = self._run(tenant, run_id)
        base: State = {"tenant": tenant, "run_id": run_id, "pass": 0, "stop": False}
        if run.cancel_requested:
            return cancelled(base)
        if run.status is RunStatus.QUEUED:
            run = self.runs.transition(
                tenant,
                run_id,
                RunStatus.RUNNING,
                expected={RunStatus.QUEUED},
                action="run.started",
                started_at=now(),
            )
        self.runs.set_progress(tenant, run_id, {"pass": 0})
        try:
            with self.sources.checkout(run.source) as tree:
                environments = open_pass(self.blobs, run, tree, 0, "", archives=self.archives)
        except (ConfigError, BundleError, EnvironmentBuildError, WorkflowError, SuiteUnknownError) as error:
            return stopped(base, error.code, str(error))
        config = load_stored_config(self.blobs, tenant, run_id, 0)
        if not config.suites:
            return stopped(base, "no_tests", NO_TESTS)
        services = tuple(Service(name, _health_url(s.url, s.health)) for name, s in config.services.items())
        desk = Desk(self.blobs)
        return {
            **base,
            "concurrency": self.concurrency,
            "repair_concurrency": max(1, min(config.healing.max_concurrent_repairs, self.concurrency)),
            "heal": False,
            "again": False,
            "groups": [],
            "tried": [],
            "services": desk.issue(run_key(tenant, run_id, "services"), ServicesOrder(services)),
            "environments": environments,
        }

    def plan_chunks(self, state: Mapping[str, Any]) -> State:
        """Cut every suite of every wave into chunks and order them; stop where nothing can run."""
        tenant, run_id, pass_no = state["tenant"], state["run_id"], state["pass"]
        run = self._run(tenant, run_id)
        base = {k: v for k, v in state.items() if k not in ("prepared", "service_check")}
        if run.cancel_requested:
            return cancelled(base)
        config = load_stored_config(self.blobs, tenant, run_id, pass_no)
        collections, problem = read_collections(self.blobs, config, tenant, run_id, pass_no)
        if problem is not None:
            return stopped(base, problem.code, problem.error)
        if not any(c.tests or c.errors for c in collections.values()):
            return stopped(base, "no_tests", "No tests were collected: the suites' paths hold none.")
        known = durations(self.runs.get_statistics(tenant, run.project))
        source = self._source(run, pass_no)
        desk = Desk(self.blobs)
        progress = self.runs.progress_key(tenant, run_id)
        out, chunks_total, expected, cost = [], 0, 0.0, 0.0
        for index, wave in enumerate(waves(config.suites)):
            lines = []
            for suite in wave:
                collection = collections[suite.name]
                archive = read_archive(self.blobs, tenant, run_id, pass_no, suite.name)
                plan = plan_chunks(collection, known, concurrency=self.concurrency, target_time=suite.target_time)
                expected += plan.expected_seconds
                cost += plan.expected_cost_usd
                for chunk in plan.chunks:
                    key = pass_key(tenant, run_id, pass_no, "results", slug(suite.name), chunk.id)
                    order = ChunkOrder(
                        source=source,
                        suite=suite,
                        tests=chunk.tests,
                        collection=_part(collection, chunk.tests),
                        seconds=CHUNK_SECONDS,
                        archive=archive,
                    )
                    urls = desk.issue(key, order)
                    lines.append({**urls, "progress_pk": progress[0], "progress_sk": progress[1]})
            if lines:
                key = pass_key(tenant, run_id, pass_no, f"chunks-{index}.jsonl")
                self.blobs.put(key, "".join(json.dumps(line) + "\n" for line in lines).encode())
                out.append({"key": key, "chunks": len(lines)})
                chunks_total += len(lines)
        self.runs.set_progress(
            tenant,
            run_id,
            {
                "pass": pass_no,
                "chunks_total": chunks_total,
                "tests_total": sum(len(c.tests) for c in collections.values()),
                "expected_seconds": round(expected, 2),
                "expected_cost_usd": round(cost, 6),
            },
        )
        self.runs.reset_counters(tenant, run_id)
        return {**base, "waves": out}

    def _run(self, tenant: str, run_id: str) -> Run:
        run = self.runs.get_run(tenant, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id} of tenant {tenant}.")
        return run

    def _source(self, run: Run, pass_no: int) -> Source:
        return order_source(self.blobs, run, read_patch(self.blobs, run.tenant, run.id, pass_no))


def stopped(state: Mapping[str, Any], code: str, reason: str, status: RunStatus = RunStatus.ERROR) -> State:
    """Return the state of a run that ends here, and why."""
    return {**state, "stop": True, "status": str(status), "code": code, "reason": reason}


def cancelled(state: Mapping[str, Any]) -> State:
    """Return the state of a run that someone cancelled."""
    return stopped(state, "cancelled", "The run was cancelled on request.", RunStatus.CANCELLED)


def open_pass(
    blobs: BlobStore, run: Run, tree: Path, pass_no: int, patch: str, *, archives: bool
) -> list[dict[str, str]]:
    """Read the configuration of the source as the pass runs it, store it, and order its environments.

    With ``archives`` built environments are kept in the bucket, for sandboxes that share no disk.

    Raises
    ------
    ConfigError
        If ``maestro.yaml`` is wrong.
    SuiteUnknownError
        If a suite that was asked for does not exist.
    WorkflowError
        If suites need each other in a circle.
    """
    config = load_config(tree)
    suites = _chosen(config, run.suites)
    waves(suites)
    config = config.model_copy(update={"suites": tuple(suites)})
    blobs.put(pass_key(run.tenant, run.id, pass_no, "config.json"), config.model_dump_json().encode())
    keys = {s.name: archive_key(s.environment, tree) for s in suites} if archives else {}
    blobs.put(pass_key(run.tenant, run.id, pass_no, "archives.json"), json.dumps(keys).encode())
    return order_environments(Desk(blobs), run, config, pass_no, patch)


def read_archive(blobs: BlobStore, tenant: str, run_id: str, pass_no: int, suite: str) -> EnvironmentArchive:
    """Return where the archive of a suite's environment is in this pass; an empty one where none is kept."""
    key = json.loads(blobs.get(pass_key(tenant, run_id, pass_no, "archives.json"))).get(suite)
    if key is None:
        return EnvironmentArchive()
    place = environment_key(tenant, key)
    return EnvironmentArchive(key, blobs.presign_get(place, URL_SECONDS), blobs.presign_put(place, URL_SECONDS))


def load_stored_config(blobs: BlobStore, tenant: str, run_id: str, pass_no: int) -> Config:
    """Read the configuration that a pass was opened with."""
    return Config.model_validate_json(blobs.get(pass_key(tenant, run_id, pass_no, "config.json")))


def patch_key(tenant: str, run_id: str, pass_no: int) -> str:
    """Return the key of the combined patch that a pass runs with."""
    return run_key(tenant, run_id, f"patch-{pass_no}.diff")


def read_patch(blobs: BlobStore, tenant: str, run_id: str, pass_no: int) -> str:
    """Read the combined patch that a pass runs with; empty for pass 0."""
    if pass_no == 0:
        return ""
    return blobs.get(patch_key(tenant, run_id, pass_no)).decode("utf-8", "surrogateescape")


def order_source(blobs: BlobStore, run: Run, *patches: str) -> Source:
    """Describe the run's source, with the diffs applied in order, to the sandbox."""
    digest = run.source.removesuffix(".tar.gz").replace("/", "-")
    return Source(url=blobs.presign_get(run.source, URL_SECONDS), digest=digest, patches=tuple(filter(None, patches)))


def order_environments(desk: Desk, run: Run, config: Config, pass_no: int, patch: str) -> list[dict[str, str]]:
    """Order each distinct environment of the suites once; return what the state machine maps over."""
    groups: dict[str, list[Suite]] = {}
    for suite in config.suites:
        groups.setdefault(dump_json(suite.environment, EnvironmentSpec).decode(), []).append(suite)
    source = order_source(desk.blobs, run, patch)
    return [
        desk.issue(
            pass_key(run.tenant, run.id, pass_no, "environments", str(index)),
            PrepareOrder(
                source=source,
                suites=tuple(suites),
                seconds=PREPARE_SECONDS,
                archive=read_archive(desk.blobs, run.tenant, run.id, pass_no, suites[0].name),
            ),
        )
        for index, suites in enumerate(groups.values())
    ]


def environment_answers(
    blobs: BlobStore, config: Config, tenant: str, run_id: str, pass_no: int
) -> list[PrepareAnswer]:
    """Read what the sandboxes said of the pass's environments."""
    count = len({dump_json(s.environment, EnvironmentSpec) for s in config.suites})
    desk = Desk(blobs)
    missing = PrepareAnswer(
        facts=None, error="The sandbox that built the environment gave no answer.", code="sandbox_died"
    )
    return [
        desk.answer(pass_key(tenant, run_id, pass_no, "environments", str(i)), PrepareAnswer) or missing
        for i in range(count)
    ]


def read_collections(
    blobs: BlobStore, config: Config, tenant: str, run_id: str, pass_no: int
) -> tuple[dict[str, Collection], PrepareAnswer | None]:
    """Return the collection of each suite, or the first answer that says why there is none."""
    collections: dict[str, Collection] = {}
    for answer in environment_answers(blobs, config, tenant, run_id, pass_no):
        if answer.facts is None:
            return {}, answer
        collections.update({c.suite: c for c in answer.collections})
    return collections, None


def _chosen(config: Config, names: Sequence[str]) -> list[Suite]:
    known = {s.name: s for s in config.suites}
    unknown = [n for n in names if n not in known]
    if unknown:
        listed = ", ".join(known) or "none"
        raise SuiteUnknownError(f"There is no suite {', '.join(unknown)}; the project has: {listed}.")
    return [s for s in config.suites if not names or s.name in names]


def _health_url(url: str, health: str | None) -> str:
    """A service's health is asked at ``health``, a URL or a path below the service's own URL."""
    return urljoin(url.rstrip("/") + "/", health) if health else url


def _part(collection: Collection, tests: Sequence[str]) -> Collection:
    """The collection as a chunk needs it: without the other tests."""
    wanted = set(tests)
    return replace(
        collection,
        tests=tuple(tests),
        files={t: f for t, f in collection.files.items() if t in wanted},
        errors=(),
    )
