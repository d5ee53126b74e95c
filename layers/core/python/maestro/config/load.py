"""From a project's folder to its configuration."""

import re
from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from maestro.config import explain, templates
from maestro.config.config import Config
from maestro.config.detect import Detected, detect_parts, layout
from maestro.config.document import Document, parse
from maestro.config.errors import ConfigError, Problem
from maestro.config.files import read_text
from maestro.config.requirements import overlay
from maestro.config.schema import MAX_COMBINATIONS, File, SuiteEnvironment, SuiteSection
from maestro.model import EnvironmentSpec, Suite

NAMES = ("maestro.yaml", "maestro.yml")


def load_config(root: Path) -> Config:
    """Read ``maestro.yaml`` (or ``.yml``) of the project in ``root``; without one, detect what it needs.

    What the file leaves out (the version of Python, what to install, the suites) is detected too.

    Raises
    ------
    ConfigError
        With every problem of the file, each with its line and column.
    """
    present = [name for name in NAMES if (root / name).is_symlink() or (root / name).exists()]
    if len(present) > 1:
        raise ConfigError([Problem(present[1], 1, 1, f"there is also a {present[0]}", "keep one of the two")])
    if not present:
        return detect(root)
    return load_text(read_text(root, present[0]), root, present[0])


def load_text(text: str, root: Path, file: str = "maestro.yaml") -> Config:
    """Make the configuration that ``text``, as the file ``file`` of the project in ``root``, stands for."""
    document = parse(text, file)
    data = _extend(document)
    found: list[Problem] = []
    parsed: File | None = None
    try:
        parsed = File.model_validate(data, context={"root": root})
    except ValidationError as error:
        found += explain.problems(document, error.errors())
    found += _check_suites(document, data.get("suites"))
    if found or parsed is None:
        raise ConfigError(found)
    return _resolve(parsed, root, file)


def detect(root: Path) -> Config:
    """Make a configuration for the project in ``root`` from what its files tell; nothing of it is executed.

    A project without Python tests gets one without suites.

    Raises
    ------
    ConfigError
        If a file that has to be read is broken, or no Python from 3.8 on satisfies the project.
    """
    parts = detect_parts(root)
    environment = EnvironmentSpec(parts.python, parts.install, parts.pythonpath)
    suites = tuple(_suite(name, section, environment) for name, section in parts.suites.items())
    return Config(project=parts.project, environment=environment, suites=suites, detected=True)


def _extend(document: Document) -> dict[str, Any]:
    name = document.data.get("extends")
    if not isinstance(name, str) or name not in templates.TEMPLATES:
        return document.data  # the schema says what is wrong with it
    template = parse(templates.text(name), f"{name}.yaml").data
    return _merge(template, document.data)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(old, value)
        elif value is not None or key not in merged:
            merged[key] = value
    return merged


def _matrix(raw: object) -> dict[str, list[str]]:
    """Read a matrix as far as it has the right shape; the schema complains about the rest."""
    matrix = raw.get("matrix") if isinstance(raw, dict) else None
    if not isinstance(matrix, dict):
        return {}
    return {k: ["" if v is None else str(v) for v in vs] for k, vs in matrix.items() if isinstance(vs, list) and vs}


def _name(suite: str, combination: Mapping[str, str]) -> str:
    """Name one suite of a matrix; values are shortened to what a file or an object key can hold."""
    if not combination:
        return suite
    shown = ", ".join(f"{k}={re.sub(r'[^A-Za-z0-9_.+-]+', '_', v)}" for k, v in combination.items())
    return f"{suite} ({shown})"


def _combinations(matrix: Mapping[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(matrix, values, strict=True)) for values in product(*matrix.values())]


