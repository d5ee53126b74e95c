"""What a failed test expected, where its source says so, and what it saw instead.

Only an expectation that is written as a literal is known: in the assertion itself, in a variable that is bound once, or
in the parameters of the test. Reads files, runs nothing.
"""

import ast
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maestro.healing._forms import last_name
from maestro.healing._roles import is_test_file
from maestro.healing._trees import parse
from maestro.healing.grouping import is_assertion, without_parameters
from maestro.model import CaseResult, Facts, Phase

Kind = Literal["value", "message", "snapshot", "part"]
_EQUAL = frozenset(
    ["==", "assertEqual", "assertListEqual", "assertDictEqual", "assertTupleEqual", "assertSetEqual",
     "assertMultiLineEqual", "assertSequenceEqual"]
)  # fmt: skip
_INSIDE = frozenset({"in", "assertIn"})
_RAISES = frozenset({"raises", "assertRaisesRegex", "assertRaisesRegexp"})
# "Actual message: 'x'" since pytest 8.4, "Input: 'x'" since 8, "Regex pattern '...' does not match 'x'." before
_ACTUAL = re.compile(r"(?:Actual message: |Input: |does not match )((['\"]).*\2)\.?\s*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([^\w\s]|\s)")
_SPECIAL = re.compile(r"(?<!\\)[.^$*+?{}\[\]|()]|\\\w")
_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
_EVERYWHERE = re.compile(r"\b(True|False|None)\b")
_FEWEST_DIGITS = 4  # a shorter number is everywhere by chance
_FEWEST_LETTERS = 4
_MOST_PARTS = 5
_MOST_FILES, _LARGEST_FILE = 500, 4000
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expected value of one test.

    ``line`` is that of the assertion; ``span`` the literal's place: first line and column, last line and column, as
    ``ast`` counts them; ``old`` the literal, ``new`` what was seen instead, both as Python literals. Of a message,
    ``old`` is the pattern that was to match and ``new`` the whole message; of a part, ``old`` is what was to be in a
    text and ``new`` all of that text; of a snapshot, ``file`` is the file of expected output and ``span`` only zeros.
    """

    test: str
    kind: Kind
    file: str
    line: int
    span: tuple[int, int, int, int]
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expectation that differs: a ``text`` within a string, or else a whole value (as a literal)."""

    old: str
    new: str
    text: bool

    def sought(self, side: Literal["old", "new"]) -> dict[str, str]:
        """Return what to look for, as the guest's ``origins`` takes it."""
        return {"text" if self.text else "value": self.old if side == "old" else self.new}


def located(result: CaseResult, root: Path) -> Expectation | None:
    """Return the expectation that a failed test's source states; None where it states none that is known."""
    facts = result.facts
    if facts is None or facts.phase is not Phase.CALL or not is_assertion(facts):
        return None
    for look in (_compared, _held, _matched, _kept):
        found = look(result.id, facts, root)
        if found is not None:
            return found
    return None


def _compared(test: str, facts: Facts, root: Path) -> Expectation | None:
    told = facts.assertion
    file, line = str(told.get("file", "")), told.get("line", 0)
    if told.get("op") not in _EQUAL or not isinstance(line, int):
        return None
    module = _module(root, file)
    if module is None:
        return None
    sides = _operands(module, line, str(told["op"]))
    literals = [None if node is None else _stated(module, node, test, line, told.get(key))
                for node, key in zip(sides, ("left", "right"), strict=True)]  # fmt: skip
    if sum(node is not None for node in literals) != 1:
        return None
    stated, other = ("left", "right") if literals[0] is not None else ("right", "left")
    node = next(node for node in literals if node is not None)
    old, new = ast.unparse(node), told.get(other)
    if not isinstance(new, str) or value_of(new) is _NOTHING or value_of(told.get(stated)) != value_of(old):
        return None
    return Expectation(test, "value", file, line, _span(node), old, new)


def _held(test: str, facts: Facts, root: Path) -> Expectation | None:
    """A text does not hold a literal that was to be in it."""
    told = facts.assertion
    file, line = str(told.get("file", "")), told.get("line", 0)
    module = _module(root, file) if told.get("op") in _INSIDE and isinstance(line, int) else None
    if module is None or not isinstance(line, int):
        return None
    node, _ = _operands(module, line, str(told["op"]))
    stated = None if node is None else _stated(module, node, test, line, told.get("left"))
    text = value_of(told.get("right"))
    if stated is None or not isinstance(text, str) or value_of(told.get("left")) != value_of(ast.unparse(stated)):
        return None
    return Expectation(test, "part", file, line, _span(stated), ast.unparse(stated), repr(text))


