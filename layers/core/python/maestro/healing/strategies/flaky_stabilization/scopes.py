"""A mutable fixture that several tests share is made for each of them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

import libcst as cst

from maestro.healing.base import Project, Proposal
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.rewriting import dotted, rewritten
from maestro.model import Failure, Strategy

_BROAD = frozenset({"class", "module", "package", "session"})
_FIXTURES = frozenset({"pytest.fixture", "fixture"})


class NarrowScope:
    """Where tests pass alone and fail after others with which they share a fixture, each gets one of its own."""

    name = "narrow_scope"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal for each shared fixture, then one for all of them."""
        told = failure.diagnosis
        if told.get("verdict") != "order":
            return
        tree = SourceTree(project.root, project.test_paths)
        victims = [told["victim"]] if told.get("victim") else list(told.get("victims", ()))[:1]
        wanted: set[tuple[str, str]] | None = None
        for test in [*victims, *told.get("polluters", ())]:
            used = set(_shared(test, tree))
            wanted = used if wanted is None else wanted & used
        found = sorted(wanted or ())
        for path, name in found:
            changed = narrowed(tree.text(path) or "", {name})
            if changed is not None:
                yield Proposal({path: changed}, f"the fixture `{name}` is made for each test that uses it", 0.8)
        if len(found) > 1:
            edits = {p: narrowed(tree.text(p) or "", {n for q, n in found if q == p}) for p, _ in found}
            names = ", ".join(f"`{name}`" for _, name in found)
            if all(edits.values()):
                yield Proposal(edits, f"the fixtures {names} are made for each test that uses them", 0.7)


def _shared(test: str, tree: SourceTree) -> Iterator[tuple[str, str]]:
    """Yield (file, name) of the fixtures of broad scope that a test uses, by itself or through others."""
    file, _, rest = test.partition("[")[0].partition("::")
    known: dict[str, tuple[str, ast.FunctionDef, str]] = {}
    folders = [p.as_posix() for p in reversed(PurePosixPath(file).parents)]
    for path in [*(f"{f}/conftest.py" if f != "." else "conftest.py" for f in folders), file]:
        module = parse(tree.text(path) or "")
        for node in ast.walk(module) if module is not None else ():
            if isinstance(node, ast.FunctionDef) and (scope := _scope(node)):
                known[node.name] = (path, node, scope)
    module = parse(tree.text(file) or "")
    name = rest.rpartition("::")[2]
    todo = [node for node in ast.walk(module or ast.Module([], [])) if isinstance(node, ast.FunctionDef)
            and node.name == name]  # fmt: skip
    todo += [node for _, node, _ in known.values() if _autouse(node)]
    seen: set[str] = set()
    while todo:
        node = todo.pop()
        asked = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        if node.name in known and _autouse(node):
            asked.append(node.name)
        for argument in asked:
            if argument in known and argument not in seen:
                seen.add(argument)
                path, fixture, scope = known[argument]
                todo.append(fixture)
                if scope in _BROAD:
                    yield path, argument


def _decorator(node: ast.FunctionDef) -> ast.expr | None:
    for decorator in node.decorator_list:
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(callee) in _FIXTURES:
            return decorator
    return None


def _scope(node: ast.FunctionDef) -> str:
    """The scope of a fixture, "" for a function that is none."""
    decorator = _decorator(node)
    if decorator is None:
        return ""
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    found = [k.value.value for k in keywords if k.arg == "scope" and isinstance(k.value, ast.Constant)]
    return str(found[0]) if found else "function"


def _autouse(node: ast.FunctionDef) -> bool:
    decorator = _decorator(node)
    return isinstance(decorator, ast.Call) and any(k.arg == "autouse" for k in decorator.keywords)


def narrowed(source: str, names: set[str]) -> str | None:
    """Let the named fixtures be made for each test; None where nothing changes."""
    return rewritten(source, _Narrower(names))


class _Narrower(cst.CSTTransformer):
    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.names = names

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        if updated_node.name.value not in self.names:
            return updated_node
        return updated_node.with_changes(decorators=[_without_scope(d) for d in updated_node.decorators])


def _without_scope(decorator: cst.Decorator) -> cst.Decorator:
    call = decorator.decorator
    if not isinstance(call, cst.Call) or dotted(call.func) not in _FIXTURES:
        return decorator
    args = [a for a in call.args if a.keyword is None or a.keyword.value != "scope"]
    if not args:
        return decorator.with_changes(decorator=call.func)
    args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return decorator.with_changes(decorator=call.with_changes(args=args))
