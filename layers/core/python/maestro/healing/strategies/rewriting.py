"""Rewrite names in a Python source, with its formatting and comments kept."""

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence

import libcst as cst
from libcst import helpers
from libcst.metadata import MetadataWrapper, PositionProvider

from maestro.healing.strategies.imports import parse

_GUARDS = {"ImportError", "ModuleNotFoundError", "AttributeError", "NameError"}


def moved(source: str, moves: Mapping[str, str], *, guarded: bool = False) -> str | None:
    """Let a source use things under their new qualified names; None where nothing changes or it does not parse.

    ``moves`` maps a qualified name ("collections.Mapping", "numpy.int") or module ("mock") to its successor
    ("collections.abc.Mapping", "builtins.int", "unittest.mock"). Names bound by ``from`` imports keep their local
    name, so what the module itself offers stays the same. Uses in a ``try`` that handles their absence are left
    alone unless ``guarded``.
    """
    try:
        module = cst.parse_module(source)
    except (cst.ParserSyntaxError, RecursionError):
        return None
    bindings = _Bindings()
    module.visit(bindings)
    mover = _Mover(moves, bindings, guarded=guarded)
    changed = module.visit(mover)
    if mover.needed:
        changed = _with_imports(changed, sorted(mover.needed.items()))
    return _checked(source, changed.code)


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
    return _with_imports(cst.parse_module(source), sorted(needed.items())).code


