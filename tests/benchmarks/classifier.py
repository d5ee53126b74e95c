"""The classifier on what it has not seen: accuracy, confusion table, and whether the shipped weights are the data's.

    python tests/benchmarks/classifier.py

Each failure in ``tests/support/failures`` is judged by weights that were fitted without its fold: neither its project
nor its breakage was seen. Also printed: how far the share given to a right answer is one to believe (the mean share in
five bands against how often it was right). Exit code 1 if the shipped weights are not those that the script makes.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import train_classifier as training
from maestro.healing.classifier import rank, weights

BANDS = 5


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")


def main() -> int:
    """Print the figures; return the exit code."""
    started = time.perf_counter()
    known = training.examples()
    told = training.held_out(known)
    say(training.report(told))
    for low, mean, right, count in bands(told):
        say(f"  share of the likeliest from {low:.1f}: mean {mean:.2f}, right {right:.2f} of {count}")
    fits = training.same(weights(), training.train(known))
    say(f"shipped weights: {len(weights().features)} features, {'as' if fits else 'NOT as'} the data make them")
    began = time.perf_counter()
    for example in known[:200]:
        rank_of(example)
    say(f"one prediction {(time.perf_counter() - began) / min(200, len(known)) * 1000:.2f} ms;"
        f" the benchmark {time.perf_counter() - started:.1f} s")  # fmt: skip
    return 0 if fits else 1


def rank_of(example: training.Example) -> None:
    """Predict as the product does, from facts."""
    from maestro.model import ErrorKind, Failure, Severity

    facts = example.row.facts
    rank(Failure("", ErrorKind.RUNTIME_ERROR, Severity.LOW, "", "", (), "", "", facts))


def bands(told: Sequence[tuple[training.Example, dict[str, float]]]) -> list[tuple[float, float, float, int]]:
    """Return, for bands of the likeliest label's share: its lower border, mean share, how often right, how many."""
    found: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for example, shares in told:
        label = max(shares, key=lambda name: shares[name])
        found[min(BANDS - 1, int(shares[label] * BANDS))].append((shares[label], label == example.row.label))
    return [
        (band / BANDS, sum(s for s, _ in seen) / len(seen), sum(r for _, r in seen) / len(seen), len(seen))
        for band, seen in sorted(found.items())
    ]


if __name__ == "__main__":
    sys.exit(main())
