"""A port that a test file states, once as a name or in its calls, and that is taken, becomes one which nothing uses.

A server that the product leaves open is in the way of the next test, and so is a port that the system has not given
back yet; then a test before it had the port. So every test that uses the port has to fail, alone as well, every time.
The file still binds the port once, so that all its tests share it, and what one of them leaves open stays in the way.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.known_forms import free_port
from maestro.healing.known_forms.edits import Text
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.flaky_stabilization.giving_back import below_imports
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_SET_UP = re.compile(r"(?i)(async_?)?set_?up(_?(class|module|method|function|package))?|setUpTestData")
_OF_TESTS = (Role.TEST, Role.FIXTURE)
_IN_MESSAGE = re.compile(r"\(['\"][^'\"]*['\"], (\d{4,5})\b")


class FreePort:
    """Takes a free port where binding the stated one fails because it is in use."""

    name = "free_port"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per port that the failing tests' files, or those around them, state once.

        Raises
        ------
        LeftAloneError
            If the product states the same port, or another test could have it.
        """
        facts = failure.facts
        if not free_port.taken(facts) or failure.diagnosis.get("verdict") != "broken":
            return
        tree = SourceTree(project.root, project.test_paths)
        named = {int(number) for number in _IN_MESSAGE.findall(facts.message)}
        for path in _files(failure, tree):
            text = tree.text(path) or ""
            module = parse(text) or ast.Module([], [])
            for name, number, node in free_port.ports(module):
                if named and number not in named:
                    continue
                others = list(_stating(number, tree))
                _free_to_move(number, others, _users({name}, tree), failure, tree)
                changed = with_free_port(text, node) if others == [path] else None
                if changed is not None:
                    said = f"`{name}` of {path} is a port that nothing uses: {number} is taken by another process"
                    yield Proposal({path: changed}, said, 0.7, workaround=True)
            for number, places in free_port.literals(module).items():
                words = free_port.users(module, places)
                if (named and number not in named) or _bound_alone(number, module) or words is None:
                    continue
                others = list(_stating(number, tree))
                _free_to_move(number, others, _users(words, tree), failure, tree)
                changed = with_shared_port(text, number) if others == [path] * len(places) else None
                if changed is not None:
                    said = f"the port of {path} is one that nothing uses: {number} is taken by another process"
                    yield Proposal({path: changed}, said, 0.7, workaround=True)


def _free_to_move(
    number: int, others: Sequence[str], users: set[tuple[str, str]], failure: Failure, tree: SourceTree
) -> None:
    """Raise LeftAloneError where the product states the port too, or a test that does not fail could have it."""
    if any(tree.role(other) not in _OF_TESTS for other in others):
        raise LeftAloneError(f"port {number} is stated outside of the tests: it may be the product's own")
    if passing := users - set(map(_placed, failure.tests)):
        first = min(passing)[1]
        raise LeftAloneError(f"{first} could have port {number}: what it leaves open may be in the way")


def _bound_alone(number: int, module: ast.Module) -> bool:
    """Whether a file states a port as a name that it binds once: then that name's own value changes, or nothing."""
    return any(bound == number for _, bound, _ in free_port.ports(module))


def _files(failure: Failure, tree: SourceTree) -> list[str]:
    """The failing tests' files, the conftest files above them, and test files in the traceback."""
    found: dict[str, None] = {}
    for file in (test.partition("::")[0] for test in failure.tests):
        folders = PurePosixPath(file).parents
        found |= dict.fromkeys([file, *((folder / "conftest.py").as_posix() for folder in folders)])
    found |= dict.fromkeys(f.file for f in failure.facts.frames if f.in_project)
    known = set(tree.files)
    return [path for path in found if path in known and tree.role(path) in _OF_TESTS]


def _stating(number: int, tree: SourceTree) -> Iterator[str]:
    """Yield each file that states a number, as often as it does."""
    for path in tree.files:
        for _ in re.findall(rf"(?<![\w.]){number}(?![\w.])", tree.text(path) or ""):
            yield path


def _placed(test: str) -> tuple[str, str]:
    """The file and the function of a test's id."""
    return test.partition("::")[0], test.partition("[")[0].rpartition("::")[2]


def _users(words: set[str], tree: SourceTree) -> set[tuple[str, str]]:
    """The files and names of tests that use names or values, themselves or through functions, fixtures, set-ups."""
    functions = [
        (path, node)
        for path in tree.python_files
        if tree.role(path) in _OF_TESTS
        for node in ast.walk(parse(tree.text(path) or "") or ast.Module([], []))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    mentioned = {id(function): _mentioned(function) for _, function in functions}
    using, known = set(words), 0
    while len(using) > known:
        known = len(using)
        using |= {f.name for _, f in functions if mentioned[id(f)] & using}
        if any(_for_all(f) for _, f in functions if f.name in using):
            using |= {f.name for _, f in functions}
    return {(path, f.name) for path, f in functions if f.name in using and f.name.startswith("test")}


def _mentioned(function: ast.AST) -> set[str]:
    """The names that a function mentions, takes as arguments, or asks for by a mark."""
    return {
        str(getattr(node, field))
        for node in ast.walk(function)
        for kind, field in ((ast.Name, "id"), (ast.Attribute, "attr"), (ast.arg, "arg"), (ast.Constant, "value"))
        if isinstance(node, kind)
    }


def _for_all(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is run for tests that do not ask for it."""
    return bool(_SET_UP.fullmatch(function.name)) or any("autouse" in ast.unparse(d) for d in function.decorator_list)


def with_free_port(text: str, node: ast.Assign) -> str | None:
    """Let a name be bound to a free port; None where that does not go by one edit."""
    module, value = parse(text), node.value
    taken = free_port.FUNCTION in text or value.lineno != value.end_lineno or value.end_col_offset is None
    if module is None or taken or any(_imports(n) and n.lineno > node.lineno for n in module.body):
        return None
    lines = text.splitlines(keepends=True)
    line = lines[value.lineno - 1].encode()
    end = value.end_col_offset or 0
    lines[value.lineno - 1] = (line[: value.col_offset] + f"{free_port.FUNCTION}()".encode() + line[end:]).decode()
    changed = below_imports("".join(lines), module, ["socket"], list(free_port.LINES))
    return changed if parse(changed) is not None else None


def with_shared_port(text: str, number: int) -> str | None:
    """Let a free port take the place of a number wherever a file states it; None where that does not go."""
    source = Text(text)
    edits: list[tuple[int, int, str]] = []
    for place in free_port.literals(source.tree).get(number, ()):
        written, (start, end) = source.of(place), source.span(place)
        if isinstance(place.value, str):
            if not written.startswith(("'", '"')) or parse(f"f{written}") is None or written.count(str(number)) != 1:
                return None  # put together from several strings, or raw
            edits.append((start, end, "f" + written.replace(str(number), f"{{{free_port.SHARED}}}")))
        else:
            edits.append((start, end, free_port.SHARED))
    if not edits or free_port.FUNCTION in text:
        return None
    added = [*free_port.LINES, "", "", free_port.BINDING]
    changed = below_imports(source.edited(edits), source.tree, ["socket"], added)
    return changed if parse(changed) is not None else None


def _imports(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))
