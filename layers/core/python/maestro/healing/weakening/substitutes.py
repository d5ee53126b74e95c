"""What may stand for what: single entries of the closed list of :mod:`maestro.healing.weakening.equivalence`.

Each function looks at one pair (names, attributes, keywords, a wrapping, a field) and at what is known of names.
The walk through the trees, which finds the pairs, is not theirs.
"""

import ast
import sys
from collections.abc import Mapping

from maestro.healing import _names
from maestro.healing._catalogued import drops
from maestro.healing._forms import Difference, Knowledge, last_name
from maestro.healing.known_forms.signatures import refused_keywords
from maestro.healing.weakening.scans import SKIPS

_LAZY_VIEWS = frozenset(
    {"map", "filter", "zip", "range", "keys", "values", "items", "iterkeys", "itervalues", "iteritems"}
)
_LISTINGS = frozenset({"listdir", "glob", "iglob", "rglob", "iterdir", "scandir"})
_DROPPABLE = frozenset({"loop", "encoding"})


def renamed_field(old: ast.AST, new: ast.AST, knowledge: Knowledge) -> bool:
    """Whether a test reads a field by the name that the interface's description gives it now."""
    match (old, new):
        case (
            ast.Subscript(slice=ast.Constant(value=str(a)), ctx=ast.Load()),
            ast.Subscript(slice=ast.Constant(value=str(b))),
        ):
            return (a, b) in knowledge.fields
    return False


def unwrapped(old: ast.AST, new: ast.AST, *, tests: bool) -> ast.AST | None:
    """Return what ``new`` wraps where the wrapping changes no meaning that was promised."""
    match new:
        case ast.Call(func=func, args=[inner], keywords=[]) if last_name(func) in (
            "list",
            "sorted",
            "copy",
            "deepcopy",
            "tuple",
        ):
            wrapper = last_name(func)
            if isinstance(old, ast.Call) and last_name(old.func) == wrapper:
                return None
            called = last_name(inner.func) if isinstance(inner, ast.Call) else ""
            if wrapper == "list" and called in _LAZY_VIEWS:
                return inner
            if wrapper == "sorted" and called in _LISTINGS:
                return inner
            if wrapper in ("copy", "deepcopy") and tests and isinstance(old, (ast.Name, ast.Attribute)):
                return inner
    return None


def droppable(keyword: str | None, callee: str, knowledge: Knowledge) -> bool:
    """Whether a call may go without a keyword, which no other one replaces."""
    if keyword in _DROPPABLE and (keyword != "encoding" or callee in ("load", "loads", "dump", "dumps")):
        return True
    return _refused(callee, keyword, knowledge)


def _refused(callee: str, keyword: str | None, knowledge: Knowledge) -> bool:
    """Whether a call failed for a keyword that, as documentation says, nothing takes the place of."""
    if not drops(callee, keyword or ""):
        return False
    return any(keyword == name for message in knowledge.messages for _, name in refused_keywords(message))


def foreign(name: str, origins: Mapping[str, set[str]], locals_: set[str]) -> bool:
    """Whether a reference begins with an imported name, or with one that nothing here binds."""
    root = name.split(".", maxsplit=1)[0]
    return root in origins or (root not in locals_ and root != "self")


def renamed(  # noqa: PLR0911 - one per reason
    old: set[str], new: set[str], knowledge: Knowledge, *, imported: bool
) -> Difference | None:
    """Judge a reference that now means something else; both sides are given with all their possible origins.

    ``imported`` says that an import of the file before binds the name with which the former begins. The difference
    returned has no line; None where the latter may take the former's place.
    """
    if new <= old | {"." + name for name in old}:  # the latter: an implicit relative import made explicit
        return None
    names = knowledge.names
    shown = f"`{min(old)}` became `{min(new - old)}`"
    for name in old:
        last = name.rsplit(".", 1)[-1]
        if last in SKIPS and any(n.rsplit(".", 1)[-1] in SKIPS - {last} for n in new):
            return Difference(f"{shown}: another way not to count", 0)
        top = name.split(".")[0]
        if name.startswith(".") or top in names.modules:
            return Difference(f"{shown}, though the project defines the former", 0)
        if "." not in name and not imported and name in _names.BUILTINS - _names.PYTHON2_BUILTINS:
            return Difference(f"{shown}, though the former is a builtin", 0)
        if {name, last} & knowledge.missing:
            continue
        if name in knowledge.alive:
            return Difference(f"{shown}, though the former still exists", 0)
        if top in sys.stdlib_module_names and not _names.stdlib_gone(name):
            return Difference(f"{shown}, though the former is still in the standard library", 0)
    if any(n.startswith(".") or n.split(".")[0] in names.modules for n in new):
        return Difference(f"{shown}, which is the project's own", 0)
    return None


def renamed_attribute(old: str, new: str, line: int, knowledge: Knowledge) -> Difference | None:
    """Judge an attribute, of something unknown, that is now looked up by another name; None where it may be."""
    shown = f"attribute `{old}` became `{new}`"
    if old in knowledge.names.defined:
        return Difference(f"{shown}, though the project defines the former", line)
    if _names.asserts(old) or _names.asserts(new):
        return Difference(f"{shown}: another assertion", line)
    if old in knowledge.missing or old in _names.GONE_ATTRIBUTES:
        return None
    if old in _names.BUILTIN_ATTRIBUTES:
        return Difference(f"{shown}, though builtin types have the former", line)
    if any(name.endswith("." + old) for name in knowledge.alive):
        return Difference(f"{shown}, though the former still exists", line)
    return None
