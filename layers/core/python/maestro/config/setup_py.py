"""What ``setup.py`` says, read from its syntax tree; it is never executed."""

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MAX_STEPS = 10_000


@dataclass(slots=True)
class Setup:
    """The literal arguments of ``setup(...)``, and the line of ``python_requires``; what is computed is left out."""

    name: str = ""
    python_requires: str = ""
    line: int = 1
    extras: dict[str, list[str]] = field(default_factory=dict)
    tests_require: list[str] = field(default_factory=list)


def read(text: str) -> Setup:
    """Find the call of ``setup`` in the text; a text that does not parse says nothing."""
    found = Setup()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found  # often Python 2; the build of the project will say what is wrong with it
    names: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = node.value
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _called(call.func) == "setup":
            arguments = {k.arg: k.value for k in call.keywords if k.arg}
            _take(found, arguments, _Literals(names))
            break
    return found


def _called(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _take(found: Setup, arguments: Mapping[str, ast.expr], literals: "_Literals") -> None:
    name = literals.value(arguments.get("name"))
    found.name = name if isinstance(name, str) else ""
    requires = literals.value(arguments.get("python_requires"))
    if isinstance(requires, str):
        found.python_requires, found.line = requires, arguments["python_requires"].lineno
    found.tests_require = _lines(literals.value(arguments.get("tests_require")))
    extras = literals.value(arguments.get("extras_require"))
    if isinstance(extras, dict):
        found.extras = {k: _lines(v) for k, v in extras.items() if isinstance(k, str)}


def _lines(value: object) -> list[str]:
    if isinstance(value, str):
        return [row.strip() for row in value.splitlines() if row.strip()]
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


class _Literals:
    """Evaluates literals, names of module-level literals, and the sum of lists; anything else is ``None``."""

    def __init__(self, names: Mapping[str, ast.expr]) -> None:
        self.names = names
        self.steps = 0

    def value(self, node: ast.expr | None, depth: int = 0) -> Any:
        self.steps += 1
        if node is None or depth > 20 or self.steps > _MAX_STEPS:  # noqa: PLR2004 - names that refer to each other
            return None
        if isinstance(node, ast.Constant | ast.Name):
            return node.value if isinstance(node, ast.Constant) else self.value(self.names.get(node.id), depth + 1)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [self.value(e, depth + 1) for e in node.elts]
        if isinstance(node, ast.Dict):
            keys = [self.value(k, depth + 1) for k in node.keys]
            values = [self.value(v, depth + 1) for v in node.values]
            return {k: v for k, v in zip(keys, values, strict=True) if isinstance(k, str)}
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.value(node.left, depth + 1), self.value(node.right, depth + 1)
            both_lists = isinstance(left, list) and isinstance(right, list)
            return left + right if both_lists else None
        return None
