"""Tests that state a day which has passed since run with the clock before it.

That is done only where experiments saw the outcome turn at the very day that the test states. A product can be wrong
and give the same picture: one that looks at the clock although it was told what the time is. So nothing is done where
the test states a second date or tells a time, where the product states a date near that day itself, or where words say
that it holds on every day (the next delivery, never less than zero).
"""

import ast
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from maestro.healing import _clock
from maestro.healing._draws import texts
from maestro.healing._promises import EVERY_DAY, promised
from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.known_forms import set_back
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.flaky_stabilization.giving_back import below_imports
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.names import canonical
from maestro.healing.strategies.timing_adjustment.numbers import Function, functions
from maestro.model import Failure, Strategy

# Words for a moment that is handed over, and for means to set the clock.
_TELLS = re.compile(
    r"(?i)(\w*_)?(now|today|at|when|as_of|asof|clock|current\w*|moment|reference\w*|base_?date|relative_?to|utcnow|"
    r"time_?func|time_?source|get_?time|time_?fn|timer)"
)
_SETS = re.compile(r"(?i)freeze|freezegun|time_machine|travel|fake_?time|libfaketime|mock_?time|frozen|fake_?clock")
_PATCHED = re.compile(r"\b(time|datetime|date|now|utcnow|today)$")
_BY_TIME = re.compile(r"\btime\.time\(|\b(date|datetime)\.today\(|\bgmtime\(\)|\blocaltime\(\)|(?<![\w.])time\(\)")
_BY_SYSTEM = re.compile(r"\b(now|utcnow)\(")
_WAYS = {"time_machine": "time-machine", "freezegun": "freezegun"}


class ClockSetBack:
    """Marks the failing tests to run with the clock before the day that they state."""

    name = "clock_set_back"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal for each way that the project has to set a clock.

        Raises
        ------
        LeftAloneError
            If the product may be wrong with the same picture.
        """
        told = failure.diagnosis
        if told.get("verdict") != "clock":
            return
        tree, date = SourceTree(project.root, project.test_paths), datetime.fromisoformat(told["date"])
        found = functions(failure, tree)
        files = dict.fromkeys(path for path, _ in found)
        if not found or any(tree.role(path) not in (Role.TEST, Role.FIXTURE) for path in files):
            return
        why = _possible_defect(failure, project, found, tree, date.replace(tzinfo=UTC))
        if not why and (words := promised(failure, project, EVERY_DAY)):
            why = f"{words}: the product may have to go on from that day"
        if why:
            raise LeftAloneError(f"the tests turn at {told['date']}, which they state, but {why}")
        for way in _ways(failure, project):
            edits: dict[str, str | None] = {}
            for path in files:
                marked = [function for of, function in found if of == path]
                changed = with_clock(tree.text(path) or "", marked, way, told["then"], told["date"])
                if changed is not None:
                    edits[path] = changed
            if len(edits) == len(files):
                said = f"{told['date']}, which the tests state, has passed: they run with the clock at {told['then']}"
                yield Proposal(edits, said, 0.6, workaround=True)


def _possible_defect(
    failure: Failure, project: Project, found: list[tuple[str, Function]], tree: SourceTree, date: datetime
) -> str:
    """Why the product may be what is wrong; "" where nothing says so."""
    if _clock.product_states(failure, project.root, date):
        return "the product states a date near it itself"
    for path, function in found:
        text = tree.text(path) or ""
        if len(_clock.stated(text, function.name)) > 1:
            return "they state other dates as well, and the product may have to go by those"
        if _tells_time(parse(text) or ast.Module([], []), function.name):
            return "they tell the product what the time is, and it may have to go by that"
    return ""


def _tells_time(module: ast.Module, test: str) -> bool:
    """Whether a test, or the helpers and constants of its file, hand over a moment or set a clock."""
    for part in _clock.parts(module, test):
        for node in ast.walk(part):
            match node:
                case ast.keyword(arg=str(name)) | ast.arg(arg=name) if _TELLS.fullmatch(name):
                    return True
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if _SETS.search(name):
                    return True
                case ast.Attribute(attr=name, ctx=ast.Store()) if _TELLS.fullmatch(name):
                    return True
                case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=args) if called in (
                    "patch", "object", "setattr", "MagicMock"
                ):  # fmt: skip
                    words = [str(n.value) for a in args for n in ast.walk(a) if isinstance(n, ast.Constant)]
                    if any(map(_PATCHED.search, words)):
                        return True
    return False


def _ways(failure: Failure, project: Project) -> list[str]:
    """How the clock can be set: by what is installed for it, else by a stand-in for ``time.time`` where that does."""
    installed = set(map(canonical, project.facts.distributions))
    found = [way for way, distribution in _WAYS.items() if distribution in installed]
    if found:
        return found
    read = "\n".join(texts(failure, project.root))
    return ["monkeypatch"] if _BY_TIME.search(read) or not _BY_SYSTEM.search(read) else []


def with_clock(text: str, marked: list[Function], way: str, then: str, stated: str) -> str | None:
    """Add the fixture below the imports, and the mark to tests; None where the name is taken."""
    module = parse(text)
    if module is None or set_back.FIXTURE in text:
        return None
    lines = text.splitlines(keepends=True)
    for function in sorted(marked, key=lambda f: -f.lineno):
        place = min([function.lineno, *(d.lineno for d in function.decorator_list)]) - 1
        margin = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        newline = "\r\n" if lines[place].endswith("\r\n") else "\n"
        lines.insert(place, f'{margin}@pytest.mark.usefixtures("{set_back.FIXTURE}"){newline}')
    wanted = ["pytest"] if way == "monkeypatch" else [way, "pytest"]
    changed = below_imports("".join(lines), parse("".join(lines)) or module, wanted, set_back.lines(way, then, stated))
    return changed if parse(changed) is not None else None
