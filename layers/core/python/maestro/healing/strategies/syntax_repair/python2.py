"""Sources written for Python 2 -> Python 3, with fissix (the maintained lib2to3)."""

import ast
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from fissix import refactor
from fissix.pgen2.parse import ParseError
from fissix.pgen2.tokenize import TokenError

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.strategies.data import table
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

# Fixers that are matters of taste, or that wrap what already works: left out.
_LEFT_OUT = {"idioms", "set_literal", "ws_comma", "buffer", "asserts", "zip", "map", "filter", "future"}
# Constructs that only Python 2 has; they mark a source as written for it.
_PYTHON2 = re.compile(
    r"""(?mx)
    ^[ \t]*print[ \t]+[^\s(=.] | ^[ \t]*exec[ \t]+[^\s(=] | ^[ \t]*except[ \t]+[\w., ()]+,[ \t]*\w+[ \t]*: |
    ^[ \t]*raise[ \t]+\w[\w.]*[ \t]*, | \bur['"] | <> | \b0[0-7]{2,}\b | \.(?:iteritems|itervalues|iterkeys|has_key)\( |
    ^[ \t]*(?:import|from)[ \t]+(?:StringIO|cStringIO|urllib2|urlparse|ConfigParser|Queue|HTMLParser|__builtin__|
        cPickle|httplib|Cookie|cookielib|SocketServer|BaseHTTPServer|htmlentitydefs|xmlrpclib)\b |
    \b(?:basestring|unichr|xrange|raw_input)\b | \bunicode\("""
)
_NAMES = frozenset(
    [
        "unicode",
        "basestring",
        "long",
        "unichr",
        "xrange",
        "raw_input",
        "reduce",
        "file",
        "cmp",
        "execfile",
        "reload",
        "buffer",
        "intern",
        "apply",
        "coerce",
    ]
)
# A class whose iterator has next() alone.
_NOT_AN_ITERATOR = re.compile(r"iter\(\) returned non-iterator of type|TypeError: '\w+' object is not an iterator")
_DIVIDES = re.compile(r"(?m)^from __future__ import .*\bdivision\b")
_SHOWN = 5  # places that a summary names
_MAX_FILES = 120
_MAX_CHARACTERS = 3_000_000


class Python2:
    """Translates Python 2 to Python 3: the file, then all that does not parse, then the whole tree."""

    name = "python2_to_3"
    strategy = Strategy.SYNTAX_REPAIR

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield translations from the smallest to the widest; each one parses."""
        evidence = Evidence(failure, project)
        start = self._start(evidence)
        if start is None:
            return
        tree = evidence.tree
        broken = [s.path for s in tree.sources() if parse(s.text, evidence.python) is None]
        dated = [s.path for s in tree.sources() if s.path in broken or _PYTHON2.search(s.text)]
        if start and not (start in dated or start in broken):
            dated.append(start)
        seen: list[dict[str, str]] = []
        wholes = (
            ([p for p in dated if p in broken or p == start], 0.75, "all files that do not parse"),
            (dated, 0.85 if len(dated) > 1 else 0.8, "every file that uses Python 2"),
            ([start] if start else [], 0.7, start),
        )
        for paths, prior, words in wholes:
            edits = translated(evidence, paths)
            if edits and edits not in seen and not (start and start in broken and start not in edits):
                seen.append(edits)
                divided = ", ".join(divisions(evidence, edits)[:_SHOWN])
                note = (
                    f"; `/` keeps the rest of whole numbers now, which Python 2 dropped: {divided}" if divided else ""
                )
                said = (
                    f"translate from Python 2 to Python 3: {words} ({len(edits)} file{'s' if len(edits) > 1 else ''})"
                )
                yield Proposal(edits, f"{said}{note}", prior)

    def _start(self, evidence: Evidence) -> str | None:
        """The file that the failure is about ("" where it is not known which); None where it is not about Python 2."""
        place = evidence.syntax_location
        if place is not None:
            text = evidence.tree.text(place[0]) or ""
            return place[0] if _PYTHON2.search(text) else None
        old = set(table("python2_modules")["modules"])
        if any(m.partition(".")[0] in old and not evidence.tree.owns(m) for m in evidence.missing_modules):
            return next(iter(evidence.project_files), "")
        undefined = re.findall(r"name ['\"](\w+)['\"] is not defined", evidence.text)
        if evidence.is_exception("NameError") and set(undefined) & _NAMES:
            return next(iter(evidence.project_files), "")
        if _NOT_AN_ITERATOR.search(evidence.text) and evidence.project_files:
            return evidence.project_files[0]
        own = {
            m.name
            for m in evidence.missing_names
            if m.owner in ("dict", "OrderedDict", "collections.OrderedDict", "builtins.dict")
        }
        if own & {"iteritems", "iterkeys", "itervalues", "has_key"}:
            return next(iter(evidence.project_files), "")
        return None


def divisions(evidence: Evidence, edits: Mapping[str, str]) -> list[str]:
    """Return "file:line" of the divisions in translated product code that may be of whole numbers.

    They are not: with a number that is written with a point, by ``float``, or under ``division`` of ``__future__``.
    """
    found: list[str] = []
    for path, text in edits.items():
        module = parse(text, evidence.python)
        old = evidence.tree.text(path) or ""
        if module is None or evidence.tree.role(path) is not Role.PRODUCT or _DIVIDES.search(old):
            continue
        for node in ast.walk(module):
            match node:
                case ast.BinOp(op=ast.Div(), left=left, right=right):
                    parts: tuple[ast.expr, ...] = (left, right)
                case ast.AugAssign(op=ast.Div(), target=left, value=right):
                    parts = (left, right)
                case _:
                    continue
            if not any(map(_fractional, parts)):
                found.append(f"{path}:{node.lineno}")
    return found


def _fractional(node: ast.expr) -> bool:
    """Whether a part of a division is no whole number: it is written so, or made so; or it is a string, a path."""
    match node:
        case ast.Constant(value=value):
            return not isinstance(value, int)
        case ast.Call(func=ast.Name(id=name)):
            return name in ("float", "Decimal", "Fraction", "Path", "sqrt")
        case ast.BinOp(left=left, op=op, right=right):
            return not isinstance(op, ast.FloorDiv) and (_fractional(left) or _fractional(right))
        case ast.UnaryOp(operand=operand):
            return _fractional(operand)
    return False


class ImplicitRelative:
    """Makes imports of a sibling module, which Python 2 found beside the importing file, relative."""

    name = "implicit_relative_import"
    strategy = Strategy.SYNTAX_REPAIR

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of every file of a package that imports the missing module from beside itself."""
        evidence = Evidence(failure, project)
        for module in evidence.missing_modules[:1]:
            top = module.partition(".")[0]
            edits: dict[str, str] = {}
            for source in evidence.tree.sources(top):
                folder = source.path.rpartition("/")[0]
                beside = {f"{folder}/{top}.py", f"{folder}/{top}/__init__.py"} & set(evidence.tree.files)
                if folder and beside and f"{folder}/__init__.py" in evidence.tree.files:
                    text = _refactored(source.text, str(project.root / source.path), _import_tool())
                    if text is not None and text != source.text and parse(text, evidence.python) is not None:
                        edits[source.path] = text
            if edits:
                words = f"{module} lies beside the files that import it; Python 3 needs a relative import"
                yield Proposal(edits, words, 0.85)


