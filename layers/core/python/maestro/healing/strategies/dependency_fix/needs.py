"""Everything that a project's tests and sources need, that its own files ask for, and that the environment lacks.

One missing module is mostly one of several: a suite that was never installed for testing lacks all of its test
dependencies, and each would cost a round of its own.
"""

import re

from packaging.requirements import Requirement

from maestro.healing._roles import Role
from maestro.healing.strategies.data import table
from maestro.healing.strategies.dependency_fix.checkers import ADDED, INI, succeeded
from maestro.healing.strategies.dependency_fix.naming import declared_as, tabled
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import imported_modules
from maestro.healing.strategies.metadata import applies
from maestro.healing.strategies.names import canonical, is_stdlib

_ASIDE = re.compile(
    r"(?:^|/)(?:docs?|examples?|benchmarks?|scripts|tools|samples?)/"
    r"|(?:^|/)(?:setup|noxfile|fabfile|tasks|bootstrap|ez_setup|distribute_setup|versioneer|conf)\.py$"
)
_OPTION = re.compile(r"(?<![\w-])(--[a-z][\w-]*|-n)(?=[\s=\"']|$)", re.MULTILINE)
_MARKER = re.compile(r"pytest\.mark\.(\w+)")
_PARAMETERS = re.compile(r"(?m)^[ \t]*(?:async[ \t]+)?def \w+\(([^)]*)\)")


def needed(evidence: Evidence) -> list[str]:
    """Return requirement lines for all that is declared, used and not installed, by name.

    Documentation and build scripts do not count as use: the tests run without what only they import.
    """
    found: dict[str, str] = {}
    for name in (*_imported(evidence), *_plugins(evidence)):
        stated = evidence.declared.get(name)
        wanted = stated is not None and stated.url is None and name not in evidence.own_distributions
        if stated is not None and stated.marker is not None and not applies(stated.marker, evidence.python):
            continue  # for another Python alone
        if stated is not None and wanted and not (evidence.installed(name) or is_stdlib(name)):
            found[name] = _line(stated)
    return [found[name] for name in sorted(found)]


def _line(stated: Requirement) -> str:
    extras = f"[{','.join(sorted(stated.extras))}]" if stated.extras else ""
    pinned = any(s.operator in ("==", "===") for s in stated.specifier)  # of another time and another Python
    return f"{stated.name}{extras}{'' if pinned else stated.specifier}"


def _imported(evidence: Evidence) -> list[str]:
    """Return normalised names of the distributions of all imported modules that the environment does not bring."""
    modules: dict[str, None] = {}
    for source in evidence.tree.sources():
        if evidence.tree.role(source.path) is Role.CONFIGURATION or _ASIDE.search(source.path):
            continue
        modules.update(dict.fromkeys(imported_modules(source.text)))
    names: dict[str, None] = {}
    for module in modules:
        top = module.partition(".")[0]
        if evidence.tree.owns(top) or (top in evidence.project.facts.modules and "." not in module):
            continue
        line = tabled(evidence, module) or declared_as(evidence, module)
        if line is not None:
            names[canonical(Requirement(line).name)] = None
    return list(names)


def _plugins(evidence: Evidence) -> list[str]:
    """Return normalised names of the pytest plugins whose options, markers or fixtures the project uses."""
    data = table("pytest_plugins")
    lines: list[str] = []
    settings = "\n".join(added for path in INI for added in ADDED.findall(evidence.tree.text(path) or ""))
    for option in set(_OPTION.findall(settings)):
        known = option in data["options"] and succeeded(evidence, option) is None
        lines += [data["options"][option]] if known else []
    for source in evidence.tree.sources("pytest", "def test"):
        if evidence.tree.role(source.path) in (Role.TEST, Role.FIXTURE):
            for marker in set(_MARKER.findall(source.text)):
                lines += data["markers"].get(marker, [])
            for parameters in set(_PARAMETERS.findall(source.text)):
                for word in re.findall(r"\w+", parameters):
                    lines += data["fixtures"].get(word, [])
    return list(dict.fromkeys(canonical(Requirement(line).name) for line in lines))
