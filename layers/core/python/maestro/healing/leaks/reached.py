"""The test code that one test runs: itself, its fixtures, what prepares it, and the helpers that these call."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from maestro.healing._roles import Role
from maestro.healing._trees import parse
from maestro.healing.known_forms.restoring import autouse, is_fixture
from maestro.healing.sourcetree import SourceTree

Function = ast.FunctionDef | ast.AsyncFunctionDef
_OF_TESTS = (Role.TEST, Role.FIXTURE)
_PREPARES = frozenset(
    {
        *("setUp", "tearDown", "setUpClass", "tearDownClass", "asyncSetUp", "asyncTearDown", "setUpModule"),
        *("setup", "teardown", "setup_method", "teardown_method", "setup_class", "teardown_class"),
        *("setup_function", "teardown_function", "setup_module", "teardown_module"),
    }
)


@dataclass(frozen=True, slots=True)
class Code:
    """A function of the tests, and the module that it stands in."""

    function: Function
    module: ast.Module
    path: str


def reached(test: str, tree: SourceTree) -> tuple[Code, ...]:
    """Return the functions of test files that a test (by its id) runs, itself first; () where it cannot be found.

    What is called is followed by name; other tests are not.
    """
    file, _, rest = test.partition("[")[0].partition("::")
    *owners, name = rest.split("::")
    module = parse(tree.text(file))
    if module is None:
        return ()
    own = [n for n in _body(module, owners) if isinstance(n, Function) and n.name == name]
    if not own:
        return ()
    known = _known(file, module, tree)
    found = [Code(own[-1], module, file)]
    todo = [n for n, codes in known.items() if n in _PREPARES or any(autouse(c.function) for c in codes)]
    todo += _named(own[-1])
    seen: set[str] = {name}
    while todo:
        wanted = todo.pop()
        if wanted in seen or wanted not in known:
            continue
        seen.add(wanted)
        for code in known[wanted]:
            found.append(code)
            todo += _named(code.function)
    return tuple(found)


def _body(module: ast.Module, owners: list[str]) -> list[ast.stmt]:
    body = module.body
    for owner in owners:
        body = next((n.body for n in body if isinstance(n, ast.ClassDef) and n.name == owner), [])
    return body


def _known(file: str, module: ast.Module, tree: SourceTree) -> dict[str, list[Code]]:
    """Map names to the functions, methods and fixtures that a test file may use; other tests are left out."""
    folders = [p.as_posix() for p in reversed(PurePosixPath(file).parents)]
    paths = [f"{f}/conftest.py" if f != "." else "conftest.py" for f in folders]
    modules = [(path, found) for path in paths if (found := parse(tree.text(path))) is not None]
    modules.append((file, module))
    helpers = {path for _, found in modules for path in _imported(found, tree)} - {file, *paths}
    modules += [(path, found) for path in sorted(helpers) if (found := parse(tree.text(path))) is not None]
    known: dict[str, list[Code]] = {}
    for path, found in modules:
        for node in ast.walk(found):
            if isinstance(node, Function) and not (node.name.startswith("test") and not _fixture(node)):
                known.setdefault(node.name, []).append(Code(node, found, path))
    return known


def _fixture(function: Function) -> bool:
    return any(is_fixture(decorator) for decorator in function.decorator_list)


def _imported(module: ast.Module, tree: SourceTree) -> Iterator[str]:
    """Yield the test files that a module takes names from."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            names |= {(node.module or "").rpartition(".")[2], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name.rpartition(".")[2] for alias in node.names}
    for path in tree.python_files:
        pure = PurePosixPath(path)
        if (pure.stem if pure.stem != "__init__" else pure.parent.name) in names and tree.role(path) in _OF_TESTS:
            yield path


def _named(function: Function) -> list[str]:
    """The names that a function uses as it might use helpers and fixtures."""
    found: list[str] = []
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                found.append(name)
            case ast.Attribute(value=ast.Name(), attr=name):
                found.append(name)
            case ast.Call(func=func, args=args) if ast.unparse(func).endswith("usefixtures"):
                found += [str(a.value) for a in args if isinstance(a, ast.Constant)]
    return found
