# ruff: noqa: D102, ARG002 - hooks: pytest documents them, and passes arguments by name
"""A pytest plugin for experiments: runs tests in a stated order, and notes which shared state each test changes.

Standard library only, Python 3.8 and pytest 3 and later. It is told what to do by a JSON file whose path is in the
variable ``MAESTRO_EXPERIMENT``: ``order`` (ids; others follow in their own order), ``record`` (bool), ``listing`` ("",
"sorted" or "reversed": the order in which folders are listed to tests), ``draws`` (a seed for random numbers, set
before each test; 0: none), ``clock`` (seconds since 1970 at which the tests' clock begins; 0: as it is), ``root`` and
``out``, the file to which it adds one JSON line per test that left something changed: ``{"test", "changed": [...]}``.
Each change has ``module``, ``path`` ("NAME", "Class.attribute" or "object.attribute"), ``how`` ("inside", "rebound",
"added", "removed"; "cached" for a function that remembers more results than before), ``type``, ``deep`` (what it holds
changed too), ``plain`` (it holds only builtin data) and ``also``: other modules in which the same object has that name.
Change of an object's attribute names the class as ``holder``. The modules "os.environ", "os.getcwd", "logging" and
"files" (paths below the root) stand for those; functions of modules outside of the project are watched where a module
of the project imports those.
"""

import builtins
import datetime as dt
import functools
import gc
import json
import logging
import os
import random
import sys
import time
import types

import pytest

_NODES = 20000
_DEPTH = 6
_FILES = 4000  # a tree of more files is not watched
_LEVELS = 2  # attributes of objects that are held by attributes of objects
_CONTAINERS = (list, dict, set)
_PLAIN = (str, bytes, int, float, complex, bool, type(None), range, slice)
_CODE = (
    types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, type, staticmethod,
    classmethod, property,
)  # fmt: skip
_REPLACED = (types.FunctionType, types.BuiltinFunctionType, type)
_REMEMBERS = type(functools.lru_cache(maxsize=None)(len))


class Print(object):
    """What an object held at one moment. It keeps the object, so that no other can get its identity."""

    def __init__(self, value, budget):
        self.value, self.kind = value, type(value).__name__
        self.plain = True
        self.shallow = self.top(value)
        self.whole = self.inside(value, _DEPTH, budget)

    @staticmethod
    def top(value):
        if isinstance(value, dict):
            return [(_key(k), id(v)) for k, v in list(value.items())]
        if isinstance(value, (list, set)):
            found = [id(v) for v in list(value)]
            return sorted(found) if isinstance(value, set) else found
        return None

    def inside(self, value, depth, budget):
        budget[0] -= 1
        if isinstance(value, _PLAIN):
            return (type(value).__name__, repr(value)[:2000])
        if depth <= 0 or budget[0] <= 0:
            return ("deep", id(value))
        kind = type(value)
        if kind is dict:
            return ("dict", [(_key(k), self.inside(v, depth - 1, budget)) for k, v in list(value.items())])
        if kind in (list, tuple):
            return (kind.__name__, [self.inside(v, depth - 1, budget) for v in list(value)])
        if kind in (set, frozenset):
            return (kind.__name__, sorted(repr(self.inside(v, depth - 1, budget)) for v in list(value)))
        self.plain = False
        return ("object", id(value))


def _key(key):
    return repr(key)[:200] if isinstance(key, _PLAIN) or type(key) is tuple else id(key)


