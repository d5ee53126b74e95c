"""Swap experiments: the failing tests with one dimension exchanged, everything else as it is.

What turns them green names the cause. With the dependencies of the project's own time, or of its last green run, the
same source and the same tests pass where a dependency changed its contract. That alone does not make a new expectation
right: a product may have to be adapted to its dependency. So it is also looked at where the values come from
(``adapters/guest/origins.py``): only where the same call of the same changed dependency gave the old value there and
gives the new one here is there :func:`provenance`, and an expectation may follow it.
"""

import dataclasses
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maestro.healing._experiment import Experiment, Observation
from maestro.healing._roles import is_test_file
from maestro.healing.expectations import Expectation, located, parts
from maestro.healing.provenance import pattern
from maestro.model import CaseResult, EnvironmentFacts, Failure

MAX_TESTS = 40
Dimension = Literal["dependencies", "source", "tests"]
_SWAP = "swap-"
_NOW = "swap-now"
_REPEAT = 2


@dataclass(frozen=True, slots=True)
class Base:
    """Something to go back to in one dimension: the diff that brings it about, in words, and the files it touches."""

    dimension: Dimension
    patch: str
    words: str
    files: tuple[str, ...] = ()


def expectations(failure: Failure, results: Iterable[CaseResult], root: Path) -> tuple[Expectation, ...]:
    """Return the literal expectations of a failure's tests whose differences can be recognised elsewhere."""
    wanted = set(failure.tests)
    found = [located(result, root) for result in results if result.id in wanted]
    return tuple(e for e in found if e is not None and parts(e))[:MAX_TESTS]


def wanted(failure: Failure) -> bool:
    """Whether swaps can tell something: the tests failed each time, whatever ran before them."""
    return not failure.flaky and failure.diagnosis.get("verdict") not in (
        "order",
        "timing",
        "random",
        "listing",
        "clock",
    )


def asked(told: Sequence[Sequence[Observation]]) -> bool:
    """Whether the bases were tried already."""
    return any(o.name.startswith(_SWAP) for step in told for o in step)


def answered(told: Sequence[Sequence[Observation]]) -> bool:
    """Whether it was looked at where the new values come from."""
    return any(o.name == _NOW for step in told for o in step)


def first(expected: Sequence[Expectation], bases: Sequence[Base]) -> list[Experiment]:
    """Return the experiments that go back to each base; they run side by side."""
    tests = tuple(e.test for e in expected)
    sought = {e.test: [p.sought("old") for p in parts(e)] for e in expected}
    return [
        Experiment(
            f"{_SWAP}{base.dimension}-{number}", tests, patch=base.patch, repeat=_REPEAT,
            sought=sought if base.dimension == "dependencies" else {},
        )
        for number, base in enumerate(bases)
        if tests
    ]  # fmt: skip


def second(expected: Sequence[Expectation], told: Sequence[Sequence[Observation]]) -> list[Experiment]:
    """Return the run in the present environment that shows where the new values come from; none without a use."""
    bases = _green(told)
    sought = {e.test: _new(e, o) for e in expected for o in bases if _came_from_outside(e, o) and _new(e, o)}
    return [Experiment(_NOW, tuple(sought), sought=sought, repeat=_REPEAT)] if sought else []


def _new(expectation: Expectation, base: Observation) -> list[dict[str, str]]:
    """Return what to look for in the present environment; of a part of a text, what stands in its place there."""
    if expectation.kind != "part":
        return [p.sought("new") for p in parts(expectation)]
    text = base.origins[expectation.test]["origins"][0]["whole"]
    found = pattern({**dataclasses.asdict(expectation), "old_text": text})
    return [{"text": found}] if found else []


def _green(told: Sequence[Sequence[Observation]], dimension: Dimension = "dependencies") -> list[Observation]:
    """The bases in which every test passed each time: not skipped, not missing, not expected to fail."""
    return [
        o for step in told for o in step
        if o.name.startswith(f"{_SWAP}{dimension}-") and not o.problem and o.outcomes
        and all(len(seen) == _REPEAT and set(seen) == {"passed"} for seen in o.outcomes.values())
    ]  # fmt: skip


def _came_from_outside(expectation: Expectation, observation: Observation) -> bool:
    origins = observation.origins.get(expectation.test, {}).get("origins", [])
    return len(origins) == len(parts(expectation)) and all(o.get("by") == "dependency" for o in origins)


