"""The project under test is not there for its own tests: not on the path, or not installed where a child looks."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from maestro.config import edit
from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.evidence import Evidence
from maestro.model import Failure, Strategy

_CHILD = re.compile(r"No module named ['\"]?([A-Za-z_]\w*)")
_METADATA = re.compile(r"PackageNotFoundError|DistributionNotFound|No package metadata was found for ([\w.-]+)")
_INSTALLED = re.compile(r"^(-e|--editable)\s+\.|^\.($|\[)")


class ProjectInstalled:
    """Installs the project itself, where a child process or its metadata show that it is not."""

    name = "project_installed"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield ``-e .`` where the project can be installed and is not."""
        evidence = Evidence(failure, project)
        if any(_INSTALLED.match(line) for line in project.environment.install) or not _installable(evidence):
            return
        own = [m for m in own_modules(evidence) if _brought_by(evidence, m)]
        named = [
            found[1]
            for found in _METADATA.finditer(evidence.text)
            if found[1] and evidence.is_own(found[1].rstrip(".")) and not evidence.installed(found[1])
        ]
        if own:
            why = f"a process that the tests start cannot import the project's own module {own[0]}"
        elif named:
            why = f"its metadata ({named[0]}) is asked for"
        else:
            return
        # A process that is given no variables finds a copy in the environment, but not always the tree itself.
        for line, prior in (("-e .", 0.85), (".", 0.7)):
            edits = environment.add(project, evidence.tree, [line])
            yield Proposal(edits, f"install the project itself ({line}): {why}", prior)


class ProjectPath:
    """Adds the folder to ``pythonpath`` in which a module of the project's own tree lies."""

    name = "project_path"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per folder that holds the missing module, the nearest first."""
        evidence = Evidence(failure, project)
        known = {entry.rstrip("/") or "." for entry in project.environment.pythonpath}
        for module in evidence.missing_modules[:2]:
            for folder in _folders(evidence, module):
                if folder in known:
                    continue
                edits = environment.change_configuration(
                    project,
                    evidence.tree,
                    lambda old, folder=folder: edit.append_pythonpath(  # type: ignore[misc]
                        old, folder, base=project.environment.pythonpath
                    ),
                )
                yield Proposal(edits, f"look for the project's own module {module} in {folder}", 0.7)


def own_modules(evidence: Evidence) -> tuple[str, ...]:
    """Top-level modules of the project's tree that another process than pytest's could not find."""
    if evidence.facts.exception.rpartition(".")[2] == "ModuleNotFoundError":
        return ()  # pytest's own process: a matter of the path
    return tuple(dict.fromkeys(m for m in _CHILD.findall(evidence.text) if evidence.tree.owns(m)))


def _brought_by(evidence: Evidence, module: str) -> bool:
    """Whether a module lies where an installation of the project would take it from."""
    places = [f"{root}{module}{rest}" for root in ("", "src/", "lib/") for rest in (".py", "/__init__.py")]
    return any(place in evidence.tree.files for place in places)


def _installable(evidence: Evidence) -> bool:
    files = set(evidence.tree.files)
    pyproject = evidence.tree.text("pyproject.toml") or ""
    return "setup.py" in files or "[build-system]" in pyproject or "[project]" in pyproject


def _folders(evidence: Evidence, module: str) -> Iterator[str]:
    """Folders in which the top-level module of a dotted name lies, those near the root first."""
    parts = module.split(".")
    wanted = [f"{'/'.join(parts)}.py", f"{'/'.join(parts)}/__init__.py"]
    found: dict[str, None] = {}
    for path in evidence.tree.python_files:
        for ending in wanted:
            if path == ending:
                found["."] = None
            elif path.endswith("/" + ending):
                found[path[: -len(ending) - 1]] = None
    # A folder that is itself a package would give its modules second names.
    plain = [f for f in found if f == "." or f"{f}/__init__.py" not in evidence.tree.files]
    yield from sorted(plain, key=lambda f: (len(PurePosixPath(f).parts), f))[:2]
