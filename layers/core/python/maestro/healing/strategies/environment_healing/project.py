"""The project under test is not there for its own tests: not on the path, or not installed where a child looks."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath

from maestro.config import edit
from maestro.healing._programs import own_programs
from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.environment_healing import own_plugin
from maestro.healing.strategies.evidence import Evidence
from maestro.model import Failure, Strategy

_CHILD = re.compile(r"No module named ['\"]?([A-Za-z_]\w*)")
_METADATA = re.compile(r"(?:No package metadata was found for|PackageNotFoundError:?|"
                       r"DistributionNotFound:?(?: The)?) ['\"]?([A-Za-z][\w.-]*)")  # fmt: skip
_PROGRAM = re.compile(r"No such file or directory: b?['\"]([\w.-]+)['\"]|(?:^|[\s:])([\w.-]+): (?:command )?not found")
_MISMATCH = re.compile(r"import file mismatch:\s+imported module '[^'\n]+' has this __file__ attribute:\s+(\S+)\s+"
                       r"which is not the same as the test file we want to collect:\s+(\S+)")  # fmt: skip
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
            if evidence.is_own(found[1].rstrip(".")) and not evidence.installed(found[1])
        ]
        called = [program for program in _programs(evidence) if program in own_programs(evidence.tree)]
        if own:
            why = f"a process that the tests start cannot import the project's own module {own[0]}"
        elif named:
            why = f"its metadata ({named[0]}) is asked for"
        elif called:
            why = f"the tests start its program {called[0]}"
        elif plugin := own_plugin.missed(evidence):
            why = plugin
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
                change = partial(edit.append_pythonpath, path=folder, base=project.environment.pythonpath)
                edits = environment.change_configuration(project, evidence.tree, change)
                yield Proposal(edits, f"look for the project's own module {module} in {folder}", 0.7)


class DistinctPackages:
    """Gives test files of one name in several folders names of their own, by making their folders packages."""

    name = "distinct_packages"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield an ``__init__.py`` for the folders of the files that pytest took for one; then for all such folders."""
        evidence = Evidence(failure, project)
        found = _MISMATCH.search(evidence.text)
        files = [evidence.locate(part) for part in found.groups()] if found else []
        folders = sorted({file.rpartition("/")[0] for file in files if "/" in file})
        wanted = [f"{folder}/__init__.py" for folder in folders]
        edits: dict[str, str | None] = {path: "" for path in wanted if path not in evidence.tree.files}
        if edits and len(folders) > 1:
            names = " and ".join(folders)
            yield Proposal(edits, f"{names} become packages, so that files of one name in them are told apart", 0.75)


def _programs(evidence: Evidence) -> Iterator[str]:
    """Yield the programs that a test could not start."""
    if evidence.is_exception("FileNotFoundError", "CommandNotFound") or "not found" in evidence.text:
        for first, second in _PROGRAM.findall(evidence.text):
            yield first or second


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
