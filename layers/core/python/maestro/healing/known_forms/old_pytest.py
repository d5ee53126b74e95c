"""What tests wrote for the pytest of their time, and the form that its documentation gives for today's.

Each form is a function from a source to a source that means the same to today's pytest as the former did to the old
one. Generators propose one form where pytest refused it; the gate brings both sides of a change into all the forms
and then compares them, so that a repair may do this and nothing else.
Source: https://docs.pytest.org/en/stable/deprecations.html (anchors are with each form).
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from textwrap import dedent

from maestro.healing._forms import dotted, last_name
from maestro.healing.known_forms.edits import Text, nested, with_pytest
from maestro.healing.known_forms.old_fixtures import FIXTURES, cached_setups, captured_logs, positional_scopes
from maestro.healing.known_forms.old_hooks import NODES, config_used, direct_nodes, namespace_hook
from maestro.healing.known_forms.old_streams import STREAMS, stream_encodings

_FUNCARG = "pytest_funcarg__"
Form = Callable[[str], str]


def raised_strings(source: str) -> str:
    """``raises(E, "code")`` as ``with raises(E): code``; inside of an expression as ``raises(E, lambda: code)``.

    #raises-warns-with-a-string-as-the-second-argument, removed in pytest 5.0.
    """
    text = Text(source)
    edits: list[tuple[int, int, str]] = []
    whole: set[ast.AST] = set()
    for statement in ast.walk(text.tree):
        call, name = _as_statement(statement)
        code = _checked_code(call)
        if call is None or code is None or text.line_start(statement).strip():
            continue
        rest = text.line_rest(statement)
        if rest.strip() and not rest.lstrip().startswith("#"):
            continue
        before = text.line_start(statement)
        body = nested(code, before + ("\t" if "\t" in before else "    "))
        if body is not None:
            whole.add(call)
            caught = f" as {name}" if name else ""
            header = f"with {text.of(call.func)}({text.of(call.args[0])}){caught}:"
            edits.append((*text.span(statement), f"{header}\n{body}"))
    for node in ast.walk(text.tree):
        code = _checked_code(node)
        if isinstance(node, ast.Call) and node not in whole and code is not None and _is_expression(code):
            edits.append((*text.span(node.args[1]), f"lambda: {code}"))
    return text.edited(edits)


def _as_statement(node: ast.AST) -> tuple[ast.Call | None, str]:
    match node:
        case ast.Expr(value=ast.Call() as call):
            return call, ""
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
            return call, name
    return None, ""


def _checked_code(node: ast.AST | None) -> str | None:
    match node:
        case ast.Call(func=func, args=[_, ast.Constant(value=str(code))], keywords=[]) if dotted(func) in (
            "pytest.raises", "py.test.raises", "raises", "pytest.warns", "warns", "pytest.deprecated_call",
        ):  # fmt: skip
            code = dedent(code).strip()
            try:
                return code if ast.parse(code).body else None
            except (SyntaxError, ValueError):
                return None
    return None


def _is_expression(code: str) -> bool:
    body = ast.parse(code).body
    return len(body) == 1 and isinstance(body[0], ast.Expr) and "\n" not in code


def marked_parameters(source: str) -> str:
    """``parametrize("a", [mark(1)])`` as ``parametrize("a", [pytest.param(1, marks=mark)])``.

    #marks-in-pytest-parametrize, removed in pytest 4.0.
    """
    text = Text(source)
    marks = _mark_names(text.tree)
    lists = {
        target.id: node.value
        for node in text.tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    edits: list[tuple[int, int, str]] = []
    for call in ast.walk(text.tree):
        names, values = _parametrized(call)
        if isinstance(values, ast.Name):
            values = lists.get(values.id)
        if not names or not isinstance(values, (ast.List, ast.Tuple)):
            continue
        for element in values.elts:
            new = _parameter(element, names, text, marks)
            if new is not None:
                edits.append((*text.span(element), new))
    return text.edited(dict.fromkeys(edits))


def _parametrized(node: ast.AST) -> tuple[int, ast.expr | None]:
    """Return how many arguments a ``parametrize`` call names, and its values; (0, None) for another node."""
    if not isinstance(node, ast.Call) or last_name(node.func) != "parametrize":
        return 0, None
    given = dict(zip(("argnames", "argvalues"), node.args, strict=False)) | {k.arg: k.value for k in node.keywords}
    match given.get("argnames"):
        case ast.Constant(value=str(names)):
            count = len([n for n in names.split(",") if n.strip()])
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            count = len(elements) if len(elements) > 1 else 0  # one name in a list takes its values as tuples
        case _:
            count = 0
    return count, given.get("argvalues")


def _mark_names(tree: ast.Module) -> Mapping[str, str]:
    """Names that a module binds to marks -> how ``param`` is called there."""
    found: dict[str, str] = {}
    imported = any(isinstance(n, ast.Import) and any(a.name == "pytest" for a in n.names) for n in tree.body)
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                mark = value.func if isinstance(value, ast.Call) else value
                if imported and re.match(r"(pytest|py\.test)\.mark\.\w+$", dotted(mark) or ""):
                    found[name] = "pytest.param"
            case ast.ImportFrom(module="pytest", names=aliases) if imported:
                found |= {"mark": "pytest.param"} if any(a.name == "mark" and not a.asname for a in aliases) else {}
    return found


def _parameter(element: ast.expr, names: int, text: Text, marks: Mapping[str, str]) -> str | None:
    if not isinstance(element, ast.Call) or not element.args or isinstance(element.args[-1], ast.Starred):
        return None
    base = element.func.func if isinstance(element.func, ast.Call) else element.func
    root = re.match(r"(pytest|py\.test)\.mark\.\w+$", dotted(base) or "")
    alias = (dotted(base) or "").partition(".mark.")[0].partition(".")[0]
    param = f"{root[1]}.param" if root else marks.get(alias)
    if param is None:
        return None
    value, rest = element.args[-1], [*element.args[:-1], *element.keywords]
    if isinstance(element.func, ast.Call) and rest:
        return None
    mark = text.of(element.func)
    if rest:
        mark += f"({', '.join(text.of(part) for part in rest)})"
    if names == 1:
        values = text.of(value)
    elif isinstance(value, (ast.Tuple, ast.List)) and value.elts:
        values = text.of(value.elts[0], value.elts[-1])
    else:
        values = f"*{text.of(value)}"
    return f"{param}({values}, marks={mark})"


def called_fixtures(source: str) -> str:
    """A fixture that its own file also calls, as a plain function and a fixture that calls it.

    #calling-fixtures-directly, removed in pytest 4.0.
    """
    text = Text(source)
    bound = {n.id for n in ast.walk(text.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.name for n in ast.walk(text.tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    called = set(_direct_calls(text.tree, frozenset()))
    edits: list[tuple[int, int, str]] = []
    for node in text.tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name not in called or f"{node.name}_fixture" in bound:
            continue
        fixture = _fixture_of(node, text)
        if fixture is None or node.name.startswith("test"):
            continue
        start, _ = text.span(node.decorator_list[0])
        names = ", ".join(a.arg for a in node.args.args)
        answer = "yield from" if _yields(node) else "return"
        edits.append((start - 1, text.span(node)[0], ""))
        end = text.span(node)[1] + len(text.line_rest(node).encode())
        added = f"{fixture}\ndef {node.name}_fixture({names}):\n    {answer} {node.name}({names})"
        edits.append((end, end, f"\n\n\n{added}"))
    return text.edited(edits)


def _direct_calls(node: ast.AST, hidden: frozenset[str]) -> Iterator[str]:
    """Names that are called where they mean the module's own: no argument or local of an enclosing function."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        given = node.args
        local = {a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg) if a}
        if not isinstance(node, ast.Lambda):
            local |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        hidden |= local
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in hidden:
        yield node.func.id
    for child in ast.iter_child_nodes(node):
        yield from _direct_calls(child, hidden)


