"""A comparison of a set's elements with a list that was written down, made to hold in whatever order they come.

    assert list({"b", "a"}) == ["a", "b"]         ->  assert sorted({"b", "a"}) == ["a", "b"]
    assert list(set(tags())) == ["b", "a"]        ->  assert sorted(set(tags())) == sorted(["b", "a"])
    assert ", ".join(frozenset(names)) == "a, b"  ->  assert ", ".join(sorted(frozenset(names))) == "a, b"

The first and the last let the test meet one of the orders that are possible. The second takes the order away, which a
set never had: each element still has to be there, and no other.

What is a set is read off the test itself (it makes one), or off a function of the product that is annotated to return
one and whose words promise no order, where the test does not expect the very order in which it gave the elements. A
list that the product returns is none, whatever it was made of; nor does anything change that the product gets.
"""

import ast
import copy
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from maestro.healing._forms import last_name
from maestro.healing._set_returns import Function, speaks_of_order

_METHODS = frozenset({"assertEqual", "assertEquals", "assertListEqual", "assertSequenceEqual", "assertTupleEqual"})
_OF_SETS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_BUILTINS = ("set", "frozenset", "list", "tuple", "sorted")
_AROUND = "sorted({})"
_TELLING = 3  # elements in the very order in which they were given
_DEEPEST = 8  # steps from a name to what it is made of

Edit = tuple[ast.expr, str]  # a part of a comparison, and what takes its place: "{}" stands for itself


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of a test that may lose the order of a set, and the ways to do it, the better one first."""

    node: ast.Compare | ast.Call
    ways: tuple[tuple[Edit, ...], ...]


def comparisons(module: ast.Module, function: Function, sets: Collection[str]) -> Iterator[Comparison]:
    """Yield such comparisons of a test; ``sets`` are the functions of the product that return sets."""
    scope = _Scope(module, function, frozenset() if speaks_of_order(function) else frozenset(sets))
    if scope.hidden:
        return
    for node in ast.walk(function):
        match node:
            case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) as compared):
                ways = _ways(left, right, scope, lists=True)
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id="self"), attr=attr), args=[left, right, *_]
                ) as compared
            ) if attr in _METHODS:
                ways = _ways(left, right, scope, lists=attr != "assertTupleEqual")
            case _:
                continue
        if ways:
            yield Comparison(compared, ways)


def put_back(after: ast.Module, before: ast.Module, sets: Collection[str]) -> ast.Module:
    """Return the tree after a change, changed in place, with such comparisons as they were before it."""
    tests = dict(_functions(before))
    for name, function in _functions(after):
        old = tests.get(name)
        if old is None or ast.dump(old) == ast.dump(function):
            continue
        known = {
            ast.dump(_edited(found.node, way)): found.node
            for found in comparisons(before, old, sets)
            for way in found.ways
        }
        if known:
            _Returned(known).visit(function)
    return after


class _Returned(ast.NodeTransformer):
    def __init__(self, known: dict[str, ast.Compare | ast.Call]) -> None:
        self.known = known

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        return copy.deepcopy(self.known.get(ast.dump(node), node))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        found = self.known.get(ast.dump(node))
        return self.generic_visit(node) if found is None else copy.deepcopy(found)


def _functions(module: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield the functions of a module and of its classes that have a name of their own, by that name."""
    found: dict[str, list[Function]] = {}
    for node in module.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for part in inner:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                name = f"{node.name}.{part.name}" if isinstance(node, ast.ClassDef) else part.name
                found.setdefault(name, []).append(part)
    yield from ((name, same[0]) for name, same in found.items() if len(same) == 1)


def _edited(node: ast.expr, way: tuple[Edit, ...]) -> ast.AST:
    """Return a comparison with the edits of one way made."""
    copies: dict[int, ast.AST] = {}
    made = copy.deepcopy(node, copies)
    return _Edited({id(copies[id(part)]): text for part, text in way}).visit(made)


class _Edited(ast.NodeTransformer):
    def __init__(self, places: dict[int, str]) -> None:
        self.places = places

    def visit(self, node: ast.AST) -> ast.AST:
        text = self.places.get(id(node))
        if text is None:
            rest: ast.AST = super().visit(node)
            return rest
        return ast.parse(text.format(ast.unparse(node)), mode="eval").body


