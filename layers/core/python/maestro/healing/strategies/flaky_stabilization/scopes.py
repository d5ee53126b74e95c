"""A mutable fixture that several tests share is made for each of them."""

from collections.abc import Iterable

import libcst as cst

from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.leaks.fixtures import FIXTURES, left_by, shared
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.rewriting import dotted, rewritten
from maestro.model import Failure, Strategy


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
        every = shared(told, tree)
        why = {name: left_by(told, name, tree) for _, name in every}
        found = [(path, name) for path, name in every if not why[name]]
        for path, name in found:
            changed = narrowed(tree.text(path) or "", {name})
            if changed is not None:
                yield Proposal({path: changed}, f"the fixture `{name}` is made for each test that uses it", 0.8)
        if len(found) > 1:
            edits = {p: narrowed(tree.text(p) or "", {n for q, n in found if q == p}) for p, _ in found}
            names = ", ".join(f"`{name}`" for _, name in found)
            if all(edits.values()):
                yield Proposal(edits, f"the fixtures {names} are made for each test that uses them", 0.7)
        if every and not found:
            said = "; ".join(dict.fromkeys(why.values()))
            raise LeftAloneError(f"{said}: what the product leaves changed may be its defect")


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
    if not isinstance(call, cst.Call) or dotted(call.func) not in FIXTURES:
        return decorator
    args = [a for a in call.args if a.keyword is None or a.keyword.value != "scope"]
    if not args:
        return decorator.with_changes(decorator=call.func)
    args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return decorator.with_changes(decorator=call.with_changes(args=args))
