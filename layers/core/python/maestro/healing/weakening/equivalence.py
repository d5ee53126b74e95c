"""Whether a changed Python file still says the same: only what a dependency or Python renamed may differ.

Two syntax trees are walked together. Differences are allowed by a closed list, each entry of which keeps
behaviour as far as the project's own logic goes:

- import statements, and the fallback blocks around them
- a name or attribute that a library or Python dropped, replaced by another one from outside of the project
- a keyword of a call renamed, when the callee is not the project's; ``loop=``, ``encoding=`` and
  what the catalogue says that it no longer takes dropped there
- generator coroutines written as ``async def``; ``list(...)`` around a view or iterator, ``sorted(...)`` around a
  directory listing
- parameters of a pytest hook renamed; parameters added that code outside of the project passes
  (:mod:`maestro.healing.known_forms.signatures`)
- an expression replaced by what documentation says instead (:mod:`maestro.healing.known_forms.rewrites`)
- with ``tests=True`` also: statements added (given back for inspection), longer waits, copies of shared state, a
  yielded check called, a mark taken off a fixture,
  a field read by the name that the interface's description gives it

Everything else is a :class:`Difference`. Names that the project defines, local variables, constants, operators,
control flow and the order of statements must stay.

The walk is here; whether one name, keyword or wrapping may stand for another is said by
:mod:`maestro.healing.weakening.substitutes`.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from maestro.healing import _names
from maestro.healing._forms import (
    MUTABLE_DEFAULT,
    Difference,
    Knowledge,
    binds_imports,
    default_made_by,
    dotted,
    last_name,
    line,
    local_names,
    longer,
    longer_sleeps,
    origins,
    pointless_mark,
    resolved,
    same_words,
    shown,
    yielded_call,
)
from maestro.healing.known_forms.restoring import narrower
from maestro.healing.known_forms.rewrites import is_bridge, replaced
from maestro.healing.known_forms.signatures import narrowed
from maestro.healing.weakening.substitutes import (
    droppable,
    foreign,
    renamed,
    renamed_attribute,
    renamed_field,
    unwrapped,
)

_HARMLESS_MARKS = frozenset({"asyncio", "anyio", "usefixtures", "trio", "fixture", "gen_test", "inlineCallbacks"})
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Node = object  # a node, a list of nodes, or a plain field of one


@dataclass
class Comparer:
    """Walks two canonical modules; see the module's docstring for what may differ.

    ``translated`` says that the module before is a translation by 2to3. ``inserted``
    collects, in tests mode, the statements that only the module after has, each with whether it stands
    inside a function that was there before.
    """

    before: ast.Module
    after: ast.Module
    knowledge: Knowledge
    tests: bool = False
    translated: bool = False
    inserted: list[tuple[ast.AST, bool]] = field(default_factory=list)
    _alpha: dict[str, str] = field(default_factory=dict)
    _functions: int = 0
    _path: list[str] = field(default_factory=list)  # names of the definitions around what is compared

    def __post_init__(self) -> None:
        self._old, self._new = origins(self.before), origins(self.after)
        self._old_locals, self._new_locals = local_names(self.before), local_names(self.after)

    def differences(self) -> Iterator[Difference]:
        """Yield what differs and may not, in the order of the module before."""
        came = self._new.keys() - self._old.keys()
        for name in sorted(came & (self._old_locals | {"*"})):
            yield Difference(f"a new import hides `{name}`", 0, self.before, self.after)
        yield from self._body(self.before.body, self.after.body)

    # --- statements

    def _body(self, old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> Iterator[Difference]:
        old = [s for s in old if not binds_imports(s)]
        new = [s for s in new if not binds_imports(s)]
        position = 0
        for statement in old:
            found, inner = self._find(statement, new, position)
            if found is None:
                other = new[position] if position < len(new) else None
                yield self._lost(statement, other)
                if other is not None and not self._matches_later(other, old, statement):
                    position += 1
                continue
            yield from self._added(new[position:found])
            yield from inner
            position = found + 1
        yield from self._added(new[position:])

    def _matches_later(self, other: ast.stmt, old: Sequence[ast.stmt], after: ast.stmt) -> bool:
        start = old.index(after) + 1
        return any(self._quietly(s, other) is None for s in old[start : start + 50])

    def _find(self, statement: ast.stmt, new: Sequence[ast.stmt], position: int) -> tuple[int | None, list[Difference]]:
        if isinstance(statement, _Definition):
            for index in range(position, len(new)):
                other = new[index]
                if isinstance(other, _Definition) and other.name == statement.name and type(other) is type(statement):
                    return index, list(self._definition(statement, other))
            return None, []
        reach = len(new) if self.tests else min(len(new), position + 1)
        for index in range(position, reach):
            mark = len(self.inserted)
            if self._differs(statement, new[index]) is None:
                return index, []
            del self.inserted[mark:]
        return None, []

    def _lost(self, statement: ast.stmt, other: ast.stmt | None) -> Difference:
        reason = self._quietly(statement, other) if type(other) is type(statement) else None
        detail = reason.detail if reason else f"is gone: {shown(statement)}"
        return Difference(detail, statement.lineno, statement, other if reason else None)

    def _added(self, statements: Sequence[ast.stmt]) -> Iterator[Difference]:
        statements = [statement for statement in statements if not is_bridge(statement)]
        if self.tests:
            self.inserted.extend((statement, self._functions > 0) for statement in statements)
            return
        for statement in statements:
            if not isinstance(statement, ast.Pass):
                yield Difference(f"was added: {shown(statement)}", statement.lineno, None, statement)

    def _definition(self, old: _Definition, new: _Definition) -> Iterator[Difference]:
        saved = dict(self._alpha)
        yield from self._decorators(old, new)
        if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
            for a, b in ((old.bases, new.bases), (old.keywords, new.keywords)):
                reason = self._differs(a, b)
                if reason:
                    yield Difference(f"class {old.name}: {reason.detail}", old.lineno, old, new)
        elif not isinstance(old, ast.ClassDef) and not isinstance(new, ast.ClassDef):
            allowed = {
                name
                for asked in self.knowledge.asked
                if asked.allows(old.name, tests=self.tests)
                for name in asked.parameters
            }
            reason = self._parameters(old, narrowed(old, new, allowed) or new)
            if reason:
                yield Difference(f"parameters of {old.name}: {reason.detail}", old.lineno, old, new)
        inside = int(not isinstance(old, ast.ClassDef))
        self._functions += inside
        self._path.append(old.name)
        yield from list(self._body(old.body, new.body))
        self._path.pop()
        self._functions -= inside
        self._alpha = saved

    def _decorators(self, old: _Definition, new: _Definition) -> Iterator[Difference]:
        left = list(new.decorator_list)
        same = {ast.dump(d) for d in left}
        for decorator in old.decorator_list:
            if self.tests and pointless_mark(decorator, old) and ast.dump(decorator) not in same:
                continue
            match = next((d for d in left if self._quietly(decorator, d) is None), None)
            if match is None and self.tests:
                match = next((d for d in left if narrower(decorator, d)), None)
            if match is not None:
                left.remove(match)
            elif not (self.tests and re.search(r"\b(skip|xfail|skipIf|skipUnless|skipif)\b", ast.unparse(decorator))):
                other = left[0] if left else None
                yield Difference(f"decorator of {old.name} changed: {shown(decorator)}", old.lineno, decorator, other)
                left = left[1:]
        for decorator in left:
            callee = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self.tests and last_name(callee) in _HARMLESS_MARKS:
                continue
            yield Difference(f"decorator added to {old.name}: {shown(decorator)}", new.lineno, None, decorator)

    def _parameters(
        self, old: ast.FunctionDef | ast.AsyncFunctionDef, new: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> Difference | None:
        a, b = old.args, new.args
        first, second = [*a.posonlyargs, *a.args], [*b.posonlyargs, *b.args]
        may_add = self.tests and (old.name.startswith("test") or bool(old.decorator_list))
        if len(first) > len(second) or (len(first) < len(second) and not may_add):
            return Difference("their number changed", old.lineno)
        for x, y in zip(first, second, strict=False):
            if x.arg == y.arg:
                continue
            if not (old.name.startswith("pytest_") or x.arg in self.knowledge.missing):
                return Difference(f"`{x.arg}` became `{y.arg}`", old.lineno)
            self._alpha[x.arg] = y.arg
        for rest in ("vararg", "kwonlyargs", "kw_defaults", "kwarg", "defaults"):
            reason = self._differs(getattr(a, rest), getattr(b, rest))
            if reason:
                return reason
        return None

    def _quietly(self, old: _Node, new: _Node) -> Difference | None:
        """Compare without keeping what was inserted."""
        mark = len(self.inserted)
        reason = self._differs(old, new)
        del self.inserted[mark:]
        return reason

    # --- everything below a statement

    def _differs(self, old: _Node, new: _Node) -> Difference | None:  # noqa: C901, PLR0911 - one line per kind
        if isinstance(old, list) and isinstance(new, list):
            if old and isinstance(old[0], ast.stmt):
                return next(iter(self._body(old, new)), None)
            return self._lists(old, new)
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            old = self._as_call(old, new)
            if self._documented(old, new):
                return None
            if isinstance(old, (ast.Name, ast.Attribute)) and isinstance(new, (ast.Name, ast.Attribute)):
                return self._reference(old, new)
            inner = unwrapped(old, new, tests=self.tests)
            if inner is not None:
                return self._differs(old, inner)
            inner = unwrapped(new, old, tests=self.tests) if self.translated else None
            if inner is not None:  # the translation wrapped what the source itself left bare
                return self._differs(inner, new)
            if type(old) is not type(new):
                return Difference(f"{shown(old)} became {shown(new)}", line(old), old, new)
            if isinstance(old, ast.Constant) and isinstance(new, ast.Constant):
                return self._constant(old, new)
            if isinstance(old, ast.Call) and isinstance(new, ast.Call):
                return self._call(old, new)
            if isinstance(old, _Definition) and isinstance(new, _Definition):
                if old.name != new.name:
                    return Difference(f"{old.name} was renamed", old.lineno, old, new)
                return next(iter(self._definition(old, new)), None)
            return self._fields(old, new)
        return None if old == new else Difference(f"{shown(old)} became {shown(new)}", 0)

    def _as_call(self, old: ast.AST, new: ast.AST) -> ast.AST:
        """Read what a test of nose's kind yields as the call that it stands for, where that call came."""
        if self.tests and isinstance(old, ast.Yield) and isinstance(new, ast.Call) and self._path:
            return (yielded_call(old) if self._path[-1].startswith("test") else None) or old
        return old

    def _documented(self, old: ast.AST, new: ast.AST) -> bool:
        """Whether an expression became what documentation says instead, with all that it is made of as it was."""
        made = default_made_by(new, self._new)
        if made is not None and any(re.search(MUTABLE_DEFAULT, said) for said in self.knowledge.messages):
            return self._quietly(old, made) is None

        def resolve(names: Mapping[str, set[str]], bound: set[str]) -> Callable[[str], set[str]]:
            return lambda name: set() if name.split(".")[0] in bound else resolved(name, names)

        before, after = resolve(self._old, self._old_locals), resolve(self._new, self._new_locals)
        for rewrite, pairs in replaced(old, new, before, after):
            top, _, method = rewrite.callee.partition(".")
            if rewrite.error:
                fits = any(re.search(rewrite.error, said) for said in self.knowledge.messages)
            elif rewrite.is_method:
                fits = method in self.knowledge.missing and method not in self.knowledge.names.defined
            else:
                fits = top not in self.knowledge.names.modules
            if fits and all(self._quietly(a, b) is None for a, b in pairs):
                return True
        return False

    def _fields(self, old: ast.AST, new: ast.AST) -> Difference | None:
        for name in old._fields:
            if name in ("ctx", "kind", "type_comment", "type_params"):
                continue
            reason = self._differs(getattr(old, name, None), getattr(new, name, None))
            if reason is not None and not (name == "slice" and self.tests and renamed_field(old, new, self.knowledge)):
                return reason if reason.line else Difference(reason.detail, line(old), old, new)
        return None

    def _lists(self, old: list[ast.AST], new: list[ast.AST]) -> Difference | None:
        if len(old) != len(new):
            return Difference(f"{len(old)} items became {len(new)}: {shown(old)} became {shown(new)}", 0)
        return next(filter(None, (self._differs(a, b) for a, b in zip(old, new, strict=True))), None)

    def _constant(self, old: ast.Constant, new: ast.Constant) -> Difference | None:
        a, b = old.value, new.value
        if type(a) is type(b) and (a == b or (a != a and b != b)):  # noqa: PLR0124 - not a number equals nothing
            return None
        if self.tests and isinstance(a, str) and isinstance(b, str) and longer_sleeps(a, b):
            return None
        return Difference(f"constant {a!r:.80} became {b!r:.80}", line(old), old, new)

    def _call(self, old: ast.Call, new: ast.Call) -> Difference | None:
        reason = self._differs(old.func, new.func)
        if reason is not None:
            return reason
        word = last_name(old.func)
        if ast.dump(old.func) != ast.dump(new.func) and same_words(old, new):
            return None
        if self.tests and word in ("patch", "setattr", "delattr", "import_module", "importorskip", "object"):
            reason = self._arguments_with_targets(old.args, new.args)
        else:
            reason = self._timed(old.args, new.args, timed=bool(_names.WAITS.fullmatch(word)))
        return reason or self._keywords(old, new, word)

    def _timed(self, old: Sequence[ast.expr], new: Sequence[ast.expr], *, timed: bool) -> Difference | None:
        if len(old) != len(new):
            return Difference(f"{len(old)} arguments became {len(new)}", line(old[0] if old else new[0]))
        for a, b in zip(old, new, strict=True):
            if timed and self.tests and longer(a, b):
                continue
            reason = self._differs(a, b)
            if reason is not None:
                return reason
        return None

    def _arguments_with_targets(self, old: Sequence[ast.expr], new: Sequence[ast.expr]) -> Difference | None:
        """Compare the arguments of ``patch("a.b.c")`` and the like, whose strings name things."""
        match (list(old), list(new)):
            case ([ast.Constant(value=str(a)), *rest], [ast.Constant(value=str(b)), *others]) if a != b:
                if not (_DOTTED.fullmatch(a) and _DOTTED.fullmatch(b)) or self._renamed({a}, {b}, a.split(".")[0]):
                    return Difference(f"{a!r} became {b!r}", line(old[0]), old[0], new[0])
                return self._differs(rest, others)
        return self._timed(old, new, timed=False)

    def _keywords(self, old: ast.Call, new: ast.Call, callee: str) -> Difference | None:
        left, right = ({k.arg: k.value for k in call.keywords} for call in (old, new))
        own = callee in self.knowledge.names.defined
        gone, came = [k for k in left if k not in right], [k for k in right if k not in left]
        for name in left.keys() & right.keys():
            if self.tests and _names.waits(callee, name or "") and longer(left[name], right[name]):
                continue
            reason = self._differs(left[name], right[name])
            if reason is not None:
                return reason
        if not gone and not came:
            return None
        if own:
            return Difference(f"keywords of the project's own `{callee}` changed: {gone} became {came}", old.lineno)
        for name in gone:
            twin = next((k for k in came if self._quietly(left[name], right[k]) is None), None)
            if twin is not None:
                came.remove(twin)
            elif not droppable(name, callee, self.knowledge):
                return Difference(f"keyword `{name}` of `{callee}` was dropped", old.lineno, old, new)
        if came:
            return Difference(f"keyword `{came[0]}` of `{callee}` was added", old.lineno, old, new)
        return None

    # --- references

    def _reference(self, old: ast.expr, new: ast.expr) -> Difference | None:
        a, b = dotted(old), dotted(new)
        if a is not None and b is not None:
            a = ".".join([self._alpha.get(a.split(".")[0], a.split(".")[0]), *a.split(".")[1:]])
            if foreign(a, self._old, self._old_locals) and foreign(b, self._new, self._new_locals):
                reason = self._renamed(resolved(a, self._old), resolved(b, self._new), a.split(".")[0])
                return reason and Difference(reason.detail, line(old), old, new)
        if isinstance(old, ast.Attribute) and isinstance(new, ast.Attribute):
            reason = self._differs(old.value, new.value)
            if reason is None and old.attr != new.attr:
                reason = renamed_attribute(old.attr, new.attr, line(old), self.knowledge)
            return reason and Difference(reason.detail, line(old), old, new)
        if a is not None and a == b:
            return None
        if isinstance(old, ast.Name) and isinstance(new, ast.Name) and a == new.id:
            return None
        return Difference(f"`{shown(old)}` became `{shown(new)}`", line(old), old, new)

    def _renamed(self, old: set[str], new: set[str], root: str) -> Difference | None:
        return renamed(old, new, self.knowledge, imported=root in self._old)
