"""Forms of syntax trees that two spellings share, and small facts read off a tree."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from maestro.healing import _names
from maestro.healing._trees import Names
from maestro.healing.known_forms.signatures import Asked

_SLEEPS = re.compile(r"((?:sleep|timeout)\w*\s*[(=]\s*)(\d+(?:\.\d+)?)")
_LONGEST_WAIT = 60.0
# What Python 3.11 and later say of a dataclass: https://docs.python.org/3/whatsnew/3.11.html#dataclasses
MUTABLE_DEFAULT = (
    r"mutable default <class '(?P<kind>[^']+)'> for field (?P<field>\w+) is not allowed: use default_factory"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that a repair may not change; lines are 1-based, ``line`` in the file before."""

    detail: str
    line: int
    before: ast.AST | None = None
    after: ast.AST | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known about names: the project's own, those that are gone, and those that provably still exist.

    ``messages`` are what the failures say; ``asked`` what code outside of the project passed to it in vain; ``fields``
    the old and new names of fields that the description of the project's interface renamed; ``filters`` the filters of
    warnings that they justify.
    """

    names: Names
    missing: frozenset[str] = frozenset()
    alive: frozenset[str] = frozenset()
    messages: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    fields: frozenset[tuple[str, str]] = frozenset()
    filters: frozenset[str] = frozenset()


def origins(module: ast.Module) -> dict[str, set[str]]:
    """Map each imported name to where it may come from, dotted; relative imports begin with a dot."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                found.setdefault(bound, set()).add(alias.name if alias.asname else bound)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, set()).add(f"{base.rstrip('.') or base}.{alias.name}")
    return found


def local_names(module: ast.Module) -> set[str]:
    """Return the names that a module binds by anything but an import."""
    bound: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
    return bound


def _import_like(node: ast.stmt) -> bool:
    """Whether a statement only binds imported names: an import, or a fallback block around imports."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Assign(targets=[ast.Name()], value=ast.Constant(value=None)):
            return True
        case ast.Assign(targets=[ast.Name()], value=ast.Name() | ast.Attribute() as value):
            return dotted(value) is not None
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=[]) if handlers:
            inner = [*body, *orelse, *(statement for handler in handlers for statement in handler.body)]
            types = {dotted(h.type) if h.type is not None else None for h in handlers}
            allowed = {"ImportError", "ModuleNotFoundError", "AttributeError"}
            return (
                isinstance(body[0], (ast.Import, ast.ImportFrom)) and types <= allowed and all(map(_import_like, inner))
            )
        case ast.If(test=test, body=body, orelse=orelse) if "version" in ast.unparse(test) or "PY" in ast.unparse(test):
            inner = [*body, *orelse]
            return any(isinstance(s, (ast.Import, ast.ImportFrom)) for s in inner) and all(map(_import_like, inner))
    return False


def binds_imports(node: ast.stmt) -> bool:
    return _import_like(node) and any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in ast.walk(node))


def dotted(node: ast.AST | None) -> str | None:
    """Return "a.b.c" for a chain of plain names, else ``None``."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return ".".join([node.id, *reversed(parts)])
    return None


def last_name(node: ast.AST) -> str:
    """Return the last word of what is called: ``raises`` of ``pytest.raises``; "" when it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class _Canonical(ast.NodeTransformer):
    """Writes what means the same in one way: old aliases of assertions, generator coroutines."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = _names.ASSERTION_ALIASES.get(node.attr, node.attr)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.generic_visit(node)
        match node.test:
            case ast.Call(func=ast.Attribute(attr=attr) as func) as call if attr in _names.MOCK_MISTAKES:
                func.attr = "assert_" + attr
                return ast.copy_location(ast.Expr(call), node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        kept = [
            d for d in node.decorator_list if dotted(d) not in ("asyncio.coroutine", "types.coroutine", "coroutine")
        ]
        if len(kept) == len(node.decorator_list):
            return node
        made = ast.AsyncFunctionDef(node.name, node.args, node.body, kept, node.returns, node.type_comment)
        made = ast.copy_location(made, node)
        awaiting: ast.AST = _Awaits().visit(made)
        return awaiting


class _Awaits(ast.NodeTransformer):
    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.Await(node.value), node)


def meant(module: ast.Module) -> ast.Module:
    """Read (in place) ``mock.has_calls(...)``, a statement that says nothing, as the assertion that it lacks to be."""
    for node in ast.walk(module):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr) as func)) if attr in _names.MOCK_MISTAKES:
                func.attr = "assert_" + attr
    return module


