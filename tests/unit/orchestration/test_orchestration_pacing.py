"""How long trials may take, what a stopped run still tells, and what is run again."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.adapters.outcomes import OVERDUE, UNREACHED, broken
from maestro.aggregation import SuiteVerdict, Verdict
from maestro.config import load_config
from maestro.model import CaseResult, Facts, Outcome, Phase, Run, RunStatus, dump_json
from maestro.orchestration import pacing
from maestro.orchestration.healing_time import HealingTime
from maestro.orchestration.memory import InMemoryBlobStore
from maestro.orchestration.naming import pass_key

A, B, C = (f"tests/test_a.py::TestA::test_{name}" for name in "abc")


def case(test: str, outcome: Outcome = Outcome.PASSED, seconds: float = 0.1) -> CaseResult:
    facts = Facts(Phase.CALL, "ValueError", "boom") if outcome.bad else None
    return CaseResult(test, outcome, seconds, test.partition("::")[0], facts=facts)


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_slower_suite_never_gets_less_time(one: float, other: float) -> None:
    for limit, least in ((pacing.run_seconds, 60.0), (pacing.healing_seconds, 480.0)):
        assert limit(0.0) == least
        assert limit(max(one, other)) >= limit(min(one, other)) >= least
        assert limit(one) >= one


def test_what_ended_before_a_run_was_stopped_stays() -> None:
    # given a run that was stopped in its second test, and what the file and the class sum up
    stopped, never = broken(B, OVERDUE), broken(C, UNREACHED)
    summed = dataclasses.replace(stopped, id="tests/test_a.py", message="It is collected now; 2 of 3 tests in it fail.")
    results = (summed, dataclasses.replace(case("tests/test_a.py::TestA", Outcome.FAILED)), case(A), stopped, never)

    ended, left = pacing.finished(results)

    assert ended == (case(A),)
    assert set(left) == {"tests/test_a.py", B, C}
    assert pacing.finished(ended) == (ended, ())


def test_a_test_that_says_the_words_of_the_deadline_has_ended() -> None:
    said = Facts(Phase.CALL, "AssertionError", OVERDUE)
    result = CaseResult(A, Outcome.FAILED, 0.1, facts=said)

    assert pacing.finished((result,)) == ((result,), ())


def test_the_words_name_the_limit_the_suite_and_the_slowest_test() -> None:
    results = (case(A, Outcome.FAILED, seconds=41.0), broken(B, OVERDUE, seconds=19.0), broken(C, UNREACHED))

    assert pacing.too_slow(results, 60.0, 12.6) == (
        "with it the tests take too long: stopped after 60 s, when 1 tests had ended and 2 had not; "
        f"the whole suite took 13 s as submitted; the slowest was {A} (41 s)"
    )
    assert "was not known" in pacing.too_slow(results, 60.0, 0.0)


def test_only_what_became_green_is_run_again() -> None:
    target = (case(A), case(B, Outcome.FAILED), case(C))

    assert pacing.worth_repeating(target, ["tests/test_a.py"], (), 1.0) == [A, C]
    assert pacing.worth_repeating(target, [B], (), 1.0) == [A, C]
    assert pacing.worth_repeating((case(B, Outcome.FAILED),), [B], (), 1.0) is None


def test_a_slow_session_is_shown_to_start_again_by_some_of_its_tests() -> None:
    # given a session of a minute, in which the change edits one file
    quick = [
        dataclasses.replace(case(f"tests/test_q.py::test_{n}", seconds=0.5), file="tests/test_q.py") for n in range(99)
    ]
    edited = case(A, seconds=30.0)
    target = (*quick, edited, case(B, Outcome.FAILED, seconds=9.0))

    asked = pacing.worth_repeating(target, None, ["tests/test_a.py"], 60.0)

    # then the tests of that file are among what is run again, and nothing that is red
    assert asked == [A]
    few = pacing.worth_repeating(target, None, (), 60.0)
    assert few is not None
    assert 1 <= len(few) <= 20
    assert {*few} <= {r.id for r in quick}
    # and one that is quick is run again as it is
    assert pacing.worth_repeating(target, None, (), 9.0) is None


@pytest.mark.parametrize(("until", "now", "expected"), [(0.0, 1e9, False), (100.0, 97.0, False), (100.0, 99.0, True)])
def test_when_there_is_no_time_left(until: float, now: float, *, expected: bool) -> None:
    assert pacing.over(until, now) is expected


def test_the_clock_of_healing_starts_once_and_follows_the_suite(tmp_path: Path) -> None:
    # given a run whose first pass could not start its session, and whose second took a minute and a half
    def verdict(seconds: float, passed: int) -> bytes:
        totals = {"passed": passed}
        suite = SuiteVerdict("unit", Outcome.FAILED, totals, (), seconds=seconds)
        return dump_json(Verdict(Outcome.FAILED, totals, (suite,)))

    blobs = InMemoryBlobStore()
    run = Run(id="r", tenant="t", project="p", source="s", status=RunStatus.RUNNING, created_at="2026-11-22T10:00:00Z")
    blobs.put(pass_key("t", "r", 0, "verdict.json"), verdict(0.5, 0))
    (tmp_path / "maestro.yaml").write_text("project: p\nsuites: {unit: {paths: [tests]}}\n")
    (tmp_path / "tests").mkdir()
    config = load_config(tmp_path)
    first = HealingTime(blobs, run, 0)
    until = first.until(config)
    assert first.suite_seconds("unit") == 0.0
    assert first.until(config) == until

    # when the second pass shows how long the suite takes
    blobs.put(pass_key("t", "r", 1, "verdict.json"), verdict(190.0, 5))
    second = HealingTime(blobs, run, 1)

    # then there is more time, from the same beginning, unless the project says how much there is
    assert second.suite_seconds("unit") == 190.0
    assert second.until(config) == pytest.approx(until + 90.0)
    limited = config.model_copy(update={"healing": config.healing.model_copy(update={"time_limit": 30.0})})
    assert second.until(limited) == pytest.approx(until - 450.0)
