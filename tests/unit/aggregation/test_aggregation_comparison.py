import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.aggregation import compare
from maestro.model import CaseResult, Facts, Outcome, Phase

P, F, E, S, X = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED, Outcome.XFAILED


def case(test: str, outcome: Outcome) -> CaseResult:
    phase = Phase.CALL if "::" in test else Phase.COLLECT
    facts = Facts(phase, "E", "m") if outcome.bad else None
    return CaseResult(test, outcome, 0.1, file=test.partition("::")[0], facts=facts)


def results(**outcomes: Outcome) -> list[CaseResult]:
    return [case(f"tests/test_a.py::test_{name}", outcome) for name, outcome in outcomes.items()]


@pytest.mark.parametrize(
    ("was", "became", "where"),
    [
        (F, P, "fixed"),
        (E, P, "fixed"),
        (F, Outcome.FLAKY, "fixed"),
        (F, S, "lost"),
        (F, X, "lost"),
        (P, F, "lost"),
        (P, E, "lost"),
        (P, S, "lost"),
        (P, X, "lost"),
        (X, F, "lost"),
        (S, F, "uncovered"),
        (P, P, "unchanged"),
        (F, F, "unchanged"),
        (S, P, "unchanged"),
    ],
)
def test_what_a_change_of_outcome_means(was: Outcome, became: Outcome, where: str) -> None:
    comparison = compare(results(one=was), results(one=became))

    assert getattr(comparison, where) == ("tests/test_a.py::test_one",)
    assert comparison.harmless == (where != "lost")


def test_a_repaired_file_is_fixed_and_its_failing_tests_are_uncovered() -> None:
    before = [case("tests/test_a.py", E), case("tests/test_b.py::test_kept", P)]
    after = [*results(one=P, two=F), case("tests/test_b.py::test_kept", P)]

    comparison = compare(before, after)

    assert comparison.fixed == ("tests/test_a.py",)
    assert comparison.appeared == ("tests/test_a.py::test_one",)
    assert comparison.uncovered == ("tests/test_a.py::test_two",)
    assert comparison.unchanged == ("tests/test_b.py::test_kept",)
    assert comparison.improved
    assert comparison.details["tests/test_a.py"] == "could not be collected -> 2 of 2 in it run"


@pytest.mark.parametrize("container", ["tests/test_a.py", "tests", "tests/", "tests/test_a.py::TestCart"])
def test_files_folders_and_classes_are_found_in_their_tests(container: str) -> None:
    after = [case("tests/test_a.py::TestCart::test_add[a::b]", P)]

    assert compare([case(container, E)] if "::" not in container else [
        CaseResult(container, E, 0.0, file="tests/test_a.py", facts=Facts(Phase.COLLECT, "E", "m"))
    ], after).fixed == (container,)  # fmt: skip


def test_a_session_that_starts_is_fixed() -> None:
    comparison = compare([case("<session>", E)], [*results(one=P), case("tests/test_b.py", E)])

    assert comparison.fixed == ("<session>",)
    assert comparison.uncovered == ("tests/test_b.py",)


def test_a_session_that_starts_is_fixed_even_if_no_file_collects_yet() -> None:
    comparison = compare([case("<session>", E)], [case("tests/test_a.py", E), case("tests/test_b.py", E)])

    assert comparison.fixed == ("<session>",)
    assert comparison.uncovered == ("tests/test_a.py", "tests/test_b.py")


def test_a_broken_file_that_the_session_now_hides_is_no_repair() -> None:
    comparison = compare([case("tests/test_a.py", E)], [case("<session>", E)])

    assert comparison.vanished == ("tests/test_a.py",)
    assert comparison.lost == ("<session>",)


def test_deleting_a_broken_file_is_no_repair() -> None:
    comparison = compare([case("tests/test_a.py", E), case("tests/test_b.py::test_x", P)],
                         [case("tests/test_b.py::test_x", P)])  # fmt: skip

    assert comparison.vanished == ("tests/test_a.py",)
    assert not comparison.improved


def test_skipping_every_test_of_a_broken_file_is_no_repair() -> None:
    comparison = compare([case("tests/test_a.py", E)], results(one=S, two=S))

    assert comparison.lost == ("tests/test_a.py",)


def test_a_file_that_no_longer_collects_is_lost_with_its_tests() -> None:
    comparison = compare(results(one=P, two=F), [case("tests/test_a.py", E)])

    assert comparison.lost == ("tests/test_a.py",)
    assert set(comparison.vanished) == {"tests/test_a.py::test_one", "tests/test_a.py::test_two"}
    assert not comparison.harmless


def test_a_session_that_no_longer_starts_is_lost() -> None:
    assert compare(results(one=P), [case("<session>", E)]).lost == ("<session>",)


def test_a_failing_test_that_is_gone_has_vanished() -> None:
    assert compare(results(one=F), []).vanished == ("tests/test_a.py::test_one",)


IDS = st.sampled_from(
    ["<session>", "tests/test_a.py", "tests/test_b.py", "tests"]
    + [f"tests/test_{name}.py::test_{n}" for name in "ab" for n in range(3)]
)
ANY = st.lists(st.builds(case, IDS, st.sampled_from(list(Outcome))), unique_by=lambda result: result.id)


@given(before=ANY, after=ANY)
def test_every_id_is_in_exactly_one_list(before: list[CaseResult], after: list[CaseResult]) -> None:
    comparison = compare(before, after)

    lists = [comparison.fixed, comparison.lost, comparison.vanished, comparison.uncovered,
             comparison.appeared, comparison.unchanged]  # fmt: skip
    ids = [test for one in lists for test in one]
    assert sorted(ids) == sorted({result.id for result in [*before, *after]})
    assert set(comparison.details) == set(ids) - set(comparison.unchanged)


@given(ANY)
def test_no_change_changes_nothing(results: list[CaseResult]) -> None:
    comparison = compare(results, results)

    assert len(comparison.unchanged) == len(results)
    assert comparison.harmless
    assert not comparison.improved


@given(before=ANY, after=ANY)
def test_a_harmless_change_keeps_every_pass(before: list[CaseResult], after: list[CaseResult]) -> None:
    if compare(before, after).harmless:
        kept = {result.id for result in after if result.outcome in (P, Outcome.FLAKY, Outcome.XPASSED)}
        assert {result.id for result in before if result.outcome is P} <= kept
