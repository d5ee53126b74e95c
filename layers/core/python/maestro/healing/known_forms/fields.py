"""Fields of an HTTP interface that its own description renamed.

A product that answers with another field name than before is a regression, unless its interface's description in the
tree (OpenAPI or JSON Schema) says that the field is now called so: then the test is what is out of date.
"""

import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from maestro.model import Failure

_DESCRIPTION = re.compile(
    r"(?:^|/)(?:(?:openapi|swagger)[\w.-]*\.(?:json|ya?ml)|[\w.-]+\.schema\.json)$", re.IGNORECASE
)
_LARGEST = 2_000_000  # bytes
_MOST = 50  # files
_CLOSE = 0.7
_SKIPPED = {".git", ".venv", "node_modules", "__pycache__"}


def renamed_field(root: Path, failure: Failure) -> tuple[str, str] | None:
    """Return (old, new) where a test misses a field that the interface's description calls by another name.

    The test itself must have asked for the field (the innermost frame is in the project), the answer must have the
    new one, every description in the tree must know the new name, and none the old one.
    """
    facts = failure.facts
    key, available = facts.attributes.get("key"), facts.attributes.get("available")
    asked = facts.exception.rpartition(".")[2] == "KeyError" and facts.frames and facts.frames[-1].in_project
    if not asked or not isinstance(key, str) or not isinstance(available, (list, tuple)):
        return None
    like = [str(a) for a in available if isinstance(a, str) and a != key and _alike(key, a)]
    described = [set(_names(document)) for document in _documents(root)]
    known = [new for new in like if described and all(new in names for names in described)]
    if len(known) != 1 or any(key in names for names in described):
        return None
    return key, known[0]


def _alike(old: str, new: str) -> bool:
    a, b = (name.replace("_", "").replace("-", "").lower() for name in (old, new))
    return a == b or a in b or b in a or difflib.SequenceMatcher(a=a, b=b).ratio() >= _CLOSE


def _documents(root: Path) -> Iterator[object]:
    found = 0
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if _SKIPPED & set(inside.parts) or not _DESCRIPTION.search(inside.as_posix()):
            continue
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST or found >= _MOST:
            continue
        text = path.read_text("utf-8", "replace")
        try:
            yield json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (ValueError, RecursionError, yaml.YAMLError):
            continue
        found += 1


def _names(document: object) -> Iterator[str]:
    """Yield the names of the properties that a description states, at any depth."""
    if isinstance(document, dict):
        properties = document.get("properties")
        if isinstance(properties, dict):
            yield from map(str, properties)
        for value in document.values():
            yield from _names(value)
    elif isinstance(document, list):
        for value in document:
            yield from _names(value)
