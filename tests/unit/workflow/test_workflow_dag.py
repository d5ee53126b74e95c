"""Suites come in waves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.model import Suite
from maestro.workflow import WorkflowError, waves


def names(found: tuple[tuple[Suite, ...], ...]) -> list[list[str]]:
    return [[suite.name for suite in wave] for wave in found]


def test_a_suite_comes_after_what_it_needs() -> None:
    suites = [Suite("e2e", needs=("unit", "build")), Suite("unit", needs=("lint",)), Suite("lint"), Suite("build")]

    assert names(waves(suites)) == [["lint", "build"], ["unit"], ["e2e"]]
    assert waves([]) == ()


@given(st.lists(st.sets(st.integers(0, 9)), max_size=10))
def test_every_suite_comes_once_and_after_its_needs(needs: list[set[int]]) -> None:
    suites = [Suite(str(i), needs=tuple(str(n) for n in sorted(ns) if n < i)) for i, ns in enumerate(needs)]

    found = names(waves(suites))

    wave = {name: i for i, wave in enumerate(found) for name in wave}
    assert sorted(name for w in found for name in w) == sorted(s.name for s in suites)
    assert all(wave[s.name] == 1 + max((wave[n] for n in s.needs), default=-1) for s in suites)


@pytest.mark.parametrize(
    ("suites", "message"),
    [
        ([Suite("a", needs=("b",)), Suite("b", needs=("a",))], "wait for each other: '[ab]' needs '[ab]' needs '[ab]'"),
        ([Suite("a", needs=("a",))], "'a' needs 'a'"),
        ([Suite("unit"), Suite("b", needs=("unti",))], "needs 'unti', which is not a suite; did you mean 'unit'?"),
        ([Suite("unit"), Suite("b", needs=("xyz",))], "the suites are: unit, b"),
        ([Suite("a"), Suite("a")], "Two suites are named 'a'"),
    ],
)
def test_suites_that_cannot_be_ordered_are_named(suites: list[Suite], message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        waves(suites)
