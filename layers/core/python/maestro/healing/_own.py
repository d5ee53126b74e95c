"""What is a project's own: its modules, its distribution, and the names that its source binds.

Reads files below the project's root, runs nothing.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from maestro.healing._catalogued import modules_of
from maestro.healing._names import BUILTIN_ATTRIBUTES, BUILTINS
from maestro.healing._roles import is_test_file, package_in_doubt
from maestro.healing._trees import parse, project_names
from maestro.healing.base import Project
from maestro.healing.sourcetree import SourceTree

_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
_BUILD = (*_METADATA, "meson.build", "CMakeLists.txt", "Makefile", "build.py", "MANIFEST.in")
_NAMED = re.compile(r"""(?m)^\s*["']?name["']?\s*[=:]\s*["']?([A-Za-z][\w.-]*)""")
# What a build or a version-control tag makes, and no source file binds.
_GENERATED = frozenset({"version", "_version", "__version__", "version_info", "VERSION"})
_SOURCES = (".py", ".pyi", ".pyx", ".pxd", ".c", ".cpp", ".rs", ".so", ".pyd", ".in")
# Code that can bind names which no reading of the source finds.
_DYNAMIC = re.compile(r"\bglobals\s*\(|sys\.modules\s*\[|\bdef __getattr__\s*\(")
_DYNAMIC_CALLS = frozenset({"setattr", "vars", "locals", "exec", "eval"})
_CHANGELOGS = re.compile(r"^(change|history|news|release|whatsnew|upgrad|migrat)", re.IGNORECASE)
_MAX_CHANGELOG = 2_000_000
_MAX_STARS = 30
_MAX_MESSAGE = 1000
_MAX_SOURCES = 500
# "requires graphviz", "you need to have the foo package", "foo is not installed"
_ASKS = (
    re.compile(r"(?:requires?|needs?|install|have) (?:the )?['\"`]?([A-Za-z][\w.-]{2,}\w)", re.IGNORECASE),
    re.compile(
        r"([A-Za-z][\w.-]{2,})['\"`]? (?:\w+ )?(?:is|are|was) (?:not (?:installed|available|found)|required|missing)"
    ),
)
# Functions of this name are often not the project's, even where it defines one.
_AMBIGUOUS = frozenset({"match", "search", "fullmatch", "getenv", "which", "find", "run", "call", "main", "open"})


def top(name: str) -> str:
    """Return the first part of a dotted name."""
    return name.split(".", maxsplit=1)[0]


def owns(project: Project, name: str) -> bool:
    """Whether a top-level module is the project's own, by its files."""
    if not re.fullmatch(r"\w+", name):
        return False
    return any((root / name).is_dir() or (root / f"{name}.py").is_file() for root in _roots(project))


def own(project: Project, name: str, distribution: str = "") -> bool:
    """Whether a qualified name is of the project's own code, also where the project is installed.

    ``distribution`` is the one that was seen to bring the name; "" where none was.
    """
    if not owns(project, top(name)):
        return False
    return not distribution or _plain(distribution) in {_plain(top(name)), *_distributions(project)}


def of_tests(project: Project, file: str) -> bool:
    """Whether a file is one of the tests; a folder that only sounds like tests and holds none is the product's."""
    return is_test_file(file) and not package_in_doubt(file, SourceTree(project.root).files)


def lost(project: Project, module: str, name: str) -> bool:
    """Whether nothing in the source of a module of the project's own binds a name that is asked of it.

    False where that cannot be told: the module takes names from elsewhere or makes them as it runs, the build makes
    them, or the project's notes of changes say that the name was given up.
    """
    file = _file(project, module)
    if file is None or name in _GENERATED or is_test_file(str(file.relative_to(project.root))):
        return False
    if file.name == "__init__.py" and any((file.parent / f"{name}{s}").exists() for s in ("", *_SOURCES)):
        return False
    if _may_bind(project, file, name, set()):
        return False
    word = re.compile(rf"\b{re.escape(name)}\b")
    if any(word.search(_text(project.root / build)) for build in _BUILD):
        return False
    return not documented(project, name)


