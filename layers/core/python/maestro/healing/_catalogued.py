"""What the tables below ``data`` tell the gates and the diagnosis: changes of APIs, and who brings which module."""

import json
import re
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
def lost_by(module: str) -> str:
    """Return the distribution that, as documentation says, lost a module or what was in it; "" where none did.

    >>> lost_by("werkzeug.contrib")
    'werkzeug'
    """
    return next(
        (
            owner
            for owner, kind, old, _ in _changes()
            if (kind == "module" and old == module)
            or (kind in ("module", "move") and "." in module and old.startswith(f"{module}."))
        ),
        "",
    )


@cache
def _dropped() -> frozenset[str]:
    return frozenset(old for _, kind, old, new in _changes() if kind == "keyword" and not new)


def drops(callee: str, keyword: str) -> bool:
    """Whether documentation says that a function no longer takes a keyword, which had no successor."""
    return f"{callee}({keyword})" in _dropped() or f"*({keyword})" in _dropped()


@cache
def _import_names() -> tuple[tuple[str, str], ...]:
    """Return (import name, distribution that brings it in lower case and with dashes) where the two differ."""
    data = json.loads(files("maestro.healing").joinpath("data", "import_names.json").read_text("utf-8"))
    rows = {**data["names"], **data["submodules"]}
    return tuple((module, _normal(re.split(r"[^\w.-]", line, maxsplit=1)[0])) for module, line in rows.items())


@cache
def successors() -> dict[str, str]:
    """Return the options of pytest plugins that have a documented successor, and that one's option.

    >>> successors()["--pep8"]
    '--pycodestyle'
    """
    data = json.loads(files("maestro.healing").joinpath("data", "pytest_plugins.json").read_text("utf-8"))
    return {option: row["successor"] for option, row in data["successors"].items()}


def modules_of(distribution: str) -> tuple[str, ...]:
    """Return the modules that the table of import names has for a distribution, however that is spelled.

    >>> modules_of("PyYAML")
    ('yaml',)
    """
    return tuple(module for module, name in _import_names() if name == _normal(distribution))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
