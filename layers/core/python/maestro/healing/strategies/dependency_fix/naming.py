"""Which distribution brings a module: the project's own declarations first, the table of names next, its own name last.

A name that merely looks alike is never believed (that is how typosquatters live): what the project does not declare and
the table does not know must be a distribution of exactly the module's name whose files really bring that module.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement

from maestro.healing.strategies.data import table
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import IndexUnavailableError
from maestro.healing.strategies.metadata import stated_requirement
from maestro.healing.strategies.names import canonical, is_stdlib
from maestro.healing.strategies.wheels import provides

_NAMESPACES = ("google", "zope", "backports", "azure", "jaraco", "sphinxcontrib", "repoze", "z3c", "plone")
_ALONE = 0.3  # prior of a distribution that only its name and its files speak for
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
    declared: bool = False


def find(evidence: Evidence, module: str) -> Iterator[Found]:
    """Yield the requirements that may bring ``module``, the likeliest first; nothing for the project's own modules.

    Nor where its packaging files say that it is, though it is not in the tree, and it asks for no such distribution.
    """
    top = module.partition(".")[0]
    module = _in_full(evidence, module) if module in _NAMESPACES else module
    if evidence.tree.owns(top) or top in table("python2_modules")["modules"]:
        return
    candidate = tabled(evidence, module)
    if (is_stdlib(top) and candidate is None) or (_beside(evidence, top) and declared_as(evidence, module) is None):
        return
    why, prior = f"the table of import names says that {candidate} brings it", 0.85
    if candidate is None:
        candidate, why, prior = declared_as(evidence, module), "the project's own files ask for it", 0.85
    if candidate is None:
        candidate, prior = _by_name(evidence, module), _ALONE
        why = "the project does not ask for it, but a distribution of exactly that name brings it"
    if candidate is None:
        return
    want = Requirement(candidate)
    stranger = top in evidence.stated_own and canonical(want.name) not in evidence.declared
    if stranger or canonical(want.name) in evidence.own_distributions:
        return  # what is tested would be somebody else's module, or a release of the project in place of its source
    if evidence.installed(want.name) and not want.specifier:
        return
    stated = None if want.specifier else stated_requirement(evidence.tree, want.name, evidence.python)
    if stated is None:
        yield Found(candidate, why, prior, canonical(want.name) in evidence.declared)
        return
    yield from _ranged(want, stated)


def _in_full(evidence: Evidence, namespace: str) -> str:
    """Return what was to be imported of a namespace, of which not even the first distribution is installed."""
    for frame in reversed(evidence.facts.frames):
        found = re.match(rf"\s*(?:from\s+({namespace}\.[\w.]+)\s|from\s+{namespace}\s+import\s+(\w+)|"
                         rf"import\s+({namespace}\.[\w.]+))", frame.code)  # fmt: skip
        if found is not None:
            return found[1] or found[3] or f"{namespace}.{found[2]}"
    return namespace


def _beside(evidence: Evidence, name: str) -> bool:
    """Whether a module of that name lies beside the file that asks for it: in Python 2, it meant that one."""
    folders = {path.rpartition("/")[0] for path in evidence.project_files if not path.endswith(f"/{name}.py")}
    places = {f"{folder}/{name}{rest}" for folder in folders for rest in (".py", "/__init__.py")}
    return not places.isdisjoint(evidence.tree.files)


def _ranged(want: Requirement, stated: Requirement) -> Iterator[Found]:
    """Yield a distribution in the range that the project states, and without it where that can make a difference."""
    extras = f"[{','.join(sorted(stated.extras))}]" if stated.extras else ""
    bare, ranged = want.name + extras, f"{stated.name}{extras}{stated.specifier}"
    if stated.specifier and any(s.operator == "==" for s in stated.specifier):
        yield Found(bare, "the project's own files ask for it (in an old version)", 0.85, declared=True)
        yield Found(ranged, "as the project's own files ask for it", 0.6, declared=True)
    elif stated.specifier:
        yield Found(ranged, "as the project's own files ask for it", 0.9, declared=True)
        if any(s.operator not in (">=", ">") for s in stated.specifier):  # else both take the newest
            yield Found(bare, "the project's own files ask for it, in another range", 0.5, declared=True)
    else:
        yield Found(bare, "the project's own files ask for it", 0.9, declared=True)


def tabled(evidence: Evidence, module: str) -> str | None:
    """Return the requirement that the table of import names has for a module, on this Python."""
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


def declared_as(evidence: Evidence, module: str) -> str | None:
    """Return the name of a declared distribution that a module goes by: its own, or with the usual additions."""
    parts = module.lower().split(".")
    names = [canonical("-".join(parts[:length])) for length in range(len(parts), 0, -1)]
    for name in (*names, *_usual(names[-1])):
        found = evidence.declared.get(name)
        if found is not None:
            return found.name
    return None


def _usual(name: str) -> tuple[str, ...]:
    bare = re.sub(r"^py(?=[a-z])", "", name)
    return (f"python-{name}", f"py{name}", f"py-{name}", f"{name}-python", f"{name}-py", f"python-{bare}", bare)


def _by_name(evidence: Evidence, module: str) -> str | None:
    parts = module.split(".")
    name = "-".join(parts[:2]) if parts[0] in _NAMESPACES else parts[0]
    if name.startswith("_") or name in evidence.tree.names or name in _COMMON:
        return None  # most likely the project's own, out of reach; a stranger's distribution is no repair of that
    try:
        return canonical(name) if provides(name, module, evidence.project.network) else None
    except IndexUnavailableError:
        return None
