"""Facts of a failure, taken where it happened.

Standard library only, Python 3.8 and later. Everything looked at belongs to code nobody vetted: representations and
attributes are taken under guard, texts and lists are bounded, and no property of a project's object is called where the
static lookup suffices. The result is the JSON form of ``maestro.model.Facts``.
"""

import ast
import importlib
import inspect
import linecache
import os
import re
import sys
import sysconfig
import types

from _maestro_looking import (
    NAMES,
    REPR,
    class_named,
    evaluate,
    public_names,
    qualified,
    repr_of,
    segment,
    statements,
    text_of,
)

TEXT, FRAMES, CAUSES, _DEPTH = 12000, 60, 10, 20000
_TOOL = ("_pytest", "pluggy", "_maestro_capture", "_maestro_facts", "_maestro_keeper", "pytest")


class FactFinder(object):
    """Finds the facts of failures of one project."""

    def __init__(self, root, modules, distributions, clean):
        self.root, self.real = root, os.path.realpath(root)
        self.modules, self.distributions, self.clean = modules, distributions, clean
        paths = sysconfig.get_paths()
        self.sites = sorted({os.path.realpath(paths[k]) for k in ("purelib", "platlib")})
        self.stdlib = os.path.realpath(paths["stdlib"])
        self.compared = None

    # -- places

    def place(self, filename):
        """Return (file, in_project, distribution) of a code file's name."""
        if filename.startswith("<"):
            return filename, False, ""
        path = os.path.realpath(filename)
        for site in self.sites:
            if path.startswith(site + os.sep):
                inner = path[len(site) + 1 :]
                top = inner.split(os.sep)[0]
                return inner, False, self.modules.get(os.path.splitext(top)[0], "")
        if path.startswith(self.real + os.sep):
            return path[len(self.real) + 1 :], True, ""
        if path.startswith(self.stdlib + os.sep):
            return path[len(self.stdlib) + 1 :], False, ""
        return filename, False, ""

    def distribution_of(self, owner):
        """Return the distribution that an object's module belongs to."""
        name = getattr(owner, "__name__", "") if isinstance(owner, types.ModuleType) else ""
        name = name or getattr(owner, "__module__", "") or getattr(type(owner), "__module__", "")
        return self.modules.get(name.partition(".")[0], "") if isinstance(name, str) else ""

    def frames(self, error):
        """Return [(frame, line)] from the outermost to the innermost, the test tool's own outer frames left out."""
        found, tb = [], error.__traceback__
        while tb is not None and len(found) < _DEPTH:
            found.append((tb.tb_frame, tb.tb_lineno))
            tb = tb.tb_next
        start = 0
        for index, (frame, _) in enumerate(found):
            if self.place(frame.f_code.co_filename)[1]:
                start = index
                break
        else:
            kept = [p for p in found if str(p[0].f_globals.get("__name__", "")).partition(".")[0] not in _TOOL]
            return kept[-FRAMES:] or found[-3:]
        found = found[start:]
        return found if len(found) <= FRAMES else found[: FRAMES // 4] + found[-(FRAMES - FRAMES // 4) :]

    def described(self, frame, line):
        """Return the JSON form of one frame."""
        file, inside, distribution = self.place(frame.f_code.co_filename)
        code = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
        name = getattr(frame.f_code, "co_qualname", None) or frame.f_code.co_name
        return {"file": self.clean(file), "line": line or 0, "function": name, "in_project": inside,
                "code": self.clean(code)[:300], "distribution": distribution}  # fmt: skip

    # -- the facts

    def of(self, error, phase, text):
        """Return the JSON form of ``Facts`` for an exception (or None, when there is only a text)."""
        text = self.clean(text)
        if len(text) > TEXT:
            text = text[: TEXT // 3] + "\n[...]\n" + text[-(TEXT - TEXT // 3) :]
        facts = {"phase": phase, "exception": "", "message": "", "text": text, "frames": [], "attributes": {},
                 "assertion": {}, "causes": [], "versions": {}, "bases": []}  # fmt: skip
        if error is None:
            facts["message"] = text[-2000:]
            return facts
        facts["exception"] = qualified(type(error))
        facts["message"] = self.clean(text_of(error))[:REPR]
        facts["bases"] = [qualified(kind) for kind in type(error).__mro__[1:] if kind is not object][:20]
        unread = {}

        def guarded(key, find, default):
            # The project's objects may do anything when looked at; the failure is still reported.
            try:
                return find()
            except BaseException as problem:
                unread["unread_" + key] = type(problem).__name__
                return default

        frames = guarded("traceback", lambda: self.frames(error), [])
        facts["frames"] = guarded("frames", lambda: [self.described(frame, line) for frame, line in frames], [])
        facts["attributes"] = dict(guarded("attributes", lambda: self.attributes(error, frames, text), {}), **unread)
        facts["assertion"] = guarded("assertion", lambda: self.assertion(error, frames), {})
        facts["causes"] = guarded("causes", lambda: self.causes(error), [])
        facts["versions"] = self.versions(facts)
        self.compared = None
        return facts

    def causes(self, error):
        """Return the chained exceptions, nearest first."""
        found, seen = [], {id(error)}
        while len(found) < CAUSES:
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
            if error is None or id(error) in seen:
                break
            seen.add(id(error))
            found.append({"exception": qualified(type(error)), "message": self.clean(text_of(error))[:2000]})
        return found

    def versions(self, facts):
        """Return the versions of the distributions that the facts name."""
        names = {frame["distribution"] for frame in facts["frames"]}
        for key, value in facts["attributes"].items():
            if key.endswith("distribution"):
                names.add(value)
        module = facts["attributes"].get("module")
        if isinstance(module, str):
            names.add(self.modules.get(module.partition(".")[0], ""))
        return {name: self.distributions[name] for name in sorted(names) if name in self.distributions}

    def attributes(self, error, frames, text):
        """Return what the kind of exception has to tell."""
        if type(error).__name__ == "FixtureLookupError":
            listed = re.search(r"available fixtures: (.*)", text)
            names = listed.group(1).split(", ") if listed else []
            missing = getattr(error, "argname", None) or ""
            return {"fixture": str(missing), "available": [n.strip() for n in names][:NAMES]}
        if type(error).__name__ == "PluginValidationError":
            message = self.clean(text_of(error))
            said = re.match(r"Plugin '(?P<plugin>[^']+)' for hook '(?P<hook>\w+)'", message)
            said = said or re.match(r"unknown hook '(?P<hook>\w+)' in plugin (?P<plugin>.*)", message)
            bad = re.search(r"Argument\(s\) [{\[](?P<argument>[^}\]]*)", message)
            words = re.findall(r"\w+", bad.group("argument")) if bad else []
            return dict(said.groupdict(), **({"argument": ", ".join(sorted(words))} if words else {})) if said else {}
        if re.search(r"^DID NOT RAISE|\bnot raised\b", text_of(error)) and getattr(os, "geteuid", lambda: 1)() == 0:
            return {"superuser": True}  # whom no right is refused
        for kind, find in (
            (AttributeError, self._attribute_error), (ModuleNotFoundError, self._module_not_found),
            (ImportError, self._import_error), (KeyError, self._key_error), (TypeError, self._type_error),
            (SyntaxError, self._syntax_error), (NameError, self._name_error), (UnicodeError, self._unicode_error),
            (OSError, self._os_error), (SystemExit, self._system_exit),
        ):  # fmt: skip
            if isinstance(error, kind):
                return find(error, frames)
        return {}

    def _attribute_error(self, error, frames):
        name, known, owner = self._missing_attribute(error, frames)
        if name is None:
            return {}
        found = {"name": str(name)}
        kind = "module" if isinstance(owner, types.ModuleType) else "class" if isinstance(owner, type) else "instance"
        if not known:
            said = re.match(r"(type object )?'([^']+)'", text_of(error))
            if not said:
                return found
            kind = "class" if said.group(1) else "instance"
            owner = class_named(said.group(2), frames)
            if owner is None:
                return dict(found, owner=said.group(2), owner_kind=kind)
        bearer = owner if isinstance(owner, (types.ModuleType, type)) else type(owner)
        found.update(owner=bearer.__name__ if kind == "module" else qualified(bearer), owner_kind=kind)
        found.update(available=public_names(owner, str(name)), owner_distribution=self.distribution_of(bearer))
        bases = () if kind == "module" else bearer.__mro__[1:]
        found["owner_bases"] = [qualified(base) for base in bases if base is not object][:20]
        return found

    def _missing_attribute(self, error, frames):
        """Return (name, whether the owner is known, owner): from the exception, its words, or the failing line."""
        if getattr(error, "name", None) is not None and hasattr(error, "obj"):
            return error.name, True, error.obj
        message = text_of(error)
        said = re.search(r"has no attribute '([^']+)'", message)
        if not said:
            return None, False, None
        name = said.group(1)
        module = re.match(r"(?:partially initialized )?module '([^']+)'", message)
        if module and module.group(1) in sys.modules:
            return name, True, sys.modules[module.group(1)]
        for frame, line in reversed(frames[-2:]):
            for node in statements(frame, line, ast.Attribute):
                known, owner = evaluate(node.value, frame)
                if node.attr == name and known:
                    return name, True, owner
        return name, False, None

    def _module_not_found(self, error, _):
        said = re.match(r"No module named '?([\w.]+)'?", text_of(error))
        return {"module": str(error.name or (said.group(1) if said else ""))}

    def _import_error(self, error, _):
        message = text_of(error)
        said = re.match(r"cannot import name '?(\w+)'?(?: from (?:partially initialized module )?'([^']+)')?", message)
        module = error.name or (said.group(2) if said and said.group(2) else "")
        name = getattr(error, "name_from", None) or (said.group(1) if said else "")
        loaded = sys.modules.get(module or "")
        if loaded is None and module and name:
            try:
                loaded = importlib.import_module(module)
            except BaseException:
                loaded = None
        found = {"module": str(module or ""), "name": str(name or ""), "file": self.clean(error.path or "")}
        if loaded is not None:
            found.update(available=public_names(loaded, str(name)), module_distribution=self.distribution_of(loaded))
        return found

    def _key_error(self, error, frames):
        key = error.args[0] if error.args else None
        found = {"key": key if isinstance(key, (str, int)) else repr_of(key, 500)}
        for frame, line in reversed(frames[-4:]):
            for node in statements(frame, line, ast.Subscript):
                known, owner = evaluate(node.value, frame)
                if known and isinstance(owner, dict) and not dict.__contains__(owner, key):
                    names = list(dict.keys(owner))[:NAMES]
                    found["available"] = [n if isinstance(n, (str, int)) else repr_of(n, 200) for n in names]
                    found["owner"] = segment(frame, node.value)
                    return found
        return found

    def _type_error(self, error, frames):
        said = re.match(r"(?:([\w.<>]+)\(\)|Can't instantiate abstract class (\w+))", text_of(error))
        if not said or not frames:
            return {}
        full = said.group(1) or said.group(2)
        parts = full.replace("<locals>.", "").split(".")
        last = parts[-1]
        names = {last} | ({parts[-2]} if last in ("__init__", "__new__") and len(parts) > 1 else set())
        for frame, line in reversed(frames[-3:]):
            for node in statements(frame, line, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                known, callee = evaluate(node.func, frame)
                if not known or not callable(callee):
                    continue
                real = getattr(callee, "__name__", "")
                if called in names or real in names or (last in ("__init__", "__new__") and isinstance(callee, type)):
                    found = {"callee": qualified(callee), "callee_source": segment(frame, node.func)}
                    found["callee_distribution"] = self.distribution_of(callee)
                    overridden = self._overridden(callee)
                    if overridden:
                        found["overridden"] = overridden
                    try:
                        found["signature"] = str(inspect.signature(callee))[:2000]
                    except (TypeError, ValueError):
                        found["signature"] = ""
                    return found
        return {"callee": full}

    def _overridden(self, callee):
        """Return the method from outside of the project that a bound method of the project overrides, or None."""
        holder, name = getattr(callee, "__self__", None), getattr(callee, "__name__", "")
        if holder is None or isinstance(holder, types.ModuleType):
            return None
        kind = holder if isinstance(holder, type) else type(holder)
        methods = [(k, k.__dict__[name]) for k in kind.__mro__ if isinstance(name, str) and name in k.__dict__]
        inside = [hasattr(m, "__code__") and self.place(m.__code__.co_filename)[1] for _, m in methods]
        if not inside or not inside[0] or False not in inside:
            return None
        owner, method = methods[inside.index(False)]
        try:
            signature = str(inspect.signature(method))[:2000]
        except (TypeError, ValueError):
            return None
        return {"owner": qualified(owner), "distribution": self.distribution_of(owner), "signature": signature}

    def _syntax_error(self, error, _):
        file = self.place(error.filename)[0] if isinstance(error.filename, str) else ""
        return {"file": self.clean(file), "line": error.lineno or 0, "column": error.offset or 0,
                "text": text_of(error.text or "").rstrip("\n")[:500], "reason": text_of(error.msg)[:500]}  # fmt: skip

    def _name_error(self, error, frames):
        said = re.search(r"name '([^']+)'", text_of(error))
        name = getattr(error, "name", None) or (said.group(1) if said else "")
        scope = sorted(n for n in frames[-1][0].f_globals if not n.startswith("_"))[:NAMES] if frames else []
        return {"name": str(name), "available": scope}

    def _unicode_error(self, error, _):
        return {"encoding": str(getattr(error, "encoding", "")), "reason": str(getattr(error, "reason", ""))}

    def _os_error(self, error, _):
        name = error.filename
        return {"errno": error.errno, "filename": self.clean(text_of(name)) if name is not None else ""}

    def _system_exit(self, error, _):
        return {"code": error.code if isinstance(error.code, int) else repr_of(error.code, 500)}

    # -- assertions

    def assertion(self, error, frames):
        """Return op, left, right, their types and sources, of a failed assertion."""
        if not isinstance(error, AssertionError) or not frames:
            return {}
        for index in range(len(frames) - 1, -1, -1):
            frame, line = frames[index]
            if str(frame.f_globals.get("__name__", "")).startswith("unittest."):
                continue
            if index + 1 < len(frames) and frames[index + 1][0].f_globals.get("__name__") == "unittest.case":
                return self._unittest(frame, line, frames[index + 1][0])
            nodes = statements(frame, line, ast.Assert)
            if nodes:
                return self._statement(frame, nodes[-1], error)
            return {}
        return {}

    def _operand(self, found, side, value):
        found[side] = self.clean(repr_of(value))
        found[side + "_type"] = qualified(type(value))

    def _unittest(self, frame, line, inner):
        method = inner.f_code.co_name
        found = {"op": method, "line": line, "file": self.place(frame.f_code.co_filename)[0]}
        scope = inner.f_locals
        for side, names in (
            ("left", ("first", "member", "expr1", "obj", "expr", "text", "d1", "list1", "seq1", "set1", "tuple1")),
            ("right", ("second", "container", "expr2", "cls", "expected_regex", "unexpected_regex", "d2", "list2",
                       "seq2", "set2", "tuple2", "expected_exception")),
        ):  # fmt: skip
            for name in names:
                if name in scope:
                    self._operand(found, side, scope[name])
                    break
        calls = [n for n in statements(frame, line, ast.Call) if getattr(n.func, "attr", "") == method]
        if calls:
            found["expression"] = segment(frame, calls[-1])
            for side, node in zip(("left", "right"), calls[-1].args):  # noqa: B905 - strict is newer than 3.8; assertX takes more than two
                found[side + "_source"] = segment(frame, node)
        return found

    def _statement(self, frame, node, error):
        test, compared = node.test, self.compared
        found = {"line": node.lineno, "file": self.place(frame.f_code.co_filename)[0],
                 "expression": segment(frame, test)}  # fmt: skip
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            found.update(op=_OPS.get(type(test.ops[0]).__name__, ""), left_source=segment(frame, test.left),
                         right_source=segment(frame, test.comparators[0]))  # fmt: skip
            for side, inner in (("left", test.left), ("right", test.comparators[0])):
                known, value = evaluate(inner, frame)
                if known:
                    self._operand(found, side, value)
        if compared is not None and found.get("op", compared[0]) == compared[0]:
            found["op"] = compared[0]
            self._operand(found, "left", compared[1])
            self._operand(found, "right", compared[2])
        if "op" not in found:
            inner, found["op"] = (test.operand, "not") if isinstance(test, ast.UnaryOp) else (test, "truth")
            found["left_source"] = segment(frame, inner)
            known, value = evaluate(inner, frame)
            said = re.match(r"assert (?:not )?(.*)", text_of(error))
            if known:
                self._operand(found, "left", value)
            elif said:
                found["left"] = self.clean(said.group(1))[:REPR]
        return found


_OPS = {"Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not",
        "In": "in", "NotIn": "not in"}  # fmt: skip
