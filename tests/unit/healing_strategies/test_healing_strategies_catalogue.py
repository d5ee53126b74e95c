"""The catalogues lead somewhere: sources are named, and what Python is said to have, it has."""

import ast
import importlib
import sys
from collections.abc import Iterator

from maestro.healing.known_forms.rewrites import rewrites
from maestro.healing.strategies.catalogue import changes
from packaging.version import Version


def exists(name: str) -> bool:
    """Whether a full name ("a.b:c.d" or "a.b.c") can be imported and looked up here."""
    parts = name.replace(":", ".").split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_every_change_names_its_source_and_a_version_that_can_be_compared() -> None:
    assert len(changes()) > 900
    for change in changes():
        assert change.source.startswith("https://"), change
        assert not change.removed_in or Version(change.removed_in)
        assert change.old != change.new, change


def test_what_the_standard_library_is_said_to_have_it_has() -> None:
    gone = [
        (c.old, c.new)
        for c in changes()
        if c.kind in ("move", "module") and c.new.partition(".")[0] in sys.stdlib_module_names and not exists(c.new)
    ]
    assert not gone


def test_what_is_said_to_be_gone_from_python_3_8_and_before_is_gone() -> None:
    here = [
        c.old
        for c in changes()
        if c.distribution == "python" and c.kind == "move" and c.removed_in and Version(c.removed_in) <= Version("3.9")
        and c.old.partition(".")[0] in sys.stdlib_module_names and exists(c.old)
    ]  # fmt: skip
    assert not here


def test_no_name_is_its_own_successor_by_a_detour() -> None:
    moves = {c.old: c.new.replace(":", ".") for c in changes() if c.kind in ("move", "module") and c.new}
    circles = [old for old, new in moves.items() if moves.get(new) == old]
    assert not circles


def names(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names of an expression that begin with a module."""
    if isinstance(node, ast.Attribute):
        text = ast.unparse(node)
        if text.replace(".", "").replace("_", "").isalnum() and not text.startswith("_"):
            yield text
            return
    for child in ast.iter_child_nodes(node):
        yield from names(child)


def test_what_the_patterns_use_of_the_standard_library_is_there() -> None:
    used = {name for rewrite in rewrites() for name in names(rewrite.new)}
    mine = {name for name in used if name.partition(".")[0] in sys.stdlib_module_names}
    assert len(mine) > 20
    assert not [name for name in mine if not exists(name)]
