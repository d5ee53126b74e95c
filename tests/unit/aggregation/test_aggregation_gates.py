import math

import pytest
from aggregation_sample import sample_verdict
from maestro.aggregation import evaluate, verdict
from maestro.aggregation.errors import GateError


@pytest.mark.parametrize(
    ("gate", "limit", "passed"),
    [
        ("pass_rate", 0.95, True),
        ("pass_rate", 0.99, False),
        ("min_pass_rate", 0.99, False),
        ("max_skipped", 1, True),
        ("max_skipped", 0, False),
        ("max_failures", 2, True),
        ("max_failures", 1, False),
        ("max_flaky", 1, True),
        ("max_flaky", 0, False),
        ("max_seconds", 7.5, True),
        ("max_seconds", 7, False),
    ],
)
def test_limits(gate: str, limit: float, *, passed: bool) -> None:
    (result,) = evaluate({gate: limit}, sample_verdict())

    assert (result["name"], result["passed"]) == (gate, passed)
    assert result["detail"]


def test_details_say_what_was_seen() -> None:
    (result,) = evaluate({"pass_rate": 0.99}, sample_verdict())

    assert result["detail"] == "45 of 47 passed (95.7%); at least 99.0%"


def test_the_time_is_the_runs_where_it_is_known() -> None:
    (result,) = evaluate({"max_seconds": 5}, sample_verdict(), seconds=4.2)

    assert result["passed"]
    assert result["detail"] == "seconds: 4.2; at most 5"


def test_no_tests_have_no_pass_rate() -> None:
    (result,) = evaluate({"pass_rate": 0.01}, verdict([]))

    assert not result["passed"]


def test_gates_that_are_not_set_are_not_evaluated() -> None:
    assert evaluate({"pass_rate": None}, sample_verdict()) == []


@pytest.mark.parametrize(
    ("gate", "limit"),
    [("coverage", 1), ("pass_rate", 95), ("max_flaky", -1), ("max_flaky", math.nan), ("max_flaky", True)],
)
def test_gates_that_make_no_sense_are_errors(gate: str, limit: float) -> None:
    with pytest.raises(GateError, match=gate):
        evaluate({gate: limit}, sample_verdict())
