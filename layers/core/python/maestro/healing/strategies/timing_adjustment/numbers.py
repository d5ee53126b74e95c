"""Numbers of time in a test: how long it sleeps and waits, which limits it sets, and which spans it states."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from maestro.healing._roles import Role
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.model import Failure

_SPAN = re.compile(
    r"(?i)^(?!\w*(milli|micro|nano))\w*(seconds|timeout|ttl|expir\w*|max_age|age|interval|delay|duration|period|lifetime|window|cooldown)\w*$"
)
_LIMIT = re.compile(r"(?i)^(\w*time_?out\w*|fail_after|move_on_after|wait_for|deadline)$")
_LIMIT_KEYWORD = re.compile(r"(?i)^(seconds|timeout|time_?limit|deadline|\w*timeout\w*)$")
_WAITED = frozenset({"sleep", "wait", "join", "wait_for", "settimeout", "set_timeout"})
_SLEEP_TEXT = re.compile(r"\bsleep\s*\(\s*(\d+(?:\.\d+)?)\s*\)")
_ASKED = frozenset({"get", "put", "result", "acquire", "communicate", "poll", "recv"})  # a timeout of these is a wait
# Where the standard library takes a span by position.
_SPANS_BY_PLACE = {"Timer": 0, "call_later": 0, "alarm": 0, "setitimer": 1}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a source: where it stands (1-based line; columns in bytes), and its value in seconds.

    ``quoted`` says that it stands inside a string: a program that the test starts.
    """

    line: int
    start: int
    end: int
    value: float
    quoted: bool = False


def functions(failure: Failure, tree: SourceTree) -> list[tuple[str, Function]]:
    """Return the failing test functions with their files, each once."""
    found: dict[tuple[str, str], tuple[str, Function]] = {}
    for test in failure.tests:
        path, _, rest = test.partition("[")[0].partition("::")
        module = parse(tree.text(path) or "") if rest else None
        names = rest.split("::")
        body: list[ast.stmt] = [] if module is None else module.body
        for name in names[:-1]:
            body = next((n.body for n in body if isinstance(n, ast.ClassDef) and n.name == name), [])
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == names[-1]:
                found[(path, rest)] = (path, node)
    return list(found.values())


def number(node: ast.expr) -> Number | None:
    """Return the number that an expression is; None for any other."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if node.lineno == node.end_lineno and node.end_col_offset is not None:
                return Number(node.lineno, node.col_offset, node.end_col_offset, float(value))
    return None


def called(node: ast.Call) -> str:
    """Return the last word of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def sleeps(function: ast.AST, *, own: bool = False) -> list[Number]:
    """The constant sleeps of a test, in the order of the lines; with ``own`` not those of functions inside it."""
    nodes = _own(function) if own else ast.walk(function)
    found = [
        length
        for node in nodes
        if isinstance(node, ast.Call) and called(node) == "sleep" and node.args
        if (length := number(node.args[0])) is not None
    ]
    return sorted(found, key=lambda n: (n.line, n.start))


def inner_sleeps(function: ast.AST) -> list[Number]:
    """The constant sleeps of functions that a test defines: how long the work takes that it waits for."""
    outer = set(sleeps(function, own=True))
    return [length for length in sleeps(function) if length not in outer]


def quoted_sleeps(function: ast.AST, text: str) -> list[Number]:
    """The sleeps in programs that a test has in its strings."""
    lines = text.splitlines()
    found: list[Number] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "sleep" in node.value:
            for row in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                for match in _SLEEP_TEXT.finditer(lines[row - 1]):
                    start, end = (len(lines[row - 1][: match.span(1)[side]].encode()) for side in (0, 1))
                    found.append(Number(row, start, end, float(match[1]), quoted=True))
    return list(dict.fromkeys(found))


