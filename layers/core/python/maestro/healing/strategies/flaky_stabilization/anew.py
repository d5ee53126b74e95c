"""What a class makes once for all of its tests, and tests change, is made anew for each of them."""

import ast
from collections.abc import Iterable, Sequence

from maestro.healing._roles import Role
from maestro.healing._trees import parse
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.known_forms.anew import FIXTURE, PREPARES, attributes, classes, preparation
from maestro.healing.leaks.changing import Thing, changed_by, taken_back
from maestro.healing.leaks.reached import reached
from maestro.healing.sourcetree import SourceTree
from maestro.model import Failure, Strategy


class MadeAnew:
    """Where a test fails after another of its class, which changes what the class has for all, each gets its own."""

    name = "made_anew"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal for the class of the victim: its preparation again, and its attributes again."""
        told = failure.diagnosis
        victim = str(told.get("victim") or "")
        polluters = [str(test) for test in told.get("polluters") or ()]
        path, _, rest = victim.partition("[")[0].partition("::")
        if told.get("verdict") != "order" or not polluters or rest.count("::") != 1:
            return
        tree = SourceTree(project.root, project.test_paths)
        text = tree.text(path)
        module = parse(text)
        owner = next((c for c in classes(module) if c.name == rest.partition("::")[0]), None) if module else None
        if text is None or owner is None or FIXTURE in text or tree.role(path) is not Role.TEST:
            return
        if any(test.partition("[")[0].rpartition("::")[0] != f"{path}::{owner.name}" for test in polluters):
            return
        shared = {name: f"type(self).{name} = {ast.unparse(value)}" for name, value in attributes(owner).items()}
        prepares = preparation(owner)
        if prepares is not None:
            shared |= dict.fromkeys(_prepared(prepares), f"self.{prepares.name}()")
        changed = [name for name in shared if all(_changes(test, name, tree) for test in polluters)]
        if not changed:
            if shared:
                names = ", ".join(f"`{name}`" for name in shared)
                raise LeftAloneError(
                    f"{polluters[0]} does nothing to {names}, which it shares, that says that it changes it"
                )
            return
        lines = list(dict.fromkeys(shared[name] for name in changed))
        names = ", ".join(f"`{owner.name}.{name}`" for name in changed)
        made = "is made" if len(changed) == 1 else "are made"
        yield Proposal({path: _with_fixture(text, owner, lines)}, f"{names} {made} anew for each test", 0.75)


def _prepared(prepares: ast.FunctionDef) -> list[str]:
    """The attributes that a class's preparation gives the class."""
    taken = prepares.args.args[0].arg
    return [
        target.attr
        for node in ast.walk(prepares)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == taken
    ]


def _changes(test: str, name: str, tree: SourceTree) -> bool:
    """Whether a test changes what its class shares, by itself, and does not take that back."""
    codes = [code for code in reached(test, tree) if code.function.name not in PREPARES]
    thing = Thing(attrs=frozenset({name}))
    return changed_by(codes, thing, tree) and not taken_back(codes, thing, tree)


def _with_fixture(text: str, owner: ast.ClassDef, statements: Sequence[str]) -> str:
    """Write the fixture at the top of the class, below its docstring and its attributes."""
    first = next((s for s in owner.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef))), owner.body[-1])
    line = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
    indent = " " * first.col_offset
    added = [
        "@pytest.fixture(autouse=True)",
        f"def {FIXTURE}(self):",
        '    """Make anew what the tests of this class share."""',
        *(f"    {statement}" for statement in statements),
    ]
    lines = text.splitlines(keepends=True)
    text = "".join([*lines[: line - 1], *(f"{indent}{part}\n" for part in added), "\n", *lines[line - 1 :]])
    module = parse(text)
    imported = any(
        isinstance(n, ast.Import) and any(a.name == "pytest" and a.asname is None for a in n.names)
        for n in (module.body if module is not None else ())
    )
    return text if imported else _importing(text)


def _importing(text: str) -> str:
    """Import pytest below the docstring and what has to stand at the top of a file."""
    module = ast.parse(text)
    docs = ast.get_docstring(module, clean=False) is not None
    future = [n for n in module.body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    after = future[-1] if future else module.body[0] if docs else None
    end = after.end_lineno or after.lineno if after is not None else 0
    lines = text.splitlines(keepends=True)
    if end == 0:
        while end < len(lines) and lines[end].startswith("#"):
            end += 1
    return "".join([*lines[:end], "import pytest\n", *lines[end:]])
