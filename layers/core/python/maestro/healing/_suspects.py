"""Which functions of the product are suspected of a defect: by tracebacks, recent changes, and what tests run.

A function is the more suspicious the more of the failing tests enter it and the fewer of the passing ones do. The
measure is Ochiai's: failing tests that enter it, divided by the root of (all failing tests times all tests that enter
it). Of the usual measures it ranks the faulty place highest (R. Abreu, P. Zoeteweij, A. J. C. van Gemund, "On the
Accuracy of Spectrum-based Fault Localization", TAIC PART 2007).
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from maestro.healing._roles import is_test_file
from maestro.model import CaseResult, Facts, Failure, Frame, Outcome

MAX_SUSPECTS = 5
Function = tuple[str, str]  # file, qualified name


def product_frames(facts: Facts) -> list[Frame]:
    """Return the product's frames, the innermost first."""
    return [frame for frame in reversed(facts.frames) if frame.in_project and not is_test_file(frame.file)]


def covered_product(facts: Facts | None) -> list[Function]:
    """Return the product's functions that a test entered."""
    return [
        (file, function)
        for file, functions in (facts.covered.items() if facts is not None else ())
        if not is_test_file(file)
        for function in functions
        if function != "<module>"
    ]


def passing_spectra(results: Iterable[CaseResult]) -> list[frozenset[Function]]:
    """Return what each passing test entered, of those for which that was noted."""
    return [
        frozenset(covered_product(r.facts))
        for r in results
        if r.outcome is Outcome.PASSED and r.facts is not None and r.facts.covered
    ]


def ochiai(failing: Sequence[Collection[Function]], passing: Sequence[Collection[Function]]) -> dict[Function, float]:
    """Return the suspiciousness, in [0, 1], of every function that a failing test entered.

    >>> scores = ochiai([{("a.py", "f"), ("a.py", "g")}], [{("a.py", "g")}])
    >>> {name: round(score, 3) for (_, name), score in sorted(scores.items())}
    {'f': 1.0, 'g': 0.707}
    """
    scores: dict[Function, float] = {}
    for function in dict.fromkeys(f for spectrum in failing for f in spectrum):
        hit = sum(function in spectrum for spectrum in failing)
        passed = sum(function in spectrum for spectrum in passing)
        scores[function] = hit / math.sqrt(len(failing) * (hit + passed))
    return scores


def suspects(
    failure: Failure, changes: Sequence[Mapping[str, object]], results: Sequence[CaseResult] = ()
) -> Iterator[Mapping[str, str]]:
    """Yield the likeliest functions: of recently changed files first, then by traceback, then by Ochiai's measure.

    ``results`` are those of the suite. All its failing tests count, as another failure may be the same defect's.
    """
    spectra = [s for r in results if r.outcome.bad and (s := covered_product(r.facts))]
    passing = passing_spectra(results)
    scores = ochiai(spectra or [covered_product(failure.facts)], passing)
    seen: dict[Function, str] = {}
    for index, frame in enumerate(product_frames(failure.facts)):
        seen.setdefault((frame.file, frame.function), "raised here" if index == 0 else "on the way to the error")
    framed = len(seen)
    for function in covered_product(failure.facts):
        alone = bool(passing) and not any(function in spectrum for spectrum in passing)
        seen.setdefault(function, "only failing tests run it" if alone else "the failing test runs it")
    recent = {file: change for change in reversed(changes) for file in touched(change)}
    newest = {id(change): rank for rank, change in enumerate(changes)}

    def rank(item: tuple[int, Function]) -> tuple[int, int, float, int]:
        order, function = item
        covered = order >= framed
        change = recent.get(function[0])
        return (
            change is None,
            newest.get(id(change), 0) if covered else 0,
            -scores.get(function, 0.0) if covered else -2.0,
            order,
        )

    for _, (file, name) in sorted(enumerate(seen), key=rank)[:MAX_SUSPECTS]:
        change = recent.get(file, {})
        yield {
            "file": file,
            "function": name,
            "commit": str(change.get("commit", "")),
            "subject": str(change.get("subject", "")),
            "why": seen[file, name] + (" and its file changed recently" if change else ""),
        }


def touched(change: Mapping[str, object]) -> set[str]:
    """Return the files of a version-control change."""
    files = change.get("files")
    return {str(file) for file in files} if isinstance(files, (list, tuple)) else set()
