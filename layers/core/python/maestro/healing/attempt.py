"""A candidate with its trial, and all that it is held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maestro.healing import confidence, feedback
from maestro.model import Candidate, CaseResult, Failure, Tier, Trial


@dataclass(frozen=True, slots=True)
class Policy:
    """What a project allows: protected and allowed paths, thresholds of tiers, and tests that are known to be flaky."""

    protect: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    thresholds: Mapping[Tier, float] = field(default_factory=lambda: confidence.THRESHOLDS)
    flaky: frozenset[str] = frozenset()
    rounds: tuple[str, ...] = ()  # summaries of the patches kept so far, which every candidate of this round contains
    history: tuple[Failure, ...] = ()  # the failures that those patches were made for
    fixed: tuple[str, ...] = ()  # the tests that those patches made green
    workaround: bool = False  # whether one of those patches is one, so that no repair that contains it is less
    unasked: bool = False  # whether one of them installs what nothing of the project asks for
    doubtful: bool = False  # whether one of them is for a person to decide
    said: feedback.Record = field(default_factory=dict)  # what people said of earlier repairs


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the proof is about.

    ``baseline`` are the results of the whole suite before the patch; ``before`` and ``after`` the trees without and
    with it, where ``before`` is the source as submitted: the patch contains the repairs of the policy's history.
    """

    failure: Failure
    candidate: Candidate
    trial: Trial
    baseline: Sequence[CaseResult]
    before: Path
    after: Path
    policy: Policy = field(default_factory=Policy)
