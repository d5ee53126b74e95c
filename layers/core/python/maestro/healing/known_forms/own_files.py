"""Files that tests state in a folder that everybody shares, moved into a folder of each test's own.

    def test_report():                                 def test_report(tmp_path):
        path = "/tmp/report.txt"                           path = str(tmp_path / "report.txt")
        other = Path(tempfile.gettempdir()) / "x"          other = tmp_path / "x"

and, where the file names it once for all of its tests,

    PATH = "/tmp/report.txt"

    @pytest.fixture(autouse=True)
    def _own_files(tmp_path):
        \"\"\"Give each test files of its own: what lies in a shared folder may be anybody's.\"\"\"
        global PATH
        PATH = str(tmp_path / "report.txt")

What stands below the shared folder keeps its place below the test's own. Nothing is moved that is put together from
parts, that a test says is not there (in a new folder nothing is), or that helpers state as well.
"""

import ast
import copy
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from maestro.healing._forms import dotted, last_name

FIXTURE = "_own_files"
WORDS = '"""Give each test files of its own: what lies in a shared folder may be anybody\'s."""'
_FOLDERS = ("/tmp/", "/var/tmp/")  # noqa: S108 - what tests of others state
_REST = re.compile(r"\w[\w.+@-]*(/\w[\w.+@-]*)*|\.\w[\w.+@-]*(/\w[\w.+@-]*)*")
_TEMPORARY = frozenset({"tempfile.gettempdir", "gettempdir"})
_PATHS = frozenset({"Path", "pathlib.Path"})
_LOOKS = frozenset({"access", "stat", "lstat", "listdir", "scandir", "iterdir", "glob", "iglob", "rglob", "walk"})
_MISSING = frozenset({"FileNotFoundError", "FileExistsError", "NotADirectoryError", "IsADirectoryError", "OSError",
                      "IOError", "EnvironmentError"})  # fmt: skip
_TIDIES = frozenset({"remove", "unlink", "rmtree", "rmdir", "removedirs"})
_THERE = frozenset({"exists", "lexists", "isfile", "isdir", "is_file", "is_dir"})
_ONCE = re.compile(r"(?i)set_?up_?(class|module|package)|tear_?down_?(class|module|package)|setUpTestData")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Place:
    """An expression that states a path in a shared folder.

    ``rest`` is the path below that folder; ``text`` says that the expression is a string, not a ``Path``; ``fixed`` is
    the whole path where it is the same in every process, else "".
    """

    node: ast.expr
    rest: str
    text: bool
    fixed: str

    @property
    def own(self) -> str:
        """What states the same file in a test's own folder."""
        return f'str(tmp_path / "{self.rest}")' if self.text else f'tmp_path / "{self.rest}"'

    @property
    def name(self) -> str:
        """The name of the file or folder itself."""
        return self.rest.rpartition("/")[2]


def place(node: ast.AST) -> Place | None:
    """Return the shared place that an expression states; None for any other expression."""
    rest, text, fixed = "", True, ""
    match node:
        case ast.Constant(value=str(path)):
            rest = _below(path)
            fixed = path
        case ast.Call(func=func, args=[ast.Constant(value=str(path))], keywords=[]) if dotted(func) in _PATHS:
            rest, text, fixed = _below(path), False, path
        case ast.Call(func=func, args=[first, *more], keywords=[]) if dotted(func) == "os.path.join" and more:
            words = [_word(m) for m in more]
            rest = "/".join(words) if _folder(first) and all(words) else ""
            fixed = f"/tmp/{rest}" if isinstance(first, ast.Constant) else ""  # noqa: S108 - what tests of others state
        case ast.Call(func=func, args=[ast.Constant(value=str(path))], keywords=[]) if dotted(
            func
        ) == "os.path.expanduser" and path.startswith("~/"):
            rest = path[2:]
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=str(path))) if path.startswith("/"):
            rest = path[1:] if _folder(left) else ""
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str(path))):
            above = place(left)
            if above is not None and not above.text:
                rest, fixed = f"{above.rest}/{path}", f"{above.fixed}/{path}" if above.fixed else ""
            elif _folder_path(left):
                rest = path
            text = False
    if not rest or not isinstance(node, ast.expr) or not _REST.fullmatch(rest):
        return None
    return Place(node, rest, text, fixed)


def _below(path: str) -> str:
    return next((path[len(folder) :] for folder in _FOLDERS if path.startswith(folder)), "")


