"""A dependency changed under the project -> the newest releases that may still fit. All of it is a workaround."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.catalogue import Change, removals
from maestro.healing.strategies.data import table
from maestro.healing.strategies.dependency_fix.companions import companions
from maestro.healing.strategies.environment import stated_lines
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import IndexUnavailableError, Release, releases
from maestro.healing.strategies.metadata import stated_requirement
from maestro.healing.strategies.names import canonical, is_stdlib
from maestro.healing.strategies.releasing import (
    born,
    bound_after,
    installed_version,
    next_bound,
    parsed,
    ready,
    release_date,
    runs,
)
from maestro.healing.strategies.resolve import resolved
from maestro.model import Failure, Strategy

_NEVER = frozenset({"", "python", "pip", "setuptools", "wheel"})
_PINS = 6
_WITH_COMPANIONS = 2  # the bounds of a distribution that are tried with its companions as well
_BESIDE = 0.06  # by which a pin with its companions is less likely than alone: after the next one alone
_SETTLED = timedelta(days=365)  # a plugin mostly runs in what came out this long after it
_OUTDATED = timedelta(days=2 * 365)  # what had a successor for so long was not what the project was made for
_DEFAULT_AGE = timedelta(days=6 * 365)


class VersionPin:
    """Pins the distribution whose change broke the project, to releases spread over the time it still fitted."""

    name = "version_pin"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield pins, the newest first."""
        evidence = Evidence(failure, project)
        if failure.facts.assertion or evidence.unasserted:  # an older mock would only let the test say nothing again
            return
        yield from _upgrades(evidence)
        yield from _tool_of_plugin(evidence)
        if interpreter_is_the_cause(evidence):
            return
        blamed = suspects(evidence)[:2]
        yield from _as_declared(evidence, blamed)
        when = release_date(evidence)
        for distribution in blamed:
            try:
                known = releases(distribution, project.network)
            except IndexUnavailableError:
                continue
            installed = installed_version(evidence, distribution, known)
            if installed is None:
                continue
            older = [r for r in known if r.version < installed and r.takes(evidence.python)]
            older = [r for r in ready(known, evidence.python) if r.version < installed] or older
            bounds = list(_bounds(evidence, distribution, older, known, installed))
            seen: set[Version] = set()
            for rank, (bound, why, used) in enumerate(bounds):
                if bound in seen or len(seen) >= _PINS or not (used or _of_its_time(known, bound, when)):
                    continue
                if not runs(distribution, known, SpecifierSet(f"<{bound}"), evidence.python):
                    continue
                seen.add(bound)
                want, prior = Requirement(f"{distribution}<{bound}"), 0.45 - 0.05 * rank
                yield _pinned(evidence, [want], why, prior)
                left = max((r for r in known if r.version < bound and r.takes(evidence.python)), key=_version)
                beside = companions(evidence, distribution, left) if len(seen) <= _WITH_COMPANIONS else []
                if beside:
                    words = f"{why}, with what {distribution} {left.version} was made for"
                    yield _pinned(evidence, [want, *beside], words, prior - _BESIDE)


def _pinned(evidence: Evidence, wanted: Sequence[Requirement], why: str, prior: float) -> Proposal:
    changed = resolved(evidence.project, evidence.python, wanted)
    edits = environment.replace(evidence.project, evidence.tree, changed)
    return Proposal(edits, f"pin {', '.join(map(str, changed))}: {why}", prior, workaround=True)


def _version(release: Release) -> Version:
    return release.version


class FamilyPin:
    """Takes a family of distributions back, together, to the time of the project's own release."""

    name = "family_pin"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield pins of the whole family at the project's release, and at a year after it."""
        if failure.facts.assertion:
            return
        evidence = Evidence(failure, project)
        when = None if evidence.unasserted else release_date(evidence)
        if when is None:
            return
        members = self._members(evidence)
        if len(members) < 2:
            return
        for rank, (days, words) in enumerate(
            ((90, "when the project was released"), (540, "a year and a half after the project's release"))
        ):
            wanted: list[Requirement] = []
            for name in members:
                try:
                    known = releases(name, project.network)
                except IndexUnavailableError:
                    return
                bound = bound_after(known, when + timedelta(days=days))
                installed = installed_version(evidence, name, known)
                held = bound is not None and installed is not None and bound <= installed
                if held and bound is not None and runs(name, known, SpecifierSet(f"<{bound}"), evidence.python):
                    wanted.append(Requirement(f"{name}<{bound}"))
            if len(wanted) > 1:
                edits = environment.replace(project, evidence.tree, resolved(project, evidence.python, wanted))
                pins = ", ".join(map(str, wanted))
                yield Proposal(edits, f"pin {pins}: the family as it was {words}", 0.35 - 0.05 * rank, workaround=True)

    def _members(self, evidence: Evidence) -> list[str]:
        blamed = set(suspects(evidence))
        if not blamed:
            return []
        members: list[str] = []
        for family in table("families")["families"]:
            if blamed & set(family):
                members += [name for name in family if evidence.installed(name)]
        for name in evidence.project.facts.distributions:  # what the project itself asks for breaks with it
            if stated_requirement(evidence.tree, name) is not None and not canonical(name).startswith("pytest"):
                members.append(canonical(name))
        return [m for m in dict.fromkeys([*sorted(blamed), *members]) if m not in _NEVER][:12]


