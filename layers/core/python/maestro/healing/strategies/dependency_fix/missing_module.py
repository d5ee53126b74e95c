"""A module that nothing installed brings -> the distribution that does."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.data import table
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import imported_modules
from maestro.healing.strategies.index import IndexUnavailableError, releases
from maestro.healing.strategies.metadata import requirements, stated_requirement
from maestro.healing.strategies.names import canonical, is_stdlib
from maestro.model import Failure, Strategy

_NAMED = (  # "You must have lxml installed", "pip install foo", "foo is required", "the optional dependency 'foo'"
    re.compile(r"[Yy]ou (?:must|need to|should) (?:have |install )['\"`]?([A-Za-z][\w.-]*)['\"`]?"),
    re.compile(r"pip3? install (?:-U |--upgrade )?['\"`]?([A-Za-z][\w.\[\]-]*)"),
    re.compile(r"['\"`]?([A-Za-z][\w.-]*)['\"`]? (?:must be|needs to be|should be|has to be|is not|isn't) installed"),
    re.compile(r"[Mm]issing (?:optional )?dependency:? ['\"`]([A-Za-z][\w.-]*)['\"`]"),
    re.compile(r"(?:requires|needs) the ['\"`]?([A-Za-z][\w.-]*)['\"`]? (?:package|library|module)"),
    re.compile(r"['\"`]?([A-Za-z][\w.-]*)['\"`]? (?:package|library|module) (?:is|was) (?:required|not found|needed)"),
)
_NOT_NAMES = frozenset(
    [
        "a",
        "an",
        "and",
        "be",
        "it",
        "is",
        "the",
        "this",
        "that",
        "to",
        "package",
        "packages",
        "library",
        "libraries",
        "module",
        "modules",
        "not",
        "python",
        "required",
        "optional",
        "all",
        "from",
    ]
)


# What projects call their own modules: never installed on the strength of the name alone.
_COMMON = frozenset({
    "app", "apps", "base", "common", "conf", "config", "conftest", "constants", "core", "data", "demo",
    "example", "examples", "fixtures", "helper", "helpers", "lib", "main", "models", "run", "scripts",
    "server", "settings", "shared",
    "src", "support", "test", "testing", "tests", "tools", "util", "utils", "version",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A requirement that brings a module, why it is believed to, and how likely that is."""

    requirement: str
    why: str
    prior: float


class MissingModule:
    """Installs the distribution of a module that could not be imported."""

    name = "missing_module"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield a proposal per distribution that brings the module, then one with the file's other missing modules."""
        evidence = Evidence(failure, project)
        for module in evidence.missing_modules[:2]:
            found = list(find(evidence, module))
            for option in found:
                edits = environment.add(project, evidence.tree, [option.requirement])
                yield Proposal(
                    edits, f"install {option.requirement} for the module {module}: {option.why}", option.prior
                )
            if found:
                rest = _stated_and_imported(evidence, Requirement(found[0].requirement).name)
                if rest and "own files" in found[0].why:
                    lines = [found[0].requirement, *rest]
                    yield Proposal(
                        environment.add(project, evidence.tree, lines),
                        f"install {', '.join(lines)}: what the project's own files ask for and its sources import",
                        found[0].prior * 0.85,
                    )
                more = list(_companions(evidence, module))
                if more:
                    lines = [found[0].requirement, *more]
                    names = ", ".join(lines)
                    yield Proposal(
                        environment.add(project, evidence.tree, lines),
                        f"install {names}: the file that misses {module} imports them, and nothing brings them",
                        found[0].prior * 0.9,
                    )


def _stated_and_imported(evidence: Evidence, first: str) -> list[str]:
    """Everything else that the project states, some source imports, and the environment lacks (at most a dozen)."""
    imported: set[str] = set()
    for source in evidence.tree.sources():
        for module in imported_modules(source.text):
            candidate = _tabled(evidence, module) or module.partition(".")[0]
            imported.add(canonical(re.split(r"[<>=!\[;]", candidate)[0]))
    found: dict[str, str] = {}
    for requirement in requirements(evidence.tree, evidence.python):
        name = canonical(requirement.name)
        wanted = name in imported and name != canonical(first) and not (evidence.installed(name) or is_stdlib(name))
        if wanted and requirement.url is None and name not in evidence.own_distributions:
            pinned = any(s.operator == "==" for s in requirement.specifier)
            found.setdefault(name, requirement.name if pinned else f"{requirement.name}{requirement.specifier}")
    return list(found.values())[:12]


