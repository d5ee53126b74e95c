"""How likely it is that a reviewer keeps a repair, and what that earns it.

Two numbers, of which the smaller counts, so that a claim needs both:

- the *record* of the generator: a posterior mean of how often its repairs were right, drawn towards the record of its
  strategy, and this towards that of all. By the rule of succession (a Beta(1, 1) of its own on top of ``pool``
  observations of the wider level) a generator that never erred in n projects claims at most (n + 1 + pool * level) /
  (n + 2 + pool), whatever was seen of this one repair;
- the *evidence* of this one repair, a logistic regression on top of the record:

      logit(p) = logit(record) + intercept + sum of weight * term

The terms (:func:`evidence`) are turned so that each weight is at least 0: the result never falls with clean repeats,
tests, killed mutants, the share of the tests that were fixed, and the prior, and never rises with size, a touched
product, a workaround, flakiness or a contradicted diagnosis. Counts and weights are data (``data/outcomes.json``),
fitted by ``scripts/fit_confidence.py`` on what became of real candidates; docs/healing.md shows how well they hold.
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from maestro.healing.errors import OutcomesError
from maestro.healing.feedback import Record
from maestro.model import Candidate, Tier

_MAX_REPEATS = 5
_MAX_TESTS = 63

THRESHOLDS: Mapping[Tier, float] = {Tier.APPLIED: 0.90, Tier.REVIEW: 0.75, Tier.PULL_REQUEST: 0.60}

_DOWN = (Tier.APPLIED, Tier.REVIEW, Tier.PULL_REQUEST)

# What a person would say without any data; the fit starts from here and is drawn to it (scripts/fit_confidence.py).
JUDGED: Mapping[str, float] = {
    "proven": 4.0,
    "repeats": 0.25,
    "tests": 0.15,
    "mutants": 1.0,
    "fixed": 0.5,
    "prior": 1.0,
    "size": 0.12,
    "product": 0.3,
    "workaround": 0.5,
    "flaky": 0.3,
    "regression": 1.0,
}
INTERCEPT = -4.0  # judged, as the weights


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of one repair.

    ``repeats`` counts clean runs beyond the first, ``tests`` those that are green, ``fixed`` the share of the failure's
    tests among them; ``killed`` and ``survived`` mutants; ``lines`` that changed; ``flaky`` failures come and go, and
    ``regression`` says that the repair contradicts a diagnosis. ``proven`` is whether every gate was passed, which all
    repairs have in common.
    """

    repeats: int = 0
    tests: int = 0
    lines: int = 0
    prior: float = 0.5
    touches_product: bool = False
    workaround: bool = False
    killed: int = 0
    survived: int = 0
    fixed: float = 1.0
    flaky: bool = False
    regression: bool = False
    proven: bool = True