class State(object):
    """The shared state of the project's modules, and of the process, at one moment."""

    def __init__(self, root):
        budget = [_NODES]
        self.prints, self.environ, self.cwd = {}, dict(os.environ), _cwd()
        self.code, self.caches, self.aliases, self.holders, self.seen = {}, {}, {}, {}, {}
        modules = {
            name: module
            for name, module in list(sys.modules.items())
            if type(module) is types.ModuleType
            and isinstance(getattr(module, "__file__", None), str)
            and os.path.realpath(module.__file__).startswith(root)
        }
        self.own, outside = frozenset(modules), {"builtins": builtins}
        for name, module in sorted(modules.items()):
            self.take(name, "", vars(module), budget)
            outside.update((m.__name__, m) for m in list(vars(module).values()) if type(m) is types.ModuleType)
        for name, module in outside.items():
            if name not in self.own and not name.startswith(("_", "pytest")):
                self.code.update(((name, n), v) for n, v in list(vars(module).items()) if isinstance(v, _REPLACED))
        self.take("sys", "", {"argv": sys.argv, "path": sys.path}, budget)
        self.files = _files(root)
        self.silenced = logging.Logger.manager.disable
        self.loggers = {}
        for name, logger in [("", logging.getLogger()), *sorted(logging.Logger.manager.loggerDict.items())]:
            if isinstance(logger, logging.Logger):
                self.loggers[name] = (logger.level, list(logger.handlers), logger.disabled, logger.propagate)

    def take(self, module, prefix, names, budget):
        for name, value in list(names.items()):
            key = (module, prefix + name) if isinstance(name, str) else None
            if key is None or name.startswith(("__", "@py")) or budget[0] <= 0:
                continue
            if isinstance(value, _REPLACED):
                self.code[key] = value
            if isinstance(value, type):
                if not prefix and value.__module__ == module and value.__qualname__ == name:
                    self.take(module, name + ".", vars(value), budget)
            elif type(value) is _REMEMBERS:
                _, places = self.caches.setdefault(id(value), (value.cache_info().currsize, []))
                places.append(list(key))
            elif not isinstance(value, _CODE):
                self.prints[key] = Print(value, budget)
                self.within(key, value, budget)

    def within(self, key, value, budget):
        """Take the attributes of an object whose class is the project's, once for each object."""
        kind = type(value)
        fields = getattr(value, "__dict__", None) if kind.__module__ in self.own else None
        if type(fields) is not dict or key[1].count(".") >= _LEVELS:
            return
        first = self.seen.setdefault(id(value), key)
        if first == key:
            self.holders[key] = "%s.%s" % (kind.__module__, kind.__qualname__)
            self.take(key[0], key[1] + ".", fields, budget)
        else:
            self.aliases.setdefault(first, []).append(key)

    def changes(self, later):
        """List what differs in ``later``; one entry for an object that several modules name."""
        found, seen = [], {}
        for key in sorted(set(self.prints) | set(later.prints)):
            old, new = self.prints.get(key), later.prints.get(key)
            change = None if key in self.code or key in later.code else _change(old, new)
            if change is None:
                continue
            change.update(module=key[0], path=key[1], also=self.elsewhere(key))
            owner = (key[0], key[1].rpartition(".")[0])
            if owner in self.holders:
                change["holder"] = self.holders[owner]
            if change["how"] == "inside" and id(new.value) in seen:
                seen[id(new.value)]["also"].append([key[0], key[1]])
                continue
            if new is not None:
                seen[id(new.value)] = change
            found.append(change)
        return [*found, *self.replaced(later), *_file_changes(self.files, later.files), *self.process(later)]

    def process(self, later):
        """List what differs of the process: variables, the working folder, loggers."""
        found = []
        names = sorted(n for n in set(self.environ) | set(later.environ) if self.environ.get(n) != later.environ.get(n))
        names = [name for name in names if name not in ("PYTEST_CURRENT_TEST", "MAESTRO_EXPERIMENT")]
        if names:
            found.append({"module": "os.environ", "path": ",".join(names)[:500], "how": "inside", "type": "environ"})
        if self.cwd != later.cwd:
            found.append({"module": "os.getcwd", "path": "", "how": "rebound", "type": "str"})
        if self.silenced != later.silenced:
            found.append({"module": "logging", "path": "", "how": "rebound", "type": "disable"})
        for name, new in sorted(later.loggers.items()):
            old = self.loggers.get(name, (logging.NOTSET, [], False, True))
            for place, what in enumerate(("level", "handlers", "disabled", "propagate")):
                if old[place] != new[place]:
                    found.append({"module": "logging", "path": name, "how": "rebound", "type": what})
        return found

    def elsewhere(self, key):
        """Other places under which an attribute of a shared object can be reached."""
        parts = key[1].split(".")
        for count in range(1, len(parts)):
            known = self.aliases.get((key[0], ".".join(parts[:count])))
            if known:
                return [[module, ".".join([path, *parts[count:]])] for module, path in known]
        return []

    def replaced(self, later):
        """List functions and classes that are others now, and those that remember more results."""
        gone = object()
        for key, old in sorted(self.code.items(), key=lambda item: item[0]):
            new = later.code.get(key, gone)
            if new is gone and key in later.prints:
                new = later.prints[key].value
            elif new is gone and key[0] not in self.own and key[0] in sys.modules:
                new = vars(sys.modules[key[0]]).get(key[1], gone)
            if new is not gone and new is not old:
                yield {"module": key[0], "path": key[1], "how": "rebound", "type": type(old).__name__, "deep": False,
                       "plain": True, "also": []}  # fmt: skip
        for key, (size, places) in later.caches.items():
            if key in self.caches and size > self.caches[key][0]:
                yield {"module": places[0][0], "path": places[0][1], "how": "cached", "type": "lru_cache",
                       "deep": False, "plain": True, "also": places[1:]}  # fmt: skip


def _files(root):
    """Map the paths below the project's root to what tells that they changed; None where there are too many."""
    found = {}
    try:
        for folder, names, leaves in os.walk(root):
            names[:] = [n for n in names if not n.startswith(".") and n != "__pycache__" and not n.endswith("-info")]
            for name in names:
                found[os.path.join(folder, name)[len(root) :] + os.sep] = None
            for name in leaves:
                if not name.endswith((".pyc", ".coverage")):
                    path = os.path.join(folder, name)
                    told = os.lstat(path)
                    found[path[len(root) :]] = (told.st_mtime_ns, told.st_size)
            if len(found) > _FILES:
                return None
    except Exception:  # a test may have replaced what lists a folder
        return None
    return found


