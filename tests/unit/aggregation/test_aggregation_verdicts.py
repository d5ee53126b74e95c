import math
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.aggregation import SuiteVerdict, Verdict, merge, verdict
from maestro.aggregation.errors import MismatchError
from maestro.model import (
    CaseResult,
    Chunk,
    Collection,
    Facts,
    Outcome,
    Phase,
    Suite,
    SuiteResult,
    dump_json,
    load_json,
)

UNIT = Suite("unit")
TESTS = tuple(f"tests/test_{name}.py::test_{n}" for name in "ab" for n in range(3))


def collected(*tests: str, errors: Iterable[CaseResult] = ()) -> Collection:
    return Collection("unit", tests, {test: test.partition("::")[0] for test in tests}, tuple(errors))


def case(test: str, outcome: Outcome = Outcome.PASSED, **more: Any) -> CaseResult:
    return CaseResult(test, outcome, 0.1, file=test.partition("::")[0], **more)


def part(*cases: CaseResult, seconds: float = 1.0, **more: Any) -> SuiteResult:
    return SuiteResult(tuple(cases), seconds, **more)


def outcomes(suite: SuiteVerdict) -> dict[str, str]:
    return {result.id: result.outcome.value for result in suite.results}


def test_results_stand_in_collection_order_whatever_the_order_of_chunks() -> None:
    cases = [case(test) for test in TESTS]

    merged = merge(UNIT, collected(*TESTS), [part(*cases[3:]), part(*cases[:3])])

    assert [result.id for result in merged.results] == list(TESTS)
    assert merged.outcome is Outcome.PASSED
    assert merged.totals == {
        "passed": 6, "failed": 0, "error": 0, "skipped": 0, "xfailed": 0, "xpassed": 0, "flaky": 0,
    }  # fmt: skip
    assert merged.seconds == 2.0


def test_a_missing_chunk_makes_its_tests_errors_that_name_it() -> None:
    chunks = [Chunk("c1", "unit", TESTS[:3], (), 1.0), Chunk("c2", "unit", TESTS[3:], (), 1.0)]

    merged = merge(UNIT, collected(*TESTS), {"c1": part(*map(case, TESTS[:3]))}, chunks=chunks)

    assert merged.outcome is Outcome.ERROR
    assert merged.totals["error"] == 3
    assert merged.reason == "incomplete"
    assert "chunk c2 is missing" in merged.results[3].message
    assert merged.results[3].facts.phase is Phase.PROCESS


def test_a_chunk_that_died_makes_the_tests_it_never_reported_errors() -> None:
    chunks = [Chunk("c1", "unit", TESTS, (), 1.0)]
    died = part(case(TESTS[0]), exit_code=-11, log="Segmentation fault")

    merged = merge(UNIT, collected(*TESTS), {"c1": died}, chunks=chunks)

    assert merged.totals["passed"] == 1
    assert merged.totals["error"] == 5
    assert "exit code -11" in merged.results[1].message
    assert "Segmentation fault" in merged.results[1].message


def test_tests_of_a_chunk_whose_session_failed_carry_the_sessions_cause() -> None:
    facts = Facts(Phase.SESSION, "ImportError", "no conftest")
    session = CaseResult("<session>", Outcome.ERROR, 0.0, message="no conftest", facts=facts)

    merged = merge(UNIT, collected(*TESTS), [part(session, exit_code=4)])

    lost = merged.results[0]
    assert lost.id == TESTS[0]
    assert lost.message == "Not run, because <session> failed: no conftest"
    assert lost.facts == facts


def test_a_redelivered_chunk_counts_once_and_the_first_report_stands() -> None:
    first = part(case(TESTS[0]), case(TESTS[1], Outcome.FAILED))
    again = part(case(TESTS[0], Outcome.FAILED), case(TESTS[1], Outcome.FAILED))

    merged = merge(UNIT, collected(*TESTS[:2]), [first, again])

    assert outcomes(merged) == {TESTS[0]: "passed", TESTS[1]: "failed"}
    assert [(flaky.id, flaky.why) for flaky in merged.flaky] == [
        (TESTS[0], "its chunk ran more than once: first passed, then failed")
    ]


def test_a_teardown_error_is_not_hidden_by_the_pass_before_it() -> None:
    merged = merge(UNIT, collected(TESTS[0]), [part(case(TESTS[0]), case(TESTS[0], Outcome.ERROR))])

    assert outcomes(merged) == {TESTS[0]: "error"}


def test_collection_errors_are_errors_and_come_first() -> None:
    broken = CaseResult("tests/test_z.py", Outcome.FAILED, 0.0, file="tests/test_z.py", message="SyntaxError")

    session = CaseResult("<session>", Outcome.ERROR, 0.0, message="no conftest")

    merged = merge(UNIT, collected(TESTS[0], errors=[broken, session]), [part(case(TESTS[0]))])

    assert list(outcomes(merged).items()) == [
        ("<session>", "error"),
        ("tests/test_z.py", "error"),
        (TESTS[0], "passed"),
    ]
    assert (merged.outcome, merged.reason) == (Outcome.ERROR, "collection_errors")


