"""What a patch changed, read from two trees on disk, and the names that a project defines."""

import ast
import functools
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fissix.refactor import RefactoringTool, get_fixers_from_package

from maestro.healing._roles import is_test_file
from maestro.healing._set_returns import set_functions

_SKIPPED_FOLDERS = frozenset({".git", ".hg", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".venv"})
_MAX_PARSED_BYTES = 2_000_000
_MAX_STRING = 500  # characters; a longer one is a text


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs between two trees; ``None`` on the side where it does not exist."""

    path: str
    before: str | None
    after: str | None
    binary: bool = False

    @property
    def python(self) -> bool:
        """Whether this is a Python source file."""
        return self.path.endswith((".py", ".pyi", ".pyw"))


def _walk(root: Path) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if n not in _SKIPPED_FOLDERS and not n.endswith(".egg-info"))
        for name in [*files, *(n for n in names if (Path(folder) / n).is_symlink())]:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _content(path: Path) -> bytes:
    """Return a file's bytes; a link's target marked as such, so that a link is never followed out of the tree."""
    if path.is_symlink():
        return b"\0link:" + os.fsencode(path.readlink())
    return path.read_bytes()


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def changes(before: Path, after: Path) -> tuple[Change, ...]:
    """Return the files that differ between two trees, by path; version control and caches are left out."""
    left, right = set(_walk(before)), set(_walk(after))
    found = []
    for path in sorted(left | right):
        old = _content(before / path) if path in left else None
        new = _content(after / path) if path in right else None
        if old == new:
            continue
        texts = [None if data is None else _text(data) for data in (old, new)]
        binary = (old is not None and texts[0] is None) or (new is not None and texts[1] is None)
        found.append(Change(path, texts[0], texts[1], binary))
    return tuple(found)


def parse(text: str | None) -> ast.Module | None:
    """Parse Python source; ``None`` where there is none or it does not parse."""
    if text is None or len(text) > _MAX_PARSED_BYTES:
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# What Python 3 cannot even parse; the other fixers of 2to3 also change what is called.
_SYNTAX_FIXERS = frozenset(
    {
        *("except", "exec", "has_key", "ne", "numliterals", "print", "raise", "repr", "throw", "tuple_params"),
        *("unicode", "metaclass", "paren", "imports", "urllib", "basestring", "long", "xrange", "dict", "next"),
    }
)


@functools.cache
def _translator(*, full: bool) -> RefactoringTool:
    names = get_fixers_from_package("fissix.fixes")
    return RefactoringTool(names if full else [n for n in names if n.rsplit(".fix_", 1)[-1] in _SYNTAX_FIXERS])


@functools.lru_cache(maxsize=64)
def translated(text: str, *, full: bool = True) -> ast.Module | None:
    """Parse source as Python 2 and translate it with the fixers of 2to3; ``None`` where that is impossible.

    Without ``full`` only syntax and names change, and ``map`` or ``filter`` stay as they are.

    The translation is the yardstick for repairs of Python 2 code: what they may differ by is what it leaves open.
    """
    logging.getLogger("fissix").setLevel(logging.CRITICAL)
    logging.getLogger("RefactoringTool").setLevel(logging.CRITICAL)
    try:
        tree = _translator(full=full).refactor_string(text if text.endswith("\n") else text + "\n", "source.py")
    except Exception:  # noqa: BLE001 - fissix raises its tokenizer's, parser's and fixers' errors without a base
        return None
    return None if tree is None else parse(str(tree))


@dataclass(frozen=True, slots=True)
class Names:
    """What a project itself defines: function, class, attribute and variable names, and top-level modules.

    ``sets`` are the names of functions that all return sets, by their annotations; ``strings`` the short strings of
    the product.
    """

    defined: frozenset[str]
    modules: frozenset[str]
    sets: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()


def project_names(root: Path) -> Names:
    """Collect the names that the Python files of a tree define; test files count for modules only."""
    defined: set[str] = set()
    modules: set[str] = set()
    sets: set[str] = set()
    others: set[str] = set()
    strings: set[str] = set()
    for path in _walk(root):
        if not path.endswith(".py"):
            continue
        parts = PurePosixPath(path).parts
        parts = parts[1:] if parts[0] in ("src", "lib", "python") and len(parts) > 1 else parts
        if parts[0] != "setup.py":
            modules.add(parts[0].removesuffix(".py"))
        file = root / path
        if is_test_file(path) or file.is_symlink() or file.stat().st_size > _MAX_PARSED_BYTES:
            continue
        text = _text(file.read_bytes())
        module = parse(text) or (translated(text) if text else None)
        if module is not None:
            defined |= definitions(module)
            returning, rest = set_functions(module)
            sets, others = sets | returning, others | rest
            strings |= {str(n.value) for n in ast.walk(module) if isinstance(n, ast.Constant) and _short(n.value)}
    return Names(*map(frozenset, (defined, modules, sets - others, strings)))


def _short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_STRING


def definitions(module: ast.AST) -> set[str]:
    """Return the names that a module defines anywhere: functions, classes, assigned names and attributes."""
    names: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                names.add(name)
    return names
