"""Where Python projects declare what they need: pyproject.toml, setup.py, setup.cfg, tox.ini, requirement files."""

import configparser
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from maestro.config import pyproject, setup_py
from maestro.config.errors import ConfigError, Problem
from maestro.config.files import is_file, read_text
from maestro.config.requirements import name_of, normalise

_TEST_EXTRAS = ("test", "tests", "testing")
_MAIN_FILES = ("requirements.txt", "requirements/base.txt", "requirements/main.txt")
_TEST_FILES = tuple(
    f.format(word)
    for word in ("test", "tests", "testing")
    for f in (
        "requirements-{}.txt",
        "requirements_{}.txt",
        "{}-requirements.txt",
        "{}_requirements.txt",
        "requirements/{}.txt",
        "{}/requirements.txt",
    )
)
_DEV_FILES = (
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "dev_requirements.txt",
    "requirements/dev.txt",
    "requirements/development.txt",
)


@dataclass(slots=True)
class Declared:
    """What the project says of itself; ``test_lines`` are requirement lines for its tests."""

    name: str = ""
    installable: bool = False
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    requires_python_at: tuple[str, int] = ("pyproject.toml", 1)
    dependencies: list[str] = field(default_factory=list)  # of a project that is not installed itself
    extras: list[str] = field(default_factory=list)
    test_lines: list[str] = field(default_factory=list)
    brings_pytest: bool = False  # an extra of it names pytest
    testpaths: bool = False
    python_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequirementFiles:
    """The requirement files that matter, by purpose."""

    main: tuple[str, ...]
    test: tuple[str, ...]


def read(root: Path) -> Declared:
    """Read every declaration of the project in ``root``; the more modern file wins where two speak of one thing."""
    declared = Declared()
    if is_file(root, "pyproject.toml"):
        _read_pyproject(root, declared)
    if is_file(root, "setup.cfg"):
        _read_setup_cfg(_ini(root, "setup.cfg"), declared)
    if is_file(root, "setup.py"):
        declared.installable = True
        found = setup_py.read(read_text(root, "setup.py"))
        _take_metadata(declared, found.name, found.python_requires, ("setup.py", found.line), found.extras)
        if not (declared.extras or declared.test_lines):
            declared.test_lines += usable(found.tests_require)
    if is_file(root, "tox.ini"):
        _read_tox(root, _ini(root, "tox.ini"), declared)
    if is_file(root, "pytest.ini"):
        _read_pytest(_ini(root, "pytest.ini"), "pytest", declared)
    return declared


def requirement_files(root: Path) -> RequirementFiles:
    """Find the requirement files: the main one, and those for tests, or else those for development."""

    def first(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if is_file(root, name))[:1]

    return RequirementFiles(first(_MAIN_FILES), first(_TEST_FILES) or first(_DEV_FILES))


def names_pytest(root: Path, lines: list[str]) -> bool:
    """Tell whether the lines, or a file that they name, ask for pytest."""
    seen: set[str] = set()

    def search(lines: list[str], folder: str) -> bool:
        for line in lines:
            if name_of(line) == "pytest":
                return True
            match = re.match(r"(?:-r|--requirement)[\s=]*(\S+)", line.strip())
            if not match:
                continue
            name = f"{folder}/{match[1]}" if folder else match[1]
            if name in seen or len(seen) > 50 or not is_file(root, name):  # noqa: PLR2004 - files that name each other
                continue
            seen.add(name)
            if search(read_text(root, name).splitlines(), name.rpartition("/")[0]):
                return True
        return False

    return search(lines, "")


def usable(lines: list[str]) -> list[str]:
    """Keep the lines that are requirements, in their usual form."""
    kept = []
    for line in lines:
        try:
            kept.append(normalise(line))
        except ValueError:
            continue  # a line that only its own tool understands (a substitution, an option)
    return kept


def _specifiers(text: str, at: tuple[str, int]) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        what = f"{text!r} is not a range of versions"
        raise ConfigError([Problem(at[0], at[1], 1, what, "write one like '>=3.9'")]) from error


