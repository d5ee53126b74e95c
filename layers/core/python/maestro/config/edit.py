"""Small changes of a ``maestro.yaml``'s text that leave everything else as it is, comments included.

Each function takes the text and returns the new text. The place is found from the parsed nodes' positions, so block
lists, flow lists (``[a, b]``) and absent keys are all served. A result is parsed again and compared with what was
meant; a text for which that fails (a list that is an alias, say) gives an :class:`EditError`, never a wrong file.

Where the file has no list yet, detection fills it in, and a list that is begun here would replace what was detected:
pass the list that holds now as ``base``, and it is written out first.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from packaging.utils import canonicalize_name

from maestro.config.document import Document, parse
from maestro.config.errors import ConfigError, EditError, Problem
from maestro.config.requirements import marker_of, name_of, normalise
from maestro.config.scalars import scalar

_FILE = "maestro.yaml"


def add_requirement(text: str, requirement: str, *, base: Sequence[str] = ()) -> str:
    """Add a line to ``environment.install``; a line for the same distribution and marker is replaced instead."""
    requirement = _checked(requirement)
    lines = _list(text, "install")
    if requirement in (base if lines is None else lines):
        return _edited(text, "install", lines, list(base) if lines is None else lines, [])
    name, marker = name_of(requirement), marker_of(requirement)
    new = list(base) if lines is None else list(lines)
    same = [i for i, line in enumerate(new) if name and (name_of(line), marker_of(line)) == (name, marker)]
    if not same:
        return _edited(text, "install", lines, [*new, requirement], [("add", len(new), requirement)])
    new[same[0]] = requirement
    return _edited(text, "install", lines, new, [("replace", same[0], requirement)])


def replace_requirement(text: str, name: str, requirement: str, *, base: Sequence[str] = ()) -> str:
    """Put ``requirement`` in the place of the lines for the distribution ``name``.

    Raises
    ------
    EditError
        If no line of ``environment.install`` names it (it may stand in a file that a line ``-r`` names).
    """
    requirement = _checked(requirement)
    lines = _list(text, "install")
    now = list(base) if lines is None else list(lines)
    first, *others = _places(now, name, text)
    new = [requirement if i == first else line for i, line in enumerate(now) if i not in others]
    steps: list[tuple[str, int, str]] = [("remove", i, "") for i in reversed(others)]
    return _edited(text, "install", lines, new, [*steps, ("replace", first, requirement)])


def remove_requirement(text: str, name: str, *, base: Sequence[str] = ()) -> str:
    """Remove the lines for the distribution ``name`` from ``environment.install``.

    Raises
    ------
    EditError
        If there is none.
    """
    lines = _list(text, "install")
    now = list(base) if lines is None else list(lines)
    places = _places(now, name, text)
    new = [line for i, line in enumerate(now) if i not in places]
    return _edited(text, "install", lines, new, [("remove", i, "") for i in reversed(places)])


def append_pythonpath(text: str, path: str, *, base: Sequence[str] = ()) -> str:
    """Add a folder to ``environment.pythonpath``, if it is not there yet."""
    lines = _list(text, "pythonpath")
    now = list(base) if lines is None else list(lines)
    if path in now:
        return _edited(text, "pythonpath", lines, now, [])
    return _edited(text, "pythonpath", lines, [*now, path], [("add", len(now), path)])


def set_python(text: str, version: str) -> str:
    """Set ``environment.python``."""
    return _set(text, ("environment", "python"), version)


def set_variable(text: str, name: str, value: str) -> str:
    """Set one of ``environment.variables``."""
    return _set(text, ("environment", "variables", name), value)


def _checked(requirement: str) -> str:
    try:
        return normalise(requirement)
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise EditError([Problem(_FILE, 1, 1, what, remedy)]) from error


def _refuse(document: Document, path: tuple[str | int, ...], what: str) -> EditError:
    label = ".".join(map(str, path))
    return EditError([document.problem(path, f"'{label}' {what}", "change the file by hand")])


def _list(text: str, key: str) -> list[str] | None:
    """Return ``environment.<key>`` as it is written, or ``None`` where there is no such list."""
    document = parse(text, _FILE)
    environment = document.data.get("environment")
    if environment is not None and not isinstance(environment, dict):
        raise _refuse(document, ("environment",), "does not hold keys")
    value = (environment or {}).get(key)
    if value is not None and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        raise _refuse(document, ("environment", key), "is not a list of words")
    return value


def _places(lines: Sequence[str], name: str, text: str) -> list[int]:
    wanted = canonicalize_name(name)
    places = [i for i, line in enumerate(lines) if name_of(line) == wanted]
    if not places:
        raise _refuse(parse(text, _FILE), ("environment", "install"), f"has no line for '{name}'")
    return places


def _edited(text: str, key: str, lines: list[str] | None, new: list[str], steps: Sequence[tuple[str, int, str]]) -> str:
    """Carry out the steps on the list of a key that has one, or else write the whole new list."""
    if lines is None:
        return _set(text, ("environment", key), new)
    if lines and not new and not _sequence(text, ("environment", key))[1].flow_style:
        return _verified(text, _empty_block(text, ("environment", key)), ("environment", key), new)
    changed = text
    for step, place, value in steps:
        changed = _STEPS[step](changed, ("environment", key), place, value)
    return _verified(text, changed, ("environment", key), new)


def _verified(text: str, changed: str, path: tuple[str, ...], value: object) -> str:
    before = parse(text, _FILE)
    try:
        after = parse(changed, _FILE).data
    except ConfigError as error:
        raise _refuse(before, path, "is written in a way that cannot be changed safely") from error
    meant: dict[str, Any] = before.data
    for key in path[:-1]:
        if not isinstance(meant.get(key), dict):
            meant[key] = {}
        meant = meant[key]
    meant[path[-1]] = value
    if after != before.data:
        raise _refuse(before, path, "is written in a way that cannot be changed safely")
    return changed


# --- the text ------------------------------------------------------------------------------------------------------


def _nodes(text: str, path: Sequence[str]) -> tuple[yaml.Node | None, list[tuple[yaml.ScalarNode, yaml.Node]]]:
    """Return the root, and the (key, value) nodes on the way to ``path``, as far as they exist."""
    root = node = parse(text, _FILE).root
    found: list[tuple[yaml.ScalarNode, yaml.Node]] = []
    for part in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        pair = next((p for p in pairs if isinstance(p[0], yaml.ScalarNode) and p[0].value == part), None)
        if pair is None:
            break
        if pair[1].start_mark.index < pair[0].end_mark.index:
            raise _refuse(parse(text, _FILE), tuple(path), "comes from an alias")
        found.append(pair)
        node = pair[1]
    return root, found


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_end(text: str, index: int) -> int:
    """Return the index just after the line that holds ``index``."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _end(node: yaml.Node) -> int:
    """Return where a node's own text ends; a block collection's mark stands at what comes after it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        if not isinstance(last, tuple):
            return max(_end(last), int(node.start_mark.index))
        return max(_end(last[1]), int(last[0].end_mark.index) + 1)
    return int(node.end_mark.index)


def _insert_after(text: str, index: int, row: str) -> str:
    """Insert whole lines after the line that ends at or after ``index`` (which may itself be a line's start)."""
    newline = _newline(text)
    at = index if index and text[index - 1] == "\n" else _line_end(text, index)
    lead = newline if at and text[at - 1] != "\n" else ""
    return text[:at] + lead + row.replace("\n", newline) + (newline if at < len(text) or not lead else "") + text[at:]


def _rows(value: object, column: int, key: str) -> str:
    """Write a key and its value (a word, a list, or a mapping) as block lines, without the last line break."""
    pad = " " * column
    if isinstance(value, dict):
        inner = [_rows(v, column + 2, k) for k, v in value.items()]
        return "\n".join([f"{pad}{scalar(key)}:", *inner])
    if isinstance(value, list):
        items = [f"{pad}  - {scalar(v)}" for v in value]
        return "\n".join([f"{pad}{scalar(key)}:", *items]) if items else f"{pad}{scalar(key)}: []"
    return f"{pad}{scalar(key)}: {scalar(str(value))}"


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k, flow=True)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(scalar(v, flow=True) for v in value) + "]"
    return scalar(str(value), flow=True)