def translated(evidence: Evidence, paths: Sequence[str]) -> dict[str, str]:
    """Translate files; those that do not come out as the project's Python are left out."""
    edits: dict[str, str] = {}
    total = 0
    for path in paths[:_MAX_FILES]:
        text = evidence.tree.text(path)
        if text is None:
            continue
        total += len(text)
        if total > _MAX_CHARACTERS:
            break
        new = to_python3(text, str(evidence.tree.root / path))
        if new is not None and new != text and parse(new, evidence.python) is not None:
            edits[path] = new
    return edits


def to_python3(text: str, path: str = "<source>") -> str | None:
    """Return a Python 2 source as Python 3 with line ends kept; None where it cannot be read as either.

    ``path`` tells which modules lie beside it: imports of those become relative.
    """
    for print_function in ("from __future__ import print_function" in text, True):
        out = _refactored(text, path, _tool(print_function))
        if out is not None:
            return out
    return None


def _refactored(text: str, path: str, tool: Any) -> str | None:
    body = text.replace("\r\n", "\n")
    if not body.endswith("\n"):
        body += "\n"
    try:
        tree = tool.refactor_string(body, path)
    except (ParseError, TokenError, RecursionError, AttributeError, IndentationError, UnicodeError):
        return None
    if tree is None:
        return None
    out = str(tree)
    if parse(out) is None:
        return None
    if not text.endswith("\n"):
        out = out.removesuffix("\n")
    return out.replace("\n", "\r\n") if "\r\n" in text else out


class _Tool(refactor.RefactoringTool):  # type: ignore[misc]  # fissix has no type information
    """Refactors strings, raising what its parser raises instead of logging it."""

    def log_error(self, msg: str, *args: Any, **kwds: Any) -> None:
        del msg, args, kwds
        raise  # noqa: PLE0704 - the base class calls this inside its except clause and expects a re-raise

    def log_message(self, msg: str, *args: Any) -> None:
        logging.getLogger(__name__).debug(msg, *args)

    log_debug = log_message


@cache
def _tool(print_function: bool) -> Any:  # noqa: FBT001 - a cache key
    names = [n for n in refactor.get_fixers_from_package("fissix.fixes") if n.rpartition("fix_")[2] not in _LEFT_OUT]
    if print_function:
        names = [n for n in names if not n.endswith("fix_print")]
    return _Tool(sorted(names), {"print_function": print_function})


@cache
def _import_tool() -> Any:
    return _Tool(["fissix.fixes.fix_import"], {"print_function": True})
