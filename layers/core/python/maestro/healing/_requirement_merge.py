"""Merge two changes of ``environment.install`` by what they require, where their lines stand too close for git.

Two repairs that pin neighbours change neighbouring lines, which git calls a conflict. By distribution they agree,
unless both change the same one.
"""

from collections.abc import Mapping
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


def merged(base: str, ours: str, theirs: str) -> str | None:
    """Return ``ours`` with the requirements that ``theirs`` changed against ``base``; all are texts of maestro.yaml.

    None where more than requirements differs, where lines were taken out, or where both want different things.
    """
    from maestro.config import EditError, edit

    before, wanted = _lines(base), _lines(theirs)
    now = _lines(ours)
    if before is None or wanted is None or now is None or _rest(base) != _rest(theirs) or before.keys() - wanted.keys():
        return None
    text = ours
    for name, line in wanted.items():
        if line == before.get(name) or line == now.get(name):
            continue
        if now.get(name) != before.get(name):
            both = _stricter(now[name], line) if name in now else None
            if both is None:
                return None
            line = both  # noqa: PLW2901 - what both repairs can live with
        try:
            text = edit.replace_requirement(text, name, line) if name in now else edit.add_requirement(text, line)
        except EditError:
            return None
    return text


def _lines(text: str) -> dict[str, str] | None:
    """Return normalised name -> line of each requirement; None where a text has no plain list of distinct ones."""
    data = _data(text)
    environment = data.get("environment")
    install = environment.get("install") if isinstance(environment, dict) else None
    if not isinstance(install, list):
        return None
    found: dict[str, str] = {}
    for line in map(str, install):
        try:
            name = str(canonicalize_name(Requirement(line).name))
        except InvalidRequirement:
            name = line  # a file, a folder or a URL stands for itself
        if name in found:
            return None
        found[name] = line
    return found


def _rest(text: str) -> Mapping[str, Any]:
    data = _data(text)
    environment = {k: v for k, v in data.get("environment", {}).items() if k != "install"}
    return {**data, "environment": environment}


def _data(text: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return data if isinstance(data, dict) and isinstance(data.get("environment", {}), dict) else {}


def _stricter(one: str, other: str) -> str | None:
    """Return the lower of two upper bounds; None where the two lines are anything else."""
    bounds: list[tuple[Version, str]] = []
    for line in (one, other):
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return None
        specifiers = list(requirement.specifier)
        if len(specifiers) != 1 or specifiers[0].operator != "<" or requirement.extras or requirement.marker:
            return None
        bounds.append((Version(specifiers[0].version), line))
    return min(bounds)[1]
