"""What the words about the code that a failing test runs promise: an order, a speed, or what holds on every day.

A repair that waits longer, sorts, or sets the clock back makes a test pass whatever the product promises. So where the
words of the product's own functions (their names and docstrings), or those of the test, speak of just that, it may be
the promise that is broken, and a person has to look. Words are no proof; their absence lets a repair be tried.
"""

import ast
import math
import re
from collections.abc import Iterator

from maestro.healing._roles import is_test_file
from maestro.healing._suspects import covered_product
from maestro.healing._trees import parse
from maestro.healing.base import Project
from maestro.healing.grouping import without_parameters
from maestro.model import Failure

SPEED = re.compile(
    r"(?i)\b(at once|immediate(ly)?|instant(ly)?|right away|straight away|promptly|without (delay|waiting|blocking)|"
    r"side by side|in parallel|concurrent(ly)?|simultaneous(ly)?|at the same time|"
    r"(within|in (less|under)|less than|at most|no (more|longer|later) than|not (more|longer) than|under) "
    r"(about )?(an? |one |\d[\d.]*\s*)(ms|milli\w*|s|sec\w*|seconds?|minutes?|moment|tenth|half|fraction)\b)"
)
EVERY_DAY = re.compile(
    r"(?i)\b(next (?!(line|item|element|token|page|char\w*|byte|node|value|call|step|state|key|field)\b)\w+|upcoming|"
    r"(rolls?|rolled|moves?|goes|counts?) (over|on|forward|ahead)|recurr\w*|daily|weekly|monthly|yearly|annual(ly)?|"
    r"every (day|week|month|year)|from (now|today)|lies? ahead|in the future|still to come|non.?negative|renew\w*|"
    r"(never|not|no) (be )?(less|below|negative|before|past|in the past|over|earlier)|"
    r"at least (zero|one|0|1|today|now)|always (at least|positive|later|ahead|after|in))\b"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def promised(failure: Failure, project: Project, said: re.Pattern[str]) -> str:
    """Return the words of the product, or of a failing test, that promise such a thing; "" where none do."""
    for place, text in (*_of_product(failure, project), *_of_tests(failure, project)):
        found = said.search(text)
        if found is not None:
            return f"{place} says “{found[0]}”"
    return ""


def _of_product(failure: Failure, project: Project) -> Iterator[tuple[str, str]]:
    """Yield (name, words) of the product's functions that failing tests enter, and of the classes around them."""
    wanted: dict[str, set[str]] = {}
    for file, function in covered_product(failure.facts):
        wanted.setdefault(file, set()).update(function.split("."))
    for file, names in wanted.items():
        for node in ast.walk(_module(project, file)):
            if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and node.name in names:
                yield f"{node.name} in {file}", f"{_spaced(node.name)}. {ast.get_docstring(node) or ''}"


def _of_tests(failure: Failure, project: Project) -> Iterator[tuple[str, str]]:
    for test in failure.tests:
        file, _, rest = without_parameters(test).partition("::")
        name = rest.rpartition("::")[2]
        for node in ast.walk(_module(project, file)):
            if isinstance(node, _FUNCTIONS) and node.name == name:
                yield name, f"{_spaced(name)}. {ast.get_docstring(node) or ''}"


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _spaced(name: str) -> str:
    """The words of a name: ``sent_at_once`` and ``sentAtOnce`` are "sent at once"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ")


def _module(project: Project, file: str) -> ast.Module:
    root = project.root.resolve()
    path = (root / file).resolve()
    inside = path.is_relative_to(root) and path.is_file() and path.suffix == ".py"
    return (parse(path.read_text("utf-8", "replace")) if inside else None) or ast.Module([], [])


# ------------------------------------------------------------------ units of time

_PARTS = {"ms": 1000.0, "msec": 1000.0, "msecs": 1000.0, "millis": 1000.0, "milliseconds": 1000.0, "us": 1e6,
          "micros": 1e6, "microseconds": 1e6}  # fmt: skip
_SLEEPS = frozenset({"sleep", "wait", "Timer", "call_later", "join", "wait_for"})


def unit_slip(failure: Failure, project: Project) -> str:
    """Return where product code that a failing test enters waits by a number of another unit; "" for nowhere.

    A name ends with its unit (``delay_ms``) and reaches a wait, which takes seconds, without the factor of that unit.
    """
    for file in dict.fromkeys(file for file, _ in covered_product(failure.facts)):
        if is_test_file(file):
            continue
        for node in ast.walk(_module(project, file)):
            name = node.func if isinstance(node, ast.Call) else None
            called = name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else ""
            if isinstance(node, ast.Call) and called in _SLEEPS:
                for given in (*node.args[:1], *(k.value for k in node.keywords)):
                    if slip := _slip(given):
                        return f"{file}:{node.lineno} waits for `{ast.unparse(given)}` seconds, with {slip}"
    return ""


def _slip(given: ast.expr) -> str:
    factors = {n.value for n in ast.walk(given) if isinstance(n, ast.Constant) and isinstance(n.value, (int, float))}
    for node in ast.walk(given):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        factor = _PARTS.get(name.lower().rpartition("_")[2])
        if factor and not any(math.isclose(n, wanted) for n in factors for wanted in (factor, 1 / factor)):
            return f"a number of {name.lower().rpartition('_')[2]}"
        if name.lower().endswith(("_seconds", "_secs")) and {1000, 0.001} & factors:
            return "a number of seconds that is turned into something else"
    return ""
