# ruff: noqa: D102, ARG002 - hooks: pytest documents them, and passes arguments by name
"""The pytest plugin that tells what happens, as it happens, and why it failed.

Standard library only, Python 3.8 and pytest 3 and later. Events are JSON lines on a descriptor; in ids and
messages ``<SRC>`` stands for the project's root, ``<WORK>`` for the workspace around it and ``<ENV>`` for the
environment's folder, so that they are the same in every copy of the tree:

``config``      rootdir, inifile (relative to the root), pytest
``collecting``  id: a file or folder is being collected (its import may hang or end the process)
``collected``   tests: [[id, file, line], ...] after selection
``problem``     id, phase ("session" or "collect"), file, line, message, facts: something did not collect or start
``start``       id: a test begins
``report``      id, when, outcome, xfail (bool), sub (bool: one subtest of it), seconds, message
``facts``       id, facts: of the failing report just before
``warning``     id, text
``covered``     id, files: {file: [functions]}
``finish``      id: a test is over
``rerun``       id: a plugin of the project runs the test again
``session``     exit: pytest's exit code
"""

import json
import os
import random
import sys
import threading

import pytest
from _maestro_facts import FactFinder
from _maestro_looking import one_message, origin, text_of
from _maestro_tracing import Tracer

_encode = json.JSONEncoder(ensure_ascii=True, default=str).encode
_write = os.write
_getpid = os.getpid
SESSION = "<session>"


class Events(object):
    """Writes events to a descriptor, from the test process alone (not from its forks)."""

    def __init__(self, fd, root):
        self.fd, self.pid, self.lock = fd, _getpid(), threading.Lock()
        self.root = root
        # Where things lie differs from copy to copy, and from environment to environment: the rest of a text does not.
        self.places = [(root, "<SRC>"), (os.path.dirname(root), "<WORK>"), (sys.prefix, "<ENV>"), (root[1:], "<SRC>")]

    def clean(self, text):
        """Replace the project's root, its workspace and the environment's folder in ``text``."""
        text = str(text)
        for place, sign in self.places:
            if place in text:
                text = text.replace(place, sign)
        return text

    def send(self, kind, **fields):
        """Write one event; a reader that has gone away ends the process."""
        if _getpid() != self.pid:
            return
        fields["e"] = kind
        data = (_encode(fields) + "\n").encode("utf-8", "replace")
        with self.lock:
            while data:
                data = data[_write(self.fd, data) :]


def hook(**options):
    """``pytest.hookimpl``, where there is one (pytest 2.8 and later)."""
    return pytest.hookimpl(**options)


