"""A test that reads what logging writes to stderr, given the root logger of a plain process, told by its exact form.

    def test_warning(capsys, monkeypatch):
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        ...

Since pytest 3.3 every test runs with handlers of pytest's own on the root logger, so that ``logging.warning`` no longer
configures it and nothing is written. The statement takes these away for the test's own run. It changes nothing but
where records go, and only in a test that asks for what is written and knows of logging in no other way: one that looks
at records (``caplog``) would no longer see them.
"""

import ast
import re

from maestro.healing.known_forms import first_statement
from maestro.model import Facts

STATEMENT = 'monkeypatch.setattr(logging.getLogger(), "handlers", [])'
_READERS = frozenset({"capsys", "capfd"})
_SEES_RECORDS = re.compile(r"\b(caplog|assertLogs|assertNoLogs|LogCaptureHandler|testfixtures)\b")
# What ``logging.basicConfig`` writes by default, and what pytest shows of a record by default.
_WRITTEN = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL):([\w.]+):(.+)")
_RECORD = re.compile(r"(?m)^(DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+([\w.]+):[^\s:]+:\d+ (.+)$")
_EMPTY = frozenset({"''", '""', "b''"})


def reads_output(function: ast.FunctionDef, text: str) -> bool:
    """Whether a test of a file with that text reads what is written, and neither it nor its file looks at records."""
    taken = {a.arg for a in (*function.args.posonlyargs, *function.args.args)}
    plain = not (function.args.vararg or function.args.kwarg or function.args.kwonlyargs)
    knows = any(isinstance(n, ast.Name) and n.id == "logging" for n in ast.walk(function))
    return bool(taken & _READERS) and plain and not knows and not _SEES_RECORDS.search(text)


def sees_records(text: str) -> bool:
    """Whether a file of tests or fixtures looks at records, which a test without pytest's handlers does not make."""
    return bool(_SEES_RECORDS.search(text))


def undone(module: ast.Module) -> ast.Module:
    """Return a module, changed in place, with the statement and the parameter that it takes left out of its tests."""
    if sees_records(ast.unparse(module)) or not any(_imports_logging(node) for node in module.body):
        return module
    return first_statement.without(module, STATEMENT, lambda rest: reads_output(rest, ""))


def _imports_logging(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and any(a.name == "logging" and a.asname is None for a in node.names)


def logged_instead(facts: Facts) -> bool:
    """Whether an assertion wanted log lines where nothing was written, while each of them was logged as a record.

    The lines have to be in the form in which ``logging`` itself writes them by default, so that it is certain that the
    test means what was logged.
    """
    sides = [str(facts.assertion.get(side, "")) for side in ("left", "right")]
    said = [side for side in sides if side not in _EMPTY]
    if facts.assertion.get("op") != "==" or len(said) != 1:
        return False
    try:
        wanted = ast.literal_eval(said[0])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    lines = wanted.splitlines() if isinstance(wanted, str) else []
    written = [match.groups() for line in lines if (match := _WRITTEN.fullmatch(line))]
    records = set(_RECORD.findall(facts.text))
    return bool(lines) and len(written) == len(lines) and set(written) <= records


__all__ = ["STATEMENT", "logged_instead", "reads_output", "sees_records", "undone"]
