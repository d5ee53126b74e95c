"""A statement that comes first in failing tests, with the fixture and the imports that it needs."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import libcst as cst

from maestro.healing._roles import Role
from maestro.healing.grouping import without_parameters
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.rewriting import rewritten

Suits = Callable[[str, ast.FunctionDef], bool]
"""Whether a function may begin with the statement: takes the text of its file, and the function."""


def edits(
    tests: Iterable[str], tree: SourceTree, statement: str, modules: Sequence[str], suits: Suits
) -> Mapping[str, str]:
    """Return the files of these tests, by path, with a statement first in each that takes ``monkeypatch`` and modules.

    Empty where one of them is no function outside of classes and without defaults in a test file, or does not suit.
    """
    wanted: dict[str, set[str]] = {}
    for test in tests:
        path, _, name = without_parameters(test).partition("::")
        wanted.setdefault(path, set()).add(name)
    changed: dict[str, str] = {}
    for path, names in wanted.items():
        code = _changed(tree.text(path) or "", names, statement, modules, suits)
        if code is None or tree.role(path) is not Role.TEST:
            return {}
        changed[path] = code
    return changed


def _changed(text: str, names: set[str], statement: str, modules: Sequence[str], suits: Suits) -> str | None:
    functions = [function for function in _functions(parse(text)) if function.name in names]
    if len(functions) != len(names) or not all(suits(text, f) and not f.args.defaults for f in functions):
        return None
    return rewritten(text, _Rewriter(names, statement, modules))


def _functions(module: ast.Module | None) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a module's own level, also those that it defines under a condition."""
    waiting: list[ast.stmt] = list(module.body) if module is not None else []
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.If):
            waiting += [*node.body, *node.orelse]


class _Rewriter(cst.CSTTransformer):
    """Puts the statement first in the named tests, and the imports that it needs before the first import."""

    def __init__(self, names: set[str], statement: str, modules: Sequence[str]) -> None:
        super().__init__()
        self.names, self.statement, self.modules = names, statement, modules

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        if original_node.name.value not in self.names or not isinstance(updated_node.body, cst.IndentedBlock):
            return updated_node
        taken = list(updated_node.params.params)
        if all(p.name.value != "monkeypatch" for p in taken):
            taken.append(cst.Param(cst.Name("monkeypatch")))
        body = list(updated_node.body.body)
        place = int(bool(updated_node.get_docstring()))
        body.insert(place, cst.parse_statement(self.statement))
        params = updated_node.params.with_changes(params=taken)
        return updated_node.with_changes(params=params, body=updated_node.body.with_changes(body=body))

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        body = list(updated_node.body)
        tree = ast.parse(original_node.code)
        known = {a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names if a.asname is None}
        added = [cst.parse_statement(f"import {name}") for name in self.modules if name not in known]
        if not added:
            return updated_node
        place = next((i for i, s in enumerate(body) if _imports(s)), 0)
        if place == 0:  # comments above the first import stay above
            added[0] = added[0].with_changes(leading_lines=getattr(body[0], "leading_lines", ()))
            body[0] = body[0].with_changes(leading_lines=())
        return updated_node.with_changes(body=[*body[:place], *added, *body[place:]])


def _imports(statement: cst.BaseStatement | cst.BaseCompoundStatement | cst.SimpleStatementLine) -> bool:
    """Whether a statement is an import, but for ``from __future__``, before which nothing may stand."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    first = statement.body[0]
    future = (
        isinstance(first, cst.ImportFrom) and isinstance(first.module, cst.Name) and first.module.value == "__future__"
    )
    return isinstance(first, (cst.Import, cst.ImportFrom)) and not future