class Capture(object):
    """One session's plugin."""

    def __init__(self, request, events):
        self.events = events
        self.root = request["root"]
        asked = request.get("asked")
        self.asked = None if asked is None else {name: place for place, name in enumerate(asked)}
        # Files and folders asked for as a whole: all tests in them are wanted.
        self.whole = {name for name in self.asked or () if "::" not in name}
        self.folders = tuple(name + "/" for name in self.whole)
        self.seed = request.get("seed")
        self.trace = request.get("trace", False)
        self.facts = FactFinder(self.root, request["modules"], request["distributions"], events.clean)
        self.failed = {}
        self.problems = 0

    # -- helpers

    def relative(self, path):
        """Return ``path`` relative to the project's root, or as it is."""
        path = str(path or "")
        for base in (self.root, os.path.realpath(self.root)):
            if path == base:
                return "."
            if path.startswith(base + os.sep):
                return path[len(base) + 1 :]
        return path

    def problem(self, name, phase, error, text="", file=""):
        """Tell of something that did not collect or start."""
        self.problems += 1
        error = origin(error)
        message = self.events.clean(one_message(error))
        found, line = {}, 0
        if error is not None:
            found = self.facts.of(error, phase, text)
            frames = [frame for frame in found["frames"] if frame["in_project"]]
            if frames and not file:
                file, line = frames[-1]["file"], frames[-1]["line"]
        self.events.send("problem", id=name, phase=phase, file=file, line=line, message=message, facts=found)

    # -- the session

    @hook(hookwrapper=True)
    def pytest_cmdline_main(self, config):
        option = config.option
        # One process and every result: what is left out would be missing, not passed.
        for name, value in (
            ("numprocesses", None), ("dist", "no"), ("tx", []), ("distload", False), ("forked", False),
            ("maxfail", 0), ("continue_on_collection_errors", True), ("usepdb", False), ("trace", False),
        ):  # fmt: skip
            if hasattr(option, name):
                setattr(option, name, value)
        inifile = getattr(config, "inipath", None) or getattr(config, "inifile", None)
        rootdir = getattr(config, "rootpath", None) or getattr(config, "rootdir", None) or self.root
        self.events.send(
            "config", rootdir=self.relative(rootdir), inifile=self.relative(inifile), pytest=pytest.__version__
        )
        outcome = yield
        self.told(getattr(outcome, "excinfo", None))

    def told(self, excinfo):
        if excinfo and isinstance(excinfo[1], BaseException) and not isinstance(excinfo[1], SystemExit):
            self.problem(SESSION, "session", excinfo[1])

    def pytest_internalerror(self, excrepr, excinfo):
        self.problem(SESSION, "session", excinfo.value, text=str(excrepr))

    def pytest_keyboard_interrupt(self, excinfo):
        self.events.send("interrupt", message=self.events.clean(one_message(excinfo.value)))

    # -- collection

    def pytest_collectstart(self, collector):
        if type(collector).__name__ != "Session":
            self.events.send("collecting", id=self.events.clean(collector.nodeid))

    @hook(hookwrapper=True)
    def pytest_make_collect_report(self, collector):
        outcome = yield
        if outcome.excinfo:
            return
        report = outcome.get_result()
        if report.failed:
            call = getattr(report, "call", None)
            error = call.excinfo.value if call is not None and call.excinfo is not None else None
            name = self.events.clean(report.nodeid)
            path = getattr(collector, "path", None) or getattr(collector, "fspath", None)
            file = self.relative(path)
            self.problem(name or SESSION, "collect", error, text=longtext(report), file="" if file == "." else file)

    @hook(hookwrapper=True)
    def pytest_collection_modifyitems(self, session, config, items):
        yield
        if self.asked is not None:
            keep, drop = [], []
            for item in items:
                (keep if self.wanted(self.events.clean(item.nodeid)) else drop).append(item)
            items[:] = sorted(keep, key=self.place)
            if drop:
                config.hook.pytest_deselected(items=drop)
        if self.seed is not None:
            items[:] = shuffled(items, self.seed)

    def wanted(self, name):
        if name in self.asked:
            return True
        # A whole file, or a class or parametrised function asked for by its name without what follows.
        if name.partition("::")[0] in self.whole or SESSION in self.whole or name.startswith(self.folders):
            return True
        return any(name.startswith((one + "::", one + "[")) for one in self.groups(name))

    def place(self, item):
        """Tests stand in the order of the whole suite, in which a plugin that reorders saw them all, not these few."""
        return self.asked.get(self.events.clean(item.nodeid), len(self.asked))

    def groups(self, name):
        parts = name.partition("[")[0].split("::")
        names = ["::".join(parts[:i]) for i in range(2, len(parts) + 1)]
        return [one for one in names if one in self.asked]

    @hook(trylast=True)
    def pytest_collection_finish(self, session):
        self.events.send("collected", tests=[self.described(item) for item in session.items])

    def described(self, item):
        path = getattr(item, "path", None) or getattr(item, "fspath", None)
        try:
            line = (item.location[1] or 0) + 1
        except Exception:
            line = 0
        return [self.events.clean(item.nodeid), self.relative(path), line]

    # -- the tests

    @hook(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        name = self.events.clean(item.nodeid)
        self.events.send("start", id=name)
        self.facts.compared = None
        tracer = Tracer(self.root) if self.trace else None
        if tracer is not None:
            tracer.start()
        outcome = yield
        if tracer is not None:
            self.events.send("covered", id=name, files=tracer.stop())
        if not getattr(outcome, "excinfo", None):
            self.events.send("finish", id=name)  # otherwise it interrupts the session

    def pytest_assertrepr_compare(self, config, op, left, right):
        self.facts.compared = (op, left, right)

    @hook(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        if outcome.excinfo:
            return
        report = outcome.get_result()
        if report.failed:
            error = call.excinfo.value if call.excinfo is not None else None
            self.failed.setdefault((report.nodeid, report.when), []).append((error, call.excinfo))

    @hook(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        name = self.events.clean(report.nodeid)
        if report.outcome == "rerun":
            self.events.send("rerun", id=name)
            self.failed.clear()
            return
        sub = type(report).__name__.lower() == "subtestreport"
        error, message = None, ""
        if report.failed:
            caught = self.failed.pop((report.nodeid, report.when), [])
            if caught:
                error = caught.pop(0)[0]
            if caught:
                self.failed[(report.nodeid, report.when)] = caught
            message = one_message(error) if error is not None else longtext(report)[-1500:]
        elif report.skipped:
            message = skip_reason(report)
        self.events.send(
            "report",
            id=name,
            when=report.when,
            outcome=report.outcome,
            xfail=hasattr(report, "wasxfail"),
            sub=sub,
            seconds=round(float(getattr(report, "duration", 0.0) or 0.0), 6),
            message=self.events.clean(message)[:4000],
        )
        if report.failed:
            # After the report itself: should looking closer hang or end the process, the outcome is known.
            self.events.send(
                "facts", id=name, facts=self.facts.of(error, report.when, longtext(report) + captured(report))
            )

    @hook(optionalhook=True)
    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        self.warned(warning_message, nodeid)

    def warned(self, warning, nodeid):
        text = "%s: %s" % (warning.category.__name__, text_of(warning.message)[:500])
        self.events.send("warning", id=self.events.clean(nodeid or ""), text=self.events.clean(text))

    def pytest_sessionfinish(self, session, exitstatus):
        self.failed.clear()


class OldWarnings(object):
    """The warnings hook of pytest 3.8 to 5."""

    def __init__(self, capture):
        self.capture = capture

    @hook(optionalhook=True)
    def pytest_warning_captured(self, warning_message, when, item):
        self.capture.warned(warning_message, getattr(item, "nodeid", ""))


def longtext(report):
    """Return pytest's own text of a failing report."""
    try:
        text = getattr(report, "longreprtext", None)
        return text if text is not None else str(report.longrepr or "")
    except Exception as problem:
        return "(no report: %s)" % type(problem).__name__


def captured(report):
    """Return what was logged meanwhile (or, if nothing was, written to stderr), as pytest shows it below a failure."""
    try:
        sections = [(name, text) for name, text in report.sections if text.strip()]
        kept = [s for s in sections if " log " in s[0]] or [s for s in sections if " stderr " in s[0]]
        return "".join("\n--- %s ---\n%s" % (name, text[-4000:]) for name, text in kept)
    except Exception:
        return ""


def skip_reason(report):
    """Return why a test was skipped or expected to fail."""
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    longrepr = report.longrepr
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr or "")[:500]


def shuffled(items, seed):
    """Return the items in another order: files, classes in a file, and tests in a class change places."""
    source = random.Random(seed)  # noqa: S311 - an order, not a secret

    def mix(nodes, depth):
        groups = {}
        for item in nodes:
            parts = item.nodeid.partition("[")[0].split("::")
            # The last level is the test itself, every parameter set on its own.
            key = (0, parts[depth]) if depth < len(parts) - 1 else (1, id(item))
            groups.setdefault(key, []).append(item)
        order = list(groups)
        source.shuffle(order)
        result = []
        for key in order:
            result += mix(groups[key], depth + 1) if key[0] == 0 else groups[key]
        return result

    return mix(list(items), 0)


def run(request, fd):
    """Run pytest with the capturing plugin; return its exit code."""
    from _pytest import config as pytest_config

    events = Events(fd, request["root"])
    capture = Capture(request, events)
    prepare = pytest_config._prepareconfig

    def prepared(*args, **kwargs):
        try:
            return prepare(*args, **kwargs)
        except SystemExit as leaving:
            if leaving.code not in (0, None) and not capture.problems:
                capture.problem(SESSION, "session", leaving)
            raise
        except BaseException as problem:
            capture.problem(SESSION, "session", problem)
            raise

    pytest_config._prepareconfig = prepared
    plugins = [capture]
    version = tuple(int(part) for part in pytest.__version__.split(".")[:1] if part.isdigit())
    if version < (6,):
        plugins.append(OldWarnings(capture))
    try:
        # The outermost frame that a test can see is the script's, as of the `pytest` program.
        scope = {"main": pytest.main, "args": request["args"], "plugins": plugins}
        script = compile("code = main(args, plugins=plugins)", sys.argv[0], "exec")
        exec(script, sys.modules["__main__"].__dict__, scope)  # noqa: S102 - the line above
        code = int(scope["code"])
    except BaseException as problem:
        if not capture.problems:
            capture.problem(SESSION, "session", problem)
        import traceback

        traceback.print_exc()
        code = 3
    pytest_config._prepareconfig = prepare
    sys.stdout.flush()
    sys.stderr.flush()
    events.send("session", exit=code)
    return code
