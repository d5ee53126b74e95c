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


def evaluate(gates: Mapping[str, float | None], verdict: Verdict, *, seconds: float | None = None) -> list[GateVerdict]:
    """Evaluate a run's quality gates in the order given; a gate of ``None`` is not set.

    Gates are ``min_pass_rate`` (or ``pass_rate``: least share, from 0 to 1, of the tests that ran and did not fail),
    ``max_failures`` (failed tests and errors), ``max_flaky``, ``max_skipped`` and ``max_seconds``, which holds for
    ``seconds``, the run's wall time; left out, for the sum of the executions'.

    Raises
    ------
    GateError
        If a gate is unknown, or its limit is no sensible number.
    """
    spent = verdict.seconds if seconds is None else seconds
    return [_evaluate(name, limit, verdict, spent) for name, limit in gates.items() if limit is not None]


def _evaluate(name: str, limit: float, verdict: Verdict, seconds: float) -> GateVerdict:
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit) or limit < 0:
        raise GateError(f"Quality gate {name} has the limit {limit!r}; use a number that is not negative.")
    totals = verdict.totals
    bad = totals[Outcome.FAILED] + totals[Outcome.ERROR]
    if name in ("min_pass_rate", "pass_rate"):
        if limit > 1:
            raise GateError(f"Quality gate {name} has the limit {limit!r}; use a share from 0 to 1, as 0.95.")
        ran = sum(totals.values()) - totals[Outcome.SKIPPED]
        rate = (ran - bad) / ran if ran else 0.0
        detail = f"{ran - bad} of {ran} passed ({rate:.1%}); at least {limit:.1%}"
        return GateVerdict(name=name, passed=rate >= limit, detail=detail)
    most = {
        "max_failures": ("failures and errors", bad),
        "max_flaky": ("flaky tests", len(verdict.flaky)),
        "max_skipped": ("skipped tests", totals[Outcome.SKIPPED]),
        "max_seconds": ("seconds", round(seconds, 3)),
    }
    if name not in most:
        raise GateError(f"There is no quality gate {name!r}; there are min_pass_rate, {', '.join(most)}.")
    what, seen = most[name]
    return GateVerdict(name=name, passed=seen <= limit, detail=f"{what}: {seen}; at most {limit:g}")