def _fixture_of(node: ast.FunctionDef, text: Text) -> str | None:
    """Return the decorator that makes a function a fixture, with the fixture's name in it; None where it has others."""
    given = node.args
    if len(node.decorator_list) != 1 or given.defaults or given.vararg or given.kwarg or given.kwonlyargs:
        return None
    (decorator,) = node.decorator_list
    callee = decorator.func if isinstance(decorator, ast.Call) else decorator
    if dotted(callee) not in FIXTURES:
        return None
    if not isinstance(decorator, ast.Call):
        return f'@{text.of(callee)}(name="{node.name}")'
    if decorator.args:
        return None
    parts = [text.of(k) for k in decorator.keywords]
    if not any(k.arg == "name" for k in decorator.keywords):
        parts.insert(0, f'name="{node.name}"')
    return f"@{text.of(callee)}({', '.join(parts)})"


def _yields(node: ast.AST) -> bool:
    inner = [c for c in ast.iter_child_nodes(node) if not isinstance(c, (ast.FunctionDef, ast.Lambda))]
    return any(isinstance(c, (ast.Yield, ast.YieldFrom)) or _yields(c) for c in inner)


def prefixed_fixtures(source: str) -> str:
    """``def pytest_funcarg__name(request)`` as ``@pytest.fixture def name(request)``.

    #pytest-funcarg-prefix, removed in pytest 4.0.
    """
    text = Text(source)
    bound = {n.id for n in ast.walk(text.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.name for n in ast.walk(text.tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    bound |= {(a.asname or a.name).partition(".")[0] for n in ast.walk(text.tree)
              if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}  # fmt: skip
    used = {n.id for n in ast.walk(text.tree) if isinstance(n, ast.Name)}
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(text.tree):
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith(_FUNCARG) or node.decorator_list:
            continue
        name = node.name.removeprefix(_FUNCARG)
        if name in bound or node.name in used or not name.isidentifier() or name.startswith("test"):
            continue
        start, _ = text.span(node)
        place = start + len(text.of(node).partition(_FUNCARG)[0].encode())
        edits.append((start, start, f"@pytest.fixture\n{text.line_start(node)}"))
        edits.append((place, place + len(_FUNCARG), ""))
    if not edits:
        return source
    return with_pytest(text.edited(edits))


def _config(source: str) -> str:
    return config_used(source, FIXTURES)


FORMS: Mapping[str, Form] = {
    "raised_strings": raised_strings,
    "marked_parameters": marked_parameters,
    "called_fixtures": called_fixtures,
    "prefixed_fixtures": prefixed_fixtures,
    "positional_scopes": positional_scopes,
    "cached_setups": cached_setups,
    "captured_logs": captured_logs,
    "config_used": _config,
    "namespace_hook": namespace_hook,
    "direct_nodes": direct_nodes,
    "stream_encodings": stream_encodings,
}
# Every source in an old form has one of its words.
WORDS: Mapping[str, tuple[str, ...]] = {
    "raised_strings": ("raises(", "warns(", "deprecated_call("),
    "marked_parameters": ("parametrize(",),
    "called_fixtures": ("fixture",),
    "prefixed_fixtures": (_FUNCARG,),
    "positional_scopes": ("fixture(",),
    "cached_setups": ("cached_setup",),
    "captured_logs": ("caplog",),
    "config_used": ("pytest.config",),
    "namespace_hook": ("pytest_namespace",),
    "direct_nodes": ("(pytest.", "from pytest import", "from _pytest.", *(f"pytest.{node}(" for node in NODES)),
    "stream_encodings": STREAMS,
}


def modern(source: str | None) -> str | None:
    """Return a source in the forms of today's pytest; None where it has none to bring into them, or does not parse."""
    new = source or ""
    for name in FORMS:
        new = formed(name, new) or new
    return new if new != source and source is not None else None


def formed(name: str, source: str) -> str | None:
    """Return what a form makes of a source; None where that is nothing, or would not parse."""
    if not any(word in source for word in WORDS[name]):
        return None
    try:
        new = FORMS[name](source)
        ast.parse(new)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return new if new != source else None
