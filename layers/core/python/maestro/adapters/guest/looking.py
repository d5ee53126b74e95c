"""Look at a project's objects and code without running any of it.

Standard library only, Python 3.8 and later. Representations are taken under guard and bounded; expressions are
evaluated only as far as names, attributes and items of built-in containers go.
"""

import ast
import difflib
import inspect
import linecache
import sys
import types

_repr = repr
_str = str
REPR, NAMES = 4000, 400
_ITEMS, _SOURCE, _TREES = 1000, 2000000, 20  # what is larger is not looked into


def text_of(value):
    """Return ``str(value)``, whatever its class does."""
    try:
        return _str.__str__(value) if type(value) is str else _str(value)
    except BaseException as problem:
        return "<%s: str() raised %s>" % (type(value).__name__, type(problem).__name__)


def repr_of(value, limit=REPR):
    """Return a shortened ``repr(value)``, whatever its class does."""
    try:
        if type(value) in (str, bytes) and len(value) > limit:
            value = value[:limit]
        elif type(value) in (list, tuple, set, frozenset, dict) and len(value) > _ITEMS:
            return "<%s of %d items>" % (type(value).__name__, len(value))
        text = _repr(value)
    except BaseException as problem:
        return "<%s: repr() raised %s>" % (type(value).__name__, type(problem).__name__)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def qualified(kind):
    """Return the qualified name of a class or function, "builtins." left out."""
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", None) or getattr(kind, "__name__", None) or type(kind).__name__
    return "%s.%s" % (module, name) if isinstance(module, str) and module != "builtins" else str(name)


def origin(error):
    """Return the exception behind pytest's own wrappers."""
    for _ in range(10):
        name = type(error).__name__
        inner = None
        if name == "ConftestImportFailure":
            inner = getattr(error, "cause", None) or error.__cause__
            info = getattr(error, "excinfo", None)
            if inner is None and info is not None:
                inner = info[1] if isinstance(info, tuple) else info.value
        elif name in ("CollectError", "PluginImportFailure") or text_of(error).startswith("Error importing plugin"):
            inner = error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            return error
        error = inner
    return error


def one_message(error):
    """Return "Type: message" as a traceback ends."""
    if error is None:
        return ""
    text = text_of(error)
    name = qualified(type(error))
    return (name + ": " + text if text else name)[:4000]


def evaluate(node, frame):
    """Return (True, value) of an expression of names, attributes, constants and items; (False, None) otherwise.

    No function of the project is called: attributes are looked up statically, items only in built-in containers.
    """
    try:
        return True, _evaluate(node, frame)
    except Exception:
        return False, None


def _evaluate(node, frame):
    if isinstance(node, ast.Name):
        for scope in (frame.f_locals, frame.f_globals, vars(sys.modules["builtins"])):
            if node.id in scope:
                return scope[node.id]
        raise LookupError(node.id)
    if isinstance(node, ast.Attribute):
        owner = _evaluate(node.value, frame)
        if isinstance(owner, (types.ModuleType, type)):
            return getattr(owner, node.attr)
        found = inspect.getattr_static(owner, node.attr)
        if isinstance(found, (types.FunctionType, staticmethod, classmethod)):
            return getattr(owner, node.attr)
        if hasattr(type(found), "__get__"):
            raise LookupError(node.attr)
        return found
    if isinstance(node, ast.Subscript):
        owner = _evaluate(node.value, frame)
        inner = node.slice.value if type(node.slice).__name__ == "Index" else node.slice
        if type(owner) not in (list, tuple, dict, str, bytes):
            raise LookupError("not a built-in container")
        return owner[_evaluate(inner, frame)]
    return ast.literal_eval(node)


def statements(frame, line, kinds):
    """Return the smallest nodes of ``kinds`` that span ``line`` in the frame's file, outermost first."""
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    if not source or len(source) > _SOURCE:
        return []
    try:
        tree = _parsed(frame.f_code.co_filename, source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [n for n in ast.walk(tree) if isinstance(n, kinds) and n.lineno <= line <= (n.end_lineno or n.lineno)]


_trees = {}


def _parsed(name, source):
    key = (name, len(source))
    if key not in _trees:
        if len(_trees) > _TREES:
            _trees.clear()
        _trees[key] = ast.parse(source)
    return _trees[key]


def segment(frame, node):
    """Return the source text of a node."""
    try:
        source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
        return (ast.get_source_segment(source, node) or "")[:1000]
    except Exception:
        return ""


def class_named(name, frames):
    """Return the class of that name which the innermost frames can see, by itself or by an instance; else None."""
    for frame, _ in reversed(frames[-2:]):
        for scope in (frame.f_locals, frame.f_globals):
            for value in list(scope.values()):
                kind = value if isinstance(value, type) else type(value)
                if kind.__name__ == name:
                    return kind
    return None


def public_names(owner, near=""):
    """Return the public names of an object, bounded."""
    try:
        if isinstance(owner, (types.ModuleType, type)):
            names = dir(owner)
        else:
            names = set(dir(type(owner)))
            names.update(getattr(owner, "__dict__", {}))
        names = sorted(n for n in names if isinstance(n, str) and not n.startswith("_"))
    except BaseException:
        return []
    if len(names) > NAMES:
        close = set(difflib.get_close_matches(near, names, n=100, cutoff=0.3))
        names = sorted(close | set(names[: NAMES - len(close)]))
    return names
