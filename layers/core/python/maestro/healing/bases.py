"""What a failing suite can be compared with: the environment of its own time, and its last green run.

Each base exchanges one dimension and leaves the others alone: the dependencies (with the interpreter), the product's
source, or the tests.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from maestro.healing._roles import is_test_file
from maestro.healing._trees import Change, changes
from maestro.healing.base import Project
from maestro.healing.sourcetree import SourceTree, SourceTreeError, diff
from maestro.healing.strategies import environment
from maestro.healing.strategies.dependency_fix.dated import DatedEnvironment
from maestro.healing.strategies.names import canonical
from maestro.healing.swaps import Base, Dimension
from maestro.model import EnvironmentFacts, Failure

MAX_DATED = 2
_EVERYWHERE = re.compile(r"(^|/)(setup|conftest|noxfile|conf|__init__|__main__)\.py$")
_TOOLS = frozenset({"pip", "setuptools", "wheel", "uv"})


@dataclass(frozen=True, slots=True)
class Green:
    """The last run of the project in which everything passed: when, its source, and what its environment held."""

    when: str
    tree: Path
    facts: EnvironmentFacts


def related(one: Path, other: Path) -> bool:
    """Whether two trees are of one project, for all that the names of their Python files tell.

    Half of those of the smaller tree are in the other as well; files that every project has do not count. Two projects
    that go by one name have nothing to say to each other.
    """
    sides = [{path for path in SourceTree(root).python_files if not _EVERYWHERE.search(path)} for root in (one, other)]
    least = min(map(len, sides))
    return not least or 2 * len(sides[0] & sides[1]) >= least


def bases(failure: Failure, project: Project, green: Green | None) -> list[Base]:
    """Return the bases of a failure: those of the last green run where there is one, else of the project's time."""
    tree = SourceTree(project.root, project.test_paths)
    if green is not None:
        return _of_green(project, tree, green)
    found = []
    for proposal in DatedEnvironment().propose(failure, project):
        patch = diff(tree, proposal.edits)
        if patch:
            found.append(Base("dependencies", patch, proposal.summary))
    return found[-MAX_DATED:]


def touched(project: Project, green: Green | None, recent: Sequence[Mapping[str, object]]) -> frozenset[str]:
    """Return the source files that changed since the last green run.

    Without one: those of uncommitted changes and of the newest commit, but for a first commit, before which there was
    nothing. ``recent`` are version-control changes, newest first.
    """
    if green is not None:
        return frozenset(c.path for c in changes(project.root, green.tree))
    commits = [change for change in recent if change.get("commit")]
    last = commits[:1] if len(commits) > 1 else []
    listed = [change.get("files") for change in (*(c for c in recent if not c.get("commit")), *last)]
    return frozenset(str(f) for files in listed if isinstance(files, (list, tuple)) for f in files)


def _of_green(project: Project, tree: SourceTree, green: Green) -> list[Base]:
    """Go back to the last green run in one dimension at a time."""
    then = f"of the last green run ({green.when[:10]})"
    found = []
    lines = _different(project, green.facts)
    python = _short(green.facts.python)
    python = "" if python == _short(project.facts.python) else python
    if lines or python:
        patch = diff(tree, environment.replace(project, tree, lines, python=python))
        found.append(Base("dependencies", patch, f"the dependencies {then}"))
    touched = [c for c in changes(project.root, green.tree) if c.python and not c.binary]
    sides: tuple[tuple[Dimension, list[Change]], ...] = (
        ("source", [c for c in touched if not is_test_file(c.path)]),
        ("tests", [c for c in touched if is_test_file(c.path)]),
    )
    for dimension, chosen in sides:
        try:
            patch = diff(tree, {c.path: c.after for c in chosen})
        except SourceTreeError:
            continue  # a file that cannot be written as text
        if patch:
            found.append(Base(dimension, patch, f"the {dimension} {then}", tuple(c.path for c in chosen)))
    return found


def _different(project: Project, then: EnvironmentFacts) -> list[Requirement]:
    """Return exact requirements of what had another version then, the project itself and installers left out."""
    own = {canonical(n) for n in _own(project)}
    now = {canonical(n): v for n, v in project.facts.distributions.items()}
    found = []
    for name, version in sorted(then.distributions.items()):
        if canonical(name) in own | _TOOLS or now.get(canonical(name)) in (None, version):
            continue
        try:
            found.append(Requirement(f"{name}=={version}"))
        except InvalidRequirement:
            continue  # a version that no requirement can name
    return found


def _own(project: Project) -> frozenset[str]:
    from maestro.healing.strategies.metadata import own_names

    return own_names(SourceTree(project.root, project.test_paths))


def _short(version: str) -> str:
    found = re.match(r"\d+\.\d+", version)
    return found[0] if found else ""
