"""What a change adds to a test file: it may set things up, and nothing else."""

import ast
from collections.abc import Iterator

from maestro.healing._forms import Knowledge, dotted, last_name, origins, resolved
from maestro.healing._names import stdlib_gone
from maestro.healing.known_forms.anew import made_anew
from maestro.healing.known_forms.establishing import establishing
from maestro.healing.known_forms.listing import orders_listing
from maestro.healing.known_forms.own_files import gives_own
from maestro.healing.known_forms.restoring import HELPERS, autouse, restoring
from maestro.healing.known_forms.set_back import sets_back
from maestro.healing.weakening.finding import Finding

_PATCHERS = frozenset({"patch", "object", "setattr", "delattr", "setitem", "delitem", "dict", "create_autospec"})


def inserted(
    path: str, nodes: list[tuple[ast.AST, bool]], before: ast.Module, after: ast.Module, knowledge: Knowledge
) -> Iterator[Finding]:
    """Judge what was added to a test file: it may set things up, and nothing else."""
    bound = {n.id for n in ast.walk(before) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.name for n in ast.walk(before) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    bound |= {n.arg for n in ast.walk(before) if isinstance(n, ast.arg)}
    own, foreign = _imported(after, knowledge)
    bound |= own
    for node, inside in nodes:
        if autouse(node) or sets_back(node):
            yield from _added_fixture(path, node, bound, before, knowledge, inside=inside)
            continue
        scope = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if inside and not _harmless_inside(node, foreign):
            shown = " ".join(ast.unparse(node).split())[:80]
            yield Finding("over_fitted", path, getattr(node, "lineno", 0), f"added to a test: {shown}")
        for inner in ast.walk(node):
            if isinstance(inner, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                for target in targets:
                    if not _restores(target, inner.value, foreign, after, knowledge):
                        yield from _bound_target(path, target, bound if not scope else own, own)
            elif isinstance(inner, ast.Call) and last_name(inner.func) in _PATCHERS and dotted(inner.func) != "dict":
                detail = f"`{ast.unparse(inner)[:80]}` may replace what is tested"
                yield Finding("mocks_product", path, inner.lineno, detail)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name in bound:
            yield Finding("overwritten_name", path, node.lineno, f"{node.name} is defined again")


def _added_fixture(
    path: str, node: ast.AST, bound: set[str], before: ast.Module, knowledge: Knowledge, *, inside: bool
) -> Iterator[Finding]:
    """Judge a fixture that tests get without asking, or by a mark: only those of a few forms weaken nothing."""
    name, line = str(getattr(node, "name", "")), int(getattr(node, "lineno", 0))
    known = restoring(node) or orders_listing(node) or sets_back(node) or establishing(node, before)
    known = known or made_anew(node, before)
    known = known or gives_own(node, before, knowledge.names.strings)
    if inside or not known or bound & HELPERS:
        yield Finding(
            "over_fitted", path, line, f"the added fixture {name} does more than give back what a test changed"
        )
    elif name in bound:
        yield Finding("overwritten_name", path, line, f"{name} is defined again")


def _harmless_inside(node: ast.AST, foreign: set[str]) -> bool:
    """Whether a statement may be added to an existing test: it only calls what is not the project's."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=func)) | ast.Expr(value=ast.Await(value=ast.Call(func=func))):
            name = dotted(func) or ""
            return name.split(".")[0] in foreign or name in (
                "monkeypatch.setenv",
                "monkeypatch.delenv",
                "monkeypatch.chdir",
            )
        case ast.Assign(value=ast.Call(func=func)):
            return (dotted(func) or "").split(".")[0] in foreign
    return False


def _restores(
    target: ast.expr, value: ast.expr | None, foreign: set[str], after: ast.Module, knowledge: Knowledge
) -> bool:
    """Whether an assignment gives back a name that is gone: ``collections.Mapping = collections.abc.Mapping``."""
    name = dotted(target)
    other = dotted(value) if value is not None else None
    if not isinstance(target, ast.Attribute) or name is None or other is None:
        return False
    if name.split(".")[0] not in foreign or other.split(".")[0] not in foreign:
        return False
    return all(
        stdlib_gone(origin) or {origin, target.attr} & knowledge.missing for origin in resolved(name, origins(after))
    )


def _imported(module: ast.Module, knowledge: Knowledge) -> tuple[set[str], set[str]]:
    """Return the names that a file imports from its own project, and those from elsewhere."""
    own: set[str] = set()
    foreign: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                (own if top in knowledge.names.modules else foreign).add(alias.asname or top)
        elif isinstance(node, ast.ImportFrom):
            top = (node.module or "").split(".")[0]
            mine = node.level > 0 or top in knowledge.names.modules
            (own if mine else foreign).update(alias.asname or alias.name for alias in node.names)
    return own, foreign


def _bound_target(path: str, target: ast.expr, bound: set[str], own: set[str]) -> Iterator[Finding]:
    for node in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
        base = node.value if isinstance(node, (ast.Attribute, ast.Subscript)) else node
        name = dotted(base)
        root = name.split(".")[0] if name else ""
        if isinstance(node, ast.Name) and node.id in bound:
            yield Finding("overwritten_name", path, node.lineno, f"{node.id} gets another value")
        elif isinstance(node, ast.Attribute) and root in own:
            yield Finding("mocks_product", path, node.lineno, f"{ast.unparse(node)} of the project is replaced")
        elif isinstance(node, ast.Attribute) and root not in ("self", "cls"):
            yield Finding("overwritten_name", path, node.lineno, f"{ast.unparse(node)} gets another value")
        elif isinstance(node, ast.Subscript) and root in bound:
            yield Finding("overwritten_name", path, node.lineno, f"an item of {root} gets another value")
