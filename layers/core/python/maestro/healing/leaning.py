"""Tests that lean on others: they fail on their own and pass after the tests that are written before them.

The field calls such a test brittle, and the tests after which it passes its state-setters. Experiments tell it where a
suite runs in another order than the one in which its tests are written (reversed, shuffled): the tests pass in that
order, twice, and fail alone. Then the smallest set of setters is looked for, which pass themselves. A test that fails
in the written order too leans on nothing: it is broken.
"""

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from maestro.healing.experiments import MAX_VICTIMS, Experiment, Ground, Observation, concluded
from maestro.model import CaseResult, Failure, Phase

MAX_SEARCHED = 20  # tests whose setters are looked for
MAX_FILE_SECONDS = 20.0  # files that take longer are not searched: each search runs them many times
WRITTEN = "written"
_SEARCH = "needs-"


def written_order(results: Iterable[CaseResult], files: Collection[str]) -> tuple[str, ...]:
    """Return the ids of the tests in some files as they are written there, file after file.

    Methods that ran backwards through the alphabet are taken in its order: unittest sorts them by name.
    """
    near = [r for r in results if "::" in r.id and _file(r.id) in files]
    places: dict[str, tuple[str, int, int]] = {}
    for owner, members in _owners(near).items():
        names = [_plain(r.id) for r in members]
        backwards = len(members) > 1 and names == sorted(names, reverse=True) and "::" in owner
        first = min(r.line for r in members)
        for r in members:
            places[r.id] = (_file(r.id), first if backwards else r.line, sorted(names).index(_plain(r.id)) * backwards)
    return tuple(sorted((r.id for r in near), key=places.__getitem__))


def wanted(failure: Failure, ground: Ground) -> bool:
    """Whether a failure may be owed to the order: its tests' files ran in another one than they are written in.

    Methods in the order of their names are as unittest has them.
    """
    if failure.facts.phase in (Phase.COLLECT, Phase.SESSION, Phase.PROCESS):
        return False
    near = [r for r in ground.results if "::" in r.id and _file(r.id) in _files(failure)]
    if not all(r.line for r in near) or sum(r.seconds for r in near) > MAX_FILE_SECONDS:
        return False
    if any(_mixed([r.line for r in m]) and _mixed([_plain(r.id) for r in m]) for m in _owners(near).values()):
        return True
    starts = [(_file(owner), min(r.line for r in members)) for owner, members in _owners(near).items()]
    return any(_mixed([line for file, line in starts if file == one]) for one in _files(failure))


def _owners(results: Iterable[CaseResult]) -> dict[str, list[CaseResult]]:
    """Map modules and classes, in the order in which they ran, to the results of their own tests."""
    found: dict[str, list[CaseResult]] = {}
    for result in results:
        found.setdefault(_plain(result.id).rpartition("::")[0], []).append(result)
    return found


def _mixed(found: Sequence[Any]) -> bool:
    return any(later < earlier for earlier, later in itertools.pairwise(found))


def _plain(test: str) -> str:
    return test.partition("[")[0]


def first(failure: Failure, ground: Ground, asked: Sequence[Experiment]) -> list[Experiment]:
    """Return the runs, beside those asked for anyway, that show whether the tests lean on others."""
    victims = _victims(failure)[:MAX_VICTIMS]
    near = written_order(ground.results, _files(failure))
    alone = [] if any(e.name == "alone" for e in asked) else [Experiment("alone", victims, "alone", watch=victims)]
    return [*alone, Experiment(WRITTEN, near, repeat=2, watch=near)]


def leaning(failure: Failure, told: Sequence[Sequence[Observation]]) -> bool:
    """Whether the first step showed it: every test of the failure passes as written, and fails alone."""
    written, alone = (_answer(told, name) for name in (WRITTEN, "alone"))
    if written is None or alone is None or not (victims := _victims(failure)):
        return False
    return all(written.rate(v) == 0.0 for v in victims) and all(alone.rate(v) == 1.0 for v in victims[:MAX_VICTIMS])