def _check_suites(document: Document, suites: object) -> list[Problem]:
    """Find what no single value tells: names that are taken, needs that no suite fulfils, circles."""
    if not isinstance(suites, dict):
        return []
    found: list[Problem] = []
    taken: dict[str, str] = {}
    for name, raw in suites.items():
        matrix = _matrix(raw)
        count = prod(map(len, matrix.values()))
        if count > MAX_COMBINATIONS:
            what = f"the matrix of '{name}' makes {count} suites"
            found.append(
                document.problem(("suites", name, "matrix"), what, f"make at most {MAX_COMBINATIONS}", key=True)
            )
            continue
        for combination in _combinations(matrix):
            full = _name(name, combination)
            if full in taken:
                path = ("suites", name, "matrix") if matrix else ("suites", name)
                what = f"two suites are named '{full}'" + (
                    f" (the other is of '{taken[full]}')" * (taken[full] != name)
                )
                found.append(document.problem(path, what, "let names and matrix values differ", key=True))
                continue
            taken[full] = name
    return found + _check_needs(document, suites, taken)


def _check_needs(document: Document, suites: Mapping[str, Any], taken: Mapping[str, str]) -> list[Problem]:
    found: list[Problem] = []
    graph: dict[str, set[str]] = {}
    for name, raw in suites.items():
        graph[name] = set()
        needs = raw.get("needs") if isinstance(raw, dict) else None
        for i, need in enumerate(needs if isinstance(needs, list) else []):
            if not isinstance(need, str):
                continue
            if need not in suites and need not in taken:
                remedy = explain.suggest(need, suites, "suites")
                found.append(document.problem(("suites", name, "needs", i), f"there is no suite '{need}'", remedy))
            else:
                graph[name].add(need if need in suites else taken[need])
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        what = "these suites wait for each other: " + " needs ".join(f"'{n}'" for n in circle)
        path = ("suites", circle[0], "needs")
        found.append(document.problem(path, what, "remove one of these 'needs'", key=True))
    return found


def _resolve(parsed: File, root: Path, file: str) -> Config:
    own = parsed.environment
    needed = parsed.project is None or own.python is None or own.install is None or parsed.suites is None
    parts = detect_parts(root) if needed else Detected()
    install = parts.install if own.install is None else own.install
    pythonpath = own.pythonpath
    if pythonpath is None:
        installed = any(line in (".", "-e .") or line.startswith((".[", "-e .[")) for line in install)
        pythonpath = () if installed else layout(root)
    environment = EnvironmentSpec(own.python or parts.python, install, pythonpath, dict(own.variables))
    sections = parts.suites if parsed.suites is None else parsed.suites
    full = {n: [_name(n, c) for c in _combinations(_matrix_of(s))] for n, s in sections.items()}
    suites = []
    for name, section in sections.items():
        needs = tuple(dict.fromkeys(f for need in section.needs for f in full.get(need, [need])))
        for combination in _combinations(_matrix_of(section)):
            built = _suite(name, section, environment, combination)
            suites.append(replace(built, needs=needs))
    return Config(
        project=parsed.project or parts.project,
        environment=environment,
        suites=tuple(suites),
        services=parsed.services,
        quality_gates=parsed.quality_gates,
        healing=parsed.healing,
        notifications=parsed.notifications,
        config_file=file,
    )


def _matrix_of(section: SuiteSection) -> dict[str, list[str]]:
    return {key: list(values) for key, values in section.matrix.items()}


def _suite(
    name: str, section: SuiteSection, base: EnvironmentSpec, combination: Mapping[str, str] | None = None
) -> Suite:
    combination = combination or {}
    return Suite(
        name=_name(name, combination),
        kind=section.kind,
        adapter=section.adapter,
        paths=section.paths,
        args=section.args,
        needs=section.needs,
        timeout=section.timeout,
        retries=section.retries,
        target_time=section.target_time,
        environment=_environment(base, section.environment, combination),
    )


def _environment(base: EnvironmentSpec, own: SuiteEnvironment, combination: Mapping[str, str]) -> EnvironmentSpec:
    variables = {k: v for k, v in combination.items() if k != "python"}
    return EnvironmentSpec(
        python=combination.get("python") or own.python or base.python,
        install=overlay(base.install, own.install or ()),
        pythonpath=base.pythonpath if own.pythonpath is None else own.pythonpath,
        variables={**base.variables, **own.variables, **variables},
    )