def test_no_tests_is_an_error_with_exit_code_5() -> None:
    merged = merge(UNIT, collected(), [])

    assert (merged.outcome, merged.reason) == (Outcome.ERROR, "no_tests")
    assert verdict([merged]).exit_code == 5
    assert verdict([]).exit_code == 5
    assert verdict([]).outcome is Outcome.ERROR


def test_one_empty_suite_keeps_a_run_from_passing() -> None:
    full = merge(UNIT, collected(TESTS[0]), [part(case(TESTS[0]))])
    empty = merge(Suite("e2e"), Collection("e2e", (), {}, ()), [])

    run = verdict([full, empty])

    assert (run.outcome, run.exit_code) == (Outcome.ERROR, 1)
    assert run.detail == "No test was collected in e2e."


def test_a_planned_suite_without_a_verdict_is_an_error() -> None:
    run = verdict([merge(UNIT, collected(TESTS[0]), [part(case(TESTS[0]))])], planned=["unit", "types"])

    assert run.outcome is Outcome.ERROR
    assert run.suites[1].suite == "types"
    assert "types was planned" in run.results[-1].message


def test_a_suite_of_skips_passes_and_says_so() -> None:
    merged = merge(UNIT, collected(TESTS[0]), [part(case(TESTS[0], Outcome.SKIPPED))])

    assert (merged.outcome, merged.reason) == (Outcome.PASSED, "only_skipped")
    assert verdict([merged]).reason == "only_skipped"


def test_a_skipped_suite_beside_one_that_ran_is_no_skipped_run() -> None:
    ran = merge(UNIT, collected(TESTS[0]), [part(case(TESTS[0]))])
    skipped = merge(UNIT, collected(TESTS[1]), [part(case(TESTS[1], Outcome.SKIPPED))])

    assert verdict([ran, skipped]).reason == ""


def test_a_flaky_test_is_listed_and_does_not_fail_the_run() -> None:
    attempts = (Outcome.FAILED, Outcome.PASSED)

    merged = merge(UNIT, collected(TESTS[0]), [part(case(TESTS[0], attempts=attempts))])

    assert merged.outcome is Outcome.PASSED
    assert merged.totals["flaky"] == 1
    assert [(flaky.id, flaky.why) for flaky in merged.flaky] == [(TESTS[0], "attempts: failed, passed")]


def test_a_failure_says_failed_even_beside_errors() -> None:
    merged = merge(UNIT, collected(*TESTS[:2]), [part(case(TESTS[0], Outcome.FAILED))])

    assert merged.outcome is Outcome.FAILED
    assert verdict([merged]).exit_code == 1


def test_another_suites_collection_is_refused() -> None:
    with pytest.raises(MismatchError, match="'unit'"):
        merge(Suite("types"), collected(), [])


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0])
def test_a_duration_that_is_none_counts_as_zero(seconds: float) -> None:
    merged = merge(UNIT, collected(TESTS[0]), [part(CaseResult(TESTS[0], Outcome.PASSED, seconds), seconds=seconds)])

    assert merged.results[0].seconds == 0.0
    assert merged.seconds == 0.0


def test_a_verdict_travels_as_json() -> None:
    run = verdict([merge(UNIT, collected(*TESTS), [part(*map(case, TESTS[:3]))])])

    assert load_json(Verdict, dump_json(run)) == run
    assert load_json(SuiteVerdict, dump_json(run.suites[0])) == run.suites[0]


ANY_CASE = st.builds(case, st.sampled_from(TESTS), st.sampled_from(list(Outcome)))
ANY_PARTS = st.lists(st.lists(ANY_CASE, max_size=8).map(lambda cases: part(*cases)), max_size=5)


@given(parts=ANY_PARTS, wanted=st.lists(st.sampled_from(TESTS), unique=True))
def test_every_collected_test_has_exactly_one_result(parts: list[SuiteResult], wanted: list[str]) -> None:
    merged = merge(UNIT, collected(*wanted), parts)

    ids = [result.id for result in merged.results]
    reported = {result.id for one in parts for result in one.results}
    assert ids[: len(wanted)] == wanted
    assert len(ids) == len(set(ids)) == len(reported | set(wanted))
    assert sum(merged.totals.values()) == len(ids)


@given(parts=ANY_PARTS, wanted=st.lists(st.sampled_from(TESTS), unique=True), again=st.integers(1, 3))
def test_redelivering_every_chunk_changes_nothing(parts: list[SuiteResult], wanted: list[str], again: int) -> None:
    once = merge(UNIT, collected(*wanted), parts)
    often = merge(UNIT, collected(*wanted), [one for one in parts for _ in range(again)])

    assert often.results == once.results
    assert often.outcome is once.outcome


@given(parts=ANY_PARTS, wanted=st.lists(st.sampled_from(TESTS), unique=True))
def test_nothing_missing_and_nothing_bad_ever_passes(parts: list[SuiteResult], wanted: list[str]) -> None:
    merged = merge(UNIT, collected(*wanted), parts)

    reported = {result.id for one in parts for result in one.results}
    if merged.outcome is Outcome.PASSED:
        assert set(wanted) <= reported
        assert reported
        assert not any(result.outcome.bad for result in merged.results)
    else:
        assert any(result.outcome.bad for result in merged.results) or not merged.results