def _set(text: str, path: tuple[str, ...], value: str | list[str]) -> str:
    """Give ``path`` a value, making what is missing on the way."""
    root, found = _nodes(text, path)
    if len(found) == len(path) and not isinstance(found[-1][1], yaml.ScalarNode):
        raise _refuse(parse(text, _FILE), path, "is not a single value")
    if len(found) == len(path):
        changed = _replace_scalar(text, found, value)
    else:
        rest: object = value
        for part in reversed(path[len(found) + 1 :]):
            rest = {part: rest}
        name = path[len(found)]
        try:
            return _verified(text, _insert_key(text, root, found, name, rest), path, value)
        except EditError:  # what stands last runs on to the end of the text: a block scalar, "..."
            parent = found[-1][1] if found else root
            if not isinstance(parent, yaml.MappingNode) or parent.flow_style or not parent.value:
                raise
            start = parent.start_mark
            rows = _rows(rest, start.column, name).lstrip(" ").replace("\n", _newline(text)) + _newline(text)
            changed = text[: start.index] + rows + " " * start.column + text[start.index :]
    return _verified(text, changed, path, value)


def _in_flow(text: str, node: yaml.Node) -> bool:
    return bool(getattr(node, "flow_style", False)) or text[node.start_mark.index : node.start_mark.index + 1] == "{"


