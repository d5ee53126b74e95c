# ruff: noqa: D102 - hooks: pytest documents them, and passes arguments by name
"""A pytest plugin that finds out where the values of tests come from: the project, a dependency, or Python itself.

Standard library only, Python 3.8 and pytest 3 and later. It is told what to look for by a JSON file whose path is in
``MAESTRO_ORIGINS``: ``root``, ``out`` and ``sought``, which maps a test's id to a list of ``{"text"}`` (part of a
string) or ``{"value"}`` (a literal). While such a test's body runs, the first place where each is seen decides: what
code outside of the project returns, or raises, counts for it only if nothing of the project runs meanwhile, if no
process, socket or thread is used, and if the project did not hand it in. One JSON line per test goes to ``out``:
``{"test", "entered": [files of the project], "origins": [...], "problem"}``, each origin with ``by`` ("dependency",
"project", "outside" or ""), ``module``, ``function``, ``given`` (what it was called with), ``text`` (where the part was
seen first) and ``whole`` (the longest text with it that code outside of the project returned).
"""

import ast
import json
import linecache
import os
import re
import sys
import types

import pytest

_EVENTS, _ITEMS, _TEXT = 400000, 500, 20000
_SCALARS = (str, bytes, int, float, complex, bool, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset)
_TOOLS = frozenset(["_pytest", "pytest", "pluggy", "unittest", "_maestro_origins", "_maestro_capture", "nose", "mock"])
# What only carries values that come from elsewhere; a value that they return says nothing of its origin.
_CARRIERS = frozenset(
    [
        "abc",
        "builtins",
        "codecs",
        "collections",
        "contextlib",
        "copy",
        "copyreg",
        "functools",
        "importlib",
        "inspect",
        "io",
        "linecache",
        "operator",
        "os",
        "pathlib",
        "pickle",
        "posixpath",
        "queue",
        "runpy",
        "shelve",
        "shutil",
        "tempfile",
        "textwrap",
        "tokenize",
        "types",
        "typing",
        "weakref",
    ]
)
_ELSEWHERE = frozenset(
    [
        "asyncio",
        "concurrent",
        "http",
        "multiprocessing",
        "random",
        "secrets",
        "selectors",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "threading",
        "uuid",
    ]
)
_VARYING = ((re.compile(r"0x[0-9a-f]+"), "ADDRESS"), (re.compile(r"(?:/[\w.@+~-]+){2,}"), "PATH"))


class Call(object):
    """A call from the project into other code, until it comes back."""

    def __init__(self, module, function, given):
        self.module, self.function, self.given = module, function, given
        self.barred = ""
        self.found = []


class Finder(object):
    """Looks for values while one test runs."""

    def __init__(self, root, sought):
        self.root = os.path.realpath(root) + os.sep
        self.sought = sought
        self.wanted = [ast.literal_eval(s["value"]) if "value" in s else None for s in sought]
        self.origins, self.wholes = [None] * len(sought), [""] * len(sought)
        self.places, self.entered, self.stack = {}, set(), []
        self.events, self.problem = 0, ""

    # -- places

    def place(self, frame):
        """Return "" for the project's code, else the top-level module."""
        filename, module = frame.f_code.co_filename, frame.f_globals.get("__name__") or ""
        key = (filename, module) if filename.startswith("<") else filename
        if key not in self.places:
            self.places[key] = self._place(filename, module)
            path = os.path.realpath(filename)
            if not self.places[key] and not filename.startswith("<") and path.startswith(self.root):
                self.entered.add(path[len(self.root) :])
        return self.places[key]

    def _place(self, filename, module):
        top = str(module).partition(".")[0]
        if filename.startswith("<"):  # made from a string, or frozen: the module says whose it is
            filename = getattr(sys.modules.get(module), "__file__", None) or filename
        if not filename.startswith("<") and os.path.realpath(filename).startswith(self.root):
            return ""
        own = [os.path.join(self.root, folder, top) for folder in ("", "src", "lib")]
        if top and any(os.path.isdir(p) or os.path.isfile(p + ".py") for p in own):
            return ""  # an installed copy of the project
        return top or "?"

    # -- events

    def __call__(self, frame, *_):
        """Take a call (``sys.settrace``)."""
        self.events += 1
        if self.events > _EVENTS:
            self.problem = "the test does too much to be followed"
            sys.settrace(None)
            return None
        frame.f_trace_lines = False
        place = self.place(frame)
        caller = self.stack[-1] if self.stack else None
        if not place:
            for call in {id(c): c for c in self.stack if c}.values():
                call.barred = "project"
            self.stack.append(None)
        elif caller is not None:
            self.stack.append(caller)
        else:
            name = frame.f_globals.get("__name__") or place
            call = Call(str(name), frame.f_code.co_name, [])
            self.stack.append(call)
            if place not in _TOOLS:
                values = _arguments(frame)
                call.given = [_given(v) for v in values]
                if place not in _CARRIERS:
                    for value in values:
                        for part in self.inside(value, 4):
                            self.look(part, None)
        call = self.stack[-1]
        if call and (place in _ELSEWHERE):
            call.barred = call.barred or "outside"
        return self.local

    def local(self, frame, event, arg):
        """Take what happens in a frame."""
        if event == "return":
            call = self.stack.pop() if self.stack else None
            self.look(arg, call)
            if call is not None and (not self.stack or self.stack[-1] is not call):
                self.close(call)
        elif event == "exception":
            call = self.stack[-1] if self.stack else None
            if call is None and arg[2].tb_next is None and _by_python(frame, arg):
                line = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).strip()
                call = Call("builtins", arg[0].__name__, [line[:300]])
                self.look(arg[1], call)
                self.close(call)
            else:
                self.look(arg[1], call)
        return self.local

    # -- values

    def look(self, value, call):
        """Note where each value that is sought is seen for the first time; ``call`` None is the project.

        The test tool gets the expectation itself, and makes no values of its own.
        """
        if call is not None and call.module.partition(".")[0] in _TOOLS:
            return
        for number, sought in enumerate(self.sought):
            known = self.origins[number] is not None
            if known and ("value" in sought or call is None):
                continue
            try:
                text = _holds(value, sought["text"]) if "text" in sought else _equals(value, self.wanted[number])
            except Exception:
                text = None  # an object of the project that cannot be compared
            if text is None:
                continue
            if call is not None and len(text) > len(self.wholes[number]):
                self.wholes[number] = text
            if not known and call is None:
                self.origins[number] = {"by": "project", "module": "", "function": "", "given": [], "text": text}
            elif not known:
                self.origins[number] = {}
                call.found.append((number, text))

    def inside(self, value, depth):
        """Yield a value that the project hands over, and what is in it: items, attributes of the project's kinds."""
        yield value
        if depth == 0:
            return
        kind = type(value)
        if kind is dict and len(value) <= _ITEMS:
            parts = [*value, *value.values()]
        elif kind in _CONTAINERS and len(value) <= _ITEMS:
            parts = list(value)
        elif not isinstance(value, (type, types.FunctionType, types.ModuleType)) and self.own(kind):
            parts = list(_attributes(value))
        else:
            return
        for part in parts:
            for found in self.inside(part, depth - 1):
                yield found

    def own(self, kind):
        """Whether a class is the project's."""
        module = sys.modules.get(kind.__module__ if isinstance(kind.__module__, str) else "")
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and not self._place(file, module.__name__)

    def close(self, call):
        """A call came back: what was seen in it is its own, unless something barred that."""
        top = call.module.partition(".")[0]
        by = call.barred or ("outside" if top in _CARRIERS and top != "builtins" else "dependency")
        for number, text in call.found:
            self.origins[number] = {"by": by, "module": call.module, "function": call.function, "given": call.given,
                                    "text": text}  # fmt: skip
        call.found = []

    def told(self, test):
        """Return what was found out."""
        blank = {"by": "", "module": "", "function": "", "given": [], "text": ""}
        return {"test": test, "entered": sorted(self.entered)[:500], "problem": self.problem,
                "origins": [dict(o or blank, whole=w) for o, w in zip(self.origins, self.wholes)]}  # fmt: skip  # noqa: B905 - strict is newer than 3.8


