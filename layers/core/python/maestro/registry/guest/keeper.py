"""Keep a tree of processes in bounds: start it, watch it, and leave none of it behind.

Standard library only, Python 3.8 and later: ``sandbox.run`` starts this file as a program, and the test runner loads it
as a module inside the project's own interpreter. The keeper becomes the *subreaper* of what it starts (prctl(2)), so
that a daemon which forked twice to get away becomes the keeper's child instead of init's, and can be found and ended.
Elsewhere than on Linux only the process group of the child is ended.
"""

import ctypes
import json
import os
import select
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_clock = time.monotonic


def become_subreaper():
    """Make orphaned descendants children of this process; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    return ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def processes():
    """Map every process id to its parent's, from /proc; empty where there is none."""
    table = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return table
    for name in names:
        if name.isdigit():
            try:
                with open("/proc/" + name + "/stat", "rb") as stream:
                    # The command in parentheses may itself hold spaces and parentheses.
                    table[int(name)] = int(stream.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue  # it ended meanwhile
    return table


def descendants(root, spare=()):
    """Return the ids of all processes below ``root``, without those in ``spare`` and what is below them."""
    children = {}
    for pid, parent in processes().items():
        children.setdefault(parent, []).append(pid)
    found, todo = [], [root]
    while todo:
        below = [pid for pid in children.get(todo.pop(), ()) if pid not in spare]
        found += below
        todo += below
    return found


def end_descendants(patience=5.0, spare=()):
    """Kill and reap everything below this process; return how many had to be killed.

    ``spare`` are direct children that stay. Gives up after ``patience`` seconds (a process in the kernel's hands).
    """
    until, killed = _clock() + patience, set()
    while True:
        below = descendants(os.getpid(), spare)
        alive = False
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except OSError:
                pass
        for pid in below:
            try:
                alive = os.waitpid(pid, os.WNOHANG)[0] == 0 or alive
            except OSError:
                alive = True  # not our child yet: it will be when its parent is gone
        if not below or _clock() > until:
            return len(killed)
        if alive:
            time.sleep(0.002)


def limit_resources(limits):
    """Set resource limits for this process and its children: {"AS": bytes, "FSIZE": bytes, "CORE": 0, ...}."""
    import resource  # not on every platform

    for name, value in limits.items():
        kind = getattr(resource, "RLIMIT_" + name, None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)  # noqa: PLW2901 - clamped
            resource.setrlimit(kind, (value, value))


def watch(child, deadline, channel):
    """Wait for ``child`` to end; reap orphans meanwhile.

    ``deadline`` is a ``time.monotonic()`` value or None; ``channel`` a socket or pipe to whoever asked. Returns
    (wait status or None, reason); reason is "exited", "deadline", or "told" (a byte came, or the other side went).
    """
    inner, outer = os.pipe()
    os.set_blocking(inner, False)
    os.set_blocking(outer, False)
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(outer)
    poller = select.poll()
    poller.register(inner, select.POLLIN)
    poller.register(channel, select.POLLIN)
    try:
        while True:
            status = _reap(child)
            if status is not None:
                return status, "exited"
            left = None if deadline is None else deadline - _clock()
            if left is not None and left <= 0:
                return None, "deadline"
            for fd, _ in poller.poll(None if left is None else min(left, 3600.0) * 1000 + 1):
                if fd == inner:
                    os.read(inner, 4096)
                else:
                    return None, "told"
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, before)
        os.close(inner)
        os.close(outer)


def _reap(child):
    status = None
    while True:
        try:
            pid, got = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            # Everything is reaped; without a status of its own, the child was reaped by someone else.
            return status
        if pid == 0:
            return status
        if pid == child:
            status = got


def end_tree(child):
    """Kill the child's process group, and whatever else is left below this process; return the child's wait status."""
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        pass
    try:
        status = os.waitpid(child, 0)[1]
    except OSError:
        status = None
    end_descendants()
    return status


def describe(status):
    """Turn a wait status into {"exit": code} or {"signal": number}."""
    if status is None:
        return {}
    return {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit": os.WEXITSTATUS(status)}


def main():
    """Run the program described on descriptor 3 (JSON), report its end there (JSON), leave nothing behind."""
    channel = 3
    os.set_inheritable(channel, False)  # noqa: FBT003 - takes no keyword
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(channel, 65536)
        if not piece:
            return
        text += piece
    order = json.loads(text.decode())
    become_subreaper()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            limit_resources(order["limits"])
            os.chdir(order["cwd"])
            os.closerange(4, 256)
            os.execvpe(order["argv"][0], order["argv"], order["environ"])  # noqa: S606 - no shell is the point
        except OSError as problem:
            os.write(2, ("cannot run %s: %s\n" % (order["argv"][0], problem)).encode("utf-8", "replace"))
        finally:
            os._exit(127)
    status, reason = watch(child, _clock() + order["seconds"], channel)
    if status is None:
        status = end_tree(child)
    strays = end_descendants()
    try:
        os.write(channel, (json.dumps(dict(describe(status), reason=reason, strays=strays)) + "\n").encode())
    except OSError:
        pass  # whoever asked is gone


if __name__ == "__main__":
    main()
