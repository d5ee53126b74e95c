"""``ctrf.json``: the Common Test Report Format, https://ctrf.io (schema version 0.1.0)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from maestro.aggregation.reports.text import json_safe, plain
from maestro.aggregation.verdicts import SuiteVerdict, Verdict
from maestro.model import CaseResult, Outcome, Run

_STATUS: Mapping[Outcome, str] = {
    Outcome.PASSED: "passed",
    Outcome.FLAKY: "passed",
    Outcome.XPASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "failed",
    Outcome.SKIPPED: "skipped",
    Outcome.XFAILED: "other",
}


def ctrf(verdict: Verdict, run: Run | None = None) -> dict[str, Any]:
    """Return a run's results as a CTRF document; times are whole milliseconds, since 1970 where they are moments."""
    tests = [_case(suite, result) for suite in verdict.suites for result in suite.results]
    statuses = [test["status"] for test in tests]
    start = _moment(run.started_at or run.created_at) if run else 0
    stop = _moment(run.ended_at) if run else 0
    document = {
        "reportFormat": "CTRF",
        "specVersion": "0.1.0",
        "generatedBy": "maestro",
        "results": {
            "tool": {"name": "maestro"},
            "summary": {
                "tests": len(tests),
                **{name: statuses.count(name) for name in ("passed", "failed", "skipped", "pending", "other")},
                "flaky": sum(test.get("flaky", False) for test in tests),
                "suites": len(verdict.suites),
                "start": start,
                "stop": stop or start + round(verdict.seconds * 1000),
            },
            "tests": tests,
            "environment": {"reportName": "maestro", "extra": {"outcome": verdict.outcome.value}},
        },
    }
    safe: dict[str, Any] = json_safe(document)
    return safe


def _case(suite: SuiteVerdict, result: CaseResult) -> dict[str, Any]:
    case: dict[str, Any] = {
        "name": result.id or "(no name)",
        "status": _STATUS[result.outcome],
        "rawStatus": result.outcome.value,
        "duration": round(result.seconds * 1000),
        "suite": [suite.suite] + ([result.file] if result.file else []),
    }
    if result.file:
        case["filePath"] = result.file
    if result.line:
        case["line"] = result.line
    if result.message:
        case["message"] = plain(result.message)
    if result.facts and result.facts.text:
        case["trace"] = plain(result.facts.text)
    if result.outcome is Outcome.FLAKY:
        case["flaky"] = True
    if len(result.attempts) > 1:
        case["retries"] = len(result.attempts) - 1
        case["retryAttempts"] = [
            {"attempt": number, "status": _STATUS[attempt]} for number, attempt in enumerate(result.attempts[:-1], 1)
        ]
    return case


def _moment(text: str) -> int:
    if not text:
        return 0
    return round(datetime.fromisoformat(text).timestamp() * 1000)
