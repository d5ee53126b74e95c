"""A statement that comes first in tests, told by its exact form, with the fixture ``monkeypatch`` that it takes."""

import ast
from collections.abc import Callable


def without(module: ast.Module, statement: str, suits: Callable[[ast.FunctionDef], bool]) -> ast.Module:
    """Return a module, changed in place, with a statement and the parameter that it takes left out of its tests.

    It stays in a test that does nothing else, has defaults, or does not suit without it.
    """
    dumped = ast.dump(ast.parse(statement).body[0])
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test"):
            continue
        first = function.body[0]
        place = int(isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant))
        if place >= len(function.body) - 1 or ast.dump(function.body[place]) != dumped:
            continue
        rest = ast.FunctionDef(function.name, function.args, function.body[place + 1 :], function.decorator_list, None)
        if function.args.defaults or not suits(rest):
            continue
        del function.body[place]
        used = any(isinstance(n, ast.Name) and n.id == "monkeypatch" for n in ast.walk(function))
        if not used and function.args.args and function.args.args[-1].arg == "monkeypatch":
            del function.args.args[-1]
    return module
