"""A configuration as the text of a ``maestro.yaml``."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from maestro.config.config import Config
from maestro.config.errors import Problem, RenderError
from maestro.config.requirements import overlay
from maestro.config.scalars import scalar
from maestro.config.schema import HealingConfig, Notifications, QualityGates, Section
from maestro.model import EnvironmentSpec, Suite


def render(config: Config) -> str:
    """Write a ``maestro.yaml``, with comments, from which :func:`load_config` makes the same configuration.

    Raises
    ------
    RenderError
        If a suite's environment lacks something that ``config.environment`` holds: a suite can add to that and
        replace parts, but take nothing away. What :func:`load_config` and :func:`detect` return can be written.
    """
    lines = [
        "# What Maestro runs, and how it repairs. Check it with: maestro config check",
        f"project: {scalar(config.project)}",
        "",
        "environment:",
        f"  python: {scalar(config.environment.python)}",
        "  # Requirement lines, '-r FILE', '-c FILE' or '-e .'",
        *_sequence("install", config.environment.install, 2),
        "  # Folders to import from, relative to this file's",
        *_sequence("pythonpath", config.environment.pythonpath, 2),
    ]
    if config.environment.variables:
        lines += ["  variables:", *_mapping(config.environment.variables, 4)]
    if config.services:
        lines += ["", "# Checked before anything runs", "services:"]
        for name, service in config.services.items():
            lines += [f"  {scalar(name)}:", *_changed(service, 4)]
    lines += _suites(config)
    lines += _section("quality_gates", config.quality_gates, QualityGates(), "What a run must fulfil")
    lines += _section("healing", config.healing, HealingConfig(), "Whether and how failures are repaired")
    if config.healing == HealingConfig():
        lines += ["", "healing:", "  enabled: true"]
    lines += _section("notifications", config.notifications, Notifications(), "Who hears how a run ended")
    return "\n".join(lines) + "\n"


def _suites(config: Config) -> list[str]:
    if not config.suites:
        hint = ["# No tests were found. For example:", "# suites:", "#   unit:", "#     paths: [tests]"]
        return ["", *hint]
    lines = ["", "suites:"]
    for suite in config.suites:
        body = _suite(suite, config.environment)
        lines += [f"  {scalar(suite.name)}:", *body]
    return lines


def _suite(suite: Suite, base: EnvironmentSpec) -> list[str]:
    lines = [f"    kind: {suite.kind.value}", f"    adapter: {suite.adapter}"]
    if not suite.paths:
        lines.append("    # paths: none, so pytest's own configuration decides")
    defaults = {f.name: f.default for f in fields(Suite)}
    for key in ("paths", "args", "needs"):
        lines += _sequence(key, getattr(suite, key), 4) if getattr(suite, key) else []
    for key in ("timeout", "retries", "target_time"):
        value = getattr(suite, key)
        if value != defaults[key]:
            lines.append(f"    {key}: {_number(value)}")
    return lines + _environment(suite, base)


def _environment(suite: Suite, base: EnvironmentSpec) -> list[str]:
    own = suite.environment
    install = tuple(line for line in own.install if line not in base.install)
    variables = {k: v for k, v in own.variables.items() if base.variables.get(k) != v}
    if overlay(base.install, install) != own.install or {**base.variables, **variables} != dict(own.variables):
        what = f"suite '{suite.name}' runs without a part of the project's environment, which no file can say"
        raise RenderError([Problem("maestro.yaml", 1, 1, what, "give every suite what config.environment holds")])
    lines = [] if own.python == base.python else [f"      python: {scalar(own.python)}"]
    lines += _sequence("install", install, 6) if install else []
    lines += [] if own.pythonpath == base.pythonpath else _sequence("pythonpath", own.pythonpath, 6)
    lines += ["      variables:", *_mapping(variables, 8)] if variables else []
    return ["    environment:", *lines] if lines else []


def _section(name: str, section: Section, default: Section, comment: str) -> list[str]:
    return [] if section == default else ["", f"# {comment}", f"{name}:", *_changed(section, 2)]


def _changed(section: Section, indent: int) -> list[str]:
    """Write the keys of a section that differ from their defaults."""
    lines: list[str] = []
    for key, value in section.model_dump(mode="json", exclude_defaults=True).items():
        lines += _entry(key, value, indent)
    return lines


def _entry(key: str, value: Any, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(value, dict):
        inner = [line for k, v in value.items() for line in _entry(k, v, indent + 2)]
        return [f"{pad}{key}:", *inner]
    if isinstance(value, (list, tuple)):
        return _sequence(key, [str(v) for v in value], indent)
    if isinstance(value, bool):
        return [f"{pad}{key}: {str(value).lower()}"]
    return [f"{pad}{key}: {_number(value) if isinstance(value, (int, float)) else scalar(value)}"]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - exact below


def _sequence(key: str, values: Sequence[str], indent: int) -> list[str]:
    pad = " " * indent
    return [f"{pad}{key}:", *(f"{pad}  - {scalar(v)}" for v in values)] if values else [f"{pad}{key}: []"]


def _mapping(values: Mapping[str, str], indent: int) -> list[str]:
    return [f"{' ' * indent}{scalar(k)}: {scalar(v)}" for k, v in values.items()]
