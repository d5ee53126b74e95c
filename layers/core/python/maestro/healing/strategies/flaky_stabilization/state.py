"""Shared state that a test leaves changed is given back after each test, by a fixture that does nothing else."""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from maestro.healing.base import Project, Proposal
from maestro.healing.sourcetree import Role, SourceTree
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?")
_LOGGER = re.compile(r"[\w.]*")
_MAX_SINGLES = 3
_MAX_RESTORED = 12
_COPY = {"list": "list", "dict": "dict", "set": "set"}
FIXTURE = "_restored_state"


@dataclass(frozen=True, slots=True)
class _Item:
    """One piece of state: how to write it, what keeps it, the lines that give it back, the import it takes."""

    place: str
    keep: str
    back: tuple[str, ...]
    imports: tuple[str, ...] = ()
    declared: str = ""


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
        tree = SourceTree(project.root, project.test_paths)
        guilty = [test for test in told.get("polluters", ()) if test in changes]
        all_of_it = _merged(list(changes.values()))
        for test in guilty[:1]:
            path = test.partition("::")[0]
            touched = {_place(change) for change in changes[test]}
            own = [change for change in all_of_it if _place(change) in touched]  # as deep as any test changes it
            state = [c for c in own if c.get("module") != "logging"]
            for change in state[:_MAX_SINGLES] if len(state) > 1 else []:
                yield from _proposal(tree, path, [change], 0.6)
            yield from _proposal(tree, path, state, 0.7)
            if len(own) > len(state):
                yield from _proposal(tree, path, own, 0.5)
        paths = list(dict.fromkeys(test.partition("::")[0] for test in changes))
        everything = [c for c in all_of_it if c.get("module") != "logging"]
        if len(paths) == 1:
            yield from _proposal(tree, paths[0], everything, 0.5)
        elif paths:
            folder = _common([*paths, *(t.partition("::")[0] for t in failure.tests)])
            yield from _proposal(tree, f"{folder}/conftest.py" if folder else "conftest.py", everything, 0.5)


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


def _proposal(tree: SourceTree, path: str, changes: Sequence[Mapping[str, Any]], prior: float) -> Iterable[Proposal]:
    text = tree.text(path)
    if text is None and not path.endswith("conftest.py"):
        return
    if tree.role(path) not in (Role.TEST, Role.FIXTURE):
        return
    module = parse(text or "")
    if module is None or FIXTURE in (text or ""):
        return
    items = [item for change in changes if (item := _item(change, path, module)) is not None]
    if not items or len(items) > _MAX_RESTORED:
        return
    names = ", ".join(f"`{item.place}`" for item in items)
    verb = "is" if len(items) == 1 else "are"
    product = any(_of_product(change, tree) for change in changes)
    # What the product itself keeps between calls may be a defect of it: the repair leaves that in place, and says so.
    note = "; the product keeps it between calls" if product else ""
    summary = f"{names} {verb} given back after each test{note}"
    yield Proposal({path: with_fixture(text or "", module, items)}, summary, prior, workaround=product)


def _of_product(change: Mapping[str, Any], tree: SourceTree) -> bool:
    """Whether state is held by a module of the product."""
    names = [str(change.get("module", "")), *(str(entry[0]) for entry in change.get("also") or ())]
    endings = [f"{name.replace('.', '/')}{rest}" for name in names for rest in (".py", "/__init__.py")]
    return any(
        tree.role(path) is Role.PRODUCT
        for path in tree.python_files
        for ending in endings
        if path == ending or path.endswith("/" + ending)
    )


def _item(change: Mapping[str, Any], path: str, module: ast.Module) -> _Item | None:  # noqa: PLR0911 - one per kind
    name, place = str(change.get("module", "")), str(change.get("path", ""))
    kind, how = str(change.get("type", "")), change.get("how")
    if name == "os.environ":
        return _Item("os.environ", "dict(os.environ)", ("os.environ.clear()", "os.environ.update({})"), ("os",))
    if name == "os.getcwd":
        return _Item("os.getcwd()", "os.getcwd()", ("os.chdir({})",), ("os",))
    if name == "logging":
        return _logging(place, kind) if _LOGGER.fullmatch(place) else None
    if not _NAME.fullmatch(name) or not _PLACE.fullmatch(place):
        return None
    also = [(str(m), str(p)) for m, p in change.get("also") or () if _NAME.fullmatch(str(m))]
    written, imports = _written(name, place, also if how == "inside" else [], path, module)
    if not written:
        return None
    if how == "rebound":
        declared = "" if "." in written else written
        return _Item(written, written, (f"{written} = {{}}",), imports, declared)
    if how != "inside" or kind not in _COPY:
        return None
    if change.get("deep") and not change.get("plain"):
        return None  # a copy of unknown objects may be another thing than they were
    keep, needed = (f"copy.deepcopy({written})", ("copy",)) if change.get("deep") else (f"{_COPY[kind]}({written})", ())
    back = (f"{written}[:] = {{}}",) if kind == "list" else (f"{written}.clear()", f"{written}.update({{}})")
    return _Item(written, keep, back, (*needed, *imports))


