"""The modules that a project's own packaging files say are its own, whether or not they lie in the tree.

A module that such a file names and that is not there was lost, never checked in, or is yet to be built. A distribution
of that name on an index is somebody else's: installing it would run a stranger's code in the project's place. The files
are read, never run; what a program makes (a list that ``setup.py`` computes) is not seen.
"""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from maestro.healing._trees import parse
from maestro.healing.sourcetree import SourceTree

_KEYS = frozenset({"py_modules", "packages", "namespace_packages", "ext_modules", "provides"})
_FINDS = frozenset({"find_packages", "find_namespace_packages"})
_MODULE = re.compile(r"[A-Za-z_]\w*")
# Where stubs of other people's modules are kept.
_STUBS = re.compile(r"(?i).*stubs?|typings?|typeshed|types|mypy.*")
_COMPILED = (".pyi", ".pyx", ".pyd", ".so", ".py.in", ".py.tmpl")
_ROOTS = frozenset({"src", "lib", "python"})
_DEEPEST = 2  # parts of a path: a module, or one of a package, which its neighbours may import as they did in Python 2
_MAX_DEPTH = 3


def stated_modules(tree: SourceTree) -> dict[str, str]:
    """Map the top-level modules that a project states to be its own to the file that states it."""
    found: dict[str, str] = {}
    for path, names in (
        ("setup.py", _setup(tree.text("setup.py") or "")),
        ("setup.cfg", _cfg(tree.text("setup.cfg") or "")),
        ("pyproject.toml", _toml(tree.text("pyproject.toml") or "")),
        *_built(tree),
        *_described(tree),
    ):
        for name in names:
            top = re.split(r"[./*]", name.strip(), maxsplit=1)[0]
            if _MODULE.fullmatch(top):
                found.setdefault(top, path)
    return found


def _setup(text: str) -> Iterator[str]:
    module = parse(text)
    if module is None:  # of Python 2, say
        for listed in re.findall(r"\b(?:py_modules|packages)\s*=\s*[\[(]([^\])]*)[\])]", text):
            yield from re.findall(r"['\"]([\w.]+)['\"]", listed)
        return
    known = {t.id: n.value for n in ast.walk(module) if isinstance(n, ast.Assign) for t in n.targets
             if isinstance(t, ast.Name)}  # fmt: skip
    for node in ast.walk(module):
        match node:
            case ast.keyword(arg=str(name), value=value) if name in _KEYS:
                yield from _strings(value, known)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in _KEYS:
                        yield from _strings(value, known)
            case ast.Call(func=ast.Name(id="setup") | ast.Attribute(attr="setup"), keywords=keywords):
                names = [k.value for k in keywords if k.arg == "name"]
                yield from (s.replace("-", "_") for value in names for s in _strings(value, known))


def _strings(value: ast.expr, known: Mapping[str, ast.expr], depth: int = 0) -> Iterator[str]:
    """Yield the strings of a list: also one that has a name, or is put together; of extensions their names."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in known and depth < _MAX_DEPTH:
            yield from _strings(known[name], known, depth + 1)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from _strings(part, known, depth)
        case ast.BinOp(left=left, right=right):
            yield from (*_strings(left, known, depth), *_strings(right, known, depth))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_strings(body, known, depth), *_strings(orelse, known, depth))
        case ast.Starred(value=inner):
            yield from _strings(inner, known, depth)
        case ast.Call(func=func, args=args, keywords=keywords):
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            wanted = [k.value for k in keywords if k.arg == ("include" if name in _FINDS else "name")]
            wanted += args[2:3] if name in _FINDS else args[:1]
            for part in wanted:
                yield from _strings(part, known, depth)


def _cfg(text: str) -> Iterator[str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for section, option in (
        *(("options", key) for key in ("py_modules", "packages", "namespace_packages")),
        ("options.packages.find", "include"),
        *(("files", key) for key in ("packages", "modules")),  # pbr
        ("metadata", "name"),
    ):
        value = parser.get(section, option, fallback="")
        if not value.strip().startswith(("find", "attr:")):
            yield from (word.replace("-", "_") for word in re.split(r"[\s,]+", value) if word)


def _toml(text: str) -> Iterator[str]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    tool = _table(data, "tool")
    for holder in (_table(data, "project"), _table(tool, "poetry"), _table(tool, "flit", "metadata")):
        yield from (str(holder.get("name") or "").replace("-", "_"), str(holder.get("module") or ""))
    yield str(_table(tool, "flit", "module").get("name") or "")
    setuptools = _table(tool, "setuptools")
    packages = setuptools.get("packages")
    yield from _texts(setuptools.get("py-modules"))
    yield from _texts(packages)
    yield from _texts(_table(setuptools, "packages", "find").get("include"))
    yield from (str(e.get("name")) for e in setuptools.get("ext-modules") or () if isinstance(e, dict))
    for entry in _table(tool, "poetry").get("packages") or ():
        if isinstance(entry, dict):
            yield str(entry.get("include") or "").removesuffix(".py")
    hatch = _table(tool, "hatch", "build")
    targets = hatch.get("targets")
    for holder in (hatch, *(targets.values() if isinstance(targets, dict) else ())):
        yield from (PurePosixPath(p).name for p in _texts(holder.get("packages") if isinstance(holder, dict) else ()))
    yield from (PurePosixPath(p).name for p in _texts(_table(tool, "scikit-build", "wheel").get("packages")))
    for names in (_table(tool, "maturin"), _table(tool, "uv", "build-backend")):
        yield from _texts(names.get("module-name"))


def _table(data: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for key in path:
        data = data.get(key, {}) if isinstance(data, Mapping) else {}
    return data if isinstance(data, Mapping) else {}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _built(tree: SourceTree) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the names that setuptools left beside a source distribution (its folder is no part of the tree)."""
    for base in ("", "src", "lib"):
        folder = tree.root / base
        for place in sorted(folder.glob("*.egg-info")) if folder.is_dir() and not folder.is_symlink() else ():
            file = place / "top_level.txt"
            if file.is_file() and not (place.is_symlink() or file.is_symlink()):
                yield file.relative_to(tree.root).as_posix(), file.read_text("utf-8", "replace").split()


def _described(tree: SourceTree) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the modules of which a stub, or a source that is yet to be built, lies in the project."""
    for path in tree.files:
        pure = PurePosixPath(path)
        kind = next((k for k in _COMPILED if pure.name.endswith(k)), "")
        deep = len(pure.parts) - (pure.parts[0] in _ROOTS)
        if kind and deep <= _DEEPEST and not any(_STUBS.fullmatch(part) for part in pure.parts[:-1]):
            yield path, [pure.name.removesuffix(kind).partition(".")[0]]
