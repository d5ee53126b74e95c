"""What a source imports, read from its syntax tree (or, where it does not parse, line by line)."""

import ast
import re
from collections.abc import Iterator

_IMPORT_LINE = re.compile(r"(?m)^[ \t]*(?:from[ \t]+([A-Za-z_][\w.]*)[ \t]+import|import[ \t]+([A-Za-z_][\w.]*))")
_CATCHES = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}


def parse(source: str, python: tuple[int, int] | None = None) -> ast.Module | None:
    """Parse a source, as the given Python's grammar where one is given; None where it does not parse."""
    try:
        return ast.parse(source, feature_version=python)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def imported_modules(source: str, *, guarded: bool = True) -> tuple[str, ...]:
    """Return the modules that a source imports absolutely, in order.

    Without ``guarded``, those in a ``try`` that handles their absence are left out.
    """
    module = parse(source)
    if module is None:
        return tuple(dict.fromkeys(a or b for a, b in _IMPORT_LINE.findall(source)))
    return tuple(dict.fromkeys(_modules(module, guarded=guarded)))


def _modules(node: ast.AST, *, guarded: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module
    if isinstance(node, ast.Try) and not guarded and catches_absence(node):
        children: list[ast.AST] = [*node.orelse, *node.finalbody]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _modules(child, guarded=guarded)


def catches_absence(node: ast.Try) -> bool:
    """Whether a try statement handles an import or an attribute that is not there."""
    for handler in node.handlers:
        if handler.type is None:
            return True
        types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if any(isinstance(t, ast.Name) and t.id in _CATCHES for t in types):
            return True
    return False
