"""A sleep before an assertion that became a loop of looks, told by its exact form.

    for _ in range(10):
        time.sleep(0.2)
        if CONDITION:
            break
    assert CONDITION

The first look comes after the same sleep as before, and the assertion stays: what the test claims is the same, only
later at the latest. A condition that could change anything by being asked is not of this form.
"""

import ast
import itertools

from maestro.healing._forms import last_name

LOOKS = 10
LONGEST = 2.0  # seconds of one sleep; a longer one is not repeated
# What may be asked again without changing anything.
_HARMLESS = frozenset(
    {"len", "sorted", "set", "list", "tuple", "dict", "str", "bool", "sum", "any", "all", "is_set", "exists", "is_file",
     "is_dir", "isfile", "isdir", "is_alive", "done", "running", "empty", "qsize", "keys", "values", "items", "count",
     "index", "copy", "read_text"}
)  # fmt: skip
_NODES = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp,
    ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Call, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop,
    ast.boolop,
)  # fmt: skip


def sleeps(node: ast.stmt) -> bool:
    """Whether a statement is a sleep of a constant time that may be repeated."""
    value = node.value if isinstance(node, ast.Expr) else None
    match value.value if isinstance(value, ast.Await) else value:
        case ast.Call(func=func, args=[ast.Constant(value=int() | float() as seconds)], keywords=[]):
            return last_name(func) == "sleep" and 0 < seconds <= LONGEST
    return False


def condition(check: ast.stmt) -> ast.expr | None:
    """Return what an assertion says, if asking it again changes nothing."""
    found: ast.expr | None = None
    match check:
        case ast.Assert(test=test):
            found = test
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="assertTrue"), args=[test])):
            found = test
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="assertEqual"), args=[left, right])):
            found = ast.Compare(left, [ast.Eq()], [right])
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="assertIn"), args=[left, right])):
            found = ast.Compare(left, [ast.In()], [right])
    harmless = found is not None and all(
        isinstance(node, _NODES) and (not isinstance(node, ast.Call) or last_name(node.func) in _HARMLESS)
        for node in ast.walk(found)
    )
    return found if harmless else None


def looked_once(tree: ast.Module) -> ast.Module:
    """Return the tree, changed in place, with each such loop replaced by its sleep."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                for place, (loop, check) in enumerate(itertools.pairwise(list(statements))):
                    statements[place] = _sleep_of(loop, check) or loop
    return tree


def _sleep_of(loop: ast.stmt, check: ast.stmt) -> ast.stmt | None:
    match loop:
        case ast.For(
            target=ast.Name(id="_"),
            iter=ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int() as looks)], keywords=[]),
            body=[wait, ast.If(test=asked, body=[ast.Break()], orelse=[])],
            orelse=[],
        ) if looks <= LOOKS and sleeps(wait):
            said = condition(check)
            return wait if said is not None and ast.dump(said) == ast.dump(asked) else None
    return None
