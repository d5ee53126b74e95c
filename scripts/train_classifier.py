"""Fit the weights of ``maestro.healing.classifier`` to the failures in ``tests/support/failures``.

    python scripts/train_classifier.py [--check]

Multinomial logistic regression with an L2 penalty, every label given the same weight in all. A feature is kept if
breakages of at least two projects show it, at least three breakages in all: so no name of one project, and no word of
one breakage, gets a weight. The objective is strictly convex, so the weights follow from the data alone. Prints the
accuracy on folds that were not trained on; their projects and their breakages are others (see ``collect``).
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np  # noqa: E402 - after the path
from maestro.healing.classifier import Weights, features, parse_weights, predict  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from support.failures.stored import Row, rows  # noqa: E402

WEIGHTS = ROOT / "layers/core/python/maestro/healing/data/classifier.json"
STRENGTH = 0.5  # inverse of the penalty
DIGITS = 3
TOLERANCE = 0.02  # by how much weights may differ that another version of the solver finds


@dataclass(frozen=True, slots=True)
class Example:
    """A failure as the classifier sees it."""

    row: Row
    features: frozenset[str]


def examples(found: Sequence[Row] | None = None) -> list[Example]:
    """Return the stored failures with their features."""
    return [Example(row, features(row.facts)) for row in (rows() if found is None else found)]


def train(known: Sequence[Example]) -> Weights:
    """Fit weights to some failures."""
    projects: dict[str, set[int]] = defaultdict(set)
    breakages: dict[str, set[str]] = defaultdict(set)
    for example in known:
        for name in example.features:
            projects[name].add(example.row.project)
            breakages[name].add(example.row.breakage)
    names = sorted(n for n in projects if len(projects[n]) > 1 and len(breakages[n]) > 2)  # noqa: PLR2004 - as said above
    places = {name: place for place, name in enumerate(names)}
    table = np.zeros((len(known), len(names)))
    for number, example in enumerate(known):
        for name in example.features & places.keys():
            table[number, places[name]] = 1.0
    fitted = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=3000, tol=1e-6)
    fitted.fit(table, [example.row.label for example in known])
    return Weights(
        labels=tuple(map(str, fitted.classes_)),
        intercept=tuple(round(float(v), DIGITS) for v in fitted.intercept_),
        features={
            name: tuple(round(float(v), DIGITS) for v in fitted.coef_[:, place]) for name, place in places.items()
        },
    )


def held_out(known: Sequence[Example]) -> list[tuple[Example, dict[str, float]]]:
    """Return every failure with what weights say of it that were fitted to the other folds."""
    told = []
    for fold in sorted({example.row.fold for example in known}):
        model = train([example for example in known if example.row.fold != fold])
        told += [(e, predict(e.features, model)) for e in known if e.row.fold == fold]
    return told


def report(told: Sequence[tuple[Example, dict[str, float]]]) -> str:
    """Return the accuracy and the confusion table in words."""
    labels = sorted({example.row.label for example, _ in told})
    table: Counter[tuple[str, str]] = Counter()
    within = 0
    for example, shares in told:
        ranked = sorted(shares, key=lambda label: -shares[label])
        table[example.row.label, ranked[0]] += 1
        within += example.row.label in ranked[:2]
    right = sum(table[label, label] for label in labels)
    recalls = [table[label, label] / sum(table[label, other] for other in labels) for label in labels]
    mean = sum(recalls) / len(recalls)
    lines = [
        f"{len(told)} failures, each judged without its own fold of projects and breakages",
        f"accuracy {right / len(told):.3f}, mean recall {mean:.3f}, among the first two {within / len(told):.3f}",
        f"{'is / is taken for':<26}" + "".join(f"{label[:9]:>11}" for label in labels) + f"{'recall':>9}",
    ]
    for label, recall in zip(labels, recalls, strict=True):
        lines.append(f"{label:<26}" + "".join(f"{table[label, o]:>11}" for o in labels) + f"{recall:>9.2f}")
    return "\n".join(lines)


def dumped(model: Weights) -> str:
    """Return weights as the JSON that is shipped."""
    rows_of = ",\n".join(f"  {json.dumps(n)}: {json.dumps(list(row))}" for n, row in sorted(model.features.items()))
    labels, intercept = json.dumps(list(model.labels)), json.dumps(list(model.intercept))
    return f'{{\n "labels": {labels},\n "intercept": {intercept},\n "features": {{\n{rows_of}\n }}\n}}\n'


def same(one: Weights, other: Weights) -> bool:
    """Whether two sets of weights are the same but for the solver's last digits."""
    if one.labels != other.labels or one.features.keys() != other.features.keys():
        return False
    pairs = [(one.intercept, other.intercept), *((one.features[n], other.features[n]) for n in one.features)]
    return all(abs(a - b) <= TOLERANCE for left, right in pairs for a, b in zip(left, right, strict=True))


def main(arguments: Sequence[str]) -> int:
    """Write the weights, or with ``--check`` say whether they are those of the data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="only say whether the shipped weights follow from the data"
    )
    options = parser.parse_args(arguments)
    known = examples()
    model = train(known)
    if options.check:
        fits = WEIGHTS.exists() and same(parse_weights(WEIGHTS.read_text("utf-8")), model)
        print("the weights are those of the data" if fits else "the weights are not those of the data")
        return 0 if fits else 1
    WEIGHTS.write_text(dumped(model), "utf-8")
    print(report(held_out(known)))
    print(f"{len(model.features)} features written to {WEIGHTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
