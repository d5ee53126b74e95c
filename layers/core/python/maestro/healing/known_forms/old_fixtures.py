"""Old forms around fixtures: a scope without its name, values cached by hand, the log of pytest-capturelog."""

import ast
import re

from maestro.healing._forms import dotted
from maestro.healing.known_forms.edits import Text

_SCOPES = frozenset({"session", "package", "module", "class", "function"})
FIXTURES = frozenset({"pytest.fixture", "pytest.yield_fixture", "fixture", "yield_fixture"})
_RENAMED = {"setLevel": "set_level", "atLevel": "at_level"}  # pytest-capturelog's names
_READ = frozenset({"text", "records", "record_tuples"})  # methods of pytest-capturelog's that are properties


def positional_scopes(source: str) -> str:
    """``@pytest.fixture("module")`` as ``@pytest.fixture(scope="module")``.

    Arguments by keyword only since pytest 6.0 (https://docs.pytest.org/en/stable/changelog.html).
    """
    text = Text(source)
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(text.tree):
        for decorator in getattr(node, "decorator_list", ()):
            match decorator:
                case ast.Call(func=func, args=[ast.Constant(value=str(scope)) as given]) if (
                    dotted(func) in FIXTURES and scope in _SCOPES and all(k.arg != "scope" for k in decorator.keywords)
                ):
                    edits.append((*text.span(given), f"scope={text.of(given)}"))
    return text.edited(edits)


def captured_logs(source: str) -> str:
    """``caplog.setLevel(1)`` and ``caplog.text()`` as ``caplog.set_level(1)`` and ``caplog.text``.

    What pytest-capturelog had is pytest's own fixture since 3.3 (https://docs.pytest.org/en/stable/how-to/logging.html).
    A method is read without its call only where a method would not do: where it is searched, compared or taken apart.
    """
    text = Text(source)
    taken = {child for node in ast.walk(text.tree) for child in _taken_apart(node)}
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(text.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="caplog"), attr=name), args=[], keywords=[]) if (
                name in _READ and node in taken
            ):
                edits.append((text.span(node.func)[1], text.span(node)[1], ""))
            case ast.Attribute(value=ast.Name(id="caplog") as owner, attr=name) if name in _RENAMED:
                edits.append((text.span(owner)[1], text.span(node)[1], f".{_RENAMED[name]}"))
    return text.edited(edits)


def _taken_apart(node: ast.AST) -> list[ast.expr]:
    """Return the parts of a node that have to be texts or lists: a bound method in their place would be an error."""
    match node:
        case ast.Compare(ops=ops, comparators=right) if all(isinstance(o, (ast.In, ast.NotIn)) for o in ops):
            return right
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return [left, right]
        case ast.Subscript(value=value) | ast.Attribute(value=value) | ast.For(iter=value):
            return [value]
        case ast.comprehension(iter=value):
            return [value]
        case ast.Call(func=ast.Name(id="len" | "list" | "sorted"), args=[value]):
            return [value]
    return []


def cached_setups(source: str) -> str:
    """``return request.cached_setup(make, close, "module")`` as a fixture of that scope that makes and closes.

    #cached-setup (https://docs.pytest.org/en/stable/deprecations.html), removed in pytest 4.0.
    """
    text = Text(source)
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(text.tree):
        if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) != 1 or len(node.body) < 1:
            continue
        decorator, last = node.decorator_list[0], node.body[-1]
        made = _cached(last)
        others = [n for n in ast.walk(node) if isinstance(n, (ast.Return, ast.Yield))]
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        alone = [a.arg for a in node.args.args if a.arg != "self"] == ["request"]
        if dotted(decorator) not in FIXTURES or made is None or not alone or "value" in used:
            continue
        if len([n for n in others if _inside(n, node)]) != 1 or text.line_start(last).strip():
            continue
        setup, teardown, scope = made
        lines = [f"value = {_called(setup, '', text)}"]
        if teardown is not None:
            lines.append(f"request.addfinalizer(lambda: {_called(teardown, 'value', text)})")
        lines.append("return value")
        edits.append((*text.span(decorator), f'{text.of(decorator)}(scope="{scope}")'))
        edits.append((*text.span(last), f"\n{text.line_start(last)}".join(lines)))
    return text.edited(edits)


def _cached(statement: ast.stmt) -> tuple[ast.expr, ast.expr | None, str] | None:
    """Return setup, teardown and scope of ``return request.cached_setup(...)``; None for anything else."""
    match statement:
        case ast.Return(value=ast.Call(func=ast.Attribute(value=ast.Name(id="request"), attr="cached_setup")) as call):
            names = ("setup", "teardown", "scope")
            given = dict(zip(names, call.args, strict=False)) | {k.arg or "": k.value for k in call.keywords}
            scope = given.get("scope", ast.Constant("module"))
            if given.keys() - set(names) or "setup" not in given or len(call.args) > len(names):
                return None
            if isinstance(scope, ast.Constant) and scope.value in _SCOPES:
                return given["setup"], given.get("teardown"), str(scope.value)
    return None


def _called(function: ast.expr, argument: str, text: Text) -> str:
    if isinstance(function, ast.Lambda) and not argument and not function.args.args:
        return re.sub(r"\s*\n\s*", " ", text.of(function.body))
    code = text.of(function)
    return f"{code}({argument})" if dotted(function) else f"({code})({argument})"


def _inside(node: ast.AST, function: ast.FunctionDef) -> bool:
    """Whether a return or yield is the function's own and not of one that it defines."""
    inner = [n for n in ast.walk(function) if isinstance(n, (ast.FunctionDef, ast.Lambda)) and n is not function]
    return not any(node in set(ast.walk(n)) for n in inner)
