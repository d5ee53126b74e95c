"""People's words on the repairs of one run, in the next run."""

import json
from pathlib import Path
from typing import Any

import pytest
from maestro.model import Repair, Review, Tier, Word
from support.machine import LocalMachine, RunOutcome

SLIPS = {
    f"tests/test_{name}.py": (
        f"def doubled(number)\n    return 2 * number\n\n\ndef test_{name}():\n    assert doubled({n}) == {2 * n}\n"
    )
    for n, name in enumerate(("one", "two", "three"), start=1)
}
TIERS = [Tier.REPORT, Tier.PULL_REQUEST, Tier.REVIEW, Tier.APPLIED]


def priors(outcome: RunOutcome, generator: str) -> set[float]:
    """Return with which prior the generator's candidates were tried in a run."""
    blobs = outcome.context.blobs
    keys = [k for k in blobs.list(f"{outcome.run.tenant}/runs/{outcome.run.id}/") if k.endswith("/candidates.json")]
    return {c["prior"] for key in keys for c in json.loads(blobs.get(key)) if c["generator"] == generator}


def best(outcome: RunOutcome) -> Repair:
    return max(outcome.accepted, key=lambda r: r.confidence)


def say(outcome: RunOutcome, word: Word) -> None:
    """Say the same of every repair of a run."""
    for repair in outcome.accepted:
        said = Review(word, at="2026-01-02T03:04:05+00:00", by="k1")
        outcome.context.runs.review_repair(outcome.run.tenant, repair.id, said)


@pytest.fixture
def root(write: Any) -> Path:
    made: Path = write(SLIPS)
    return made


def test_what_people_rejected_ranks_lower_and_earns_less(machine: LocalMachine, cache: Path, root: Path) -> None:
    # given a run whose three repairs of one generator were all rejected
    first = machine.run(root)
    (generator,) = {r.generator for r in first.accepted}
    assert len(first.accepted) == 3
    assert {r.pattern for r in first.accepted} == {"syntax:SyntaxError"}
    say(first, Word.REJECTED)

    # when it runs again, for the same tenant and for another one
    second = machine.run(root, within=first.context)
    with LocalMachine(cache) as another:  # a sandbox serves one tenant
        other = another.run(root, within=first.context, tenant="other")

    # then its candidates rank lower and its repairs fall in confidence and tier, where they were rejected
    assert max(priors(second, generator)) < min(priors(first, generator))
    assert best(second).confidence < best(first).confidence
    assert TIERS.index(best(second).tier) < TIERS.index(best(first).tier)
    # and nothing changes for the other tenant
    assert priors(other, generator) == priors(first, generator)
    assert (best(other).confidence, best(other).tier) == (best(first).confidence, best(first).tier)
    # and the repairs of two runs are told apart, though their patches are the same
    assert {r.patch for r in other.accepted} == {r.patch for r in first.accepted}
    assert len({r.id for o in (first, second, other) for r in o.repairs}) == 9


def test_what_people_approved_ranks_higher(machine: LocalMachine, root: Path) -> None:
    first = machine.run(root)
    say(first, Word.APPROVED)

    second = machine.run(root, within=first.context)

    (generator,) = {r.generator for r in first.accepted}
    assert min(priors(second, generator)) > max(priors(first, generator))
    assert best(second).confidence > best(first).confidence
