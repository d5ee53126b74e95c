"""What pytest gave up: tests that yield their checks, tests as generator coroutines, marks on fixtures."""

from collections.abc import Iterable

import libcst as cst

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.rewriting import dotted, rewritten
from maestro.model import Failure, Strategy

_YIELD = "'yield' keyword is allowed in fixtures, but not in tests"
_MARKED = "Marks cannot be applied to fixtures"
_COROUTINES = {"asyncio.coroutine", "types.coroutine", "coroutine"}


class YieldTests:
    """Lets tests that yield a function and its arguments call it, and generator coroutines be ``async def``."""

    name = "yield_tests"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of every test file that has such tests, where pytest refused one."""
        edits = _rewritten(failure, project, _YIELD, _YieldRewriter)
        if edits:
            words = "pytest no longer runs tests that yield their checks; call the checks"
            source = "https://docs.pytest.org/en/stable/deprecations.html#yield-tests"
            yield Proposal(edits, f"{words} ({source})", 0.9)


class MarkedFixtures:
    """Takes marks off fixtures, where they never did anything and pytest 9 refuses them."""

    name = "marked_fixtures"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the fixtures without their marks."""
        edits = _rewritten(failure, project, _MARKED, _MarkRewriter)
        if edits:
            words = "marks on fixtures have no effect, and pytest 9 refuses them"
            source = "https://docs.pytest.org/en/stable/deprecations.html#applying-a-mark-to-a-fixture-function"
            yield Proposal(edits, f"{words} ({source})", 0.92)


def _rewritten(failure: Failure, project: Project, said: str, rewriter: type[cst.CSTTransformer]) -> dict[str, str]:
    evidence = Evidence(failure, project)
    edits: dict[str, str] = {}
    if said not in evidence.text:
        return edits
    for path in evidence.tree.python_files:
        text = evidence.tree.text(path) or ""
        if evidence.tree.role(path) not in (Role.TEST, Role.FIXTURE) or not ("yield" in text or "fixture" in text):
            continue
        code = rewritten(text, rewriter())
        if code is not None:
            edits[path] = code
    return edits


class _OwnYields(cst.CSTVisitor):
    """The yields of one function, those of functions inside it left out; ``plain`` are whole statements."""

    def __init__(self) -> None:
        self.all: list[cst.Yield] = []
        self.plain: list[cst.Yield] = []
        self.depth = 0

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self.depth += 1
        return self.depth == 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self.depth -= 1

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_Expr(self, node: cst.Expr) -> None:
        if isinstance(node.value, cst.Yield):
            self.plain.append(node.value)

    def visit_Yield(self, node: cst.Yield) -> None:
        self.all.append(node)


class _YieldRewriter(cst.CSTTransformer):
    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[cst.Yield, cst.BaseExpression] = {}
        self.awaits: set[cst.Yield] = set()
        self.coroutines: set[cst.FunctionDef] = set()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        if not node.name.value.startswith("test") or node.asynchronous:
            return
        yields = _OwnYields()
        node.visit(yields)
        decorators = {dotted(d.decorator) for d in node.decorators}
        if yields.all and decorators & _COROUTINES and all(isinstance(y.value, cst.From) for y in yields.all):
            self.coroutines.add(node)
            self.awaits |= set(yields.all)
        elif len(yields.all) == len(yields.plain) and not decorators - {"staticmethod", "classmethod", ""}:
            made = {y: _call(y) for y in yields.all}
            if all(made.values()):
                self.calls |= {y: call for y, call in made.items() if call is not None}

    def leave_Yield(self, original_node: cst.Yield, updated_node: cst.Yield) -> cst.BaseExpression:
        if original_node in self.calls:
            return self.calls[original_node]
        if original_node in self.awaits and isinstance(updated_node.value, cst.From):
            return cst.Await(updated_node.value.item, lpar=updated_node.lpar, rpar=updated_node.rpar)
        return updated_node

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        if original_node not in self.coroutines:
            return updated_node
        kept = [d for d in updated_node.decorators if dotted(d.decorator) not in _COROUTINES]
        return updated_node.with_changes(decorators=kept, asynchronous=cst.Asynchronous())


def _call(node: cst.Yield) -> cst.BaseExpression | None:
    """Return the call that a yielded check stands for; None where it is something else."""
    value = node.value
    if isinstance(value, cst.Tuple):
        elements = list(value.elements)
        if len(elements) > 1 and isinstance(elements[0].value, (cst.SimpleString, cst.ConcatenatedString)):
            elements = elements[1:]  # a description
        if not elements or isinstance(elements[0], cst.StarredElement):
            return None
        args = [cst.Arg(e.value, star="*" if isinstance(e, cst.StarredElement) else "") for e in elements[1:]]
        return _applied(elements[0].value, args)
    if isinstance(value, (cst.Name, cst.Attribute, cst.Lambda)):
        return _applied(value, [])
    if isinstance(value, cst.Call):
        return _applied(value, []) if dotted(value.func).rpartition(".")[2] == "partial" else value
    return None


def _applied(function: cst.BaseExpression, args: list[cst.Arg]) -> cst.BaseExpression | None:
    if isinstance(function, cst.Lambda) and not function.lpar:
        function = function.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    if not isinstance(function, (cst.Name, cst.Attribute, cst.Lambda, cst.Call)):
        return None
    return cst.Call(function, args)


class _MarkRewriter(cst.CSTTransformer):
    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        del original_node
        names = [_decorator(d) for d in updated_node.decorators]
        if not {"pytest.fixture", "pytest.yield_fixture", "fixture"} & set(names):
            return updated_node
        kept = [d for d, n in zip(updated_node.decorators, names, strict=True) if not n.startswith("pytest.mark.")]
        if len(kept) == len(names):
            return updated_node
        return updated_node.with_changes(decorators=kept)


def _decorator(node: cst.Decorator) -> str:
    called = node.decorator
    return dotted(called.func if isinstance(called, cst.Call) else called)
