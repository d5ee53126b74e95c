"""Tests that expect to be refused for want of rights, and ran as root, whom nothing is refused."""

import ast
from collections.abc import Iterable, Iterator

from maestro.model import Facts

SAID = (
    "It takes rights away and expects to be refused, but it ran as root, whom nothing is refused: whether the product "
    "does right shows only as another user"
)
_RAISES = frozenset({"raises", "assertRaises", "assertRaisesRegex", "assertRaisesRegexp"})
_OWNER = 0o600  # what a file needs for its owner to read and write it
_READS = frozenset({"S_IRUSR", "S_IREAD", "S_IRWXU"})
_WRITES = frozenset({"S_IWUSR", "S_IWRITE", "S_IRWXU"})
_SYSTEM = ("/root", "/etc/", "/proc/", "/sys/", "/usr/", "/boot/", "/sbin/", "/bin/")


def ran_as_root(facts: Facts) -> bool:
    """Whether an expected error did not come in a process of root's."""
    return facts.attributes.get("superuser") is True


def needs_a_refusal(tests: Iterable[ast.AST]) -> bool:
    """Whether each test expects an error after it took rights away, or a PermissionError for a place of the system."""
    found = [_refused(test) for test in tests]
    return bool(found) and all(found)


def _refused(test: ast.AST) -> bool:
    taken = sorted((call.lineno, _takes_rights(call)) for call in _calls(test, {"chmod"}))
    for call in _calls(test, _RAISES):
        before = [away for line, away in taken if line <= call.lineno]
        if before and before[-1]:  # what was set last holds
            return True
        wanted = [n for a in call.args[:1] for n in ast.walk(a) if isinstance(n, ast.Name)]
        if [n.id for n in wanted] == ["PermissionError"] and _names_system(test):
            return True
    return False


def _calls(test: ast.AST, names: Iterable[str]) -> Iterator[ast.Call]:
    for node in ast.walk(test):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names:
                yield node


def _takes_rights(call: ast.Call) -> bool:
    """Whether a chmod leaves the owner without the right to read or to write."""
    modes = [*call.args[-1:], *(k.value for k in call.keywords if k.arg == "mode")]
    if not modes:
        return False
    mode = modes[-1]
    if isinstance(mode, ast.Constant):
        return isinstance(mode.value, int) and mode.value & _OWNER != _OWNER
    named = {n.attr if isinstance(n, ast.Attribute) else n.id for n in ast.walk(mode)
             if isinstance(n, (ast.Attribute, ast.Name))} - {"stat"}  # fmt: skip
    known = bool(named) and all(name.startswith("S_I") for name in named)
    plain = all(isinstance(n.op, ast.BitOr) for n in ast.walk(mode) if isinstance(n, ast.BinOp))
    return known and plain and not (named & _READS and named & _WRITES)


def _names_system(test: ast.AST) -> bool:
    texts = [n.value for n in ast.walk(test) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return any(text.startswith(_SYSTEM) for text in texts)
