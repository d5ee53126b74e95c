"""A run's reports: ``summary.json``, ``report.html``, ``junit.xml``, ``ctrf.json`` and ``report.sarif``.

:func:`document` builds what a program reads about a run; :func:`write_reports` writes it in every form.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maestro.aggregation.reports.ctrf import ctrf
from maestro.aggregation.reports.html import render
from maestro.aggregation.reports.junit import write_junit
from maestro.aggregation.reports.sarif import sarif
from maestro.aggregation.reports.text import json_safe, plain, shorten
from maestro.aggregation.verdicts import Verdict
from maestro.model import EnvironmentFacts, Failure, Repair, Run, RunStatus

MESSAGE_LIMIT = 8000  # characters of a failure's message in the summary

ARTIFACTS: Mapping[str, str] = {
    "summary": "summary.json",
    "report": "report.html",
    "junit": "junit.xml",
    "ctrf": "ctrf.json",
    "sarif": "report.sarif",
}

__all__ = ["ARTIFACTS", "ctrf", "document", "render", "sarif", "write_junit", "write_reports"]


def document(
    run: Run,
    verdict: Verdict,
    failures: Iterable[Failure] = (),
    repairs: Iterable[Repair] = (),
    *,
    after: Verdict | None = None,
    gates: Sequence[Mapping[str, Any]] = (),
    seconds: float | None = None,
    cost_usd: float = 0.0,
    artifacts: Mapping[str, str] = ARTIFACTS,
) -> dict[str, Any]:
    """Build the document that tells what became of a run (DESIGN section 6), as plain JSON data.

    ``outcome`` is the run's status where that is final, and the verdict's outcome otherwise. ``totals`` are those as
    submitted, ``totals_after`` those of ``after``, with the accepted repairs in place; else None. ``seconds`` is
    the run's wall time; left out, it is the verdict's (the sum of the executions). ``flaky`` holds ``{"id", "suite",
    "why"}``.
    """
    shown = {
        "run_id": run.id,
        "outcome": _outcome(run, verdict),
        "totals": dict(verdict.totals),
        "totals_after": None if after is None else dict(after.totals),
        "seconds": round(verdict.seconds if seconds is None else seconds, 3),
        "cost_usd": round(cost_usd, 6),
        "failures": [
            {
                "id": failure.id,
                "kind": failure.kind.value,
                "signature": failure.signature,
                "cause": failure.cause,
                "regression": failure.regression,
                "tests": list(failure.tests),
                "message": shorten(plain(failure.message), MESSAGE_LIMIT),
                "unhealed": shorten(plain(str(failure.diagnosis.get("unhealed", ""))), MESSAGE_LIMIT),
            }
            for failure in failures
        ],
        "repairs": [
            {
                "id": repair.id,
                "failures": list(repair.failures),
                "strategy": repair.strategy.value,
                "status": repair.status.value,
                "tier": repair.tier.value,
                "confidence": repair.confidence,
                "summary": repair.summary,
                "tests_fixed": list(repair.tests_fixed),
                "files": list(repair.files),
                "proof": {name: {"passed": gate.passed, "detail": gate.detail} for name, gate in repair.proof.items()},
            }
            for repair in repairs
        ],
        "flaky": [{"id": case.id, "suite": case.suite, "why": case.why} for case in verdict.flaky],
        "gates": [dict(gate) for gate in gates],
        "artifacts": dict(artifacts),
    }
    safe: dict[str, Any] = json_safe(shown)
    return safe


def write_reports(
    document: Mapping[str, Any],
    verdict: Verdict,
    dest: Path,
    *,
    run: Run | None = None,
    failures: Sequence[Failure] = (),
    repairs: Sequence[Repair] = (),
    environments: Mapping[str, EnvironmentFacts] | None = None,
) -> dict[str, Path]:
    """Write all reports into the folder ``dest`` (made if absent) and return their paths by name.

    ``failures``, ``repairs`` and ``environments`` (by suite) add to the page what the document leaves out: suspects,
    diffs, and what the tests ran in.
    """
    dest.mkdir(parents=True, exist_ok=True)
    paths = {name: dest / file for name, file in ARTIFACTS.items()}
    _write_json(paths["summary"], dict(document))
    _write_json(paths["ctrf"], ctrf(verdict, run))
    _write_json(paths["sarif"], sarif(failures))
    write_junit(verdict, paths["junit"], timestamp=(run.started_at or run.created_at) if run else "")
    page = render(document, verdict, run=run, failures=failures, repairs=repairs, environments=environments)
    paths["report"].write_text(page, encoding="utf-8")
    return paths


def _outcome(run: Run, verdict: Verdict) -> str:
    if run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return verdict.outcome.value
    return run.status.value


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    text = json.dumps(json_safe(data), ensure_ascii=False, allow_nan=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