def search(failure: Failure, ground: Ground, told: Sequence[Sequence[Observation]]) -> list[Experiment]:
    """Ask for the setters of each failing test of the failure's files; nothing where that was asked."""
    written = _answer(told, WRITTEN)
    if written is None or any(o.name.startswith(_SEARCH) for step in told for o in step):
        return []
    failing = {r.id for r in ground.results if r.outcome.bad}
    near = [t for t in written_order(ground.results, _files(failure)) if written.rate(t) == 0.0]
    chosen = sorted(failing & set(near), key=lambda t: (t not in failure.tests, near.index(t)))[:MAX_SEARCHED]
    return [
        Experiment(f"{_SEARCH}{number}", (*_before(test, near), test), "needed", watch=(test,))
        for number, test in enumerate(chosen)
    ]


def conclude(
    failure: Failure, ground: Ground, told: Sequence[Sequence[Observation]], changed: Collection[str]
) -> Failure:
    """Read the answers into the failure: who leans on whom, and the runs that a repair has to survive.

    ``changed`` are files of the product that changed lately: where the failing tests run one of them, the change may be
    why they need help, so that nothing but the words comes of it.
    """
    found = {
        o.ran[-1]: list(o.ran[:-1])
        for step in told
        for o in step
        if o.name.startswith(_SEARCH) and not o.problem and o.ran
    }
    needs = {test: found[test] for test in written_order(ground.results, _files(failure)) if test in found}
    victims = list(_victims(failure))
    setters = list(dict.fromkeys(s for v in victims for s in needs.get(v, ())))
    known = bool(setters) and all(needs.get(v) for v in victims)
    after = ", ".join(setters[:4]) if known else "tests that are written before it"
    words = f"{victims[0]} fails alone and passes as written, after {after}: it leans on them"
    suspicious = sorted(set(changed) & set(failure.facts.covered))
    if suspicious:
        words += f". {suspicious[0]}, which it runs, changed lately: that may be why, so nothing is done about it"
    runs = _stress(failure, ground) if known and not suspicious else []
    diagnosis = {
        "verdict": "brittle",
        "words": words,
        "victims": victims,
        "victim": victims[0],
        "polluters": [],
        "changes": {},
        "needs": needs,
        "stress": [dataclasses.asdict(e) for e in runs],
    }
    return concluded(failure, told, diagnosis)


def _stress(failure: Failure, ground: Ground) -> list[Experiment]:
    """Alone, as the suite ran them, as they are written, and mixed: a test that stands on its own passes in all."""
    files, victims = _files(failure), _victims(failure)
    ran = tuple(r.id for r in ground.results if "::" in r.id and _file(r.id) in files)
    return [
        Experiment("again-alone", victims[:MAX_VICTIMS], "alone"),
        Experiment("again-as-run", ran),
        Experiment("again-written", written_order(ground.results, files)),
        *(Experiment(f"again-mixed-{seed}", ran, "shuffled", seed=seed) for seed in (1, 2)),
    ]


def _victims(failure: Failure) -> tuple[str, ...]:
    return tuple(t for t in failure.tests if "::" in t)


def _file(test: str) -> str:
    return test.partition("::")[0]


def _files(failure: Failure) -> frozenset[str]:
    return frozenset(map(_file, _victims(failure)))


def _before(test: str, near: Sequence[str]) -> tuple[str, ...]:
    """The tests of the same file that are written before a test."""
    return tuple(t for t in near[: near.index(test)] if _file(t) == _file(test))


def _answer(told: Sequence[Sequence[Observation]], name: str) -> Observation | None:
    return next((o for step in told for o in step if o.name == name and not o.problem), None)


def smallest(before: Sequence[str], passes: Callable[[Sequence[str]], bool]) -> tuple[str, ...] | None:
    """Return a smallest part of ``before``, in order, for which ``passes`` holds; None where it does not for all.

    Parts are left out, halves first (delta debugging): no single one can be left out of the result.

    >>> smallest("abcdefgh", lambda chosen: {"c", "f"} <= set(chosen))
    ('c', 'f')
    """
    kept = tuple(before)
    if passes(()):
        return ()
    if not kept or not passes(kept):
        return None
    size = max(1, len(kept) // 2)
    while True:
        place, start = len(kept), kept
        while place > 0:
            fewer = kept[: max(0, place - size)] + kept[place:]
            if fewer and passes(fewer):
                kept = fewer
            place -= size
        if size == 1 and kept == start:
            return kept
        size = max(1, size // 2)
