"""Candidates of a round race; a group of failures with one cause is diagnosed and repaired once."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from maestro.model import Trial, TrialStatus, load_json
from support.machine import LocalMachine, RunOutcome

USES_MOCK = {
    "src/calls.py": "def twice(call):\n    return call() + call()\n",
    "tests/test_calls.py": (
        "import sys\n\nsys.path.insert(0, 'src')\n\nfrom calls import twice\nfrom mock import Mock\n\n\n"
        "def test_twice():\n    assert twice(Mock(return_value=2)) == 4\n"
    ),
}
ONE_CAUSE = {
    "tests/shop.py": (
        "import collections\n\n\ndef is_basket(thing):\n    return isinstance(thing, collections.Mapping)\n"
    ),
    **{
        f"tests/test_{part}.py": "import pytest\nfrom shop import is_basket\n\n\n"
        "@pytest.mark.parametrize('number', range(10))\n"
        "def test_basket(number):\n    assert is_basket({'apples': number})\n"
        for part in ("fruit", "bread", "milk")
    },
}


def trials(outcome: RunOutcome) -> dict[str, Trial]:
    blobs = outcome.context.blobs
    keys = [k for k in blobs.list(f"local/runs/{outcome.run.id}/") if "/trial-" in k and ".order." not in k]
    return {t.candidate: t for t in (load_json(Trial, blobs.get(k)) for k in keys)}


def stored(outcome: RunOutcome, name: str) -> list[Any]:
    blobs = outcome.context.blobs
    found = [k for k in blobs.list(f"local/runs/{outcome.run.id}/") if k.endswith(f"/round-1/{name}")]
    return [json.loads(blobs.get(k)) for k in found]


@pytest.fixture(scope="module")
def one_by_one(cache: Path) -> Any:
    """A machine with one sandbox: candidates are tried one after the other."""
    with LocalMachine(cache, concurrency=1) as made:
        yield made


def test_what_comes_after_a_proven_adaptation_is_cancelled(one_by_one: LocalMachine, write: Any) -> None:
    # when a module is missing for which there is an adaptation, and a distribution too
    outcome = one_by_one.run(write(USES_MOCK))

    # then the adaptation is proven, and what could not win against it was stopped and says so
    (repair,) = outcome.accepted
    assert not repair.workaround
    tried = trials(outcome)
    stopped = [t for t in tried.values() if t.status is TrialStatus.CANCELLED]
    assert stopped
    assert len(tried) > len(stopped)
    assert all(not t.target for t in stopped), "it was stopped before anything was run"
    (rejected,) = stored(outcome, "rejected.json")
    assert all(
        any(line.startswith(t.candidate) and "cancelled: another candidate" in line for line in rejected)
        for t in stopped
    )
    (mark,) = stored(outcome, "proven.json")
    assert mark["candidate"]["summary"] == repair.summary


def test_many_tests_with_one_cause_cost_one_diagnosis_and_one_repair(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(ONE_CAUSE))

    did = Counter(call.state for call in outcome.calls)
    (repair,) = outcome.accepted
    assert len(repair.tests_fixed) == 30
    assert (did["Heal Failure"], did["Diagnose"], did["Judge"]) == (1, 1, 1)
    assert outcome.document["outcome"] == "healed"