def _matched(test: str, facts: Facts, root: Path) -> Expectation | None:
    """An expected error came with another message than the pattern allows."""
    frame = next((f for f in reversed(facts.frames) if f.in_project), None)
    message = _message(facts)
    if frame is None or not message:
        return None
    module = _module(root, frame.file)
    for node in ast.walk(module) if module is not None else ():
        if not isinstance(node, (ast.With, ast.AsyncWith)) or not node.lineno <= frame.line <= (node.end_lineno or 0):
            continue
        for call in (item.context_expr for item in node.items):
            if not isinstance(call, ast.Call) or last_name(call.func) not in _RAISES:
                continue
            patterns = [k.value for k in call.keywords if k.arg in ("match", "expected_regex")]
            patterns += call.args[1:2] if last_name(call.func) != "raises" else []
            for pattern in patterns[:1]:
                if isinstance(pattern, ast.Constant) and isinstance(pattern.value, str):
                    return Expectation(
                        test, "message", frame.file, call.lineno, _span(pattern), repr(pattern.value), repr(message)
                    )
    return None


def _message(facts: Facts) -> str:
    """Return the message that did not match, as pytest or unittest (by the exception before) tells it."""
    if not re.search(r"did not match|does not match", facts.message):
        return ""
    told = _ACTUAL.search(facts.message)
    seen = value_of(told[1]) if told else None
    if isinstance(seen, str):
        return seen
    return str(facts.causes[0].get("message", "")) if facts.causes else ""


def _kept(test: str, facts: Facts, root: Path) -> Expectation | None:
    """A text was compared with a file of expected output that the test's source names."""
    told = facts.assertion
    file, line = str(told.get("file", "")), told.get("line", 0)
    module = _module(root, file)
    if told.get("op") not in _EQUAL or module is None or not isinstance(line, int):
        return None
    sides = {key: value_of(told.get(key)) for key in ("left", "right")}
    if not all(isinstance(v, str) and len(v.strip()) > _FEWEST_LETTERS for v in sides.values()):
        return None
    names = {str(n.value).rpartition("/")[2] for n in ast.walk(module)
             if isinstance(n, ast.Constant) and isinstance(n.value, str)}  # fmt: skip
    found = [
        (key, path) for path in _data_files((root / file).parent) if path.name in names
        for text in [path.read_text("utf-8", "replace")] for key in sides if text.rstrip() == sides[key].rstrip()
    ]  # fmt: skip
    if len(found) != 1:
        return None
    key, path = found[0]
    old, new = (repr(sides[k]) for k in (key, "right" if key == "left" else "left"))
    return Expectation(test, "snapshot", path.relative_to(root).as_posix(), line, (0, 0, 0, 0), old, new)


def _data_files(folder: Path) -> Iterator[Path]:
    """Yield the small files below a folder that are no source."""
    for path in itertools.islice(sorted(folder.rglob("*")), _MOST_FILES):
        if path.is_file() and not path.is_symlink() and path.suffix != ".py" and path.stat().st_size <= _LARGEST_FILE:
            yield path


def _module(root: Path, file: str) -> ast.Module | None:
    path = (root / file).resolve()
    fine = is_test_file(file) and path.is_relative_to(root.resolve()) and path.is_file()
    return parse(path.read_text("utf-8", "replace")) if fine else None


def _span(node: ast.expr) -> tuple[int, int, int, int]:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)


def _operands(module: ast.Module, line: int, op: str) -> tuple[ast.expr | None, ast.expr | None]:
    for node in ast.walk(module):
        match node:
            case ast.Assert(test=ast.Compare(left=left, ops=[how], comparators=[right]), lineno=first) if (
                first == line and {"==": ast.Eq, "in": ast.In}.get(op) is type(how)
            ):
                return left, right
            case ast.Call(func=ast.Attribute(attr=attr), args=[left, right, *_]) if (
                attr == op and node.lineno <= line <= (node.end_lineno or 0)
            ):
                return left, right
    return None, None


_NOTHING = object()


def value_of(literal: object) -> Any:
    """Return what a literal stands for, or a mark that equals nothing."""
    try:
        return ast.literal_eval(str(literal))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return _NOTHING


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is a plain literal."""
    try:
        ast.literal_eval(node)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return False
    return True


def _stated(module: ast.Module, node: ast.expr, test: str, line: int, seen: object) -> ast.expr | None:
    """Return the literal that an operand is, or that is bound to its name."""
    if is_literal(node):
        return node
    if not isinstance(node, ast.Name):
        return None
    function = _around(module, line)
    found = list(_bound(function, node.id)) if function is not None else []
    if function is not None and not found and any(a.arg == node.id for a in ast.walk(function.args)
                                                  if isinstance(a, ast.arg)):  # fmt: skip
        named = without_parameters(test).endswith(function.name)
        found = (
            [n for n in _parameters(function, node.id) if value_of(ast.unparse(n)) == value_of(seen)] if named else []
        )
        return found[0] if len(found) == 1 else None
    found = found or list(_bound(module, node.id))
    return found[0] if len(found) == 1 and found[0] is not None and is_literal(found[0]) else None


def _around(module: ast.Module, line: int) -> Definition | None:
    """Return the innermost function around a line."""
    found = [n for n in ast.walk(module) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
             and n.lineno <= line <= (n.end_lineno or 0)]  # fmt: skip
    return max(found, key=lambda n: n.lineno, default=None)


def _bound(scope: ast.Module | Definition, name: str) -> Iterator[ast.expr]:
    """Yield what a name gets in a scope; what cannot be a literal counts as well, so that it is ambiguous."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, (ast.Store, ast.Del)):
            plain = [s for s in ast.walk(scope) if isinstance(s, ast.Assign) and s.targets == [node]]
            yield plain[0].value if plain else node


