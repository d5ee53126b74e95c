"""The end of a run: deliver the repairs, write the reports, record the outcome or the failure."""

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from maestro.aggregation import Verdict, evaluate
from maestro.aggregation.reports import ARTIFACTS, document, write_reports
from maestro.healing.diagnosis import acquitted
from maestro.model import (
    EnvironmentFacts,
    Failure,
    Outcome,
    Repair,
    RepairStatus,
    Run,
    RunStatus,
    Tier,
    dump,
    failing,
)
from maestro.orchestration.errors import NotFoundError
from maestro.orchestration.intake import now
from maestro.orchestration.naming import run_key
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.steps import (
    State,
    environment_answers,
    load_stored_config,
    read_patch,
)
from maestro.orchestration.verdicts import read_verdict
from maestro.streams import CloudEvent, EventType, Streams, StreamsUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    """The steps that end a run."""

    runs: RunStore
    blobs: BlobStore
    streams: Streams

    def deliver(self, state: Mapping[str, Any]) -> State:
        """Write the accepted repairs as diffs: each on its own, and all together as the last pass confirmed them."""
        tenant, run_id = state["tenant"], state["run_id"]
        together = read_patch(self.blobs, tenant, run_id, state["pass"])
        if together:
            body = together.encode("utf-8", "surrogateescape")
            self.blobs.put(run_key(tenant, run_id, "report", "repairs.patch"), body)
        for repair in self._repairs(tenant, run_id):
            if _delivered(repair):
                body = repair.patch.encode("utf-8", "surrogateescape")
                self.blobs.put(run_key(tenant, run_id, "report", "repairs", f"{repair.id}.patch"), body)
        return dict(state)

    def record_outcome(self, state: Mapping[str, Any]) -> State:
        """Store the final status with its reason, the reports and the audit entry; tell the results stream."""
        run = self._run(state)
        if run.status.final:
            return {"tenant": run.tenant, "run_id": run.id, "status": str(run.status)}
        first = self._first_verdict(run)
        status, reason = self._status(run, state, first)
        code = _code(status, state)
        ended = replace(run, status=status, reason=reason, code=code, ended_at=now())
        if first is not None:
            self._report(ended, first, state["pass"])
        totals = dict(first.totals) if first else {}
        self.runs.transition(
            run.tenant,
            run.id,
            status,
            expected={RunStatus.QUEUED, RunStatus.RUNNING},
            action=f"run.{status}",
            reason=reason,
            ended_at=ended.ended_at,
            totals=totals,
            code=code,
        )
        self.runs.bump_counters(
            run.tenant, run.project, {f"runs.{status}": 1, **{f"tests.{k}": n for k, n in totals.items()}}
        )
        self._tell(ended)
        return {"tenant": run.tenant, "run_id": run.id, "status": str(status)}

    def record_failure(self, state: Mapping[str, Any]) -> State:
        """Store that the run ended by trouble of the infrastructure, with the words of the step that failed."""
        run = self._run(state)
        error = state.get("error") or {}
        where = run.progress.get("state", "its beginning")
        reason = (
            f"The run broke off at {where}: {error.get('Error', 'unknown error')}: {_cause(error.get('Cause', ''))}"
        )
        if not run.status.final:
            self.runs.transition(
                run.tenant,
                run.id,
                RunStatus.ERROR,
                expected={RunStatus.QUEUED, RunStatus.RUNNING},
                action="run.error",
                reason=reason,
                ended_at=now(),
                code="step_failed",
            )
            self.runs.bump_counters(run.tenant, run.project, {"runs.error": 1})
            self._tell(replace(run, status=RunStatus.ERROR, reason=reason, code="step_failed"))
        return {"tenant": run.tenant, "run_id": run.id, "status": "error", "reason": reason}

    # ------------------------------------------------------------------ helpers

    def _run(self, state: Mapping[str, Any]) -> Run:
        run = self.runs.get_run(state["tenant"], state["run_id"])
        if run is None:
            raise NotFoundError(f"There is no run {state['run_id']} of tenant {state['tenant']}.")
        return run

    def _failures(self, run: Run) -> list[Failure]:
        """The run's failures, each as it was told last."""
        return list({f.id: f for f in self.runs.list_failures(run.tenant, run.id)}.values())

    def _repairs(self, tenant: str, run_id: str) -> list[Repair]:
        return list(self.runs.list_repairs(tenant, run_id))

    def _first_verdict(self, run: Run) -> Verdict | None:
        try:
            return read_verdict(self.blobs, run.tenant, run.id, 0)
        except NotFoundError:
            return None

    def _status(self, run: Run, state: Mapping[str, Any], first: Verdict | None) -> tuple[RunStatus, str]:
        check = (state.get("service_check") or {}).get("value") or {}
        if state.get("stop"):
            return RunStatus(state["status"]), state["reason"]
        if check.get("healthy") is False:
            return RunStatus.ERROR, "A service that the suites need is not well: " + "; ".join(check["problems"])
        if run.cancel_requested:
            return RunStatus.CANCELLED, "The run was cancelled on request."
        if first is None:
            return RunStatus.ERROR, "The run ended without a verdict."
        return self._judged(run, state["pass"], first)

    def _judged(self, run: Run, pass_no: int, first: Verdict) -> tuple[RunStatus, str]:
        last = read_verdict(self.blobs, run.tenant, run.id, pass_no)
        left = len(failing(last.results))
        if left:
            checks = "1 check" if left == 1 else f"{left} checks"
            return RunStatus.FAILED, f"{checks} still failing." if pass_no else f"{checks} failed."
        suspected = _suspected(self._failures(run), self._repairs(run.tenant, run.id))
        if suspected:
            return RunStatus.FAILED, f"{suspected[0].tests[0]} is flaky by what the product keeps: a suspected defect."
        if last.outcome is not Outcome.PASSED:
            return RunStatus.ERROR, last.detail
        broken = [str(g["detail"]) for g in self._gates(run, pass_no, last) if not g["passed"]]
        if broken:
            return RunStatus.FAILED, "Quality gates were missed: " + "; ".join(broken)
        if pass_no:
            return RunStatus.HEALED, "Every failure got an accepted repair."
        return RunStatus.PASSED, first.detail

    def _gates(self, run: Run, pass_no: int, found: Verdict) -> list[Mapping[str, Any]]:
        config = load_stored_config(self.blobs, run.tenant, run.id, pass_no)
        limits = config.quality_gates.model_dump(exclude_none=True)
        return list(evaluate(limits, found, seconds=_seconds(run)))

    def _report(self, run: Run, first: Verdict, pass_no: int) -> None:
        failures = self._failures(run)
        repairs = self._repairs(run.tenant, run.id)
        failures, first = _flaky_told(_acquitted(failures, repairs), repairs, first)
        last = read_verdict(self.blobs, run.tenant, run.id, pass_no) if pass_no else first
        files = dict(ARTIFACTS)
        if self.blobs.exists(run_key(run.tenant, run.id, "report", "repairs.patch")):
            files["patch"] = "repairs.patch"
            files.update({f"patch:{r.id}": f"repairs/{r.id}.patch" for r in repairs if _delivered(r)})
        told = document(
            run,
            first,
            failures,
            repairs,
            after=last if pass_no else None,
            gates=self._gates(run, pass_no, last),
            seconds=_seconds(run),
            cost_usd=float(str(run.progress.get("expected_cost_usd", 0.0))),
            artifacts=files,
        )
        with tempfile.TemporaryDirectory(prefix="maestro-report-") as scratch:
            folder = Path(scratch)
            write_reports(
                told,
                first,
                folder,
                run=run,
                failures=failures,
                repairs=repairs,
                environments=self._environments(run),
            )
            for path in sorted(folder.iterdir()):
                self.blobs.put(run_key(run.tenant, run.id, "report", path.name), path.read_bytes())

    def _environments(self, run: Run) -> dict[str, EnvironmentFacts]:
        config = load_stored_config(self.blobs, run.tenant, run.id, 0)
        found = {}
        for answer in environment_answers(self.blobs, config, run.tenant, run.id, 0):
            if answer.facts is not None:
                found.update({c.suite: answer.facts for c in answer.collections})
        return found

    def _tell(self, run: Run) -> None:
        event = CloudEvent.new(EventType.RUN_COMPLETED, "/orchestration", dump(run), tenant=run.tenant, subject=run.id)
        try:
            self.streams.publish("results", event)
        except StreamsUnavailable as error:
            logger.warning("The results stream is out of reach (%s); run %s is stored all the same.", error, run.id)