def canonical(module: ast.Module) -> ast.Module:
    """Rewrite a module (in place) so that spellings with one meaning are one."""
    made: ast.Module = _Canonical().visit(module)
    return made


def resolved(name: str, origins: Mapping[str, set[str]]) -> set[str]:
    root, _, rest = name.partition(".")
    return {f"{origin}.{rest}" if rest else origin for origin in origins.get(root, {root})}


def longer(old: ast.expr, new: ast.expr) -> bool:
    """Whether a wait of so many seconds became a longer one, of at most a minute."""
    match old, new:
        case ast.Constant(value=int() | float() as a), ast.Constant(value=int() | float() as b):
            return not isinstance(a, bool) and not isinstance(b, bool) and 0 < a < b <= max(_LONGEST_WAIT, 10 * a)
    return False


def longer_sleeps(old: str, new: str) -> bool:
    """Whether two program texts differ only in longer sleeps."""
    if _SLEEPS.sub(r"\1", old) != _SLEEPS.sub(r"\1", new):
        return False
    pairs = zip(_SLEEPS.findall(old), _SLEEPS.findall(new), strict=True)
    return all(float(a) <= float(b) <= _LONGEST_WAIT for (_, a), (_, b) in pairs)


def same_words(old: ast.Call, new: ast.Call) -> bool:
    """Whether a renamed function gets the same words, cut into arguments in another way."""

    def words(call: ast.Call) -> list[str] | None:
        texts = [a.value if isinstance(a, ast.Constant) else None for a in call.args]
        if call.keywords or not texts or not all(isinstance(t, str) for t in texts):
            return None
        return " ".join(str(t) for t in texts).split()

    return words(old) is not None and words(old) == words(new)


def line(node: object) -> int:
    return int(getattr(node, "lineno", 0))


def shown(node: object) -> str:
    if isinstance(node, list):
        return "[" + ", ".join(shown(n) for n in node) + "]"
    text = ast.unparse(node) if isinstance(node, ast.AST) else repr(node)
    first = " ".join(text.split()) or type(node).__name__
    return first if len(first) <= 90 else first[:87] + "..."  # noqa: PLR2004 - what fits on a line


def yielded_call(node: ast.Yield) -> ast.expr | None:
    """Return the call that a test of nose's kind stands for by ``yield function, argument``; None for another yield.

    Source: https://docs.pytest.org/en/stable/deprecations.html#yield-tests.
    """
    match node.value:
        case ast.Tuple(elts=[ast.Constant(value=str()) | ast.JoinedStr(), function, *args]) if not _text(function):
            return ast.copy_location(ast.Call(function, args, []), node)
        case ast.Tuple(elts=[function, *args]) if not _text(function) and not isinstance(function, ast.Starred):
            return ast.copy_location(ast.Call(function, args, []), node)
        case ast.Name() | ast.Attribute() | ast.Lambda() as function:
            return ast.copy_location(ast.Call(function, [], []), node)
        case ast.Call(func=func) as call:
            return ast.copy_location(ast.Call(call, [], []), node) if last_name(func) == "partial" else call
    return None


def _text(node: ast.expr) -> bool:
    return isinstance(node, (ast.Constant, ast.JoinedStr))


def pointless_mark(decorator: ast.expr, function: ast.AST) -> bool:
    """Whether a decorator is a mark on a fixture, which never did anything and which pytest 9 refuses."""

    def name(node: ast.expr) -> str:
        return dotted(node.func if isinstance(node, ast.Call) else node) or ""

    around = {name(d) for d in getattr(function, "decorator_list", ())}
    return name(decorator).startswith("pytest.mark.") and bool(around & {"pytest.fixture", "pytest.yield_fixture"})


def default_made_by(node: ast.AST, names: Mapping[str, set[str]]) -> ast.expr | None:
    """Return the value that ``dataclasses.field(default_factory=...)`` makes each time; None for another node."""
    match node:
        case ast.Call(func=func, args=[], keywords=[ast.keyword(arg="default_factory", value=factory)]):
            if resolved(dotted(func) or "", names) != {"dataclasses.field"}:
                return None
            match factory:
                case ast.Lambda(args=ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], vararg=None, kwarg=None)):
                    return factory.body
                case ast.Name() | ast.Attribute():
                    return ast.copy_location(ast.Call(factory, [], []), node)
    return None
