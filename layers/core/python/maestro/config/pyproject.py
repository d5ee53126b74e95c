"""What ``pyproject.toml`` says: the standard tables, and Poetry's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_TEST_GROUPS = ("test", "tests", "testing")


@dataclass(slots=True)
class Pyproject:
    """The parts that matter here; shapes that do not fit are left out."""

    name: str = ""
    installable: bool = False
    requires_python: str = ""
    dependencies: list[str] = field(default_factory=list)
    extras: dict[str, list[str]] = field(default_factory=dict)
    test_lines: list[str] = field(default_factory=list)
    testpaths: tuple[str, ...] = ()
    python_files: tuple[str, ...] = ()


def read(data: Mapping[str, Any]) -> Pyproject:
    """Take what matters from the parsed file."""
    project, tool = _table(data, "project"), _table(data, "tool")
    poetry = _table(tool, "poetry")
    found = Pyproject(
        name=_text(project.get("name")) or _text(poetry.get("name")),
        installable="build-system" in data and poetry.get("package-mode") is not False,
        requires_python=_text(project.get("requires-python")),
        extras={canonicalize_name(k): _texts(v) for k, v in _table(project, "optional-dependencies").items()},
    )
    if not found.installable:
        found.dependencies = _texts(project.get("dependencies"))
    groups: dict[str, Any] = {canonicalize_name(k): v for k, v in _table(data, "dependency-groups").items()}
    wanted = [g for g in _TEST_GROUPS if g in groups] or [g for g in ("dev",) if g in groups]
    for group in wanted:
        found.test_lines += _group(groups, group, ())
    if poetry:
        _read_poetry(poetry, found)
    options = _table(tool, "pytest")
    options = _table(options, "ini_options") or options
    found.testpaths = _words(options.get("testpaths"))
    found.python_files = _words(options.get("python_files"))
    return found


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _words(value: object) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else tuple(_texts(value))


def _group(groups: Mapping[str, Any], name: str, above: tuple[str, ...]) -> list[str]:
    """Return a dependency group's lines with the groups that it includes (PEP 735)."""
    lines: list[str] = []
    entries = groups.get(name)
    for entry in entries if isinstance(entries, list) and name not in above else []:
        if isinstance(entry, str):
            lines.append(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            lines += _group(groups, canonicalize_name(entry["include-group"]), (*above, name))
    return list(dict.fromkeys(lines))


def _read_poetry(poetry: Mapping[str, Any], found: Pyproject) -> None:
    dependencies = _table(poetry, "dependencies")
    if not found.requires_python:
        found.requires_python = poetry_range(_text(dependencies.get("python")))
    if not found.extras:
        found.extras = {canonicalize_name(k): _texts(v) for k, v in _table(poetry, "extras").items()}
    groups = {k: _table(v, "dependencies") for k, v in _table(poetry, "group").items() if isinstance(v, dict)}
    groups["dev"] = {**_table(poetry, "dev-dependencies"), **groups.get("dev", {})}
    wanted = [g for g in _TEST_GROUPS if groups.get(g)] or ["dev"]
    found.test_lines += [_poetry_line(k, v) for g in wanted for k, v in groups[g].items() if k != "python"]
    if not found.installable and not found.dependencies:
        found.dependencies = [_poetry_line(k, v) for k, v in dependencies.items() if k != "python"]


def _poetry_line(name: str, value: object) -> str:
    extras = ""
    if isinstance(value, dict):
        chosen = _texts(value.get("extras"))
        extras = f"[{','.join(chosen)}]" if chosen else ""
        value = value.get("version")
    return f"{name}{extras}{poetry_range(_text(value))}"


def poetry_range(text: str) -> str:
    """Turn Poetry's caret and tilde ranges into version specifiers; alternatives (``||``) give the last one."""
    parts = []
    for part in text.rpartition("||")[2].split(","):
        word = part.strip()
        match = re.fullmatch(r"([\^~])\s*(\d[\w.]*)", word)
        if match:
            parts.append(_bounded(match[1], match[2]))
        elif re.match(r"\d", word):
            parts.append(f"=={word}")
        elif word not in ("*", ""):
            parts.append(word)
    return ",".join(p for p in parts if p)


def _bounded(sign: str, text: str) -> str:
    try:
        release = Version(text).release
    except InvalidVersion:
        return ""
    first = next((i for i, number in enumerate(release) if number), len(release) - 1)
    keep = first if sign == "^" else min(1, len(release) - 1)
    upper = [*release[:keep], release[keep] + 1]
    return f">={text},<{'.'.join(map(str, upper))}"
