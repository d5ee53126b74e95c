"""Who answers for leaked state: the tests that changed it, or the product that keeps it between calls.

A product that remembers what it must forget has a defect, which a fixture would only hide. So state that the product
holds is given back only where a test itself changed it; where the product offers a reset of its own, which is called
then; or where it is shared on purpose and the tests trip over it in an order that nobody wrote.
"""

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from maestro.healing._forms import dotted
from maestro.healing._roles import Role
from maestro.healing._trees import parse
from maestro.healing.known_forms.restoring import RESETS
from maestro.healing.sourcetree import SourceTree

_ON_PURPOSE = re.compile(r"(?i)cache|memo|regist|instance|singleton|pool|known|loaded")
_MUTATES = frozenset({"append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "setdefault", "add",
                      "discard", "sort", "reverse", "__setitem__"})  # fmt: skip


def product_file(change: Mapping[str, Any], tree: SourceTree) -> str:
    """Return the product's file whose module holds the changed state; "" where the tests or the process hold it."""
    names = [str(change.get("module", "")), *(str(entry[0]) for entry in change.get("also") or ())]
    endings = [f"{name.replace('.', '/')}{rest}" for name in names for rest in (".py", "/__init__.py")]
    for path in tree.python_files:
        if tree.role(path) is Role.PRODUCT and any(path == e or path.endswith("/" + e) for e in endings):
            return path
    return ""


def is_stand_in(change: Mapping[str, Any]) -> bool:
    """Whether a function or class was replaced: no product keeps such state between calls, tests put in stand-ins."""
    return change.get("type") in ("function", "builtin_function_or_method", "type")


def changed_by_tests(change: Mapping[str, Any], files: Iterable[str], tree: SourceTree) -> bool:
    """Whether a test file changes the state itself, by assigning to it or by a method of its container."""
    name = str(change.get("path", "")).rpartition(".")[2]
    for file in files:
        module = parse(tree.text(file))
        if module is not None and any(_last(target) == name for target in _changed(module)):
            return True
    return False


def _changed(module: ast.Module) -> Iterator[ast.expr]:
    """Yield the expressions whose value a module changes inside its functions."""
    for function in ast.walk(module):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        nodes = list(ast.walk(function))
        declared = {name for n in nodes if isinstance(n, ast.Global) for name in n.names}
        local = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} - declared
        for node in nodes:
            match node:
                case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                    found = targets
                case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                    found = [target]
                case ast.Call(func=ast.Attribute(value=holder, attr=attr)) if attr in _MUTATES:
                    found = [holder]
                case _:
                    found = []
            yield from (f for f in found if not (isinstance(f, ast.Name) and f.id in local))


def _last(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return "" if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def public_reset(change: Mapping[str, Any], file: str, tree: SourceTree) -> str:
    """Return the place, below the module, of a public reset that the holder of the state offers; "" for none.

    That is a method of the object's or the class's own that takes no argument, or a function of the module.
    """
    module = parse(tree.text(file))
    owner, _, name = str(change.get("path", "")).rpartition(".")
    if module is None:
        return ""
    holder = str(change.get("holder", ""))
    if holder:
        defined, _, kind = holder.rpartition(".")
        source = module if defined == change.get("module") else _module_named(defined, tree)
        methods = _methods(source, kind, name)
        found = [method.name for method in methods if _without_arguments(method, bound=True)]
        return f"{owner}.{found[0]}" if found else ""
    if owner:
        found = [
            method.name
            for method in _methods(module, owner, name)
            if _without_arguments(method, bound=any(dotted(d) == "classmethod" for d in method.decorator_list))
            and any(dotted(d) in ("classmethod", "staticmethod") for d in method.decorator_list)
        ]
        return f"{owner}.{found[0]}" if found else ""
    functions = [
        node.name
        for node in module.body
        if isinstance(node, ast.FunctionDef) and RESETS.fullmatch(node.name) and _without_arguments(node, bound=False)
        if any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))
    ]
    return functions[0] if functions else ""


def _module_named(name: str, tree: SourceTree) -> ast.Module | None:
    ending = name.replace(".", "/")
    for path in tree.python_files:
        if path.removesuffix(".py").removesuffix("/__init__").endswith(ending) and tree.role(path) is Role.PRODUCT:
            return parse(tree.text(path))
    return None


def _methods(module: ast.Module | None, owner: str, state: str) -> list[ast.FunctionDef]:
    """The resets of a class, those first that have to do with the state themselves."""
    found = [
        method
        for node in (module.body if module is not None else ())
        if isinstance(node, ast.ClassDef) and node.name == owner
        for method in node.body
        if isinstance(method, ast.FunctionDef) and RESETS.fullmatch(method.name)
    ]
    return sorted(found, key=lambda m: not any(isinstance(n, ast.Attribute) and n.attr == state for n in ast.walk(m)))


def _without_arguments(function: ast.FunctionDef, *, bound: bool) -> bool:
    taken = len(function.args.posonlyargs) + len(function.args.args) - len(function.args.defaults) - bound
    return taken <= 0 and all(default is not None for default in function.args.kw_defaults)


def shared_on_purpose(change: Mapping[str, Any], file: str, tree: SourceTree) -> bool:
    """Whether the product means to share the state: a name of the module, or of a class that is reached as a class.

    An attribute of a class that the product changes through ``self`` was likely meant to be each object's own.
    """
    path = str(change.get("path", ""))
    owner, _, name = path.rpartition(".")
    if not owner or change.get("holder") or _ON_PURPOSE.search(name):
        return True
    module = parse(tree.text(file))
    if module is None:
        return False
    return not any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Name)
        and node.value.id not in ("cls", owner)
        for node in ast.walk(module)
    )


def as_written(told: Mapping[str, Any], tree: SourceTree) -> bool:
    """Whether the tests fail in the very order in which they are written, each run once: the plainest way to run."""
    victim = str(told.get("victim") or next(iter(told.get("victims") or ()), ""))
    polluters = [str(p) for p in told.get("polluters") or ()]
    if victim and polluters:
        return _before(polluters[0], victim, tree)
    runs = [run.get("tests") or () for run in told.get("stress") or () if isinstance(run, Mapping)]
    ran = [str(test) for test in (runs[0] if runs else ())]
    ran = ran[: ran.index(victim) + 1] if victim in ran else ran
    return all(_before(first, second, tree) for first, second in itertools.pairwise(ran))


def _before(first: str, second: str, tree: SourceTree) -> bool:
    """Whether one test is written before another: in a file that sorts before, or at a line before; never itself."""
    places = [(test.partition("::")[0], _line(test, tree)) for test in (first, second)]
    if places[0] == places[1]:
        return _parameters(first) < _parameters(second) if not _repeats(first, second) else False
    return places[0] < places[1]


def _parameters(test: str) -> str:
    return test.partition("[")[2]


def _repeats(first: str, second: str) -> bool:
    """Whether two ids are one test run again by a plugin: they differ by a counter ("1-2", "2-2") alone."""
    plain = [re.sub(r"\b\d+-(\d+)\]$", r"N-\1]", test) for test in (first, second)]
    return plain[0] == plain[1]


def _line(test: str, tree: SourceTree) -> int:
    file, _, rest = test.partition("[")[0].partition("::")
    module = parse(tree.text(file))
    body: Sequence[ast.stmt] = module.body if module is not None else ()
    line = 0
    for name in rest.split("::"):
        node = next((n for n in body if getattr(n, "name", "") == name), None)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            break
        body, line = node.body, node.lineno
    return line
