"""A test that looks for a warning among what is written, given the warnings of a plain process, told by its exact form.

    def test_warning(runner, monkeypatch):
        monkeypatch.setattr(warnings, "showwarning", lambda *told: sys.stderr.write(warnings.formatwarning(*told[:4])))
        ...

Since pytest 3.1 warnings are kept for its summary, so that nothing is written. The statement writes them as Python
itself does (https://docs.python.org/3/library/warnings.html#warnings.showwarning), in a test that asks for what is
written and knows of warnings in no other way. Warnings that a plain process does not show are not meant.
"""

import ast
import re

from maestro.healing.known_forms import first_statement
from maestro.model import Facts

STATEMENT = (
    'monkeypatch.setattr(warnings, "showwarning", lambda *told: sys.stderr.write(warnings.formatwarning(*told[:4])))'
)
MODULES = ("sys", "warnings")
_KEEPS = re.compile(r"\b(recwarn|catch_warnings|WarningsRecorder)\b")
# https://docs.python.org/3/library/warnings.html#default-warning-filter
_HIDDEN = frozenset({"DeprecationWarning", "PendingDeprecationWarning", "ImportWarning", "ResourceWarning"})
_LEAST = 8  # characters that are expected; fewer may be said by chance


def knows_warnings(function: ast.FunctionDef) -> bool:
    """Whether a test has to do with warnings by name, in whatever way."""
    names = [n.id for n in ast.walk(function) if isinstance(n, ast.Name)]
    names += [n.attr for n in ast.walk(function) if isinstance(n, ast.Attribute)]
    names += [n.arg for n in ast.walk(function) if isinstance(n, ast.arg)]
    return any("warn" in name.lower() for name in (*names, *map(ast.unparse, function.decorator_list)))


def keeps_warnings(text: str) -> bool:
    """Whether a file of tests or fixtures keeps warnings to look at, which would not come there any more."""
    return bool(_KEEPS.search(text))


def undone(module: ast.Module) -> ast.Module:
    """Return a module, changed in place, with the statement and the parameter that it takes left out of its tests."""
    plain = {a.name for n in module.body if isinstance(n, ast.Import) for a in n.names if a.asname is None}
    if not plain.issuperset(MODULES) or keeps_warnings(ast.unparse(module)):
        return module
    return first_statement.without(module, STATEMENT, lambda rest: not knows_warnings(rest))


def warned_instead(facts: Facts) -> bool:
    """Whether an assertion looked for a text in what was written, and a warning said it that pytest kept."""
    if facts.assertion.get("op") != "in":
        return False
    try:
        wanted, written = (ast.literal_eval(str(facts.assertion.get(side))) for side in ("left", "right"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    if not isinstance(wanted, str) or not isinstance(written, str) or len(wanted) < _LEAST or wanted in written:
        return False
    told = (warning.partition(": ") for warning in facts.warnings)
    return any(wanted in text and category not in _HIDDEN for category, _, text in told)


__all__ = ["MODULES", "STATEMENT", "keeps_warnings", "knows_warnings", "undone", "warned_instead"]
