"""A run and what it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run stands; the last five are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    HEALED = "healed"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to a run in this status."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


class SuiteKind(StrEnum):
    """What a suite checks."""

    TEST = "test"
    TYPE = "type"
    LINT = "lint"
    BUILD = "build"


class ErrorKind(StrEnum):
    """What went wrong, in the words of the platform."""

    TEST_FAILURE = "test_failure"
    BUILD_ERROR = "build_error"
    TYPE_ERROR = "type_error"
    LINT_ERROR = "lint_error"
    RUNTIME_ERROR = "runtime_error"
    IMPORT_ERROR = "import_error"
    DEPENDENCY_ERROR = "dependency_error"


class Severity(StrEnum):
    """How much of the run an error spoils."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What a suite runs in, as ``maestro.yaml`` states it.

    ``python`` is a version ("3.12") or a path; ``install`` are requirement lines, ``-r file`` and ``-e .``;
    ``pythonpath`` are folders relative to the project's root; ``variables`` are set for the tests alone.
    """

    python: str = "3.13"
    install: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """What a built environment turned out to hold.

    ``distributions`` maps normalised distribution names to versions; ``modules`` maps top-level import names to
    the distribution that brings them.
    """

    hash: str
    python: str
    distributions: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suite:
    """One set of checks with one tool. ``timeout`` is seconds allowed to one test; ``retries`` re-runs of failures."""

    name: str
    kind: SuiteKind = SuiteKind.TEST
    adapter: str = "pytest"
    paths: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    timeout: float = 300.0
    retries: int = 2
    target_time: float | None = None
    environment: EnvironmentSpec = field(default_factory=EnvironmentSpec)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a suite that one execution takes: whole modules where they fit; ``expected`` is in seconds."""

    id: str
    suite: str
    tests: tuple[str, ...]
    files: tuple[str, ...]
    expected: float


@dataclass(frozen=True, slots=True)
class Run:
    """One request to check, and perhaps heal, a project. Times are ISO 8601 in UTC.

    ``reason`` explains an end in words; ``code`` is a stable word for an end in error, empty for all others.
    """

    id: str
    tenant: str
    project: str
    status: RunStatus
    created_at: str
    source: str  # the S3 key of the source bundle
    heal: bool = True
    suites: tuple[str, ...] = ()  # names asked for; empty: all
    changes: tuple[Mapping[str, object], ...] = ()  # recent version-control changes, newest first, from the client
    started_at: str = ""
    ended_at: str = ""
    reason: str = ""
    code: str = ""
    totals: Mapping[str, int] = field(default_factory=dict)
    progress: Mapping[str, object] = field(default_factory=dict)
    cancel_requested: bool = False
    version: int = 0
