"""Waits and time limits that are too short for what they wait for are made longer, with the reason beside them.

A longer wait can also hide that a product became slow, so there is a proposal only with evidence: the test itself
states a span that is longer than its wait, or experiments showed that the test fails by time and passes in between. A
wait of at most a tenth of a second for something that happens elsewhere states no speed that anybody promised: it may
become ten times as long, as a workaround.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from maestro.healing._promises import SPEED, promised, unit_slip
from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.grouping import is_assertion
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.timing_adjustment.numbers import (
    Function,
    Number,
    called,
    fractions,
    functions,
    inner_sleeps,
    limits,
    quoted_sleeps,
    sleeps,
    spans,
    waits,
)
from maestro.model import Failure, Strategy

LONGEST = 60.0  # seconds that a wait may become
SHORT = 0.1  # seconds; a wait of that length promises no speed
OTHER_CAUSES = frozenset({"order", "listing", "hashing", "leftover", "clock"})  # verdicts: no wait mends these
_TIMED_OUT = re.compile(r"(?i)timed?_?out")
_FACTORS = (2.0, 4.0, 10.0)
_CLOCKS = frozenset({"time", "monotonic", "perf_counter", "process_time", "now", "utcnow", "timeit", "default_timer"})


class StatedSpan:
    """A sleep that is shorter than a span that its own test states, or a limit shorter than what it limits."""

    name = "stated_span"
    strategy = Strategy.TIMING_ADJUSTMENT

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield proposals for the first failing test: the wait before the failing line, then all short ones."""
        tree = SourceTree(project.root, project.test_paths)
        for path, function in functions(failure, tree)[:1]:
            module, own = parse(tree.text(path) or ""), waits(function)
            if _timed_out(failure):
                work = max((s.value for s in sleeps(function)), default=0.0)
                low = [number for number in limits(function) if number.value <= work]
                if low and not expects_timeout(function):
                    yield from _longer(tree, path, low, 2 * work, f"the work takes {_written(work)} s", 0.7)
                continue
            stated = [s for f in (function, *helpers(path, function, tree)) for s in spans(f, module, tree)]
            span = max((*stated, *(s.value for s in inner_sleeps(function))), default=0.0)
            short = [number for number in own if number.value < span]
            line = failing_line(failure, path, function)
            last = [number for number in short if number.line < line][-1:] if line else []
            reason = f"it waits for {_written(span)} s to be over"
            if last and last != short:
                yield from _longer(tree, path, last, 2 * span, reason, 0.7)
            if short:
                yield from _longer(tree, path, short, 2 * span, reason, 0.6)


class ShortWait:
    """A wait of at most a tenth of a second for what happens elsewhere, right before the line that fails.

    Where the test states a span or a speed, how long it waits is part of what it tests, and nothing is proposed.
    """

    name = "short_wait"
    strategy = Strategy.TIMING_ADJUSTMENT

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal, ten times the wait, for a test that fails at an assertion or by running out of time.

        Raises :class:`LeftAloneError` as :func:`leave_promises` does.
        """
        tree = SourceTree(project.root, project.test_paths)
        if failure.diagnosis.get("verdict") in OTHER_CAUSES or not (is_assertion(failure.facts) or _timed_out(failure)):
            return
        for path, function in functions(failure, tree)[:1]:
            module, line = parse(tree.text(path) or ""), failing_line(failure, path, function)
            everything = (function, *helpers(path, function, tree))
            if not line or expects_timeout(function) or any(map(measures, everything)):
                continue
            if any(spans(f, module, tree) or fractions(f) for f in everything) or inner_sleeps(function):
                continue
            short = [number for number in waits(function) if 0 < number.value <= SHORT and number.line <= line][-1:]
            if short:
                leave_promises(failure, project)
                seconds = min(1.0, 10 * short[0].value)
                reason = "what it waits for takes longer on some machines"
                yield from _longer(tree, path, short, seconds, reason, 0.5, workaround=True)


class SlowMachine:
    """Waits and limits of a test that experiments saw fail by time alone, some of the time or under load."""

    name = "slow_machine"
    strategy = Strategy.TIMING_ADJUSTMENT

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield a proposal for each factor, the smallest first."""
        if failure.diagnosis.get("verdict") not in ("timing", "random") or not failure.diagnosis.get("stress"):
            return
        tree = SourceTree(project.root, project.test_paths)
        found: dict[str, list[Number]] = {}
        for path, function in functions(failure, tree):
            quoted = quoted_sleeps(function, tree.text(path) or "")
            numbers = limits(function) if _timed_out(failure) else [*waits(function), *sleeps(function), *quoted]
            if not expects_timeout(function):
                found.setdefault(path, []).extend(n for n in numbers if n not in found.get(path, []))
        for place, factor in enumerate(_FACTORS):
            edits: dict[str, str | None] = {}
            for path, numbers in found.items():
                text = tree.text(path) or ""
                values = [(n, min(LONGEST, n.value * factor)) for n in dict.fromkeys(numbers) if 0 < n.value < LONGEST]
                changed = replaced(text, values, "it fails on a busy machine with less")
                if changed is not None and tree.role(path) in (Role.TEST, Role.FIXTURE):
                    edits[path] = changed
            if edits:
                yield Proposal(edits, f"waits of the test are {_written(factor)} times as long", 0.6 - place / 10)


