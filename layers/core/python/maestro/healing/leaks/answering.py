"""Who answers for one piece of state that a test leaves changed, and what follows for its repair."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from maestro.healing._roles import Role
from maestro.healing.leaks import holders
from maestro.healing.leaks.changing import Thing, changed_by, handed_on
from maestro.healing.leaks.process import changes_inputs, process_changed_by, replaces
from maestro.healing.leaks.reached import Code, reached
from maestro.healing.sourcetree import SourceTree

PROCESS = frozenset({"os.environ", "os.getcwd", "logging", "files"})
_CONTAINERS = frozenset({"list", "dict", "set"})
# Words by which a source that changes a part of the process is known.
_WORDS = {"os.environ": ("environ", "putenv"), "os.getcwd": ("chdir",), "logging": ("logging",), "files": ()}


class Answer(StrEnum):
    """Whose state it is: what the first three say may be given back, the others are reported and left."""

    TESTS = "tests"  # test code changes it itself
    RESET = "reset"  # the product keeps it, and offers a reset
    SHARED = "shared"  # the product keeps it on purpose, as far as can be told
    PRODUCT = "product"  # the product changed it, and nobody asked it to
    UNCLEAR = "unclear"  # no test changes it itself; whether the product does is not shown


class Answering:
    """Decides it for the changes of one failure. ``told`` is its diagnosis, ``tests`` are those that have to do."""

    def __init__(self, tree: SourceTree, told: Mapping[str, Any], tests: Sequence[str]) -> None:
        self.tree, self.told = tree, told
        self.files = tuple(dict.fromkeys(test.partition("::")[0] for test in tests))
        self.as_written = holders.as_written(told, tree)
        self._codes: dict[str, tuple[Code, ...]] = {}

    def codes(self, test: str) -> tuple[Code, ...]:
        """The test code that a test runs."""
        if test not in self._codes:
            self._codes[test] = reached(test, self.tree)
        return self._codes[test]

    def answer(self, change: Mapping[str, Any]) -> Answer:
        """Say who answers for a change, by the tests that left it: the polluter where that is known, else all."""
        file = holders.product_file(change, self.tree)
        if holders.is_stand_in(change):
            return self._by_tests(change, self._replaces)
        if not file:
            return self._by_tests(change, self._changes)
        if change.get("how") == "cached":
            return self._remembered(change)
        if holders.public_reset(change, file, self.tree):
            return Answer.RESET
        by_tests = holders.changed_by_tests(change, self.files, self.tree)
        on_purpose = (by_tests or not self.as_written) and holders.shared_on_purpose(change, file, self.tree)
        return Answer.SHARED if on_purpose else Answer.PRODUCT

    def _leaving(self, change: Mapping[str, Any]) -> list[str]:
        """The tests that have to answer for a change."""
        changes: Mapping[str, Sequence[Mapping[str, Any]]] = self.told.get("changes") or {}
        left = [test for test, each in changes.items() if any(_place(c) == _place(change) for c in each)]
        guilty = [test for test in self.told.get("polluters") or () if test in left]
        return guilty or left

    def _by_tests(self, change: Mapping[str, Any], does: Callable[[Mapping[str, Any], Sequence[Code]], bool]) -> Answer:
        tests = self._leaving(change)
        if tests and all(does(change, self.codes(test)) for test in tests):
            return Answer.TESTS
        codes = [code for test in tests for code in self.codes(test)]
        return Answer.PRODUCT if codes and self._by_product(change, codes) else Answer.UNCLEAR

    def _changes(self, change: Mapping[str, Any], codes: Sequence[Code]) -> bool:
        if change.get("module") in PROCESS:
            return process_changed_by(codes, change, self.tree)
        return changed_by(codes, _thing(change), self.tree)

    def _replaces(self, change: Mapping[str, Any], codes: Sequence[Code]) -> bool:
        """Whether test code puts something else in a function's or class's place, by assignment or by its name."""
        name = str(change.get("path", "")).rpartition(".")[2]
        return changed_by(codes, _thing(change), self.tree) or replaces(codes, name)

    def _by_product(self, change: Mapping[str, Any], codes: Sequence[Code]) -> bool:
        """Whether sources of the product change such state, or are handed it by a test."""
        name, last = str(change.get("module")), str(change.get("path", "")).rpartition(".")[2]
        handed = [] if name in PROCESS else [told for _, told in handed_on(codes, _thing(change), self.tree)]
        if handed:
            return not any(handed)
        words = _WORDS.get(name, (last,) if last else ())
        return any(self.tree.role(s.path) is Role.PRODUCT for s in self.tree.sources(*words)) if words else False

    def _remembered(self, change: Mapping[str, Any]) -> Answer:
        """A cache is the product's business, unless test code itself changes what the cached function goes by."""
        victims = [str(v) for v in (self.told.get("victim"), *(self.told.get("victims") or ())) if v]
        tests = [*victims[:1], *self._leaving(change)[:1]]
        codes = [code for test in tests for code in self.codes(test)]
        if changes_inputs(codes, self.tree):
            return Answer.SHARED
        name = str(change.get("path", "")).rpartition(".")[2]
        asked = {n for code in (self.codes(victims[0]) if victims else ()) for n in _names(code)}
        return Answer.PRODUCT if name in asked else Answer.UNCLEAR


def _place(change: Mapping[str, Any]) -> tuple[str, str]:
    return str(change.get("module")), str(change.get("path"))


def shown(change: Mapping[str, Any]) -> str:
    """The place of a change, as people write it."""
    return f"{change.get('module')}.{change.get('path')}".rstrip(".")


def _thing(change: Mapping[str, Any]) -> Thing:
    """The state of a change as test code may name it."""
    parts = str(change.get("path", "")).split(".")
    also = [str(path).split(".") for _, path in change.get("also") or ()]
    first = {p[0] for p in (parts, *also)}
    inner = {name for p in (parts, *also) for name in (p[1:] or p)}  # of "Case.cart.items" the cart as well
    return Thing(frozenset(first), frozenset(inner), data=change.get("type") in _CONTAINERS)


def _names(code: Code) -> Iterator[str]:
    for node in ast.walk(code.function):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
