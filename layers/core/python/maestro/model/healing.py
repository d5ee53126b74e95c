"""Failures grouped by cause, and what was tried on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from maestro.model.results import CaseResult, Facts
from maestro.model.runs import ErrorKind, Severity


class Strategy(StrEnum):
    """The seven ways to heal."""

    SYNTAX_REPAIR = "syntax_repair"
    DEPENDENCY_FIX = "dependency_fix"
    TIMING_ADJUSTMENT = "timing_adjustment"
    ASSERTION_UPDATE = "assertion_update"
    ENVIRONMENT_HEALING = "environment_healing"
    FLAKY_STABILIZATION = "flaky_stabilization"
    API_CONTRACT_ADAPTATION = "api_contract_adaptation"


class Tier(StrEnum):
    """What confidence earns: applied (>= 0.90), review (>= 0.75), pull_request (>= 0.60), report."""

    APPLIED = "applied"
    REVIEW = "review"
    PULL_REQUEST = "pull_request"
    REPORT = "report"


class RepairStatus(StrEnum):
    """Whether a repair survived the proof gates."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures of one cause. ``tests`` are the ids that fail for it; ``signature`` is stable from run to run."""

    id: str
    kind: ErrorKind
    severity: Severity
    signature: str
    cause: str  # in plain words
    tests: tuple[str, ...]
    suite: str
    message: str
    facts: Facts
    regression: bool = False
    suspects: tuple[Mapping[str, str], ...] = ()  # {"file", "function", "commit", "subject", "why"}, likeliest first


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible repair: one unified diff against the run's source, git style, paths from the project's root.

    A change of the environment is a change of ``maestro.yaml`` or of a requirements file in that diff. ``prior`` is
    the probability, before any trial, that it is right; ``workaround`` marks a pin that leaves the cause in place.
    """

    id: str
    strategy: Strategy
    generator: str
    summary: str
    patch: str
    prior: float = 0.5
    workaround: bool = False
    touches_product: bool = False


class TrialStatus(StrEnum):
    """How far a trial got."""

    RAN = "ran"
    NOT_APPLICABLE = "not_applicable"  # the patch does not apply, or the result does not parse
    ENVIRONMENT_FAILED = "environment_failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Trial:
    """What happened to a candidate in its sandbox.

    ``target`` are the results of the failure's tests; ``repeats`` those of the further, shuffled runs; ``suite`` of
    the whole affected suite (empty when ``target`` did not get better).
    """

    candidate: str
    status: TrialStatus
    detail: str = ""
    target: tuple[CaseResult, ...] = ()
    repeats: tuple[tuple[CaseResult, ...], ...] = ()
    suite: tuple[CaseResult, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class GateResult:
    """Whether a repair passed one proof gate, and what was seen."""

    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Repair:
    """A judged repair. ``rounds`` lists the summaries of the kept changes in order; ``patch`` holds them all."""

    id: str
    failures: tuple[str, ...]
    strategy: Strategy
    status: RepairStatus
    tier: Tier
    confidence: float
    summary: str
    tests_fixed: tuple[str, ...]
    files: tuple[str, ...]
    patch: str
    proof: Mapping[str, GateResult] = field(default_factory=dict)
    rounds: tuple[str, ...] = ()
    workaround: bool = False
    generator: str = ""
