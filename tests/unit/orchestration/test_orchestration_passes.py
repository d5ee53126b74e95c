"""What a run of everything says of repairs that were proven alone."""

import pytest
from maestro.aggregation import merge, verdict
from maestro.model import CaseResult, Collection, Outcome, Repair, RepairStatus, Strategy, Suite, SuiteResult, Tier
from maestro.orchestration.passes import holds

A, B = "tests/test_x.py::test_a", "tests/test_x.py::test_b"


@pytest.mark.parametrize(
    ("healed", "outcomes", "expected"),
    [
        ((A, B), (Outcome.PASSED, Outcome.PASSED), True),
        ((A, B), (Outcome.PASSED, Outcome.FAILED), True),
        ((A,), (Outcome.FAILED, Outcome.PASSED), False),
        ((A,), (Outcome.FLAKY, Outcome.PASSED), True),
        (("<session>",), (Outcome.FAILED, Outcome.PASSED), True),
        (("<session>",), (Outcome.ERROR, Outcome.FAILED), False),
        (("tests/test_x.py",), (Outcome.FAILED, Outcome.FAILED), True),
    ],
)
def test_a_repair_that_heals_nothing_in_a_run_of_everything_does_not_hold(
    healed: tuple[str, ...], outcomes: tuple[Outcome, Outcome], *, expected: bool
) -> None:
    results = tuple(CaseResult(test, outcome, 0.0) for test, outcome in zip((A, B), outcomes, strict=True))
    collection = Collection("unit", (A, B), dict.fromkeys((A, B), "tests/test_x.py"), errors=())
    after = verdict([merge(Suite("unit"), collection, [SuiteResult(results, seconds=0.1)])])
    repair = Repair(
        id="r", failures=("f",), strategy=Strategy.DEPENDENCY_FIX, status=RepairStatus.ACCEPTED, tier=Tier.REVIEW,
        confidence=0.8, summary="a change", tests_fixed=healed, files=("maestro.yaml",), patch="+a\n", proof={},
        rounds=(), workaround=False, generator="g", pattern="p",
    )  # fmt: skip

    assert holds(repair, after) is expected
