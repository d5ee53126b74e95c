"""Fixtures that make anew, before each test, what a class makes once for all of its tests: told by their form.

Such a fixture calls the class's own preparation again, or gives an attribute of the class the value with which the
class itself begins. It can change what a test sees only by taking away what another test did to it; any other statement
in it, and it is not one.
"""

import ast
from collections.abc import Iterator

from maestro.healing._forms import dotted

FIXTURE = "_made_anew"
PREPARES = frozenset({"setup_class", "setUpClass"})
_ENDS = frozenset({"teardown_class", "tearDownClass"})
_MADE = (ast.Call, ast.List, ast.Dict, ast.Set)


def classes(module: ast.Module) -> Iterator[ast.ClassDef]:
    """Yield a module's own classes that have a name of their own."""
    found = [n for n in module.body if isinstance(n, ast.ClassDef)]
    return (c for c in found if sum(other.name == c.name for other in found) == 1)


def preparation(owner: ast.ClassDef) -> ast.FunctionDef | None:
    """Return what prepares a class once for all of its tests, where that can be done again: nothing ends it."""
    methods = [n for n in owner.body if isinstance(n, ast.FunctionDef)]
    ends = [m for m in methods if m.name in _ENDS and not all(map(_idle, m.body))]
    found = [m for m in methods if m.name in PREPARES]
    plain = len(found) == 1 and [ast.unparse(d) for d in found[0].decorator_list] == ["classmethod"]
    return found[0] if plain and not ends and len(found[0].args.args) == 1 else None


def attributes(owner: ast.ClassDef) -> dict[str, ast.expr]:
    """Map the names of a class that begin with something made for them, once, to that expression."""
    found: dict[str, ast.expr] = {}
    bound = [dotted(t) for n in owner.body if isinstance(n, ast.Assign) for t in n.targets]
    for node in owner.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if isinstance(value, _MADE):
                if bound.count(name) == 1 and not name.startswith("__"):
                    found[name] = value
    return found


def made_anew(node: ast.AST, before: ast.Module) -> bool:
    """Whether a function is such a fixture, of a class that the module had before."""
    if not isinstance(node, ast.FunctionDef) or ast.unparse(node.args) != "self":
        return False
    if [ast.unparse(d) for d in node.decorator_list] != ["pytest.fixture(autouse=True)"]:
        return False
    body = list(node.body)
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return bool(body) and any(all(_again(s, owner) for s in body) for owner in classes(before))


def _again(statement: ast.stmt, owner: ast.ClassDef) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name), args=[], keywords=[])):
            prepares = preparation(owner)
            return prepares is not None and prepares.name == name
        case ast.Assign(targets=[ast.Attribute(value=ast.Call() as of, attr=name)], value=value):
            known = attributes(owner).get(name)
            return ast.unparse(of) == "type(self)" and known is not None and ast.dump(known) == ast.dump(value)
    return False


def _idle(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