def deleted(project: Project, module: str, changes: Sequence[Mapping[str, object]]) -> str:
    """Return the recent change that took a module's file out of the project; "" where none did.

    Not where the project's own files now ask for a distribution of that name: then it gave its copy up for that.
    """
    from maestro.healing.strategies.metadata import requirements

    ends = [f"{module.replace('.', '/')}{rest}" for rest in (".py", "/__init__.py")]
    for change in changes:
        files = change.get("files")
        for file in files if isinstance(files, (list, tuple)) else ():
            path = str(file)
            same = any(path == end or path.endswith(f"/{end}") for end in ends)
            if same and not is_test_file(path) and not (project.root / path).exists():
                asked = {str(canonicalize_name(r.name)) for r in requirements(SourceTree(project.root))}
                name = str(canonicalize_name(top(module)))
                if not asked & {name, f"python-{name}", f"py{name}", f"{name}-python"}:
                    return (
                        f"the change {str(change.get('commit') or '')[:10]} ({str(change.get('subject') or '')[:80]})"
                    )
    return ""


def documented(project: Project, name: str) -> bool:
    """Whether the project's own notes of changes say that a name was renamed, removed or replaced."""
    quoted = re.escape(name)
    said = re.compile(
        rf"(?:renam|remov|replac|drop|delet)\w*[^.\n]{{0,60}}\b{quoted}\b"
        rf"|\b{quoted}\b[^.\n]{{0,40}}\b(?:renamed|removed|replaced|dropped|no longer|gone)\b",
        re.IGNORECASE,
    )
    folders = [project.root, project.root / "docs", project.root / "doc"]
    files = [p for f in folders if f.is_dir() for p in sorted(f.iterdir()) if _CHANGELOGS.match(p.name)]
    return any(said.search(_text(path)) for path in files)


