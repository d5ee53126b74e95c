"""The environment of a suite, or as much of it as the installer grants.

A line of ``environment.install``, or of a file that it names, that cannot be installed on the chosen Python is a
failure like others: it has a cause in the project's own files, and a change of these that mends it. Whatever else keeps
an environment from being built (an index that is out of reach, an interpreter that is not there, a broken project) ends
the run.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from maestro.model import CaseResult, Facts, Outcome, Phase, Suite
from maestro.registry import Environment, EnvironmentBuildError, EnvironmentTimeoutError
from maestro.registry.unbuildable import refused, spelled_out

MOST_REFUSED = 8  # lines; an environment that lacks more says nothing of the one that was asked for
_SAID = 1500  # characters of the installer's words


def possible(
    build: Callable[[Suite], Environment], suite: Suite, tree: Path, deadline: float
) -> tuple[Environment, CaseResult | None]:
    """Build a suite's environment, else one without what the installer refuses, with the session's error that says so.

    ``tree`` is the project's root; ``deadline`` is of the monotonic clock. Raises :class:`EnvironmentBuildError` where
    no line is to blame.
    """
    first: EnvironmentBuildError | None = None
    stated: Mapping[str, str] = {}
    without: dict[str, str] = {}
    while True:
        try:
            environment = build(suite)
        except EnvironmentTimeoutError:
            raise
        except EnvironmentBuildError as error:
            first = first or error
            stated = stated or spelled_out(suite.environment.install, tree)
            lines = refused(str(error), [line for line in stated if line not in without])
            if not lines or len(without) + len(lines) > MOST_REFUSED or time.monotonic() > deadline:
                raise first from None
            without |= {line: stated[line] for line in lines}
            kept = tuple(line for line in stated if line not in without)
            suite = replace(suite, environment=replace(suite.environment, install=kept))
        else:
            return environment, _refusal(without, str(first)) if first is not None else None


def _refusal(lines: Mapping[str, str], said: str) -> CaseResult:
    """What a suite's session says whose environment lacks these lines (line -> file that states it)."""
    message = f"The environment cannot be built with {', '.join(lines)}."
    facts = Facts(Phase.SESSION, "EnvironmentBuildError", message, attributes={"unbuildable": dict(lines)})
    return CaseResult("<session>", Outcome.ERROR, 0.0, message=f"{message}\n{said[-_SAID:]}", facts=facts)
