"""The places in a function where a mutant can be made, by its syntax tree and exact positions."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_SAYING = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print"})
_COMPARISONS: Mapping[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", (">=", "<=")),
    ast.LtE: ("<=", (">", "<")),
    ast.Gt: (">", ("<=", ">=")),
    ast.GtE: (">=", ("<", ">")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: (r"is\s+not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: (r"not\s+in", ("in",)),
}
_ARITHMETIC: Mapping[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
}
_LITERAL = re.compile(r"""([rRuU]?)("{3}|'{3}|"|')(.*)\2""", re.DOTALL)

# How much a mutant says: one that keeps the types tests what is asserted; one that makes the code fail is noticed by
# any call; one in a loop's condition may never end.
KEEPS, FAILS, LOOPS = 0, 1, 2

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit: the bytes ``start`` to ``end`` of the file's text in UTF-8 become ``text``.

    ``reached`` says that the place is run whenever its function is entered and nothing raises before it; ``line``
    is 1-based; ``rank`` is lower the more the mutant says.
    """

    file: str
    line: int
    function: str
    description: str
    start: int
    end: int
    text: str
    reached: bool = True
    rank: int = KEEPS

    def apply(self, source: str) -> str:
        """Return the mutated text of the file."""
        data = source.encode("utf-8")
        return (data[: self.start] + self.text.encode("utf-8") + data[self.end :]).decode("utf-8")


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what belongs to a function itself, not to one defined in it."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*Function.__args__, ast.ClassDef, ast.Lambda)):
            yield from _own(child)


def _leaves(statement: ast.stmt) -> bool:
    """Whether what follows a statement is perhaps not run."""
    leaving = (ast.Return, ast.Raise, ast.Continue, ast.Break)
    return any(isinstance(node, leaving) for node in _own(statement))


class Sites:
    """The mutants of one function."""

    def __init__(self, file: str, text: str, function: str) -> None:
        self.file, self.function = file, function
        self.data = text.encode("utf-8")
        self.starts = [0, *(m.end() for m in re.finditer(rb"\r\n|\r|\n", self.data))]
        self.found: list[Mutant] = []
        self.generator = False

    def of(self, node: Function) -> list[Mutant]:
        """Return them all; those of functions defined inside are not among them."""
        inner = [n for statement in node.body for n in _own(statement)]
        self.generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in inner)
        body = node.body
        if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:]
        self._block(body, reached=True)
        return self.found

    # -- places

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[end_line - 1] + end_column

    def _text(self, start: int, end: int) -> str:
        return self.data[start:end].decode("utf-8", "replace")

    def _add(self, node: ast.expr | ast.stmt, span: tuple[int, int], text: str, *, reached: bool, rank: int) -> None:
        was = " ".join(self._text(*span).split())
        said = f"`{was[:50]}` becomes `{' '.join(text.split())[:50]}` in {self.function}"
        self.found.append(Mutant(self.file, node.lineno, self.function, said, *span, text, reached, rank))

    def _between(self, left: ast.expr, right: ast.expr, pattern: str) -> tuple[int, int] | None:
        """Find an operator between two operands; None where a comment stands there too."""
        start, end = self._span(left)[1], self._span(right)[0]
        gap = self.data[start:end]
        if b"#" in gap:
            return None
        word = pattern[0].isalpha()
        found = re.search((rf"\b{pattern}\b" if word else pattern).encode(), gap)
        return (start + found.start(), start + found.end()) if found else None

    # -- statements

    def _block(self, body: Sequence[ast.stmt], *, reached: bool, loop: bool = False) -> None:
        for statement in body:
            self._statement(statement, reached=reached, loop=loop)
            reached = reached and not _leaves(statement)

    def _statement(self, node: ast.stmt, *, reached: bool, loop: bool) -> None:  # noqa: C901 - a case per statement
        rank = LOOPS if loop else KEEPS
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Raise() | ast.Assert():
                return
            case ast.If(test=test, body=body, orelse=orelse):
                self._condition(test, reached=reached, rank=rank)
                self._block(body, reached=False, loop=loop)
                self._block(orelse, reached=False, loop=loop)
            case ast.While(test=test, body=body, orelse=orelse):
                self._condition(test, reached=reached, rank=LOOPS)
                self._block(body, reached=False, loop=True)
                self._block(orelse, reached=False, loop=loop)
            case (
                ast.For(iter=iterated, body=body, orelse=orelse) | ast.AsyncFor(iter=iterated, body=body, orelse=orelse)
            ):
                self._expression(iterated, reached=reached, rank=rank)
                self._block([*body, *orelse], reached=False, loop=loop)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self._expression(item.context_expr, reached=reached, rank=rank)
                self._block(body, reached=reached, loop=loop)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                self._block(body, reached=reached, loop=loop)
                for handler in handlers:
                    self._block(handler.body, reached=False, loop=loop)
                self._block(orelse, reached=False, loop=loop)
                self._block(final, reached=reached, loop=loop)
            case ast.Match(subject=subject, cases=cases):
                self._expression(subject, reached=reached, rank=rank)
                for case in cases:
                    self._block(case.body, reached=False, loop=loop)
            case _:
                self._simple(node, reached=reached, rank=rank)

    def _simple(self, node: ast.stmt, *, reached: bool, rank: int) -> None:  # noqa: C901 - a case per statement
        fails = max(rank, FAILS)
        match node:
            case ast.Return(value=ast.expr() as value):
                if not self.generator and not (isinstance(value, ast.Constant) and value.value is None):
                    self._add(node, self._span(value), "None", reached=reached, rank=fails)
                self._expression(value, reached=reached, rank=rank)
            case ast.Expr(value=ast.Call() as call):
                if _said(call):
                    return
                self._add(node, self._span(node), "pass", reached=reached, rank=rank)
                self._expression(call, reached=reached, rank=rank)
            case ast.AugAssign(target=target, op=op, value=value):
                signs = _ARITHMETIC.get(type(op))
                place = self._between(target, value, re.escape(signs[0]) + "=") if signs else None
                if signs is not None and place is not None and not _textual(value):
                    self._add(node, place, signs[1] + "=", reached=reached, rank=rank)
                self._add(node, self._span(node), "pass", reached=reached, rank=rank)
                self._expression(value, reached=reached, rank=rank)
            case ast.Assign(targets=targets, value=value):
                if all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets):
                    self._add(node, self._span(node), "pass", reached=reached, rank=fails)
                self._expression(value, reached=reached, rank=rank)
            case ast.Expr(value=ast.Constant()):
                return  # words for readers
            case ast.AnnAssign(value=ast.expr() as value) | ast.Expr(value=value):
                self._expression(value, reached=reached, rank=rank)

    # -- expressions

    def _condition(self, test: ast.expr, *, reached: bool, rank: int) -> None:
        """Mutate a condition: turned, where no comparison in it can be."""
        if not isinstance(test, ast.Compare | ast.Constant) and not _negation(test):
            start, end = self._span(test)
            self._add(test, (start, end), f"not ({self._text(start, end)})", reached=reached, rank=rank)
        self._expression(test, reached=reached, rank=rank)

    def _expression(self, node: ast.expr, *, reached: bool, rank: int) -> None:  # noqa: C901 - a case per expression
        match node:
            case ast.JoinedStr() | ast.Lambda():
                return  # the places in an f-string are not exact on every Python
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                pattern, others = _COMPARISONS[type(op)]
                place = self._between(left, right, pattern)
                for other in others if place is not None else ():
                    self._add(node, place or (0, 0), other, reached=reached, rank=rank)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                sign, other = _ARITHMETIC[type(op)]
                place = self._between(left, right, re.escape(sign))
                if place is not None and not (_textual(left) or _textual(right)):
                    self._add(node, place, other, reached=reached, rank=rank)
            case ast.BoolOp(op=op, values=[first, second, *_]):
                was, other = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                place = self._between(first, second, was)
                if place is not None:
                    self._add(node, place, other, reached=reached, rank=rank)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                text = self._text(*self._span(operand))
                self._add(node, self._span(node), f"({text})", reached=reached, rank=rank)
            case ast.Constant():
                self._constant(node, reached=reached, rank=rank)
            case ast.Call() if _said(node):
                return
        self._inside(node, reached=reached, rank=rank)

    def _inside(self, node: ast.expr, *, reached: bool, rank: int) -> None:  # noqa: C901 - as above
        match node:
            case ast.BoolOp(values=[first, *others]):
                self._expression(first, reached=reached, rank=rank)
                for value in others:
                    self._expression(value, reached=False, rank=rank)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._condition(test, reached=reached, rank=rank)
                self._expression(body, reached=False, rank=rank)
                self._expression(orelse, reached=False, rank=rank)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                for at, generator in enumerate(node.generators):
                    self._expression(generator.iter, reached=reached and at == 0, rank=rank)
                    for test in generator.ifs:
                        self._condition(test, reached=False, rank=rank)
                parts = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
                for part in parts:
                    self._expression(part, reached=False, rank=rank)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._expression(child, reached=reached, rank=rank)
                    elif isinstance(child, ast.keyword):
                        self._expression(child.value, reached=reached, rank=rank)

    def _constant(self, node: ast.Constant, *, reached: bool, rank: int) -> None:
        start, end = self._span(node)
        text = self._text(start, end)
        match node.value:
            case bool(value):
                self._add(node, (start, end), str(not value), reached=reached, rank=rank)
            case int(value):
                self._add(node, (start, end), str(value + 1), reached=reached, rank=rank)
            case float(value) if abs(value) < 1e15:  # noqa: PLR2004 - above it, one more is the same number
                self._add(node, (start, end), repr(value + 1), reached=reached, rank=rank)
            case str():
                literal = _LITERAL.fullmatch(text)
                if literal is not None and literal[2] not in literal[3]:
                    new = f"{literal[1]}{literal[2]}XX{literal[3]}{literal[2]}"
                    self._add(node, (start, end), new, reached=reached, rank=rank)


def _said(call: ast.Call) -> bool:
    """Whether a call only tells a person something."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _SAYING
    return False


def _negation(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _textual(node: ast.expr) -> bool:
    """Whether an operand is text or a list, for which the other operators are errors rather than defects."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    return isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.ListComp)
