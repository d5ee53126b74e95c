"""A project that predates its environment -> the environment of its own time. A workaround, and the last resort.

Such a candidate leaves the code and the tests as they are, so it can hide no defect that the source has in every
environment: where the same source and the same tests pass in the older environment, the environment is the cause. That
makes it the experiment that may contradict a diagnosis of regression, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from packaging.requirements import Requirement
from packaging.version import Version

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.dependency_fix.naming import find
from maestro.healing.strategies.dependency_fix.plugins import asked
from maestro.healing.strategies.dependency_fix.versions import interpreter_is_the_cause
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import IndexUnavailableError, Release, releases
from maestro.healing.strategies.metadata import excludes_python, supported_pythons
from maestro.healing.strategies.names import canonical, is_stdlib
from maestro.healing.strategies.releasing import born, bound_after, is_tool, parsed, ready, release_date
from maestro.model import Failure, Strategy

# The last interpreters before each wave of removals, with the day of their first release.
_INTERPRETERS = (
    ((3, 8), datetime(2019, 10, 14, tzinfo=UTC)),  # 3.9 changed the parser and dropped much of what Python 2 left
    ((3, 9), datetime(2020, 10, 5, tzinfo=UTC)),  # 3.10 dropped the abstract classes in collections, asyncio's loop=
    ((3, 11), datetime(2022, 10, 24, tzinfo=UTC)),  # 3.12 dropped distutils, imp, asyncore and unittest's old names
    ((3, 12), datetime(2023, 10, 2, tzinfo=UTC)),  # 3.13 dropped cgi, telnetlib and others
)
_SETTLED = timedelta(days=365)  # what came out this long after a release still fits it, mostly
_YOUNG = timedelta(days=365)  # a project younger than this has no other time to go back to
_LOOKUPS = 8


@dataclass(frozen=True, slots=True)
class _Time:
    """An interpreter and a day: the environment as it could have been installed then.

    ``tools`` is the day for what runs the tests, which has to know the interpreter.
    """

    python: tuple[int, int]
    day: datetime
    tools: datetime


class DatedEnvironment:
    """Takes the interpreter and the pinned distributions back to the project's own time."""

    name = "dated_environment"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the dependencies of the interpreter's first year, those of the project's time, then both of it."""
        evidence = Evidence(failure, project)
        if _lacking(evidence) or evidence.unasserted:
            return
        when = release_date(evidence)
        if when is None or when > datetime.now(UTC) - _YOUNG:
            return
        pins = list(_pins(project))
        known = _known([pin.name for pin in pins], project)
        if known is None:
            return
        for rank, time in enumerate(_times(evidence, when)):
            lines = [_as_of(pin, known[canonical(pin.name)], time) for pin in pins]
            both = list(zip(lines, pins, strict=True))
            changed = [line for line, pin in both if line is not None and str(line) != str(pin)]
            gone = [pin.name for line, pin in both if line is None]
            python = "" if time.python == evidence.python else "{}.{}".format(*time.python)
            if not changed and not python:
                continue
            yield Proposal(
                environment.replace(project, evidence.tree, changed, removed=gone, python=python),
                _summary(evidence, when, time, len(changed) + len(gone) * bool(python)),
                0.32 - 0.03 * rank,
                workaround=True,
            )


def _lacking(evidence: Evidence) -> bool:
    """Whether something is not installed at all that some distribution brings: no time gone back to installs it."""
    for module in evidence.missing_modules[:1]:
        top = module.partition(".")[0]
        if not is_stdlib(top) and top not in evidence.project.facts.modules:
            return next(find(evidence, module), None) is not None
    return any(not evidence.installed(Requirement(line).name) for lines, _ in asked(evidence) for line in lines)


def _pins(project: Project) -> Iterator[Requirement]:
    return (each for each in environment.stated(project) if each.url is None and each.marker is None)


def _known(names: Sequence[str], project: Project) -> dict[str, tuple[Release, ...]] | None:
    """Ask the index for all names at once; None where it does not answer."""
    try:
        with ThreadPoolExecutor(_LOOKUPS) as pool:
            found = list(pool.map(lambda name: releases(name, project.network), names))
    except IndexUnavailableError:
        return None
    return {canonical(name): known for name, known in zip(names, found, strict=True)}


def _times(evidence: Evidence, when: datetime) -> Iterator[_Time]:
    """Yield the times to try, the nearest to what is installed first; only older interpreters have what Python lost."""
    if interpreter_is_the_cause(evidence):
        yield from _older(evidence, when)
        return
    here = max(when, born(evidence.python)) + _SETTLED
    yield _Time(evidence.python, here, here)
    if when + _SETTLED < here:
        yield _Time(evidence.python, when + _SETTLED, here)
    yield from _older(evidence, when)


def _older(evidence: Evidence, when: datetime) -> Iterator[_Time]:
    """Yield the time of an older interpreter.

    Only where the project's own metadata says that it is not for the one at hand.
    """
    older = [entry for entry in _INTERPRETERS if entry[0] < evidence.python]
    if not older or not excludes_python(evidence.tree, evidence.python):
        return
    declared = supported_pythons(evidence.tree)
    fitting = [entry for entry in older if entry[1] <= when + _SETTLED / 2 or entry[0] in declared]
    python, born = (fitting or older[:1])[-1]
    yield _Time(python, max(when, born) + _SETTLED, max(when, born) + _SETTLED)


def _as_of(pin: Requirement, known: Sequence[Release], time: _Time) -> Requirement | None:
    """Return what is to be required instead of a pin; itself where it fits the time, None where nothing ever did."""
    if known and not any(r.takes(time.python) for r in known):
        return None
    exact = next((parsed(s.version) for s in pin.specifier if s.operator == "=="), None)
    extras = f"[{','.join(sorted(pin.extras))}]" if pin.extras else ""
    day = time.tools if is_tool(pin.name) else time.day
    # what is older than the first release that comes ready for the interpreter would have to be compiled
    days = [r.uploaded for r in ready(known, time.python) if r.uploaded]
    existed = any(r.uploaded and r.uploaded <= day for r in known)
    bound = bound_after(known, max(day, min(days, default=day)) if existed else day, time.python)
    if bound is not None and (exact is None or bound <= exact):
        return pin if exact is None and not _newer(pin, bound, known) else Requirement(f"{pin.name}{extras}<{bound}")
    release = next((r for r in known if exact is not None and r.version == exact), None)
    young = bool(release and release.uploaded and release.uploaded > day)
    if exact is not None and (young or release is None or not release.takes(time.python)):
        return Requirement(f"{pin.name}{extras}")  # nothing of it existed then: whatever fits the others
    return pin


def _newer(pin: Requirement, bound: Version, known: Sequence[Release]) -> bool:
    """Whether an open requirement would install something that is younger than the bound."""
    return any(pin.specifier.contains(str(r.version)) for r in known if r.version >= bound)


def _summary(evidence: Evidence, when: datetime, time: _Time, changed: int) -> str:
    python = "" if time.python == evidence.python else "Python {}.{}".format(*time.python)
    number = f"{changed} distribution{'s' if changed > 1 else ''}" if changed else ""
    what = " and ".join(part for part in (python, number) if part)
    then = min(time.day - _SETTLED, datetime.now(UTC))
    whose = (
        "the project's release" if then.date() <= when.date() else f"Python {time.python[0]}.{time.python[1]}'s release"
    )
    return f"take {what} back to the time of {whose} ({then:%B %Y}); its code and tests stay as they are"
