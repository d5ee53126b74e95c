"""Stated requirements that cannot be installed on this Python: a newer release takes their place, or nothing does."""

from collections.abc import Iterable, Mapping, Sequence

from packaging.requirements import Requirement

from maestro.healing._catalogued import modules_of
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.strategies import environment
from maestro.healing.strategies.data import table
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import imported_modules
from maestro.healing.strategies.index import IndexUnavailableError, releases
from maestro.healing.strategies.names import canonical
from maestro.healing.strategies.releasing import ready
from maestro.model import Failure, Strategy


class UnbuildableRequirement:
    """Lets an environment be built of which the installer refuses lines that the project states."""

    name = "unbuildable_requirement"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal without what nothing imports, then one in which all that has a release is kept.

        Raises
        ------
        LeftAloneError
            If something is used, and no release of it can be installed.
        """
        lines = {Requirement(line): file for line, file in failure.facts.attributes.get("unbuildable", {}).items()}
        if not lines:
            return
        evidence, refused = Evidence(failure, project), list(lines)
        newest = {r.name: bare for r in refused if (bare := _newest(evidence, r))}
        unused = [r.name for r in refused if not _used(evidence, r.name)]
        lost = [r for r in refused if r.name not in newest and r.name not in unused]
        if lost:
            said = ", ".join(map(str, lost))
            raise LeftAloneError(f"no release of {said} can be installed on Python {_shown(evidence)}, and it is used")
        for removed in dict.fromkeys((tuple(unused), tuple(name for name in unused if name not in newest))):
            kept = [bare for name, bare in newest.items() if name not in removed]
            edits, words = _edits(evidence, lines, kept, removed), _said(refused, kept, removed, evidence)
            yield Proposal(edits, words, 0.85 if removed == tuple(unused) else 0.8)


def _edits(
    evidence: Evidence, lines: Mapping[Requirement, str], kept: Sequence[Requirement], removed: Sequence[str]
) -> dict[str, str]:
    """The change of every file that states one of the lines (line -> file, "" for the environment's own)."""
    edits: dict[str, str] = {}
    for file in dict.fromkeys(lines.values()):
        here = {line.name for line, stated in lines.items() if stated == file}
        new, gone = [r for r in kept if r.name in here], [name for name in removed if name in here]
        if file:
            text = evidence.tree.text(file)
            edits |= {} if text is None else {file: environment.replace_in_file(text, new, removed=gone)}
        else:
            edits |= environment.replace(evidence.project, evidence.tree, new, removed=gone)
    return edits


def _said(
    refused: Sequence[Requirement], kept: Sequence[Requirement], removed: Sequence[str], evidence: Evidence
) -> str:
    stated = ", ".join(map(str, refused))
    words = [f"{', '.join(map(str, kept))} in a newer release"] if kept else []
    words += [f"nothing imports {', '.join(removed)}"] if removed else []
    return f"{stated} cannot be installed on Python {_shown(evidence)}: {'; '.join(words)}"


def _shown(evidence: Evidence) -> str:
    return ".".join(map(str, evidence.python))


def _newest(evidence: Evidence, refused: Requirement) -> Requirement | None:
    """The requirement without its version, where some other release is ready for this Python."""
    if not refused.specifier:
        return None  # its newest release is what was refused
    try:
        fitting = ready(releases(refused.name, evidence.project.network), evidence.python)
    except IndexUnavailableError:
        return None
    if not any(not refused.specifier.contains(str(release.version)) for release in fitting):
        return None
    extras = f"[{','.join(sorted(refused.extras))}]" if refused.extras else ""
    marker = f" ; {refused.marker}" if refused.marker else ""
    return Requirement(f"{refused.name}{extras}{marker}")


def _used(evidence: Evidence, name: str) -> bool:
    """Whether the tree imports a module that a distribution may bring, or pytest may load it without being asked."""
    normal = canonical(name)
    data = table("pytest_plugins")
    known = [*data["options"].values(), *(line for kind in ("markers", "fixtures") for found in data[kind].values()
                                          for line in found)]  # fmt: skip
    if "pytest" in normal or normal in {canonical(Requirement(line).name) for line in known}:
        return True
    modules = {normal.replace("-", "_"), normal.replace("-", ""), normal.removeprefix("python-"), *modules_of(name)}
    imported = {m.partition(".")[0] for source in evidence.tree.sources() for m in imported_modules(source.text)}
    return not imported.isdisjoint({module.partition(".")[0] for module in modules})