def _parameters(function: Definition, name: str) -> Iterator[ast.expr]:
    """Yield the literals that ``parametrize`` gives for a parameter."""
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call) or last_name(decorator.func) != "parametrize":
            continue
        arguments = [*decorator.args, *(k.value for k in decorator.keywords if k.arg in ("argnames", "argvalues"))][:2]
        if len(arguments) != 2 or not isinstance(arguments[1], (ast.List, ast.Tuple)):  # noqa: PLR2004 - names, values
            continue
        names = value_of(ast.unparse(arguments[0]))
        several = not isinstance(names, str) or "," in names
        listed = [n.strip() for n in names.split(",")] if isinstance(names, str) else names
        if not isinstance(listed, (list, tuple)) or name not in listed:
            continue
        place = list(listed).index(name)
        for row in arguments[1].elts:
            if isinstance(row, ast.Call) and last_name(row.func) == "param":
                cells: Sequence[ast.expr] = row.args
            else:
                cells = row.elts if several and isinstance(row, (ast.Tuple, ast.List)) else [row]
            if place < len(cells) and is_literal(cells[place]):
                yield cells[place]


# ------------------------------------------------------------------ what differs


def parts(expectation: Expectation) -> tuple[Part, ...]:
    """Return what differs between the expected and the seen value, in parts that can be recognised elsewhere.

    Empty where a part is so short that it would be found anywhere by chance, or where there are too many.
    """
    old, new = value_of(expectation.old), value_of(expectation.new)
    if expectation.kind == "message":
        text = plain(str(old))
        found = [Part(text, str(new), text=True)] if text else []
    elif expectation.kind == "part":  # what stands there instead is known from the text as it was
        found = [Part(str(old), str(old), text=True)] if isinstance(old, str) else []
    else:
        found = list(dict.fromkeys(_differing(old, new)))
    if not found or len(found) > _MOST_PARTS or not all(map(_distinctive, found)):
        return ()
    return tuple(found)


def plain(pattern: str) -> str:
    """Return the text that a regular expression stands for, where it is nothing but escaped text; else "".

    >>> plain("no such key"), plain(re.escape("f(x)")), plain("no .* key")
    ('no such key', 'f(x)', '')
    """
    return "" if _SPECIAL.search(pattern) else _ESCAPED.sub(r"\1", pattern)


def _differing(old: Any, new: Any) -> Iterator[Part]:
    if type(old) is type(new) and old == new and repr(old) == repr(new):
        return
    if isinstance(old, str) and isinstance(new, str):
        yield from _texts(old, new)
    elif isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            yield from _differing(old[key], new[key])
    elif _alike(old, new):
        for a, b in zip(old, new, strict=True):
            yield from _differing(a, b)
    else:
        yield Part(repr(old), repr(new), text=False)


def _alike(old: Any, new: Any) -> bool:
    """Whether two sequences are to be compared place by place: not where only their order differs."""
    same = type(old) is type(new) and isinstance(old, (list, tuple)) and len(old) == len(new)
    return same and sorted(map(repr, old)) != sorted(map(repr, new))


def _texts(old: str, new: str) -> Iterator[Part]:
    """Yield the words that differ, with their neighbours where they are too short to be recognised."""
    a, b = _TOKENS.findall(old), _TOKENS.findall(new)
    changed: list[list[int]] = []
    for tag, *cuts in difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if changed and not re.search(r"\w", "".join(a[changed[-1][1] : cuts[0]])):
            changed[-1][1::2] = cuts[1::2]  # nothing but a space between the two
        else:
            changed.append(cuts)
    for i, j, k, m in changed:
        while not (_recognised("".join(a[i:j])) and _recognised("".join(b[k:m]))):
            before, after = min(i, k) > 0, j < len(a) and m < len(b)
            if not before and not after:
                break
            i, k, j, m = i - before, k - before, j + after, m + after  # noqa: PLW2901 - they grow until it is one
        yield Part("".join(a[i:j]), "".join(b[k:m]), text=True)


def _distinctive(part: Part) -> bool:
    sides = (part.old, part.new)
    return all(_recognised(side if part.text else _EVERYWHERE.sub("", side)) for side in sides)


def _recognised(text: str) -> bool:
    """Whether a text is long enough not to be found anywhere by chance."""
    return len(re.findall(r"[^\W\d]", text)) >= _FEWEST_LETTERS or len(re.findall(r"\d", text)) >= _FEWEST_DIGITS
