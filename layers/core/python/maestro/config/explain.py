"""From what pydantic found to problems that a person can act on."""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic_core import ErrorDetails

from maestro.config.document import Document, Path
from maestro.config.errors import Problem
from maestro.config.schema import json_schema

_WANTED = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "string_type": "a text",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
}
_LIMITS = {"greater_than": "over {gt}", "greater_than_equal": "{ge} or more", "less_than_equal": "{le} or less"}


def problems(document: Document, errors: Iterable[ErrorDetails]) -> list[Problem]:
    """Say where each error is in the file, what is wrong and what would be right."""
    return [_problem(document, error) for error in errors]


def _problem(document: Document, error: ErrorDetails) -> Problem:
    kind = error["type"]
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    on_key = "[key]" in error["loc"]
    label = dotted(path)
    if kind == "extra_forbidden":
        known = sorted(_at(path[:-1]).get("properties", {}))
        return document.problem(path, f"unknown key '{path[-1]}'", suggest(str(path[-1]), known, "keys"), key=True)
    if kind == "missing":
        return document.problem(path[:-1], f"'{label}' is missing", f"add '{path[-1]}: {_example(path)}'", key=True)
    what, remedy = _value(path, error, on_key=on_key)
    return document.problem(path, what, remedy, key=on_key)


def _value(path: Path, error: ErrorDetails, *, on_key: bool) -> tuple[str, str]:
    """Say what is wrong with a value (or, with ``on_key``, a key), and what would be right."""
    kind, given, ctx = error["type"], error["input"], error.get("ctx", {})
    label = dotted(path)
    what = f"'{label}' is {_show(given)}" if label else "the file does not hold keys"
    remedy = f"write {_wanted(error)}, for example {_example(path)}"
    if kind == "value_error":
        said, _, remedy = str(ctx.get("error", error["msg"])).partition("; ")
        what, remedy = f"'{label}': {said}", remedy or f"write for example {_example(path)}"
    elif kind in ("enum", "literal_error"):
        allowed = [v for v in _choices(path) if isinstance(v, str)]
        what, remedy = f"'{label}' cannot be {_show(given)}", suggest(str(given), allowed, "values")
    elif kind == "string_pattern_mismatch":
        what = f"'{path[-1] if on_key else given}' cannot be a name"
        remedy = "begin with a letter or a digit, then letters, digits, '_', '-', '.' (at most 100)"
    elif kind in ("too_short", "too_long"):
        amount = f"at least {ctx['min_length']}" if kind == "too_short" else f"at most {ctx['max_length']}"
        what, remedy = f"'{label}' holds {ctx.get('actual_length')} entries", f"give {amount}"
    elif kind in _LIMITS:
        remedy = f"it must be {_LIMITS[kind].format(**ctx)}"
    return what, remedy


def _wanted(error: ErrorDetails) -> str:
    message = error["msg"]
    return _WANTED.get(error["type"], message[:1].lower() + message[1:])


def dotted(path: Path) -> str:
    """Write a path as a person would: ``suites.unit.paths[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def suggest(given: str, allowed: Iterable[str], noun: str) -> str:
    """Say what was perhaps meant, else everything that is allowed."""
    allowed = list(allowed)
    close = get_close_matches(given.lower(), allowed, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"{noun} here: {', '.join(allowed)}" if allowed else f"no {noun} are known here"


def _show(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"  # noqa: PLR2004 - a line must stay readable


@cache
def _schema() -> dict[str, Any]:
    return json_schema()


def _resolve(node: Mapping[str, Any]) -> dict[str, Any]:
    """Follow references and the non-null branch of an optional value, keeping the outer description and examples."""
    found = dict(node)
    while True:
        reference = found.pop("$ref", None)
        branch = next((b for b in found.pop("anyOf", []) if b.get("type") != "null"), None)
        if reference:
            inner = _schema()["$defs"][reference.rpartition("/")[2]]
        elif branch:
            inner = branch
        else:
            return found
        found = {**inner, **found}


def _at(path: Path) -> dict[str, Any]:
    """Return the schema of what stands at ``path``."""
    node = _resolve(_schema())
    for part in path:
        if isinstance(part, int):
            inner = node.get("items", {})
        else:
            patterns = list(node.get("patternProperties", {}).values())
            inner = node.get("properties", {}).get(part) or node.get("additionalProperties") or (patterns or [{}])[0]
        node = _resolve(inner) if isinstance(inner, dict) else {}
    return node


def _choices(path: Path) -> list[Any]:
    node = _at(path)
    return list(node.get("enum", [node["const"]] if "const" in node else []))


def _example(path: Path) -> str:
    node = _at(path)
    examples = node.get("examples")
    if examples:
        return _flow(examples[0])
    if node.get("type") == "array":
        return "[…]"
    if path and isinstance(path[-1], int):
        outer = _at(path[:-1]).get("examples")
        if outer and outer[0]:
            return _flow(outer[0][0])
    return {"object": "{name: value}", "boolean": "true", "integer": "1", "number": "1.5"}.get(
        str(node.get("type")), "a word"
    )


def _flow(value: object) -> str:
    """Write an example as one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    text = str(value)
    plain = text.replace("_", "").replace("/", "").replace(".", "").replace(":", "").isalnum()
    number = text.replace(".", "", 1).isdigit()
    return text if plain and not (isinstance(value, str) and number) else json.dumps(text)