def _replace_scalar(text: str, found: Sequence[tuple[yaml.ScalarNode, yaml.Node]], value: str | list[str]) -> str:
    key, node = found[-1]
    flow = any(_in_flow(text, parent) for _, parent in found[:-1])
    if isinstance(value, list) and not flow:
        parent_column = key.start_mark.column
        return _fill_empty(text, key, node, "\n".join(_rows(value, parent_column, "x").split("\n")[1:]) or "[]")
    new = _flow(value) if flow or isinstance(value, list) else scalar(value)
    start, end = node.start_mark.index, node.end_mark.index
    if start == end:
        colon = text.index(":", key.end_mark.index) + 1
        return text[:colon] + " " + new + text[colon:]
    return text[:start] + new + text[start + len(text[start:end].rstrip()) :]  # a block scalar's blank lines stay


def _fill_empty(text: str, key: yaml.ScalarNode, node: yaml.Node, rows: str) -> str:
    """Put lines under a key whose value is empty (nothing, ``~`` or ``null``)."""
    start, end = node.start_mark.index, node.end_mark.index
    text = text[:start].rstrip(" ") + text[end:] if start != end else text
    colon = text.index(":", key.end_mark.index)
    if rows == "[]":
        return text[: colon + 1] + " []" + text[colon + 1 :]
    return _insert_after(text, colon, rows)


def _insert_key(
    text: str,
    root: yaml.Node | None,
    found: Sequence[tuple[yaml.ScalarNode, yaml.Node]],
    name: str,
    value: object,
) -> str:
    parent = found[-1][1] if found else root
    if isinstance(parent, yaml.MappingNode) and (parent.flow_style or not parent.value):
        return _insert_in_flow(text, parent, f"{scalar(name, flow=True)}: {_flow(value)}")
    if isinstance(parent, yaml.MappingNode):
        return _insert_after(text, _end(parent), _rows(value, parent.start_mark.column, name))
    if found:
        key, node = found[-1]
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:null":
            raise _refuse(parse(text, _FILE), (key.value,), "does not hold keys")
        if any(_in_flow(text, outer) for _, outer in found[:-1]):
            return _replace_scalar_with(text, key, node, _flow({name: value}))
        return _fill_empty(text, key, node, _rows(value, key.start_mark.column + 2, name))
    return _insert_after(text, len(text), _rows(value, 0, name))


