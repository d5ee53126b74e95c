"""What came out of running checks, with the facts of each failure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How one check ended; the same words everywhere."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    FLAKY = "flaky"

    @property
    def bad(self) -> bool:
        """Whether a run with this outcome in it cannot pass."""
        return self in (Outcome.FAILED, Outcome.ERROR)


class Phase(StrEnum):
    """When a failure happened."""

    SESSION = "session"  # the tool could not start: a conftest, a plugin, a setting
    COLLECT = "collect"
    SETUP = "setup"
    CALL = "call"
    TEARDOWN = "teardown"
    PROCESS = "process"  # the process died, or had to be stopped


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a traceback. ``file`` is relative to the project's root where ``in_project``."""

    file: str
    line: int
    function: str
    in_project: bool
    code: str = ""
    distribution: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a failure, taken where it happened.

    ``attributes`` depends on the exception and holds only JSON data of bounded size:

    - AttributeError: ``name``, ``owner`` (qualified name of the module or class), ``owner_kind`` ("module", "class",
      "instance"), ``owner_distribution``, ``available`` (public names of the owner)
    - ImportError: ``module``, ``name``, ``available`` (names in the module where it could be imported)
    - ModuleNotFoundError: ``module``
    - KeyError: ``key``, ``available``
    - TypeError: ``callee``, ``signature``
    - SyntaxError: ``file``, ``line``, ``column``, ``text``
    - OSError: ``errno``, ``filename``
    - a missing fixture: ``fixture``, ``available``
    - an expected error that did not come: ``superuser`` (true) where root ran the test

    ``assertion`` holds ``op``, ``left``, ``right`` (shortened reprs) and ``left_type``, ``right_type`` where known.
    ``frames`` run from the outermost to the innermost. ``causes`` lists the chained exceptions, nearest first, as
    ``{"exception", "message"}``. ``covered`` maps project files to the functions that the test entered.
    """

    phase: Phase
    exception: str  # qualified, "builtins." left out: "AttributeError", "werkzeug.exceptions.NotFound"
    message: str
    bases: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    assertion: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    causes: tuple[Mapping[str, str], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    covered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: str = ""  # the tool's own report of the failure, shortened


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The result of one test, or of a file ("tests/test_x.py") or the session ("<session>") that failed to collect.

    ``attempts`` lists the outcomes of all its runs, the first one first, when there was more than one.
    """

    id: str
    outcome: Outcome
    seconds: float
    file: str = ""
    line: int = 0
    message: str = ""
    facts: Facts | None = None
    attempts: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """What a suite contains: test ids in the tool's order, each with its file, and what failed to collect."""

    suite: str
    tests: tuple[str, ...]
    files: Mapping[str, str]  # test id -> file
    errors: tuple[CaseResult, ...]
    rootdir: str = "."  # relative to the project's root
    inifile: str = ""  # relative to the project's root
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """The results of one execution of (a part of) a suite; ``seconds`` is wall time."""

    results: tuple[CaseResult, ...]
    seconds: float
    exit_code: int = 0
    log: str = ""  # the tool's output, shortened


def failing(results: Iterable[CaseResult]) -> list[CaseResult]:
    """Return the results that keep a run from passing."""
    return [r for r in results if r.outcome.bad]
