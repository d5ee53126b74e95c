"""What a project needs, told by its own files. Files are read and parsed, never run."""

import fnmatch
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from maestro.config import sources
from maestro.config.errors import ConfigError, Problem
from maestro.config.files import is_dir, is_file, read_text
from maestro.config.requirements import name_of
from maestro.config.schema import SuiteSection
from maestro.config.sources import Declared

PYTHONS = tuple(f"3.{minor}" for minor in range(14, 7, -1))  # those that are run, newest first
_MAX_ENTRIES = 20_000
_MAX_LEVELS = 6
_SKIP = {"node_modules", "site-packages", "__pycache__", "venv", "env", "build", "dist", "vendor"}
_TEST_FILES = ("test_*.py", "*_test.py")


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found out."""

    project: str = "project"
    python: str = ""
    install: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    suites: dict[str, SuiteSection] = field(default_factory=dict)


def detect_parts(root: Path) -> Detected:
    """Find out what the project in ``root`` needs; see :func:`maestro.config.detect`."""
    declared = sources.read(root)
    install, installed = _install(root, declared)
    paths = _test_paths(root, declared)
    return Detected(
        project=_project_name(declared.name or root.resolve().name),
        python=_python(root, declared),
        install=install,
        pythonpath=() if installed else layout(root),
        suites={} if paths is None else {"tests": SuiteSection(paths=paths)},
    )


def layout(root: Path) -> tuple[str, ...]:
    """Return the folders to import from when the project is not installed."""
    return ("src",) if is_dir(root, "src") else (".",)


def _project_name(text: str) -> str:
    name = re.sub(r"[^\w .@/+-]+", "-", text, flags=re.ASCII).lstrip("_ .@/+-")[:128]
    return name or "project"


def _python(root: Path, declared: Declared) -> str:
    """Choose the version pinned for pyenv, else the one that runs this, else the newest, of those that are allowed."""
    allowed = [v for v in PYTHONS if _satisfies(declared.requires_python, v)]
    if not allowed:
        what = f"no Python from {PYTHONS[-1]} to {PYTHONS[0]} satisfies '{declared.requires_python}'"
        file, line = declared.requires_python_at
        raise ConfigError([Problem(file, line, 1, what, "state environment.python in maestro.yaml")])
    pinned = ""
    if is_file(root, ".python-version"):
        match = re.match(r"\s*(3\.\d+)", read_text(root, ".python-version"))
        pinned = match[1] if match else ""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return next((v for v in (pinned, running) if v in allowed), allowed[0])


def _satisfies(specifiers: SpecifierSet, version: str) -> bool:
    """Tell whether some patch release of ``version`` is allowed."""
    return any(specifiers.contains(f"{version}.{patch}") for patch in (0, 30, *range(1, 30)))


def _install(root: Path, declared: Declared) -> tuple[tuple[str, ...], bool]:
    """Return the lines to install, and whether the project itself is among them."""
    lines: list[str] = []
    own = canonicalize_name(declared.name) if declared.installable and declared.name else None
    itself = [line for line in declared.test_lines if own and name_of(line) == own]  # a group may name the project
    test_lines = [line for line in declared.test_lines if line not in itself]
    if declared.installable:
        extras = sorted({*declared.extras, *(e for line in itself for e in Requirement(line).extras)})
        lines.append(f"-e .[{','.join(extras)}]" if extras else "-e .")
    else:
        lines += declared.dependencies
    files = sources.requirement_files(root)
    if not declared.installable or not (declared.extras or declared.test_lines or files.test):
        lines += [f"-r {name}" for name in files.main]
    lines += [f"-r {name}" for name in files.test]
    lines += test_lines
    lines = list(dict.fromkeys(lines))
    if not (declared.brings_pytest or sources.names_pytest(root, lines)):
        lines.append("pytest")
    return tuple(_without_repeats(lines)), declared.installable


def _without_repeats(lines: list[str]) -> Iterator[str]:
    """Leave out a bare name when another line already states the same distribution more precisely."""
    names = [name_of(line) for line in lines]
    for i, line in enumerate(lines):
        name = names[i]
        bare = name is not None and re.fullmatch(r"[\w.-]+", line)
        if bare and any(j != i and names[j] == name and (lines[j] != line or j < i) for j in range(len(lines))):
            continue
        yield line


def _test_paths(root: Path, declared: Declared) -> tuple[str, ...] | None:
    """Return the paths to give to pytest (none: its own configuration names them), or ``None`` without any tests."""
    patterns = declared.python_files or _TEST_FILES
    files = list(_python_files(root))
    found = [f for f in files if any(fnmatch.fnmatch(f.rpartition("/")[2], p) for p in patterns)]
    if declared.testpaths:
        return () if found or _unittests(root, files) else None
    if not found:
        return tuple(_unittests(root, files)) or None
    tops = [top for top in ("tests", "test") if any(f.startswith(top + "/") for f in found)]
    paths = tops + [f for f in found if "/" not in f]
    if not paths:
        folders = sorted({f.rpartition("/")[0] for f in found})
        paths = [f for f in folders if not any(f.startswith(other + "/") for other in folders)]
    return tuple(paths)


def _unittests(root: Path, files: list[str]) -> list[str]:
    """Find files of tests whose names pytest would not look at: ``tests.py``, or test cases anywhere in ``tests/``."""
    likely = [f for f in files if f.rpartition("/")[2] in ("tests.py", "test.py") or f.startswith(("tests/", "test/"))]
    found = []
    for name in likely[:200]:
        try:
            text = read_text(root, name)
        except ConfigError:
            continue  # too large, or not UTF-8: not a file of tests that could be told by its text
        if re.search(r"^\s*(def test|class \w+\(.*TestCase)", text, re.MULTILINE):
            found.append(name)
    return found


def _python_files(root: Path) -> Iterator[str]:
    """Walk the project's own Python files, without links and hidden folders, up to a bound."""
    entries = 0
    for folder, folders, names in os.walk(root):
        relative = Path(folder).relative_to(root).as_posix()
        level = 0 if relative == "." else relative.count("/") + 1
        folders[:] = sorted(
            d
            for d in folders
            if level < _MAX_LEVELS and not d.startswith(".") and d not in _SKIP and not d.endswith(".egg-info")
        )
        for name in sorted(names):
            entries += 1
            if entries > _MAX_ENTRIES:
                return
            if name.endswith(".py"):
                yield name if relative == "." else f"{relative}/{name}"
