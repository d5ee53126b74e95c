"""``report.html``: one self-contained page for people; no scripts, no network, everything escaped."""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from maestro.aggregation.reports.text import first_line, shorten, visible
from maestro.aggregation.verdicts import Verdict
from maestro.model import CaseResult, EnvironmentFacts, Failure, Outcome, Repair, Run

_TESTS_SHOWN = 200  # of one failure; the rest is counted
_FAILURES_SHOWN = 500
_SLOWEST_SHOWN = 10
_MESSAGE_SHOWN = 6000  # characters
_DIFF_SHOWN = 60_000  # characters
_LEAST_SHOWN = 0.001  # seconds; a faster test is not slow
_MINUTE = 60

_BAR = (  # the order in which the strip of totals shows outcomes
    Outcome.FAILED,
    Outcome.ERROR,
    Outcome.FLAKY,
    Outcome.XPASSED,
    Outcome.PASSED,
    Outcome.XFAILED,
    Outcome.SKIPPED,
)
_HEADLINES = {
    "passed": "All checks passed",
    "healed": "Healed",
    "failed": "Checks failed",
    "error": "Checks could not all run",
    "cancelled": "Cancelled",
}
_TIERS = {
    "applied": "applied",
    "review": "applied for review",
    "pull_request": "proposed as a pull request",
    "report": "reported only",
}


def render(
    document: Mapping[str, Any],
    verdict: Verdict,
    *,
    run: Run | None = None,
    failures: Sequence[Failure] = (),
    repairs: Sequence[Repair] = (),
    environments: Mapping[str, EnvironmentFacts] | None = None,
) -> str:
    """Return the page for a run.

    ``document`` is what :func:`maestro.aggregation.reports.document` built. ``failures`` and ``repairs`` are the same
    as went into it; they add suspects and diffs, which the document leaves out.
    """
    causes = {failure.id: failure for failure in failures}
    patches = {repair.id: repair for repair in repairs}
    repaired = _repaired(document)
    groups = [
        _failure(item, causes.get(item["id"]), repaired.get(item["id"]), number)
        for number, item in enumerate(document["failures"], 1)
    ]
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            document=document,
            run=run,
            verdict=verdict,
            headline=_HEADLINES.get(str(document["outcome"]), str(document["outcome"])),
            style=Markup(style),  # noqa: S704 - a file of this package
            style_digest=digest,
            total=sum(document["totals"].values()),
            bars=_bars(document["totals"], document["totals_after"]),
            regressions=[group for group in groups if group["regression"]],
            failures=[group for group in groups if not group["regression"]][:_FAILURES_SHOWN],
            hidden_failures=max(0, sum(not group["regression"] for group in groups) - _FAILURES_SHOWN),
            unexplained=_unexplained(document, verdict),
            repairs=[
                _repair(item, patches.get(item["id"]), groups)
                for item in sorted(document["repairs"], key=lambda item: item["status"] != "accepted")
            ],
            slowest=_slowest(verdict.results),
            environments=environments or {},
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("maestro.aggregation.reports"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters["seconds"] = _seconds
    environment.filters["percent"] = lambda share: f"{math.floor(share * 100)}%"  # as the terminal has it
    environment.filters["plural"] = lambda n, word: f"{n:,} {word if n == 1 else word + 's'}"
    return environment


@cache
def _style() -> str:
    loader = PackageLoader("maestro.aggregation.reports")
    source, _, _ = loader.get_source(Environment(autoescape=True), "report.css")
    return source


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < _MINUTE:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _bars(totals: Mapping[str, int], after: Mapping[str, int] | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the strips of totals with their titles: one, or one from before and one from after the repairs."""
    if after is None:
        return [("", _bar(totals))]
    return [("As submitted", _bar(totals)), ("With the accepted repairs", _bar(after))]


def _bar(totals: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the parts of the strip: outcome, count, and start and width in percent of the whole."""
    counts = [(outcome.value, totals.get(outcome, 0)) for outcome in _BAR]
    whole = sum(count for _, count in counts) or 1
    starts = accumulate((count for _, count in counts), initial=0)
    return [
        {"outcome": name, "count": count, "x": round(100 * start / whole, 3), "width": round(100 * count / whole, 3)}
        for (name, count), start in zip(counts, starts, strict=False)
        if count
    ]


def _repaired(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Map failure ids to the accepted repair that removes them; one that is only reported removes nothing."""
    return {
        failure: repair
        for repair in document["repairs"]
        if repair["status"] == "accepted" and repair["tier"] != "report"
        for failure in repair["failures"]
    }


def _failure(
    item: Mapping[str, Any], failure: Failure | None, repair: Mapping[str, Any] | None, number: int
) -> dict[str, Any]:
    facts = failure.facts if failure else None
    return {
        **item,
        "number": number,
        "headline": first_line(visible(item["cause"] or item["message"])) or item["kind"],
        "message": shorten(visible(item["message"]), _MESSAGE_SHOWN),
        "tests": item["tests"][:_TESTS_SHOWN],
        "count": len(item["tests"]),
        "hidden": max(0, len(item["tests"]) - _TESTS_SHOWN),
        "severity": failure.severity.value if failure else "",
        "suspects": failure.suspects if failure else (),
        "assertion": facts.assertion if facts else {},
        "frames": [frame for frame in facts.frames if frame.in_project][-3:] if facts else [],
        "repair": repair,
    }


def _repair(item: Mapping[str, Any], repair: Repair | None, groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tests = item["tests_fixed"]
    return {
        **item,
        "tier_words": _TIERS.get(item["tier"], item["tier"]),
        "diff": _diff(repair.patch) if repair else [],
        "rounds": list(dict.fromkeys(repair.rounds)) if repair else [],  # a cause with more in it takes a step again
        "workaround": bool(repair and repair.workaround),
        "tests_fixed": tests[:_TESTS_SHOWN],
        "count": len(tests),
        "hidden": max(0, len(tests) - _TESTS_SHOWN),
        "causes": [group for group in groups if group["id"] in item["failures"]],
    }


def _diff(patch: str) -> list[tuple[str, str]]:
    """Return a diff's lines, each with its kind: file, hunk, add, del or same."""
    lines = []
    in_hunk = False
    for line in shorten(visible(patch), _DIFF_SHOWN).removesuffix("\n").split("\n"):
        if line.startswith("diff --git"):
            in_hunk = False
        elif line.startswith("@@"):
            in_hunk = True
        if line.startswith("@@"):
            kind = "hunk"
        elif not in_hunk:
            kind = "file"
        else:
            kind = {"+": "add", "-": "del"}.get(line[:1], "same")
        lines.append((kind, line))
    return lines


def _unexplained(document: Mapping[str, Any], verdict: Verdict) -> list[dict[str, str]]:
    """Return failing results that belong to no failure group, so that nothing bad goes unseen."""
    grouped = {test for failure in document["failures"] for test in failure["tests"]}
    return [
        {"id": result.id, "outcome": result.outcome.value, "message": shorten(visible(result.message), 1500)}
        for result in verdict.results
        if result.outcome.bad and result.id not in grouped
    ][:_TESTS_SHOWN]


def _slowest(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    slow = sorted(results, key=lambda result: -result.seconds)[:_SLOWEST_SHOWN]
    longest = slow[0].seconds if slow and slow[0].seconds else 1.0
    return [
        {"id": case.id, "seconds": case.seconds, "width": round(100 * case.seconds / longest, 2)}
        for case in slow
        if case.seconds >= _LEAST_SHOWN
    ]