def waits(function: ast.AST) -> list[Number]:
    """The constant waits of a test itself: its sleeps, and how long it waits for a thread, an event or an answer."""
    found = set(sleeps(function, own=True))
    for node in _own(function):
        if isinstance(node, ast.Call):
            if called(node) in _WAITED:
                found |= {length for value in node.args[-1:] if (length := number(value)) is not None}
            found |= {
                length
                for keyword in node.keywords
                if keyword.arg == "timeout" and (length := number(keyword.value)) is not None
            }
    return sorted(found, key=lambda n: (n.line, n.start))


def fractions(function: ast.AST) -> list[Number]:
    """The numbers with a fraction that a test holds beside its waits: any of them may be a span of time."""
    waited = {(length.line, length.start) for length in waits(function)}
    found = [number(node) for node in ast.walk(function) if isinstance(node, ast.Constant)]
    return [n for n in found if n is not None and n.value % 1 and (n.line, n.start) not in waited]


def limits(function: ast.AST) -> list[Number]:
    """The time limits that a test sets: decorators, contexts and calls whose names say so."""
    found: list[Number] = []
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not _LIMIT.match(called(node)):
            continue
        values = [node.args[0]] if node.args else []
        values += [k.value for k in node.keywords if k.arg and _LIMIT_KEYWORD.match(k.arg)]
        found += [length for value in values[:1] if (length := number(value)) is not None]
    return found


def spans(function: ast.AST, module: ast.Module | None, tree: SourceTree) -> list[float]:
    """The spans of time that a test states, in seconds, to anything but a sleep.

    They are told by the keyword, or by the name of the product's parameter that gets them, and may be constants of
    the test's module.
    """
    constants = _constants(module)
    found: list[float] = []
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or called(node) in _WAITED | _ASKED | {"timedelta"}:
            continue
        values = [k.value for k in node.keywords if k.arg and _SPAN.match(k.arg)]
        values += [node.args[place] for place in _span_places(called(node), tree) if place < len(node.args)]
        found += [length for value in values if (length := _seconds(value, constants)) is not None]
    return found


def _seconds(node: ast.expr, constants: Mapping[str, float]) -> float | None:
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        return constants.get(node.attr)
    if isinstance(node, ast.Call) and called(node) == "timedelta":
        return _of_timedelta(node)
    length = number(node)
    return None if length is None else length.value


def _of_timedelta(node: ast.Call) -> float | None:
    units = {"milliseconds": 0.001, "seconds": 1.0, "minutes": 60.0}
    parts = [(k.arg, number(k.value)) for k in node.keywords]
    if node.args or not parts or any(unit not in units or value is None for unit, value in parts):
        return None
    return sum(units[str(unit)] * value.value for unit, value in parts if value is not None)


def _constants(module: ast.Module | None) -> dict[str, float]:
    """The numbers that a module, or a class of it, gives names."""
    bodies: list[Iterable[ast.stmt]] = [] if module is None else [module.body]
    bodies += [node.body for node in (module.body if module is not None else ()) if isinstance(node, ast.ClassDef)]
    found: dict[str, float] = {}
    for body in bodies:
        for node in body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if (length := number(value)) is not None:
                    found[name] = length.value
    return found


def _span_places(callee: str, tree: SourceTree) -> list[int]:
    """The positions at which something of the product takes a span of time, by the names of its parameters."""
    if callee in _SPANS_BY_PLACE:
        return [_SPANS_BY_PLACE[callee]]
    if not callee:
        return []
    for source in tree.sources(f"class {callee}", f"def {callee}"):
        if tree.role(source.path) is not Role.PRODUCT:
            continue
        module = parse(source.text)
        for node in ast.walk(module) if module is not None else ():
            if getattr(node, "name", "") != callee:
                continue
            taken: Function | None = node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
            if isinstance(node, ast.ClassDef):
                taken = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
            if taken is not None:
                names = [a.arg for a in (*taken.args.posonlyargs, *taken.args.args)]
                names = names[1:] if names[:1] in (["self"], ["cls"]) else names
                return [place for place, name in enumerate(names) if _SPAN.match(name)]
    return []


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Walk a function without the functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield child
            yield from _own(child)
