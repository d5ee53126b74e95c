"""Whether the order in which the system lists a folder decides over a test: it is run with both orders of the names."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from maestro.healing._experiment import Experiment, Observation

_WAYS = ("sorted", "reversed")


def listed(tests: tuple[str, ...]) -> list[Experiment]:
    """The runs that tell: each order, twice."""
    return [Experiment(f"listed-{way}", tests, "alone", listing=way, repeat=2, watch=tests) for way in _WAYS]


def decided(known: Mapping[str, Observation], victims: Sequence[str], every: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the diagnosis where the tests pass with one order and fail with the other; None elsewhere."""
    ways = [known.get(f"listed-{way}") for way in _WAYS]
    if any(way is None for way in ways) or not victims:
        return None
    if any({way.rate(v) for way in ways if way is not None} != {0.0, 1.0} for v in victims):
        return None
    words = "it passes or fails by the order in which the system lists a folder, which is any"
    runs = [Experiment(f"again-listed-{way}", every, "alone", listing=way, repeat=2) for way in _WAYS]
    return {"verdict": "listing", "words": words, "victims": list(victims), "polluters": [], "changes": {},
            "stress": [dataclasses.asdict(run) for run in runs]}  # fmt: skip
