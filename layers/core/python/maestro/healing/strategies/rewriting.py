"""Edit a Python source with its formatting and comments kept: attributes, keywords of calls, lines of imports.

What follows a thing to its new qualified name is in :mod:`maestro.healing.strategies.moving`.
"""

import ast
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

import libcst as cst
from libcst import helpers
from libcst.metadata import MetadataWrapper, PositionProvider

from maestro.healing.strategies.imports import parse


def renamed_attributes(
    source: str, names: Mapping[str, str], *, receivers: Collection[str] = (), lines: Collection[int] = ()
) -> str | None:
    """Rename attributes wherever they are looked up (or only on the receivers, or only on the lines, given)."""
    return _positioned(source, _Renamer(names, receivers, lines))


def changed_keywords(
    source: str, callee: str, keywords: Mapping[str, str], *, lines: Collection[int] = ()
) -> str | None:
    """Rename (or, for "", drop) keyword arguments of calls of ``callee`` (its last component; "*" for any)."""
    return _positioned(source, _Keywords(callee, keywords, lines))


def with_imports(source: str, needed: Mapping[str, str]) -> str:
    """Add ``import`` lines for modules (name -> alias, "" for none) to a source that parses."""
    return add_imports(cst.parse_module(source), sorted(needed.items())).code


def without_imports(source: str, names: Collection[str]) -> str | None:
    """Drop the imports of some full names that a source no longer uses; None where there are none, or it breaks."""
    module = parse(source)
    if module is None:
        return None
    used = {n.id for n in ast.walk(module) if isinstance(n, ast.Name)}
    used |= {n.value for n in ast.walk(module) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return rewritten(source, _Dropper(names, used))


def rewritten(source: str, transformer: cst.CSTTransformer) -> str | None:
    """Return what a transformer makes of a source; None where it changes nothing, or what it makes does not parse."""
    try:
        return checked(source, cst.parse_module(source).visit(transformer).code)
    except (cst.ParserSyntaxError, RecursionError):
        return None


def _positioned(source: str, transformer: cst.CSTTransformer) -> str | None:
    try:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    except (cst.ParserSyntaxError, RecursionError):
        return None
    return checked(source, wrapper.visit(transformer).code)


def checked(source: str, code: str) -> str | None:
    """Return the code if it parses and differs from the source, else None."""
    return code if code != source and parse(code) is not None else None


def dotted(node: cst.BaseExpression) -> str:
    """Return "a.b.c" for a chain of attributes on a name, "" for anything else."""
    return helpers.get_full_name_for_node(node) or "" if isinstance(node, (cst.Name, cst.Attribute)) else ""


def expression(name: str) -> cst.Name | cst.Attribute:
    """Build the expression ``a.b.c``."""
    parts = name.split(".")
    node: cst.Name | cst.Attribute = cst.Name(parts[0])
    for part in parts[1:]:
        node = cst.Attribute(node, cst.Name(part))
    return node


def add_imports(module: cst.Module, needed: Iterable[tuple[str, str]]) -> cst.Module:
    """Add ``import`` lines below the first import that stands for itself, else below docstring and future imports."""
    lines: list[cst.BaseStatement] = []
    for name, alias in needed:
        asname = cst.AsName(cst.Name(alias)) if alias else None
        lines.append(cst.SimpleStatementLine([cst.Import([cst.ImportAlias(expression(name), asname)])]))
    place = 0
    wanted = {name.partition(".")[0] for name, _ in needed}
    for number, statement in enumerate(module.body):
        first = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        if isinstance(first, cst.Import):
            place = number + 1
            if {dotted(a.name).partition(".")[0] for a in first.names} & wanted:
                break
        elif isinstance(first, cst.ImportFrom):
            future = first.module is not None and dotted(first.module) == "__future__"
            place = number + 1 if future or not place else place
        elif number == 0 and isinstance(first, cst.Expr) and isinstance(first.value, cst.BaseString):
            place = 1
    body = list(module.body)
    if place == 0 and body and isinstance(body[0], cst.SimpleStatementLine):
        lines[0] = lines[0].with_changes(leading_lines=body[0].leading_lines)
        body[0] = body[0].with_changes(leading_lines=[])
    return module.with_changes(body=[*body[:place], *lines, *body[place:]])


_Import = TypeVar("_Import", cst.Import, cst.ImportFrom)


class _Dropper(cst.CSTTransformer):
    """Drops imports whose name is not used; a block that they leave empty says ``pass``."""

    def __init__(self, names: Collection[str], used: Collection[str]) -> None:
        super().__init__()
        self.names, self.used = names, used

    def _unused(self, module: str, alias: cst.ImportAlias) -> bool:
        name = dotted(alias.name)
        local = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else name
        return f"{module}{name}" in self.names and local.partition(".")[0] not in self.used

    def _kept(self, original: _Import, updated: _Import, module: str) -> _Import | cst.RemovalSentinel:
        if isinstance(original.names, cst.ImportStar):
            return updated
        kept: list[cst.ImportAlias] = [a for a in original.names if not self._unused(module, a)]
        if len(kept) == len(original.names):
            return updated
        if not kept:
            return cst.RemoveFromParent()
        return updated.with_changes(names=[*kept[:-1], kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)])

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import | cst.RemovalSentinel:
        return self._kept(original_node, updated_node, "")

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        if original_node.relative or original_node.module is None:
            return updated_node
        return self._kept(original_node, updated_node, f"{dotted(original_node.module)}.")

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock) -> cst.BaseSuite:
        del original_node
        if updated_node.body:
            return updated_node
        return updated_node.with_changes(body=[cst.SimpleStatementLine([cst.Pass()])])


class _Renamer(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, names: Mapping[str, str], receivers: Collection[str], lines: Collection[int]) -> None:
        super().__init__()
        self.names, self.receivers, self.lines = names, receivers, lines

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        new = self.names.get(original_node.attr.value)
        if new is None or (self.receivers and dotted(original_node.value) not in self.receivers):
            return updated_node
        if self.lines and self.get_metadata(PositionProvider, original_node.attr).start.line not in self.lines:
            return updated_node
        return updated_node.with_changes(attr=cst.Name(new))


class _Keywords(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, callee: str, keywords: Mapping[str, str], lines: Collection[int]) -> None:
        super().__init__()
        self.callee, self.keywords, self.lines = callee.rpartition(".")[2], keywords, lines

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if self.callee != "*" and dotted(original_node.func).rpartition(".")[2] != self.callee:
            return updated_node
        if self.lines:
            position = self.get_metadata(PositionProvider, original_node)
            if not any(position.start.line <= line <= position.end.line for line in self.lines):
                return updated_node
        args: list[cst.Arg] = []
        changed = False
        for arg in updated_node.args:
            name = arg.keyword.value if arg.keyword else ""
            if name not in self.keywords:
                args.append(arg)
                continue
            changed = True
            if self.keywords[name]:
                args.append(arg.with_changes(keyword=cst.Name(self.keywords[name])))
        if not changed:
            return updated_node
        if args and updated_node.args[-1].keyword is not None and len(args) < len(updated_node.args):
            args[-1] = args[-1].with_changes(comma=updated_node.args[-1].comma)
        return updated_node.with_changes(args=args)