def conclude(
    failure: Failure,
    expected: Sequence[Expectation],
    told: Sequence[Sequence[Observation]],
    touched: Collection[str],
    own: Iterable[str],
) -> Failure:
    """Read the swaps into the failure's diagnosis.

    ``swapped`` lists the dimensions in which going back turned the tests green; ``provenance`` holds what covers a
    change of expectations. ``touched`` are source files that changed lately, ``own`` the distributions that are the
    project itself. Where an experiment could not be carried out, nothing is concluded from what others did not show.
    """
    tried = [o for step in told for o in step if o.name.startswith(_SWAP) and o.name != _NOW]
    if not tried:
        return failure
    green = [d for d in _DIMENSIONS if _green(told, d)]
    unclear = any(
        o.problem or any(len(seen) < _REPEAT or set(seen) != {"failed"} for seen in o.outcomes.values()) for o in tried
    )
    if not green and (unclear or not set(failure.tests) <= set(tried[0].outcomes)):
        return failure
    now = next((o for step in told for o in step if o.name == _NOW and not o.problem), None)
    records: list[dict[str, Any]] = []
    if now is not None and green == ["dependencies"]:
        records = _records(expected, _green(told), now, touched, frozenset(own))
    said = f": {records[0]['changed']}" if records else ""
    words = {
        "dependencies": f"it passes with other dependencies, the source and the tests being the same{said}",
        "source": "it passes with the product's source of the last green run, all else being the same",
        "tests": "it passes as the tests were in the last green run, all else being the same",
    }
    cause = "; ".join([failure.cause, *(f"experiment: {words[d]}" for d in green)])
    failure = dataclasses.replace(failure, cause=cause)
    return _told(failure, {"swapped": green, "provenance": records})


_DIMENSIONS: tuple[Dimension, ...] = ("dependencies", "source", "tests")


def _told(failure: Failure, more: Mapping[str, Any]) -> Failure:
    return dataclasses.replace(failure, diagnosis={**failure.diagnosis, **more})


def _records(
    expected: Sequence[Expectation],
    green: Sequence[Observation],
    now: Observation,
    touched: Collection[str],
    own: frozenset[str],
) -> list[dict[str, Any]]:
    found = []
    for expectation in expected:
        seen = now.outcomes.get(expectation.test, ())
        if len(seen) != _REPEAT or set(seen) != {"failed"} or not _came_from_outside(expectation, now):
            continue
        here = now.origins[expectation.test]
        product = {f for f in here.get("entered", ()) if not is_test_file(f)}
        if product & set(touched):
            continue  # the product has just been changed as well: which of both it was is for a person to say
        for base in green:
            there = base.origins.get(expectation.test, {})
            if not _came_from_outside(expectation, base) or not product <= set(there.get("entered", ())):
                continue  # other code of the project ran there: a copy from the index, or another branch of it
            pairs = list(zip(there["origins"], here["origins"], strict=True))
            why = _changed(pairs, base.environment, now.environment, own)
            if why:
                found.append(_record(expectation, pairs, why))
                break
    return found


def _record(expectation: Expectation, pairs: Sequence[tuple[Any, Any]], why: str) -> dict[str, Any]:
    old, new = pairs[0]
    seen = "whole" if expectation.kind == "part" else "text"
    return {**dataclasses.asdict(expectation), "span": list(expectation.span), "changed": why,
            "by": f"{new['module']}.{new['function']}", "old_text": old[seen], "new_text": new[seen]}  # fmt: skip


def _changed(
    pairs: Sequence[tuple[Any, Any]], old: EnvironmentFacts | None, new: EnvironmentFacts | None, own: frozenset[str]
) -> str:
    """Say what changed, where each pair of origins is the same call of a distribution of another version; else ""."""
    words = []
    if old is None or new is None or any(old.distributions.get(n) != new.distributions.get(n) for n in own):
        return ""
    for there, here in pairs:
        top = str(here["module"]).partition(".")[0]
        if (str(there["module"]).partition(".")[0], there["function"], there["given"]) != (
            top, here["function"], here["given"]
        ):  # fmt: skip
            return ""
        if top == "builtins" or top in sys.stdlib_module_names:
            versions = [re.match(r"\d+\.\d+", facts.python) for facts in (old, new)]
            was, now = (v[0] if v else "" for v in versions)
            name = "Python"
        else:
            name = new.modules.get(top, "")
            was, now = old.distributions.get(name, ""), new.distributions.get(name, "")
        if not was or not now or was == now or name in own:
            return ""
        words.append(f"{name} {was} -> {now}, {here['module']}.{here['function']}")
    return "; ".join(dict.fromkeys(words))


def provenance(failure: Failure) -> tuple[Mapping[str, Any], ...]:
    """Return the records that cover a change of expectations: see :class:`Expectation`, and ``changed`` and ``by``."""
    found = failure.diagnosis.get("provenance", ())
    return tuple(found) if isinstance(found, (list, tuple)) else ()


__all__ = ["Base", "answered", "asked", "conclude", "expectations", "first", "provenance", "second", "wanted"]