def suspects(evidence: Evidence) -> list[str]:
    """Return the third-party distributions whose change the failure points at, the likeliest first."""
    facts = evidence.facts
    blamed = [name.distribution for name in evidence.missing_names]
    found: list[str] = []
    callee = str(evidence.attribute("callee"))
    if callee and evidence.is_exception("TypeError"):
        found.append(evidence.distribution_of(callee))
    found += [canonical(f.distribution) for f in reversed(facts.frames) if f.distribution and not f.in_project]
    found += [canonical(name) for name in facts.versions]
    stated = stated_lines(evidence.project)  # what an earlier round has added is not among the facts yet
    found += [evidence.distribution_of(module) for module in evidence.missing_modules if "." in module]
    owners = (canonical(name.owner.partition(".")[0]) for name in evidence.missing_names)
    found += [name for name in owners if name in stated]
    # Compiled code leaves no frames, but its errors often say whose they are.
    said = {canonical(word.strip("-")) for word in re.findall(r"[A-Za-z][\w-]{3,}", evidence.failure.message)}
    found += sorted(said & {canonical(name) for name in evidence.project.facts.distributions})
    own = evidence.own_distributions
    tools = {"pytest", "pluggy"} if any(f.in_project for f in facts.frames) else set()
    # A deprecation that the project's settings turn into an error: its source may be an installer too.
    never = _NEVER - {"setuptools"} if facts.exception.endswith("Warning") else _NEVER
    found = [*blamed, *(name for name in found if name not in tools)]
    return [name for name in dict.fromkeys(found) if name not in never and name not in own]


def _bounds(
    evidence: Evidence, distribution: str, older: Sequence[Release], known: Sequence[Release], installed: Version
) -> Iterator[tuple[Version, str, bool]]:
    """Yield exclusive upper bounds with their reasons: known removals, then releases spread back in time.

    The last says whether the project shows that it used what lies below the bound, whenever it was made: it imports a
    module that went with it.
    """
    for change in removals(distribution):
        bound = parsed(change.removed_in)
        if bound is not None and bound <= installed and (lost := _lost(evidence, change)):
            yield bound, f"{lost} was removed in {change.removed_in} ({change.source})", _imported(evidence, lost)
    if not older:
        return
    newest = {r.version.major: r.version for r in older if r.version.major < installed.major}
    minors = [r.version for r in older if r.version.release[:2] < installed.release[:2]]
    tops = [next_bound(known, newest[major]) for major in sorted(newest, reverse=True)[:2]]
    released, now = release_date(evidence), datetime.now(UTC)
    start = released or now - _DEFAULT_AGE
    span = now - start
    then = "when the project was released" if released else f"{_DEFAULT_AGE.days // 365} years ago"
    between = "between the project's release and now" if released else f"in the last {_DEFAULT_AGE.days // 365} years"

    def at(share: float) -> list[Version]:
        bound = bound_after(known, start + span * share)
        return [bound] if bound is not None and known[0].version < bound <= installed else []

    series = "the newest release series before {}"
    for bounds, why in (
        (tops[:1], series),
        (at(0.0), f"as it was {then}"),
        ([next_bound(known, version) for version in minors[-1:]], series),
        (tops[1:], series),
        *((at(share), f"as it was {between}") for share in (0.5, 0.25, 0.75)),
    ):
        for bound in bounds:
            yield bound, why.format(bound), False


def _lost(evidence: Evidence, change: Change) -> str:
    """Return what a documented removal took that the failure misses: a name, a keyword, a module; "" for nothing.

    A package that is missing went with what was in it.
    """
    if change.kind == "keyword":
        callee, _, keyword = change.old.rstrip(")").partition("(")
        owner = canonical(str(evidence.attribute("callee_distribution")))
        named = any(keyword == name and callee in ("*", *said.split(".")) for said, name in evidence.keyword_errors)
        return change.old if named and owner in ("", change.distribution) else ""
    if any(missing.name == change.name for missing in evidence.missing_names):
        return change.old
    for module in evidence.missing_modules:
        if change.kind == "module" and f"{module}.".startswith(f"{change.old}."):
            return change.old
        if "." in module and change.kind in ("module", "move") and change.old.startswith(f"{module}."):
            return module
    return ""


