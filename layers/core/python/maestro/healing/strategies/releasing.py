"""When things were released: the project itself, and the versions of a distribution."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from maestro.healing.strategies.environment import stated_lines
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import IndexUnavailableError, Release, releases
from maestro.healing.strategies.metadata import own_release
from maestro.healing.strategies.names import canonical

_CHANGES = re.compile(r"(?i)(change|history|news|release)")
# What runs the tests, and what that needs: of a time before the interpreter's none of it knows the interpreter.
_TOOLS = frozenset({"pluggy", "iniconfig", "packaging", "attrs", "pygments", "tomli", "exceptiongroup", "coverage",
                    "setuptools", "wheel", "pip", "typing-extensions"})  # fmt: skip
_BEFORE = timedelta(days=365)  # a tool of so long before an interpreter mostly runs on it
_DAY = re.compile(r"\b(20\d\d)[-/.](\d\d?)[-/.](\d\d?)\b")


def release_date(evidence: Evidence) -> datetime | None:
    """Return when the release that the tree states to be was uploaded, or None.

    A version that was never released (a commit between two releases) has the date of the one before it; a project
    that is not published has the newest date of its list of changes.
    """
    own = own_release(evidence.tree)
    version = parsed(own[1]) if own else None
    if own is None or version is None:
        return _last_change(evidence)
    try:
        known = releases(own[0], evidence.project.network)
    except IndexUnavailableError:
        return None
    dated = [r for r in known if r.uploaded and r.version <= version]
    return max(dated, key=lambda r: r.version).uploaded if dated else _last_change(evidence)


def worked_on(evidence: Evidence, changes: Sequence[Mapping[str, object]]) -> datetime | None:
    """When the project was last worked on: its release or the newest commit, whichever is later.

    None where that is not known, or where something was changed that is not committed.
    """
    if any(not change.get("commit") for change in changes):
        return None
    days = [day for change in changes if (day := _parsed(str(change.get("date", "")))) is not None]
    release = release_date(evidence)
    return max([*days, *([release] if release is not None else [])], default=None)


def _parsed(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _last_change(evidence: Evidence) -> datetime | None:
    now, days = datetime.now(UTC), []
    for path in evidence.tree.files:
        if path.count("/") <= 1 and _CHANGES.match(path.rpartition("/")[2]):
            for year, month, day in _DAY.findall(evidence.tree.text(path) or ""):
                try:
                    days.append(datetime(int(year), int(month), int(day), tzinfo=UTC))
                except ValueError:
                    continue  # a number that looks like a day
    return max((day for day in days if day < now), default=None)


def born(python: tuple[int, int]) -> datetime:
    """Return when an interpreter was released: since 3.9 each October."""
    return datetime(2011 + python[1], 10, 8, tzinfo=UTC)


def bound_after(known: Sequence[Release], when: datetime, python: tuple[int, int] | None = None) -> Version | None:
    """Return the exclusive bound that leaves the releases uploaded until ``when``.

    None where none was uploaded until then, where none came later, or where the dates are not known. With ``python``
    only releases count that take it.
    """
    dated = [r for r in known if r.uploaded]
    before = [r for r in dated if r.uploaded and r.uploaded <= when and (python is None or r.takes(python))]
    if not before or all(r.uploaded and r.uploaded <= when for r in dated):
        return None
    newest = max(r.version for r in before)
    return next_bound(known, newest)


def ready(known: Sequence[Release], python: tuple[int, int]) -> list[Release]:
    """Return the releases that an interpreter can install without compiling anything.

    Where a distribution comes compiled, a release without any wheel is one that has to be.
    """
    compiled = any(interpreter.startswith("cp") for r in known for interpreter, _ in r.wheels)
    return [r for r in known if r.takes(python) and r.built_for(python) and (r.wheels or not compiled)]


def installed_version(evidence: Evidence, distribution: str, known: Sequence[Release]) -> Version | None:
    """Return the version at hand; for what an earlier round has added or pinned, the newest that its line allows."""
    stated = stated_lines(evidence.project).get(canonical(distribution))
    version = parsed(evidence.installed(distribution))
    if version is not None and (stated is None or stated.specifier.contains(version, prereleases=True)):
        return version
    captured = {canonical(name): number for name, number in evidence.facts.versions.items()}
    if captured.get(distribution):
        return parsed(captured[distribution])
    if stated is None:
        return None
    fitting = [r.version for r in known if r.takes(evidence.python) and stated.specifier.contains(str(r.version))]
    return max(fitting, default=None)


def is_tool(distribution: str) -> bool:
    """Whether a distribution runs the tests, or is needed by what does."""
    return canonical(distribution) in _TOOLS or canonical(distribution).startswith("pytest")


def runs(distribution: str, known: Sequence[Release], wanted: SpecifierSet, python: tuple[int, int]) -> bool:
    """Whether what a range installs can run on an interpreter, as far as the index tells.

    There are files for it, and a tool is not much older than the interpreter: none of long before knows it.
    """
    left = [r for r in known if wanted.contains(str(r.version)) and r.takes(python)]
    left = [r for r in left if r.built_for(python) or r.source]
    if not left or not is_tool(distribution):
        return bool(left)
    return left[-1].uploaded is None or left[-1].uploaded >= born(python) - _BEFORE


def next_bound(known: Sequence[Release], version: Version) -> Version:
    """Return the first release after a version, short; the version itself where none came."""
    later = [r.version for r in known if r.version > version]
    return _short(later[0]) if later else version


def parsed(text: str) -> Version | None:
    """Parse a version; None where it is none."""
    try:
        return Version(text) if text else None
    except InvalidVersion:
        return None


def _short(version: Version) -> Version:
    """Drop trailing zeros: "<2.1" reads better than "<2.1.0" and means the same."""
    release = list(version.release)
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    return Version(".".join(map(str, release)))
