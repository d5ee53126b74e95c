"""A port that a test file states as a number, and that became one which nothing uses, told by its exact form.

    def _free_port():
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return found.getsockname()[1]


    PORT = _free_port()

The name is bound once, as before, so that all tests of the process still share the port: what one of them leaves open
is still in the way of the next. Where the file states the port in its calls, a name takes its place in all of them:

    _PORT = _free_port()

    def test_hello():
        server = serve("127.0.0.1", port=_PORT)
        assert get(f"http://127.0.0.1:{_PORT}/") == "hello"
"""

import ast
import errno
import re
from collections.abc import Collection, Iterator

from maestro.healing import _names
from maestro.healing._forms import last_name
from maestro.model import Facts

FUNCTION = "_free_port"
SHARED = "_PORT"
NAME = re.compile(r"(?i)(\w*_)?port(_\w*|\d*)")
_PLAIN = (ast.Eq, ast.In, ast.Is)
_DENIES = re.compile(r"(?i)not|less|greater|false|differ")
LOWEST, HIGHEST = 1024, 65535
_TAKEN = frozenset({errno.EADDRINUSE, 48, 98, 10048})  # on every system
LINES = (
    f"def {FUNCTION}():",
    '    """Return a port that nothing uses: a fixed one may be taken by another process."""',
    "    with socket.socket() as found:",
    '        found.bind(("127.0.0.1", 0))',
    "        return found.getsockname()[1]",
)
BINDING = f"{SHARED} = {FUNCTION}()"
_BOUND = ast.dump(ast.parse(BINDING).body[0])
_HOST = re.compile(r"(?i)localhost|127\.0\.0\.1|0\.0\.0\.0|::1?|")
_FORM = ast.dump(ast.parse("\n".join(LINES)).body[0])
_CALL = ast.dump(ast.parse(f"{FUNCTION}()", mode="eval").body)


def taken(facts: Facts) -> bool:
    """Whether something failed because an address is in use."""
    return facts.attributes.get("errno") in _TAKEN or "address already in use" in facts.message.lower()


def ports(module: ast.Module) -> Iterator[tuple[str, int, ast.Assign]]:
    """Yield the names that a file or a class of it binds, once in all, to a number that can be a port.

    A name of which an assertion says what it is not, or a limit, is none of them: any other number might do there.
    """
    said = _denied(module)
    bound = [n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    for node in _bindings(module):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(number))):
                alone = bound.count(name) == 1 and name not in said
                if LOWEST <= number <= HIGHEST and NAME.fullmatch(name) and alone:
                    yield name, number, node


def _denied(module: ast.Module) -> set[str]:
    """The names of which an assertion says what they are not, or a limit."""
    return {
        inner.id if isinstance(inner, ast.Name) else inner.attr
        for node in ast.walk(module)
        if _denies(node)
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Name, ast.Attribute))
    }


def _denies(node: ast.AST) -> bool:
    """Whether an assertion says more than that things are equal, contained, or so."""
    if isinstance(node, ast.Assert):
        return any(
            isinstance(n, ast.Not) or (isinstance(n, ast.Compare) and not all(isinstance(o, _PLAIN) for o in n.ops))
            for n in ast.walk(node.test)
        )
    name = last_name(node.func) if isinstance(node, ast.Call) else ""
    return _names.asserts(name) and bool(_DENIES.search(name))


def _bindings(module: ast.Module) -> Iterator[ast.stmt]:
    for node in module.body:
        yield from node.body if isinstance(node, ast.ClassDef) else [node]


def literals(module: ast.Module) -> dict[int, list[ast.Constant]]:
    """The numbers that a file states as a port, in its calls and addresses, each with all places where it does.

    A number that stands anywhere else as well is none of them, and there is none where an assertion says what a port,
    or a name that is given one, is not: any other number might do there.
    """
    said = _denied(module)
    if any(isinstance(n, ast.Name) and n.id == SHARED for n in ast.walk(module)) or any(map(NAME.fullmatch, said)):
        return {}
    found: dict[int, list[ast.Constant]] = {}
    for node in ast.walk(module):
        for constant in _placed(node):
            number = int(constant.value) if isinstance(constant.value, int) else _port_of(str(constant.value))
            if LOWEST <= number <= HIGHEST:
                found.setdefault(number, []).append(constant)
    denying = [n for n in ast.walk(module) if _denies(n) or (isinstance(n, ast.Assign) and _targets(n) & said)]
    denied = {id(inner) for node in denying for inner in ast.walk(node)}
    inside = {id(value) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for value in node.values}
    spoken = [n for n in ast.walk(module) if isinstance(n, ast.Constant)]
    return {
        number: places
        for number, places in found.items()
        if sum(_speaks(n, number) for n in spoken) == len(places)
        and not any(id(place) in denied | inside for place in places)
    }


