"""Generators that end themselves by raising ``StopIteration``, as they could before Python 3.7 (PEP 479).

Inside a generator ``raise StopIteration`` meant ``return``; since then it is a RuntimeError of its caller. Where
nothing around the statement can see which of the two it is (a handler, a context manager), one stands for the other.
A bare ``next()`` whose iterator is exhausted raises the same error, but whether the generator was meant to end there is
for a person to say.
"""

import ast
from collections.abc import Iterator, Sequence

from maestro.healing._trees import parse

SAID = "generator raised StopIteration"
_CATCHING = frozenset({"StopIteration", "Exception", "BaseException"})


def endings(module: ast.Module) -> Iterator[ast.Raise]:
    """Yield the statements that raise ``StopIteration`` to end the generator that they stand in."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            own = list(_own(node, seen=False))
            if any(isinstance(inner, (ast.Yield, ast.YieldFrom)) for inner, _ in own):
                yield from (inner for inner, seen in own if isinstance(inner, ast.Raise) and not seen and _ends(inner))


def returned(node: ast.Raise) -> ast.Return:
    """Return the statement that says the same."""
    value = node.exc.args[0] if isinstance(node.exc, ast.Call) and node.exc.args else None
    return ast.copy_location(ast.Return(value), node)


def ended(module: ast.Module) -> ast.Module:
    """Return the module, changed in place, with its generators ended by ``return``."""
    found = {id(node): returned(node) for node in endings(module)}
    for node in ast.walk(module) if found else ():
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                statements[:] = [found.get(id(statement), statement) for statement in statements]
    return module


def read_as_returns(before: ast.Module, after: ast.Module, messages: Sequence[str]) -> tuple[ast.Module, ast.Module]:
    """Return two versions of a module, changed in place, with such endings as returns.

    They are left as they are where no message says that one failed, and where the later version has more of them.
    """
    asked = any(SAID in said for said in messages)
    if not asked or len(list(endings(after))) > len(list(endings(before))):
        return before, after
    return ended(before), ended(after)


def rewritten(text: str) -> str | None:
    r"""Return a source with its generators ended by ``return``; None where there is nothing to change, or it breaks.

    >>> rewritten("def f():\n    yield 1\n    raise StopIteration\n")
    'def f():\n    yield 1\n    return\n'
    """
    module = parse(text)
    if module is None or SAID.rpartition(" ")[2] not in text:
        return None
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = text.encode()
    for node in sorted(endings(module), key=lambda n: -n.lineno):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        data = data[:begin] + ast.unparse(returned(node)).encode() + data[end:]
    changed = data.decode()
    return changed if changed != text and parse(changed) is not None else None


def _own(node: ast.AST, *, seen: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield what runs as part of a function, each with whether something around it would see an exception."""
    for child, inside in _parts(node, seen=seen):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield child, inside
            yield from _own(child, seen=inside)


def _parts(node: ast.AST, *, seen: bool) -> Iterator[tuple[ast.AST, bool]]:
    caught = False
    if isinstance(node, (ast.Try, ast.TryStar)):
        caught = any(_catches(handler) for handler in node.handlers)
    elif isinstance(node, ast.With):
        caught = not all(isinstance(i.context_expr, ast.Call) and _closes(i.context_expr) for i in node.items)
    body = {id(part) for part in getattr(node, "body", ())} if caught else set()
    for child in ast.iter_child_nodes(node):
        yield child, seen or id(child) in body


def _closes(call: ast.Call) -> bool:
    """Whether a context manager is a file, which closes whatever ended its block."""
    return ast.unparse(call.func) in ("open", "io.open", "codecs.open")


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(not isinstance(kind, ast.Name) or kind.id in _CATCHING for kind in kinds)


def _ends(node: ast.Raise) -> bool:
    match node:
        case ast.Raise(exc=ast.Name(id="StopIteration"), cause=None):
            return True
        case ast.Raise(exc=ast.Call(func=ast.Name(id="StopIteration"), args=args, keywords=[]), cause=None):
            return len(args) <= 1 and not any(isinstance(a, ast.Starred) for a in args)
    return False
