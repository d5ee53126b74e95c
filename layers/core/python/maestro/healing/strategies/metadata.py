"""What a project states about itself: its name, its requirements, its supported Pythons. Read, never run."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.declarations import declared_elsewhere
from maestro.healing.strategies.names import canonical

_REQUIREMENT_FILES = (
    "*requirements*.txt",
    "*requirements*.in",
    "requirements/*.txt",
    "requirements/*.in",
    "dev*.txt",
    "test*.txt",
)
_RANGE_LINES = re.compile(r"[\w\]][ \t]*[<>=!]=[^\n]*\n")  # several requirements in one string
_EXTRA = re.compile(r"extra == \"([^\"]+)\"")
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")
_WORD_LISTS = {"keywords", "classifiers", "packages", "py_modules", "platforms", "scripts", "provides"}
_TOX_FACTORS = re.compile(r"^([\w,{}.!-]+):\s+")
_REQUIRES_PYTHON = re.compile(
    r"(?im)^\s*(?:requires-python|python_requires|python)\s*[:=]\s*['\"]?\s*([<>=!~][^'\"\n#]*)"
)
_NAME = re.compile(r"(?m)^Name:[ \t]*(\S+)")
_VERSION = re.compile(r"(?m)^Version:[ \t]*(\S+)")


def requirements(tree: SourceTree, python: tuple[int, int] | None = None) -> Iterator[Requirement]:
    """Yield every requirement that the project's own files state, extras and test requirements included.

    With ``python``, those that are meant for other versions of Python are left out.
    """
    for line in (*_lines(tree, python), *declared_elsewhere(tree)):
        text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip().rstrip(",;\\").strip()
        if not text or text.startswith(("-", "http", "git+")):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if python is None or requirement.marker is None or applies(requirement.marker, python):
            yield requirement


def applies(marker: Marker, python: tuple[int, int]) -> bool:
    """Whether a marker holds for a Python, with any of the extras that it names."""
    version = f"{python[0]}.{python[1]}"
    base = {"python_version": version, "python_full_version": version + ".0"}
    return any(marker.evaluate({**base, "extra": extra}) for extra in ("", *_EXTRA.findall(str(marker))))


def _lines(tree: SourceTree, python: tuple[int, int] | None) -> Iterator[str]:
    for path in tree.files:
        if any(fnmatch(path, pattern) for pattern in _REQUIREMENT_FILES):
            yield from (tree.text(path) or "").splitlines()
    yield from _toml_strings(tree.text("pyproject.toml") or "")
    for path in ("setup.cfg", "tox.ini"):
        yield from _ini_lines(tree.text(path) or "", python)
    yield from _setup_strings(tree.text("setup.py") or "")


def _toml_strings(text: str) -> Iterator[str]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    project = data.get("project", {})
    groups = [project.get("dependencies", []), *dict(project.get("optional-dependencies", {})).values()]
    groups += list(dict(data.get("dependency-groups", {})).values())
    for group in groups:
        yield from (item for item in group if isinstance(item, str))
    poetry = data.get("tool", {}).get("poetry", {})
    tables = [poetry.get("dependencies", {}), poetry.get("dev-dependencies", {})]
    tables += [g.get("dependencies", {}) for g in poetry.get("group", {}).values()]
    for table in tables:
        for name, want in table.items():
            if isinstance(want, str) and name != "python":
                yield name + _poetry_range(want)


def _poetry_range(want: str) -> str:
    found = re.fullmatch(r"\^(\d+)(\.\d+)*", want)
    if found:
        return f">={want[1:]},<{int(found[1]) + 1}"
    return "" if want == "*" or not re.match(r"[<>=!]", want) else want


def _ini_lines(text: str, python: tuple[int, int] | None) -> Iterator[str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for section in parser.sections():
        wanted = re.findall(r"py(\d)(\d+)", section.partition(":")[2])  # "[testenv:py34]"
        if python is not None and wanted and (str(python[0]), str(python[1])) not in wanted:
            continue
        for option, value in parser.items(section):
            whole = section == "options.extras_require"
            if whole or option in ("deps", "install_requires", "tests_require", "requires", "requires-dist"):
                for line in value.splitlines():
                    found = _TOX_FACTORS.match(line.strip())  # "py27,py34: mock"
                    versions = re.findall(r"py(\d)(\d+)", found[1]) if found else []
                    if python is None or not versions or (str(python[0]), str(python[1])) in versions:
                        rest = line.strip()[found.end() :] if found else line.strip()
                        # a factor that is no version names a special setting: its range is not everyone's
                        yield re.split(r"[<>=!~; ]", rest)[0] if found and not versions else rest


def _setup_strings(text: str) -> Iterator[str]:
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    other, conditions = _word_lists(module), _conditions(module)
    for node in ast.walk(module):
        if node in other:
            continue
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            for item in node.elts:
                if isinstance(item, ast.Constant) and isinstance(item.value, str) and "::" not in item.value:
                    yield item.value + conditions.get(node, "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(_RANGE_LINES, node.value):
            yield from node.value.splitlines()


def _conditions(module: ast.Module) -> dict[ast.AST, str]:
    """Return the markers of lists that are an extra under a condition: ``{"test:python_version<'3'": [...]}``."""
    found: dict[ast.AST, str] = {}
    for node in ast.walk(module):
        for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and ":" in key.value:
                condition = key.value.partition(":")[2]
                try:
                    found[value] = f" ; {Marker(condition)}"
                except InvalidMarker:
                    continue  # a dictionary of something else
    return found


def _word_lists(module: ast.Module) -> set[ast.AST]:
    """Nodes of lists of words, which look like lists of requirements."""
    other: set[ast.AST] = set()
    for node in ast.walk(module):
        names = [node.arg or ""] if isinstance(node, ast.keyword) else []
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if isinstance(node, (ast.keyword, ast.Assign)) and any(name.lower() in _WORD_LISTS for name in names):
            other.update(ast.walk(node.value))
        for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant) and key.value in _WORD_LISTS:
                other.update(ast.walk(value))
    return other


def stated_requirement(
    tree: SourceTree, distribution: str, python: tuple[int, int] | None = None
) -> Requirement | None:
    """Return the project's own requirement on a distribution; one with a version range before one without."""
    found = [r for r in requirements(tree, python) if canonical(r.name) == canonical(distribution) and r.url is None]
    ranged = [r for r in found if r.specifier]
    return next(iter(ranged or found), None)


