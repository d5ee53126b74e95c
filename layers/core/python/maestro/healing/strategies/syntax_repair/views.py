"""What Python 2 gave as a list, and Python 3 gives as a view or an iterator: made a list where it must be one."""

import re
from collections.abc import Iterable, Iterator

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies.api_contract_adaptation.renames import failing_lines
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.rewriting import dotted
from maestro.model import Failure, Strategy

_KINDS = r"(?:map|filter|zip|range|dict_keys|dict_values|dict_items|odict_keys|odict_values|odict_items)"
_NEEDS_A_LIST = re.compile(
    rf"'{_KINDS}' object (?:is not subscriptable|does not support item|has no attribute|is not JSON serializable)|"
    rf"object of type '{_KINDS}' has no len\(\)|unsupported operand type\(s\) for [^:]+: .*'{_KINDS}'|"
    rf"can only concatenate list \(not \"{_KINDS}\"\)|(?:dictionary|OrderedDict) (?:changed size|keys changed|mutated) "
    rf"during iteration|Object of type {_KINDS} is not JSON serializable"
)
_FUNCTIONS = {"map", "filter", "zip", "range"}
_METHODS = {"keys", "values", "items"}


class ListOfView:
    """Puts ``list()`` around a ``map``, ``filter``, ``zip``, ``range`` or view of a dict that is used as a list."""

    name = "list_of_view"
    strategy = Strategy.SYNTAX_REPAIR

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change on the failing line, else where a name on that line got its value."""
        evidence = Evidence(failure, project)
        if not _NEEDS_A_LIST.search(evidence.text):
            return
        for path, numbers in failing_lines(evidence).items():
            for rank, text in enumerate(_variants(evidence.tree.text(path) or "", numbers)):
                words = f"{path}: Python 3 gives a view or iterator where Python 2 gave a list"
                yield Proposal({path: text}, words, 0.85 - 0.15 * rank)


def _variants(source: str, lines: set[int]) -> Iterator[str]:
    try:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    except (cst.ParserSyntaxError, RecursionError):
        return
    found = _Views(lines)
    wrapper.visit(found)
    for chosen in (found.here, found.assigned):
        if chosen:
            code = wrapper.module.visit(_Wrap(chosen)).code
            if code != source and parse(code) is not None:
                yield code


class _Views(cst.CSTVisitor):
    """Views on the failing lines, and those assigned to a name that stands on one of these lines."""

    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, lines: set[int]) -> None:
        super().__init__()
        self.lines = lines
        self.here: set[cst.Call] = set()
        self.used: set[str] = set()
        self.values: dict[cst.Call, str] = {}

    @property
    def assigned(self) -> set[cst.Call]:
        return {call for call, name in self.values.items() if name in self.used}

    def _stands_here(self, node: cst.CSTNode) -> bool:
        place = self.get_metadata(PositionProvider, node)
        return any(place.start.line <= line <= place.end.line for line in self.lines)

    def visit_Name(self, node: cst.Name) -> None:
        if self._stands_here(node):
            self.used.add(node.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        if isinstance(node.value, cst.Call) and _is_view(node.value):
            for target in node.targets:
                name = dotted(target.target).rpartition(".")[2]
                if name:
                    self.values[node.value] = name

    def visit_Call(self, node: cst.Call) -> None:
        parent = self.get_metadata(ParentNodeProvider, node)
        inside = isinstance(parent, cst.Arg) and _wraps(self.get_metadata(ParentNodeProvider, parent))
        if _is_view(node) and self._stands_here(node) and not inside:
            self.here.add(node)


def _is_view(node: cst.Call) -> bool:
    if isinstance(node.func, cst.Name):
        return node.func.value in _FUNCTIONS and bool(node.args)
    return isinstance(node.func, cst.Attribute) and node.func.attr.value in _METHODS and not node.args


def _wraps(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Call) and dotted(node.func) in ("list", "sorted", "tuple", "set")


class _Wrap(cst.CSTTransformer):
    def __init__(self, chosen: set[cst.Call]) -> None:
        super().__init__()
        self.chosen = chosen

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if original_node not in self.chosen:
            return updated_node
        inner = updated_node.with_changes(lpar=[], rpar=[])
        return cst.Call(cst.Name("list"), [cst.Arg(inner)], lpar=updated_node.lpar, rpar=updated_node.rpar)
