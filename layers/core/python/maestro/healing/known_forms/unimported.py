"""A test that uses ``shop._engine`` with ``import shop`` alone, and so needs someone else to have imported that module.

In one process with a test file that imports the submodule the test passes, alone or in another process it does not.
Which of the two happens says nothing of the product: a package owes its submodules to nobody who does not import them.
Where no other test file imports the submodule it is different. Then the package itself may have imported it once, and
no longer does, which is the product's defect.
"""

import ast
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from maestro.healing._roles import Role, is_test_file
from maestro.healing._trees import parse
from maestro.healing.sourcetree import SourceTree
from maestro.model import Facts


def unimported(facts: Facts, tree: SourceTree) -> str:
    """Return the submodule ("shop._engine") that a test uses and leaves to others to import; "" where it is not that.

    The error has to come up in a test, at a submodule that is there: one of the project's own that another test file
    imports as it is itself imported, or one of the standard library.
    """
    found, last = facts.attributes, facts.frames[-1] if facts.frames else None
    owner, name = str(found.get("owner") or ""), str(found.get("name") or "")
    if not facts.exception.endswith("AttributeError") or found.get("owner_kind") != "module" or last is None:
        return ""
    module = f"{owner}.{name}"
    if not last.in_project or not is_test_file(last.file) or not all(part.isidentifier() for part in module.split(".")):
        return ""
    if tree.owns(owner):
        theirs = (path for path in tree.python_files if path != last.file and tree.role(path) is Role.TEST)
        known = _among(tree, module) and any(module in imports(tree.text(path)) for path in theirs)
        return module if known else ""
    return module if _standard(owner, name) else ""


def imports(text: str | None) -> frozenset[str]:
    r"""Return the modules that a source imports in full as it is imported: by statements of its own level.

    >>> sorted(imports("import shop._engine, os.path\nfrom shop import rates\ndef f():\n    import csv\n"))
    ['os.path', 'shop', 'shop._engine', 'shop.rates']
    """
    found: set[str] = set()
    for node in (parse(text) or ast.Module([], [])).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def _among(tree: SourceTree, module: str) -> bool:
    """Whether the tree has the source of a module, at its root or one folder below."""
    inner = module.replace(".", "/")
    forms = {f"{inner}.py", f"{inner}/__init__.py"}
    return any(path in forms or path.partition("/")[2] in forms for path in tree.python_files)


@cache
def _standard(owner: str, name: str) -> bool:
    """Whether the standard library has a module, seen without importing anything."""
    folders: list[str] | None = None
    for part in owner.split("."):
        spec = PathFinder.find_spec(part, folders)
        if spec is None or spec.submodule_search_locations is None or not _of_python(spec.origin):
            return False
        folders = list(spec.submodule_search_locations)
    return any((Path(f) / f"{name}.py").is_file() or (Path(f) / name / "__init__.py").is_file() for f in folders or ())


def _of_python(origin: str | None) -> bool:
    return origin is not None and Path(origin).is_relative_to(Path(ast.__file__).parent) and "-packages" not in origin
