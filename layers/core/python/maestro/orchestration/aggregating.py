"""Aggregate Results: the chunks of a pass become one verdict, and its failures groups of one cause."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from maestro.aggregation import SuiteVerdict, Verdict, merge, update, verdict
from maestro.config import Config
from maestro.healing.grouping import group, group_flaky, is_assertion
from maestro.model import Failure, Phase, Run, Strategy, SuiteResult, dump_json
from maestro.orchestration.errors import NotFoundError
from maestro.orchestration.naming import pass_key, slug
from maestro.orchestration.orders import Desk
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.steps import State, cancelled, load_stored_config, read_collections

MAX_PASSES = 6
MAX_GROUPS = 40
_BEFORE_TESTS = frozenset({Phase.SESSION, Phase.PROCESS, Phase.COLLECT})
STEADYING = frozenset({Strategy.FLAKY_STABILIZATION, Strategy.TIMING_ADJUSTMENT})


@dataclass(frozen=True, slots=True)
class Aggregating:
    """The step that reads every chunk of a pass."""

    runs: RunStore
    blobs: BlobStore

    def aggregate(self, state: Mapping[str, Any]) -> State:
        """Merge the pass's results; store verdict, failures and statistics; say which groups are still to be healed."""
        tenant, run_id, pass_no = state["tenant"], state["run_id"], state["pass"]
        base = {k: v for k, v in state.items() if k != "waves"}
        run = self.runs.get_run(tenant, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id} of tenant {tenant}.")
        if run.cancel_requested:
            return cancelled(base)
        config = load_stored_config(self.blobs, tenant, run_id, pass_no)
        found = self._verdict(config, tenant, run_id, pass_no)
        self.blobs.put(pass_key(tenant, run_id, pass_no, "verdict.json"), dump_json(found))
        failures = self._grouped(run, config, found)
        self.runs.put_failures(tenant, run_id, pass_no, failures)
        if pass_no == 0:
            known = self.runs.get_statistics(tenant, run.project)
            self.runs.update_statistics(tenant, run.project, update(known, found.results))
        self.runs.set_progress(
            tenant,
            run_id,
            {"pass": pass_no, "totals": dict(found.totals), "failures": len(failures)},
        )
        groups, held = self._untried(run, config, failures, state)
        return {**base, "groups": groups, "held": held, "heal": bool(groups), "again": False}

    def _grouped(self, run: Run, config: Config, found: Verdict) -> list[Failure]:
        """Group the pass's failures; one that an earlier pass has diagnosed keeps what was found.

        Flaky tests are grouped too where a strategy is allowed that may steady them.
        """
        steadying = run.heal and config.healing.enabled and STEADYING & set(config.healing.strategies)
        known = {f.id: f for f in self.runs.list_failures(run.tenant, run.id)}
        return [
            replace(
                f,
                regression=known[f.id].regression,
                suspects=known[f.id].suspects,
                cause=known[f.id].cause,
                diagnosis=known[f.id].diagnosis,
                experiments=known[f.id].experiments,
            )
            if f.id in known
            else f
            for suite in found.suites
            for f in (
                *group(suite.results, suite.suite),
                *(group_flaky(suite.results, suite.suite) if steadying else ()),
            )
        ]

    def _verdict(self, config: Config, tenant: str, run_id: str, pass_no: int) -> Verdict:
        collections, problem = read_collections(self.blobs, config, tenant, run_id, pass_no)
        if problem is not None:
            raise NotFoundError(f"The collections of pass {pass_no} of run {run_id} are gone: {problem.error}")
        desk = Desk(self.blobs)
        verdicts: list[SuiteVerdict] = []
        for suite in config.suites:
            prefix = pass_key(tenant, run_id, pass_no, "results", slug(suite.name)) + "/"
            keys = sorted(k for k in self.blobs.list(prefix) if not k.endswith(".order.json"))
            results: dict[str, SuiteResult] = {
                k.removeprefix(prefix).removesuffix(".json"): desk.answer(k.removesuffix(".json"), SuiteResult)
                for k in keys
            }
            verdicts.append(merge(suite, collections[suite.name], results))
        return verdict(verdicts, planned=[s.name for s in config.suites])

    def _untried(
        self, run: Run, config: Config, failures: list[Failure], state: Mapping[str, Any]
    ) -> tuple[list[str], list[str]]:
        """Return the groups to heal now, and those that wait for what comes of these.

        A failed assertion is often what some error elsewhere led to, a group for each test. So while anything else is
        to be healed, assertions wait: the next pass shows which of them are left.
        """
        if not (run.heal and config.healing.enabled) or state["pass"] >= MAX_PASSES - 1:
            return [], []
        tried = set(state["tried"])
        left = [f for f in failures if f.id not in tried]
        first = [f.id for f in left if f.flaky or not is_assertion(f.facts) or f.facts.phase in _BEFORE_TESTS]
        rest = [f.id for f in left if f.id not in set(first)]
        return (first[:MAX_GROUPS], rest[:MAX_GROUPS]) if first else (rest[:MAX_GROUPS], [])
