"""Failures grouped by cause, and what was tried on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

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


class Word(StrEnum):
    """What a person says of a repair."""

    APPROVED = "approved"
    REJECTED = "rejected"


class RepairStatus(StrEnum):
    """Whether a repair survived the proof gates."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures of one cause. ``tests`` are the ids that fail for it; ``signature`` is stable from run to run.

    ``flaky`` says that they also passed in the same run. ``diagnosis`` holds what experiments showed: ``verdict``
    ("order", "timing", "listing", "hashing", "leftover", "clock", "random", "broken", "brittle" or "unknown"),
    ``words``, ``victims``, ``polluters``, ``changes`` (state that leaks), ``needs`` (of brittle tests: each with those
    that it leans on), ``draws`` (the seeds with which they pass and fail) and ``stress`` (the runs that reveal it);
    ``experiments`` each run's tally.
    """

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
    flaky: bool = False
    experiments: tuple[Mapping[str, Any], ...] = ()
    diagnosis: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible repair: one unified diff against the run's source, git style, paths from the project's root.

    A change of the environment is a change of ``maestro.yaml`` or of a requirements file in that diff. ``prior`` is
    the probability, before any trial, that it is right; ``workaround`` marks a pin that leaves the cause in place.
    ``unasked`` marks one that installs a distribution which none of the project's own files asks for.
    """

    id: str
    strategy: Strategy
    generator: str
    summary: str
    patch: str
    prior: float = 0.5
    workaround: bool = False
    touches_product: bool = False
    unasked: bool = False


class TrialStatus(StrEnum):
    """How far a trial got."""

    RAN = "ran"
    NOT_APPLICABLE = "not_applicable"  # the patch does not apply, or the result does not parse
    ENVIRONMENT_FAILED = "environment_failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class MutantResult:
    """One defect put into product code, and whether the healed tests noticed.

    ``killed`` means that one of them failed, or ran out of time; ``checked`` that a claim of theirs did, not only the
    code under them, which would fail a test that claims nothing too; ``reached`` that they certainly ran the place;
    ``lost`` that the tests as they were before the patch noticed it, and do not with the patch.
    """

    file: str
    line: int
    description: str
    killed: bool
    seconds: float
    reached: bool = True
    lost: bool = False
    checked: bool = False


class Unmeasured(StrEnum):
    """Why no mutants were run."""

    NOTHING_COVERED = "nothing_covered"  # the tests enter no function of the product
    NOTHING_TO_MUTATE = "nothing_to_mutate"  # nothing in those functions can be mutated
    UNSTEADY = "unsteady"  # by themselves, and while it is noted what they enter, the tests do not pass
    TOO_SLOW = "too_slow"  # the tests take too long to be run several times


@dataclass(frozen=True, slots=True)
class Mutation:
    """What mutants showed.

    ``healed`` counts the tests whose original could not run, ``compared`` those that could be run on the mutants before
    the patch too (only where one survived); ``asserting`` says whether the healed tests claim anything at all.
    """

    mutants: tuple[MutantResult, ...] = ()
    healed: int = 0
    compared: int = 0
    asserting: bool = True
    unmeasured: Unmeasured | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What happened to a candidate in its sandbox.

    ``target`` are the results of the failure's tests; ``repeats`` those of the further, shuffled runs; ``suite`` of
    the whole affected suite (empty when ``target`` did not get better); ``unfinished`` tests (ids) that were stopped
    because they took too long and are in none of these; ``mutation`` what mutants showed (None when no
    test became steadily green). ``spent`` says what ``seconds`` are made of: "environment", "target", "suite",
    "repeats", "mutants".
    """

    candidate: str
    status: TrialStatus
    detail: str = ""
    target: tuple[CaseResult, ...] = ()
    repeats: tuple[tuple[CaseResult, ...], ...] = ()
    suite: tuple[CaseResult, ...] = ()
    seconds: float = 0.0
    mutation: Mutation | None = None
    spent: Mapping[str, float] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()

    @property
    def mutants(self) -> tuple[MutantResult, ...]:
        """The mutants that were run."""
        return self.mutation.mutants if self.mutation is not None else ()


@dataclass(frozen=True, slots=True)
class GateResult:
    """Whether a repair passed one proof gate, and what was seen."""

    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Repair:
    """A judged repair. ``rounds`` lists the summaries of the kept changes in order; ``patch`` holds them all.

    ``pattern`` is the kind of failure that it was made for (see :func:`maestro.healing.feedback.pattern`).
    """

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
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """A person's word on a repair: why, if they said so, when (ISO 8601, UTC), and by which key."""

    word: Word
    at: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many repairs of one kind the people of a project approved (``right``) and rejected (``wrong``)."""

    project: str
    strategy: str
    generator: str
    pattern: str
    right: int
    wrong: int
