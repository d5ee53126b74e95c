"""The steps of healing: diagnose, judge, combine, confirm.

One heal goes round Diagnose, Try Candidates and Judge with the patch kept so far; its memory between rounds is one
object in the bucket. Combine and Confirm work on all heals of a pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maestro.aggregation import compare
from maestro.config import Config, load_config
from maestro.healing import (
    Judgement,
    Project,
    combine,
    diagnose,
    judge,
    propose,
)
from maestro.model import (
    Candidate,
    CaseResult,
    EnvironmentFacts,
    Failure,
    GateResult,
    Repair,
    RepairStatus,
    Run,
    Tier,
    Trial,
    dump_json,
    load_json,
)
from maestro.orchestration.aggregating import MAX_PASSES, read_verdict
from maestro.orchestration.errors import NotFoundError
from maestro.orchestration.naming import pass_key
from maestro.orchestration.orders import Desk, TrialOrder
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.sources import Sources
from maestro.orchestration.steps import (
    State,
    cancelled,
    environment_answers,
    load_stored_config,
    order_environments,
    order_source,
    patch_key,
    read_patch,
)

MAX_CANDIDATES = 8
REPEATS = 3
TRIAL_SECONDS = 800.0
CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Memory:
    """What a heal remembers between rounds: the failure as it stands, the patch kept, and what was done."""

    failure: Failure
    round: int = 1
    patch: str = ""
    kept: tuple[Candidate, ...] = ()
    results: tuple[CaseResult, ...] = ()  # of the suite with the kept patch; empty: the pass's own
    best: Repair | None = None


@dataclass(frozen=True, slots=True)
class HealingSteps:
    """The steps of the healing function."""

    runs: RunStore
    blobs: BlobStore
    sources: Sources
    concurrency: int
    network: Mapping[str, str]

    # ------------------------------------------------------------------ one heal

    def diagnose(self, state: Mapping[str, Any]) -> State:
        """Find the failure's cause and order a trial of each candidate of this round."""
        run, key = self._run(state), _heal_key(state)
        memory = self._memory(state, key)
        out: State = {
            **{k: state[k] for k in ("tenant", "run_id", "pass", "failure_id")},
            "round": memory.round,
            "concurrency": self.concurrency,
            "candidates": [],
            "count": 0,
        }
        if run.cancel_requested:
            return out
        with self._project(run, state["pass"], memory) as (project, config):
            failure = diagnose(memory.failure, project, run.changes)
            allowed = config.healing.strategies
            candidates = [] if failure.regression else propose(failure, project, strategies=allowed, limit=MAX_CANDIDATES)
        self.blobs.put(key + "/memory.json", dump_json(replace(memory, failure=failure)))
        self.blobs.put(_round_key(key, memory.round) + "/candidates.json", dump_json(candidates, list[Candidate]))
        if memory.round == 1:
            self.runs.put_failures(run.tenant, run.id, state["pass"], [failure])
        desk, source = Desk(self.blobs), order_source(self.blobs, run, self._patch(run, state["pass"], memory))
        before = memory.results or self._baseline(run, state["pass"], failure.suite)
        for candidate in candidates:
            order = TrialOrder(
                source=source,
                candidate=candidate.id,
                patch=candidate.patch,
                suite=failure.suite,
                tests=failure.tests,
                before=tuple(replace(r, facts=r.facts if r.outcome.bad else None) for r in before),
                repeats=REPEATS,
                seconds=TRIAL_SECONDS,
            )
            out["candidates"].append(desk.issue(_trial_key(key, memory.round, candidate), order))
        out["count"] = len(candidates)
        self._show(run, state, f"round {memory.round}: {len(candidates)} candidates" if candidates else "nothing to try")
        return out

    def judge(self, state: Mapping[str, Any]) -> State:
        """Let the round's trials pass the proof gates; keep a repair, keep progress, or give up."""
        run, key = self._run(state), _heal_key(state)
        memory = self._memory(state, key)
        listed = _round_key(key, memory.round) + "/candidates.json"
        candidates = load_json(list[Candidate], self.blobs.get(listed)) if self.blobs.exists(listed) else []
        desk = Desk(self.blobs)
        answers = [desk.answer(_trial_key(key, memory.round, c), Trial) for c in candidates]
        trials = [t for t in answers if t is not None]
        baseline = self._baseline(run, state["pass"], memory.failure.suite)
        config = load_stored_config(self.blobs, run.tenant, run.id)
        with self.sources.checkout(run.source, read_patch(self.blobs, run.tenant, run.id, state["pass"])) as tree:
            verdict = judge(memory, candidates, trials, baseline=baseline, tree=tree, config=config.healing)
        return self._settle(run, state, key, memory, verdict, config)

    def _settle(
        self, run: Run, state: Mapping[str, Any], key: str, memory: Memory, verdict: Judgement, config: Config
    ) -> State:
        raise NotImplementedError

    # ------------------------------------------------------------------ helpers

    def _run(self, state: Mapping[str, Any]) -> Run:
        run = self.runs.get_run(state["tenant"], state["run_id"])
        if run is None:
            raise NotFoundError(f"There is no run {state['run_id']} of tenant {state['tenant']}.")
        return run
