"""Whether random numbers decide over a test: it is run with one seed after another, and with all of them once more.

They do where each seed gives the same outcome both times, and different seeds give different ones. Chance that no seed
rules (the system's own, another process, another thread) gives no such picture.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from maestro.healing._experiment import Experiment, Observation
from maestro.healing.base import Project
from maestro.model import Failure

SEEDS = 12  # a test that fails for one seed in ten is seen to fail with a probability of 0.72, for one in five of 0.93
_FIRST = 1
_UNLUCKY = 3  # seeds with which a repair is tried
_OFTEN = 4  # runs of a repair without a seed of ours
_NAMES = ("drawn", "drawn-again")
PYTHON = re.compile(r"(?<![\w.])random\.[a-z]|(?m:^[ \t]*from random import\b)")
NUMPY = re.compile(r"\b(np|numpy)\.random\.[a-z]|(?m:^[ \t]*from numpy(\.random import\b| import .*\brandom\b))")


def draws(failure: Failure, project: Project) -> bool:
    """Whether the failing tests' files, or project code that they enter, draw random numbers that a seed rules."""
    return any(PYTHON.search(text) or NUMPY.search(text) for text in texts(failure, project.root))


def texts(failure: Failure, root: Path) -> list[str]:
    """The texts of the failing tests' files and of the project's files that they enter."""
    root = root.resolve()
    names = [*(test.partition("::")[0] for test in failure.tests), *failure.facts.covered]
    paths = [(root / name).resolve() for name in dict.fromkeys(names)]
    return [
        path.read_text("utf-8", "replace")
        for path in paths
        if path.is_relative_to(root) and path.is_file() and path.suffix == ".py"
    ]


def drawn(tests: tuple[str, ...]) -> list[Experiment]:
    """The runs that tell: every seed, twice."""
    return [Experiment(name, tests, "alone", repeat=SEEDS, watch=tests, draws=_FIRST) for name in _NAMES]


def decided(known: Mapping[str, Observation], victims: Sequence[str]) -> dict[str, list[int]] | None:
    """Which seeds let the tests pass (``good``) and fail (``bad``); None where it is not the seed that decides."""
    first, again = (known.get(name) for name in _NAMES)
    if first is None or again is None:
        return None
    seen = [(first.outcomes.get(v, ()), again.outcomes.get(v, ())) for v in victims]
    if not seen or any(a != b or len(a) != SEEDS or set(a) - {"passed", "failed"} for a, b in seen):
        return None
    bad = [_FIRST + n for n in range(SEEDS) if any(a[n] == "failed" for a, _ in seen)]
    good = [_FIRST + n for n in range(SEEDS) if _FIRST + n not in bad]
    return {"good": good, "bad": bad} if good and bad else None


def seeded(known: Mapping[str, Observation]) -> list[Observation]:
    """The runs with seeds that were made."""
    return [known[name] for name in _NAMES if name in known]


def said(told: Mapping[str, Sequence[int]]) -> str:
    """The words for it."""
    return f"its random numbers decide: it fails for {len(told['bad'])} of {SEEDS} seeds, the same ones each time"


def again(told: Mapping[str, Sequence[int]], tests: tuple[str, ...]) -> list[Experiment]:
    """The runs that a repair has to survive: with the seeds that make the tests fail, and without any."""
    unlucky = [Experiment(f"again-drawn-{seed}", tests, "alone", draws=seed) for seed in told["bad"][:_UNLUCKY]]
    return [*unlucky, Experiment("again-often", tests, "alone", repeat=_OFTEN)]
