"""From one pass to the next: combine what was accepted, open the next pass, confirm what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maestro.aggregation import Verdict, compare
from maestro.healing.combine import combine, squash
from maestro.healing.proof import SESSION
from maestro.model import GateResult, Repair, RepairStatus, Run, Tier, dump_json, load_json
from maestro.model.words import counted
from maestro.orchestration.errors import NotFoundError
from maestro.orchestration.healing_steps import Memory, memory_key
from maestro.orchestration.naming import run_key
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.sources import Sources
from maestro.orchestration.steps import State, cancelled, open_pass, patch_key, read_patch
from maestro.orchestration.verdicts import read_verdict

CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Kept:
    """The repairs that a run holds: ``fresh`` ones are not confirmed yet, and build on the patch of pass ``base``."""

    confirmed: tuple[Repair, ...] = ()
    fresh: tuple[Repair, ...] = ()
    base: int = 0


@dataclass(frozen=True, slots=True)
class Passes:
    """The steps of the healing function that work on all heals of a pass."""

    runs: RunStore
    blobs: BlobStore
    sources: Sources
    archives: bool = False

    def combine(self, state: Mapping[str, Any]) -> State:
        """Put the pass's proven repairs together with those kept before; open the next pass if there is a new one."""
        run = self._run(state)
        base = {k: v for k, v in state.items() if k not in ("healed", "prepared")}
        if run.cancel_requested:
            return cancelled(base)
        found = [r for entry in state["healed"] if (r := self._repair(run, state["pass"], entry)) is not None]
        for repair in found:
            if repair.tier is Tier.REPORT:
                self.runs.put_repair(run.tenant, run.id, repair)
        kept = self._kept(run)
        patch = read_patch(self.blobs, run.tenant, run.id, state["pass"])
        with self.sources.checkout(run.source, patch) as tree:
            combination = combine([r for r in found if r.tier is not Tier.REPORT], tree)
        for repair in combination.kept:
            self.runs.put_repair(run.tenant, run.id, repair)
        late = {f for r in combination.deferred for f in r.failures}
        tried = [*state["tried"], *(g for g in state["groups"] if g not in late)]
        out: State = {**base, "tried": tried, "groups": [], "heal": False, "again": False}
        if not combination.kept:
            held = [g for g in state.get("held", ()) if g not in tried]
            return {**out, "groups": held, "held": [], "heal": bool(held)}
        return self._opened(run, out, Kept(kept.confirmed, combination.kept, state["pass"]), combination.patch)

    def confirm(self, state: Mapping[str, Any]) -> State:
        """Hold the pass against the one before: what passed must pass, and of what each repair healed some must.

        A repair that costs a test, or that heals none in a run of everything, is taken back.
        """
        run = self._run(state)
        if run.cancel_requested:
            return cancelled(state)
        kept = self._kept(run)
        before = read_verdict(self.blobs, run.tenant, run.id, kept.base)
        after = read_verdict(self.blobs, run.tenant, run.id, state["pass"])
        lost = _lost(before, after)
        if lost:
            with self.sources.checkout(run.source, read_patch(self.blobs, run.tenant, run.id, state["pass"])) as tree:
                lost -= _empty(before, lost, tree)
        if lost and kept.fresh:
            shown = ", ".join(sorted(lost)[:5])
            culprit = min(kept.fresh, key=lambda r: len(r.tests_fixed))
            why = f"together with the other repairs it costs {len(lost)} checks: {shown}"
            return self._take_back(run, state, kept, culprit, why)
        idle = next((r for r in kept.fresh if not holds(r, after)), None)
        if idle is not None:
            why = f"in a run of everything none of the {len(idle.tests_fixed)} checks is green that it healed alone"
            return self._take_back(run, state, kept, idle, why)
        gate = GateResult(
            passed=True,
            detail=f"a run with all repairs together: {counted(after.totals['passed'], 'check')} passed, none was lost",
        )
        confirmed = tuple(replace(r, proof={**r.proof, CONFIRMED: gate}) for r in kept.fresh)
        for repair in confirmed:
            self.runs.put_repair(run.tenant, run.id, repair)
        self._keep(run, Kept((*kept.confirmed, *confirmed), (), state["pass"]))
        return {**state, "again": False}

    def _take_back(self, run: Run, state: Mapping[str, Any], kept: "Kept", culprit: Repair, why: str) -> State:
        """Reject a fresh repair, and run again with the others."""
        gate = GateResult(passed=False, detail=why)
        taken = replace(culprit, status=RepairStatus.REJECTED, proof={**culprit.proof, CONFIRMED: gate})
        self.runs.put_repair(run.tenant, run.id, taken)
        rest = tuple(r for r in kept.fresh if r.id != culprit.id)
        below = read_patch(self.blobs, run.tenant, run.id, kept.base)
        with self.sources.checkout(run.source, below) as tree:
            combination = combine(rest, tree)
        state = {**state, "heal": False, "groups": []}
        return self._opened(run, state, Kept(kept.confirmed, combination.kept, kept.base), combination.patch)

    # ------------------------------------------------------------------ helpers

    def _run(self, state: Mapping[str, Any]) -> Run:
        run = self.runs.get_run(state["tenant"], state["run_id"])
        if run is None:
            raise NotFoundError(f"There is no run {state['run_id']} of tenant {state['tenant']}.")
        return run

    def _repair(self, run: Run, pass_no: int, entry: Mapping[str, Any]) -> Repair | None:
        if entry.get("verdict") not in ("healed", "partly"):
            return None
        key = memory_key(run.tenant, run.id, pass_no, entry["failure_id"])
        return load_json(Memory, self.blobs.get(key)).best

    def _kept(self, run: Run) -> "Kept":
        key = run_key(run.tenant, run.id, "kept.json")
        return load_json(Kept, self.blobs.get(key)) if self.blobs.exists(key) else Kept()

    def _keep(self, run: Run, kept: "Kept") -> None:
        self.blobs.put(run_key(run.tenant, run.id, "kept.json"), dump_json(kept))

    def _opened(self, run: Run, state: Mapping[str, Any], kept: "Kept", added: str) -> State:
        """Open the next pass: the source with the patch of the pass that ``kept`` builds on, and ``added`` on top."""
        pass_no = state["pass"] + 1
        below = read_patch(self.blobs, run.tenant, run.id, kept.base)
        with self.sources.checkout(run.source) as original:
            patch = squash(original, [below, added])
        self._keep(run, kept)
        self.blobs.put(patch_key(run.tenant, run.id, pass_no), patch.encode())
        with self.sources.checkout(run.source, patch) as tree:
            environments = open_pass(self.blobs, run, tree, pass_no, patch, archives=self.archives)
        return {**state, "pass": pass_no, "again": True, "environments": environments}


def _lost(before: Verdict, after: Verdict) -> set[str]:
    """The ids that passed before and do not now, over all suites."""
    later = {s.suite: s.results for s in after.suites}
    lost: set[str] = set()
    for suite in before.suites:
        comparison = compare(suite.results, later.get(suite.suite, ()))
        lost |= {*comparison.lost, *comparison.vanished}
    return lost


def holds(repair: Repair, after: Verdict) -> bool:
    """Whether some of what a repair healed holds in a run of everything; for a session, whether a test passed."""
    bad = {result.id for result in after.results if result.outcome.bad}
    passed = bool(after.totals["passed"])
    return any(passed if test == SESSION else test not in bad for test in repair.tests_fixed)


def _empty(before: Verdict, lost: set[str], tree: Path) -> set[str]:
    """Of what is gone, the files that could not be collected before and can be now, but hold no test.

    No accepted repair removes a file or leaves one out of the collection: the proof sees to that.
    """
    broken = {r.id for suite in before.suites for r in suite.results if r.outcome.bad and r.id == r.file}
    return {file for file in lost & broken if (tree / file).is_file()}
