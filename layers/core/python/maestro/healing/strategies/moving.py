"""Let a source use what moved under its new qualified name: in its imports and wherever it is written out."""

from collections.abc import Mapping, Sequence

import libcst as cst

from maestro.healing.strategies.rewriting import add_imports, checked, dotted, expression

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
        changed = add_imports(changed, sorted(mover.needed.items()))
    return checked(source, changed.code)


def split(name: str) -> tuple[str, str]:
    """Split a qualified name into module and the rest; a colon marks the border where it is not the last dot."""
    if ":" in name:
        module, _, rest = name.partition(":")
        return module, rest
    module, _, rest = name.rpartition(".")
    return module, rest


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
