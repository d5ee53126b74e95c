"""What an installed project leaves in its tree and its environment, so that other copies of the tree can be tested."""

import ast
import email.parser
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from maestro.model import EnvironmentFacts

SHIM = ".maestro/roots"
"""Where links stand for packages whose folder has another name than the package."""

_NOT_GENERATED = frozenset({"build", "dist", ".eggs", "__pycache__", ".git", ".hg", "node_modules"})
_NO_VERSION = re.compile(
    r"setuptools[-_]scm|hatch[-_]vcs|\bpbr\b|versioneer|versioningit|unable to detect version", re.IGNORECASE
)


def import_roots(site: Path, tree: Path, overlay: Path) -> tuple[str, ...]:
    """Return the folders, relative to ``tree``, that editable installs import from.

    Read from the ``.pth`` files and the ``__editable__`` finders in ``site``. A package whose folder has another name
    gets a link below ``SHIM`` in ``overlay``.
    """
    roots: dict[str, None] = {}
    base = os.path.realpath(tree)

    def add(path: str) -> None:
        real = os.path.realpath(path)
        if real == base or real.startswith(base + os.sep):
            roots[os.path.relpath(real, base)] = None

    for file in sorted(site.glob("*.pth")) + sorted(site.glob("*.egg-link")):
        for line in file.read_text("utf-8", "replace").splitlines():
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                add(str(site / line.strip()))
    for name, path in _mapped(site):
        folder, last = os.path.split(path.rstrip("/"))
        top = name.partition(".")[0]
        if last == top and "." not in name:
            add(folder)
        elif "." not in name and os.path.realpath(path).startswith(base):
            link = overlay / SHIM / name
            link.parent.mkdir(parents=True, exist_ok=True)
            inner = os.path.relpath(os.path.realpath(path), base)
            if not link.is_symlink():
                link.symlink_to(Path("..", "..", inner))
            roots[SHIM] = None
    return tuple(roots)


def _mapped(site: Path) -> Iterator[tuple[str, str]]:
    """Yield (package, folder) of setuptools' and editables' finder modules, read without running them."""
    for file in (
        sorted(site.glob("__editable__*finder.py"))
        + sorted(site.glob("_*_editable*.py"))
        + sorted(site.glob("_editable_impl_*.py"))
    ):
        try:
            body = ast.parse(file.read_text("utf-8", "replace")).body
        except SyntaxError:
            continue
        for node in body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id in ("MAPPING", "NAMESPACES") and isinstance(value, ast.Dict):
                for key, folder in ast.literal_eval(value).items():
                    yield from ((str(key), str(one)) for one in (folder if isinstance(folder, list) else [folder]))
            call = getattr(node, "value", None)
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "map_module" and len(call.args) == 2:  # noqa: PLR2004 - (name, path)
                name, path = (ast.literal_eval(argument) for argument in call.args)
                yield str(name), str(path).removesuffix("/__init__.py").removesuffix(".py")


def collect_generated(source: Path, tree: Path, overlay: Path) -> None:
    """Copy the files that a build made in ``tree`` (a copy of ``source``) to ``overlay``, at the same places."""
    for folder, folders, files in os.walk(tree):
        inner = os.path.relpath(folder, tree)
        folders[:] = [n for n in folders if n not in _NOT_GENERATED and not Path(folder, n, "pyvenv.cfg").exists()]
        for name in files:
            made = Path(folder, name)
            if os.path.lexists(source / inner / name) or made.suffix in (".pyc", ".o", ".c") or made.is_symlink():
                continue
            target = overlay / inner / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(made, target)


def layout(source: Path) -> list[str]:
    """List the packages and modules near the root by name: what decides how an editable install maps them."""
    found: list[str] = []
    for base in (source, source / "src", source / "lib"):
        if base.is_dir():
            entries = [e for e in sorted(base.iterdir()) if e.suffix == ".py" or (e / "__init__.py").exists()]
            found += [str(entry.relative_to(source)) for entry in entries]
    return found


def with_modules(facts: EnvironmentFacts, tree: Path, roots: tuple[str, ...]) -> EnvironmentFacts:
    """Add the top-level packages of the project itself, where its own metadata does not list them."""
    modules = dict(facts.modules)
    for root in roots:
        for entry in sorted((tree / root).iterdir()) if (tree / root).is_dir() else ():
            name = entry.name.removesuffix(".py")
            wanted = re.sub(r"[-_.]+", "-", name).lower()
            if wanted in facts.distributions and (entry.suffix == ".py" or entry.is_dir()):
                modules.setdefault(name, wanted)
    return replace(facts, modules=modules)


def stated_version(tree: Path) -> str:
    """Return the version that the tree's PKG-INFO states, or ""."""
    file = tree / "PKG-INFO"
    if not file.is_file():
        return ""
    return str(email.parser.Parser().parsestr(file.read_text("utf-8", "replace"), headersonly=True).get("Version", ""))


def lacks_version(words: str) -> bool:
    """Whether an installer's words say that version control did not tell the project's version."""
    return bool(_NO_VERSION.search(words))