def _attributes(value):
    held = getattr(value, "__dict__", None)
    if type(held) is dict:
        for part in list(held.values())[:_ITEMS]:
            yield part
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            member = kind.__dict__.get(name)
            if isinstance(member, types.MemberDescriptorType):
                try:
                    yield member.__get__(value)
                except AttributeError:
                    continue


def _arguments(frame):
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    scope = frame.f_locals
    return [scope[name] for name in code.co_varnames[:count] if name in scope]


def _given(value):
    """Say what an argument is, in the same words in another process and another version of a library."""
    if type(value) in _SCALARS or (type(value) in _CONTAINERS and _plain(value)):
        text = repr(value)
        for pattern, word in _VARYING:
            text = pattern.sub(word, text)
        return text[:1000]
    kind = value if isinstance(value, type) else type(value)
    return str(kind.__name__)


def _plain(value, depth=4):
    if type(value) in _SCALARS:
        return True
    if depth == 0 or type(value) not in _CONTAINERS or len(value) > _ITEMS:
        return False
    inner = [part for item in value.items() for part in item] if type(value) is dict else value
    return all(_plain(part, depth - 1) for part in inner)


def _holds(value, part):
    """Return the text in a value that holds a part, or None."""
    if isinstance(value, BaseException):
        value = str(value)
    if type(value) is bytes:
        value = value.decode("latin-1")
    if isinstance(value, str):
        return str.__str__(value)[:_TEXT] if part in value else None
    if type(value) in (list, tuple, set, frozenset) and len(value) <= _ITEMS:
        return next((text for item in value if isinstance(item, str) for text in [_holds(item, part)] if text), None)
    if type(value) is dict and len(value) <= _ITEMS:
        return _holds([*value, *value.values()], part)
    return None


def _equals(value, wanted):
    if type(value) is not type(wanted) or (type(value) in _CONTAINERS and len(value) > _ITEMS):
        return None
    return repr(value)[:_TEXT] if value == wanted else None


def _by_python(frame, arg):
    """Whether the interpreter itself raised an exception on the line at which a frame of the project stands."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)
    return arg[0].__module__ == "builtins" and bool(line) and not re.search(r"\b(raise|assert)\b", line)


class Origins(object):
    """One session's plugin."""

    def __init__(self, told):
        self.root, self.out, self.sought = told["root"], told["out"], told["sought"]

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item):
        sought = self.sought.get(item.nodeid)
        if not sought:
            yield
            return
        finder, before = Finder(self.root, sought), sys.gettrace()
        sys.settrace(finder)
        yield
        sys.settrace(before)
        with open(self.out, "a") as stream:
            stream.write(json.dumps(finder.told(item.nodeid)) + "\n")


def pytest_configure(config):
    """Register the plugin, where something is sought."""
    path = os.environ.get("MAESTRO_ORIGINS")
    if path:
        with open(path) as stream:
            told = json.load(stream)
        config.pluginmanager.register(Origins(told), "maestro-origins")
