"""Change a Python source by the places of its syntax tree, with everything between them kept as it was written."""

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence


def _starts(data: bytes) -> list[int]:
    """Return the byte offsets at which the lines of a source begin, and that of its end."""
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(starts: Sequence[int], node: ast.AST) -> tuple[int, int]:
    """Return the byte offsets of a node that has a place in its source, which not every node has."""
    start = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]  # a placed node
    return start, starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]  # a placed node


def segment(source: str, node: ast.AST) -> str:
    """Return the source of a node as it is written."""
    data = source.encode()
    begin, end = _span(_starts(data), node)
    return data[begin:end].decode()


def spliced(source: str, node: ast.AST, new: str) -> str:
    """Put other source in the place of a node."""
    data = source.encode()
    begin, end = _span(_starts(data), node)
    return (data[:begin] + new.encode() + data[end:]).decode()


class Text:
    """A source and its syntax tree; ``of`` gives what stands at a node, ``edited`` the source with other text there.

    Raises SyntaxError where the source does not parse.
    """

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self._data = source.encode()
        self._starts = _starts(self._data)

    def span(self, first: ast.AST, last: ast.AST | None = None) -> tuple[int, int]:
        """Return the byte offsets from the beginning of one node to the end of the same or another one."""
        return _span(self._starts, first)[0], _span(self._starts, last or first)[1]

    def of(self, first: ast.AST, last: ast.AST | None = None) -> str:
        """Return the text from the beginning of one node to the end of the same or another one."""
        start, end = self.span(first, last)
        return self._data[start:end].decode()

    def line_start(self, node: ast.AST) -> str:
        """Return what stands before a node on its line."""
        start, _ = self.span(node)
        return self._data[self._starts[bisect_right(self._starts, start) - 1] : start].decode()

    def line_rest(self, node: ast.AST) -> str:
        """Return what stands after a node on the last of its lines, without the line's end."""
        _, end = self.span(node)
        return self._data[end : self._starts[bisect_left(self._starts, end)]].decode().rstrip("\r\n")

    def edited(self, edits: Iterable[tuple[int, int, str]]) -> str:
        """Return the source with (start, end, text) put in; of edits that overlap only the first one is made."""
        parts: list[bytes] = []
        place = 0
        for start, end, text in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
            if start < place:
                continue
            parts += [self._data[place:start], text.encode()]
            place = end
        return b"".join([*parts, self._data[place:]]).decode()


def nested(code: str, indentation: str) -> str | None:
    """Return statements with further indentation before each line; None where that would change a string in them."""
    shown = "\n".join(indentation + line if line.strip() else line for line in code.split("\n"))
    try:
        inside = ast.parse(f"if 1:\n{shown}").body[0]
        same = isinstance(inside, ast.If) and ast.dump(ast.parse(code)) == ast.dump(ast.Module(inside.body, []))
    except SyntaxError:
        return None
    return shown if same else None


def with_pytest(source: str) -> str:
    """Return a source that imports pytest, below its first import where it did not."""
    text = Text(source)
    if any(isinstance(n, ast.Import) and any(a.name == "pytest" and not a.asname for a in n.names)
           for n in text.tree.body):  # fmt: skip
        return source
    imports = [n for n in text.tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    after: ast.stmt | None = imports[0] if imports else None
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            after = node
    if after is None and text.tree.body and ast.get_docstring(text.tree, clean=False) is not None:
        after = text.tree.body[0]
    if after is None:
        return f"import pytest\n\n\n{source}"
    end = text.span(after)[1] + len(text.line_rest(after).encode())
    return text.edited([(end, end, "\nimport pytest")])
