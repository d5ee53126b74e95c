"""What a repair may change in configuration: requirements and the environment, never which tests run."""

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from maestro.healing._catalogued import successors
from maestro.healing._trees import Change, parse

Seen = tuple[str, str, int, str]  # rule, file, line, detail
# Options of pytest that choose tests or how strictly they judge.
_NARROWING = frozenset(
    [
        "testpaths",
        "python_files",
        "python_classes",
        "python_functions",
        "norecursedirs",
        "collect_ignore",
        "xfail_strict",
        "strict_xfail",
        "strict",
        "filterwarnings",
        "usefixtures",
        "required_plugins",
        "doctest_optionflags",
        "junit_suite_name",
        "timeout",
        "markers_strict",
    ]
)
_ADDED_OPTIONS = re.compile(
    r"^(--import-mode=\w+|-p\s*(?!no:)[\w.]+|--strict(-markers|-config)?|-r\w*|-v+|--tb[= ]\w+)$"
)
_OF_THE_REPORT = re.compile(r"^(-r\w*|-v+|-q+|--(tb|color|durations)[= ]\w+|--showlocals|-l)$")
_FORBIDDEN_VARIABLES = frozenset(
    [
        "PYTEST_ADDOPTS",
        "PYTHONOPTIMIZE",
        "PYTEST_PLUGINS",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
        "PYTHONSTARTUP",
        "PYTHONBREAKPOINT",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONINSPECT",
        "PYTHONWARNINGS",
        "LD_PRELOAD",
        "PATH",
    ]
)
_REQUIREMENTS = re.compile(r"(^|/)([\w.-]*requirements[\w.-]*|requirements/[\w.-]+|constraints)\.(txt|in)$")
_INI = frozenset({"setup.cfg", "tox.ini", "pytest.ini", ".pytest.ini"})
_YAML = frozenset({"maestro.yaml", "maestro.yml"})


def is_configuration(path: str) -> bool:
    """Whether this is a kind of configuration that :func:`compare` understands."""
    name = PurePosixPath(path).name
    return name in _INI | _YAML | {"pyproject.toml"} or bool(_REQUIREMENTS.search(path))


def compare(change: Change, own: frozenset[str], filters: frozenset[str] = frozenset()) -> Iterator[Seen]:
    """Yield what a configuration file changes beyond requirements; ``own`` are the project's distributions.

    ``filters`` are those of warnings that may be added (:mod:`maestro.healing.known_forms.warned`). A file of another
    kind is one finding: no repair has a reason to change it.
    """
    name = PurePosixPath(change.path).name
    if change.binary or (not is_configuration(change.path)):
        yield "changed_data", change.path, 0, "neither Python nor configuration that a repair may change"
    elif change.after is None:
        yield "removed_file", change.path, 0, "configuration was removed"
    elif name in _YAML:
        yield from _maestro(change, own)
    elif name in _INI:
        yield from _ini(change, filters)
    elif name == "pyproject.toml":
        yield from _pyproject(change, own, filters)
    else:
        yield from _requirements(change.path, (change.before or "").splitlines(), change.after.splitlines(), own)


def project_distributions(root: Path) -> frozenset[str]:
    """Return the normalised names under which the project itself is published, read without running anything."""
    names: set[str] = set()
    file = root / "pyproject.toml"
    if file.is_file():
        data = _toml(file.read_text("utf-8", "replace")) or {}
        tool = data.get("tool")
        names |= {str(part.get("name", "")) for part in (data.get("project"), _at(tool, "poetry"), _at(tool, "flit"))
                  if isinstance(part, dict)}  # fmt: skip
    file = root / "setup.cfg"
    if file.is_file():
        names.add(_sections(file.read_text("utf-8", "replace")).get("metadata", {}).get("name", ""))
    file = root / "setup.py"
    tree = parse(file.read_text("utf-8", "replace")) if file.is_file() else None
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.keyword(arg="name", value=ast.Constant(value=str(text))):
                names.add(text)
    file = root / "PKG-INFO"
    if file.is_file():
        found = re.search(r"^Name:\s*(\S+)", file.read_text("utf-8", "replace"), re.MULTILINE)
        names.add(found.group(1) if found else "")
    return frozenset(canonicalize_name(n) for n in names if n)