def _word(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _folder(node: ast.expr) -> bool:
    """Whether an expression is a shared folder itself, as a string."""
    match node:
        case ast.Constant(value="/tmp"):  # noqa: S108 - what tests of others state
            return True
        case ast.Call(func=func, args=[], keywords=[]):
            return dotted(func) in _TEMPORARY
    return False


def _folder_path(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=func, args=[inner], keywords=[]) if dotted(func) in _PATHS:
            return _folder(inner)
        case ast.Call(func=func, args=[], keywords=[]):
            return dotted(func) in {f"{path}.home" for path in _PATHS}
    return False


def places(node: ast.AST) -> Iterator[Place]:
    """Yield the places that a piece of source states, in its order, the largest expressions that do."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        found = place(current)
        if found is not None:
            yield found
        else:
            waiting += reversed(list(ast.iter_child_nodes(current)))


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what is put together with a shared folder in a way that nobody can move."""
    for inner in ast.walk(node):
        match inner:
            case ast.JoinedStr(values=values):
                yield from (v for v in values if isinstance(v, ast.Constant) and str(v.value).startswith(_FOLDERS))
            case ast.BinOp(left=left, right=right) if place(inner) is None:
                yield from (side for side in (left, right) if (at := place(side)) and at.text)
            case ast.Attribute(value=of, attr="format" | "join" | "replace" | "split") if place(of):
                yield of
            case ast.Constant(value=str(text)) if text.startswith(_FOLDERS) and place(inner) is None:
                yield inner


def denies(function: ast.AST) -> bool:
    """Whether a test looks for files, and does more than claim that one is there, or tidy it away.

    In a folder of its own nothing else is: what is to be gone is not there to begin with.
    """
    fine: set[int] = set()
    for node in ast.walk(function):
        match node:
            case ast.Assert(test=claim):
                fine.add(id(claim))
            case ast.Call(func=func, args=[claim, *_]) if last_name(func) == "assertTrue":
                fine.add(id(claim))
            case ast.If(test=claim, body=body, orelse=[]) if all(map(_tidies, body)):
                fine.add(id(claim))
    for node in ast.walk(function):
        name = last_name(node.func) if isinstance(node, ast.Call) else ""
        if name in _LOOKS or (name in _THERE and id(node) not in fine) or last_name(node) in _MISSING:
            return True
    return False


def _tidies(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=func)):
            return last_name(func) in _TIDIES
    return False


def moved(function: Function, module: ast.Module, strings: Collection[str]) -> Function | None:
    """Return a test with its places in its own folder; None where it has none, or one of them has to stay.

    ``strings`` are those of the product, which may state the place as well.
    """
    found = list(places_in(function))
    if not found or any(map(_stays(module, strings, function), found)) or not takes_more(function):
        return None
    if denies(function) or next(_parts(function), None) is not None:
        return None
    copies: dict[int, ast.AST] = {}
    made = copy.deepcopy(function, copies)
    texts = {id(copies[id(each.node)]): each.own for each in found}
    _Moved(texts).visit(made)
    if "tmp_path" not in {a.arg for a in function.args.args}:
        made.args.args.append(ast.arg("tmp_path"))
    return made


def places_in(function: Function) -> Iterator[Place]:
    """Yield the places that the body of a function states."""
    for statement in function.body:
        yield from places(statement)


def takes_more(function: Function) -> bool:
    """Whether a test function may ask for another fixture."""
    taken = function.args
    plain = not (taken.defaults or taken.kwonlyargs or taken.vararg or taken.kwarg or taken.posonlyargs)
    bound = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    fine = function.name.startswith("test") and "tmp_path" not in bound
    return fine and plain and not any("patch" in ast.unparse(d) for d in function.decorator_list)


def _stays(module: ast.Module, strings: Collection[str], function: Function) -> "_Stays":
    others = [
        part
        for node in module.body
        for part in (node.body if isinstance(node, ast.ClassDef) else [node])
        if part is not function
        and not (isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.name.startswith("test"))
    ]
    return _Stays(frozenset(p.rest.partition("/")[0] for node in others for p in places(node)), strings)


@dataclass(frozen=True, slots=True)
class _Stays:
    """Whether a place has to stay: helpers and fixtures state what lies there as well, or the product does."""

    known: frozenset[str]
    strings: Collection[str]

    def __call__(self, found: Place) -> bool:
        return found.rest.partition("/")[0] in self.known or stated(found, self.strings)


