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
_NESTING = 10  # files that name files; beyond it uv itself complains


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
    reader = _Reader(source)
    for line in lines:
        words = _words(line)
        while words:
            reader.take(*_option(line, words))
    project, copies = reader.project, reader.copies
    for file in reader.files:
        for found in _PROJECT.finditer(file.read_text("utf-8", "replace")):
            project = True
            copies = copies or not found["edit"]
    return Install(tuple(reader.arguments), tuple(dict.fromkeys(reader.files)), project, copies)


def _option(line: str, words: list[str]) -> tuple[str, str]:
    """Take one option with its value, or one requirement (as an option ""), off the front of ``words``."""
    word = words.pop(0)
    option, equals, value = word.partition("=")
    if option in (*_FILE_OPTIONS, "-e", "--editable", "--find-links", "-f"):
        if equals:
            return option, value
        if not words:
            raise EnvironmentBuildError(f"environment.install: {line!r} ends after {option}.")
        return option, words.pop(0)
    if word[:2] in ("-r", "-c", "-e") and word[2:3] not in ("", "-"):
        return word[:2], word[2:]
    return "", word


class _Reader:
    """Collects what the words of install lines say."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.arguments: list[str] = []
        self.files: list[Path] = []
        self.project = self.copies = False

    def take(self, option: str, value: str) -> None:
        """Take one option or requirement."""
        if option in _FILE_OPTIONS:
            self._file(_FILE_OPTIONS[option], value)
        elif option in ("-e", "--editable"):
            self.arguments += ["-e", _placed(value)]
            self.project = self.project or not _remote(value)
        elif option in ("--find-links", "-f"):
            self.arguments += ["--find-links", value if "://" in value else _placed(value)]
        elif value == "--pre":
            self.arguments += ["--prerelease", "allow"]
        elif value.startswith("-") or not _is_local(value, self.source):
            self.arguments.append(value)
        elif value.endswith(".txt"):
            self._file("-r", value)
        else:
            self.arguments.append(_placed(value))
            self.project = self.copies = True

    def _file(self, option: str, value: str) -> None:
        self.arguments += [option, _placed(value)]
        self.files += _read(self.source / value, self.source)


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
    if depth < _NESTING:
        for nested in _NESTED.findall(path.read_text("utf-8", "replace")):
            if "://" not in nested:
                found += _read(
                    (path.parent / nested).resolve() if ".." in nested else path.parent / nested, source, depth + 1
                )
    return found
