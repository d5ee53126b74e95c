"""Slips that keep a file from being a program, where what was meant can be told: an open string, a misplaced statement.

``programs`` gives the texts that a slip may be mended to. An open triple-quoted string ends with the earliest line that
leaves a program, so that no code is drawn into it; of a misplaced statement only that one is moved.
"""

import ast
import re
import warnings
from collections.abc import Iterator

from maestro.healing._trees import parse

_TRIPLE = re.compile(
    r"#[^\n]*|(?P<open>[A-Za-z]{0,2}(?P<quote>\"\"\"|'''))(?P<body>(?:\\.|(?!(?P=quote)).)*)(?P<close>(?P=quote)|\Z)"
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)
_LONGEST = 40  # lines of a string that may lack its end
_MOST_OPEN = 60  # strings of several lines that are looked at
_MOST_PARSED = 4_000_000  # characters, some seconds
_OUTSIDE = re.compile(
    r"'(return|yield|yield from|await|break|continue)' (outside|not properly in)|outside async function"
)
_GLOBAL = re.compile(r"name '(\w+)' is (?:assigned to|used prior to|annotated|parameter).*global declaration|"
                     r"name '(\w+)' is (?:assigned to|used) before global declaration")  # fmt: skip


def refusal(text: str) -> SyntaxError | None:
    """Return why Python does not compile a text that it may well parse; None where it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "source", "exec", dont_inherit=True)
    except SyntaxError as problem:
        return problem
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def programs(text: str) -> Iterator[str]:
    """Yield what a text may be mended to; nothing where it is a program already, or has a slip of another kind."""
    problem = refusal(text)
    if problem is None:
        return
    if parse(text) is None:
        yield from closed(text)
    elif _OUTSIDE.search(problem.msg):
        yield from _placed(text, problem.lineno or 0)
    elif (found := _GLOBAL.search(problem.msg)) is not None:
        yield from _declared_first(text, found[1] or found[2])
    elif "from __future__" in problem.msg:
        yield from _future_first(text, problem.lineno or 0)


def closed(text: str) -> Iterator[str]:
    """Yield the text with the end of one triple-quoted string put in, at the end of the earliest line that will do."""
    found = [s for s in _TRIPLE.finditer(text) if s["open"]]
    if not found or found[-1]["close"]:
        return  # as many ends as beginnings
    left = _MOST_PARSED
    strings = [s for s in found if "\n" in s["body"] or not s["close"]]
    for string in strings[-_MOST_OPEN:][::-1]:
        place = string.end("open")
        for _ in range(_LONGEST):
            end = text.find("\n", place)
            end = len(text) if end < 0 else end
            if end > string.end() or left < 0:
                break
            left -= len(text)
            kept = text[:end].rstrip(" \t\r")
            made = f"{kept}{string['quote']}{text[end:]}"
            if parse(made) is not None and refusal(made) is None:
                yield made
                break
            place = end + 1


def _placed(text: str, line: int) -> Iterator[str]:
    """Give one statement the indentation of a block above it, the outermost first."""
    lines = text.splitlines(keepends=True)
    statement = _statement(ast.parse(text), line)
    if statement is None or statement.end_lineno is None:
        return
    start, end = statement.lineno - 1, statement.end_lineno
    have = len(lines[start]) - len(lines[start].lstrip(" \t"))
    widths: dict[str, None] = {}
    for above in reversed(lines[max(0, start - 40) : start]):
        before = above[: len(above) - len(above.lstrip(" \t"))]
        if above.strip() and not above.lstrip().startswith("#"):
            widths.setdefault(before)
            if len(before) <= have:
                break
    for before in sorted((width for width in widths if len(width) > have), key=len):
        moved = [before + one[have:] if one.strip() else one for one in lines[start:end]]
        made = "".join([*lines[:start], *moved, *lines[end:]])
        if refusal(made) is None:
            yield made


def _statement(tree: ast.Module, line: int) -> ast.stmt | None:
    found = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or n.lineno)]
    return max(found, key=lambda n: n.lineno, default=None)


def _declared_first(text: str, name: str) -> Iterator[str]:
    """Move a ``global`` to the beginning of its function; Python up to 3.5 let it stand after a use."""
    lines = text.splitlines(keepends=True)
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        said = [n for n in ast.walk(function) if isinstance(n, ast.Global) and name in n.names]
        docs = ast.get_docstring(function, clean=False) is not None and len(function.body) > 1
        first = function.body[1 if docs else 0]
        alone = [n for n in said if lines[n.lineno - 1].split("#")[0].strip() == f"global {', '.join(n.names)}"]
        if not alone or first.lineno >= alone[0].lineno or first.lineno == function.lineno:
            continue
        row = alone[0].lineno - 1
        indentation = lines[first.lineno - 1][: first.col_offset]
        moved = indentation + lines[row].lstrip(" \t")
        made = "".join([*lines[: first.lineno - 1], moved, *lines[first.lineno - 1 : row], *lines[row + 1 :]])
        if refusal(made) is None:
            yield made


def _future_first(text: str, line: int) -> Iterator[str]:
    """Move an import from ``__future__`` to where it has to stand: after the docstring."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    statement = _statement(tree, line)
    if statement not in tree.body or statement is None or statement.end_lineno is None:
        return
    first = tree.body[1 if ast.get_docstring(tree, clean=False) is not None else 0]
    start, end, top = statement.lineno - 1, statement.end_lineno, first.lineno - 1
    made = "".join([*lines[:top], *lines[start:end], *lines[top:start], *lines[end:]])
    problem = refusal(made)
    if problem is None or "from __future__" in problem.msg:  # another one may follow
        if problem is None:
            yield made
        elif (problem.lineno or 0) > line:
            yield from _future_first(made, problem.lineno or 0)
