"""A last resort does not swallow what an earlier round earned."""

import dataclasses
from pathlib import Path

import pytest
from healing_core_trees import KILLED, candidate, failure, two_trees
from maestro.healing import judge
from maestro.healing.attempt import Policy
from maestro.healing.judge import Judgement
from maestro.healing.resorts import BY_THEMSELVES, delivered, ends, worth_trying
from maestro.model import (
    CaseResult,
    Facts,
    Outcome,
    Phase,
    Repair,
    RepairStatus,
    Strategy,
    Tier,
    Trial,
    TrialStatus,
)

A = "tests/test_x.py::test_a"
B = "tests/test_x.py::test_b"


def repair(generator: str, tier: Tier = Tier.REVIEW) -> Repair:
    return Repair(
        id=generator,
        failures=("f",),
        strategy=Strategy.DEPENDENCY_FIX,
        status=RepairStatus.ACCEPTED,
        tier=tier,
        confidence=0.8,
        summary="s",
        tests_fixed=(A,),
        files=("maestro.yaml",),
        patch="",
        generator=generator,
    )


SMALL, NEXT, DATED, OLDER = map(repair, ("missing_module", "catalogue_rename", "dated_environment", "newer_python"))


@pytest.mark.parametrize(
    ("earlier", "fresh", "expected"),
    [
        (None, None, None),
        (SMALL, None, SMALL),
        (None, DATED, DATED),
        (SMALL, NEXT, NEXT),  # it contains the earlier one, and a person would take both
        (SMALL, DATED, SMALL),
        (SMALL, OLDER, SMALL),
        (DATED, NEXT, NEXT),
        (DATED, OLDER, OLDER),
        (repair("missing_module", Tier.REPORT), DATED, DATED),  # nothing would come of waiting
    ],
)
def test_what_was_earned_before_a_last_resort_is_delivered_by_itself(
    earlier: Repair | None, fresh: Repair | None, expected: Repair | None
) -> None:
    assert delivered(earlier, fresh, failure((A,))) is expected


def test_a_last_resort_that_heals_all_stands_until_something_else_does() -> None:
    both = failure((A, B))
    whole, part = dataclasses.replace(DATED, tests_fixed=(A, B)), NEXT
    assert delivered(whole, part, both) is whole
    assert delivered(whole, dataclasses.replace(part, tests_fixed=(A, B)), both) is not whole
    assert delivered(DATED, part, both) is part  # neither heals all


@pytest.mark.parametrize(
    ("best", "adapting", "left"),
    [
        (DATED, True, ["catalogue_rename", "version_pin"]),
        (DATED, False, ["dated_environment", "version_pin"]),  # it is all there is
        (SMALL, True, ["catalogue_rename", "dated_environment", "version_pin"]),
        (None, True, ["catalogue_rename", "dated_environment", "version_pin"]),
        (dataclasses.replace(DATED, tests_fixed=(B,)), True, ["catalogue_rename", "dated_environment", "version_pin"]),
    ],
)
def test_a_last_resort_is_not_proven_again_with_every_step(
    best: Repair | None, *, adapting: bool, left: list[str]
) -> None:
    names = ["dated_environment", "version_pin", *["catalogue_rename"] * adapting]
    tried = [dataclasses.replace(candidate(n), generator=n, workaround=n != "catalogue_rename") for n in names]
    assert sorted(c.generator for c in worth_trying(tried, best, failure((A,)))) == left


@pytest.mark.parametrize("generator", sorted(BY_THEMSELVES))
def test_nothing_is_built_on_a_last_resort_where_there_is_something_to_deliver(generator: str) -> None:
    step = Judgement("progressed", dataclasses.replace(candidate(), generator=generator))
    assert ends(step, SMALL)
    assert not ends(step, None)  # a step that earned nothing may lead to something
    assert not ends(Judgement("progressed", dataclasses.replace(candidate(), generator="missing_module")), SMALL)
    assert not ends(Judgement("exhausted"), SMALL)


@pytest.mark.parametrize("kept", [False, True])
def test_a_repair_that_contains_a_workaround_is_one(tmp_path: Path, *, kept: bool) -> None:
    # given an adaptation that heals, after a round whose change was a pin
    before, after = two_trees(
        tmp_path,
        {"tests/test_x.py": "import collections\n\n\ndef test_a():\n    assert isinstance({}, collections.Mapping)\n"},
        {
            "tests/test_x.py": "import collections.abc\n\n\ndef test_a():\n"
            "    assert isinstance({}, collections.abc.Mapping)\n"
        },
    )
    broken = failure((A,), exception="AttributeError", attributes={"owner": "collections", "name": "Mapping"})
    red = CaseResult(A, Outcome.FAILED, 0.01, message="boom", facts=Facts(Phase.CALL, "AttributeError", "boom"))
    green = CaseResult(A, Outcome.PASSED, 0.01)
    trial = Trial("c1", TrialStatus.RAN, target=(green,), repeats=((green,), (green,)), suite=(green,), mutation=KILLED)

    result = judge.judge(
        broken, [candidate()], [trial], [red], before, lambda _: after, Policy(workaround=kept, rounds=("a pin",))
    )

    # then it is a workaround as well: a person decides whether to live with the pin
    assert result.repair is not None
    assert result.repair.workaround is kept
    assert not (kept and result.repair.tier is Tier.APPLIED)