def _take_metadata(
    declared: Declared, name: str, python: str, at: tuple[str, int], extras: dict[str, list[str]]
) -> None:
    declared.name = declared.name or name
    if python and not str(declared.requires_python):
        declared.requires_python, declared.requires_python_at = _specifiers(python, at), at
    if not declared.extras:
        wanted = [e for e in _TEST_EXTRAS if e in extras] or [e for e in ("dev",) if e in extras]
        declared.extras = wanted
        declared.brings_pytest |= any(name_of(line) == "pytest" for e in wanted for line in extras[e])


def _read_pyproject(root: Path, declared: Declared) -> None:
    file = "pyproject.toml"
    text = read_text(root, file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        said, line, column = (
            (match[1], int(match[2]), int(match[3])) if match else (str(error), text.count("\n") + 1, 1)
        )
        raise ConfigError([Problem(file, line, column, f"not TOML: {said}", "correct the file")]) from error
    except RecursionError as error:
        raise ConfigError([Problem(file, 1, 1, "the file is nested too deep", "correct the file")]) from error
    found = pyproject.read(data)
    lines = text.split("\n")
    line = next((i for i, row in enumerate(lines, 1) if re.match(r"\s*(requires-python|python)\s*=", row)), 1)
    declared.installable = found.installable
    _take_metadata(declared, found.name, found.requires_python, (file, line), found.extras)
    declared.dependencies = usable(found.dependencies)
    declared.test_lines += usable(found.test_lines)
    declared.testpaths |= bool(found.testpaths)
    declared.python_files = declared.python_files or found.python_files


def _ini(root: Path, file: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(root, file))
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), (1,))[0]
        said = str(error).partition("\n")[0]
        raise ConfigError([Problem(file, int(line), 1, f"not an ini file: {said}", "correct the file")]) from error
    return parser


def _rows(text: str) -> list[str]:
    return [row.strip() for row in text.splitlines() if row.strip() and not row.strip().startswith(("#", ";"))]


def _read_setup_cfg(ini: configparser.ConfigParser, declared: Declared) -> None:
    declared.installable |= ini.has_option("metadata", "name")
    extras: dict[str, list[str]] = {}
    if ini.has_section("options.extras_require"):
        extras = {k: _rows(v) for k, v in ini.items("options.extras_require")}
    name = ini.get("metadata", "name", fallback="")
    python = ini.get("options", "python_requires", fallback="")
    _take_metadata(declared, name if "%" not in name else "", python, ("setup.cfg", 1), extras)
    if not (declared.extras or declared.test_lines):
        declared.test_lines += usable(_rows(ini.get("options", "tests_require", fallback="")))
    _read_pytest(ini, "tool:pytest", declared)


def _read_tox(root: Path, ini: configparser.ConfigParser, declared: Declared) -> None:
    _read_pytest(ini, "pytest", declared)
    if declared.extras or declared.test_lines or not ini.has_section("testenv"):
        return
    rows = [row.replace("{toxinidir}/", "") for row in _rows(ini.get("testenv", "deps", fallback=""))]
    plain = [row for row in usable([row for row in rows if "{" not in row]) if not row.startswith("-c")]

    def exists(row: str) -> bool:
        return not row.startswith("-r ") or is_file(root, row[3:])

    declared.test_lines += [row for row in plain if exists(row) and row not in (".", "-e .")]
    if declared.installable:
        declared.extras = [
            e for e in re.split(r"[\s,]+", ini.get("testenv", "extras", fallback="")) if e.isidentifier()
        ]


def _read_pytest(ini: configparser.ConfigParser, section: str, declared: Declared) -> None:
    get: Callable[[str], Any] = lambda key: ini.get(section, key, fallback="").split()  # noqa: E731 - two uses, one line
    declared.testpaths |= bool(get("testpaths"))
    declared.python_files = declared.python_files or tuple(get("python_files"))
