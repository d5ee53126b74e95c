"""Whether files in a shared folder that are there already decide over a test: it is run with these moved aside.

An earlier run left them, or another process. The sandbox gives each run a home and a temporary folder of its own, but a
path that a test states in full is the machine's.
"""

import ast
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maestro.healing._experiment import Experiment, Observation
from maestro.healing._trees import parse
from maestro.healing.base import Project
from maestro.healing.known_forms.own_files import places
from maestro.model import Failure

MOST = 8  # paths
NAME = "nothing-left"


def outside(failure: Failure, project: Project) -> bool:
    """Whether the failing tests' files state files in shared folders."""
    return any(next(places(module), None) for module in _modules(failure, project))


def fixed(failure: Failure, project: Project) -> tuple[str, ...]:
    """The paths outside of the project that the failing tests' files state in full."""
    every = sorted({place.fixed for module in _modules(failure, project) for place in places(module) if place.fixed})
    outer = [path for path in every if not any(path.startswith(f"{other}/") for other in every)]
    return tuple(outer) if len(outer) <= MOST else ()


def _modules(failure: Failure, project: Project) -> Iterator[ast.Module]:
    root = project.root.resolve()
    for path in dict.fromkeys(test.partition("::")[0] for test in failure.tests):
        place = (root / path).resolve()
        if place.is_relative_to(root) and place.is_file() and place.suffix == ".py":
            yield parse(place.read_text("utf-8", "replace")) or ast.Module([], [])


def tried(tests: tuple[str, ...], paths: tuple[str, ...]) -> list[Experiment]:
    """The run that tells."""
    return [Experiment(NAME, tests, "alone", repeat=2, watch=tests, away=paths)]


def decided(known: Mapping[str, Observation], victims: Sequence[str], every: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the diagnosis where the tests fail alone, and pass where nothing is left; None elsewhere."""
    alone, empty = known.get("alone"), known.get(NAME)
    if alone is None or empty is None or not victims:
        return None
    if any(alone.rate(v) != 1.0 or empty.rate(v) != 0.0 for v in victims):
        return None
    again = Experiment("again-alone", every, "alone", repeat=3)
    words = "it fails where files are left that it states in a shared folder, and passes where they are moved aside"
    return {"verdict": "leftover", "words": words, "victims": list(victims), "polluters": [], "changes": {},
            "stress": [dataclasses.asdict(again)]}  # fmt: skip
