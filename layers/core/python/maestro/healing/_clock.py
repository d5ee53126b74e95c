"""Whether a date that a test states has passed: it is run with the clock a little before that date and after it.

The claim of such a test was true only until then. Where the outcome turns at the very date that the test itself
states, that date is the cause; a product that fails from another day on does not give that picture.
"""

import ast
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from maestro.healing._draws import texts
from maestro.healing._experiment import Experiment, Observation
from maestro.healing._roles import is_test_file
from maestro.healing._trees import parse
from maestro.healing.base import Project
from maestro.model import Failure

DAYS = 2  # before and after the date; time zones are smaller
MOST = 3  # dates that are tried
_NEAR = timedelta(days=31)
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = 4_000_000_000  # seconds since 1970; a greater number is none of these
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_ISO = re.compile(r"(?<!\d)(20\d\d)-(\d\d?)-(\d\d?)(?!\d)")
_DAY_FIRST = re.compile(rf"(?i)(?<!\d)(\d\d?)[ -]{_MONTH}[ -](20\d\d)(?!\d)")
_MONTH_FIRST = re.compile(rf"(?i)\b{_MONTH} +(\d\d?),? +(?:\d\d:\d\d(?::\d\d)? +)?(20\d\d)(?!\d)")
_READS = re.compile(r"\b(now|utcnow|today)\(|\btime\.time\(|(?<![\w.])time\(\)|\b(gmtime|localtime)\(\)")
_EXPIRED = re.compile(r"(?i)expir")
_MAKES = frozenset({"date", "datetime", "Date", "DateTime"})


def passed(failure: Failure, project: Project, now: datetime) -> tuple[datetime, ...]:
    """The dates that the failing tests state and that are over, the latest first; none where nothing reads a clock."""
    read = any(map(_READS.search, texts(failure, project.root)))
    if not read and not _EXPIRED.search(f"{failure.facts.exception} {failure.facts.message}"):
        return ()
    found: set[datetime] = set()
    for test in failure.tests:
        file, _, rest = test.partition("[")[0].partition("::")
        path = (project.root / file).resolve()
        if rest and path.is_relative_to(project.root.resolve()) and path.is_file():
            found |= stated(path.read_text("utf-8", "replace"), rest.rpartition("::")[2])
    return tuple(sorted((d for d in found if _OLDEST < d < now - timedelta(days=DAYS + 1)), reverse=True)[:MOST])


def stated(text: str, test: str) -> set[datetime]:
    """The dates (midnight, UTC) that a test, the helpers of its file or the file's own constants state."""
    module = parse(text)
    return {date for node in parts(module, test) for date in dates(node)} if module is not None else set()


def parts(module: ast.Module, test: str) -> Iterator[ast.stmt]:
    """The statements of a file that are not those of other tests."""
    for node in module.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for part in inner:
            function = part.name if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) else ""
            if function == test or not function.startswith("test"):
                yield part


def dates(node: ast.AST) -> Iterator[datetime]:
    """The dates in a piece of source: in strings, as ``datetime(2020, 1, 1)``, and as seconds since 1970."""
    for inner in ast.walk(node):
        match inner:
            case ast.Constant(value=str(text)):
                yield from _written(text)
            case ast.Constant(value=bytes(raw)):
                yield from _written(raw.decode("latin-1"))
            case ast.Constant(value=int() | float() as number) if _OLDEST.timestamp() < number < _LATEST:
                moment = datetime.fromtimestamp(number, UTC)
                yield moment.replace(hour=0, minute=0, second=0, microsecond=0)
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name),
                args=[ast.Constant(value=int(y)), ast.Constant(value=int(m)), ast.Constant(value=int(d)), *_],
            ) if name in _MAKES:
                yield from _valid(y, m, d)


def _written(text: str) -> Iterator[datetime]:
    for y, m, d in _ISO.findall(text):
        yield from _valid(int(y), int(m), int(d))
    for d, month, y in _DAY_FIRST.findall(text):
        yield from _valid(int(y), _MONTHS.index(month.lower()) + 1, int(d))
    for month, d, y in _MONTH_FIRST.findall(text):
        yield from _valid(int(y), _MONTHS.index(month.lower()) + 1, int(d))


def _valid(year: int, month: int, day: int) -> Iterator[datetime]:
    try:
        yield datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return


def product_states(failure: Failure, root: Path, date: datetime) -> bool:
    """Whether product code that the tests enter states a date near this one itself, or that year as a number."""
    for name in failure.facts.covered:
        path = (root / name).resolve()
        if is_test_file(name) or not path.is_relative_to(root.resolve()) or not path.is_file():
            continue
        module = parse(path.read_text("utf-8", "replace"))
        if module is None or any(abs(seen - date) <= _NEAR for seen in dates(module)):
            return True
        years = {date.year, (date - _NEAR).year, (date + _NEAR).year}
        if any(isinstance(n, ast.Constant) and n.value in years for n in ast.walk(module)):
            return True
    return False


def turned(tests: tuple[str, ...], found: Sequence[datetime]) -> list[Experiment]:
    """The runs that tell: with the clock before each date, and after it."""
    return [
        Experiment(f"clock-{date:%Y-%m-%d}-{word}", tests, "alone", repeat=2, watch=tests, clock=moment(date, days))
        for date in found
        for word, days in (("before", -DAYS), ("after", DAYS))
    ]


def moment(date: datetime, days: int) -> float:
    """Seconds since 1970 so many days after a date."""
    return (date + timedelta(days=days)).timestamp()


def decided(
    known: Mapping[str, Observation], victims: Sequence[str], every: tuple[str, ...]
) -> dict[str, object] | None:
    """Return the diagnosis where the tests pass before a date that they state and fail after it; None elsewhere."""
    for name, before in known.items():
        after = known.get(name.replace("-before", "-after"))
        if not (name.startswith("clock-") and name.endswith("-before")) or after is None or not victims:
            continue
        if all(before.rate(v) == 0.0 and after.rate(v) == 1.0 for v in victims):
            date = datetime.strptime(name[6:16], "%Y-%m-%d").replace(tzinfo=UTC)
            then = f"{date - timedelta(days=DAYS):%Y-%m-%d}"
            again = Experiment(f"again-{name[:16]}", every, "alone", repeat=2, clock=moment(date, DAYS))
            words = f"it passes with the clock at {then} and fails after {name[6:16]}, a date that it states"
            return {"verdict": "clock", "words": words, "victims": list(victims), "polluters": [], "changes": {},
                    "date": name[6:16], "then": then, "stress": [dataclasses.asdict(again)]}  # fmt: skip
    return None
