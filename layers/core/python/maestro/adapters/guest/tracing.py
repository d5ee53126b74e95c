"""Which functions of a project a test enters; standard library only, Python 3.8 and later."""

import os
import sys
import threading


class Tracer(object):
    """Notes which functions of the project's files are entered, in every thread started meanwhile."""

    def __init__(self, root):
        self.root = os.path.realpath(root) + os.sep
        self.files, self.seen, self.before = {}, {}, None

    def __call__(self, frame, event, _):
        """Take one event of the interpreter (``sys.setprofile``)."""
        if event == "call":
            code = frame.f_code
            if code not in self.seen:
                self.seen[code] = True
                path = os.path.realpath(code.co_filename)
                named = not code.co_name.startswith("<") and not code.co_filename.startswith("<")
                if named and path.startswith(self.root):
                    name = getattr(code, "co_qualname", None) or code.co_name
                    self.files.setdefault(path[len(self.root) :], set()).add(name)

    def start(self):
        """Begin to note."""
        self.before = sys.getprofile()
        threading.setprofile(self)
        sys.setprofile(self)

    def stop(self):
        """End, and return {file: [functions]}."""
        sys.setprofile(self.before)
        threading.setprofile(None)
        return {name: sorted(functions)[:500] for name, functions in sorted(self.files.items())[:500]}
