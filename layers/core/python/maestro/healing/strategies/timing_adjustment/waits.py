"""Waits and time limits that are too short for what they wait for are made longer, with the reason beside them.

A longer wait can also hide that a product became slow, so there is a proposal only with evidence: the test itself
states a span that is longer than its wait, or experiments showed that the test fails by time and passes in between.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from maestro.healing.base import Project, Proposal
from maestro.healing.sourcetree import Role, SourceTree
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

LONGEST = 60.0  # seconds that a wait may become
_SPAN = re.compile(r"(?i)^\w*(seconds|timeout|ttl|expir\w*|max_age|age|interval|delay|duration|period|lifetime)\w*$")
_LIMIT = re.compile(r"(?i)^(\w*time_?out\w*|fail_after|move_on_after|wait_for|deadline)$")
_LIMIT_KEYWORD = re.compile(r"(?i)^(seconds|timeout|time_?limit|deadline|\w*timeout\w*)$")
_TIMED_OUT = re.compile(r"(?i)timed?_?out")
_FACTORS = (2.0, 4.0, 10.0)

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Number:
    """A number in a source: where it stands (1-based line; columns in bytes), and its value in seconds."""

    line: int
    start: int
    end: int
    value: float


class StatedSpan:
    """A sleep that is shorter than a span that its own test states, or a limit shorter than what it limits."""

    name = "stated_span"
    strategy = Strategy.TIMING_ADJUSTMENT

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield proposals for the first failing test: the wait before the failing line, then all short ones."""
        tree = SourceTree(project.root, project.test_paths)
        for path, function in _functions(failure, tree)[:1]:
            sleeps, spans, limits = _sleeps(function), _spans(function), _limits(function)
            if _timed_out(failure):
                work = max((s.value for s in sleeps), default=0.0)
                short = [number for number in limits if number.value <= work]
                if short and not _expects_timeout(function):
                    yield from _longer(tree, path, short, 2 * work, f"the work takes {_written(work)} s", 0.7)
                continue
            span = max((s.value for s in spans), default=0.0)
            short = [number for number in sleeps if number.value < span]
            line = _failing_line(failure, path, function)
            last = [number for number in short if number.line < line][-1:] if line else []
            reason = f"it waits for {_written(span)} s to be over"
            if last and last != short:
                yield from _longer(tree, path, last, 2 * span, reason, 0.7)
            if short:
                yield from _longer(tree, path, short, 2 * span, reason, 0.6)


class SlowMachine:
    """Waits and limits of a test that experiments saw fail by time alone, some of the time or under load."""

    name = "slow_machine"
    strategy = Strategy.TIMING_ADJUSTMENT

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield a proposal for each factor, the smallest first."""
        if failure.diagnosis.get("verdict") != "timing" or not failure.diagnosis.get("stress"):
            return
        tree = SourceTree(project.root, project.test_paths)
        found: dict[str, list[_Number]] = {}
        for path, function in _functions(failure, tree):
            numbers = _limits(function) if _timed_out(failure) else _sleeps(function)
            if not _expects_timeout(function):
                found.setdefault(path, []).extend(n for n in numbers if n not in found.get(path, []))
        for place, factor in enumerate(_FACTORS):
            edits: dict[str, str | None] = {}
            for path, numbers in found.items():
                text = tree.text(path) or ""
                values = [(n, min(LONGEST, n.value * factor)) for n in numbers if 0 < n.value < LONGEST]
                changed = replaced(text, values, "it fails on a busy machine with less")
                if changed is not None and tree.role(path) in (Role.TEST, Role.FIXTURE):
                    edits[path] = changed
            if edits:
                yield Proposal(edits, f"waits of the test are {_written(factor)} times as long", 0.6 - place / 10)


def _longer(  # noqa: PLR0917 - what the proposals are made of
    tree: SourceTree, path: str, numbers: Sequence[_Number], seconds: float, reason: str, prior: float
) -> Iterator[Proposal]:
    if not 0 < seconds <= LONGEST or tree.role(path) not in (Role.TEST, Role.FIXTURE):
        return
    changed = replaced(tree.text(path) or "", [(n, seconds) for n in numbers], reason)
    if changed is not None:
        old = ", ".join(dict.fromkeys(_written(n.value) for n in numbers))
        yield Proposal({path: changed}, f"{old} s become {_written(seconds)} s: {reason}", prior)


def replaced(text: str, values: Sequence[tuple[_Number, float]], reason: str) -> str | None:
    """Write other numbers in their places, and the reason behind each line that has room; None if it does not parse."""
    lines = text.splitlines(keepends=True)
    for number, value in sorted(values, key=lambda pair: (pair[0].line, pair[0].start), reverse=True):
        line = lines[number.line - 1].encode()
        lines[number.line - 1] = (line[: number.start] + _written(value).encode() + line[number.end :]).decode()
    for place in {number.line - 1 for number, _ in values}:
        body = lines[place].rstrip("\r\n")
        commented = f"{body.rstrip()}  # {reason}"
        if "#" not in body and not body.rstrip().endswith("\\") and len(commented) <= 120:
            lines[place] = commented + lines[place][len(body) :]
    changed = "".join(lines)
    return changed if changed != text and parse(changed) is not None else None


def _written(value: float) -> str:
    return f"{value:.6g}" if value != int(value) else str(int(value))


def _functions(failure: Failure, tree: SourceTree) -> list[tuple[str, _Function]]:
    """Return the failing test functions with their files, each once."""
    found: dict[tuple[str, str], tuple[str, _Function]] = {}
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


def _number(node: ast.expr) -> _Number | None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if node.lineno == node.end_lineno and node.end_col_offset is not None:
                return _Number(node.lineno, node.col_offset, node.end_col_offset, float(value))
    return None


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _sleeps(function: ast.AST) -> list[_Number]:
    """The constant sleeps of a test, in the order of the lines."""
    found = [
        number
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and _called(node) == "sleep" and node.args
        if (number := _number(node.args[0])) is not None
    ]
    return sorted(found, key=lambda n: (n.line, n.start))


def _spans(function: ast.AST) -> list[_Number]:
    """The spans of time that a test states by keyword, to anything but a sleep."""
    return [
        number
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and _called(node) != "sleep"
        for keyword in node.keywords
        if keyword.arg and _SPAN.match(keyword.arg)
        if (number := _number(keyword.value)) is not None
    ]


def _limits(function: ast.AST) -> list[_Number]:
    """The time limits that a test sets: decorators, contexts and calls whose names say so."""
    found: list[_Number] = []
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not _LIMIT.match(_called(node)):
            continue
        values = [node.args[0]] if node.args else []
        values += [k.value for k in node.keywords if k.arg and _LIMIT_KEYWORD.match(k.arg)]
        found += [number for value in values[:1] if (number := _number(value)) is not None]
    return found


def _timed_out(failure: Failure) -> bool:
    return bool(_TIMED_OUT.search(failure.facts.exception) or _TIMED_OUT.search(failure.facts.message[:200]))


def _expects_timeout(function: ast.AST) -> bool:
    """Whether a test is about running out of time: its limit is meant to be short."""
    return any(isinstance(node, ast.Call) and re.search(r"(?i)raises", _called(node)) for node in ast.walk(function))


def _failing_line(failure: Failure, path: str, function: _Function) -> int:
    """The line of the test at which it failed, 0 where that is not known."""
    last = function.end_lineno or function.lineno
    lines = [f.line for f in failure.facts.frames if f.file == path and function.lineno <= f.line <= last]
    return lines[-1] if lines else 0
