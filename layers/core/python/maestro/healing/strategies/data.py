"""The tables that generators know by heart, read once from ``healing/data``."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> Any:
    """Return the parsed JSON of ``healing/data/<name>.json``."""
    return json.loads(files("maestro.healing").joinpath("data", f"{name}.json").read_text("utf-8"))
