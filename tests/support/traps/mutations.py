"""Small defects, put into Python source by the operator and place that a seed picks.

Each :class:`Mutation` replaces one piece of the text, so formatting and comments around it stay as they are.
"""

import ast
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Node = ast.AST


@dataclass(frozen=True, slots=True)
class Mutation:
    """A defect: the operator's name, its line, and the whole text with it."""

    operator: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class _Source:
    text: str
    tree: ast.Module
    starts: tuple[int, ...]  # byte offset of each line

    def replaced(self, node: Node, new: str) -> str:
        """The text with a node's piece replaced; offsets of ``ast`` are in UTF-8 bytes."""
        data = self.text.encode()
        begin = self.starts[node.lineno - 1] + node.col_offset
        end = self.starts[node.end_lineno - 1] + node.end_col_offset
        return (data[:begin] + new.encode() + data[end:]).decode()

    def piece(self, node: Node) -> str:
        return ast.get_source_segment(self.text, node) or ""


_COMPARISONS = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}  # fmt: skip
_EXCEPTIONS = {"ValueError": "TypeError", "TypeError": "ValueError", "KeyError": "IndexError", "IndexError": "KeyError"}


def _comparison(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        other = ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])]()], node.comparators)
        yield source.replaced(node, ast.unparse(other))


def _constant(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield source.replaced(node, str(node.value + 1))


def _negation(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield source.replaced(node.test, f"not ({source.piece(node.test)})")


def _logic(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield source.replaced(node, f"({ast.unparse(ast.BoolOp(other, node.values))})")


def _arithmetic(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not isinstance(node.left, ast.JoinedStr):
        other = ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        yield source.replaced(node, f"({ast.unparse(other)})")


def _return_value(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield source.replaced(node, "return None")


def _removed_statement(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, (ast.AugAssign, ast.Delete)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield source.replaced(node, "pass")


def _swapped_arguments(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args):
        first, second, *rest = node.args
        if ast.dump(first) != ast.dump(second):
            yield source.replaced(node, ast.unparse(ast.Call(node.func, [second, first, *rest], node.keywords)))


def _exception_type(source: _Source, node: Node) -> Iterator[str]:
    raised = node.exc if isinstance(node, ast.Raise) else None
    name = raised.func if isinstance(raised, ast.Call) else raised
    if isinstance(name, ast.Name) and name.id in _EXCEPTIONS:
        yield source.replaced(name, _EXCEPTIONS[name.id])


def _message(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        yield source.replaced(node.value, repr(node.value.value[:-1] if node.value.value else "x"))


def _near(name: str) -> str:
    """A name that could be a rename of ``name``: the kind of which similarity is no proof."""
    return name[:-1] if name.endswith("s") and len(name) > 4 else f"{name}s"


def _public(name: str) -> bool:
    return not name.startswith("_")


def _renamed(source: _Source, node: ast.FunctionDef | ast.ClassDef) -> str:
    """The text with a definition's name changed, on its own line."""
    keyword = "class" if isinstance(node, ast.ClassDef) else "def"
    lines = source.text.splitlines(keepends=True)
    lines[node.lineno - 1] = lines[node.lineno - 1].replace(
        f"{keyword} {node.name}", f"{keyword} {_near(node.name)}", 1
    )
    return "".join(lines)


def _renamed_method(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and _public(item.name) and not item.decorator_list:
                yield _renamed(source, item)


def _renamed_definition(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.Module):
        for item in node.body:
            if isinstance(item, (ast.FunctionDef, ast.ClassDef)) and _public(item.name):
                yield _renamed(source, item)


def _removed_method(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and _public(item.name) and not item.decorator_list:
                yield source.replaced(item, "pass")


def _renamed_parameter(source: _Source, node: Node) -> Iterator[str]:
    if not isinstance(node, ast.FunctionDef):
        return
    named = [*node.args.args, *node.args.kwonlyargs]
    given = node.args.args[len(node.args.args) - len(node.args.defaults) :] + node.args.kwonlyargs
    for argument in given:
        new = _near(argument.arg)
        if any(other.arg == new for other in named):
            continue
        uses = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == argument.arg]
        data = source.text.encode()
        for place in sorted([argument, *uses], key=lambda n: (n.lineno, n.col_offset), reverse=True):
            begin = source.starts[place.lineno - 1] + place.col_offset
            data = data[:begin] + new.encode() + data[begin + len(argument.arg.encode()) :]
        yield data.decode()


def _wrong_import(source: _Source, node: Node) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.level and len(node.names) == 1 and node.names[0].name != "*":
        name = node.names[0]
        shown = f"from {'.' * node.level}{node.module or ''} import {_near(name.name)} as {name.asname or name.name}"
        yield source.replaced(node, shown)


Operator = Callable[[_Source, Node], Iterator[str]]
OPERATORS: Mapping[str, Operator] = {
    "comparison": _comparison,
    "renamed-method": _renamed_method,
    "constant": _constant,
    "exception-type": _exception_type,
    "negation": _negation,
    "renamed-parameter": _renamed_parameter,
    "arithmetic": _arithmetic,
    "wrong-import": _wrong_import,
    "return-value": _return_value,
    "renamed-definition": _renamed_definition,
    "removed-statement": _removed_statement,
    "message": _message,
    "swapped-arguments": _swapped_arguments,
    "removed-method": _removed_method,
    "logic": _logic,
}


def _is_none(node: Node) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def mutations(text: str, operator: str, rng: random.Random) -> Iterator[Mutation]:
    """Yield the defects that one operator can put into a module, in an order that ``rng`` picks; each parses."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    source = _Source(text, ast.parse(text), tuple(starts))
    nodes = list(ast.walk(source.tree))
    rng.shuffle(nodes)
    for node in nodes:
        made = list(OPERATORS[operator](source, node))
        rng.shuffle(made)
        for changed in made:
            if changed != text and _parses(changed):
                yield Mutation(operator, _first_difference(text, changed), changed)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _first_difference(before: str, after: str) -> int:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((number for number, (one, two) in enumerate(pairs, start=1) if one != two), 0)