class NamedRequirement:
    """Installs what an error message tells its reader to install."""

    name = "named_requirement"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield a proposal for each distribution that the failure's message asks for and the index has."""
        evidence = Evidence(failure, project)
        if failure.facts.assertion or evidence.missing_modules:
            return
        message = "\n".join(
            (failure.message, failure.facts.message, *(c.get("message", "") for c in failure.facts.causes))
        )
        asked = dict.fromkeys(name for pattern in _NAMED for name in pattern.findall(message))
        for name in list(asked)[:3]:
            bare = name.rstrip(".").partition("[")[0]
            if bare.lower() in _NOT_NAMES or is_stdlib(bare) or evidence.installed(bare):
                continue
            for option in find(evidence, bare):
                edits = environment.add(project, evidence.tree, [option.requirement])
                yield Proposal(
                    edits, f"install {option.requirement}, which the error asks for: {option.why}", option.prior
                )


def find(evidence: Evidence, module: str) -> Iterator[Found]:
    """Yield the requirements that may bring ``module``, the likeliest first; nothing for the project's own modules.

    Only the project's own metadata, the table of import names, and a distribution whose normalised name *is* the
    import name are believed; a similar name is not (that is how typosquatters live).
    """
    top = module.partition(".")[0]
    if evidence.tree.owns(top) or top in table("python2_modules")["modules"]:
        return
    candidate = _tabled(evidence, module)
    removed = is_stdlib(top) and candidate is not None
    if is_stdlib(top) and not removed:
        return
    why = f"the table of import names says that {candidate} brings it"
    if candidate is None:
        candidate = _by_name(evidence, module)
        why = "a distribution of exactly that name is in the index"
    if candidate is None:
        return
    want = Requirement(candidate)
    if evidence.installed(want.name) and not want.specifier:
        return
    stated = None if want.specifier else stated_requirement(evidence.tree, want.name, evidence.python)
    if stated is None:
        yield Found(candidate, why, 0.85 if "table" in why else 0.7)
        return
    extras = f"[{','.join(sorted(stated.extras))}]" if stated.extras else ""
    bare, ranged = want.name + extras, f"{stated.name}{extras}{stated.specifier}"
    if stated.specifier and any(s.operator == "==" for s in stated.specifier):
        yield Found(bare, "the project's own files ask for it (in an old version)", 0.85)
        yield Found(ranged, "as the project's own files ask for it", 0.6)
    elif stated.specifier:
        yield Found(ranged, "as the project's own files ask for it", 0.9)
        yield Found(bare, "the project's own files ask for it, in another range", 0.5)
    else:
        yield Found(bare, "the project's own files ask for it", 0.9)


def _tabled(evidence: Evidence, module: str) -> str | None:
    data = table("import_names")
    parts = module.split(".")
    for row in data["instead"]:
        since = tuple(int(p) for p in row["since_python"].split("."))
        if row["module"] == parts[0] and evidence.python >= since:
            return str(row["requirement"])
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        for rows in (data["submodules"], data["names"]):
            if prefix in rows:
                return str(rows[prefix])
    return None


def _by_name(evidence: Evidence, module: str) -> str | None:
    parts = module.split(".")
    namespace = len(parts) > 1 and parts[0] in (
        "google",
        "zope",
        "backports",
        "azure",
        "jaraco",
        "sphinxcontrib",
        "repoze",
        "z3c",
        "plone",
    )
    name = "-".join(parts) if namespace else parts[0]
    if name.startswith("_"):
        return None
    for requirement in requirements(evidence.tree):
        if canonical(requirement.name) == canonical(name):
            return str(requirement.name)
    if name in evidence.tree.names or name in _COMMON:
        return None  # most likely the project's own, out of reach; a stranger's distribution is no repair of that
    try:
        return canonical(name) if releases(name, evidence.project.network) else None
    except IndexUnavailableError:
        return None


def _companions(evidence: Evidence, module: str) -> Iterator[str]:
    """Further modules that the importing file needs and the environment lacks (only where its modules are known)."""
    top, installed = module.partition(".")[0], evidence.project.facts.modules
    if not installed:
        return
    files = [f for f in evidence.project_files[:2] if f]
    files += [t.split("::")[0] for t in evidence.failure.tests[:1] if t.split("::")[0] not in files]
    seen = {top}
    for path in files:
        source = evidence.tree.text(path)
        for name in imported_modules(source or "", guarded=False):
            other = name.partition(".")[0]
            if other in seen or other in installed or is_stdlib(other) or evidence.tree.owns(other):
                continue
            seen.add(other)
            for option in find(evidence, name):
                yield option.requirement
                break