class _Scope:
    """What names stand for in a test: each only where it is bound once, by a plain assignment."""

    def __init__(self, module: ast.Module, function: Function, sets: Collection[str]) -> None:
        self.module, self.function, self.sets = module, function, sets
        self.hidden = any(_bound(module, name) for name in _BUILTINS)

    def value(self, node: ast.expr) -> ast.expr:
        """What a name is bound to; for anything else, the expression itself."""
        if isinstance(node, ast.Name):
            for scope in (self.function, self.module):
                if found := _bound(scope, node.id):
                    plain = [s.value for s in ast.walk(scope) if isinstance(s, ast.Assign) and s.targets == found]
                    return plain[0] if len(found) == 1 and plain else node
        return node

    def is_set(self, node: ast.expr, deep: int = 0) -> bool:
        """Whether an expression is a set or frozenset of Python's own, by what the source says of it."""
        match self.value(node) if deep < _DEEPEST else None:
            case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset"), keywords=[]):
                return True
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATORS):
                return self.is_set(left, deep + 1) and self.is_set(right, deep + 1)
            case ast.Call(func=ast.Attribute(value=of, attr=attr)) if attr in _OF_SETS and self.is_set(of, deep + 1):
                return True
            case ast.Call(func=ast.Name() | ast.Attribute() as func) if last_name(func) in self.sets:
                return not _defines(self.module, last_name(func))
        return False

    def as_given(self, side: ast.expr, written: list[Any] | tuple[Any, ...] | str) -> bool:
        """Whether a test expects of the product's set the order in which it handed the elements over.

        A set shows three elements or more in that order by chance only, so such a test was hardly ever green: whatever
        the annotation says now, the order was kept once.
        """
        calls = [n for n in ast.walk(self.value(side)) if isinstance(n, ast.Call) and last_name(n.func) in self.sets]
        texts = [str(n.value) for call in calls for arg in (*call.args, *(k.value for k in call.keywords))
                 for n in ast.walk(self.value(arg)) if isinstance(n, ast.Constant)]  # fmt: skip
        given = " ".join(texts)
        if isinstance(written, str):
            return written in given and len(re.findall(r"\w+", written)) >= _TELLING
        places = [given.find(str(element)) for element in written]
        return len(places) >= _TELLING and -1 not in places and places == sorted(places) and not _in_order(written)

    def written(self, node: ast.expr) -> list[Any] | tuple[Any, ...] | str | None:
        """The value of a list, tuple or string that is written down; None for anything else."""
        try:
            found = ast.literal_eval(self.value(node))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return None
        return found if isinstance(found, (list, tuple, str)) else None


def _bound(scope: ast.AST, name: str) -> list[ast.expr]:
    """What binds a name in a scope: the targets of assignments; what is none of these counts twice."""
    found: list[ast.expr] = []
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
            found.append(node)
        elif (
            (isinstance(node, ast.arg) and node.arg == name)
            or (isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names)
            or (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name)
            or (isinstance(node, (ast.Import, ast.ImportFrom)) and name in {a.asname or a.name for a in node.names})
        ):
            found += [ast.Name(name), ast.Name(name)]
    return found


def _defines(module: ast.Module, name: str) -> bool:
    """Whether a test file defines a function or class of that name itself."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) and node.name == name for node in ast.walk(module))


def _ways(left: ast.expr, right: ast.expr, scope: _Scope, *, lists: bool) -> tuple[tuple[Edit, ...], ...]:
    """The ways to compare without the order of a set; ``lists`` says whether lists may be compared there."""
    for side, other in ((left, right), (right, left)):
        written = scope.written(other)
        placed = None if written is None else _placed(side, scope)
        if written is None or placed is None or scope.as_given(side, written):
            continue
        edit, plain = placed
        if not plain or not lists or isinstance(written, str):
            return ((edit,),)
        both = (edit if edit[1] == "sorted" else (side, _AROUND), (other, _AROUND))
        return ((edit,), both) if _in_order(written) else (both, (edit,))
    return ()


def _in_order(written: list[Any] | tuple[Any, ...]) -> bool:
    try:
        return list(written) == sorted(written)
    except TypeError:
        return False


def _placed(side: ast.expr, scope: _Scope) -> tuple[Edit, bool] | None:
    """Where ``sorted`` belongs in something that puts a set's elements in a row, and whether it does nothing else."""
    match side:
        case ast.Call(func=ast.Name(id="list") as func, args=[inner], keywords=[]) if scope.is_set(inner):
            return (func, "sorted"), True
        case ast.Call(func=ast.Name(id="tuple"), args=[inner], keywords=[]) if scope.is_set(inner):
            return (inner, _AROUND), True
        case ast.List(elts=[ast.Starred(value=inner)]) if scope.is_set(inner):
            return (inner, _AROUND), True
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="join"), args=[inner], keywords=[]):
            return ((inner, _AROUND), False) if scope.is_set(inner) else None
        case ast.ListComp(generators=[ast.comprehension(iter=inner, is_async=0)]) if scope.is_set(inner):
            return (inner, _AROUND), False
    return None