def _placed(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the constants that a node states as a port: after a host, under such a name, or within an address."""
    match node:
        case ast.keyword(arg=str(name), value=ast.Constant(value=int()) as value) if NAME.fullmatch(name):
            yield value
        case ast.Assign(targets=[target], value=ast.Constant(value=int()) as value) if _named(target):
            yield value
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=int()) as value]) if _named(left):
            yield value
        case (
            ast.Tuple(elts=[ast.Constant(value=str(host)), ast.Constant(value=int()) as value])
            | ast.Call(args=[ast.Constant(value=str(host)), ast.Constant(value=int()) as value, *_])
        ) if _HOST.fullmatch(host):
            yield value
        case ast.Constant(value=str(text)) if _port_of(text):
            yield node


def _targets(node: ast.Assign) -> set[str]:
    return {last_name(n) for target in node.targets for n in ast.walk(target)}


def users(module: ast.Module, places: Collection[ast.Constant]) -> set[str] | None:
    """The values, and the names bound to them outside of functions, by which functions use a port; None if unknown."""
    words = {str(place.value) for place in places}
    bound = [n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    for node in _bindings(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if any(inner in places for inner in ast.walk(node)):
            if not isinstance(node, ast.Assign):
                return None
            words |= _targets(node)
            if any(bound.count(name) > 1 for name in _targets(node)):
                return None
    return words


def _named(node: ast.expr) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute)) and bool(NAME.fullmatch(last_name(node)))


def _port_of(text: str) -> int:
    """The port of the one address that a text states; 0 where it states none, or more."""
    found = re.findall(r"(?i)(?<![\w.])(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d{4,5})(?!\d)", text)
    return int(found[0]) if len(found) == 1 and text.count(found[0]) == 1 and not set("{}") & set(text) else 0


def _speaks(node: ast.Constant, number: int) -> bool:
    """Whether a constant is the number, or has it in its text."""
    said = node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value)
    return bool(re.search(rf"(?<![\w.]){number}(?![\w.])", said)) or f":{number}" in said


def stated_again(after: ast.Module, before: ast.Module) -> ast.Module:
    """Return the tree after a change, changed in place, with the numbers that such ports had before it."""
    known = {name: node.value for name, _, node in ports(before)}
    if not any(ast.dump(node) == _FORM for node in after.body) or FUNCTION in ast.dump(before):
        return after
    for node in _bindings(after):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if ast.dump(value) == _CALL and name in known:
                node.value = known[name]
    shared = [node for node in after.body if ast.dump(node) == _BOUND]
    bound = [n for n in ast.walk(after) if isinstance(n, ast.Name) and n.id == SHARED and isinstance(n.ctx, ast.Store)]
    spoken = [n for n in ast.walk(after) if isinstance(n, ast.Constant)]
    gone = [number for number in literals(before) if not any(_speaks(n, number) for n in spoken)]
    if len(shared) == len(bound) == len(gone) == 1:
        after.body.remove(shared[0])
        _Stated(gone[0]).visit(after)
    return after


class _Stated(ast.NodeTransformer):
    """Puts a number where its name stands, and where it stands in a text."""

    def __init__(self, number: int) -> None:
        self.number = number

    def visit_Name(self, node: ast.Name) -> ast.AST:
        loads = node.id == SHARED and isinstance(node.ctx, ast.Load)
        return ast.copy_location(ast.Constant(self.number), node) if loads else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        match node.values:
            case [
                ast.Constant(value=str(head)),
                ast.FormattedValue(value=ast.Name(id=name), conversion=-1, format_spec=None),
                *rest,
            ] if name == SHARED and len(rest) <= 1 and all(isinstance(r, ast.Constant) for r in rest):
                tail = "".join(str(r.value) for r in rest if isinstance(r, ast.Constant))
                return ast.copy_location(ast.Constant(f"{head}{self.number}{tail}"), node)
        self.generic_visit(node)
        return node
