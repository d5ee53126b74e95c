"""Whether the order of sets decides over a test: it is run with one value of PYTHONHASHSEED after another, twice.

Python gives strings other hashes in every process unless that variable is set, and so sets of them another order. The
sandbox sets it to 0, so that a run can be repeated: what depends on it fails there always, or never. Where each value
shows the same thing both times, and different values show different things, it is the hashes that decide.
"""

import ast
import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from maestro.healing._experiment import Experiment, Observation
from maestro.healing._suspects import covered_product, product_frames
from maestro.healing._trees import parse, project_names
from maestro.healing.base import Project
from maestro.healing.grouping import is_assertion
from maestro.healing.known_forms.unordered import Comparison, comparisons
from maestro.model import Failure

SEEDS = 6  # two strings have one of two orders: six processes all show the same one with a probability of 1/32
_FIRST = 1
_NAMES = ("hashed", "hashed-again")
_EQUAL = re.compile(r"==|assert(List|Tuple|Sequence|MultiLine)?Equals?")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def unordered(failure: Failure) -> bool:
    """Whether a failed comparison holds the same things against each other in another order."""
    told = failure.facts.assertion
    if not is_assertion(failure.facts) or not _EQUAL.fullmatch(str(told.get("op"))):
        return False
    left, right = (Counter(_TOKEN.findall(str(told.get(side, "")))) for side in ("left", "right"))
    return left == right and left.total() > 1


def hashed(tests: tuple[str, ...]) -> list[Experiment]:
    """The runs that tell: every value, twice."""
    return [Experiment(name, tests, repeat=SEEDS, watch=tests, hashing=_FIRST) for name in _NAMES]


def decided(known: Mapping[str, Observation], victims: Sequence[str], every: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the diagnosis where the hashes decide what the tests see; None elsewhere."""
    first, again = (known.get(name) for name in _NAMES)
    if first is None or again is None or not victims:
        return None
    bad: set[int] = set()
    for victim in victims:
        seen = [
            tuple(zip(o.outcomes.get(victim, ()), o.compared.get(victim, ()), strict=False)) for o in (first, again)
        ]
        outcomes = {outcome for outcome, _ in seen[0]}
        if seen[0] != seen[1] or len(seen[0]) != SEEDS or len(set(seen[0])) == 1 or outcomes - {"passed", "failed"}:
            return None
        bad |= {number for number, (outcome, _) in enumerate(seen[0]) if outcome == "failed"}
    words = "the hashes of Python decide, mostly by the order of a set: "
    words += f"it fails for {len(bad)} of {SEEDS} values of PYTHONHASHSEED"
    words += ", the same ones each time" if len(bad) < SEEDS else ", with another order for each"
    runs = [Experiment(f"again-hashed-{_FIRST + n}", every, hashing=_FIRST + n) for n in range(SEEDS)]
    return {
        "verdict": "hashing",
        "words": words,
        "victims": list(victims),
        "polluters": [],
        "changes": {},
        "stress": [dataclasses.asdict(run) for run in runs],
    }


def found(failure: Failure, project: Project) -> dict[str, list[Comparison]]:
    """The comparisons of the failing tests, by file, that hold the elements of a set against a list in some order."""
    sets = project_names(project.root).sets
    told: dict[str, list[Comparison]] = {}
    for test in failure.tests:
        path, function, module = _test(test, project)
        if module is not None and function is not None:
            told.setdefault(path, []).extend(comparisons(module, function, sets))
    return {path: each for path, each in told.items() if each}


def of_a_set(failure: Failure, project: Project) -> bool:
    """Whether the assertion that failed is such a comparison, and every failing test has one."""
    sets, line = project_names(project.root).sets, failure.facts.assertion.get("line", 0)
    failed = False
    for test in failure.tests:
        path, function, module = _test(test, project)
        each = [] if module is None or function is None else list(comparisons(module, function, sets))
        if not each:
            return False
        if path == failure.facts.assertion.get("file"):
            failed = failed or any(c.node.lineno <= line <= (c.node.end_lineno or 0) for c in each)
    return failed


def blamed(failure: Failure, project: Project) -> str | None:
    """Why a failure of which the hashes decide is the product's; None where it is not, or comes and goes here."""
    if failure.flaky or failure.diagnosis.get("verdict") != "hashing" or of_a_set(failure, project):
        return None
    if not (covered_product(failure.facts) or product_frames(failure.facts)):
        return None
    return "product code computed a value whose order depends on PYTHONHASHSEED, and nothing says that it is a set"


def _test(test: str, project: Project) -> tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | None, ast.Module | None]:
    """The file of a test, its function and the module around it; None where they cannot be told."""
    path, _, rest = test.partition("[")[0].partition("::")
    place = (project.root / path).resolve()
    inside = place.is_relative_to(project.root.resolve()) and place.is_file()
    module = parse(place.read_text("utf-8", "replace")) if inside else None
    body: list[ast.stmt] = [] if module is None else module.body
    *classes, name = rest.split("::")
    for outer in classes:
        body = next((n.body for n in body if isinstance(n, ast.ClassDef) and n.name == outer), [])
    functions = [n for n in body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n.name == name]
    return path, functions[0] if len(functions) == 1 else None, module


def span(node: ast.expr) -> tuple[int, int, int, int]:
    """Where an expression stands, as :func:`maestro.healing.provenance.replaced` takes it."""
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)
