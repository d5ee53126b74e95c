"""How one piece of leaked state is given back: the lines of a fixture that does nothing else."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}")
_LOGGER = re.compile(r"[\w.]*")
_FILE = re.compile(r"[\w][\w.+@-]*(/[\w][\w.+@-]*)*")
_COPY = {"list": "list", "dict": "dict", "set": "set"}
FIXTURE = "_restored_state"


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of state: how to write it, what keeps it ("" for nothing), the lines that give it back.

    ``imports`` are the modules that this takes, ``declared`` a name that the fixture declares as global.
    """

    place: str
    keep: str
    back: tuple[str, ...]
    imports: tuple[str, ...] = ()
    declared: str = ""


def item(change: Mapping[str, Any], path: str, module: ast.Module) -> Item | None:  # noqa: PLR0911 - one per kind
    """Return what gives a change back in the file ``path``; None where nothing does so safely."""
    name, place = str(change.get("module", "")), str(change.get("path", ""))
    kind, how = str(change.get("type", "")), change.get("how")
    if name in ("os.environ", "os.getcwd", "logging", "files"):
        return _of_process(name, place, kind, str(how))
    if not _NAME.fullmatch(name) or not _PLACE.fullmatch(place):
        return None
    also = [(str(m), str(p)) for m, p in change.get("also") or () if _NAME.fullmatch(str(m))]
    written, imports = written_in(name, place, also if how == "inside" or "." in place else [], path, module)
    if not written:
        return None
    if how == "cached":
        return reset(f"{written}.cache_clear", imports)
    if how == "rebound":
        declared = "" if "." in written else written
        return Item(written, written, (f"{written} = {{}}",), imports, declared)
    if how != "inside" or kind not in _COPY:
        return None
    if change.get("deep") and not change.get("plain"):
        return None  # a copy of unknown objects may be another thing than they were
    keep, needed = (f"copy.deepcopy({written})", ("copy",)) if change.get("deep") else (f"{_COPY[kind]}({written})", ())
    back = (f"{written}[:] = {{}}",) if kind == "list" else (f"{written}.clear()", f"{written}.update({{}})")
    return Item(written, keep, back, (*needed, *imports))


def _of_process(name: str, place: str, kind: str, how: str) -> Item | None:
    if name == "os.environ":
        return Item("os.environ", "dict(os.environ)", ("os.environ.clear()", "os.environ.update({})"), ("os",))
    if name == "os.getcwd":
        return Item("os.getcwd()", "os.getcwd()", ("os.chdir({})",), ("os",))
    if name == "logging":
        return _logging(place, kind) if _LOGGER.fullmatch(place) else None
    return _file(place, kind, how) if _FILE.fullmatch(place) else None


def reset(call: str, imports: Sequence[str] = ()) -> Item:
    """Return the item that calls a public reset before and after each test."""
    return Item(call, "", (f"{call}()",), tuple(imports))


def _file(path: str, kind: str, how: str) -> Item | None:
    quoted = f'"{path}"'
    if how == "added" and kind == "file":
        back = (f"if not {{}} and os.path.exists({quoted}):", f"    os.remove({quoted})")
        return Item(path, f"os.path.exists({quoted})", back, ("os",))
    if how == "added":
        back = ("if not {}:", f"    shutil.rmtree({quoted}, ignore_errors=True)")
        return Item(path, f"os.path.exists({quoted})", back, ("os", "shutil"))
    if kind != "file":
        return None
    return Item(
        path,
        f"pathlib.Path({quoted}).read_bytes()",
        (f"pathlib.Path({quoted}).write_bytes({{}})",),
        ("pathlib",),
    )


def _logging(name: str, what: str) -> Item | None:
    logger = f'logging.getLogger("{name}")' if name else "logging.getLogger()"
    if what == "handlers":
        return Item(f"{logger}.handlers", f"list({logger}.handlers)", (f"{logger}.handlers[:] = {{}}",), ("logging",))
    if what == "level":
        return Item(f"{logger}.level", f"{logger}.level", (f"{logger}.setLevel({{}})",), ("logging",))
    if what in ("disabled", "propagate"):
        return Item(f"{logger}.{what}", f"{logger}.{what}", (f"{logger}.{what} = {{}}",), ("logging",))
    return None


def written_in(
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


def _indented(line: str, indent: str) -> str:
    inner = line.lstrip()
    return indent * ((len(line) - len(inner)) // 4) + inner


def with_fixture(text: str, module: ast.Module, items: Sequence[Item]) -> str:
    """Add the restoring fixture, and the imports that it takes, below the imports of a file."""
    declared = [item.declared for item in items if item.declared]
    keeping = [item for item in items if item.keep]
    kept = [f"kept_{number}" if len(keeping) > 1 else "kept" for number in range(1, len(keeping) + 1)]
    names = ", ".join(item.place for item in items)
    body = [f'"""Give back what tests leave changed: {names.replace(chr(34), chr(39))}."""'[:116]]
    if len(body[0]) == 116:
        body = ['"""Give back what tests leave changed."""']
    body += [f"global {', '.join(declared)}"] if declared else []
    body += [f"{name} = {item.keep}" for name, item in zip(kept, keeping, strict=True)]
    resets = [line for item in items if not item.keep for line in item.back]
    body += resets  # what tests of other files left
    body += ["yield"]
    body += [line.format(name) for name, item in zip(kept, keeping, strict=True) for line in item.back]
    body += resets
    added = ["@pytest.fixture(autouse=True)", f"def {FIXTURE}():", *(f"    {line}" for line in body)]
    return below_imports(text, module, sorted({i for item in items for i in item.imports} | {"pytest"}), added)


def below_imports(text: str, module: ast.Module, wanted: Sequence[str], added: Sequence[str]) -> str:
    """Add a function below the imports of a file, in the file's own indentation, with the imports that it takes."""
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    indent = "\t" if any(line.startswith("\t") for line in lines) else "    "
    known = {a.asname or a.name for n in module.body if isinstance(n, ast.Import) for a in n.names}
    imports = [f"import {name}" for name in wanted if name not in known]
    last = 0
    for number, node in enumerate(module.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or isinstance(node, (ast.Import, ast.ImportFrom)):
            last = node.end_lineno or 0
    function = ["", "", *(_indented(line, indent) for line in added)]
    if not lines and not imports:
        function = function[2:]
    head = lines[:last]
    if head and not head[-1].endswith(("\n", "\r\n")):
        head[-1] += newline
    inserted = [line + newline for line in [*imports, *function]]
    rest = lines[last:]
    if rest and rest[0].strip():
        inserted += [newline, newline]
    return "".join([*head, *inserted, *rest])
