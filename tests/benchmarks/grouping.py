"""How well failures are grouped by cause, against causes that are known because they were put in.

    python tests/benchmarks/grouping.py

The mixtures in ``tests/support/failures`` are runs of real projects that hold several breakages at once. Printed, for
all pairs of failing tests of one run: precision (of the pairs in one group, how many have one cause), recall (of the
pairs with one cause, how many are in one group), the V-measure (A. Rosenberg, J. Hirschberg, EMNLP 2007), and the
groups per cause; with what the tests run, and by the facts alone. Exit code 1 if the precision falls below its bound.
"""

import itertools
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from maestro.healing.grouping import group
from maestro.model import CaseResult, Outcome
from support.failures.stored import Mixture, mixtures

LEAST_PRECISION = 0.9


@dataclass(frozen=True, slots=True)
class Quality:
    """What grouping made of some runs."""

    precision: float
    recall: float
    v_measure: float
    causes: int
    groups: int


def quality(runs: Sequence[tuple[Sequence[CaseResult], Mixture]]) -> Quality:
    """Compare the groups of the results of each run with its causes."""
    together = same = both = 0
    pairs: Counter[tuple[str, str]] = Counter()
    for number, (results, mixture) in enumerate(runs):
        homes = {test: f.id for f in group(results, str(number)) for test in f.tests}
        for test, cause in mixture.causes.items():
            pairs[f"{number} {cause}", f"{number} {homes[test]}"] += 1
        for one, other in itertools.combinations(sorted(mixture.causes), 2):
            grouped, caused = homes[one] == homes[other], mixture.causes[one] == mixture.causes[other]
            together, same, both = together + grouped, same + caused, both + (grouped and caused)
    return Quality(
        both / max(1, together),
        both / max(1, same),
        v_measure(pairs),
        len({cause for cause, _ in pairs}),
        len({found for _, found in pairs}),
    )


def v_measure(pairs: Counter[tuple[str, str]]) -> float:
    """Return the harmonic mean of homogeneity and completeness of (cause, group) counts."""
    total = pairs.total()
    causes: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    for (cause, found), count in pairs.items():
        causes[cause] += count
        groups[found] += count

    def entropy(counts: Counter[str]) -> float:
        return -sum(n / total * math.log(n / total) for n in counts.values())

    left = -sum(n / total * math.log(n / groups[found]) for (_, found), n in pairs.items())
    spread = -sum(n / total * math.log(n / causes[cause]) for (cause, _), n in pairs.items())
    homogeneity = 1 - left / entropy(causes) if entropy(causes) else 1.0
    completeness = 1 - spread / entropy(groups) if entropy(groups) else 1.0
    return 2 * homogeneity * completeness / (homogeneity + completeness) if homogeneity + completeness else 0.0


def main() -> int:
    """Print the figures; return the exit code."""
    found = mixtures()
    blind = [
        (
            [replace(r, facts=replace(r.facts, covered={})) if r.facts else r for r in m.results
             if r.outcome is not Outcome.PASSED],
            m,
        )
        for m in found
    ]  # fmt: skip
    seeing = quality([(m.results, m) for m in found])
    tests = sum(len(m.causes) for m in found)
    sys.stdout.write(f"{len(found)} runs with {seeing.causes} causes, {tests} failing tests\n")
    for name, told in (("facts alone", quality(blind)), ("with what tests run", seeing)):
        sys.stdout.write(
            f"  {name:<20} precision {told.precision:.3f}, recall {told.recall:.3f},"
            f" V-measure {told.v_measure:.3f}, {told.groups / told.causes:.2f} groups for a cause\n"
        )
    return 0 if seeing.precision >= LEAST_PRECISION else 1


if __name__ == "__main__":
    sys.exit(main())
