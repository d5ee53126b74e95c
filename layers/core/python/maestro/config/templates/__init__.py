"""Templates that a ``maestro.yaml`` can extend: partial files of the same shape, kept as data beside this module."""

from functools import cache
from importlib import resources

TEMPLATES = tuple(
    sorted(
        entry.name.removesuffix(".yaml")
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".yaml")
    )
)


@cache
def text(name: str) -> str:
    """Return the YAML text of the template ``name``, one of ``TEMPLATES``."""
    return resources.files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")