def without_imports(source: str, names: Collection[str]) -> str | None:
    """Drop the imports of some full names that a source no longer uses; None where there are none, or it breaks."""
    module = parse(source)
    if module is None:
        return None
    used = {n.id for n in ast.walk(module) if isinstance(n, ast.Name)}
    used |= {n.value for n in ast.walk(module) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    try:
        return _checked(source, cst.parse_module(source).visit(_Dropper(names, used)).code)
    except (cst.ParserSyntaxError, RecursionError):
        return None


def _positioned(source: str, transformer: cst.CSTTransformer) -> str | None:
    try:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    except (cst.ParserSyntaxError, RecursionError):
        return None
    return _checked(source, wrapper.visit(transformer).code)


def _checked(source: str, code: str) -> str | None:
    return code if code != source and parse(code) is not None else None


def dotted(node: cst.BaseExpression) -> str:
    """Return "a.b.c" for a chain of attributes on a name, "" for anything else."""
    return helpers.get_full_name_for_node(node) or "" if isinstance(node, (cst.Name, cst.Attribute)) else ""


def split(name: str) -> tuple[str, str]:
    """Split a qualified name into module and the rest; a colon marks the border where it is not the last dot."""
    if ":" in name:
        module, _, rest = name.partition(":")
        return module, rest
    module, _, rest = name.rpartition(".")
    return module, rest


def expression(name: str) -> cst.Name | cst.Attribute:
    """Build the expression ``a.b.c``."""
    parts = name.split(".")
    node: cst.Name | cst.Attribute = cst.Name(parts[0])
    for part in parts[1:]:
        node = cst.Attribute(node, cst.Name(part))
    return node


class _Bindings(cst.CSTVisitor):
    """What imports bind (local name -> qualified name), and which names the source binds otherwise."""

    def __init__(self) -> None:
        self.imported: dict[str, str] = {}
        self.assigned: set[str] = set()
        self.modules: set[str] = set()  # imported in full, so that "a.b.c" can be written as it is

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            name = dotted(alias.name)
            if alias.asname and isinstance(alias.asname.name, cst.Name):
                self.imported[alias.asname.name.value] = name
            else:
                self.imported[name.partition(".")[0]] = name.partition(".")[0]
                self.modules.add(name)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if node.relative or node.module is None or isinstance(node.names, cst.ImportStar):
            return
        for alias in node.names:
            local = alias.asname.name if alias.asname else alias.name
            if isinstance(local, cst.Name):
                self.imported[local.value] = f"{dotted(node.module)}.{dotted(alias.name)}"

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        if isinstance(node.target, cst.Name):
            self.assigned.add(node.target.value)

    def visit_Param(self, node: cst.Param) -> None:
        self.assigned.add(node.name.value)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.assigned.add(node.name.value)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.assigned.add(node.name.value)

    def visit_For(self, node: cst.For) -> None:
        if isinstance(node.target, cst.Name):
            self.assigned.add(node.target.value)


class _Mover(cst.CSTTransformer):
    def __init__(self, moves: Mapping[str, str], bindings: _Bindings, *, guarded: bool) -> None:
        super().__init__()
        self.moves = moves
        self.modules = {old for old in moves if "." not in old}
        self.bindings = bindings
        self.rewrite_guarded = guarded
        self.guards = 0
        self.needed: dict[str, str] = {}  # module to import -> local alias ("" for none)

    def visit_Try(self, node: cst.Try) -> None:
        self.guards += self._is_guard(node)

    def leave_Try(self, original_node: cst.Try, updated_node: cst.Try) -> cst.Try:
        self.guards -= self._is_guard(original_node)
        return updated_node

    def _is_guard(self, node: cst.Try) -> bool:
        caught: set[str] = set()
        for handler in node.handlers:
            if handler.type is None:
                return True
            kinds = [e.value for e in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
            caught |= {dotted(kind) for kind in kinds}
        return bool(caught & _GUARDS)

    @property
    def _off(self) -> bool:
        return self.guards > 0 and not self.rewrite_guarded

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        if self._off:
            return updated_node
        statements: list[cst.BaseSmallStatement] = []
        changed = False
        for statement in updated_node.body:
            pieces: Sequence[cst.BaseSmallStatement] | None = None
            if isinstance(statement, cst.ImportFrom):
                pieces = self._import_from(statement)
            elif isinstance(statement, cst.Import):
                pieces = self._import(statement)
            changed |= pieces is not None
            statements += [statement] if pieces is None else pieces
        if not changed:
            return updated_node
        lines = [cst.SimpleStatementLine([s.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)]) for s in statements]
        lines[0] = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        lines[-1] = lines[-1].with_changes(trailing_whitespace=updated_node.trailing_whitespace)
        return cst.FlattenSentinel(lines)

    def _import_from(self, node: cst.ImportFrom) -> list[cst.BaseSmallStatement] | None:
        if node.relative or node.module is None:
            return None
        module = dotted(node.module)
        successor = self._successor(module)
        if successor is not None:
            return [node.with_changes(module=expression(successor))]
        if isinstance(node.names, cst.ImportStar):
            return None
        kept, gone, extra = self._sorted(module, node.names)
        if len(kept) == len(node.names):
            return None
        out: list[cst.BaseSmallStatement] = []
        if kept and module in gone:  # renamed within its module: one statement, in place
            renamed = iter(gone.pop(module))
            names = [a if a in kept else next(renamed).with_changes(comma=a.comma) for a in node.names]
            out.append(node.with_changes(names=names))
        elif kept:
            kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            out.append(node.with_changes(names=kept))
        for parent, aliases in gone.items():
            if len(gone) == 1 and not kept and not extra:
                names = [new.with_changes(comma=old.comma) for new, old in zip(aliases, node.names, strict=True)]
                out.append(node.with_changes(module=expression(parent), names=names))
            else:
                out.append(cst.ImportFrom(expression(parent), aliases))
        return [*out, *extra] or [cst.Pass()]

    def _sorted(
        self, module: str, aliases: Sequence[cst.ImportAlias]
    ) -> tuple[list[cst.ImportAlias], dict[str, list[cst.ImportAlias]], list[cst.BaseSmallStatement]]:
        """What is still imported from ``module``, what now comes from others, and what takes further statements."""
        kept: list[cst.ImportAlias] = []
        gone: dict[str, list[cst.ImportAlias]] = {}
        extra: list[cst.BaseSmallStatement] = []
        for alias in aliases:
            name = dotted(alias.name)
            new = self.moves.get(f"{module}.{name}")
            if new is None:
                kept.append(alias)
                continue
            local = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else name
            parent, last = split(new)
            if parent == "builtins" or "." in last:
                if parent != "builtins":
                    holder = cst.ImportAlias(cst.Name(last.partition(".")[0]))
                    extra.append(cst.ImportFrom(expression(parent), [holder]))
                if last != local:
                    extra.append(cst.Assign([cst.AssignTarget(cst.Name(local))], expression(last)))
                continue
            successor = cst.ImportAlias(cst.Name(last), cst.AsName(cst.Name(local)) if last != local else None)
            if parent:
                gone.setdefault(parent, []).append(successor)
            else:
                extra.append(cst.Import([successor]))
        return kept, gone, extra

    def _import(self, node: cst.Import) -> list[cst.BaseSmallStatement] | None:
        out: list[cst.BaseSmallStatement] = []
        changed = False
        for alias in node.names:
            name = dotted(alias.name)
            new = self._successor(name)
            plain = alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)
            if new is None:
                out.append(cst.Import([plain]))
                continue
            changed = True
            local = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else ""
            if not local and "." in name:  # its uses are rewritten in full
                out.append(cst.Import([cst.ImportAlias(expression(new))]))
                continue
            local = local or name
            parent, _, last = new.rpartition(".")
            if parent and last == local:
                out.append(cst.ImportFrom(expression(parent), [cst.ImportAlias(cst.Name(last))]))
            else:
                aliased = cst.AsName(cst.Name(local)) if new != local else None
                out.append(cst.Import([cst.ImportAlias(expression(new), aliased)]))
        return out if changed else None

    def _successor(self, module: str) -> str | None:
        """The new name of a module that moved, or that lies in one that moved."""
        for old, new in self.moves.items():
            if module == old or module.startswith(old + "."):
                return new + module[len(old) :]
        return None

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        written = "" if self._off else dotted(original_node)
        base, _, rest = written.partition(".")
        bound = self.bindings.imported.get(base, "")
        if not rest or not bound or (base in self.bindings.assigned):
            return updated_node
        new = self.moves.get(f"{bound}.{rest}")
        if new is None or f"{bound}.{rest}" == new:
            return updated_node
        kept = {"lpar": updated_node.lpar, "rpar": updated_node.rpar}
        return expression(self._local(new, base, bound)).with_changes(**kept)

    def _local(self, new: str, base: str, bound: str) -> str:
        """How to write ``new`` here; notes the import that it takes."""
        parent, last = split(new)
        if parent == "builtins":
            return last
        if not parent:
            self.needed[last] = ""
            return last
        for local, qualified in self.bindings.imported.items():
            if qualified == parent and local not in self.bindings.assigned:
                return f"{local}.{last}"
        if parent.startswith(bound + "."):
            if not (base == bound and parent in self.bindings.modules):
                self.needed[parent] = ""
            return f"{base}{parent[len(bound) :]}.{last}"
        top = parent.partition(".")[0]
        taken = top in self.bindings.assigned or self.bindings.imported.get(top, top) != top
        alias = "_" + parent.replace(".", "_") if taken else ""
        self.needed[parent] = alias
        return f"{alias or parent}.{last}"