def _at(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _toml(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _sections(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {name: {k: v or "" for k, v in parser.items(name)} for name in parser.sections()}


def _ini(change: Change, filters: frozenset[str]) -> Iterator[Seen]:
    old, new = _sections(change.before or ""), _sections(change.after or "")
    if change.after and change.after.strip() and not new:
        yield "changed_configuration", change.path, 0, "the changed file cannot be read"
        return
    tool: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for sections, options in ((old, tool[0]), (new, tool[1])):
        for name in ("pytest", "tool:pytest"):
            options.update(sections.pop(name, {}))
    yield from _pytest_options(change.path, tool[0], tool[1], filters)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield "changed_configuration", change.path, 0, f"section [{name}] changed"


def _pytest_options(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], filters: frozenset[str]
) -> Iterator[Seen]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if key == "filterwarnings" and _let_pass(str(before or ""), str(after or ""), filters):
            continue
        if key == "addopts":
            yield from _options(path, str(before or ""), str(after or ""))
        elif key in _NARROWING or before is not None:
            yield "deselecting_configuration", path, 0, f"{key}: {before!r} became {after!r}"


def _let_pass(old: str, new: str, filters: frozenset[str]) -> bool:
    """Whether the filters of warnings only gained, at their end, some that the failures justify."""
    words, rest = [one.split() for one in (old, new)]
    more = " ".join(rest[len(words) :])
    known = sorted((" ".join(one.split()) for one in filters), key=len, reverse=True)
    while more and (found := next((one for one in known if more.startswith(one)), None)) is not None:
        more = more.removeprefix(found).lstrip()
    return bool(words) and rest[: len(words)] == words and not more


def _options(path: str, old: str, new: str) -> Iterator[Seen]:
    try:
        before, after = (_grouped(shlex.split(text)) for text in (old, new))
    except ValueError:
        yield "deselecting_configuration", path, 0, f"addopts cannot be read: {new!r}"
        return
    follow = {o: new for o, new in successors().items() if o in before and o not in after and new in after}
    for option in after:
        if option not in before and not _ADDED_OPTIONS.match(option) and option not in follow.values():
            yield "deselecting_configuration", path, 0, f"addopts gained {option!r}"
    for option in before:
        if option not in after and option not in follow and not _OF_THE_REPORT.match(option):
            yield "deselecting_configuration", path, 0, f"addopts lost {option!r}"


def _grouped(words: list[str]) -> list[str]:
    """Join options with the value that follows them, for those that take one as a word of its own."""
    found: list[str] = []
    for word in words:
        if found and re.fullmatch(r"-[pkmWoc]|--(ignore|deselect|tb|ignore-glob)", found[-1]):
            found[-1] += " " + word
        else:
            found.append(word)
    return found


def _pyproject(change: Change, own: frozenset[str], filters: frozenset[str]) -> Iterator[Seen]:
    old, new = _toml(change.before or ""), _toml(change.after or "")
    if old is None or new is None:
        yield "changed_configuration", change.path, 0, "the file cannot be read before or after the change"
        return
    options = [(_at(_at(_at(data, "tool"), "pytest"), "ini_options") or {}) for data in (old, new)]
    before, after = ({k: _flat(v) for k, v in o.items()} for o in options)
    yield from _pytest_options(change.path, before, after, filters)
    lines = [_dependencies(data) for data in (old, new)]
    yield from _requirements(change.path, lines[0], lines[1], own)
    for data in (old, new):
        for keys in (("tool", "pytest"), ("project", "dependencies"), ("project", "optional-dependencies"),
                     ("dependency-groups",), ("build-system", "requires")):  # fmt: skip
            holder: Any = data
            for key in keys[:-1]:
                holder = _at(holder, key) or {}
            if isinstance(holder, dict):
                holder.pop(keys[-1], None)
    old.setdefault("tool", {}), new.setdefault("tool", {})
    if old != new:
        yield "changed_configuration", change.path, 0, "more than requirements and options of pytest changed"


def _flat(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _dependencies(data: Mapping[str, Any]) -> list[str]:
    project = data.get("project") if isinstance(data.get("project"), dict) else {}
    groups = [_at(project, "dependencies"), _at(data.get("build-system"), "requires")]
    for extra in (_at(project, "optional-dependencies"), data.get("dependency-groups")):
        groups += list(extra.values()) if isinstance(extra, dict) else []
    return [line for group in groups if isinstance(group, list) for line in group if isinstance(line, str)]


def _requirements(path: str, old: list[str], new: list[str], own: frozenset[str]) -> Iterator[Seen]:
    """Judge requirement lines: anything may be required from an index, but not in place of the project."""
    before, after = (
        [text for line in lines if (text := re.sub(r"(^|\s)#.*", "", line).strip())] for lines in (old, new)
    )
    for line in before:
        if line not in after and re.match(r"-e|--editable|-r|\.($|\[|/)", line):
            yield "lost_requirement", path, 0, f"`{line}` was removed"
    for line in after:
        if line in before or re.fullmatch(r"((-e|--editable)\s+)?\.(\[[\w,\s-]*\])?", line):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            yield "unvetted_requirement", path, 0, f"`{line}` is not a plain requirement"
            continue
        if requirement.url:
            yield "unvetted_requirement", path, 0, f"`{line}` names a place outside of the package index"
        elif canonicalize_name(requirement.name) in own:
            yield "replaces_product", path, 0, f"`{line}` would put a published version in the project's place"


def _maestro(change: Change, own: frozenset[str]) -> Iterator[Seen]:
    data = []
    for text in (change.before or "{}", change.after or "{}"):
        try:
            loaded = yaml.safe_load(text)
        except yaml.YAMLError as error:
            yield "changed_configuration", change.path, 0, f"the file is not YAML: {str(error)[:80]}"
            return
        data.append(loaded if isinstance(loaded, dict) else {})
    environments: list[dict[str, Any]] = [{}, {}]
    for found, side in zip(environments, data, strict=True):
        found["environment"] = side.pop("environment", None)
        suites = side.get("suites")
        for name, suite in suites.items() if isinstance(suites, dict) else ():
            if isinstance(suite, dict):
                found[f"suites.{name}"] = suite.pop("environment", None)
    if change.before is not None and data[0] != data[1]:
        keys = sorted(k for k in data[0].keys() | data[1].keys() if data[0].get(k) != data[1].get(k))
        yield (
            "deselecting_configuration",
            change.path,
            0,
            f"more than the environment changed: {', '.join(map(str, keys))}",
        )
    if change.before is None and (data[1].keys() - {"project", "suites"} or environments[1].keys() != {"environment"}):
        yield "deselecting_configuration", change.path, 0, "a new maestro.yaml may state an environment only"
    for name in environments[1]:
        yield from _environment(change.path, environments[0].get(name) or {}, environments[1].get(name) or {}, own)


def _environment(path: str, old: Mapping[str, Any], new: Mapping[str, Any], own: frozenset[str]) -> Iterator[Seen]:
    lines = [list(map(str, side.get("install") or [])) for side in (old, new)]
    yield from _requirements(path, lines[0], lines[1], own)
    before, after = (side.get("variables") or {} for side in (old, new))
    for name in after:
        if after[name] != before.get(name) and str(name).upper() in _FORBIDDEN_VARIABLES:
            yield "deselecting_configuration", path, 0, f"variable {name} changes what the tools do"
    for name in old.get("pythonpath") or []:
        if name not in (new.get("pythonpath") or []):
            yield "changed_configuration", path, 0, f"pythonpath lost {name!r}"
    unknown = new.keys() - {"python", "install", "variables", "pythonpath", *old.keys()}
    if unknown:
        yield "changed_configuration", path, 0, f"unknown keys of environment: {sorted(unknown)}"
