"""The configuration that helpers read as ``pytest.config``, given to them by a conftest file, told by its exact form.

    def pytest_configure(config):
        pytest.config = config

Since pytest 5.0 there is no such global (https://docs.pytest.org/en/stable/deprecations.html#pytest-config-global). A
hook, fixture or test gets the configuration as an argument; a plain function that such ones call, and a method of a
unittest class, do not.
"""

import ast

STATEMENT = "pytest.config = config"
HOOK = "pytest_configure"
LINES = (f"def {HOOK}(config):", f"    {STATEMENT}  # helpers read it; pytest 5.0 took it away")
_DUMPED = ast.dump(ast.parse(STATEMENT).body[0])


def gives(node: ast.AST) -> bool:
    """Whether a statement is that one."""
    return ast.dump(node) == _DUMPED


def hook(module: ast.Module) -> ast.FunctionDef | None:
    """Return the hook of a file that may take the statement; None where there is none of that form."""
    found = [n for n in module.body if isinstance(n, ast.FunctionDef) and n.name == HOOK]
    good = len(found) == 1 and [a.arg for a in found[0].args.args] == ["config"] and not found[0].decorator_list
    return found[0] if good else None


def without(module: ast.Module) -> ast.Module:
    """Return a module, changed in place, whose hook does not give the configuration; with it goes a hook of no more."""
    function = hook(module)
    if function is not None and gives(function.body[0]):
        del function.body[0]
        if not function.body:
            module.body.remove(function)
    return module
