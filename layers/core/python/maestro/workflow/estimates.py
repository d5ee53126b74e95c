"""What each test of a collection is expected to take."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, groupby
from statistics import fmean, median

from maestro.model import Collection

UNKNOWN_SECONDS = 0.03  # a test of a suite of which nothing is known; unit tests are shorter, others far longer
_LONGEST_CREDIBLE = 86_400.0  # a recorded duration beyond a day, or not a number, is not believed


@dataclass(frozen=True, slots=True)
class Estimates:
    """Tests ordered so that those of one module (file) stand together.

    Test ``i`` of this order has the id ``tests[i]``, stands at ``places[i]`` in the collection, and takes
    ``sums[i + 1] - sums[i]`` seconds. ``modules`` are half-open ranges of ``i``. ``sorted`` tells that
    ``places`` ascend, ``known`` whether each duration was recorded.
    """

    tests: list[str]
    files: list[str]
    places: list[int]
    seconds: list[float]
    sums: list[float]
    known: list[bool]
    modules: list[tuple[int, int]]
    sorted: bool

    @property
    def total(self) -> float:
        """Expected seconds of everything, one after the other."""
        return self.sums[-1]

    def weight(self, piece: tuple[int, int]) -> float:
        """Return the expected seconds of a range."""
        return self.sums[piece[1]] - self.sums[piece[0]]


def estimate(collection: Collection, durations: Mapping[str, float]) -> Estimates:
    """Estimate every test: recorded, else the mean of its module, else the suite's median, else 0.1 s."""
    tests = list(dict.fromkeys(collection.tests))
    files = [collection.files.get(test) or test.partition("::")[0] for test in tests]
    places = list(range(len(tests)))
    runs = [(file, sum(1 for _ in group)) for file, group in groupby(files)]
    in_order = len({file for file, _ in runs}) == len(runs)
    if not in_order:
        rank = {file: i for i, file in enumerate(dict.fromkeys(files))}
        places.sort(key=lambda i: rank[files[i]])
        tests = [tests[i] for i in places]
        files = [files[i] for i in places]
        runs = [(file, sum(1 for _ in group)) for file, group in groupby(files)]
    recorded = list(map(durations.get, tests))
    known = [d is not None and 0 <= d < _LONGEST_CREDIBLE for d in recorded]
    ends = list(accumulate(count for _, count in runs))
    modules = list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []
    complete = all(known)
    seconds = [d for d in recorded if d is not None] if complete else _fill(recorded, known, modules)
    return Estimates(tests, files, places, seconds, [0.0, *accumulate(seconds)], known, modules, in_order)


def _fill(recorded: list[float | None], known: list[bool], modules: list[tuple[int, int]]) -> list[float]:
    everything = [d for d, ok in zip(recorded, known, strict=True) if ok and d is not None]
    typical = median(everything) if everything else UNKNOWN_SECONDS
    seconds: list[float] = []
    for start, end in modules:
        pairs = list(zip(recorded[start:end], known[start:end], strict=True))
        own = [d for d, ok in pairs if ok and d is not None]
        usual = fmean(own) if own else typical
        seconds += [d if ok and d is not None else usual for d, ok in pairs]
    return seconds
