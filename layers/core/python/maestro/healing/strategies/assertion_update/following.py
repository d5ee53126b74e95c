"""An expectation -> what the changed dependency yields now. Only with provenance, and only the literal itself.

What may be written is decided by :mod:`maestro.healing.provenance`, which the proof's gates ask as well.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from maestro.healing import provenance, swaps
from maestro.healing._trees import parse
from maestro.healing.base import Project, Proposal
from maestro.healing.expectations import value_of
from maestro.healing.sourcetree import SourceTree
from maestro.model import Failure, Strategy

Span = tuple[int, int, int, int]
Edit = tuple[Span, str]
Record = Mapping[str, Any]
_QUOTED = re.compile(r"""[A-Za-z]{0,2}(\"\"\"|'''|"|')""")
_NEEDS_ESCAPE = re.compile(r"([.^$*+?{}\[\]|()\\])")


@dataclass(frozen=True, slots=True)
class Following:
    """Lets the expectations of a failure that have provenance follow the dependency, those that ``write`` knows.

    ``write`` gives the edits of one record in a file's text, None where the record is of another kind; ``words`` say
    what the change does.
    """

    name: str
    words: str
    prior: float
    write: Callable[[str, Record], list[Edit] | None]
    strategy: Strategy = Strategy.ASSERTION_UPDATE

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one change of all such expectations; none where two records want one of them otherwise."""
        tree = SourceTree(project.root, project.test_paths)
        edits: dict[str, dict[Span, str]] = {}
        by: dict[str, None] = {}
        for record in swaps.provenance(failure):
            text = tree.text(str(record.get("file", "")))
            changes = None if text is None else self.write(text, record)
            for span, new in changes or ():
                if edits.setdefault(record["file"], {}).setdefault(span, new) != new:
                    return  # two tests share the expectation, and it cannot follow both
                by[str(record["changed"])] = None
        if edits:
            texts: dict[str, str | None] = {
                file: provenance.replaced(tree.text(file) or "", spans.items()) for file, spans in edits.items()
            }
            yield Proposal(texts, f"{self.words}: {'; '.join(by)}", self.prior)


def _literal(text: str, record: Record) -> list[Edit] | None:
    """Write the new value where the old one stood, as small a part of the literal as differs."""
    node = _node(text, record)
    if record.get("kind") != "value" or node is None:
        return None
    return list(_smallest(text, node, value_of(record["new"])))


def _node(text: str, record: Record) -> ast.expr | None:
    """Return the literal that a record is about."""
    module = parse(text)
    span = tuple(record.get("span", ()))
    for node in ast.walk(module) if module is not None else ():
        if isinstance(node, ast.expr) and _span(node) == span:
            return node
    return None


def _span(node: ast.expr) -> Span:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)


def _smallest(text: str, node: ast.expr, new: Any) -> Iterator[Edit]:
    """Yield the edits that make a literal stand for another value, those of its parts where the shape stays."""
    old = value_of(ast.unparse(node))
    if type(old) is type(new) and repr(old) == repr(new):
        return
    if isinstance(node, (ast.List, ast.Tuple)) and type(old) is type(new) and len(old) == len(new):
        for part, value in zip(node.elts, new, strict=True):
            yield from _smallest(text, part, value)
    elif isinstance(node, ast.Dict) and isinstance(new, dict) and list(old) == list(new) and None not in node.keys:
        for part, value in zip(node.values, new.values(), strict=True):
            yield from _smallest(text, part, value)
    else:
        yield _span(node), _written(provenance.segment(text, node), new)


def _written(source: str, value: Any) -> str:
    """Write a value as the source wrote the old one: the same quotes, where they serve."""
    mark = _QUOTED.match(source)
    if isinstance(value, str) and mark:
        quote = mark[1]
        inner = value if len(quote) > 1 else repr(value + "'")[1:-2].replace("\\'", "'")
        inner = inner if len(quote) > 1 or quote == "'" else inner.replace('"', '\\"')
        found = f"{quote}{inner}{quote}"
        if value_of(found) == value:
            return found
    return repr(value)


def _message(text: str, record: Record) -> list[Edit] | None:
    """Let the pattern of an expected error, or the part that a text is to hold, follow the words of the message."""
    node = _node(text, record)
    new = provenance.pattern(record) if record.get("kind") in ("message", "part") else ""
    if node is None or not new:
        return None
    if record["kind"] == "part":
        return [(_span(node), _written(provenance.segment(text, node), new))]
    escaped = _NEEDS_ESCAPE.sub(r"\\\1", new)
    written = _written(provenance.segment(text, node).lstrip("rRuU"), escaped)
    if "\\" in escaped:
        quote = "'" if '"' in escaped else '"'
        written = f"r{quote}{escaped}{quote}"
    return [(_span(node), written)] if value_of(written) == escaped else None


def _close(text: str, record: Record) -> list[Edit] | None:
    """Allow a number the last digits in which both versions differ, and no more; it then holds with both."""
    node, rel = _node(text, record), provenance.tolerance(record)
    imports = any(
        isinstance(n, ast.Import) and any(a.name == "pytest" and not a.asname for a in n.names)
        for n in ast.walk(parse(text) or ast.Module([], []))
    )
    if record.get("kind") != "value" or node is None or rel is None or not imports:
        return None
    return [(_span(node), f"pytest.approx({provenance.segment(text, node)}, rel={rel!r})")]


def _sorted(text: str, record: Record) -> list[Edit] | None:
    """Compare lists without their order, where both versions give the same elements; it then holds with both."""
    node, module = _node(text, record), parse(text)
    if record.get("kind") != "value" or node is None or module is None or not provenance.same_elements(record):
        return None
    for compared in ast.walk(module):
        if isinstance(compared, ast.Compare) and len(compared.ops) == 1 and isinstance(compared.ops[0], ast.Eq):
            sides = [compared.left, compared.comparators[0]]
            if any(_span(side) == _span(node) for side in sides):
                return [(_span(side), f"sorted({provenance.segment(text, side)})") for side in sides]
    return None


def _snapshot(text: str, record: Record) -> list[Edit] | None:
    """Write the new text into the file of expected output that the test reads."""
    new = provenance.snapshot(text, record) if record.get("kind") == "snapshot" else None
    lines = text.encode().splitlines(keepends=True)
    return None if new is None or not lines else [((1, 0, len(lines), len(lines[-1])), new)]


FOLLOWING = (
    Following("updated_literal", "let the expected value follow the dependency", 0.7, _literal),
    Following("updated_message", "let the expected message follow the dependency", 0.7, _message),
    Following("close_number", "allow the digits in which the dependency's versions differ", 0.75, _close),
    Following("any_order", "compare without the order, which the dependency changed", 0.5, _sorted),
    Following("updated_snapshot", "let the expected output follow the dependency", 0.7, _snapshot),
)
