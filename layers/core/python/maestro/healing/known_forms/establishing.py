"""Fixtures that bring about what brittle tests lean on, by running the tests that leave it behind: told by their form.

Such a fixture calls what takes state back (if anything), and then, for the tests that it names, tests that are written
before them in the same place; a test that takes fixtures is handed those that its dependent takes as well, where they
are the module's own and made once for several tests. It can change what a test sees only by what those tests do; any
other statement in it, and it is not one. A test that only asks the product for answers is no such helper: state that a
question leaves behind is the product's own, and a product that needs to be asked twice has a defect.
"""

import ast
from collections.abc import Iterator, Sequence

from maestro.healing import _names
from maestro.healing._forms import dotted, last_name
from maestro.healing.known_forms.restoring import RESETS, is_fixture

FIXTURE = "_state_of_earlier_tests"
LOOP = "for earlier in needed.get(request.function.__name__, []):\n    earlier()"
LOOP_WITH_FIXTURES = (
    "for earlier in needed.get(request.function.__name__, []):\n"
    "    earlier(*map(request.getfixturevalue, inspect.signature(earlier).parameters))"
)
_EMPTY = frozenset({"[]", "{}", "set()", "list()", "dict()"})
_IDLE = frozenset({"print", "pprint", "sleep", "debug", "info", "warning"})
_MAKES_READY = frozenset({"setUp", "asyncSetUp", "setup_method", "setup", "setUpClass"})

Function = ast.FunctionDef


def functions(module: ast.Module, owner: str = "") -> dict[str, Function]:
    """Map names to a module's own functions, or to a class's methods; a name that is bound twice is left out."""
    bodies: Sequence[ast.stmt] = module.body
    if owner:
        found = [n for n in module.body if isinstance(n, ast.ClassDef) and n.name == owner]
        bodies = found[0].body if len(found) == 1 else ()
    named = [n for n in bodies if isinstance(n, ast.FunctionDef)]
    return {n.name: n for n in named if sum(other.name == n.name for other in named) == 1}


def ready(module: ast.Module, owner: str) -> bool:
    """Whether a class's methods can be called before its own preparation has run: it has none of its own."""
    for node in module.body:
        if owner and isinstance(node, ast.ClassDef) and node.name == owner:
            plain = all(dotted(base) in ("object", "unittest.TestCase", "TestCase") for base in node.bases)
            return plain and not _MAKES_READY & {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
    return not owner


def shared_fixtures(module: ast.Module) -> frozenset[str]:
    """The module's own fixtures that are made once for several tests."""
    return frozenset(
        node.name
        for node in module.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if is_fixture(decorator) and isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
        if keyword.arg == "scope" and ast.unparse(keyword.value) in ("'class'", "'module'", "'package'", "'session'")
    )


def taken(function: Function, owner: str = "") -> tuple[str, ...]:
    """The fixtures that a test takes."""
    return tuple(a.arg for a in function.args.args)[1 if owner else 0 :]


def sets_state(function: Function, owner: str = "", fixtures: frozenset[str] = frozenset()) -> bool:
    """Whether a test can be called as a helper, and does something that others may lean on, not only ask and assert.

    ``fixtures`` are those that it may be handed.
    """
    return _callable(function, owner, fixtures) and function.name.startswith("test") and any(_deeds(function.body))


def only_asks(function: Function, owner: str = "", fixtures: frozenset[str] = frozenset()) -> bool:
    """Whether a test could be called as a helper, but changes nothing itself."""
    return _callable(function, owner, fixtures) and not any(_deeds(function.body))


def gives_back(function: Function, owner: str = "") -> bool:
    """Whether a function only takes state back: it calls resets without arguments and empties containers."""
    body = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return _callable(function, owner) and bool(body) and all(map(_takes_back, body))


def _callable(function: Function, owner: str, fixtures: frozenset[str] = frozenset()) -> bool:
    handed = taken(function, owner)
    said = ", ".join([*(["self"] if owner else []), *handed])
    plain = ast.unparse(function.args) == said and set(handed) <= fixtures and not function.decorator_list
    return plain and not any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(function))


