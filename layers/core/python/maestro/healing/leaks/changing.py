"""Whether test code changes a thing itself: by assigning to it, or by a call whose purpose is to change it.

What a product changes without being asked to may be its defect; so a call counts only where it says that it changes
something. That is a call as a statement, whose result nobody wants, or one with a verb that means a change (``add``,
``update``, ``pop``); never a question (``peek``, ``copy``, ``is_empty``), one whose docstring promises to leave things
as they are, one in a block that is expected to be refused or undone, or what is entered by ``with``. And test code
that takes back what it did, by ``rollback`` or ``clear``, has done its part.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from maestro.healing._forms import dotted
from maestro.healing._roles import Role
from maestro.healing._trees import parse
from maestro.healing.leaks.reached import Code, Function
from maestro.healing.sourcetree import SourceTree

_QUESTIONS = re.compile(
    r"_*(peek|look|get|fetch|copy|clone|snapshot|find|search|query|select|is|has|are|can|to|as|in|list|count|len|length|size|"
    r"show|print|read|render|format|check|verify|validate|assert|dumps?|describe|contains|keys|values|items|view|iter|"
    r"first|last|head|tail|top|page|name|str|repr|json|export|diff|compare|equals?|match|matches|sum|total|max|min|parse|"
    r"load_copy|preview|inspect|explain|report|with)(_\w*|[A-Z]\w*)?"
)  # fmt: skip
_CHANGES = re.compile(
    r"_*(add|append|appendleft|extend|extendleft|insert|set|setdefault|put|push|pop|popleft|popitem|remove|discard|"
    r"delete|clear|update|create|register|unregister|write|save|store|increment|sort|reverse|post|patch|__setitem__)"
    r"(_\w*|[A-Z]\w*)?"
)
_UNDOES = re.compile(r"_*(rollback|roll_back|undo|revert|restore|clear|reset|purge|empty)(_\w*|[A-Z]\w*)?")
_COPIES = re.compile(r"_*(copy|clone|snapshot|deepcopy|dup|duplicate|replace|merged?|with|frozen)(_\w*|[A-Z]\w*)?")
_PROMISES = re.compile(
    r"(?i)\b(unchanged|(is|are|be|stays?|remains?|keeps?|left) (not (be )?(changed|touched|modified|altered)|untouched|"
    r"(just )?as (it|they|before)|the same|alone|intact)|(does|do|will|must|is|are) (not|never) "
    r"(be )?(change|modif|alter|touch|mutat|remov|affect)\w*|without (changing|modifying|altering|touching|removing)|"
    r"leaves? (it|them|the [\w ]+) (alone|as)|shares? nothing|only (reads?|asks?|looks?)|read.only|(is|are) restored|"
    r"(as|like) (it|they) (was|were)|of (its|their) own|a(n independent| new)? copy)\b"
)
_STD_CHANGES = frozenset({"setattr", "delattr", "shuffle", "heappush", "heappop", "heapify", "insort", "insort_left",
                          "insort_right"})  # fmt: skip
_STD_COPIES = frozenset({"copy.copy", "copy", "list", "dict", "set", "tuple", "iter", "enumerate", "sorted", "reversed",
                         "zip", "filter"})  # fmt: skip
_INNER = frozenset({"items", "values", "get", "copy", "keys"})
# Blocks in which a change is expected to be refused, or to be undone at their end.
_TAKEN_BACK = re.compile(
    r"(?i)raises|suppress|transaction|rollback|savepoint|atomic|overrid|temporar|sandbox|isolat|preserv|restor|undo|"
    r"scoped|frozen|read_?only|guarded|nested|borrow"
)
_MAX_DEPTH = 2


@dataclass(frozen=True, slots=True)
class Thing:
    """What may be changed: variables of these ``names``, and attributes ``attrs`` of anything.

    ``handles`` are names of what was made with it. ``data`` says that it is a container of the tests' own, whose
    parts its methods give out.
    """

    names: frozenset[str] = frozenset()
    attrs: frozenset[str] = frozenset()
    handles: frozenset[str] = frozenset()
    data: bool = False


def changed_by(codes: Iterable[Code], thing: Thing, tree: SourceTree) -> bool:
    """Whether any of the functions changes the thing itself, and does not take that back."""
    every = list(codes)
    return any(_Reading(code, thing, tree, every).changes() for code in every)


def taken_back(codes: Iterable[Code], thing: Thing, tree: SourceTree) -> str:
    """Return the call by which the first of the functions means to take back what it did to the thing; "" for none."""
    every = list(codes)
    reading = _Reading(every[0], thing, tree, every) if every else None
    undone = list(reading.undoing()) if reading is not None else []
    return undone[0] if reading is not None and undone and reading.changes(undoing=False) else ""


def handed_on(codes: Iterable[Code], thing: Thing, tree: SourceTree) -> Iterator[tuple[str, bool]]:
    """Yield the functions and classes of the product to which test code hands the thing.

    And whether it may be for them to change it: a statement says "do this with it", and nobody promises to leave it.
    """
    every = list(codes)
    for code in every:
        reading = _Reading(code, thing, tree, every)
        stated = {id(call) for call in reading.commands()}
        for node in reading.nodes:
            given = (*node.args, *(k.value for k in node.keywords)) if isinstance(node, ast.Call) else ()
            if isinstance(node, ast.Call) and any(map(reading.is_thing, given)):
                name = (dotted(node.func) or "").rpartition(".")[2]
                made = (f"def {name}(", f"class {name}")
                if name and any(tree.role(s.path) is Role.PRODUCT for s in tree.sources(*made)):
                    asked = not _QUESTIONS.fullmatch(name) and not promises(name, tree)
                    yield name, id(node) in stated and id(node) not in reading.undone and asked


def promises(name: str, tree: SourceTree) -> bool:
    """Whether a function of the product with this name says that it leaves things as they are."""
    for source in tree.sources(f"def {name}"):
        module = parse(source.text) if tree.role(source.path) is Role.PRODUCT else None
        for node in ast.walk(module) if module is not None else ():
            if isinstance(node, Function) and node.name == name and _PROMISES.search(ast.get_docstring(node) or ""):
                return True
    return False


class _Reading:
    """One function of the tests, read for what it does to a thing."""

    def __init__(self, code: Code, thing: Thing, tree: SourceTree, every: list[Code], depth: int = 0) -> None:
        self.code, self.thing, self.tree, self.every, self.depth = code, thing, tree, every, depth
        function = code.function
        nodes = list(ast.walk(function))
        self.globals = {name for n in nodes if isinstance(n, ast.Global) for name in n.names}
        stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} - self.globals
        taken = {n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)}
        asked = thing.names if not thing.data else thing.names - taken  # a fixture comes as an argument, a variable not
        aliases = {a.asname for n in ast.walk(code.module) if isinstance(n, ast.ImportFrom) for a in n.names
                   if a.asname and a.name in thing.names}  # fmt: skip
        self.tainted = ({*asked, *aliases}) - stored
        self.handles = set(thing.handles) - stored
        self.nodes = nodes
        self.undone = {
            id(inner)
            for node in nodes
            if isinstance(node, (ast.With, ast.AsyncWith))
            and any(_TAKEN_BACK.search(ast.unparse(item.context_expr)) for item in node.items)
            for statement in node.body
            for inner in ast.walk(statement)
        }
        for _ in range(3):
            for node in nodes:
                self._follow(node)

    def _follow(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                self._bind(targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._bind([target], value)
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                self._bind([target], value)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                if isinstance(value, ast.Call) and self.derived(value):
                    self.handles |= set(_names(target))

    def _bind(self, targets: Iterable[ast.expr], value: ast.expr) -> None:
        names = {name for target in targets for name in _names(target)}
        if self.is_thing(value):
            self.tainted |= names
        elif isinstance(value, ast.Call) and self.derived(value):
            self.handles |= names

    def is_thing(self, node: ast.expr) -> bool:
        """Whether an expression is the thing, a part of it, or what the test made of it without another copy."""
        match node:
            case ast.Name(id=name):
                return name in self.tainted
            case ast.Attribute(value=value, attr=attr):
                return attr in self.thing.attrs or self.is_thing(value)
            case ast.Subscript(value=value) | ast.Starred(value=value) | ast.Await(value=value):
                return self.is_thing(value)
            case ast.Call(func=func, args=args, keywords=keywords):
                name = dotted(func) or ""
                given = any(self.is_thing(a) for a in (*args, *(k.value for k in keywords)))
                if given and (name in _STD_COPIES or name.rpartition(".")[2][:1].isupper()):
                    return True
                inner = isinstance(func, ast.Attribute) and func.attr in _INNER and self.thing.data
                return inner and isinstance(func, ast.Attribute) and self.is_thing(func.value)
        return False

    def derived(self, call: ast.Call) -> bool:
        """Whether a call gives a handle of the thing: by a method that promises no copy."""
        func = call.func
        if not isinstance(func, ast.Attribute) or _COPIES.fullmatch(func.attr):
            return False
        return self.is_thing(func.value) or (isinstance(func.value, ast.Name) and func.value.id in self.handles)

    def changes(self, *, undoing: bool = True) -> bool:
        """Whether the function changes the thing; without ``undoing``, by anything but taking back."""
        stated = {id(call) for call in self.commands()}
        for node in self.nodes:
            if id(node) in self.undone:
                continue
            match node:
                case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                    hit = any(map(self._written, targets))
                case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
                    hit = self._written(target)
                case ast.For(target=target):
                    hit = self._written(target) and not isinstance(target, ast.Name)
                case ast.Call():
                    hit = (undoing or not self._undoes(node)) and self._called(node, stated=id(node) in stated)
                case _:
                    hit = False
            if hit:
                return True
        return False

    def commands(self) -> Iterator[ast.Call]:
        """Yield the calls whose result nobody wants."""
        for node in self.nodes:
            if isinstance(node, ast.Expr):
                value = node.value.value if isinstance(node.value, ast.Await) else node.value
                if isinstance(value, ast.Call):
                    yield value

    def _written(self, target: ast.expr) -> bool:
        if isinstance(target, (ast.Tuple, ast.List)):
            return any(map(self._written, target.elts))
        match target:
            case ast.Name(id=name):
                return name in self.thing.names and name in self.globals
            case ast.Attribute(value=value, attr=attr):
                return attr in self.thing.attrs or self.is_thing(value)
            case ast.Subscript(value=value):
                return self.is_thing(value)
        return False

    def _called(self, call: ast.Call, *, stated: bool) -> bool:
        func = call.func
        if isinstance(func, ast.Attribute) and (
            self.is_thing(func.value) or (isinstance(func.value, ast.Name) and func.value.id in self.handles)
        ):
            verb = _CHANGES.fullmatch(func.attr) or (stated and not _QUESTIONS.fullmatch(func.attr))
            return bool(verb) and not promises(func.attr, self.tree)
        name = (dotted(func) or "").rpartition(".")[2]
        given = [place for place, arg in enumerate(call.args) if self.is_thing(arg)]
        if not given or not name:
            return False
        return name in _STD_CHANGES or self._handed(name, given) or (
            stated and bool(_CHANGES.fullmatch(name)) and not promises(name, self.tree)
        )  # fmt: skip

    def _handed(self, name: str, given: list[int]) -> bool:
        """Whether a helper of the tests changes what it is handed."""
        if self.depth >= _MAX_DEPTH:
            return False
        for code in self.every:
            taken = [a.arg for a in (*code.function.args.posonlyargs, *code.function.args.args)]
            taken = taken[1:] if taken[:1] == ["self"] else taken
            names = frozenset(taken[place] for place in given if place < len(taken))
            inner = Thing(names=names)
            if code.function.name == name and names:
                return _Reading(code, inner, self.tree, self.every, self.depth + 1).changes()
        return False

    def undoing(self) -> Iterator[str]:
        """Yield the calls without arguments that take everything back."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and self._undoes(node):
                yield ast.unparse(node)

    def _undoes(self, call: ast.Call) -> bool:
        func = call.func
        named = isinstance(func, ast.Attribute) and bool(_UNDOES.fullmatch(func.attr)) and not call.args
        return named and isinstance(func, ast.Attribute) and self.is_thing(func.value)


def _names(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from _names(part)