def _flaky_told(
    failures: Sequence[Failure], repairs: Sequence[Repair], verdict: Verdict
) -> tuple[list[Failure], Verdict]:
    """Tell why tests are flaky where they are named as flaky.

    A failure of the run are they only where they were repaired, or point at the product.
    """
    healed = {f for repair in repairs if _delivered(repair) for f in repair.failures}
    healed |= {f.id for f in _suspected(failures, repairs)}
    why = {test: f.diagnosis.get("words", "") for f in failures if f.flaky for test in f.tests}
    told = tuple(
        replace(case, why=f"{case.why}; {why[case.id]}") if why.get(case.id) else case for case in verdict.flaky
    )
    return [f for f in failures if not f.flaky or f.id in healed], replace(verdict, flaky=told)


def _suspected(failures: Sequence[Failure], repairs: Sequence[Repair]) -> list[Failure]:
    """The flaky failures that nothing repaired, and whose cause is state that the product keeps or leaves changed.

    A retry runs a test alone, where what other tests made the product keep is gone: such a test always "passes".
    """
    fixed = {test for repair in repairs if _delivered(repair) for test in repair.tests_fixed}
    return [
        f for f in failures
        if f.flaky and (f.regression or f.diagnosis.get("kept")) and not set(f.tests) <= fixed
    ]  # fmt: skip


