"""Ask uv for the smallest change of a set of pins that lets a further requirement in."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import uv
from packaging.requirements import Requirement

from maestro.healing.base import Project
from maestro.healing.strategies.environment import stated, stated_lines
from maestro.healing.strategies.names import canonical

_SECONDS = 60
_QUESTIONS = 24  # answers of uv that finding the culprits of a set may take, of about 0.2 s each
_SEARCH_SECONDS = 20.0


def resolved(project: Project, python: tuple[int, int], wanted: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """Return ``wanted`` and the stated requirements that must change with it, so that all fit together.

    The exact pins of the environment are kept wherever they can be. Where uv finds no answer from wheels alone
    (nothing is built here: a build runs foreign code), ``wanted`` is returned as it is.
    """
    known = stated_lines(project)
    names = {canonical(w.name) for w in wanted}
    pins = {
        n: r for n, r in known.items() if n not in names and len(r.specifier) == 1 and str(r.specifier).startswith("==")
    }
    if not pins:
        return tuple(wanted)
    loose = [pins[n].name if n in pins else str(r) for n, r in known.items() if n not in names]
    answer = _compile([*loose, *map(str, wanted)], [str(r) for r in pins.values()], python, project.network)
    changed = [
        Requirement(f"{pins[n].name}=={version}")
        for n, version in answer.items()
        if n in pins and str(pins[n].specifier) != f"=={version}"
    ]
    return (*wanted, *changed)


def together(project: Project, python: tuple[int, int], lines: Sequence[str]) -> tuple[str, ...]:
    """Return those of some requirement lines that uv resolves together from wheels, beside the environment's pins.

    All at once, or else all but the culprits, which are found by halving (within a bound of questions and of time:
    what is not cleared by then is left out). Empty where uv finds an answer for none.
    """
    pins = [
        f"{each.name}{each.specifier}" + (f" ; {each.marker}" if each.marker else "")
        for each in stated(project)
        if each.url is None and each.specifier
    ]
    return _together(tuple(lines), tuple(pins), python, tuple(sorted(project.network.items())))


@lru_cache(maxsize=64)
def _together(
    lines: tuple[str, ...], pins: tuple[str, ...], python: tuple[int, int], network: tuple[tuple[str, str], ...]
) -> tuple[str, ...]:
    """Remember the answer: every failure that lacks one of a set asks for the same."""
    until = time.monotonic() + _SEARCH_SECONDS

    def fits(some: Sequence[str]) -> bool:
        return time.monotonic() < until and bool(_compile(some, (), python, dict(network), pins))

    return tuple(cleared(lines, fits))


def cleared(lines: Sequence[str], fits: Callable[[Sequence[str]], bool], questions: int = _QUESTIONS) -> list[str]:
    """Return what is left of ``lines``, in order, when those that keep the others from fitting are taken out.

    ``fits`` is asked at most ``questions`` times; of two lines that only exclude each other the earlier stays.
    """
    kept: list[str] = []
    parts = [list(lines)]
    while parts and questions:
        part = parts.pop(0)
        questions -= 1
        if fits([*kept, *part]):
            kept += part
        elif len(part) > 1:
            half = len(part) // 2
            parts[:0] = [part[:half], part[half:]]
    return kept


def _compile(
    lines: Sequence[str],
    preferred: Sequence[str],
    python: tuple[int, int],
    network: Mapping[str, str],
    constraints: Sequence[str] = (),
) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="maestro-resolve-") as folder:
        source, target = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
        source.write_text("".join(f"{line}\n" for line in lines))
        target.write_text("".join(f"{line}\n" for line in preferred))
        limits = Path(folder, "constraints.txt")
        limits.write_text("".join(f"{line}\n" for line in constraints))
        command = [
            uv.find_uv_bin(),
            "pip",
            "compile",
            "--quiet",
            "--no-config",
            "--no-header",
            "--no-annotate",
            "--no-build",
        ]
        # uv asks some interpreter for the platform; the running one is always there
        command += ["--python", sys.executable, "--python-version", f"{python[0]}.{python[1]}"]
        command += ["--constraints", str(limits), "--output-file", str(target), str(source)]
        environment = {**network, "HOME": folder, "PATH": "", "UV_PYTHON_DOWNLOADS": "never"}
        environment.setdefault("UV_CACHE_DIR", str(Path(tempfile.gettempdir(), "maestro-uv-cache")))
        try:
            done = subprocess.run(command, env=environment, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return {}
        if done.returncode:
            return {}
        answer: dict[str, str] = {}
        for line in target.read_text().splitlines():
            name, _, version = line.split(";")[0].strip().partition("==")
            if version:
                answer[canonical(name.split("[")[0])] = version.strip()
        return answer