def _longer(  # noqa: PLR0917 - what the proposals are made of
    tree: SourceTree,
    path: str,
    numbers: Sequence[Number],
    seconds: float,
    reason: str,
    prior: float,
    *,
    workaround: bool = False,
) -> Iterator[Proposal]:
    if not 0 < seconds <= LONGEST or tree.role(path) not in (Role.TEST, Role.FIXTURE):
        return
    changed = replaced(tree.text(path) or "", [(n, seconds) for n in numbers], reason)
    if changed is not None:
        old = ", ".join(dict.fromkeys(_written(n.value) for n in numbers))
        yield Proposal({path: changed}, f"{old} s become {_written(seconds)} s: {reason}", prior, workaround)


def replaced(text: str, values: Sequence[tuple[Number, float]], reason: str) -> str | None:
    """Write other numbers in their places, and the reason behind each line that has room; None if it does not parse."""
    lines = text.splitlines(keepends=True)
    for number, value in sorted(values, key=lambda pair: (pair[0].line, pair[0].start), reverse=True):
        line = lines[number.line - 1].encode()
        lines[number.line - 1] = (line[: number.start] + _written(value).encode() + line[number.end :]).decode()
    for place in {number.line - 1 for number, _ in values if not number.quoted}:
        body = lines[place].rstrip("\r\n")
        commented = f"{body.rstrip()}  # {reason}"
        if "#" not in body and not body.rstrip().endswith("\\") and len(commented) <= 120:
            lines[place] = commented + lines[place][len(body) :]
    changed = "".join(lines)
    return changed if changed != text and parse(changed) is not None else None


def _written(value: float) -> str:
    return f"{value:.6g}" if value != int(value) else str(int(value))


def helpers(path: str, function: Function, tree: SourceTree) -> list[Function]:
    """The functions of the test's file that set it up: fixtures that it asks for, helpers that it calls, ``setUp``."""
    module = parse(tree.text(path) or "")
    wanted = {a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
    wanted |= {called(node) for node in ast.walk(function) if isinstance(node, ast.Call)}
    wanted |= {"setUp", "setUpClass", "setup_method", "setup_class", "setup", "asyncSetUp"}
    return [
        node
        for node in (ast.walk(module) if module is not None else ())
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in wanted and node is not function
        if not node.name.startswith("test")
    ]


def leave_promises(failure: Failure, project: Project) -> None:
    """Make sure that nobody promised the speed that a longer wait would no longer ask for.

    Raises
    ------
    LeftAloneError
        If the words of the product or the test do, or the product waits by a number of another unit.
    """
    if why := unit_slip(failure, project) or promised(failure, project, SPEED):
        raise LeftAloneError(f"{why}: that the test waits too short a time may be a defect of the product")


def _timed_out(failure: Failure) -> bool:
    return bool(_TIMED_OUT.search(failure.facts.exception) or _TIMED_OUT.search(failure.facts.message[:200]))


def expects_timeout(function: ast.AST) -> bool:
    """Whether a test is about running out of time: its limit is meant to be short."""
    return any(isinstance(node, ast.Call) and re.search(r"(?i)raises", called(node)) for node in ast.walk(function))


def measures(function: ast.AST) -> bool:
    """Whether a test measures how long something takes, so that a longer wait is another test."""
    return any(isinstance(node, ast.Call) and called(node) in _CLOCKS for node in ast.walk(function))


def failing_line(failure: Failure, path: str, function: Function) -> int:
    """The line of the test at which it failed, 0 where that is not known."""
    last = function.end_lineno or function.lineno
    lines = [f.line for f in failure.facts.frames if f.file == path and function.lineno <= f.line <= last]
    return lines[-1] if lines else 0
