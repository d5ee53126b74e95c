"""The ``install`` lines of an environment, read as pip reads a command line."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from maestro.registry.errors import EnvironmentBuildError

_FILE_OPTIONS = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c", "--constraints": "-c"}
_NESTED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*(\S+)", re.MULTILINE)
_PROJECT = re.compile(
    r"^\s*(?P<edit>-e\s*|--editable[ =]\s*)?(?P<path>\.{1,2}(?:/\S*?)?)(?:\[[^\]]*\])?\s*$", re.MULTILINE
)
_PATH = re.compile(r"(?P<path>(?:\.{1,2}|/)(?:[^\[\]]*))?(?P<extra>\[[^\]]*\])?$")
_PLACE = "{source}"


@dataclass(frozen=True, slots=True)
class Install:
    """Parsed install lines.

    ``arguments`` are uv's, with ``{source}`` where the project's root goes; ``files`` all requirement and constraint
    files, nested ones too; ``project`` whether anything of the tree is built, ``copies`` whether not editable.
    """

    arguments: tuple[str, ...]
    files: tuple[Path, ...]
    project: bool
    copies: bool

    def at(self, tree: Path) -> list[str]:
        """Return the arguments for a tree."""
        return [argument.replace(_PLACE, str(tree)) for argument in self.arguments]


def parse_install(lines: Sequence[str], source: Path) -> Install:
    """Read install lines; relative paths are relative to ``source``.

    Raises
    ------
    EnvironmentBuildError
        If a line cannot be read, or a file or folder that it names is not there.

    Examples
    --------
    >>> parse_install(["pytest>=8; python_version < '3.9'", "-e ."], Path("/nowhere")).arguments
    ("pytest>=8; python_version < '3.9'", '-e', '{source}')
    """
    arguments: list[str] = []
    files: list[Path] = []
    project = copies = False
    for line in lines:
        words = _words(line)
        while words:
            word = words.pop(0)
            option, equals, value = word.partition("=")
            if option in (*_FILE_OPTIONS, "-e", "--editable", "--find-links", "-f"):
                if not equals:
                    if not words:
                        raise EnvironmentBuildError(f"environment.install: {line!r} ends after {option}.")
                    value = words.pop(0)
            elif word[:2] in ("-r", "-c", "-e") and word[2:3] not in ("", "-"):
                option, value = word[:2], word[2:]
            else:
                option, value = "", word
            if option in _FILE_OPTIONS:
                arguments += [_FILE_OPTIONS[option], _placed(value)]
                files += _read(source / value, source)
            elif option in ("-e", "--editable"):
                arguments += ["-e", _placed(value)]
                project = project or not _remote(value)
            elif option in ("--find-links", "-f"):
                arguments += ["--find-links", value if "://" in value else _placed(value)]
            elif value == "--pre":
                arguments += ["--prerelease", "allow"]
            elif not value.startswith("-") and _is_local(value, source):
                if value.endswith(".txt"):
                    arguments += ["-r", _placed(value)]
                    files += _read(source / value, source)
                else:
                    arguments.append(_placed(value))
                    project = copies = True
            else:
                arguments.append(value)
    for file in files:
        for found in _PROJECT.finditer(file.read_text("utf-8", "replace")):
            project = True
            copies = copies or not found["edit"]
    return Install(tuple(arguments), tuple(dict.fromkeys(files)), project, copies)


def _words(line: str) -> list[str]:
    """Split a line into words as a shell would, unless it is one requirement."""
    text = line.strip()
    if not text or text.startswith("#"):
        return []
    try:
        Requirement(text)
    except InvalidRequirement:
        pass
    else:
        return [text]
    try:
        return shlex.split(text.partition(" #")[0])
    except ValueError as problem:
        raise EnvironmentBuildError(f"environment.install: {line!r} cannot be read: {problem}.") from problem


def _remote(value: str) -> bool:
    return "://" in value or value.startswith(("git+", "hg+", "svn+", "bzr+"))


def _is_local(value: str, source: Path) -> bool:
    if _remote(value):
        return False
    if value.startswith((".", "/")):
        return True
    path = value.partition("[")[0]
    return ("/" in path or path.endswith((".txt", ".whl", ".tar.gz", ".zip"))) and (source / path).exists()


def _placed(value: str) -> str:
    """Return a path with the project's root as a placeholder; extras stay behind it."""
    if _remote(value) or value.startswith("/"):
        return value
    path, bracket, extra = value.partition("[")
    clean = path.removeprefix("./").rstrip("/") if path not in (".", "./") else ""
    return (f"{_PLACE}/{clean}" if clean else _PLACE) + bracket + extra


def _read(path: Path, source: Path, depth: int = 0) -> Iterable[Path]:
    """Return a requirements file and those that it names."""
    if not path.is_file():
        shown = path.relative_to(source) if path.is_relative_to(source) else path
        raise EnvironmentBuildError(
            f"environment.install names the requirements file {shown}, which is not in the project."
        )
    found = [path]
    if depth < 10:
        for nested in _NESTED.findall(path.read_text("utf-8", "replace")):
            if "://" not in nested:
                found += _read(
                    (path.parent / nested).resolve() if ".." in nested else path.parent / nested, source, depth + 1
                )
    return found