def _insert_in_flow(text: str, parent: yaml.MappingNode, entry: str) -> str:
    if not parent.value:
        start = text.index("{", parent.start_mark.index) + 1
        return text[:start] + entry + text[start:]
    key, last = parent.value[-1]
    if isinstance(last, yaml.ScalarNode) and last.start_mark.index == last.end_mark.index:
        at = _after_colon(text, key)
        return text[:at] + f" , {entry}" + text[at:]
    at = max(_end(last), int(key.end_mark.index))
    return text[:at] + f", {entry}" + text[at:]


def _after_colon(text: str, key: yaml.ScalarNode) -> int:
    end = int(key.end_mark.index)
    match = re.compile(r"\s*:").match(text, end)
    return match.end() if match else end


def _replace_scalar_with(text: str, key: yaml.ScalarNode, node: yaml.Node, new: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    if start == end:
        at = _after_colon(text, key)
        return text[:at] + (" " if text[at - 1] == ":" else ": ") + new + text[at:]
    return text[:start] + new + text[end:]


def _empty_block(text: str, path: tuple[str, ...]) -> str:
    """Turn a block list into ``[]``."""
    key, node = _sequence(text, path)
    for place in range(len(node.value) - 1, -1, -1):
        text = _remove_block_item(text, node, place)
    colon = text.index(":", key.end_mark.index) + 1
    return text[:colon] + " []" + text[colon:]


def _sequence(text: str, path: tuple[str, ...]) -> tuple[yaml.ScalarNode, yaml.SequenceNode]:
    _, found = _nodes(text, path)
    key, node = found[-1]
    if not isinstance(node, yaml.SequenceNode):
        raise _refuse(parse(text, _FILE), path, "is not a list")
    return key, node


def _add(text: str, path: tuple[str, ...], _place: int, value: str) -> str:
    _, node = _sequence(text, path)
    if node.flow_style or not node.value:
        if not node.value:
            start = text.index("[", node.start_mark.index) + 1
            return text[:start] + scalar(value, flow=True) + text[start:]
        at = _end(node.value[-1])
        return text[:at] + ", " + scalar(value, flow=True) + text[at:]
    return _insert_after(text, _end(node.value[-1]), " " * node.start_mark.column + "- " + scalar(value))


def _put(text: str, path: tuple[str, ...], place: int, value: str) -> str:
    _, node = _sequence(text, path)
    item = node.value[place]
    start, end = item.start_mark.index, item.end_mark.index
    return text[:start] + scalar(value, flow=bool(node.flow_style)) + text[start + len(text[start:end].rstrip()) :]


def _remove(text: str, path: tuple[str, ...], place: int, _value: str) -> str:
    _, node = _sequence(text, path)
    return _remove_flow_item(text, node, place) if node.flow_style else _remove_block_item(text, node, place)


def _remove_block_item(text: str, node: yaml.SequenceNode, place: int) -> str:
    """Remove an item with its line, and the comment at the line's end."""
    item = node.value[place]
    dash = text.rindex("-", 0, item.start_mark.index)
    start, end = text.rfind("\n", 0, dash) + 1, _end(item)
    if text[start:dash].strip():
        return text[:dash] + text[_line_end(text, end) :]  # the list does not begin its line; verified afterwards
    return text[:start] + (text[end:] if text[end - 1] == "\n" else text[_line_end(text, end) :])


def _remove_flow_item(text: str, node: yaml.SequenceNode, place: int) -> str:
    item = node.value[place]
    start, end = item.start_mark.index, item.end_mark.index
    after = re.compile(r"[ \t]*,[ \t]*").match(text, end)
    if after:
        end = after.end()
    elif place:
        previous = node.value[place - 1].end_mark.index
        if re.fullmatch(r"[ \t]*,[ \t]*", text[previous:start]):
            start = previous
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip() and text[end : _line_end(text, end)].strip() == "":
        return text[:line] + text[_line_end(text, end) :]
    return text[:start] + text[end:]


_STEPS: dict[str, Callable[[str, tuple[str, ...], int, str], str]] = {"add": _add, "replace": _put, "remove": _remove}