def _logging(name: str, what: str) -> _Item | None:
    logger = f'logging.getLogger("{name}")' if name else "logging.getLogger()"
    if what == "handlers":
        return _Item(f"{logger}.handlers", f"list({logger}.handlers)", (f"{logger}.handlers[:] = {{}}",), ("logging",))
    if what == "level":
        return _Item(f"{logger}.level", f"{logger}.level", (f"{logger}.setLevel({{}})",), ("logging",))
    if what in ("disabled", "propagate"):
        return _Item(f"{logger}.{what}", f"{logger}.{what}", (f"{logger}.{what} = {{}}",), ("logging",))
    return None


def _written(
    name: str, place: str, also: Sequence[tuple[str, str]], path: str, module: ast.Module
) -> tuple[str, tuple[str, ...]]:
    """How a file writes a piece of state, and the import that takes; ("", ()) where it cannot."""
    for owner, local in [(name, place), *also]:
        if _is_module(owner, path):
            return local, ()
    for node in module.body:
        if isinstance(node, ast.Import) and any(a.name == name and a.asname is None for a in node.names):
            return f"{name}.{place}", ()
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if f"{node.module}.{alias.name}" in (name, f"{name}.{place.partition('.')[0]}"):
                    local = alias.asname or alias.name
                    rest = place if f"{node.module}.{alias.name}" == name else place.partition(".")[2]
                    if rest:
                        return f"{local}.{rest}", ()
    if name in ("conftest", "__main__") or name.endswith(".conftest"):
        return "", ()
    return f"{name}.{place}", (name,)


def _is_module(name: str, path: str) -> bool:
    """Whether a module's name is that of a file, as pytest may have imported it."""
    parts = PurePosixPath(path.removesuffix(".py").removesuffix("/__init__")).parts
    wanted = tuple(name.split("."))
    return len(wanted) <= len(parts) and parts[len(parts) - len(wanted) :] == wanted


def with_fixture(text: str, module: ast.Module, items: Sequence[_Item]) -> str:
    """Add the restoring fixture, and the imports that it takes, below the imports of a file."""
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    indent = "\t" if any(line.startswith("\t") for line in lines) else "    "
    known = {a.asname or a.name for n in module.body if isinstance(n, ast.Import) for a in n.names}
    wanted = sorted({i for item in items for i in item.imports} | {"pytest"})
    imports = [f"import {name}" for name in wanted if name not in known]
    last = 0
    for number, node in enumerate(module.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or isinstance(node, (ast.Import, ast.ImportFrom)):
            last = node.end_lineno or 0
    declared = [item.declared for item in items if item.declared]
    kept = [f"kept_{number}" if len(items) > 1 else "kept" for number in range(1, len(items) + 1)]
    names = ", ".join(item.place for item in items)
    body = [f'"""Give back what tests leave changed: {names.replace(chr(34), chr(39))}."""'[:116]]
    if len(body[0]) == 116:
        body = ['"""Give back what tests leave changed."""']
    body += [f"global {', '.join(declared)}"] if declared else []
    body += [f"{name} = {item.keep}" for name, item in zip(kept, items, strict=True)]
    body += ["yield"]
    body += [line.format(name) for name, item in zip(kept, items, strict=True) for line in item.back]
    added = ["", "", "@pytest.fixture(autouse=True)", f"def {FIXTURE}():", *(indent + line for line in body)]
    if not lines:
        added = added[2:] if not imports else added
    head = lines[:last]
    if head and not head[-1].endswith(("\n", "\r\n")):
        head[-1] += newline
    inserted = [line + newline for line in [*imports, *added]]
    rest = lines[last:]
    if rest and rest[0].strip():
        inserted += [newline, newline]
    return "".join([*head, *inserted, *rest])
