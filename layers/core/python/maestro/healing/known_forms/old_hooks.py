"""Old forms of what plugins and conftest files say to pytest: its configuration, its namespace, nodes made by hand."""

import ast
import re
from collections.abc import Collection, Iterator

from maestro.healing._forms import dotted, last_name
from maestro.healing.known_forms.edits import Text, with_pytest

_CONFIG = "pytest.config"
_GIVES_CONFIG = {
    "config": "config",
    "pytestconfig": "pytestconfig",
    "request": "request.config",
    "item": "item.config",
    "session": "session.config",
    "metafunc": "metafunc.config",
    "collector": "collector.config",
}
_CONDITION_NAMES = frozenset({"pytest", "os", "sys", "platform", "True", "False", "None", "bool", "len", "str", "int"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef
# Constructors of pytest's nodes, by their positional arguments.
NODES = {
    "Item": ("name", "parent"),
    "Function": ("name", "parent"),
    "Class": ("name", "parent"),
    "UnitTestCase": ("name", "parent"),
    "File": ("fspath", "parent"),
    "Module": ("fspath", "parent"),
    "Package": ("fspath", "parent"),
}
_PATHLIB = frozenset({"file_path", "collection_path", "module_path"})


def config_used(source: str, fixtures: Collection[str]) -> str:
    """``pytest.config`` as the configuration that a condition, hook, fixture or test gets.

    #pytest-config-global, removed in pytest 5.0. A mark's condition becomes a string, in which ``config`` is defined.
    Methods of unittest's classes get no fixtures and stay as they are.
    """
    text = Text(source)
    edits: list[tuple[int, int, str]] = []
    asked: dict[_Function, None] = {}
    for node, around in _with_functions(text.tree, ()):
        if isinstance(node, ast.Call) and last_name(node.func) in ("skipif", "xfail") and node.args:
            if (condition := _condition(node.args[0])) is not None:
                edits.append((*text.span(node.args[0]), condition))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and dotted(node) == _CONFIG:
            source_of = _given(around, fixtures, asked)
            if source_of:
                edits.append((*text.span(node), source_of))
    for function in asked:
        given = [*function.args.posonlyargs, *function.args.args]
        if given:
            edits.append((text.span(given[-1])[1], text.span(given[-1])[1], ", pytestconfig"))
        else:
            start, _ = text.span(function)
            place = start + len(text.of(function).partition("(")[0].encode()) + 1
            edits.append((place, place, "pytestconfig"))
    return text.edited(edits)


def _condition(node: ast.expr) -> str | None:
    """Return a condition on ``pytest.config`` as the string that pytest evaluates; None for another one."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    if not any(dotted(n) == _CONFIG for n in ast.walk(node)) or names - _CONDITION_NAMES:
        return None
    words = re.sub(r"\bpytest\.config\b", "config", ast.unparse(node))
    if "pytest" in {n.id for n in ast.walk(ast.parse(words)) if isinstance(n, ast.Name)}:
        return None
    return f'"{words}"' if '"' not in words and "\\" not in words else repr(words)


def _with_functions(node: ast.AST, around: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    """Yield all nodes with the functions and classes around them; decorators and defaults are outside of theirs."""
    yield node, around
    for name, value in ast.iter_fields(node):
        inner = around
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and name == "body":
            inner = (*around, node)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _with_functions(child, inner)


def _given(around: tuple[ast.AST, ...], fixtures: Collection[str], asked: dict[_Function, None]) -> str:
    """Return the expression by which a place gets the configuration; "" where it gets none."""
    functions = [n for n in around if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for function in reversed(functions):
        names = {a.arg for a in (*function.args.posonlyargs, *function.args.args)}
        is_hook, is_fixture = function.name.startswith("pytest_"), _is_fixture(function, fixtures)
        is_test = function.name.startswith("test")
        if not (is_hook or is_fixture or is_test):
            continue
        known = _GIVES_CONFIG if is_hook else ("pytestconfig", "request")
        for name in known:
            if name in names:
                return _GIVES_CONFIG[name]
        classes = [n for n in around if isinstance(n, ast.ClassDef)]
        plain = all(not any("TestCase" in ast.unparse(base) for base in c.bases) for c in classes)
        simple = not (function.args.defaults or function.args.vararg or function.args.kwonlyargs)
        if is_hook or not plain or not simple or function.args.kwarg:
            return ""
        asked[function] = None
        return "pytestconfig"
    return ""


def _is_fixture(function: _Function, fixtures: Collection[str]) -> bool:
    return any(dotted(d.func if isinstance(d, ast.Call) else d) in fixtures for d in function.decorator_list)


def namespace_hook(source: str) -> str:
    """``def pytest_namespace(): return {"a": b}`` as ``def pytest_configure(): pytest.a = b``.

    #pytest-namespace, removed in pytest 4.0.
    """
    text = Text(source)
    names = {n.name for n in ast.walk(text.tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    for node in text.tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name != "pytest_namespace" or node.args.args:
            continue
        answer = node.body[-1]
        pairs = _named(answer.value) if isinstance(answer, ast.Return) else {}
        others = any(isinstance(n, ast.Return) for s in node.body[:-1] for n in ast.walk(s))
        if not pairs or others or "pytest_configure" in names or text.line_start(answer).strip():
            continue
        start = text.span(node)[0] + len("def ")
        lines = f"\n{text.line_start(answer)}".join(f"pytest.{name} = {text.of(v)}" for name, v in pairs.items())
        edits = [(start, start + len("pytest_namespace"), "pytest_configure"), (*text.span(answer), lines)]
        return with_pytest(text.edited(edits))
    return source


def _named(node: ast.expr | None) -> dict[str, ast.expr]:
    """Return the names and values of a dictionary that is written out; empty for anything else."""
    match node:
        case ast.Dict(keys=keys, values=values):
            names = [k.value if isinstance(k, ast.Constant) else None for k in keys]
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            names, values = [k.arg for k in keywords], [k.value for k in keywords]
        case _:
            return {}
    good = all(isinstance(n, str) and n.isidentifier() for n in names)
    return {str(n): v for n, v in zip(names, values, strict=True)} if good else {}


def direct_nodes(source: str) -> str:
    """``Node(name, parent)`` as ``Node.from_parent(parent, name=name)``.

    #node-construction-changed-to-node-from-parent, an error since pytest 6.0.
    """
    text = Text(source)
    own = _node_classes(text.tree)
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(text.tree):
        name = dotted(node.func) or "" if isinstance(node, ast.Call) else ""
        positional = own.get(name) or (NODES.get(name.removeprefix("pytest.")) if name.startswith("pytest.") else None)
        if not isinstance(node, ast.Call) or positional is None or len(node.args) > len(positional):
            continue
        if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
            continue
        given = dict(zip(positional, node.args, strict=False)) | {str(k.arg): k.value for k in node.keywords}
        parent = given.pop("parent", None)
        if parent is None:
            continue
        said = [text.of(parent)]
        for key, value in given.items():
            path = (key == "fspath" and name not in own) or (key == "fspath" and own[name] == NODES["File"])
            said.append(f"{'path' if path and dotted(value) in _PATHLIB else key}={text.of(value)}")
        edits.append((*text.span(node), f"{text.of(node.func)}.from_parent({', '.join(said)})"))
    return text.edited(edits)


def _node_classes(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """Classes of a module that are pytest's nodes -> the positional arguments of their constructors."""
    imported = {a.asname or a.name: a.name for n in tree.body if isinstance(n, ast.ImportFrom)
                and (n.module == "pytest" or (n.module or "").startswith("_pytest.")) for a in n.names}  # fmt: skip
    found: dict[str, tuple[str, ...]] = {name: NODES[plain] for name, plain in imported.items() if plain in NODES}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or len(node.bases) != 1:
            continue
        base = dotted(node.bases[0]) or ""
        plain = base.removeprefix("pytest.") if base.startswith("pytest.") else imported.get(base, "")
        inherited = found.get(base) or NODES.get(plain)
        if inherited is None or any(isinstance(s, ast.FunctionDef) and s.name == "from_parent" for s in node.body):
            continue
        made = next((s for s in node.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"), None)
        found[node.name] = inherited if made is None else tuple(a.arg for a in made.args.args[1:])
    return found
