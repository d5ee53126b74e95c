"""Tests that set the encoding of a standard stream, as pytest's own streams let them until pytest 5.4."""

import ast

from maestro.healing.known_forms.edits import Text

_STREAMS = frozenset({"stdin", "stdout", "stderr"})
STREAMS = tuple(f"sys.{name}.encoding" for name in sorted(_STREAMS))


def stream_encodings(source: str) -> str:
    """``sys.stdout.encoding = "gbk"`` as ``sys.stdout.reconfigure(encoding="gbk")``.

    Since pytest 5.4 its streams are Python's, whose attribute is read-only; they are reconfigured since Python 3.7.
    https://docs.python.org/3/library/io.html#io.TextIOWrapper.reconfigure
    """
    text = Text(source)
    imported = [a for n in text.tree.body if isinstance(n, ast.Import) for a in n.names]
    if not any(alias.name == "sys" and alias.asname is None for alias in imported):
        return source
    edits: list[tuple[int, int, str]] = []
    for node in ast.walk(text.tree):
        match node:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Attribute(value=ast.Name(id="sys"), attr=stream), attr="encoding")],
                value=value,
            ) if stream in _STREAMS and not isinstance(value, ast.Tuple):
                edits.append((*text.span(node), f"sys.{stream}.reconfigure(encoding={text.of(value)})"))
    return text.edited(edits)