def _takes_back(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=func, args=[], keywords=[])):
            return bool(RESETS.fullmatch((dotted(func) or "").rpartition(".")[2]))
        case ast.Assign(targets=[ast.Attribute() as target], value=value):
            return dotted(target) is not None and ast.unparse(value) in _EMPTY
    return False


def _deeds(body: Sequence[ast.stmt]) -> Iterator[bool]:
    """Yield whether each statement changes something that outlives the test."""
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Call() as call):
                yield not _names.asserts(last_name(call.func)) and last_name(call.func) not in _IDLE
            case ast.Assign(targets=targets):
                yield any(isinstance(t, (ast.Attribute, ast.Subscript)) for t in targets)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                yield isinstance(target, (ast.Attribute, ast.Subscript))
            case ast.Global():
                yield True
            case ast.With(items=items) if any(_expects(i.context_expr) for i in items):
                yield False  # what is expected to fail
            case ast.With(body=inner) | ast.For(body=inner) | ast.If(body=inner) | ast.Try(body=inner):
                yield from _deeds(inner)


def _expects(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _names.asserts(last_name(node.func))


def establishing(node: ast.AST, before: ast.Module) -> bool:
    """Whether a function is such a fixture, made of tests and resets that the module had before."""
    if not isinstance(node, ast.FunctionDef) or [ast.unparse(d) for d in node.decorator_list] != [
        "pytest.fixture(autouse=True)"
    ]:
        return False
    args, shared = ast.unparse(node.args), shared_fixtures(before)
    if args == "request":
        return _made_of(node, functions(before), "", shared)
    classes = [n.name for n in before.body if isinstance(n, ast.ClassDef) and ready(before, n.name)]
    return args == "self, request" and any(_made_of(node, functions(before, name), name, shared) for name in classes)


def _made_of(node: Function, known: dict[str, Function], owner: str, fixtures: frozenset[str]) -> bool:
    body = list(node.body)
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if len(body) < 2 or ast.unparse(body[-1]) not in (LOOP, LOOP_WITH_FIXTURES):  # noqa: PLR2004 - the table and the loop over it
        return False
    fixtures = fixtures if ast.unparse(body[-1]) == LOOP_WITH_FIXTURES else frozenset()
    *resets, table = body[:-1]
    for statement in resets:
        called = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(called, ast.Call) or called.args or called.keywords:
            return False
        function = known.get(_own(called.func, owner))
        if function is None or not gives_back(function, owner):
            return False
    match table:
        case ast.Assign(targets=[ast.Name(id="needed")], value=ast.Dict(keys=keys, values=values)) if keys:
            pairs = zip(keys, values, strict=True)
            return all(_entry(key, value, known, owner, fixtures) for key, value in pairs)
    return False


def _entry(
    key: ast.expr | None, value: ast.expr, known: dict[str, Function], owner: str, fixtures: frozenset[str]
) -> bool:
    """Whether an entry names a test and tests that are written before it."""
    leaning = known.get(key.value) if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
    if leaning is None or not isinstance(value, ast.List) or not value.elts:
        return False
    helpers = [known.get(_own(element, owner)) for element in value.elts]
    handed = fixtures & set(taken(leaning, owner))
    return all(h is not None and sets_state(h, owner, handed) and h.lineno < leaning.lineno for h in helpers)


def _own(node: ast.expr, owner: str) -> str:
    """The name of a function that an expression refers to: of the module, or by ``self`` of its class."""
    name = dotted(node) or ""
    return name.removeprefix("self.") if owner and name.startswith("self.") else "" if owner else name


__all__ = [
    "FIXTURE",
    "LOOP",
    "LOOP_WITH_FIXTURES",
    "establishing",
    "functions",
    "gives_back",
    "only_asks",
    "ready",
    "sets_state",
    "shared_fixtures",
    "taken",
]
