"""A port that a test file states as a number, and that became one which nothing uses, told by its exact form.

    def _free_port():
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return found.getsockname()[1]


    PORT = _free_port()

The name is bound once, as before, so that all tests of the process still share the port: what one of them leaves open
is still in the way of the next.
"""

import ast
import errno
import re
from collections.abc import Iterator

from maestro.healing import _names
from maestro.healing._forms import last_name
from maestro.model import Facts

FUNCTION = "_free_port"
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
_FORM = ast.dump(ast.parse("\n".join(LINES)).body[0])
_CALL = ast.dump(ast.parse(f"{FUNCTION}()", mode="eval").body)


def taken(facts: Facts) -> bool:
    """Whether something failed because an address is in use."""
    return facts.attributes.get("errno") in _TAKEN or "address already in use" in facts.message.lower()


def ports(module: ast.Module) -> Iterator[tuple[str, int, ast.Assign]]:
    """Yield the names that a file or a class of it binds, once in all, to a number that can be a port.

    A name of which an assertion says what it is not, or a limit, is none of them: any other number might do there.
    """
    said = {
        inner.id if isinstance(inner, ast.Name) else inner.attr
        for node in ast.walk(module)
        if _denies(node)
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Name, ast.Attribute))
    }
    bound = [n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    for node in _bindings(module):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(number))):
                alone = bound.count(name) == 1 and name not in said
                if LOWEST <= number <= HIGHEST and NAME.fullmatch(name) and alone:
                    yield name, number, node


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


def stated_again(after: ast.Module, before: ast.Module) -> ast.Module:
    """Return the tree after a change, changed in place, with the numbers that such ports had before it."""
    known = {name: node.value for name, _, node in ports(before)}
    if not any(ast.dump(node) == _FORM for node in after.body) or FUNCTION in ast.dump(before):
        return after
    for node in _bindings(after):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if ast.dump(value) == _CALL and name in known:
                node.value = known[name]
    return after
