"""Calls whose documented successor is more than another name: rewritten by the patterns of ``call_changes.json``."""

import ast
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from maestro.healing._forms import dotted, local_names, origins, resolved
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.edits import segment, spliced
from maestro.healing.known_forms.rewrites import Bound, Rewrite, match, method_of, rewrites
from maestro.healing.strategies.api_contract_adaptation.renames import failing_lines
from maestro.healing.strategies.catalogue import changes
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.moving import moved
from maestro.healing.strategies.rewriting import with_imports, without_imports
from maestro.model import Failure, Strategy

_PASSES = 6  # nested uses are replaced from the outside in
_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.List, ast.Dict, ast.Set, ast.Tuple)


class CatalogueCall:
    """Rewrites calls of what is gone, or of what no longer takes such values, to what documentation says instead."""

    name = "catalogue_call"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the rewrite of every use of what is gone; of what merely fails, on the failing lines alone."""
        evidence = Evidence(failure, project)
        lines = failing_lines(evidence)
        strict = [r for r in rewrites() if r.error and re.search(r.error, evidence.text)]
        gone = [r for r in rewrites() if (r in strict if r.error else _is_gone(evidence, r)) and not _narrow(r)]
        strict = [r for r in strict if _narrow(r)]
        edits = {**self._everywhere(evidence, gone, lines), **self._where_it_failed(evidence, strict, lines)}
        if edits:
            used = [*gone, *strict][0]
            said = f"{used.text} is now {used.successor} ({used.source})"
            yield Proposal(edits, f"adapt to a changed interface: {said}", 0.92)

    def _everywhere(
        self, evidence: Evidence, wanted: Sequence[Rewrite], lines: Mapping[str, set[int]]
    ) -> dict[str, str]:
        methods = [r for r in wanted if r.is_method]
        functions = [r for r in wanted if not r.is_method]
        modules = {m for m in evidence.missing_modules if not evidence.tree.owns(m)}
        moves = {c.old: c.new for c in changes() if c.kind == "move" and c.old.partition(".")[0] in modules}
        needles = {r.callee.rpartition(".")[2] for r in wanted} | (modules if moves or functions else set())
        edits: dict[str, str] = {}
        for source in evidence.tree.sources(*needles) if wanted else ():
            text = called(source.text, functions)
            if source.path in lines:
                text = called(text, methods, lines=lines[source.path])
            if text != source.text and modules:
                text = moved(text, moves) or text
                text = without_imports(text, modules) or text
            if text != source.text:
                edits[source.path] = text
        return edits

    def _where_it_failed(
        self, evidence: Evidence, wanted: Sequence[Rewrite], lines: Mapping[str, set[int]]
    ) -> dict[str, str]:
        edits: dict[str, str] = {}
        for path, numbers in lines.items() if wanted else ():
            text = evidence.tree.text(path) or ""
            new = called(text, wanted, lines=numbers)
            if new != text:
                edits[path] = new
        return edits


class LineMagic:
    """Calls IPython's line magics by the method that is left of the two (IPython 9 removed the older one)."""

    name = "line_magic"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield ``run_line_magic("name", "arguments")`` for every ``magic("name arguments")`` of the failing files."""
        evidence = Evidence(failure, project)
        magic = next(
            (
                c
                for c in changes()
                for m in evidence.missing_names
                if c.kind == "magic" and c.name == m.name and m.owner.rpartition(".")[2] in c.owners
            ),
            None,
        )
        edits: dict[str, str] = {}
        for path in failing_lines(evidence) if magic is not None else ():
            text = evidence.tree.text(path) or ""
            new = _magics(text)
            if new != text:
                edits[path] = new
        if magic is not None and edits:
            yield Proposal(edits, f"{magic.old}() is now {magic.new}() ({magic.source})", 0.92)


def _magics(text: str) -> str:
    module = parse(text)
    found = [
        (node, node.args[0].value)
        for node in (ast.walk(module) if module is not None else ())
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "magic"
        and len(node.args) == 1
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]
    for node, line in sorted(found, key=lambda each: (-each[0].lineno, -each[0].col_offset)):
        name, _, rest = line.strip().partition(" ")
        assert isinstance(node.func, ast.Attribute)  # noqa: S101 - it was chosen for that
        receiver = segment(text, node.func.value)
        text = spliced(text, node, f"{receiver}.run_line_magic({json.dumps(name)}, {json.dumps(rest.strip())})")
    return text


def _narrow(rewrite: Rewrite) -> bool:
    return bool(rewrite.error) and not rewrite.everywhere


def _is_gone(evidence: Evidence, rewrite: Rewrite) -> bool:
    """Whether the failure says that what the old form calls does not exist."""
    module = rewrite.callee.rpartition(".")[0]
    if module in evidence.missing_modules and not evidence.tree.owns(module):
        return True
    for missing in evidence.missing_names:
        if rewrite.is_method:
            names = {missing.owner, *missing.bases}
            names |= {name.rpartition(".")[2] for name in names}
            if missing.name == method_of(rewrite) and names & set(rewrite.owners):
                return True
        elif missing.kind == "module" and missing.qualified == rewrite.callee:
            return True
    return False


def called(source: str, wanted: Sequence[Rewrite], *, lines: Collection[int] = ()) -> str:
    """Replace the expressions that a source has of some patterns (on some lines, where given), imports included.

    What cannot be parsed or has no such expression comes back as it is.
    """
    try:
        return _called(source, wanted, lines)
    except RecursionError:  # an expression of many hundred levels
        return source


def _called(source: str, wanted: Sequence[Rewrite], lines: Collection[int]) -> str:
    text, needed = source, dict[str, str]()
    for _ in range(1 if lines else _PASSES):
        module = parse(text)
        uses = list(_uses(module, wanted, lines)) if module is not None and wanted else []
        if module is None or not uses:
            break
        names = Spelling(module)
        for node, rewrite, bound in sorted(uses, key=lambda use: (-use[0].lineno, -use[0].col_offset)):
            text = spliced(text, node, _written(rewrite, bound, text, names))
        needed |= names.needed
    if text == source or parse(text) is None:
        return source
    text = with_imports(text, needed) if needed else text
    gone = {r.callee for r in wanted if not r.is_method}
    gone |= {name.rpartition(".")[0] for name in gone if name.count(".") > 1}
    text = without_imports(text, gone) or text
    return text if parse(text) is not None else source


def _uses(
    module: ast.Module, wanted: Sequence[Rewrite], lines: Collection[int]
) -> Iterator[tuple[ast.expr, Rewrite, dict[str, Bound]]]:
    """Yield the outermost matching expressions; what lies inside them has its turn when they are replaced."""
    names, bound_here = origins(module), local_names(module)

    def resolve(name: str) -> set[str]:
        return set() if name.partition(".")[0] in bound_here else resolved(name, names)

    def visit(node: ast.AST, parent: ast.AST) -> Iterator[tuple[ast.expr, Rewrite, dict[str, Bound]]]:
        if isinstance(node, ast.expr) and (not lines or any(node.lineno <= n <= _end(node) for n in lines)):
            for rewrite in wanted:
                found = match(rewrite.old, node, resolve)
                if found is not None and (not rewrite.unpacked or _taken_apart(parent)):
                    yield node, rewrite, found
                    return
        for child in ast.iter_child_nodes(node):
            yield from visit(child, node)

    yield from visit(module, module)


def _end(node: ast.expr) -> int:
    return node.end_lineno or node.lineno


def _taken_apart(parent: ast.AST) -> bool:
    """Whether an expression below ``parent`` is used as a plain tuple of four."""
    match parent:
        case ast.Assign(targets=[ast.Tuple(elts=elements)]):
            return len(elements) == 4
        case ast.Call(args=[ast.Starred()]) | ast.Starred():
            return True
    return False


class Spelling:
    """How one source writes a full name, and which modules it must import for that (name -> alias or "")."""

    def __init__(self, module: ast.Module) -> None:
        self.origins, self.bound = origins(module), local_names(module)
        self.modules = {a.name for n in ast.walk(module) if isinstance(n, ast.Import) for a in n.names}
        self.needed: dict[str, str] = {}

    def write(self, name: str, modules: Collection[str]) -> str:
        """Return the shortest spelling of ``name``, of one of ``modules`` (a builtin otherwise)."""
        parts = name.split(".")
        parent = max((m for m in modules if name == m or name.startswith(m + ".")), key=len, default="")
        if not parent:
            return name
        for length in range(len(parts), 0, -1):
            prefix = ".".join(parts[:length])
            if len(prefix) < len(parent) and parent not in self.modules:
                break
            for local, full in self.origins.items():
                if full == {prefix} and local not in self.bound:
                    return ".".join([local, *parts[length:]])
        taken = parts[0] in self.bound or self.origins.get(parts[0], {parts[0]}) != {parts[0]}
        self.needed[parent] = "_" + parent.replace(".", "_") if taken else ""
        return (self.needed[parent] or parent) + name[len(parent) :]


def _written(rewrite: Rewrite, bound: Mapping[str, Bound], text: str, names: Spelling) -> str:
    """Spell out a successor: its numbers by what they stand for in the source, its names as the source imports them."""
    pieces: list[tuple[int, int, str]] = []

    def visit(node: ast.AST, parent: ast.expr | ast.keyword) -> None:
        name = dotted(node)
        if isinstance(node, ast.Name) and node.id in bound:
            what = bound[node.id]
            if isinstance(what, list):
                new = ", ".join(segment(text, each) for each in what)
                start = parent.col_offset  # of a starred argument
                start = start if new else len(rewrite.successor[:start].rstrip(", "))
                pieces.append((start, parent.end_col_offset or 0, new))
                return
            new = segment(text, what)
            inside = isinstance(parent, (ast.Call, ast.keyword, ast.List)) and node is not getattr(parent, "func", None)
            pieces.append((node.col_offset, node.end_col_offset or 0, new if inside or _atom(what) else f"({new})"))
        elif name is not None and name.partition(".")[0] not in bound and isinstance(node, ast.expr):
            pieces.append((node.col_offset, node.end_col_offset or 0, names.write(name, rewrite.modules)))
        else:
            for child in ast.iter_child_nodes(node):
                visit(child, node if isinstance(node, (ast.expr, ast.keyword)) else parent)

    visit(rewrite.new, rewrite.new)
    out = rewrite.successor
    for start, stop, new in sorted(pieces, reverse=True):
        out = out[:start] + new + out[stop:]
    return out


def _atom(node: ast.AST) -> bool:
    return isinstance(node, _ATOMS) and not (isinstance(node, ast.Constant) and isinstance(node.value, (int, float)))
