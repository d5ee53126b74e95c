"""A test that needs another file to have imported a submodule imports it itself."""

import ast
from collections.abc import Iterable

import libcst as cst

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.unimported import imports, unimported
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.rewriting import add_imports
from maestro.model import Failure, Strategy

_SOURCE = "https://docs.python.org/3/reference/import.html#submodules"


class ImportedSubmodule:
    """Imports a submodule in the test files that use it with only its package imported."""

    name = "imported_submodule"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the import for all failing test files that lack it."""
        tree = SourceTree(project.root, project.test_paths)
        module = unimported(failure.facts, tree)
        if not module:
            return
        files = dict.fromkeys([failure.facts.frames[-1].file, *(test.partition("::")[0] for test in failure.tests)])
        edits: dict[str, str | None] = {}
        for path in files:
            changed = _changed(tree.text(path), module) if tree.role(path) in (Role.TEST, Role.FIXTURE) else None
            if changed is not None:
                edits[path] = changed
        if edits:
            words = f"import {module} where it is used; importing {module.partition('.')[0]} does not bring it"
            yield Proposal(edits, f"{words} ({_SOURCE})", 0.9)


def _changed(text: str | None, module: str) -> str | None:
    """Return a source with the import added; None where it does not use the module by its package's own name."""
    tree, package = parse(text or ""), module.partition(".")[0]
    nodes = list(ast.walk(tree or ast.Module([], [])))
    used = any(isinstance(node, ast.Attribute) and ast.unparse(node) == module for node in nodes)
    named = [a for node in nodes if isinstance(node, ast.Import) for a in node.names if a.asname is None]
    plain = any(alias.name.partition(".")[0] == package for alias in named)
    if text is None or not used or not plain or module in imports(text):
        return None
    try:
        code = add_imports(cst.parse_module(text), [(module, "")]).code
    except (cst.ParserSyntaxError, RecursionError):
        return None
    return code if parse(code) is not None else None
