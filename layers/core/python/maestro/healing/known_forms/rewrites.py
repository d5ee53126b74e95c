"""Expressions whose documented successor is more than another name, as patterns that generator and gate share.

``data/call_changes.json`` states pairs such as ``imp.load_source(_1, _2)`` and
``importlib.machinery.SourceFileLoader(_1, _2).load_module()``. In a pattern ``_0`` to ``_8`` stand for any expression
(the same one where a number is repeated), ``*_9`` as the last argument for all further arguments, and any other name
for what it means when it is imported by its full name. A repair may replace what the first pattern matches by what
the second one says, and nothing else: the gate matches both sides anew.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from maestro.healing._forms import dotted

_NUMBERED = re.compile(r"_\d\.")  # an attribute of what a number stands for
Bound = ast.AST | list[ast.AST]
Resolve = Callable[[str], set[str]]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One documented replacement of an expression.

    ``modules`` are those whose names the successor uses. ``error`` is a regular expression: where it is given, the
    old form still exists and only fails for some values, so that it is replaced nowhere but where it failed (unless
    ``everywhere`` says that what raises such an error does so for all).
    ``owners`` are the classes of ``_0`` in a method's pattern; ``unpacked`` says that only uses as a plain tuple of
    four are meant.
    """

    old: ast.expr
    new: ast.expr
    text: str
    successor: str
    modules: tuple[str, ...]
    distribution: str
    removed_in: str
    source: str
    error: str = ""
    owners: tuple[str, ...] = ()
    unpacked: bool = False
    everywhere: bool = False

    @property
    def callee(self) -> str:
        """The full name of what the old form calls, or is; for a method ``_0.name``."""
        node = next((n for n in ast.walk(self.old) if isinstance(n, ast.Call)), None)
        if node is None:
            return str(dotted(self.old))
        inner = node.func
        while isinstance(inner, (ast.Attribute, ast.Call)) and dotted(inner) is None:
            inner = inner.value if isinstance(inner, ast.Attribute) else inner.func  # the call that gave the method
        return str(dotted(inner))

    @property
    def is_method(self) -> bool:
        """Whether the old form is a method of any object."""
        return self.callee.startswith("_0.")


@cache
def rewrites() -> tuple[Rewrite, ...]:
    """Return all patterns, in the order of the file: of two that match, the first one is meant."""
    data = json.loads(files("maestro.healing").joinpath("data", "call_changes.json").read_text("utf-8"))
    return tuple(_read(group, old, new) for group in data["groups"] for old, new in group["changes"].items())


def _read(group: Mapping[str, Any], old: str, new: str) -> Rewrite:
    return Rewrite(
        old=_expression(old),
        new=_expression(new),
        text=old,
        successor=new,
        modules=tuple(group.get("modules", ())),
        distribution=str(group["distribution"]),
        removed_in=str(group.get("removed_in", "")),
        source=str(group["source"]),
        error=str(group.get("error", "")),
        owners=tuple(group.get("owners", ())),
        unpacked=bool(group.get("unpacked", False)),
        everywhere=bool(group.get("everywhere", False)),
    )


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def match(pattern: ast.AST, node: ast.AST, resolve: Resolve) -> dict[str, Bound] | None:
    """Return what the pattern's numbers stand for in ``node``; None where it does not match.

    ``resolve`` gives the full names that a dotted name may stand for in the source of ``node``.
    """
    found: dict[str, Bound] = {}
    return found if _match(pattern, node, resolve, found) else None


def _match(pattern: ast.AST, node: ast.AST, resolve: Resolve, found: dict[str, Bound]) -> bool:
    number = _number(pattern)
    if number:
        known = node if isinstance(node, ast.Starred) else found.setdefault(number, node)
        return not isinstance(known, (ast.Starred, list)) and ast.dump(known) == ast.dump(node)
    name = dotted(pattern)
    if name is not None and not _NUMBERED.match(name):
        written = dotted(node)
        return written is not None and resolve(written) == {name}
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, ast.Call) and isinstance(node, ast.Call):
        return _match(pattern.func, node.func, resolve, found) and _arguments(pattern, node, resolve, found)
    fields = [f for f in pattern._fields if f not in ("ctx", "kind")]
    return all(_same(getattr(pattern, f, None), getattr(node, f, None), resolve, found) for f in fields)


