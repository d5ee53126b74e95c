"""Tests that disturb each other by a file in a shared folder, or meet what was left there, get files of their own.

A new folder can hide a defect: a product that appends where it should begin anew, or that leaves what it should
remove, is seen by the file that is there already. So it is done only where the tests themselves write what lies there:
no product code that they call by name writes anything, or is to remove or close something, no test says that a file is
not there, and the product does not state the file itself.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from maestro.healing import provenance
from maestro.healing._forms import dotted, last_name
from maestro.healing._hashing import span
from maestro.healing._roles import Role
from maestro.healing._trees import project_names
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.known_forms import own_files
from maestro.healing.known_forms.own_files import Function, Place
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.flaky_stabilization.giving_back import below_imports
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_WRITES = re.compile(
    r"write\w*|mkdir|makedirs|mkfifo|dump|save\w*|connect|removedirs|unlink|rmdir|rmtree|rename|renames|touch|commit|"
    r"symlink\w*|hardlink\w*|truncate|to_\w+|export\w*|extract\w*|create_\w+|execute\w*|store\w*|persist\w*|sync\w*|"
    r"\w*FileHandler|basicConfig|\w*Database|\w*Shelf|system|popen|Popen|check_call|check_output"
)
_OF_SYSTEM = frozenset({"os", "shutil", "subprocess"})  # what of these is called, but to look at a path, writes
_LOOKING = re.compile(
    r"os\.path\.\w+|os\.(stat|lstat|listdir|scandir|walk|getcwd|getpid|access|fspath|environ\.\w+|getenv)"
)
_ELSEWHERE = frozenset({"subprocess", "run", "check_call", "check_output", "Popen", "system", "popen", "invoke"})
_IN_FILES = frozenset({"files", "logging"})
_REMOVES = re.compile(
    r"(?i)\w*(clean|clear|delete|remove|close|purge|drop|destroy|reset|unlink|discard|wipe|expire|flush|evict|shut|stop|"
    r"rollback|release|undo|finish|teardown|exit)\w*"
)
_OPENERS = frozenset({"open", "fdopen", "ZipFile", "TarFile", "FileIO", "GzipFile", "BZ2File", "LZMAFile"})
_READING = frozenset({"r", "rb", "rt", "br", "tr", "rU", "U"})
_VERDICTS = frozenset({"order", "leftover"})


class OwnFiles:
    """Moves what failing tests state in a shared folder into a folder of each test's own."""

    name = "own_files"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal for the failing tests, then one for all that state their files as well.

        Only where experiments showed that the order decides, or what is left in the folder. A test that passes leaves
        what it passed with: where it is run again it fails, and with it a repair of the others alone.

        Raises
        ------
        LeftAloneError
            If what is left may be a defect of the product.
        """
        if failure.diagnosis.get("verdict") not in _VERDICTS or any(map(_kept_in_memory, _changes(failure))):
            return
        tree = SourceTree(project.root, project.test_paths)
        strings = project_names(project.root).strings
        wanted = _by_file(failure.tests)
        first = _Shared(tree, strings)
        edits = first.edits(wanted)
        if not edits:
            return
        if failure.diagnosis["verdict"] == "order" and not first.met(failure.diagnosis.get("polluters") or ()):
            return  # the one that upsets them does not state any of these files: it is something else
        every = _Shared(tree, strings)
        for shared, changed in ((first, edits), (every, every.edits(first.users(wanted)))):
            if why := shared.product_writes() or shared.product_states():
                raise LeftAloneError(why)
            if shared is first or changed != edits:
                said = (
                    f"the tests of {', '.join(changed)} have {shared.shown} to themselves, each in a folder of its own"
                )
                yield Proposal(changed, said, 0.6 if shared is first else 0.55, workaround=True)


def _changes(failure: Failure) -> Iterator[Mapping[str, object]]:
    """The shared state that tests before the failing ones leave changed: that of the polluter, where it is known."""
    told = failure.diagnosis.get("changes") or {}
    known = failure.diagnosis.get("polluters") or told
    for test in known:
        yield from told.get(test, ())


def _kept_in_memory(change: Mapping[str, object]) -> bool:
    """Whether a change is of what a process keeps: a product that remembers a path is upset by that, not by a file."""
    return change.get("module") not in _IN_FILES


def _by_file(tests: Iterable[str]) -> dict[str, set[str]]:
    """The tests of each file, as :func:`maestro.healing.known_forms.own_files.tests` names them."""
    found: dict[str, set[str]] = {}
    for test in tests:
        path, _, rest = test.partition("[")[0].partition("::")
        owner, _, name = rest.rpartition("::")
        found.setdefault(path, set()).add(f"{owner}.{name}")
    return found


class _Shared:
    """What the failing tests state in shared folders, and who else has to do with it."""

    def __init__(self, tree: SourceTree, strings: frozenset[str]) -> None:
        self.tree, self.strings = tree, strings
        self.places: dict[str, Place] = {}

    @property
    def shown(self) -> str:
        return ", ".join(self.places)

    def edits(self, wanted: Mapping[str, Collection[str]]) -> dict[str, str]:
        """Return the test files in which the tests of these names, by file, have files of their own."""
        found: dict[str, str] = {}
        for path, names in wanted.items():
            text = self.tree.text(path) or ""
            changed = self.changed(text, names) if self.tree.role(path) in (Role.TEST, Role.FIXTURE) else None
            if changed is not None:
                found[path] = changed
        return found

    def users(self, wanted: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
        """Return these tests, by file, with all others that state one of the files, or one in the same folder."""
        tops = {at.rest.partition("/")[0] for at in self.places.values()}
        found = {path: set(names) for path, names in wanted.items()}
        for path in self.tree.python_files:
            module = parse(self.tree.text(path) or "") if self.tree.role(path) is Role.TEST else None
            for name, function in own_files.tests(module) if module is not None else ():
                if any(at.rest.partition("/")[0] in tops for at in own_files.places_in(function)):
                    found.setdefault(path, set()).add(name)
        return found

    def changed(self, text: str, names: Collection[str]) -> str | None:
        """Return a test file in which the tests of these names have files of their own; None for one without any."""
        module = parse(text)
        if module is None or own_files.FIXTURE in text:
            return None
        spans: dict[tuple[int, int, int, int], str] = {}
        for name, function in own_files.tests(module):
            if name in names and own_files.moved(function, module, self.strings) is not None:
                found = list(own_files.places_in(function))
                spans |= {span(each.node): each.own for each in found}
                spans |= _parameter(function, text)
                self.places |= {each.rest: each for each in found}
        bound = {
            name: at for name, at in own_files.bound_places(module, self.strings).items()
            if any(_mentions(f, name) for key, f in _every(module) if key in names)
        }  # fmt: skip
        self.places |= {at.rest: at for at in bound.values()}
        changed = provenance.replaced(text, spans.items())
        if bound:
            after = parse(changed)
            if after is None:
                return None
            changed = _with_fixture(changed, after, bound)
        return changed if changed != text and parse(changed) is not None else None

    def met(self, polluters: Iterable[str]) -> bool:
        """Whether one of the tests states one of the files as well; true where none is known."""
        known = [*polluters]
        tops = {at.rest.partition("/")[0] for at in self.places.values()}
        return not known or any(top in (self.tree.text(t.partition("::")[0]) or "") for t in known for top in tops)

    def product_states(self) -> str:
        """Say which file of the project, beside the tests, names one of the files; "" where none does."""
        for path in self.tree.files:
            if self.tree.role(path) in (Role.TEST, Role.FIXTURE):
                continue
            for at in self.places.values():
                if own_files.stated(at, [self.tree.text(path) or ""]):
                    return f"{path} speaks of {at.name} too: the product may read it there"
        return ""

    def product_writes(self) -> str:
        """Say what may leave the files, or make something of what is left, but the tests; "" where nothing may."""
        tops = {at.rest.partition("/")[0] for at in self.places.values()}
        product = _product(self.tree)
        for path in self.tree.python_files:
            module = parse(self.tree.text(path) or "") if self.tree.role(path) in (Role.TEST, Role.FIXTURE) else None
            if module is None or not any(top in (self.tree.text(path) or "") for top in tops):
                continue
            mentioned = _mentioned(module)
            if mentioned & _ELSEWHERE:
                return "a test starts programs, which may write what is left"
            for name in sorted(mentioned & product.keys()):
                if _REMOVES.fullmatch(name) or _writing(name, product):
                    return f"`{name}` of the product writes, or removes something: what is left may be a defect of it"
            if any(_enters(item.context_expr, product) for n in ast.walk(module)
                   if isinstance(n, (ast.With, ast.AsyncWith)) for item in n.items):  # fmt: skip
                return "the product is to give back what it took: what is left may be a defect of it"
        return ""


def _every(module: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield all functions of a file and of its classes, as "Class.name"."""
    for node in module.body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{node.name if isinstance(node, ast.ClassDef) else ''}.{part.name}", part


