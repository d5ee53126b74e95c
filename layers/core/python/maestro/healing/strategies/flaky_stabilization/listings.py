"""A folder's listing is sorted in tests that pass or fail by the order in which the system happens to list it.

Where the product itself lists the folder, the order is the product's business, and the failure is only explained.
"""

from collections.abc import Collection, Iterable

import libcst as cst

from maestro.healing.base import Project, Proposal
from maestro.healing.sourcetree import Role, SourceTree
from maestro.healing.strategies.rewriting import dotted
from maestro.model import Failure, Strategy

_LISTS = frozenset({"listdir", "glob", "iglob", "rglob", "iterdir"})
_SORTED = frozenset({"sorted", "set", "frozenset", "len", "any", "all", "sum", "max", "min"})


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


def with_sorted(source: str, functions: Collection[str]) -> str | None:
    """Wrap the listings in these functions in ``sorted``; None where there is nothing to wrap."""
    try:
        module = cst.parse_module(source)
    except (cst.ParserSyntaxError, RecursionError):
        return None
    code = module.visit(_Sorter(functions)).code
    return code if code != source else None


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
