"""How likely it is that a reviewer keeps a repair, and what that earns it.

The base is a posterior mean: counts of right and wrong repairs per (strategy, generator), drawn towards the counts
of the strategy, these towards all counts, and these towards a Beta prior (``healing/data/outcomes.json``). What was
seen of this one repair then moves its log-odds by a fixed sum:

    logit(p) = logit(base) + GATES + REPEAT * min(repeats, 5) + TESTS * log2(1 + min(tests, 63))
             + PRIOR * (prior - 0.5) - SIZE * log2(1 + lines / 10) - PRODUCT * touches_product - WORKAROUND * workaround

The weights are judgement, not yet fitted: outcomes.json says whether anything was measured. The result rises with
repeats, tests and prior, falls with size, a touched product and a workaround, and stays strictly within (0, 1).
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from maestro.healing.errors import OutcomesError
from maestro.healing.feedback import Record
from maestro.model import Candidate, Tier

GATES = 1.0
REPEAT = 0.25
TESTS = 0.15
PRIOR = 1.0
SIZE = 0.12
PRODUCT = 0.3
WORKAROUND = 0.5
_MAX_REPEATS = 5
_MAX_TESTS = 63

THRESHOLDS: Mapping[Tier, float] = {Tier.APPLIED: 0.90, Tier.REVIEW: 0.75, Tier.PULL_REQUEST: 0.60}


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of one repair: clean runs beyond the first, tests made green, changed lines, and its nature."""

    repeats: int = 0
    tests: int = 0
    lines: int = 0
    prior: float = 0.5
    touches_product: bool = False
    workaround: bool = False


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Counts of judged repairs: ``counts`` maps "strategy/generator" to (right, wrong)."""

    counts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    right: float = 1.0
    wrong: float = 1.0
    pool: float = 4.0  # how many observations of the wider level weigh as much as one level's own

    def base(self, strategy: str, generator: str) -> float:
        """Return the posterior mean for a generator, which falls back on its strategy, then on all, then the prior."""
        level = self.right / (self.right + self.wrong)
        strength = self.right + self.wrong
        own = f"{strategy}/{generator}"
        levels = (self.counts, {k for k in self.counts if k.startswith(f"{strategy}/")}, {own} & self.counts.keys())
        for keys in levels:
            right, wrong = (sum(self.counts[key][side] for key in keys) for side in (0, 1))
            level = (right + level * strength) / (right + wrong + strength)
            strength = self.pool
        return level

    def updated(self, strategy: str, generator: str, *, right: bool) -> "Outcomes":
        """Return these counts with one more judged repair."""
        key = f"{strategy}/{generator}"
        good, bad = self.counts.get(key, (0.0, 0.0))
        counts = {**self.counts, key: (good + right, bad + (not right))}
        return Outcomes(counts, self.right, self.wrong, self.pool)

    def with_said(self, said: Record) -> "Outcomes":
        """Return these counts with what people said of repairs."""
        counts = dict(self.counts)
        for key, (right, wrong) in said.items():
            good, bad = counts.get(key, (0.0, 0.0))
            counts[key] = (good + right, bad + wrong)
        return Outcomes(counts, self.right, self.wrong, self.pool)


def parse_outcomes(text: str) -> Outcomes:
    """Read outcomes from JSON as in ``healing/data/outcomes.json``; raises :class:`OutcomesError`."""
    try:
        data: dict[str, Any] = json.loads(text)
        counts = {str(k): (float(v["right"]), float(v["wrong"])) for k, v in data["counts"].items()}
        right, wrong, pool = float(data["prior"]["right"]), float(data["prior"]["wrong"]), float(data.get("pool", 4.0))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OutcomesError(
            f"the outcomes cannot be read ({error}); see healing/data/outcomes.json for the shape"
        ) from error
    if min(right, wrong, pool) <= 0 or any(min(v) < 0 for v in counts.values()):
        raise OutcomesError("the outcomes hold a count below zero, or a prior that is not above it")
    return Outcomes(counts, right, wrong, pool)


@functools.cache
def outcomes() -> Outcomes:
    """Return the outcomes that are shipped with the package."""
    return parse_outcomes(resources.files("maestro.healing").joinpath("data/outcomes.json").read_text("utf-8"))


def confidence(candidate: Candidate, observed: Observed, measured: Outcomes | None = None) -> float:
    """Return the probability, in (0, 1), that a repair which passed every gate is right."""
    base = (measured or outcomes()).base(candidate.strategy, candidate.generator)
    odds = math.log(base / (1 - base)) + GATES
    odds += REPEAT * min(max(observed.repeats, 0), _MAX_REPEATS)
    odds += TESTS * math.log2(1 + min(max(observed.tests, 0), _MAX_TESTS))
    odds += PRIOR * (min(max(observed.prior, 0.0), 1.0) - 0.5)
    odds -= SIZE * math.log2(1 + max(observed.lines, 0) / 10)
    odds -= PRODUCT * observed.touches_product + WORKAROUND * observed.workaround
    return 1 / (1 + math.exp(-odds))


def tier(value: float, thresholds: Mapping[Tier, float] = THRESHOLDS) -> Tier:
    """Return what a confidence earns; a threshold belongs to its tier (0.90 is applied)."""
    return next((t for t in (Tier.APPLIED, Tier.REVIEW, Tier.PULL_REQUEST) if value >= thresholds[t]), Tier.REPORT)