def computes(project: Project, file: str, line: int) -> bool:
    """Whether the statement at a line uses what a function of the project's own, and of no other name, returned."""
    path = project.root / file
    inside = path.resolve().is_relative_to(project.root.resolve())
    module = parse(_text(path)) if inside and path.suffix == ".py" else None
    functions = [
        node
        for node in ast.walk(module or ast.Module([], []))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    if not functions:
        return False
    simple = [n for n in ast.walk(functions[-1]) if isinstance(n, ast.stmt) and not hasattr(n, "body")]
    here = [n for n in simple if n.lineno <= line <= (n.end_lineno or n.lineno)]
    used = {n.id for stmt in here for n in ast.walk(stmt) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for stmt in simple:
        if isinstance(stmt, ast.Assign) and stmt.lineno < line:
            names = {n.id for target in stmt.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
            here += [stmt] if names & used else []
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for stmt in here
        for node in ast.walk(stmt)
        if isinstance(node, ast.Call)
    }
    return bool((called - BUILTIN_ATTRIBUTES - BUILTINS - _AMBIGUOUS) & project_names(project.root).defined)


def calls_library(project: Project, file: str, line: int) -> bool:
    """Whether the statement at a line calls what its module imports from an installed distribution."""
    path = project.root / file
    inside = path.resolve().is_relative_to(project.root.resolve())
    module = parse(_text(path)) if inside and path.suffix == ".py" else None
    if module is None:
        return False
    imported = {
        alias.asname or top(alias.name): node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
        for alias in node.names
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno):
            called = next((n.id for n in ast.walk(node.func) if isinstance(n, ast.Name)), "")
            source = top(imported.get(called, ""))
            if source in project.facts.modules and not owns(project, source):
                return True
    return False


def asks_for_missing(project: Project, message: str) -> bool:
    """Whether an error asks for something that is not installed, and that the project knows to be optional.

    That is what its metadata name, or what its own sources import and can do without.
    """
    stated = "\n".join(
        _text(path).lower()
        for pattern in (*_METADATA, "tox.ini", "*requirements*.txt", "requirements/*.txt")
        for path in sorted(project.root.glob(pattern))
    )
    installed = {_plain(name) for name in (*project.facts.distributions, *project.facts.modules)}
    asked = {found.lower() for pattern in _ASKS for found in pattern.findall(message[:_MAX_MESSAGE])}
    lacking = {name for name in asked if _plain(name) not in installed}
    if any(name in stated for name in lacking):
        return True
    modules = {module for name in lacking for module in (name, *modules_of(name))} - set(project.facts.modules)
    return bool(modules) and not modules.isdisjoint(_optional(project.root))


def _optional(root: Path) -> Iterator[str]:
    """Yield the modules that sources of the product import and whose absence they handle."""
    for path in sorted(root.rglob("*.py"))[:_MAX_SOURCES]:
        inner = str(path.relative_to(root))
        if inner.startswith(".") or is_test_file(inner) or "ImportError" not in (text := _text(path)):
            continue
        for node in ast.walk(parse(text) or ast.Module([], [])):
            if isinstance(node, ast.Try) and any("ImportError" in ast.unparse(h.type) for h in node.handlers if h.type):
                for guarded in node.body:
                    if isinstance(guarded, ast.Import):
                        yield from (alias.name for alias in guarded.names)
                    elif isinstance(guarded, ast.ImportFrom) and guarded.module and not guarded.level:
                        yield guarded.module


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _roots(project: Project) -> list[Path]:
    return [project.root, project.root / "src", *(project.root / p for p in project.environment.pythonpath)]


def _distributions(project: Project) -> set[str]:
    """The names that the project's metadata give its distribution."""
    return {_plain(name) for file in _METADATA for name in _NAMED.findall(_text(project.root / file))}


def _text(path: Path) -> str:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_CHANGELOG:
        return ""
    return path.read_text("utf-8", "replace")


def _file(project: Project, module: str) -> Path | None:
    """Return the source file of a module of the project's own; None where there is none."""
    if not re.fullmatch(r"\w+(\.\w+)*", module):
        return None
    inner = Path(*module.split("."))
    for root in _roots(project):
        for path in (root / inner / "__init__.py", root / inner.with_suffix(".py")):
            inside = path.is_file() and path.resolve().is_relative_to(project.root.resolve())
            if inside and path.is_relative_to(project.root):
                return path
    return None


def _may_bind(project: Project, file: Path, name: str, seen: set[Path]) -> bool:
    """Whether a module binds a name at its top level, takes it from another one, or may make it as it runs."""
    if file in seen:
        return False
    seen.add(file)
    text = _text(file)
    module = parse(text)
    if module is None or _DYNAMIC.search(text) or len(seen) > _MAX_STARS:
        return True
    for node in _top_level(module):
        if name in _bound(node) or (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC_CALLS
        ):
            return True
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            other = _imported(project, file, node)
            if other is None or _may_bind(project, other, name, seen):
                return True
    return any(isinstance(n, ast.Global) and name in n.names for n in ast.walk(module))


def _bound(node: ast.AST) -> set[str]:
    """Return the names that a node itself binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Name(id=name, ctx=ast.Store()) | ast.ExceptHandler(name=str(name)):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {a.asname or (top(a.name) if isinstance(node, ast.Import) else a.name) for a in names}
    return set()


def _top_level(module: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes of a module that run as it is imported: all but what stands inside functions and classes."""
    waiting: list[ast.AST] = list(module.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _imported(project: Project, file: Path, node: ast.ImportFrom) -> Path | None:
    """Return the file of the module that an import names; None where it is not the project's own."""
    if not node.level:
        return _file(project, node.module or "")
    folder = file.parent
    for _ in range(node.level - 1):
        folder = folder.parent
    inner = Path(*(node.module or "").split(".")) if node.module else Path()
    paths = (folder / inner / "__init__.py", (folder / inner).with_suffix(".py") if node.module else file)
    return next((p for p in paths if p.is_file() and p.is_relative_to(project.root)), None)