def own_names(tree: SourceTree) -> frozenset[str]:
    """Normalised names under which the project publishes itself."""
    names = {canonical(found[1]) for found in [_NAME.search(tree.text("PKG-INFO") or "")] if found}
    for path, pattern in (
        ("setup.py", r"\bname\s*=\s*['\"]([\w.-]+)['\"]"),
        ("setup.cfg", r"(?m)^name\s*=\s*([\w.-]+)"),
    ):
        names |= {canonical(n) for n in re.findall(pattern, tree.text(path) or "")}
    names |= {
        canonical(n) for n in re.findall(r"(?m)^name\s*=\s*[\"']([\w.-]+)[\"']", tree.text("pyproject.toml") or "")
    }
    return frozenset(names - {""})


def own_release(tree: SourceTree) -> tuple[str, str] | None:
    """Return (name, version) of the release that the tree states to be, or None."""
    text = tree.text("PKG-INFO") or ""
    name, version = _NAME.search(text), _VERSION.search(text)
    if name and version:
        return name[1], version[1]
    names = sorted(own_names(tree))
    for path, stated in (
        ("pyproject.toml", r"(?m)^version\s*=\s*['\"](\d[\w.]*)['\"]"),
        ("setup.cfg", r"(?m)^version\s*=\s*(\d[\w.]*)\s*$"),
    ):
        found = re.search(stated, tree.text(path) or "")
        if found and names:
            return names[0], found[1]
    for path in tree.python_files:
        if path.count("/") <= 2 and (
            path.endswith(("__init__.py", "setup.py", "version.py", "__version__.py", "__about__.py"))
        ):
            found = re.search(r"(?m)(?:__version__|\bversion)\s*=\s*['\"](\d[\w.]*)['\"]", tree.text(path) or "")
            if found and names:
                return names[0], found[1]
    return None


def excludes_python(tree: SourceTree, python: tuple[int, int]) -> bool:
    """Whether the project's metadata says that it is not for this Python.

    Either its ``Requires-Python`` leaves it out, or its classifiers name versions of Python 3 that all lie below it.
    """
    texts = [tree.text(p) or "" for p in ("PKG-INFO", "setup.py", "setup.cfg", "pyproject.toml")]
    for stated in (found[1] for text in texts for found in _REQUIRES_PYTHON.finditer(text)):
        try:
            if not SpecifierSet(stated).contains(f"{python[0]}.{python[1]}.0"):
                return True
        except InvalidSpecifier:
            continue
    named = supported_pythons(tree)
    return bool(named) and max(named) < python


def supported_pythons(tree: SourceTree) -> tuple[tuple[int, int], ...]:
    """Versions of Python 3 that the project's classifiers name, ascending."""
    text = "\n".join(tree.text(p) or "" for p in ("setup.py", "setup.cfg", "pyproject.toml", "PKG-INFO"))
    return tuple(sorted({(3, int(v.split(".")[1])) for v in _CLASSIFIER.findall(text)}))
