"""What a trial can know from others of its pass, without a run of its own."""

import dataclasses
from pathlib import Path

import pytest
from maestro.healing.racing import Proven
from maestro.model import (
    Candidate,
    CaseResult,
    ErrorKind,
    Facts,
    Failure,
    Outcome,
    Phase,
    Severity,
    Strategy,
    dump_json,
)
from maestro.orchestration.errors import OvertakenError
from maestro.orchestration.orders import Race, Shared, Source, TrialOrder
from maestro.orchestration.transfer import AbsentError, Transfer
from maestro.orchestration.trials import Known, Racer

MINE, OTHER = "tests/test_a.py::test_mine", "tests/test_a.py::test_other"
BOOM = Facts(Phase.CALL, "AttributeError", "boom")
FAILURE = Failure("f1", ErrorKind.RUNTIME_ERROR, Severity.LOW, "s", "a cause", (MINE,), "unit", "boom", BOOM)
PIN = Candidate("c1", Strategy.DEPENDENCY_FIX, "pins", "pin it", "+six<2\n", workaround=True)


def case(test: str, outcome: Outcome = Outcome.PASSED) -> CaseResult:
    return CaseResult(test, outcome, 0.01, facts=BOOM if outcome.bad else None)


class Objects(Transfer):
    """Objects by URL."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, bytes] = {}

    def get(self, url: str) -> bytes:
        if url not in self.held:
            raise AbsentError(f"nothing at {url}")
        return self.held[url]

    def put(self, url: str, body: bytes) -> None:
        self.held[url] = body


BEFORE = (case(MINE, Outcome.FAILED), case(OTHER))
ORDER = TrialOrder(
    source=Source("bundle", "digest"), candidate="c1", patch=PIN.patch, suite="unit", tests=(MINE,), before=BEFORE,
    repeats=3, seconds=60.0, race=Race("mark", "mark", FAILURE, PIN), shared=Shared("suite", "suite"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("whole", "useless"),
    [
        (BEFORE, True),
        ((case(MINE), case(OTHER, Outcome.FAILED)), True),
        ((case(MINE),), True),
        ((case(MINE), case(OTHER)), False),
    ],
    ids=["still_there", "another_is_lost", "another_vanished", "it_helps"],
)
def test_what_another_trial_showed_spares_a_run_only_where_it_cannot_help(
    tmp_path: Path, whole: tuple[CaseResult, ...], *, useless: bool
) -> None:
    # given that the trial of the same change for another failure ran the whole suite
    objects = Objects()
    Known(ORDER, objects).tell(whole)

    # when this one looks
    found = Known(ORDER, objects).useless(Racer(ORDER.race, objects), tmp_path, tmp_path)

    # then it ends where it cannot help, with that run as its own
    assert (found is not None) is useless
    if found is not None:
        assert {r.id for r in found.target} == {MINE}
        assert found.repeats == ()


def test_where_nobody_told_anything_the_trial_runs(tmp_path: Path) -> None:
    objects = Objects()
    alone = dataclasses.replace(ORDER, shared=None)
    Known(alone, objects).tell(BEFORE)

    assert Known(ORDER, objects).useless(Racer(ORDER.race, objects), tmp_path, tmp_path) is None
    assert Known(alone, objects).useless(Racer(ORDER.race, objects), tmp_path, tmp_path) is None
    assert not objects.held


def test_a_trial_stops_when_a_preferred_candidate_is_proven() -> None:
    objects = Objects()
    racer = Racer(ORDER.race, objects)
    racer.look()

    adaptation = dataclasses.replace(PIN, id="c2", workaround=False)
    objects.put("mark", dump_json(Proven(adaptation, left=0)))

    with pytest.raises(OvertakenError, match="proven first"):
        racer.look()


def test_a_race_that_cannot_be_seen_stops_nobody() -> None:
    Racer(ORDER.race, Objects()).look()
    Racer(None, Objects()).look()
