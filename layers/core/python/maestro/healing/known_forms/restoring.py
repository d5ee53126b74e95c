"""Fixtures that do nothing but give shared state back, and fixtures made anew more often: told by their form.

Such a fixture copies what the tests share, lets the test run, and puts the copy back, or calls a public reset of what
the product keeps. It can change what a test sees only by taking away what another test left behind; any other statement
in it, and it is not one.
"""

import ast
import re

from maestro.healing._forms import dotted

_SCOPES = ("function", "class", "module", "package", "session")
_COPIES = frozenset({"copy.deepcopy", "copy.copy", "dict", "list", "set"})
_LOGGER_PARTS = frozenset({"handlers", "level", "disabled", "propagate"})
HELPERS = frozenset({"copy", "dict", "list", "set", "os", "logging", "pytest", "pathlib", "shutil", "glob", "sorted",
                     "iter"})  # fmt: skip
RESETS = re.compile(r"(clear|reset|flush|purge|empty|unregister_all)(_\w+)?|\w+_(reset|clear)|cache_clear")
_FILE = re.compile(r"\w[\w.+@-]*(/\w[\w.+@-]*)*")  # relative, and never above the project


def is_fixture(decorator: ast.expr) -> bool:
    """Whether a decorator makes a pytest fixture."""
    return dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) in ("pytest.fixture", "fixture")


def autouse(node: ast.AST) -> bool:
    """Whether a function is a fixture that tests get without asking."""
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(
        is_fixture(d) and isinstance(d, ast.Call) and any(k.arg == "autouse" for k in d.keywords)
        for d in node.decorator_list
    )


def restoring(node: ast.AST) -> bool:
    """Whether a function is an autouse fixture that saves references, yields once, and puts all of them back.

    Resets that it calls after the test may be called before it as well: tests of other files have none.
    """
    if not isinstance(node, ast.FunctionDef) or ast.unparse(node.args):
        return False
    if [ast.unparse(d) for d in node.decorator_list] not in (
        ["pytest.fixture(autouse=True)"],
        ["fixture(autouse=True)"],
    ):
        return False
    body = list(node.body)
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    declared: set[str] = set()
    while body and isinstance(first := body[0], ast.Global):
        declared |= set(first.names)
        del body[0]
    places = [i for i, s in enumerate(body) if isinstance(s, ast.Expr) and ast.unparse(s) in ("(yield)", "yield")]
    if len(places) != 1:
        return False
    after = body[places[0] + 1 :]
    again = {ast.unparse(s) for s in after if _calls_reset(s)}
    before = [s for s in body[: places[0]] if not (_calls_reset(s) and ast.unparse(s) in again)]
    saved = _saved(before, declared)
    if saved is None or {f"{held}.clear()" for held in saved.values()} & {ast.unparse(s) for s in body[: places[0]]}:
        return False  # what is kept is not emptied before the test
    return bool(after) and _given_back(after, saved, declared)


def _saved(statements: list[ast.stmt], declared: set[str]) -> dict[str, str] | None:
    """Map each local name to the reference that it keeps; None where anything else is done."""
    found: dict[str, str] = {}
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in found and name not in declared:
                kept = _kept(value)
                if kept is None:
                    return None
                found[name] = kept
            case _:
                return None
    return found


def _kept(value: ast.expr) -> str | None:
    match value:
        case ast.Call(func=func, args=[inner], keywords=[]) if dotted(func) in _COPIES:
            return ast.unparse(inner) if _reference(inner) else None
        case ast.Call(func=func, args=[], keywords=[]) if dotted(func) == "os.getcwd":
            return "os.getcwd()"
        case ast.Call(func=func, args=[ast.Constant(value=str(path))], keywords=[]) if dotted(func) == "os.path.exists":
            return f"exists {path}" if _FILE.fullmatch(path) else None
        case ast.Call(func=ast.Attribute(value=ast.Call() as of, attr="read_bytes"), args=[], keywords=[]):
            path = _path(of)
            return f"bytes of {path}" if path else None
    return ast.unparse(value) if _reference(value) else None


def _path(call: ast.Call) -> str:
    """Return the path of ``pathlib.Path("folder/file")`` where it is relative and plain, else ""."""
    match call:
        case ast.Call(func=func, args=[ast.Constant(value=str(path))], keywords=[]) if dotted(func) == "pathlib.Path":
            return path if _FILE.fullmatch(path) else ""
    return ""


