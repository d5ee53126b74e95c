"""Tests that lean on others: who leans on whom is found where that is so, and is claimed nowhere else."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing import leaning
from maestro.healing.diagnosis import healable
from maestro.healing.experiments import Experiment, Ground, Observation, stress
from maestro.model import CaseResult, ErrorKind, Facts, Failure, Outcome, Phase, Severity, Strategy
from maestro.orchestration.experimenting import Laboratory

STORE, READ, FREE = (f"tests/test_shelf.py::test_{name}" for name in ("store", "read", "free"))
WRITTEN = (FREE, STORE, READ)
SHELF = {
    "tests/test_shelf.py": """\
        SHELF = {}

        def test_free():
            assert SHELF is not None

        def test_store():
            SHELF["mug"] = 2

        def test_read():
            assert SHELF["mug"] == 2
    """,
}


def failure(*tests: str) -> Failure:
    facts = Facts(Phase.CALL, "KeyError", "'mug'", covered={"shop/shelf.py": ("put",)})
    return Failure("f", ErrorKind.TEST_FAILURE, Severity.LOW, "s", "it failed", tests, "tests", "no", facts)


def ground(ran: Sequence[str], failing: Sequence[str], seconds: float = 0.01) -> Ground:
    """A suite that ran in an order, in which some tests failed; their lines are those of ``WRITTEN``."""

    def result(test: str) -> CaseResult:
        outcome = Outcome.FAILED if test in failing else Outcome.PASSED
        return CaseResult(test, outcome, seconds, "tests/test_shelf.py", WRITTEN.index(test) + 1)

    return Ground(tuple(map(result, ran)))


def told(written: str, alone: str) -> list[list[Observation]]:
    return [
        [
            Observation("alone", {READ: (alone,)}, ran=(READ,)),
            Observation("written", {FREE: ("passed",) * 2, STORE: ("passed",) * 2, READ: (written,) * 2}, ran=WRITTEN),
        ]
    ]


def test_a_suite_that_runs_in_its_written_order_is_not_asked() -> None:
    assert not leaning.wanted(failure(READ), ground(WRITTEN, [READ]))


def methods(*named: tuple[str, int], failing: str = "read") -> tuple[Failure, Ground]:
    """Methods of one class with their lines, in the order in which they ran."""
    ids = [(f"tests/test_shelf.py::TestShelf::test_{name}", line) for name, line in named]
    bad = f"tests/test_shelf.py::TestShelf::test_{failing}"
    results = [CaseResult(i, Outcome.FAILED if i == bad else Outcome.PASSED, 0.01, line=line) for i, line in ids]
    return failure(bad), Ground(tuple(results))


def test_unittest_runs_methods_by_name_which_is_no_other_order() -> None:
    assert not leaning.wanted(*methods(("free", 9), ("read", 3), ("store", 6)))
    assert not leaning.wanted(*methods(("store", 3), ("read", 6), ("free", 9)))
    assert leaning.wanted(*methods(("read", 9), ("store", 6), ("free", 3)))

    found, backwards = methods(("store", 6), ("read", 9), ("free", 3))
    assert leaning.wanted(found, backwards)
    assert [t.rpartition("_")[2] for t in leaning.written_order(backwards.results, {"tests/test_shelf.py"})] == [
        "free", "read", "store",
    ]  # fmt: skip


def test_nor_is_one_that_takes_long() -> None:
    assert leaning.wanted(failure(READ), ground(WRITTEN[::-1], [READ]))
    assert not leaning.wanted(failure(READ), ground(WRITTEN[::-1], [READ], seconds=30))


@pytest.mark.parametrize(
    ("written", "alone", "leans"),
    [("passed", "failed", True), ("failed", "failed", False), ("passed", "passed", False), ("absent", "failed", False)],
    ids=["brittle", "broken in the written order too", "upset by others", "not seen"],
)
def test_only_what_passes_as_written_and_fails_alone_leans_on_others(
    written: str,
    alone: str,
    leans: bool,  # noqa: FBT001 - a parameter of the cases
) -> None:
    assert leaning.leaning(failure(READ), told(written, alone)) == leans


def test_each_failing_test_is_searched_after_those_written_before_it() -> None:
    suite = ground(WRITTEN[::-1], [READ])

    (asked,) = leaning.search(failure(READ), suite, told("passed", "failed"))

    assert (asked.tests, asked.order, asked.watch) == (WRITTEN, "needed", (READ,))
    answered = [*told("passed", "failed"), [Observation(asked.name, {READ: ("passed",)}, ran=(STORE, READ))]]
    assert leaning.search(failure(READ), suite, answered) == []


def concluded(changed: Sequence[str] = (), ran: tuple[str, ...] = (STORE, READ)) -> Failure:
    suite = ground(WRITTEN[::-1], [READ])
    found = [Observation("needs-0", {READ: ("passed",)}, ran=ran, problem="" if ran else "none")]
    return leaning.conclude(failure(READ), suite, [*told("passed", "failed"), found], changed)


def test_the_diagnosis_names_who_leans_on_whom_and_how_that_shows() -> None:
    brittle = concluded()

    assert brittle.diagnosis["verdict"] == "brittle"
    assert brittle.diagnosis["needs"] == {READ: [STORE]}
    assert f"{READ} fails alone and passes as written, after {STORE}" in brittle.cause
    assert [e.name for e in stress(brittle)][:3] == ["again-alone", "again-as-run", "again-written"]
    assert stress(brittle)[1].tests == WRITTEN[::-1]
    assert Strategy.FLAKY_STABILIZATION in healable(brittle)


@pytest.mark.parametrize("brittle", [concluded(["shop/shelf.py"]), concluded(ran=())], ids=["changed", "not found"])
def test_nothing_is_tried_where_the_product_changed_lately_or_no_setter_was_found(brittle: Failure) -> None:
    assert brittle.diagnosis["verdict"] == "brittle"
    assert stress(brittle) == ()
    assert Strategy.FLAKY_STABILIZATION not in healable(replace(brittle, flaky=True))


@given(st.integers(0, 20).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(n - 1, 0)), max_size=n))))
def test_the_smallest_part_holds_what_is_needed_and_no_more(sized: tuple[int, set[int]]) -> None:
    number, needed = sized
    needed &= set(range(number))
    assert leaning.smallest(range(number), lambda chosen: needed <= set(chosen)) == tuple(sorted(needed))


def test_where_all_together_do_not_help_nothing_is_smallest() -> None:
    assert leaning.smallest("abc", lambda _: False) is None


def test_the_fewest_tests_are_found_in_real_runs(laboratory: Callable[..., Laboratory]) -> None:
    place = laboratory(SHELF)

    read = place.observe(Experiment("needs-0", WRITTEN, "needed", watch=(READ,)))
    free = place.observe(Experiment("needs-1", (STORE, FREE), "needed", watch=(FREE,)))
    lost = place.observe(Experiment("needs-2", (FREE, READ), "needed", watch=(READ,)))

    assert (read.ran, read.outcomes) == ((STORE, READ), {READ: ("passed",)})
    assert free.ran == (FREE,)
    assert (lost.ran, bool(lost.problem)) == ((), True)
