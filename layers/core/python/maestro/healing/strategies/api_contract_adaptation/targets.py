"""Names in strings: what ``mock.patch`` and the like replace, when it has moved."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from fissix.fixes import fix_imports, fix_urllib

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.edits import segment, spliced
from maestro.healing.strategies.catalogue import changes
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_NOT_THERE = re.compile(r"<module '([\w.]+)'[^\n]*> does not have the attribute '(\w+)'")
_REPLACERS = {"patch", "setattr", "delattr"}
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_SOURCE = "https://docs.python.org/3/library/unittest.mock.html#where-to-patch"


class PatchTarget:
    """Follows in strings what moved, by the catalogue and by what 2to3 knows of Python 2's modules."""

    name = "patch_target"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of every such string in tests, where one of them could not be found."""
        evidence = Evidence(failure, project)
        gone = {m for m in evidence.missing_modules if not evidence.tree.owns(m)}
        gone |= {f"{module}.{name}" for module, name in _NOT_THERE.findall(evidence.text)}
        moves = {old: new for old, new in _moves().items() if any(old == g or old.startswith(g + ".") for g in gone)}
        if not moves:
            return
        edits: dict[str, str] = {}
        for path in evidence.tree.python_files:
            if evidence.tree.role(path) in (Role.TEST, Role.FIXTURE):
                text = evidence.tree.text(path) or ""
                new = _followed(text, moves)
                if new != text:
                    edits[path] = new
        if edits:
            yield Proposal(edits, f"patch what {', '.join(sorted(gone))} is called now ({_SOURCE})", 0.88)


def _moves() -> dict[str, str]:
    found = {c.old: c.new.replace(":", ".") for c in changes() if c.kind in ("move", "module") and c.new}
    found |= dict(fix_imports.MAPPING)
    for module, places in fix_urllib.MAPPING.items():
        found |= {f"{module}.{name}": f"{place}.{name}" for place, names in places for name in names}
    return found | {"__builtin__.raw_input": "builtins.input", "__builtin__.unicode": "builtins.str"}


def _followed(text: str, moves: Mapping[str, str]) -> str:
    module = parse(text)
    found = list(_strings(module)) if module is not None else []
    for node in sorted(found, key=lambda n: (-n.lineno, -n.col_offset)):
        new = _successor(str(node.value), moves)
        if new:
            quote = segment(text, node)[-1]
            text = spliced(text, node, f"{quote}{new}{quote}")
    return text


def _strings(module: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            value = node.args[0].value
            if called in _REPLACERS and isinstance(value, str) and _DOTTED.fullmatch(value):
                yield node.args[0]


def _successor(name: str, moves: Mapping[str, str]) -> str:
    """Return what a full name is called now, by its longest beginning that moved; "" where nothing did."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        new = moves.get(".".join(parts[:length]))
        if new:
            return ".".join([new, *parts[length:]])
    return ""