def _removes(statement: ast.If) -> tuple[str, str]:
    """Return (name, what it gives back) of a statement that removes what was not there before; ("", "") otherwise."""
    match statement.body, statement.orelse:
        case [ast.Expr(value=ast.Call(func=func, args=[ast.Constant(value=str(path))]) as call)], []:
            said, test = ast.unparse(call), statement.test
            seen = f"os.path.exists({path!r})"
        case _:
            return "", ""
    match test:
        case ast.BoolOp(op=ast.And(), values=[ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)), other]) if (
            dotted(func) == "os.remove" and ast.unparse(other) == seen and said == f"os.remove({path!r})"
        ):
            return name, f"exists {path}"
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)) if (
            said == f"shutil.rmtree({path!r}, ignore_errors=True)"
        ):
            return name, f"exists {path}"
    return "", ""


def _reference(node: ast.expr) -> bool:
    if dotted(node) is not None:
        return True
    match node:
        case ast.Attribute(value=ast.Call() as call, attr=attr) if attr in _LOGGER_PARTS:
            return _logger(call)
    return False


def _logger(call: ast.expr) -> bool:
    match call:
        case ast.Call(func=func, args=args, keywords=[]) if dotted(func) == "logging.getLogger" and len(args) < 2:  # noqa: PLR2004 - its one argument
            return all(isinstance(a, ast.Constant) and isinstance(a.value, str) for a in args)
    return False


def _given_back(statements: list[ast.stmt], saved: dict[str, str], declared: set[str]) -> bool:
    cleared: set[str] = set()
    back: set[str] = set()
    for statement in statements:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=holder, attr="clear"), args=[], keywords=[])) if (
                ast.unparse(holder) in saved.values()
            ):
                cleared.add(ast.unparse(holder))
                continue
            case ast.Expr(value=ast.Call(func=func, args=[], keywords=[])) if _resets(func):
                continue
            case ast.Assign(targets=[target], value=ast.Name(id=name)):
                place = _assigned(target, declared)
            case ast.Expr(value=ast.Call(args=[ast.Name(id=name)], keywords=[]) as call):
                place = _handed(call, cleared)
            case ast.If():
                name, place = _removes(statement)
            case _:
                return False
        if not place or saved.get(name) != place:
            return False
        back.add(name)
    return back == set(saved) and cleared <= set(saved.values())


def _assigned(target: ast.expr, declared: set[str]) -> str:
    """Return what an assignment gives back; "" for any other."""
    match target:
        case ast.Subscript(value=holder, slice=ast.Slice(lower=None, upper=None, step=None)):
            return ast.unparse(holder)
        case ast.Attribute():
            return ast.unparse(target)
        case ast.Name(id=name) if name in declared:
            return name
    return ""


def _handed(call: ast.Call, cleared: set[str]) -> str:
    """Return what a call with the kept value gives back; "" for any other."""
    match call.func:
        case ast.Attribute(value=holder, attr="update") if ast.unparse(holder) in cleared:
            return ast.unparse(holder)
        case ast.Attribute(value=holder, attr="setLevel") if _logger(holder):
            return f"{ast.unparse(holder)}.level"
        case ast.Attribute(value=ast.Call() as of, attr="write_bytes") if _path(of):
            return f"bytes of {_path(of)}"
        case func if dotted(func) == "os.chdir":
            return "os.getcwd()"
    return ""


def _calls_reset(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=func, args=[], keywords=[])):
            return _resets(func)
    return False


def _resets(func: ast.expr) -> bool:
    """Whether a call without arguments is a reset: ``registry.clear()``, ``price.cache_clear()``, ``reset_rates()``."""
    name = dotted(func) or ""
    return bool(RESETS.fullmatch(name.rpartition(".")[2]))


def narrower(old: ast.expr, new: ast.expr) -> bool:
    """Whether a fixture is the same but made more often: for each test rather than once for a module."""
    if not (is_fixture(old) and is_fixture(new)):
        return False
    scopes, rests = [], []
    for side in (old, new):
        if isinstance(side, ast.Call) and side.args:
            return False
        keywords = side.keywords if isinstance(side, ast.Call) else []
        scope = next((k.value for k in keywords if k.arg == "scope"), ast.Constant("function"))
        if not isinstance(scope, ast.Constant) or scope.value not in _SCOPES:
            return False
        scopes.append(_SCOPES.index(scope.value))
        rests.append(sorted(ast.dump(k) for k in keywords if k.arg != "scope"))
    called = [dotted(s.func if isinstance(s, ast.Call) else s) for s in (old, new)]
    return scopes[1] < scopes[0] and rests[0] == rests[1] and called[0] == called[1]