def _file_changes(old, new):
    if old is None or new is None:
        return []
    found, inside = [], []
    for path in sorted(set(old) | set(new)):
        if path in old and path in new and old[path] == new[path]:
            continue
        if any(path.startswith(folder) for folder in inside):
            continue
        folder = path.endswith(os.sep)
        if folder:
            inside.append(path)
        how = "added" if path not in old else "removed" if path not in new else "inside"
        kind = "folder" if folder else "file"
        found.append({"module": "files", "path": path.rstrip(os.sep), "how": how, "type": kind, "deep": False,
                      "plain": True, "also": []})  # fmt: skip
    return found


def _change(old, new):
    if old is None or new is None:
        return {"how": "added" if old is None else "removed", "type": (new or old).kind, "deep": False, "plain": True}
    plain = old.plain and new.plain
    if old.value is not new.value:
        same = isinstance(old.value, _PLAIN) and old.whole == new.whole
        return None if same else {"how": "rebound", "type": new.kind, "deep": False, "plain": plain}
    if old.whole == new.whole and old.shallow == new.shallow:
        return None
    if not isinstance(new.value, _CONTAINERS):
        return None
    # The items themselves are the same, or others: a copy of the container brings them back, or does not.
    return {"how": "inside", "type": new.kind, "deep": old.shallow == new.shallow or _items_changed(old, new),
            "plain": plain}  # fmt: skip


def _items_changed(old, new):
    """Whether something that the container held before, and may hold again, has changed inside."""
    if old.whole[0] == "dict":
        later = dict(new.whole[1])
        return any(key in later and later[key] != value for key, value in old.whole[1])
    if old.whole[0] == "list":
        later = {key: new.whole[1][place] for place, key in enumerate(new.shallow)}
        return any(key in later and later[key] != old.whole[1][place] for place, key in enumerate(old.shallow))
    return False


def _cwd():
    try:
        return os.getcwd()
    except OSError:
        return ""


def listings(backwards, real):
    """Return ``os.listdir`` and ``os.scandir`` that list in the order of the names, or against it."""

    def listdir(*args, **kwargs):
        return sorted(real[0](*args, **kwargs), reverse=backwards)

    class Scan(object):
        def __init__(self, *args, **kwargs):
            with real[1](*args, **kwargs) as found:
                self.entries = iter(sorted(found, key=lambda entry: entry.name, reverse=backwards))

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.entries)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.close()

        def close(self):
            self.entries = iter(())

    return listdir, Scan


def seeded(number):
    """Let the random numbers of Python, and of numpy where it is loaded, be those of a seed."""
    random.seed(number)
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(number)


def set_clock(start):
    """Let the clock of Python begin at ``start``, seconds since 1970, and run on from there."""
    import ctypes  # not every Python has it

    shift = start - time.time()
    real = {name: getattr(time, name) for name in ("time", "time_ns", "gmtime", "localtime", "strftime")}

    def gmtime(seconds=None):
        return real["gmtime"](time.time() if seconds is None else seconds)

    def localtime(seconds=None):
        return real["localtime"](time.time() if seconds is None else seconds)

    def strftime(form, told=None):
        return real["strftime"](form, localtime() if told is None else told)

    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

    def utcnow(cls):
        return cls.fromtimestamp(time.time(), dt.timezone.utc).replace(tzinfo=None)

    time.time = lambda: real["time"]() + shift
    time.time_ns = lambda: real["time_ns"]() + int(shift * 10**9)
    time.gmtime, time.localtime, time.strftime = gmtime, localtime, strftime
    # date.today and datetime.today ask time.time; these two ask the system, and are part of a type that is closed.
    fields = gc.get_referents(dt.datetime.__dict__)[0]
    fields["now"], fields["utcnow"] = classmethod(now), classmethod(utcnow)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(dt.datetime))


class Watcher(object):
    """One session's plugin."""

    def __init__(self, told):
        self.order = {name: place for place, name in enumerate(told.get("order") or ())}
        self.root = os.path.realpath(told["root"]) + os.sep
        self.listing = told.get("listing") or ""
        self.draws = told.get("draws") or 0
        self.record, self.out = bool(told.get("record")), told["out"]

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, session, config, items):
        yield
        if self.order:
            last = len(self.order)
            items.sort(key=lambda item: self.order.get(item.nodeid, last))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        before = State(self.root) if self.record else None
        if self.draws:
            seeded(self.draws)
        real = os.listdir, os.scandir
        if self.listing:
            os.listdir, os.scandir = listings(self.listing == "reversed", real)
        yield
        if self.listing:
            os.listdir, os.scandir = real
        if before is not None:
            changed = before.changes(State(self.root))
            if changed:
                with open(self.out, "a") as stream:
                    stream.write(json.dumps({"test": item.nodeid, "changed": changed[:200]}, default=str) + "\n")


def pytest_configure(config):
    """Register the watcher, where an experiment is on."""
    path = os.environ.get("MAESTRO_EXPERIMENT")
    if path:
        with open(path) as stream:
            told = json.load(stream)
        if told.get("clock"):
            set_clock(told["clock"])
        config.pluginmanager.register(Watcher(told), "maestro-experiment")