def _with_imports(module: cst.Module, needed: Iterable[tuple[str, str]]) -> cst.Module:
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


class _Dropper(cst.CSTTransformer):
    """Drops imports whose name is not used; a block that they leave empty says ``pass``."""

    def __init__(self, names: Collection[str], used: Collection[str]) -> None:
        super().__init__()
        self.names, self.used = names, used

    def _unused(self, module: str, alias: cst.ImportAlias) -> bool:
        name = dotted(alias.name)
        local = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else name
        return f"{module}{name}" in self.names and local.partition(".")[0] not in self.used

    def _kept(
        self, original: cst.Import | cst.ImportFrom, updated: cst.Import | cst.ImportFrom, module: str
    ) -> cst.Import | cst.ImportFrom | cst.RemovalSentinel:
        if isinstance(original.names, cst.ImportStar):
            return updated
        kept = [a for a in original.names if not self._unused(module, a)]
        if len(kept) == len(original.names):
            return updated
        if not kept:
            return cst.RemoveFromParent()
        return updated.with_changes(names=[*kept[:-1], kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)])

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import | cst.RemovalSentinel:
        return self._kept(original_node, updated_node, "")  # type: ignore[return-value]  # one kind in, the same out

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        if original_node.relative or original_node.module is None:
            return updated_node
        return self._kept(original_node, updated_node, f"{dotted(original_node.module)}.")  # type: ignore[return-value]

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
