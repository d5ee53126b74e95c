"""Quality gates: limits that a run must keep to be good enough."""

import math
from collections.abc import Mapping
from typing import TypedDict

from maestro.aggregation.errors import GateError
from maestro.aggregation.verdicts import Verdict
from maestro.model import Outcome


class GateVerdict(TypedDict):
    """Whether a gate was kept, and what was seen."""

    name: str
    passed: bool
    detail: str


def evaluate(gates: Mapping[str, float | None], verdict: Verdict) -> list[GateVerdict]:
    """Evaluate a run's quality gates in the order given; a gate of ``None`` is not set.

    Gates are ``pass_rate`` (least share of the tests that ran and passed, from 0 to 1), ``max_failures`` (failed
    tests and errors), ``max_flaky`` (flaky tests) and ``max_seconds`` (sum of the executions' wall times).

    Raises
    ------
    GateError
        If a gate is unknown, or its limit is no sensible number.
    """
    return [_evaluate(name, limit, verdict) for name, limit in gates.items() if limit is not None]


def _evaluate(name: str, limit: float, verdict: Verdict) -> GateVerdict:
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit) or limit < 0:
        raise GateError(f"Quality gate {name} has the limit {limit!r}; use a number that is not negative.")
    totals = verdict.totals
    bad = totals[Outcome.FAILED] + totals[Outcome.ERROR]
    if name == "pass_rate":
        if limit > 1:
            raise GateError(f"Quality gate pass_rate has the limit {limit!r}; use a share from 0 to 1, as 0.95.")
        good = totals[Outcome.PASSED] + totals[Outcome.FLAKY] + totals[Outcome.XFAILED] + totals[Outcome.XPASSED]
        ran = good + bad
        rate = good / ran if ran else 0.0
        return GateVerdict(
            name=name, passed=rate >= limit, detail=f"{good} of {ran} passed ({rate:.1%}); at least {limit:.1%}"
        )
    if name == "max_failures":
        return GateVerdict(name=name, passed=bad <= limit, detail=f"failures and errors: {bad}; at most {limit:g}")
    if name == "max_flaky":
        flaky = len(verdict.flaky)
        return GateVerdict(name=name, passed=flaky <= limit, detail=f"flaky tests: {flaky}; at most {limit:g}")
    if name == "max_seconds":
        seconds = verdict.seconds
        return GateVerdict(name=name, passed=seconds <= limit, detail=f"{seconds:.1f} s; at most {limit:g} s")
    raise GateError(f"There is no quality gate {name!r}; there are pass_rate, max_failures, max_flaky and max_seconds.")
