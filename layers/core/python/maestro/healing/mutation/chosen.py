"""Which tests tell whether a patch made tests look at less: those that it edits."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from maestro.healing._trees import Change, parse
from maestro.healing.mutation import making
from maestro.healing.sourcetree import SourceTree
from maestro.model import CaseResult, Outcome

MAX_TESTS = 30
TESTS_SECONDS = 3.0  # what the chosen tests may take together, as they took in the trial
GREEN = frozenset({Outcome.PASSED, Outcome.XFAILED})
_CLAIM = re.compile(r"assert|raises|warns|check|expect|verif|should|match|approx|fail|compare|equal", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is tried: the trees without and with the patch, and the results of the trial so far.

    ``earlier`` are the results of the suite before the patch; ``first`` those of the trial's first run, ``target`` and
    ``repeats`` those of the failure's tests in the first and in the further runs. ``until`` is a ``time.monotonic()``
    value by which all must be over.
    """

    before: Path
    after: Path
    earlier: tuple[CaseResult, ...]
    first: tuple[CaseResult, ...]
    target: tuple[CaseResult, ...]
    repeats: tuple[tuple[CaseResult, ...], ...]
    seed: int
    until: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """Tests to run on each mutant: those that could not run before, and those that could."""

    healed: tuple[str, ...]
    earlier: tuple[str, ...]
    edited: bool  # the patch edits tests or their support

    @property
    def all(self) -> tuple[str, ...]:
        """Both, each once."""
        return tuple(dict.fromkeys((*self.healed, *self.earlier)))


def choose(setting: Setting, changed: Sequence[Change]) -> Chosen:
    """Choose the tests that the patch edits: healed ones, and ones that passed before.

    Where it edits no healed test by itself, all healed ones are chosen.
    """
    repeats = [{r.id for r in results if r.outcome in GREEN | {Outcome.FLAKY}} for results in setting.repeats]
    green = [r for r in setting.target if r.outcome in GREEN and "::" in r.id and all(r.id in s for s in repeats)]
    if not green:
        return Chosen((), (), edited=False)
    files = {r.file for r in (*setting.first, *setting.earlier) if r.file}
    tests_changed = [c for c in changed if not making.product_file(c.path, files)]
    passed = {r.id for r in setting.earlier if r.outcome in GREEN | {Outcome.FLAKY}}
    if not tests_changed:
        return Chosen(_bounded([r for r in green if r.id not in passed] or green), (), edited=False)
    edited = {c.path: edited_tests(c) for c in tests_changed}
    support = [c.path for c in tests_changed if c.path not in {r.file for r in setting.first}]
    touched = {r.id for r in setting.first if _touched(r, edited)}
    green_touched = [r for r in green if r.id in touched]
    if green_touched and not support:
        green = green_touched
    ids = {r.id for r in green}
    others = [
        r
        for r in setting.first
        if r.outcome in GREEN and r.id in passed
        and (r.id in ids or r.id in touched or (support and _uses(setting.after, r.file, support)))
    ]  # fmt: skip
    healed = _bounded([r for r in green if r.id not in passed])
    return Chosen(healed, _bounded(others, MAX_TESTS - len(healed) // 2), edited=True)


def _bounded(results: Sequence[CaseResult], number: int = MAX_TESTS) -> tuple[str, ...]:
    """Take some, evenly from all over, that together take no longer than they may."""
    found: list[str] = []
    seconds = 0.0
    for result in results[:: -(-len(results) // number) or 1]:
        seconds += result.seconds
        if found and seconds > TESTS_SECONDS:
            break
        found.append(result.id)
    return tuple(found)


def _name(test: str) -> str:
    """Return the qualified name of a test's function: ``TestCart.test_total`` of ``t.py::TestCart::test_total[1]``."""
    return ".".join(test.partition("[")[0].split("::")[1:])


def _touched(result: CaseResult, edited: Mapping[str, frozenset[str] | None]) -> bool:
    if result.file not in edited:
        return False
    names = edited[result.file]
    return names is None or _name(result.id) in names


def edited_tests(change: Change) -> frozenset[str] | None:
    """Return the qualified names of the test functions that a change edits; None where it may be all of the file."""
    old, new = parse(change.before), parse(change.after)
    if old is None or new is None:
        return None
    was, now = _split(old), _split(new)
    if was[1] != now[1]:
        return None
    names = frozenset(name for name, text in now[0].items() if was[0].get(name) != text)
    return names or None


def _split(module: ast.Module) -> tuple[dict[str, str], str]:
    """Part a module into its test functions, by name, and all the rest but imports."""
    functions: dict[str, str] = {}

    class Rest(ast.NodeTransformer):
        prefix = ""

        def generic_visit(self, node: ast.AST) -> ast.AST:
            if isinstance(node, ast.ClassDef):
                outer, self.prefix = self.prefix, f"{self.prefix}{node.name}."
                done = super().generic_visit(node)
                self.prefix = outer
                return done
            return super().generic_visit(node)

        def visit(self, node: ast.AST) -> ast.AST | None:
            if isinstance(node, ast.Import | ast.ImportFrom):
                return None
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                functions[self.prefix + node.name] = ast.dump(node)
                return None
            return self.generic_visit(node)

    rest = Rest().visit(module)
    return functions, ast.dump(rest) if rest is not None else ""


def _uses(root: Path, file: str, support: Sequence[str]) -> bool:
    """Whether a test file may use one of the support files: it names it, or lies below a conftest."""
    text = _text(root, file)
    for path in support:
        pure = PurePosixPath(path)
        if pure.stem == "conftest" and PurePosixPath(file).is_relative_to(pure.parent):
            return True
        if pure.stem in text:
            return True
    return False


def _text(root: Path, file: str) -> str:
    found = SourceTree(root).text(file) if file else None
    return found or ""


def module_of(root: Path, file: str) -> ast.Module | None:
    """Parse a file of a tree; None where there is none or it does not parse."""
    return parse(_text(root, file))


def asserting(setting: Setting, tests: Sequence[str]) -> bool:
    """Whether one of the tests claims anything, as it was before the patch (with it, where it did not parse before).

    True as well where its function cannot be found.
    """
    files = {r.id: r.file for r in setting.first}
    modules: dict[str, dict[str, ast.AST]] = {}
    for test in tests:
        file = files.get(test, "")
        if file not in modules:
            module = module_of(setting.before, file) or module_of(setting.after, file)
            modules[file] = dict(making.functions(module)) if module is not None else {}
        function = modules[file].get(_name(test))
        if function is None or _claims(function):
            return True
    return not tests


def comparing(setting: Setting, tests: Sequence[str]) -> bool:
    """Whether all the tests, as they are with the patch or were before it, hold assertions of values.

    Their failing is an AssertionError then. False where a function cannot be found.
    """
    files = {r.id: r.file for r in setting.first}
    for test in tests:
        found = [dict(making.functions(module_of(tree, files.get(test, "")) or ast.Module([], []))).get(_name(test))
                 for tree in (setting.before, setting.after)]  # fmt: skip
        if not any(function is not None and _compares(function) for function in found):
            return False
    return True


def _compares(function: ast.AST) -> bool:
    for node in ast.walk(function):
        match node:
            case ast.Assert():
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name.startswith("assert") and "Raises" not in name and "Warns" not in name:
                    return True
    return False


def _claims(function: ast.AST) -> bool:
    for node in ast.walk(function):
        match node:
            case ast.Assert():
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if _CLAIM.search(name):
                return True
    return False
