"""YAML text as plain data with a position for every key and value.

Every scalar is kept as it was written (``3.10`` stays ``"3.10"``, ``yes`` stays ``"yes"``; an empty value is ``None``):
the schema, which knows what is wanted, turns text into numbers and truth values.
"""

import re
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import yaml

from maestro.config.errors import ConfigError, Problem
from maestro.config.files import MAX_BYTES

MAX_NODES = 20_000  # keys and values, aliases expanded
MAX_DEPTH = 32

Path = tuple[str | int, ...]
Position = tuple[int, int]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + t for t in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge"))
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # where YAML begins a new line
_CANNOT_START = {
    "\t": ("a tab where YAML wants spaces", "indent with spaces"),
    "@": ("a value cannot begin with '@'", "put it in quotes"),
    "`": ("a value cannot begin with '`'", "put it in quotes"),
    "%": ("a value cannot begin with '%'", "put it in quotes"),
}


@dataclass(slots=True)
class Document:
    """A parsed file. ``keys`` and ``values`` map a path such as ``("suites", "unit", "paths", 0)`` to a position."""

    file: str
    text: str
    root: yaml.Node | None
    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Return the line and column, from 1, of the value (or the key) at ``path``, or of its nearest parent."""
        while path:
            found = (key and self.keys.get(path)) or self.values.get(path)
            if found:
                return found
            path = path[:-1]
        return (1, 1)

    def problem(self, path: Path, what: str, remedy: str, *, key: bool = False) -> Problem:
        """Return a problem at ``path``."""
        return Problem(self.file, *self.position(path, key=key), what, remedy)


def parse(text: str, file: str) -> Document:
    """Parse YAML text whose top level is a mapping (or nothing).

    Raises
    ------
    ConfigError
        If it is not YAML, repeats a key, is not a mapping, uses tags, or is over 1 MiB, 20,000 nodes or 32 levels.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError([Problem(file, 1, 1, "the text is over 1 MiB", "a configuration must be smaller")])
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        at = unprintable.start()
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        what = f"control character U+{ord(text[at]):04X}"
        raise ConfigError([Problem(file, line, column, what, 'remove it, or write it as an escape in "quotes"')])
    try:
        _check_size(text, file)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_problem(error, text, file)]) from error
    except yaml.YAMLError as error:
        raise ConfigError([Problem(file, 1, 1, f"not YAML ({error})", "save the file as plain UTF-8 text")]) from error
    document = Document(file, text, root)
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == _TAG + "null"):
        return document
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError([Problem(file, *_start(root), "the file does not hold keys", "begin with 'project: NAME'")])
    reader = _Reader(document)
    document.data = reader.mapping(root, ())
    if reader.problems:
        raise ConfigError(reader.problems)
    return document


def _start(found: yaml.Node | yaml.Event) -> Position:
    mark = found.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _check_size(text: str, file: str) -> None:
    """Walk the events before anything recursive does: a deep or huge document is refused early."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            what = f"over {MAX_DEPTH} levels deep" if depth > MAX_DEPTH else f"over {MAX_NODES} keys and values"
            raise ConfigError([Problem(file, *_start(event), what, "a configuration is much smaller than this")])


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = _BREAK.split(text)
    here = lines[line - 1][column - 1 : column] if line <= len(lines) else ""
    said = error.problem or "not YAML"
    if "tab" in said or (here == "\t" and "cannot start" in said):
        what, remedy = _CANNOT_START["\t"]
    elif "cannot start any token" in said and here in _CANNOT_START:
        what, remedy = _CANNOT_START[here]
    elif "mapping values are not allowed" in said:
        what, remedy = (
            "a second 'key: value' on the same line, or a wrong indent",
            "quote the value or start a new line",
        )
    elif "undefined alias" in said:
        name = "".join(takewhile(lambda c: not c.isspace() and c not in ",]}", lines[line - 1][column:]))
        what, remedy = f"alias '*{name}' has no anchor", f"define '&{name}' above it, or quote the value"
    elif "another document" in said:
        what, remedy = "a second document ('---')", "keep one document in the file"
    elif "unexpected end of stream" in said:
        what, remedy = "a quote is not closed", "close it"
    else:
        context = f" {error.context}" if error.context else ""
        opened = ""
        if error.context_mark and error.context_mark is not mark:
            opened = f" (begun at line {error.context_mark.line + 1})"
        what, remedy = f"not YAML: {said}{context}{opened}", "check brackets, quotes and indentation around it"
    return Problem(file, line, column, what, remedy)


class _Reader:
    """Turns nodes into plain data; collects what is wrong on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.nodes = 0

    def complain(self, node: yaml.Node, what: str, remedy: str) -> None:
        self.problems.append(Problem(self.document.file, *_start(node), what, remedy))

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:
            what = "aliases expand to too much" if self.nodes > MAX_NODES else "an alias holds itself"
            problem = Problem(self.document.file, *_start(node), what, "write the values out")
            raise ConfigError([problem])
        self.document.values.setdefault(path, _start(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != _TAG + "seq":
                self.complain(node, f"tag '{node.tag}'", "tags have no meaning here; remove it")
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        if node.tag not in _SCALARS:
            self.complain(node, f"tag '{node.tag}'", "tags have no meaning here; remove it")
        return None if node.tag == _TAG + "null" else node.value

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        if node.tag != _TAG + "map":
            self.complain(node, f"tag '{node.tag}'", "tags have no meaning here; remove it")
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.complain(key, "a key that is itself a list or a mapping", "use a word as the key")
                continue
            name = key.value
            if name in lines:
                self.complain(key, f"key '{name}' again (first in line {lines[name]})", "keep one of them")
                continue
            lines[name] = key.start_mark.line + 1
            if key.tag == _TAG + "merge":
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(source, yaml.MappingNode):
                        self.complain(value, "'<<' without a mapping", "name an anchored mapping: '<<: *defaults'")
                        break
                    for k, v in self.value(source, path).items():
                        merged.setdefault(k, v)
                continue
            self.document.keys[*path, name] = _start(key)
            self.document.values[*path, name] = _start(value)
            own[name] = self.value(value, (*path, name))
        return {**merged, **own}
