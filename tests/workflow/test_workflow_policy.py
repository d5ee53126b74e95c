"""What a project allows in its maestro.yaml holds in whole runs: thresholds, strategies, paths."""

from typing import Any

import pytest
from support.machine import LocalMachine

SLIP = {
    "tests/test_a.py": "def doubled(number)\n    return 2 * number\n\n\ndef test_it():\n    assert doubled(2) == 4\n"
}


@pytest.mark.parametrize(
    ("thresholds", "tier", "status"),
    [
        ("{applied: 0.01, review: 0.01, pull_request: 0.01}", "applied", "healed"),
        ("{applied: 1, review: 0.01, pull_request: 0.01}", "review", "healed"),
        ("{applied: 1, review: 1, pull_request: 0.01}", "pull_request", "healed"),
        ("{applied: 1, review: 1, pull_request: 1}", "report", "failed"),
    ],
)
def test_thresholds_decide_the_tier(machine: LocalMachine, write: Any, thresholds: str, tier: str, status: str) -> None:
    outcome = machine.run(write(SLIP, f"healing: {{thresholds: {thresholds}}}\n"))

    (repair,) = outcome.accepted
    assert (repair.tier, outcome.run.status) == (tier, status)
    # what is only reported is in no patch
    assert bool(outcome.patch) == (tier != "report")


def test_only_the_strategies_that_are_named_are_tried(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(SLIP, "healing: {strategies: [timing_adjustment, dependency_fix]}\n"))

    assert outcome.run.status == "failed"
    assert {r.strategy for r in outcome.repairs} <= {"timing_adjustment", "dependency_fix"}
    assert "def doubled(number):" not in outcome.patch


@pytest.mark.parametrize("healing", ['{protect: ["tests/**"]}', '{allow: ["maestro.yaml"]}'])
def test_a_path_that_is_protected_or_not_allowed_is_never_touched(
    machine: LocalMachine, write: Any, healing: str
) -> None:
    outcome = machine.run(write(SLIP, f"healing: {healing}\n"))

    assert outcome.run.status == "failed"
    assert outcome.accepted == ()
    assert outcome.patch == ""