def _same(pattern: object, node: object, resolve: Resolve, found: dict[str, Bound]) -> bool:
    if isinstance(pattern, list) and isinstance(node, list):
        pairs = zip(pattern, node, strict=False)
        return len(pattern) == len(node) and all(_same(a, b, resolve, found) for a, b in pairs)
    if isinstance(pattern, ast.AST) and isinstance(node, ast.AST):
        return _match(pattern, node, resolve, found)
    return type(pattern) is type(node) and pattern == node


def _arguments(pattern: ast.Call, node: ast.Call, resolve: Resolve, found: dict[str, Bound]) -> bool:
    args = list(pattern.args)
    rest = args.pop() if args and isinstance(args[-1], ast.Starred) and _number(args[-1].value) == "_9" else None
    if len(node.args) < len(args) or (rest is None and len(node.args) != len(args)):
        return False
    if not all(_match(a, b, resolve, found) for a, b in zip(args, node.args, strict=False)):
        return False
    given = {k.arg: k for k in node.keywords}
    for keyword in pattern.keywords:
        if keyword.arg not in given or not _match(keyword.value, given.pop(keyword.arg).value, resolve, found):
            return False
    if rest is None:
        return not given
    further: list[ast.AST] = [*node.args[len(args) :], *given.values()]
    known = found.setdefault("_9", further)
    return isinstance(known, list) and [ast.dump(a) for a in known] == [ast.dump(a) for a in further]


def _number(node: ast.AST) -> str:
    if isinstance(node, ast.Name) and len(node.id) == 2 and node.id[0] == "_" and node.id[1].isdigit():  # noqa: PLR2004 - "_" and a digit
        return node.id
    return ""


def replaced(
    old: ast.AST, new: ast.AST, before: Resolve, after: Resolve
) -> Iterator[tuple[Rewrite, list[tuple[Bound, Bound]]]]:
    """Yield each documented replacement that turns ``old`` into ``new``, with the pairs that must still be the same."""
    for rewrite in _possible(old, before):
        first = match(rewrite.old, old, before)
        second = match(rewrite.new, new, after) if first is not None else None
        if first is not None and second is not None and second.keys() <= first.keys():
            yield rewrite, [(first[key], second[key]) for key in second]


@dataclass(frozen=True, slots=True)
class _Index:
    """Where to look for the pattern of an expression: positions in ``rewrites()``."""

    names: dict[str, list[int]]  # by the full name of what it is
    calls: dict[str, list[int]]  # by the full name of what it calls
    methods: dict[str, list[int]]  # by the attribute that it calls
    kinds: dict[type[ast.AST], list[int]]  # all others, by the kind of the expression


@cache
def _index() -> _Index:
    index = _Index({}, {}, {}, {})
    for place, rewrite in enumerate(rewrites()):
        old = rewrite.old
        if _full(old):
            index.names.setdefault(_full(old), []).append(place)
        elif isinstance(old, ast.Call) and _full(old.func):
            index.calls.setdefault(_full(old.func), []).append(place)
        elif isinstance(old, ast.Call) and isinstance(old.func, ast.Attribute):
            index.methods.setdefault(old.func.attr, []).append(place)
        else:
            index.kinds.setdefault(type(old), []).append(place)
    return index


def _full(pattern: ast.AST) -> str:
    """Return the full name that a pattern is, or "" where it is none."""
    name = dotted(pattern)
    return "" if name is None or _number(pattern) or name.startswith("_0.") else name


def _possible(node: ast.AST, resolve: Resolve) -> Iterator[Rewrite]:
    """Yield the rewrites that may match an expression, in their order: a full name is looked up, not tried."""
    index = _index()
    found = list(index.kinds.get(type(node), ()))
    written = dotted(node.func if isinstance(node, ast.Call) else node)
    if written is not None:
        table = index.calls if isinstance(node, ast.Call) else index.names
        for name in resolve(written):
            found += table.get(name, ())
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        found += index.methods.get(node.func.attr, ())
    known = rewrites()
    yield from (known[place] for place in sorted(found))


def method_of(rewrite: Rewrite) -> str:
    """Return the attribute of a method's pattern."""
    return rewrite.callee.removeprefix("_0.")


BRIDGE = """\
def find_spec(self, fullname, path=None, target=None):
    from importlib.util import spec_from_loader
    loader = self.find_module(fullname, path)
    return None if loader is None else spec_from_loader(fullname, loader)
"""


def is_bridge(statement: ast.AST) -> bool:
    """Whether a statement is the method that lets an import hook of before Python 3.4 answer Python 3.12 and later.

    Source: https://docs.python.org/3/whatsnew/3.12.html#importlib (``find_module`` is no longer called).
    """
    return ast.dump(statement) == ast.dump(ast.parse(BRIDGE).body[0])