def _mentions(function: Function, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(function))


def _parameter(function: Function, text: str) -> dict[tuple[int, int, int, int], str]:
    """Return the edit that lets a test function ask for its folder; none where it does already."""
    taken = function.args.args
    if "tmp_path" in {a.arg for a in taken}:
        return {}
    if taken:
        line, column = taken[-1].end_lineno or 0, taken[-1].end_col_offset or 0
        return {(line, column, line, column): ", tmp_path"}
    words = text.splitlines()[function.lineno - 1].encode()
    column = words.index(b"(", function.col_offset) + 1
    return {(function.lineno, column, function.lineno, column): "tmp_path"}


def _with_fixture(text: str, module: ast.Module, names: dict[str, Place]) -> str:
    """Add the fixture below the last of the names that it binds."""
    return below_imports(text, module, ["pytest"], own_files.fixture(names))


def _mentioned(module: ast.Module) -> set[str]:
    """The names that a file mentions anywhere: those of variables, attributes and of what it imports."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.name.rpartition(".")[2] for alias in node.names}
    return found


def _product(tree: SourceTree) -> Mapping[str, list[ast.AST]]:
    """The functions and classes of the product, by name."""
    found: dict[str, list[ast.AST]] = {}
    for path in tree.python_files:
        if tree.role(path) is Role.PRODUCT:
            for node in ast.walk(parse(tree.text(path) or "") or ast.Module([], [])):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    found.setdefault(node.name, []).append(node)
    return found


def _enters(node: ast.expr, product: Mapping[str, list[ast.AST]]) -> bool:
    """Whether a context manager is one of the product."""
    return any(isinstance(n, ast.Call) and last_name(n.func) in product for n in ast.walk(node))


def _writing(name: str, product: Mapping[str, list[ast.AST]]) -> bool:
    """Whether a function of the product writes, or one that it calls."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        seen.add(current := waiting.pop())
        for node in product.get(current, ()):
            if _hands_on(node):
                return True
            for call in ast.walk(node):
                if isinstance(call, ast.Call):
                    called = last_name(call.func)
                    if _opens(call) or _of_system(call) or (called not in product and _WRITES.fullmatch(called)):
                        return True
                    waiting += [called] if called in product and called not in seen else []
    return False


def _hands_on(node: ast.AST) -> bool:
    """Whether what opens files is mentioned but not called on the spot: nothing says how it is called later."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    mentioned = (n for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute)) and id(n) not in called)
    return any(last_name(n) in _OPENERS for n in mentioned)


def _of_system(call: ast.Call) -> bool:
    """Whether a call asks the system for more than a look."""
    name = dotted(call.func) or ""
    return name.partition(".")[0] in _OF_SYSTEM and not _LOOKING.fullmatch(name)


def _opens(call: ast.Call) -> bool:
    """Whether a call opens a file for anything but reading."""
    if last_name(call.func) not in _OPENERS:
        return False
    place = (
        0
        if isinstance(call.func, ast.Attribute)
        and not (
            (dotted(call.func) or "").startswith(("io.", "codecs.", "gzip.", "bz2.", "lzma.", "zipfile.", "tarfile."))
        )
        else 1
    )
    modes = [k.value for k in call.keywords if k.arg == "mode"] or call.args[place : place + 1]
    return any(not (isinstance(m, ast.Constant) and m.value in _READING) for m in modes)
