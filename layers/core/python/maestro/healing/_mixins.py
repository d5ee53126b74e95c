"""A class of tests that only its subclasses complete, and that the test tool collects by itself as well."""

import ast

from maestro.healing._roles import is_test_file
from maestro.healing._trees import parse
from maestro.healing.base import Project
from maestro.model import Facts

_SHOWN = 3


def lone_mixin(facts: Facts, project: Project) -> str:
    """Say that a test class is a mixin whose missing attribute its subclasses define; "" where it is none.

    ``unittest`` never ran it, as it is no ``TestCase``; pytest collects it for its name.
    """
    name, owner = str(facts.attributes.get("name") or ""), str(facts.attributes.get("owner") or "").rpartition(".")[2]
    last = facts.frames[-1] if facts.frames else None
    if not name or not owner or last is None or not last.in_project or not is_test_file(last.file):
        return ""
    path = project.root / last.file
    inside = path.resolve().is_relative_to(project.root.resolve()) and path.is_file() and path.suffix == ".py"
    module = parse(path.read_text("utf-8", "replace")) if inside else None
    classes = [node for node in (module.body if module else ()) if isinstance(node, ast.ClassDef)]
    above = {c.name: {ast.unparse(base) for base in c.bases} for c in classes}
    below = [c for c in classes if owner in above[c.name]]
    if owner not in above or above[owner] - {"object"} or not below or not all(_defines(c, name) for c in below):
        return ""
    listed = ", ".join(c.name for c in below[:_SHOWN])
    return (
        f"{owner} is a mixin that is collected by itself: only its subclasses ({listed}) have `{name}`, and its "
        f"tests run with them; name it so that it is not collected, or set `__test__ = False` in it and True in them"
    )


def _defines(node: ast.ClassDef, name: str) -> bool:
    return any(isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n.name == name for n in node.body) or any(
        isinstance(t, ast.Name) and t.id == name for n in node.body if isinstance(n, ast.Assign) for t in n.targets
    )
