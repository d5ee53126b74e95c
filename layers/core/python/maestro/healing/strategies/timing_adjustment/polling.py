"""A fixed sleep before an assertion becomes waiting for what the assertion says.

The assertion stays, and so does the sleep before it is looked at for the first time: a test that something has *not*
happened after a while says what it said. Only a test that looks too early gets more looks, ten times as many at most.
"""

import ast
import itertools
import textwrap
from collections.abc import Iterable, Iterator

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.grouping import is_assertion
from maestro.healing.known_forms.polling import LOOKS, condition, sleeps
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.timing_adjustment.numbers import (
    Function,
    fractions,
    functions,
    inner_sleeps,
    spans,
)
from maestro.healing.strategies.timing_adjustment.waits import (
    OTHER_CAUSES,
    expects_timeout,
    failing_line,
    helpers,
    leave_promises,
    measures,
)
from maestro.model import Failure, Strategy


class AwaitedCondition:
    """A sleep right before the assertion that fails; the test states no span and measures no time."""

    name = "awaited_condition"
    strategy = Strategy.TIMING_ADJUSTMENT

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal for a test that fails at an assertion which reads what may still change.

        Raises :class:`LeftAloneError` as :func:`leave_promises` does.
        """
        if failure.diagnosis.get("verdict") in OTHER_CAUSES or not is_assertion(failure.facts):
            return
        tree = SourceTree(project.root, project.test_paths)
        for path, function in functions(failure, tree)[:1]:
            text = tree.text(path) or ""
            module, line = parse(text) or ast.Module([], []), failing_line(failure, path, function)
            parts = (function, *helpers(path, function, tree))
            if expects_timeout(function) or inner_sleeps(function) or any(map(measures, parts)):
                continue
            if any(spans(f, module, tree) or fractions(f) for f in parts):
                continue
            for wait, check in _pairs(function, line):
                changed = _polling(text, wait, check, function)
                if changed is not None and tree.role(path) in (Role.TEST, Role.FIXTURE):
                    leave_promises(failure, project)
                    said = f"wait until what line {check.lineno} asserts is so, not for a fixed time"
                    yield Proposal({path: changed}, said, 0.6)


def _pairs(function: Function, line: int) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    """Yield a short sleep and the failing assertion right behind it."""
    for node in ast.walk(function):
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            statements = body if isinstance(body, list) else []
            for wait, check in itertools.pairwise(statements):
                if check.lineno <= line <= (check.end_lineno or 0) and sleeps(wait) and wait.lineno == wait.end_lineno:
                    yield wait, check


def _polling(text: str, wait: ast.stmt, check: ast.stmt, function: Function) -> str | None:
    """Return the text with the sleep in a loop that ends once the assertion holds; None where that is not sound."""
    said = condition(check)
    if said is None or any(isinstance(n, ast.Name) and n.id == "_" for n in ast.walk(function)):
        return None
    lines = text.splitlines(keepends=True)
    before = lines[wait.lineno - 1]
    if before.strip().partition("#")[0].strip() != ast.get_source_segment(text, wait):
        return None  # something else stands on the line
    shown = ast.get_source_segment(text, said) if isinstance(check, ast.Assert) else None
    if shown is None or "\n" in shown:
        shown = ast.unparse(said)
    margin = before[: len(before) - len(before.lstrip())]
    loop = (
        f"for _ in range({LOOKS}):  # what it waits for takes longer on some machines\n"
        f"    {before.strip()}\n"
        f"    if {shown}:\n"
        "        break\n"
    )
    lines[wait.lineno - 1] = textwrap.indent(loop, margin)
    changed = "".join(lines)
    return changed if parse(changed) is not None else None