def evidence(seen: Observed) -> dict[str, float]:
    """Return the terms that the weights multiply, by name; more of a term always speaks for the repair."""
    killed, survived = max(seen.killed, 0), max(seen.survived, 0)
    return {
        "proven": float(seen.proven),
        "repeats": float(min(max(seen.repeats, 0), _MAX_REPEATS)),
        "tests": math.log2(1 + min(max(seen.tests, 0), _MAX_TESTS)),
        "mutants": (killed + 1) / (killed + survived + 2) - 0.5,
        "fixed": min(max(seen.fixed, 0.0), 1.0) - 1.0,
        "prior": min(max(seen.prior, 0.0), 1.0) - 0.5,
        "size": -math.log2(1 + max(seen.lines, 0) / 10),
        "product": -float(seen.touches_product),
        "workaround": -float(seen.workaround),
        "flaky": -float(seen.flaky),
        "regression": -float(seen.regression),
    }


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was measured: ``counts`` of judged repairs ("strategy/generator" -> right, wrong), and fitted weights."""

    counts: Record = field(default_factory=dict)
    pool: float = 4.0  # how many observations of the wider level weigh as much as one level's own
    weights: Mapping[str, float] = field(default_factory=lambda: JUDGED)
    intercept: float = INTERCEPT

    def record(self, strategy: str, generator: str) -> float:
        """Return the posterior mean for a generator; one never seen falls back on its strategy, then on all."""
        own = self.counts.get(f"{strategy}/{generator}", (0.0, 0.0))
        kin = [count for key, count in self.counts.items() if key.startswith(f"{strategy}/")]
        level = _posterior(self.counts.values(), 1.0, 1.0)
        level = _posterior(kin, self.pool * level, self.pool * (1 - level))
        return _posterior([own], 1 + self.pool * level, 1 + self.pool * (1 - level))

    def updated(self, strategy: str, generator: str, *, right: bool) -> "Outcomes":
        """Return these counts with one more judged repair."""
        return self.with_said({f"{strategy}/{generator}": (float(right), float(not right))})

    def with_said(self, said: Record) -> "Outcomes":
        """Return these counts with what people said of repairs."""
        counts = dict(self.counts)
        for key, (right, wrong) in said.items():
            good, bad = counts.get(key, (0.0, 0.0))
            counts[key] = (good + right, bad + wrong)
        return Outcomes(counts, self.pool, self.weights, self.intercept)


def _posterior(counts: Iterable[tuple[float, float]], right: float, wrong: float) -> float:
    """Return the mean of a Beta that begins at (right, wrong), after these counts."""
    for good, bad in counts:
        right, wrong = right + good, wrong + bad
    return right / (right + wrong)


def parse_outcomes(text: str) -> Outcomes:
    """Read outcomes from JSON as in ``healing/data/outcomes.json``; raises :class:`OutcomesError`."""
    try:
        data: dict[str, Any] = json.loads(text)
        counts = {str(k): (float(v["right"]), float(v["wrong"])) for k, v in data["counts"].items()}
        weights = {name: float(data["weights"][name]) for name in JUDGED}
        pool, intercept = float(data["pool"]), float(data["intercept"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OutcomesError(
            f"the outcomes cannot be read ({error}); see healing/data/outcomes.json for the shape"
        ) from error
    if pool <= 0 or any(min(v) < 0 for v in counts.values()) or min(weights.values()) < 0:
        raise OutcomesError("the outcomes hold a count or a weight below zero, or a pool that is not above it")
    return Outcomes(counts, pool, weights, intercept)


@functools.cache
def outcomes() -> Outcomes:
    """Return the outcomes that are shipped with the package."""
    return parse_outcomes(resources.files("maestro.healing").joinpath("data/outcomes.json").read_text("utf-8"))


def confidence(candidate: Candidate, observed: Observed, measured: Outcomes | None = None) -> float:
    """Return the probability, in (0, 1), that a repair is right: what its evidence says, at most its record."""
    known = measured or outcomes()
    record = known.record(candidate.strategy, candidate.generator)
    terms = evidence(observed)
    odds = math.log(record / (1 - record)) + known.intercept + sum(known.weights[name] * terms[name] for name in terms)
    return min(record, 1 / (1 + math.exp(-odds)))


def tier(value: float, thresholds: Mapping[Tier, float] = THRESHOLDS, *, seen: Observed | None = None) -> Tier:
    """Return what a confidence earns; a threshold belongs to its tier (0.90 is applied).

    Whatever the number, ``seen`` may ask for a person: a workaround leaves its cause in place, so it earns at most
    review; a repair that contradicts the diagnosis of a regression at most a pull request.
    """
    person = (
        Tier.PULL_REQUEST if seen and seen.regression else Tier.REVIEW if seen and seen.workaround else Tier.APPLIED
    )
    earned = next((t for t in _DOWN if value >= thresholds[t]), Tier.REPORT)
    return max(earned, person, key=[*_DOWN, Tier.REPORT].index)