def _imported(evidence: Evidence, lost: str) -> bool:
    """Whether what was lost is a missing module, or held one."""
    return any(f"{module}.".startswith(f"{lost}.") for module in evidence.missing_modules)


def _of_its_time(known: Sequence[Release], bound: Version, when: datetime | None) -> bool:
    """Whether a bound leaves a release that was current when the project was made, or came later."""
    left = max((r for r in known if r.version < bound), key=lambda r: r.version, default=None)
    return left is not None and (when is None or left.uploaded is None or _successor(known, left, when))


def _successor(known: Sequence[Release], left: Release, when: datetime) -> bool:
    """Whether nothing newer than ``left`` had long been out at a time."""
    return not any(r.version > left.version and r.uploaded and r.uploaded < when - _OUTDATED for r in known)


def interpreter_is_the_cause(evidence: Evidence) -> bool:
    """Whether everything that is missing was part of Python itself: no version of a distribution brings it back."""
    modules = evidence.missing_modules
    if evidence.missing_names:
        gone = {change.name for change in removals("python") if change.kind == "method" and change.unique}
        return all(name.distribution == "python" or name.name in gone for name in evidence.missing_names)
    return bool(modules) and all(is_stdlib(module) for module in modules)


def _as_declared(evidence: Evidence, blamed: Sequence[str]) -> Iterator[Proposal]:
    """Yield what the project itself declares of the suspects and the environment does not hold to, all at once."""
    broken = [
        Requirement(f"{stated.name}{stated.specifier}")
        for name, stated in sorted(evidence.declared.items())
        if (version := parsed(evidence.installed(name)))
        and stated.specifier
        and (stated.marker is None or "extra" in str(stated.marker))
        and not any(s.operator in ("==", "===") for s in stated.specifier)
        and not stated.specifier.contains(version, prereleases=True)
        and _runs(evidence, stated)
    ]
    if any(canonical(want.name) in blamed for want in broken):
        changed = resolved(evidence.project, evidence.python, broken)
        edits = environment.replace(evidence.project, evidence.tree, changed)
        lines = ", ".join(map(str, changed))
        yield Proposal(edits, f"pin {lines}: the range that the project itself declares", 0.55, workaround=True)


def _runs(evidence: Evidence, stated: Requirement) -> bool:
    try:
        known = releases(stated.name, evidence.project.network)
    except IndexUnavailableError:
        return True
    return runs(stated.name, known, stated.specifier, evidence.python)


def _tool_of_plugin(evidence: Evidence) -> Iterator[Proposal]:
    """Yield the pytest of the time of a plugin whose own code no longer runs in the pytest at hand."""
    plugin = evidence.raised_in
    if not plugin.startswith("pytest-"):
        return
    try:
        plugins, tools = (releases(name, evidence.project.network) for name in (plugin, "pytest"))
    except IndexUnavailableError:
        return
    version, tool = installed_version(evidence, plugin, plugins), installed_version(evidence, "pytest", tools)
    made = next((r.uploaded for r in plugins if r.version == version), None)
    if made is None or tool is None:
        return
    bound = bound_after(tools, max(made, born(evidence.python)) + _SETTLED, evidence.python)
    if bound is None or bound > tool:
        return
    changed = resolved(evidence.project, evidence.python, [Requirement(f"pytest<{bound}")])
    edits = environment.replace(evidence.project, evidence.tree, changed)
    lines = ", ".join(map(str, changed))
    yield Proposal(edits, f"pin {lines}: the pytest that {plugin} {version} was made for", 0.5, workaround=True)


def _upgrades(evidence: Evidence) -> Iterator[Proposal]:
    """Yield a newer release of the distribution whose own code does not run on this Python or beside its neighbours."""
    distribution = evidence.raised_in
    if not distribution or distribution in _NEVER | evidence.own_distributions:
        return
    try:
        known = releases(distribution, evidence.project.network)
    except IndexUnavailableError:
        return
    installed = installed_version(evidence, distribution, known)
    fitting = [r for r in known if r.takes(evidence.python)]
    if installed is None or not fitting or fitting[-1].version <= installed:
        return
    captured = parsed(evidence.installed(distribution))
    if captured is not None and captured > installed:
        return  # an earlier round took it back, for a reason
    changed = resolved(evidence.project, evidence.python, [Requirement(f"{distribution}>{installed}")])
    edits = environment.replace(evidence.project, evidence.tree, changed)
    lines = ", ".join(map(str, changed))
    yield Proposal(edits, f"upgrade to {lines}: the error is raised by the code of {distribution} {installed}", 0.6)
