"""Shared state that a test leaves changed is given back after each test, by a fixture that does nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.leaks import holders
from maestro.healing.leaks.answering import Answer, Answering, shown
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.flaky_stabilization.giving_back import (
    FIXTURE,
    Item,
    item,
    reset,
    with_fixture,
    written_in,
)
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_MAX_SINGLES = 3
_MAX_RESTORED = 12


class RestoreState:
    """Where a test fails after one that leaves shared state changed, a fixture gives that state back."""

    name = "restore_state"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield proposals for what the polluter changes, then for what any test before the victims changes."""
        told = failure.diagnosis
        changes: Mapping[str, Sequence[Mapping[str, Any]]] = told.get("changes") or {}
        if told.get("verdict") != "order" or not changes:
            return
        tests = [*changes, *failure.tests]
        leaks = _Leaks(SourceTree(project.root, project.test_paths), told, tests)
        guilty = [test for test in told.get("polluters", ()) if test in changes]
        all_of_it = _merged(list(changes.values()))
        for test in guilty[:1]:
            path = test.partition("::")[0]
            touched = {_place(change) for change in changes[test]}
            own = [change for change in all_of_it if _place(change) in touched]  # as deep as any test changes it
            state = [c for c in own if c.get("module") != "logging"]
            for change in state[:_MAX_SINGLES] if len(state) > 1 else []:
                yield from _proposal(leaks, path, [change], 0.6)
            yield from _proposal(leaks, path, state, 0.7)
            if len(own) > len(state):
                yield from _proposal(leaks, path, own, 0.5)
        paths = list(dict.fromkeys(test.partition("::")[0] for test in changes))
        everything = [c for c in all_of_it if c.get("module") != "logging"]
        if len(paths) == 1:
            yield from _proposal(leaks, paths[0], everything, 0.5)
        elif paths:
            folder = _common([*paths, *(t.partition("::")[0] for t in failure.tests)])
            yield from _proposal(leaks, f"{folder}/conftest.py" if folder else "conftest.py", everything, 0.5)
        if leaks.kept:
            kept = ", ".join(list(leaks.kept)[:4])
            raise LeftAloneError(
                f"the product keeps {kept} between calls and offers no reset, and the tests fail in the order in which "
                "they are written, or it looks meant for each object alone: that may be a defect of the product"
            )
        if leaks.left:
            left = ", ".join(list(leaks.left)[:4])
            raise LeftAloneError(f"no test changes {left} itself, so the product may: that may be a defect of it")


def _merged(lists: Iterable[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Put the changes of several tests together: one entry for a place, the deepest change of it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for changes in lists:
        for change in changes:
            known = found.setdefault(_place(change), dict(change))
            known["deep"] = bool(known.get("deep")) or bool(change.get("deep"))
            known["plain"] = bool(known.get("plain")) and bool(change.get("plain"))
    return list(found.values())


def _place(change: Mapping[str, Any]) -> tuple[str, str]:
    return str(change.get("module")), str(change.get("path"))


def _common(paths: Sequence[str]) -> str:
    parents = [PurePosixPath(p).parent.parts for p in paths]
    shared: list[str] = []
    for parts in zip(*parents, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)


class _Leaks:
    """Says, change by change, what gives it back in a file, and what is left to whom."""

    def __init__(self, tree: SourceTree, told: Mapping[str, Any], tests: Sequence[str]) -> None:
        self.tree, self.answering = tree, Answering(tree, told, tests)
        self.kept: dict[str, None] = {}
        self.left: dict[str, None] = {}

    def item(self, change: Mapping[str, Any], path: str, module: Any) -> tuple[Item | None, bool]:
        """Return what gives a change back (None for nothing), and whether the product keeps that state itself."""
        answer = self.answering.answer(change)
        place = shown(change)
        if answer in (Answer.PRODUCT, Answer.UNCLEAR):
            of_product = holders.product_file(change, self.tree) and not holders.is_stand_in(change)
            (self.kept if of_product else self.left)[place] = None
            return None, True
        if answer is Answer.RESET:
            file = holders.product_file(change, self.tree)
            offered = holders.public_reset(change, file, self.tree)
            also = [tuple(entry) for entry in change.get("also") or ()]
            offered_there = [(str(m), _beside(str(p), offered)) for m, p in also]
            written, imports = written_in(str(change.get("module")), offered, offered_there, path, module)
            return (reset(written, imports) if written else None), True
        return item(change, path, module), bool(holders.product_file(change, self.tree))


def _beside(path: str, offered: str) -> str:
    """The reset that is offered below another name of the same object."""
    owner, name = path.rpartition(".")[0], offered.rpartition(".")[2]
    return f"{owner}.{name}" if owner else name


def _proposal(leaks: _Leaks, path: str, changes: Sequence[Mapping[str, Any]], prior: float) -> Iterable[Proposal]:
    text = leaks.tree.text(path)
    if text is None and not path.endswith("conftest.py"):
        return
    if leaks.tree.role(path) not in (Role.TEST, Role.FIXTURE):
        return
    module = parse(text or "")
    if module is None or FIXTURE in (text or ""):
        return
    found = [leaks.item(change, path, module) for change in changes]
    kept = {entry.place: (entry, product) for entry, product in found if entry is not None}
    items = [entry for entry, _ in kept.values()]
    if not items or len(items) > _MAX_RESTORED:
        return
    names = ", ".join(f"`{entry.place}`" for entry in items if entry.keep)
    calls = ", ".join(f"`{entry.place}()`" for entry in items if not entry.keep)
    said = [f"{names} {'is' if sum(bool(e.keep) for e in items) == 1 else 'are'} given back"] if names else []
    said += [f"{calls} is called"] if calls else []
    product = any(of_product for _, of_product in kept.values())
    # What the product itself keeps between calls may be a defect of it: the repair leaves that in place, and says so.
    note = "; the product keeps it between calls" if product else ""
    summary = f"{' and '.join(said)} after each test{note}"
    yield Proposal({path: with_fixture(text or "", module, items)}, summary, prior, workaround=product)
