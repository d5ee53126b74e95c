"""The warm runner: imports pytest once, then forks for every request.

Standard library only, Python 3.8 and later; runs on the interpreter of the project's environment. It never runs project
code itself. For each request it forks a *keeper*, which forks the test process, watches it and ends everything that the
test process left behind.

    python runner.py CONTROL_FD KEEPER_PY

On the control socket it first answers one JSON line: ``{"ok": true, "pytest": version, "modules": [top-level names that
are loaded]}``, or ``{"ok": false, ...}`` with the words of the import error. Then each received byte carries one
descriptor: the request's own socket. There the keeper reads one JSON line (the request), the test process writes its
events (see capture.py), and the keeper writes ``{"e": "end", "exit"|"signal": n, "reason": ...}`` last. A byte sent by
the other side, or its closing, ends the test process.
"""

import gc
import importlib
import importlib.util
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import time
import types

EVENTS_FD = 200  # out of the way of tests that count or close low descriptors


def load(path, name):
    """Import a file as the module ``name``."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def warm():
    """Import pytest and its own plugins; return the hello message."""
    try:
        import pytest
        from _pytest import config
    except BaseException as problem:
        import traceback

        return {
            "ok": False,
            "exception": type(problem).__name__,
            "message": str(problem),
            "module": getattr(problem, "name", None) or "",
            "text": traceback.format_exc()[-4000:],
        }
    for name in getattr(config, "default_plugins", ()):
        try:
            importlib.import_module("_pytest." + name)
        except ImportError:
            pass  # pytest itself will say so, in the test process
    for name in scout():
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:
                pass  # it is imported again where it is needed, and says there why not
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    return {"ok": True, "pytest": pytest.__version__, "python": "%d.%d.%d" % sys.version_info[:3], "modules": modules}


def scout():
    """Return the names of the modules that any session of pytest imports, found by one empty session in a fork.

    No plugin but pytest's own takes part; the folder is the runner's own, which is empty.
    """
    inner, outer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
                os.environ.pop(name, None)
            sys.argv[:] = ["pytest"]
            import pytest

            with open("test_nothing.py", "w") as stream:
                stream.write("def test_nothing(): pass\n")
            pytest.main(["-p", "no:cacheprovider", "--rootdir=.", "test_nothing.py"])
            names = [n for n in sys.modules if n.partition(".")[0] not in ("test_nothing", "__main__", "conftest")]
            data = json.dumps(names).encode()
            while data:
                data = data[os.write(outer, data) :]
        finally:
            os._exit(0)
    os.close(outer)
    with os.fdopen(inner, "rb") as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return json.loads(text.decode()) if text else []


def receive_descriptor(control):
    """Return the next request's descriptor, or None when the other side has gone."""
    size = struct.calcsize("i")
    data, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(size))
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            return struct.unpack("i", value[:size])[0]
    if not data:
        return None
    raise OSError("a request came without its descriptor")


def read_line(fd):
    """Read one line of JSON."""
    pieces = []
    while True:
        piece = os.read(fd, 1 << 20)
        if not piece:
            raise SystemExit(0)
        pieces.append(piece)
        if piece.endswith(b"\n"):
            return json.loads(b"".join(pieces).decode("utf-8"))


def keep(channel, keeper, capture):
    """Serve one request: fork the test process, watch it, end what it leaves, say how it ended."""
    keeper.become_subreaper()
    request = read_line(channel)
    deadline = None if request.get("seconds") is None else time.monotonic() + request["seconds"]
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = run_tests(request, channel, keeper, capture)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code & 0xFF)
    status, reason = keeper.watch(child, deadline, channel)
    if status is None:
        status = keeper.end_tree(child)
    strays = keeper.end_descendants()
    message = dict(keeper.describe(status), e="end", reason=reason, strays=strays)
    try:
        os.write(channel, (json.dumps(message) + "\n").encode())
    except OSError:
        pass  # whoever asked is gone


def run_tests(request, channel, keeper, capture):
    """Become what ``pytest ARGS`` would be in the project's root, with the capturing plugin added."""
    import fcntl

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    events = fcntl.fcntl(channel, fcntl.F_DUPFD_CLOEXEC, EVENTS_FD)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, events)
    os.closerange(events + 1, events + 64)
    keeper.limit_resources(request["limits"])
    os.umask(0o022)
    os.chdir(request["root"])
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    random.seed()
    # What the interpreter would have made of PYTHONPATH, after the folder of the `pytest` script.
    script = os.path.join(os.path.dirname(sys.executable), "pytest")
    path = [entry for entry in request["environ"].get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [os.path.dirname(script)] + path + [entry for entry in sys.path if entry not in path]
    sys.argv[:] = [script] + request["args"]
    main = types.ModuleType("__main__")
    main.__file__ = script
    sys.modules["__main__"] = main
    importlib.invalidate_caches()
    return capture.run(request, events)


def serve(control, keeper, capture):
    """Fork a keeper for each request until the other side closes."""
    keeper.become_subreaper()
    inner, outer = os.pipe()
    os.set_blocking(inner, False)
    os.set_blocking(outer, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(outer)
    poller = select.poll()
    poller.register(inner, select.POLLIN)
    poller.register(control, select.POLLIN)
    keepers = set()
    gc.collect()
    gc.freeze()  # forks need not copy what the collector would touch
    while True:
        for fd, _ in poller.poll():
            if fd == inner:
                os.read(inner, 4096)
                reap(keepers, keeper)
                continue
            channel = receive_descriptor(control)
            if channel is None:
                keeper.end_descendants()
                return
            pid = os.fork()
            if pid == 0:
                try:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGINT, signal.default_int_handler)
                    os.close(inner)
                    os.close(outer)
                    control.close()
                    keep(channel, keeper, capture)
                finally:
                    os._exit(0)
            os.close(channel)
            keepers.add(pid)


def reap(keepers, keeper):
    """Collect ended children; what a killed keeper left behind has become ours, and is ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            break
        keepers.discard(pid)
    keeper.end_descendants(spare=keepers)


def start():
    """Say hello, then serve."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)  # noqa: FBT003 - takes no keyword
    keeper = load(sys.argv[2], "_maestro_keeper")
    hello = warm()
    if hello["ok"]:
        for name in ("looking", "tracing", "facts"):
            load(os.path.join(here, name + ".py"), "_maestro_" + name)
        capture = load(os.path.join(here, "capture.py"), "_maestro_capture")
    control.sendall((json.dumps(hello) + "\n").encode())
    if hello["ok"]:
        serve(control, keeper, capture)


if __name__ == "__main__":
    start()
