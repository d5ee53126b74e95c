"""Objects that fixtures make once for several tests, and whether a test changes such an object itself."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from maestro.healing._trees import parse
from maestro.healing.known_forms.restoring import autouse
from maestro.healing.leaks.changing import Thing, changed_by, handed_on, taken_back
from maestro.healing.leaks.reached import Code, reached
from maestro.healing.sourcetree import SourceTree

FIXTURES = frozenset({"pytest.fixture", "fixture"})
_BROAD = frozenset({"class", "module", "package", "session"})


def shared(told: Mapping[str, Any], tree: SourceTree) -> list[tuple[str, str]]:
    """Return (file, name) of the fixtures of broad scope that the victim of a diagnosis and all its polluters use."""
    victims = [told["victim"]] if told.get("victim") else list(told.get("victims", ()))[:1]
    wanted: set[tuple[str, str]] | None = None
    for test in [*victims, *told.get("polluters", ())]:
        used = set(_used(test, tree))
        wanted = used if wanted is None else wanted & used
    return sorted(wanted or ())


def left_by(told: Mapping[str, Any], name: str, tree: SourceTree) -> str:
    """Say why a fixture's object is not a test's to give back: no test changes it itself, or one that takes it back.

    "" where a test changes it: the polluter, or where that is not known, any that ran before the victim.
    """
    polluters = [str(test) for test in told.get("polluters") or ()]
    why = ""
    for test in polluters or _before(told):
        codes = reached(test, tree)
        thing = Thing(names=frozenset({name}), handles=_dependents(name, codes))
        undone = taken_back(codes, thing, tree)
        if changed_by([c for c in codes if c.function.name != name], thing, tree) and not undone:
            return ""
        if undone:
            why = why or f"{test} takes back by `{undone}` what it does to the fixture `{name}`"
        elif polluters:
            why = why or f"{test} does nothing to the fixture `{name}` that says that it changes it"
    return why or f"no test says that it changes the fixture `{name}`"


def told_to(told: Mapping[str, Any], name: str, tree: SourceTree) -> bool:
    """Whether a polluter tells the product to do something with a fixture's object, which may mean to change it."""
    every = [reached(str(test), tree) for test in told.get("polluters") or ()]
    thing = Thing(names=frozenset({name}))
    return any(told for codes in every for _, told in handed_on(codes, thing, tree))


def _before(told: Mapping[str, Any]) -> list[str]:
    runs = [run.get("tests") or () for run in told.get("stress") or () if isinstance(run, Mapping)]
    ran = [str(test) for test in (runs[0] if runs else ())]
    victim = str(told.get("victim") or next(iter(told.get("victims") or ()), ""))
    return ran[: ran.index(victim)] if victim in ran else ran


def _dependents(name: str, codes: Sequence[Code]) -> frozenset[str]:
    """The fixtures that are made of another one."""
    found: set[str] = set()
    for _ in codes:
        for code in codes[1:]:
            taken = {a.arg for a in code.function.args.args}
            if isinstance(code.function, ast.FunctionDef) and scope(code.function) and taken & {name, *found}:
                found.add(code.function.name)
    return frozenset(found - {name})


def _used(test: str, tree: SourceTree) -> Iterator[tuple[str, str]]:
    """Yield (file, name) of the fixtures of broad scope that a test uses, by itself or through others."""
    file, _, rest = test.partition("[")[0].partition("::")
    known: dict[str, tuple[str, ast.FunctionDef, str]] = {}
    folders = [p.as_posix() for p in reversed(PurePosixPath(file).parents)]
    for path in [*(f"{f}/conftest.py" if f != "." else "conftest.py" for f in folders), file]:
        module = parse(tree.text(path))
        for node in ast.walk(module) if module is not None else ():
            if isinstance(node, ast.FunctionDef) and (said := scope(node)):
                known[node.name] = (path, node, said)
    module = parse(tree.text(file))
    name = rest.rpartition("::")[2]
    todo = [node for node in ast.walk(module or ast.Module([], [])) if isinstance(node, ast.FunctionDef)
            and node.name == name]  # fmt: skip
    todo += [node for _, node, _ in known.values() if autouse(node)]
    seen: set[str] = set()
    while todo:
        node = todo.pop()
        asked = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        if node.name in known and autouse(node):
            asked.append(node.name)
        for argument in asked:
            if argument in known and argument not in seen:
                seen.add(argument)
                path, fixture, said = known[argument]
                todo.append(fixture)
                if said in _BROAD:
                    yield path, argument


def scope(node: ast.FunctionDef) -> str:
    """The scope of a fixture, "" for a function that is none."""
    for decorator in node.decorator_list:
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(callee) in FIXTURES:
            keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
            found = [k.value.value for k in keywords if k.arg == "scope" and isinstance(k.value, ast.Constant)]
            return str(found[0]) if found else "function"
    return ""
