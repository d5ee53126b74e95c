"""What the catalogue of API changes (``data/api_changes.json``) tells the gates."""

import json
from functools import cache
from importlib.resources import files


@cache
def _changes() -> tuple[tuple[str, str, str, str], ...]:
    """Return (distribution, kind, old, new) of every change."""
    data = json.loads(files("maestro.healing").joinpath("data", "api_changes.json").read_text("utf-8"))
    return tuple(
        (group["distribution"], group["kind"], old, new)
        for group in data["groups"]
        for old, new in group["changes"].items()
    )


@cache
def python_names() -> frozenset[str]:
    """Return the full names that the standard library lost or renamed."""
    return frozenset(old for owner, kind, old, _ in _changes() if owner == "python" and kind in ("move", "module"))


@cache
def _dropped() -> frozenset[str]:
    return frozenset(old for _, kind, old, new in _changes() if kind == "keyword" and not new)


def drops(callee: str, keyword: str) -> bool:
    """Whether documentation says that a function no longer takes a keyword, which had no successor."""
    return f"{callee}({keyword})" in _dropped() or f"*({keyword})" in _dropped()
