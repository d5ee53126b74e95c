"""Whether test code itself changes what belongs to the whole process: variables, the working folder, loggers, files."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from maestro.healing._forms import dotted
from maestro.healing.leaks.changing import Thing, changed_by, promises
from maestro.healing.leaks.reached import Code
from maestro.healing.sourcetree import SourceTree

_PUTS_BACK = frozenset({"monkeypatch", "caplog", "mocker"})  # fixtures that give back what they change
_STAND_INS = frozenset({"monkeypatch", "mocker", "mock", "patch"})
_LOGGING = {
    "level": frozenset({"setLevel", "basicConfig", "dictConfig", "fileConfig"}),
    "handlers": frozenset({"addHandler", "removeHandler", "basicConfig", "dictConfig", "fileConfig"}),
    "disabled": frozenset({"dictConfig", "fileConfig"}),
    "propagate": frozenset({"dictConfig", "fileConfig"}),
    "disable": frozenset({"disable"}),
}
_WRITES = frozenset({"write_text", "write_bytes", "unlink", "remove", "rename", "replace", "rmdir", "rmtree", "copy",
                     "copyfile", "move", "mkdir", "makedirs", "touch", "truncate", "copytree", "write"})  # fmt: skip
_REMOVES = re.compile(r"_*(remove|delete|clean|clear|unlink|drop|discard|purge|tidy|dispose|rollback)(_\w*|[A-Z]\w*)?")
_WRITING = re.compile(r"[wax+]")
# A function of the product may be there to change the process: its own name then says which part of it.
_MEANS = {
    "os.environ": re.compile(r"(?i)\w*(env|environ|dotenv|variables?)\w*"),
    "os.getcwd": re.compile(r"(?i)(cd|\w*(chdir|cwd|change_dir|change_folder)\w*)"),
    "logging": re.compile(r"(?i)\w*(logg(ing|er)|verbos|log_level|setup_log|init_log|configure_log)\w*"),
}


def process_changed_by(codes: Iterable[Code], change: Mapping[str, Any], tree: SourceTree) -> bool:
    """Whether any of the functions makes such a change itself, or by a call that is there for nothing else."""
    every, name, path = list(codes), str(change.get("module")), str(change.get("path", ""))
    if name == "files":
        return _files(every, path, str(change.get("how")))
    if _means(every, name, tree):
        return True
    if name == "os.getcwd":
        return any(_plain(call) and _last(call) in ("chdir", "fchdir") for call in _calls(every))
    if name == "logging":
        kind = str(change.get("type"))
        if any(_plain(call) and _last(call) in _LOGGING.get(kind, ()) for call in _calls(every)):
            return True
        return changed_by(every, Thing(attrs=frozenset({kind}), data=True), tree)
    return _environ(every, path, tree)


def changes_inputs(codes: Iterable[Code], tree: SourceTree) -> bool:
    """Whether test code changes what functions go by: variables, files, attributes of modules, or by stand-ins."""
    every = list(codes)
    thing = Thing(names=frozenset({"environ"}), attrs=frozenset({"environ"}), data=True)
    if changed_by(every, thing, tree) or any(_writes(call) for call in _calls(every)):
        return True
    for code in every:
        imported = {a.asname or a.name.partition(".")[0] for n in ast.walk(code.module)
                    if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}  # fmt: skip
        for node in ast.walk(code.function):
            match node:
                case ast.Name(id=name) | ast.arg(arg=name) if name in _STAND_INS:
                    return True
                case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store()) if name in imported:
                    return True
    return False


def _environ(every: list[Code], path: str, tree: SourceTree) -> bool:
    """Whether all the variables that changed are named where test code writes variables."""
    thing = Thing(names=frozenset({"environ"}), attrs=frozenset({"environ"}), data=True)
    puts = any(_plain(call) and _last(call) in ("putenv", "unsetenv") for call in _calls(every))
    if not puts and not changed_by(every, thing, tree):
        return False
    said = set(strings(every)) | {k.arg for call in _calls(every) for k in call.keywords}
    return set(path.split(",")) <= said


def _means(every: list[Code], name: str, tree: SourceTree) -> bool:
    """Whether a statement calls a function whose own name says that it changes this part of the process, for good."""
    word = _MEANS.get(name)
    if word is None:
        return False
    stated = [node.value for code in every for node in ast.walk(code.function) if isinstance(node, ast.Expr)]
    calls = [call for call in stated if isinstance(call, ast.Call) and word.fullmatch(_last(call)) and _plain(call)]
    return any(not promises(_last(call), tree) for call in calls)


def _files(every: list[Code], path: str, how: str) -> bool:
    """Whether the tests name a file; and, for one that was there before, write files themselves.

    Not where they mean it to be gone: they call what removes it, or name it to a block that may.
    """
    if any(_REMOVES.fullmatch(_last(call)) for call in _calls(every)):
        return False
    leaf = path.rpartition("/")[2]
    if not any(leaf in re.split(r"[/\\]", said) for said in strings(every)):
        return False
    blocks = [item.context_expr for code in every for node in ast.walk(code.function)
              if isinstance(node, (ast.With, ast.AsyncWith)) for item in node.items]  # fmt: skip
    entered = [call for call in blocks if isinstance(call, ast.Call) and _last(call) != "open" and call.args]
    if any(leaf in said for call in entered for said in _said_by(call, every)):
        return False
    return how == "added" or any(_writes(call) for call in _calls(every))


def _said_by(call: ast.Call, every: Iterable[Code]) -> Iterator[str]:
    """Yield the strings that a call is given, also by the names of variables of a module."""
    names = {n.id for n in ast.walk(call) if isinstance(n, ast.Name)}
    made = [s.value for code in every for s in code.module.body if isinstance(s, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id in names for t in s.targets)]  # fmt: skip
    for node in (call, *made):
        yield from (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def replaces(codes: Iterable[Code], name: str) -> bool:
    """Whether test code puts a stand-in in the place of a function or class, by its name, and leaves it there."""
    calls = list(_calls(codes))
    started = any(_last(call) == "start" for call in calls)
    for call in calls:
        if _plain(call) and (_last(call) == "setattr" or (started and _last(call) in ("patch", "object"))):
            said = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if any(text == name or text.endswith(f".{name}") for text in said):
                return True
    return False


def _writes(call: ast.Call) -> bool:
    modes = [*call.args[:2], *(k.value for k in call.keywords if k.arg == "mode")]
    if _last(call) == "open":
        return any(isinstance(m, ast.Constant) and _mode(m.value) for m in modes)
    return _last(call) in _WRITES


def _mode(value: object) -> bool:
    return isinstance(value, str) and len(value) < 4 and bool(_WRITING.search(value))  # noqa: PLR2004 - "w+b" at most


def strings(every: Iterable[Code]) -> Iterator[str]:
    """Yield the strings that functions state, and those of their modules' variables that they use."""
    for code in every:
        used = {n.id for n in ast.walk(code.function) if isinstance(n, ast.Name)}
        made = [s.value for s in code.module.body if isinstance(s, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id in used for t in s.targets)]  # fmt: skip
        for node in (code.function, *made):
            yield from (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _calls(every: Iterable[Code]) -> Iterator[ast.Call]:
    for code in every:
        yield from (n for n in ast.walk(code.function) if isinstance(n, ast.Call))


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else (dotted(call.func) or "")


def _plain(call: ast.Call) -> bool:
    """Whether a call is not of a fixture that gives back what it changes."""
    return (dotted(call.func) or "").partition(".")[0] not in _PUTS_BACK