def stated(found: Place, strings: Collection[str]) -> bool:
    """Whether one of some strings has the name of a file, or of its folder below the shared one."""
    words = {found.name, found.rest.partition("/")[0]}
    return any(word in text for text in strings for word in words)


class _Moved(ast.NodeTransformer):
    def __init__(self, texts: dict[int, str]) -> None:
        self.texts = texts

    def visit(self, node: ast.AST) -> ast.AST:
        text = self.texts.get(id(node))
        return super().visit(node) if text is None else ast.parse(text, mode="eval").body


# ------------------------------------------------------------------ names that a file binds for all of its tests


def bound_places(module: ast.Module, strings: Collection[str]) -> dict[str, Place]:
    """The names that a test file binds, once in all, to a shared place, and that its functions alone read."""
    found: dict[str, Place] = {}
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (at := place(value)) is not None:
                if _read_by_functions(module, name) and not stated(at, strings):
                    found[name] = at
    return found


def _read_by_functions(module: ast.Module, name: str) -> bool:
    """Whether a name is read while tests run, and at no other time; nothing else binds it, nor denies what is there."""
    stores = [n for n in ast.walk(module) if isinstance(n, ast.Name) and n.id == name and not _loads(n)]
    arguments = [n for n in ast.walk(module) if isinstance(n, ast.arg) and n.arg == name]
    if len(stores) != 1 or arguments:
        return False
    inside = 0
    for node in module.body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                uses = sum(isinstance(n, ast.Name) and n.id == name for s in part.body for n in ast.walk(s))
                once = _ONCE.fullmatch(part.name) or any("scope" in ast.unparse(d) for d in part.decorator_list)
                if uses and (once or denies(part) or any(name in ast.unparse(p) for p in _joined(part))):
                    return False
                inside += uses
    return inside == sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(module)) - 1


def _joined(function: ast.AST) -> Iterator[ast.AST]:
    """Yield a function's decorators and defaults, which are looked at before any test runs."""
    for node in ast.walk(function):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults))


def _loads(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def fixture(names: dict[str, Place]) -> list[str]:
    """Return the lines of the fixture that binds names to places of each test's own."""
    return [
        "@pytest.fixture(autouse=True)",
        f"def {FIXTURE}(tmp_path):",
        f"    {WORDS}",
        f"    global {', '.join(sorted(names))}",
        *(f"    {name} = {names[name].own}" for name in sorted(names)),
    ]


def gives_own(node: ast.AST, before: ast.Module, strings: Collection[str]) -> bool:
    """Whether a function is that fixture, to the letter, for names of the file as it was."""
    if not isinstance(node, ast.FunctionDef) or node.name != FIXTURE:
        return False
    named = [name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names]
    known = bound_places(before, strings)
    if not named or not set(named) <= known.keys():
        return False
    lines = fixture({name: known[name] for name in named})
    return ast.dump(node) == ast.dump(ast.parse("\n".join(lines)).body[0])


def put_back(after: ast.Module, before: ast.Module, strings: Collection[str]) -> ast.Module:
    """Return the tree after a change, changed in place, with tests whose places were moved as they were before it."""
    known = dict(tests(before))
    for body in [after.body, *(n.body for n in after.body if isinstance(n, ast.ClassDef) and not n.bases)]:
        owner = next((n.name for n in after.body if isinstance(n, ast.ClassDef) and n.body is body), "")
        for number, node in enumerate(body):
            old = known.get(f"{owner}.{getattr(node, 'name', '')}")
            if old is None or ast.dump(old) == ast.dump(node):
                continue
            made = moved(old, before, strings)
            if made is not None and ast.dump(made) == ast.dump(node):
                body[number] = copy.deepcopy(old)
    return after


def tests(module: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield the test functions of a file and of its plain classes, as "Class.name"; those that share a name are out."""
    found: dict[str, list[Function]] = {}
    for node in module.body:
        plain = isinstance(node, ast.ClassDef) and not node.bases
        for part in node.body if isinstance(node, ast.ClassDef) and plain else [node]:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                owner = node.name if isinstance(node, ast.ClassDef) else ""
                found.setdefault(f"{owner}.{part.name}", []).append(part)
    yield from ((name, same[0]) for name, same in found.items() if len(same) == 1)
