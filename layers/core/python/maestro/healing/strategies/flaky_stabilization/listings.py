"""Tests that pass or fail by the order in which the system happens to list a folder are made to meet one order.

A listing that a test makes is sorted. Where the product lists the folder, its code is left alone: the test's module
gets a fixture that lists by name. Where anything says that the order is part of what the product promises, nothing is
done: a product that does not sort then has a defect.
"""

import ast
import re
from collections.abc import Collection, Iterable

import libcst as cst

from maestro.healing._forms import dotted as dotted_name
from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms import listing
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.flaky_stabilization.giving_back import below_imports
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.rewriting import dotted, rewritten
from maestro.model import Failure, Strategy

_LISTS = frozenset({"listdir", "glob", "iglob", "rglob", "iterdir"})
_SORTED = frozenset({"sorted", "set", "frozenset", "len", "any", "all", "sum", "max", "min"})

# "In order to" is a purpose; anything else that sounds of order may be a promise.
_PURPOSE = re.compile(r"(?i)\bin\s+order\s+(to|that|for)\b")
_ORDER = re.compile(r"(?i)sort|order|alphabet|lexic|sequen|first|last|newest|oldest|latest")
_SORTS = re.compile(r"(?i)sort|order")
_PROMISE = re.compile(r"(?i)alphabetic|lexicograph|sorted by|order of (the )?(file|name)|in (file)?name order")
_TELLS = re.compile(r"(?i)^(readme|changes|changelog|history|docs/.*)(\.(md|rst|txt))?$")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class SortedListing:
    """Sorts what lists a folder, in the test functions and fixtures that the failing tests enter."""

    name = "sorted_listing"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per file; only after an experiment in which the order of the listing decided."""
        if failure.diagnosis.get("verdict") != "listing":
            return
        tree = SourceTree(project.root, project.test_paths)
        for path, functions in failure.facts.covered.items():
            names = {name.rpartition(".")[2] for name in functions}
            if path not in tree.files or tree.role(path) is Role.PRODUCT:
                continue
            changed = with_sorted(tree.text(path) or "", names)
            if changed is not None:
                yield Proposal({path: changed}, f"{path} lists its folder in the order of the names", 0.5)


class ListedByName:
    """Lets folders be listed by name for tests of a product that lists them, and promises no order."""

    name = "listed_by_name"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per way to list; only after an experiment in which listing by name made the tests pass."""
        if failure.diagnosis.get("verdict") != "listing" or not _passes_by_name(failure):
            return
        tree = SourceTree(project.root, project.test_paths)
        covered = [
            function
            for path, names in failure.facts.covered.items()
            if path in tree.files and tree.role(path) is Role.PRODUCT
            for function in _functions(tree.text(path) or "", {name.rpartition(".")[2] for name in names})
        ]
        files = list(dict.fromkeys(test.partition("::")[0] for test in failure.tests))
        tests = [f for file in files for f in _functions(tree.text(file) or "", _names(failure.tests))]
        if any(map(_speaks_of_order, (*covered, *tests))) or _promises(tree):
            return
        for way in dict.fromkeys(way for function in covered for way in _ways(function)):
            form = listing.FORMS[way]
            edits = {file: text for file in files if (text := _with_fixture(tree.text(file) or "", form)) is not None}
            if len(edits) == len(files) and all(tree.role(file) in (Role.TEST, Role.FIXTURE) for file in files):
                said = f"the tests of {', '.join(files)} list folders by name; the product promises no order"
                yield Proposal(edits, said, 0.6, workaround=True)


def _passes_by_name(failure: Failure) -> bool:
    seen = [told["outcomes"] for told in failure.experiments if told.get("name") == "listed-sorted"]
    outcomes = [outcome for told in seen for runs in told.values() for outcome in runs]
    return bool(outcomes) and set(outcomes) == {"passed"}


def _names(tests: Iterable[str]) -> set[str]:
    return {test.partition("[")[0].rpartition("::")[2] for test in tests}


def _functions(source: str, names: Collection[str]) -> list[_Function]:
    module = parse(source)
    return [
        node
        for node in (ast.walk(module) if module is not None else ())
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in names
    ]


def _ways(function: _Function) -> list[str]:
    """The ways in which a function lists folders without caring for the order itself."""
    found: dict[str, None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = dotted_name(node.func) or ""
            method = node.func.attr if node.func.attr in listing.FORMS and name.partition(".")[0] != "glob" else ""
            way = name if name in listing.FORMS and "." in name else method
            found |= {way: None} if way else {}
    return list(found)


def _speaks_of_order(function: _Function) -> bool:
    """Whether a function's names or words are about an order, which then may be what it promises or tests."""
    words = [function.name, ast.get_docstring(function) or ""]
    words += [str(node.value) for node in ast.walk(function) if isinstance(node, ast.Constant)]
    names = [node.id for node in ast.walk(function) if isinstance(node, ast.Name)]
    names += [node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)]
    return any(_ORDER.search(_PURPOSE.sub("", text)) for text in words) or any(map(_SORTS.search, names))


def _promises(tree: SourceTree) -> bool:
    return any(_PROMISE.search(tree.text(path) or "") for path in tree.files if _TELLS.match(path))


def _with_fixture(text: str, form: listing.Form) -> str | None:
    module = parse(text)
    if module is None or listing.FIXTURE in text:
        return None
    return below_imports(text, module, sorted({form.module, "pytest"}), form.lines())


def with_sorted(source: str, functions: Collection[str]) -> str | None:
    """Wrap the listings in these functions in ``sorted``; None where there is nothing to wrap."""
    return rewritten(source, _Sorter(functions))


class _Sorter(cst.CSTTransformer):
    def __init__(self, functions: Collection[str]) -> None:
        super().__init__()
        self.functions = functions
        self.inside: list[bool] = []
        self.kept = 0  # calls around us that make the order of what they get irrelevant

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.inside.append(node.name.value in self.functions)

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self.inside.pop()
        return updated_node

    def visit_Call(self, node: cst.Call) -> None:
        self.kept += dotted(node.func) in _SORTED

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        self.kept -= dotted(original_node.func) in _SORTED
        name = (
            original_node.func.attr.value
            if isinstance(original_node.func, cst.Attribute)
            else dotted(original_node.func)
        )
        if name not in _LISTS or not any(self.inside) or self.kept:
            return updated_node
        return cst.Call(cst.Name("sorted"), [cst.Arg(updated_node)])