def _acquitted(failures: Sequence[Failure], repairs: Sequence[Repair]) -> list[Failure]:
    """Take the claim of a regression back where a delivered repair made all its tests green."""
    fixed: dict[str, set[str]] = {}
    for repair in repairs:
        for failure in repair.failures if _delivered(repair) else ():
            fixed.setdefault(failure, set()).update(repair.tests_fixed)
    return [acquitted(f) if f.regression and set(f.tests) <= fixed.get(f.id, set()) else f for f in failures]


def _delivered(repair: Repair) -> bool:
    """Whether a repair is more than a report."""
    return repair.status is RepairStatus.ACCEPTED and repair.tier is not Tier.REPORT


def _code(status: RunStatus, state: Mapping[str, Any]) -> str:
    """The stable word for why a run ended in error; empty for a run that ended otherwise."""
    if status is not RunStatus.ERROR:
        return ""
    if state.get("stop"):
        return str(state.get("code", ""))
    healthy = ((state.get("service_check") or {}).get("value") or {}).get("healthy")
    return "service_unhealthy" if healthy is False else "no_verdict"


def _seconds(run: Run) -> float:
    """The run's wall time so far, in seconds."""
    started = datetime.fromisoformat(run.started_at or run.created_at)
    ended = datetime.fromisoformat(run.ended_at) if run.ended_at else datetime.now(UTC)
    return (ended - started).total_seconds()


def _cause(cause: str) -> str:
    """Take a Lambda error's message out of the JSON that Step Functions wraps it in."""
    try:
        data = json.loads(cause)
    except ValueError:
        return cause[:2000]
    return str(data.get("errorMessage", cause))[:2000] if isinstance(data, dict) else cause[:2000]
