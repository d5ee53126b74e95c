"""The steps of healing: diagnose, judge, combine, confirm.

One heal goes round Diagnose, Try Candidates and Judge with the patch kept so far; its memory between rounds is one
object in the bucket. Combine and Confirm work on all heals of a pass.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maestro.config import Config, load_config
from maestro.healing.attempt import Policy
from maestro.healing.base import Project
from maestro.healing.candidates import proposed
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.experiments import stress
from maestro.healing.feedback import pattern, weighed
from maestro.healing.judge import Judgement, for_a_person, judge
from maestro.healing.resorts import delivered, ends, worth_trying
from maestro.model import (
    Candidate,
    CaseResult,
    EnvironmentFacts,
    Failure,
    Repair,
    Run,
    Tier,
    Trial,
    TrialStatus,
    dump_json,
    load_json,
)
from maestro.orchestration.errors import NotFoundError
from maestro.orchestration.healing_time import OVER, HealingTime
from maestro.orchestration.inquiring import Inquiry
from maestro.orchestration.naming import pass_key, repair_id
from maestro.orchestration.orders import URL_SECONDS, Desk, Race, Shared, TrialOrder
from maestro.orchestration.pacing import over
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.sifting import laid_out, sifted, stacked
from maestro.orchestration.sources import Sources
from maestro.orchestration.steps import (
    State,
    environment_answers,
    load_stored_config,
    order_source,
    read_archive,
    read_patch,
)
from maestro.orchestration.verdicts import read_verdict

MAX_CANDIDATES = 8
REPEATS = 3
TRIAL_SECONDS = 800.0
_TOLD, _TOLD_EACH = 8, 240  # refused candidates that are told of, and characters for each


@dataclass(frozen=True, slots=True)
class Memory:
    """What a heal remembers between rounds.

    ``failure`` is as it stands after the kept changes; ``first`` as it was found. ``patches`` and ``kept`` are the
    kept changes in order, as diffs and in words; ``history`` the failures that they were made for, ``fixed`` the tests
    that they made green; ``workaround``, ``unasked`` and ``doubtful`` whether one of them is; ``results`` those of the
    suite with them (empty: the pass's own). ``best`` is the best repair so far that passed every gate, though it may
    leave some of the tests failing.
    """

    first: Failure
    failure: Failure
    round: int = 1
    patches: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    history: tuple[Failure, ...] = ()
    fixed: tuple[str, ...] = ()
    workaround: bool = False
    unasked: bool = False
    doubtful: bool = False
    results: tuple[CaseResult, ...] = ()
    best: Repair | None = None
    notes: tuple[str, ...] = ()  # what generators said when they had nothing to propose


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
            "experiments": [],
            "asked": 0,
            "step": int(state.get("step", 0)),
        }
        if run.cancel_requested:
            return out
        if self._over(run, state["pass"]):
            self._remember(key, replace(memory, notes=(OVER,)))
            return out
        base = read_patch(self.blobs, run.tenant, run.id, state["pass"])
        with self.sources.checkout(run.source, base) as before, laid_out(before, *memory.patches) as tree:
            config = load_config(tree)
            project = self._project(run, state["pass"], tree, config, memory.failure.suite)
            found = memory.failure
            results = memory.results or self._suite_results(run, state["pass"], found.suite)
            if memory.round == 1:
                inquiry = Inquiry(self.runs, self.blobs, self.sources, run, key, out["step"], results, self.concurrency)
                found, asked = inquiry.found_out(found, project)
                if asked:
                    suite = next(s for s in config.suites if s.name == found.suite)
                    archive = read_archive(self.blobs, run.tenant, run.id, state["pass"], found.suite)
                    issued = inquiry.ask(asked, order_source(self.blobs, run, base), suite, archive)
                    self._show(run, found, f"finding out why, step {out['step'] + 1}, {len(issued)} experiments")
                    return {**out, "experiments": issued, "asked": len(issued), "step": out["step"] + 1}
            failure = diagnose(found, project, run.changes, results)
            allowed = healable(failure, project) & set(config.healing.strategies)
            said = self._said(run, failure)
            found_out = proposed(failure, project, strategies=allowed, limit=MAX_CANDIDATES, said=said)
            policy = self._policy(run, state["pass"], config, memory)
            tried = worth_trying(found_out.candidates, memory.best, memory.first)
            wholes, refused = sifted(failure, tried, before, memory.patches, policy)
        if memory.round == 1:
            memory = replace(memory, first=failure)
            self.runs.put_failures(run.tenant, run.id, state["pass"], [failure])
        memory = replace(memory, failure=failure, notes=found_out.notes)
        self._remember(key, memory)
        candidates = [c for c in tried if c.id in wholes]
        self.blobs.put(_round_key(key, memory.round) + "/candidates.json", dump_json(candidates, list[Candidate]))
        self.blobs.put(_round_key(key, memory.round) + "/refused.json", dump_json(refused, list[str]))
        out["candidates"] = self._order_trials(run, state, key, memory, base, candidates, wholes, policy)
        out["count"] = len(candidates)
        shown = f"round {memory.round}, {len(candidates)} candidates" if candidates else "nothing to try"
        self._show(run, failure, shown)
        return out

    def _order_trials(  # noqa: PLR0917 - what the orders are made of
        self,
        run: Run,
        state: Mapping[str, Any],
        key: str,
        memory: Memory,
        base: str,
        candidates: Sequence[Candidate],
        wholes: Mapping[str, Candidate],
        policy: Policy,
    ) -> list[dict[str, str]]:
        """Order a trial of each candidate; ``wholes`` holds each with all that its repair would be as its patch."""
        failure = memory.failure
        clock = HealingTime(self.blobs, run, state["pass"])
        config = load_stored_config(self.blobs, run.tenant, run.id, state["pass"])
        own = tuple(self._suite_results(run, state["pass"], failure.suite))
        order = TrialOrder(
            source=order_source(self.blobs, run, base, *memory.patches),
            origin=order_source(self.blobs, run, base) if memory.patches else None,
            origin_results=own if memory.patches else (),
            candidate="",
            patch="",
            suite=failure.suite,
            tests=failure.tests,
            before=memory.results or own,
            repeats=REPEATS,
            seconds=TRIAL_SECONDS,
            archive=read_archive(self.blobs, run.tenant, run.id, state["pass"], failure.suite),
            stress=stress(failure),
            suite_seconds=clock.suite_seconds(failure.suite),
            until=clock.until(config),
        )
        mark = _round_key(key, memory.round) + "/proven.json"
        urls = (self.blobs.presign_get(mark, URL_SECONDS), self.blobs.presign_put(mark, URL_SECONDS))
        desk = Desk(self.blobs)
        issued = []
        for candidate in candidates:
            race = Race(*urls, failure, wholes[candidate.id], tuple(policy.flaky), policy.history)
            shared = None if memory.patches or not candidate.workaround else self._shared(run, state["pass"], candidate)
            asked = replace(order, candidate=candidate.id, patch=candidate.patch, race=race, shared=shared)
            issued.append(desk.issue(_trial_key(key, memory.round, candidate), asked))
        return issued

    def _shared(self, run: Run, pass_no: int, candidate: Candidate) -> Shared:
        """Name the object in which the pass's failures tell each other what a change of the environment showed."""
        key = pass_key(run.tenant, run.id, pass_no, "tried", f"{candidate.id}.json")
        return Shared(self.blobs.presign_get(key, URL_SECONDS), self.blobs.presign_put(key, URL_SECONDS))

    def judge(self, state: Mapping[str, Any]) -> State:
        """Let the round's trials pass the proof gates; keep a repair, keep progress, or give up."""
        run, key = self._run(state), _heal_key(state)
        memory = self._memory(state, key)
        config = load_stored_config(self.blobs, run.tenant, run.id, state["pass"])
        listed = _round_key(key, memory.round) + "/candidates.json"
        candidates = load_json(list[Candidate], self.blobs.get(listed)) if self.blobs.exists(listed) else []
        noted = _round_key(key, memory.round) + "/refused.json"
        refused = load_json(list[str], self.blobs.get(noted)) if self.blobs.exists(noted) else []
        answers = {c.id: self._trial(key, memory.round, c) for c in candidates}
        base = read_patch(self.blobs, run.tenant, run.id, state["pass"])
        with ExitStack() as stack:
            before = stack.enter_context(self.sources.checkout(run.source, base))
            whole = {
                c.id: replace(c, patch=stacked(before, memory.patches, c)) for c in candidates if _ran(answers[c.id])
            }
            verdict = judge(
                memory.failure,
                [whole.get(c.id, c) for c in candidates],
                [t for t in answers.values() if t is not None],
                self._suite_results(run, state["pass"], memory.failure.suite),
                before,
                lambda c: stack.enter_context(laid_out(before, c.patch)),
                self._policy(run, state["pass"], config, memory),
            )
        rejected = [*refused, *verdict.rejected]
        self.blobs.put(_round_key(key, memory.round) + "/rejected.json", dump_json(rejected, list[str]))
        fresh = verdict.repair
        if fresh is not None:
            fresh = replace(fresh, id=repair_id(run.id, fresh.id), failures=(memory.first.id,))
        best = delivered(memory.best, fresh, memory.first)
        more = memory.round < config.healing.max_attempts and not self._over(run, state["pass"])
        more = more and not ends(verdict, best)
        if verdict.verdict == "progressed" and more and not run.cancel_requested:
            self._remember(key, self._further(memory, verdict, candidates, answers, best))
            return _judged(state, "progressed", memory.round + 1)
        self._remember(key, replace(memory, best=best))
        if best is not None:
            self._show(run, memory.first, f"proven: {best.summary}")
            healed = verdict.verdict == "healed" and best is fresh
            return _judged(state, "healed" if healed else "partly", memory.round)
        why = _unhealed(memory, len(candidates), rejected)
        told = replace(memory.first, diagnosis={**memory.first.diagnosis, "unhealed": why})
        self.runs.put_failures(run.tenant, run.id, state["pass"], [told])
        self._show(run, memory.first, "no repair survived the proof" if candidates or refused else "nothing to try")
        return _judged(state, "exhausted", memory.round)

    # ------------------------------------------------------------------ helpers

    def _run(self, state: Mapping[str, Any]) -> Run:
        run = self.runs.get_run(state["tenant"], state["run_id"])
        if run is None:
            raise NotFoundError(f"There is no run {state['run_id']} of tenant {state['tenant']}.")
        return run

    def _over(self, run: Run, pass_no: int) -> bool:
        """Whether the time for healing is over."""
        config = load_stored_config(self.blobs, run.tenant, run.id, pass_no)
        return over(HealingTime(self.blobs, run, pass_no).until(config), time.time())

    def _memory(self, state: Mapping[str, Any], key: str) -> Memory:
        if state["round"] > 1 or self.blobs.exists(key + "/memory.json"):
            return load_json(Memory, self.blobs.get(key + "/memory.json"))
        known = self.runs.list_failures(state["tenant"], state["run_id"], state["pass"])
        failure = next((f for f in known if f.id == state["failure_id"]), None)
        if failure is None:
            raise NotFoundError(
                f"There is no failure {state['failure_id']} in pass {state['pass']} of run {state['run_id']}."
            )
        return Memory(first=failure, failure=failure)

    def _remember(self, key: str, memory: Memory) -> None:
        self.blobs.put(key + "/memory.json", dump_json(memory))

    def _further(
        self,
        memory: Memory,
        verdict: Judgement,
        candidates: Sequence[Candidate],
        answers: Mapping[str, Trial | None],
        best: Repair | None,
    ) -> Memory:
        """What the heal remembers for another round: the winner's change is kept, what it uncovered is next."""
        winner = next(c for c in candidates if verdict.winner is not None and c.id == verdict.winner.id)
        trial = answers[winner.id]
        return replace(
            memory,
            failure=verdict.next_failure or memory.failure,
            round=memory.round + 1,
            patches=(*memory.patches, winner.patch),
            kept=(*memory.kept, winner.summary),
            history=(*memory.history, memory.failure),
            fixed=tuple(dict.fromkeys((*memory.fixed, *verdict.green))),
            workaround=memory.workaround or winner.workaround,
            unasked=memory.unasked or winner.unasked,
            doubtful=memory.doubtful or for_a_person(winner),
            results=trial.suite if trial is not None else (),
            best=best,
        )

    def _trial(self, key: str, round_no: int, candidate: Candidate) -> Trial | None:
        answer: Trial | None = Desk(self.blobs).answer(_trial_key(key, round_no, candidate), Trial)
        return answer

    def _policy(self, run: Run, pass_no: int, config: Config, memory: Memory) -> Policy:
        limits = config.healing.thresholds
        return Policy(
            protect=config.healing.protect,
            allow=config.healing.allow,
            thresholds={
                Tier.APPLIED: limits.applied,
                Tier.REVIEW: limits.review,
                Tier.PULL_REQUEST: limits.pull_request,
            },
            flaky=frozenset(case.id for case in read_verdict(self.blobs, run.tenant, run.id, pass_no).flaky),
            rounds=memory.kept,
            history=memory.history,
            fixed=memory.fixed,
            workaround=memory.workaround,
            unasked=memory.unasked,
            doubtful=memory.doubtful,
            said=self._said(run, memory.failure),
        )

    def _said(self, run: Run, failure: Failure) -> dict[str, tuple[float, float]]:
        """Return what the tenant's people said of repairs, as it counts for this failure."""
        return weighed(self.runs.tallies(run.tenant), run.project, pattern(failure))

    def _suite_results(self, run: Run, pass_no: int, suite: str) -> tuple[CaseResult, ...]:
        found = read_verdict(self.blobs, run.tenant, run.id, pass_no)
        return next((s.results for s in found.suites if s.suite == suite), ())

    def _project(self, run: Run, pass_no: int, tree: Path, config: Config, suite: str) -> Project:
        chosen = next(s for s in config.suites if s.name == suite)
        answers = environment_answers(self.blobs, config, run.tenant, run.id, pass_no)
        facts = [a.facts for a in answers if a.facts is not None and any(c.suite == suite for c in a.collections)]
        return Project(
            root=tree,
            environment=chosen.environment,
            facts=facts[0] if facts else EnvironmentFacts(hash="", python=chosen.environment.python),
            config_file=config.config_file,
            test_paths=chosen.paths,
            protect=config.healing.protect,
            network=self.network,
        )

    def _show(self, run: Run, failure: Failure, text: str) -> None:
        """Let whoever follows the run see what is being tried."""
        self.runs.set_progress(
            run.tenant, run.id, {"state": "Heal Failures", f"repair:{failure.id}": f"{failure.cause}: {text}"}
        )


def _unhealed(memory: Memory, tried: int, rejected: Sequence[str]) -> str:
    """Say in words why a failure has no repair."""
    if memory.first.regression:
        return "A defect of the product is for people to mend: nothing was tried that could hide it."
    held = memory.first.diagnosis.get("kept")
    doubt = f" The product keeps {held} between tests: that may be a defect of it." if held else ""
    if rejected:
        said = [" ".join(entry.partition(" ")[2].split()) for entry in rejected[:_TOLD]]  # each begins with its id
        shown = "; ".join(f"({n}) {words[:_TOLD_EACH].rstrip('.')}" for n, words in enumerate(said, 1))
        shown += f"; and {len(rejected) - _TOLD} more" if len(rejected) > _TOLD else ""
        untried = f", {len(rejected) - tried} of them refused before a trial" if len(rejected) > tried else ""
        made = f"{len(rejected)} candidates were made" if len(rejected) > 1 else "One candidate was made"
        return f"{made}{untried}, and none survived the proof: {shown}.{doubt}"
    kept = f"After {', '.join(memory.kept)}: " if memory.kept else ""
    return (
        kept + ("; ".join(memory.notes)[:600] if memory.notes else "No strategy knows a repair for this cause.") + doubt
    )


def _ran(trial: Trial | None) -> bool:
    return trial is not None and trial.status is TrialStatus.RAN


def _judged(state: Mapping[str, Any], verdict: str, round_no: int) -> State:
    known = {k: state[k] for k in ("tenant", "run_id", "pass", "failure_id")}
    return {**known, "verdict": verdict, "round": round_no}


def memory_key(tenant: str, run_id: str, pass_no: int, failure_id: str) -> str:
    """Return the key of what a heal remembers."""
    return pass_key(tenant, run_id, pass_no, "heal", failure_id, "memory.json")


def _heal_key(state: Mapping[str, Any]) -> str:
    return memory_key(state["tenant"], state["run_id"], state["pass"], state["failure_id"]).removesuffix("/memory.json")


def _round_key(key: str, round_no: int) -> str:
    return f"{key}/round-{round_no}"


def _trial_key(key: str, round_no: int, candidate: Candidate) -> str:
    return f"{_round_key(key, round_no)}/trial-{candidate.id}"
