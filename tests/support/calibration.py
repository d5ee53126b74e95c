"""The confidence fitted to observations, and held against those of groups that were left out whole.

Rows are those of ``tests/benchmarks/observations.jsonl`` (:mod:`support.observations`). The model is the one that ships
(:mod:`maestro.healing.confidence`); only its counts and weights are fitted here.

Counts: a project counts once per generator, however many repairs it got, because they are not independent. Weights:
logistic regression with an offset (the record of the generator, in the other groups), no weight below 0, and a penalty
``strength / 2 * (weight - judged) ** 2`` that draws each to what a person would say without data. The strength is the
one of :data:`STRENGTHS` with the least log loss over groups left out.
"""

import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from maestro.healing.confidence import INTERCEPT, JUDGED, Observed, Outcomes, confidence, evidence
from maestro.model import Candidate, Strategy
from scipy.optimize import minimize
from scipy.stats import beta

ROWS = Path(__file__).resolve().parent.parent / "benchmarks" / "observations.jsonl"
STRENGTHS = (1.0, 4.0, 16.0, 64.0)
BINS = 10
_SURE = 1e-6  # nothing is claimed beyond this when a loss is counted

Row = Mapping[str, Any]


def rows(path: Path = ROWS) -> list[dict[str, Any]]:
    """Return the stored observations."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def proven(row: Row) -> bool:
    """Whether every gate was passed."""
    return not row["refused"]


def observed(row: Row) -> Observed:
    """Return what was seen of a row's candidate, as the judge states it."""
    return Observed(
        repeats=row["repeats"],
        tests=row["tests"],
        lines=row["lines"],
        prior=row["prior"],
        touches_product=row["touches_product"],
        workaround=row["workaround"],
        killed=row["killed"],
        survived=row["survived"],
        fixed=min(1.0, row["fixed"] / max(row["wanted"], 1)),
        flaky=row["flaky"],
        regression=row["regression"],
        proven=proven(row),
    )


def counts(known: Iterable[Row]) -> dict[str, tuple[float, float]]:
    """Return right and wrong by "strategy/generator" over what passed the proof; a group counts once per generator."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in known:
        if proven(row):
            found[f"{row['strategy']}/{row['generator']}", row["group"]].append(row["right"])
    total: dict[str, tuple[float, float]] = {}
    for (name, _), labels in sorted(found.items()):
        share = sum(labels) / len(labels)
        right, wrong = total.get(name, (0.0, 0.0))
        total[name] = (round(right + share, 4), round(wrong + 1 - share, 4))
    return total


def fit(known: Sequence[Row], strength: float) -> Outcomes:
    """Fit counts and weights."""
    groups = sorted({row["group"] for row in known})
    others = {group: Outcomes(counts(r for r in known if r["group"] != group)) for group in groups}
    records = np.array([others[row["group"]].record(row["strategy"], row["generator"]) for row in known])
    offset = np.log(records / (1 - records))
    terms = np.array([[1.0, *evidence(observed(row)).values()] for row in known])
    right = np.array([float(row["right"]) for row in known])
    judged = np.array([INTERCEPT, *JUDGED.values()])

    def loss(weights: Any) -> tuple[float, Any]:
        odds = offset + terms @ weights
        lost = np.logaddexp(0, odds).sum() - right @ odds + strength / 2 * ((weights - judged) ** 2).sum()
        slope = terms.T @ (1 / (1 + np.exp(-odds)) - right) + strength * (weights - judged)
        return float(lost), slope

    bounds = [(None, None), *((0.0, None) for _ in JUDGED)]
    found = minimize(loss, judged, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = {name: round(float(value), 4) for name, value in zip(JUDGED, found[1:], strict=True)}
    return Outcomes(counts(known), weights=weights, intercept=round(float(found[0]), 4))


def claimed(model: Outcomes, row: Row) -> float:
    """Return the confidence that a model gives a row's candidate."""
    candidate = Candidate("", Strategy(row["strategy"]), row["generator"], "", "")
    return confidence(candidate, observed(row), model)


def left_out(known: Sequence[Row], strength: float) -> list[float]:
    """Return each row's confidence by a model that saw nothing of its group."""
    values = {}
    for group in sorted({row["group"] for row in known}):
        model = fit([row for row in known if row["group"] != group], strength)
        values.update({id(row): claimed(model, row) for row in known if row["group"] == group})
    return [values[id(row)] for row in known]


def log_loss(values: Sequence[float], labels: Sequence[bool]) -> float:
    """Return the mean surprise, in nats."""
    kept = [min(max(value if label else 1 - value, _SURE), 1.0) for value, label in zip(values, labels, strict=True)]
    return -sum(map(math.log, kept)) / len(kept)


def chosen(known: Sequence[Row]) -> float:
    """Return the strength of the penalty that does best on groups left out."""
    labels = [row["right"] for row in known]
    return min(STRENGTHS, key=lambda strength: log_loss(left_out(known, strength), labels))


@dataclass(frozen=True, slots=True)
class Bin:
    """Claims of about one size: how many, their mean, and the share that was right."""

    count: int
    claimed: float
    right: float


def bins(values: Sequence[float], labels: Sequence[bool], *, equal_mass: bool = False) -> list[Bin]:
    """Return at most ten bins that hold anything: of equal width, or of (nearly) equal numbers of claims."""
    pairs = sorted(zip(values, labels, strict=True))
    if equal_mass:
        edges = [round(len(pairs) * n / BINS) for n in range(BINS + 1)]
        parts = [pairs[start:end] for start, end in itertools.pairwise(edges)]
    else:
        parts = [[p for p in pairs if min(int(p[0] * BINS), BINS - 1) == n] for n in range(BINS)]
    return [
        Bin(len(part), sum(v for v, _ in part) / len(part), sum(r for _, r in part) / len(part))
        for part in parts
        if part
    ]


def calibration_error(found: Sequence[Bin]) -> float:
    """Return the expected calibration error: how far claims are from what was right, weighed by their number."""
    return sum(b.count * abs(b.claimed - b.right) for b in found) / sum(b.count for b in found)


def brier(values: Sequence[float], labels: Sequence[bool]) -> float:
    """Return the mean squared error of the claims."""
    return sum((value - label) ** 2 for value, label in zip(values, labels, strict=True)) / len(values)


def lower_bound(right: int, of: int, sure: float = 0.95) -> float:
    """Return what the share of right ones is at least, with probability ``sure``: a Beta(1, 1) after so many."""
    return float(beta.ppf(1 - sure, right + 1, of - right + 1))
