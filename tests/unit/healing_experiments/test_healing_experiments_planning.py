"""What experiments ask for, and what they conclude, in worlds whose truth is known."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.healing._draws import SEEDS, decided, drawn
from maestro.healing.diagnosis import healable
from maestro.healing.experiments import (
    MAX_STEPS,
    Experiment,
    Ground,
    Observation,
    conclude,
    plan,
    polluter,
    repetitions,
    stress,
    wanted,
)
from maestro.model import CaseResult, ErrorKind, Facts, Failure, Outcome, Phase, Severity, Strategy, dump, load

Fails = Callable[[Sequence[str], str, int], bool]  # tests before it in its process, the test, the load


def failure(*tests: str, flaky: bool = True, exception: str = "AssertionError") -> Failure:
    facts = Facts(Phase.CALL, exception, "no")
    return Failure(
        "f", ErrorKind.TEST_FAILURE, Severity.LOW, "s", "it failed", tests, "tests", "no", facts, flaky=flaky
    )


def ground(*tests: str, **more: bool) -> Ground:
    results = tuple(CaseResult(t, Outcome.PASSED, 0.01, t.partition("::")[0]) for t in tests)
    return Ground(results, **more)


def world(fails: Fails) -> Callable[[Experiment], Observation]:
    """Carry out experiments in a world in which ``fails`` is true."""

    def observe(experiment: Experiment) -> Observation:
        tests = list(experiment.tests or ())
        if experiment.order == "reversed":
            tests.reverse()
        seen: dict[str, list[str]] = {t: [] for t in experiment.watch or tests}
        for _ in range(experiment.repeat):
            for place, test in enumerate(tests):
                before = [] if experiment.order == "alone" else tests[:place]
                if test in seen:
                    seen[test].append("failed" if fails(before, test, experiment.load) else "passed")
        return Observation(experiment.name, {t: tuple(o) for t, o in seen.items()}, ran=tuple(tests))

    return observe


def investigate(found: Failure, known: Ground, observe: Callable[[Experiment], Observation]) -> list[list[Observation]]:
    told: list[list[Observation]] = []
    while asked := plan(found, known, told):
        told.append([observe(experiment) for experiment in asked])
    return told


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 400), st.data())
def test_a_polluter_is_found_wherever_it_stands(count: int, data: st.DataObject) -> None:
    tests = [f"t.py::test_{n}" for n in range(count)]
    place = data.draw(st.integers(1, count - 1))
    culprit = data.draw(st.integers(0, place - 1))
    victim, guilty = tests[place], tests[culprit]

    told = investigate(failure(victim), ground(*tests), world(lambda before, t, _: t == victim and guilty in before))

    assert polluter(failure(victim), told) == (victim, guilty)
    assert len(told) <= MAX_STEPS


def test_the_order_is_the_cause_and_the_repair_has_to_survive_it() -> None:
    tests = ["t.py::test_a", "t.py::test_b", "t.py::test_c"]
    found = failure("t.py::test_c")
    told = investigate(found, ground(*tests), world(lambda before, t, _: t == tests[2] and tests[0] in before))

    concluded = conclude(found, told)

    assert concluded.diagnosis["verdict"] == "order"
    assert concluded.diagnosis["polluters"] == ["t.py::test_a"]
    assert "passes alone and fails after t.py::test_a" in concluded.cause
    runs = stress(load(Failure, dump(concluded)))
    assert [(e.tests, e.order) for e in runs] == [(tuple(tests), "given")]
    assert runs[0].repeat >= 2
    assert healable(concluded) == {Strategy.FLAKY_STABILIZATION, Strategy.TIMING_ADJUSTMENT}


def test_two_tests_that_pollute_only_together_are_not_blamed_singly() -> None:
    tests = [f"t.py::test_{n}" for n in range(20)]
    found = failure(tests[19])
    both = {tests[0], tests[18]}
    told = investigate(found, ground(*tests), world(lambda before, t, _: t == tests[19] and both <= set(before)))

    concluded = conclude(found, told)

    assert concluded.diagnosis["verdict"] == "order"
    assert concluded.diagnosis["polluters"] == []


def test_chance_is_told_from_order_and_its_rate_says_how_often_to_repeat() -> None:
    dice = random.Random(7)  # noqa: S311 - a die
    found = failure("t.py::test_a")
    told = investigate(found, ground("t.py::test_a", "t.py::test_b"), world(lambda *_: dice.random() < 0.4))

    concluded = conclude(found, told)

    assert concluded.diagnosis["verdict"] in ("random", "timing")
    assert stress(concluded)[0].repeat >= repetitions(0.9)


def test_what_fails_only_under_load_is_timing() -> None:
    found = failure("t.py::test_a")
    told = investigate(found, ground("t.py::test_a", timed=True), world(lambda _, __, load: load > 0))

    concluded = conclude(found, told)

    assert concluded.diagnosis["verdict"] == "timing"
    assert stress(concluded)[0].load > 0


def test_what_fails_every_time_is_broken_and_no_flaky_strategy_may_touch_it() -> None:
    found = failure("t.py::test_a")
    told = investigate(found, ground("t.py::test_a", "t.py::test_b"), world(lambda *_: True))

    concluded = conclude(found, told)

    assert concluded.diagnosis["verdict"] == "broken"
    assert stress(concluded) == ()
    assert healable(concluded) == frozenset()


def test_what_does_not_fail_again_cannot_be_proven_and_so_is_not_healed() -> None:
    found = failure("t.py::test_a")
    told = investigate(found, ground("t.py::test_a", "t.py::test_b"), world(lambda *_: False))

    concluded = conclude(found, told)

    assert "could not be made to fail again" in concluded.cause
    assert healable(concluded) == frozenset()
    assert conclude(concluded, told).cause == concluded.cause  # asked again, it is told once


def test_how_often_a_test_failed_is_counted_over_all_quiet_runs() -> None:
    found = failure("t.py::test_a")
    told = [
        [Observation("alone", {"t.py::test_a": ("failed", "failed")})],
        [
            Observation("often", {"t.py::test_a": ("passed",) * 7 + ("failed",)}),
            Observation("load", {"t.py::test_a": ("passed",) * 3}),
            Observation("drawn", {"t.py::test_a": ("passed",) * 12}),
            Observation("drawn-again", {"t.py::test_a": ("passed",) * 11 + ("failed",)}),
        ],
    ]

    words = conclude(found, told).diagnosis["words"]

    assert words == "it fails alone too, in 3 of 10 quiet runs, 0 of 3 under load, 1 of 24 with seeds"


def test_a_test_that_leans_on_another_is_brittle_and_not_healed_by_hiding_it() -> None:
    tests = ["t.py::test_setup", "t.py::test_b"]
    found = failure("t.py::test_b")
    told = investigate(found, ground(*tests), world(lambda before, t, _: t == tests[1] and tests[0] not in before))

    concluded = conclude(found, told)

    assert concluded.diagnosis["verdict"] == "brittle"
    assert healable(concluded) == frozenset()


@pytest.mark.parametrize(
    ("found", "known", "asks"),
    [
        (failure("t.py::a"), ground("t.py::a", "t.py::b"), True),
        (failure("t.py::a", flaky=False), ground("t.py::a", "t.py::b"), False),
        (failure("t.py::a", flaky=False), ground("t.py::a", "t.py::b", shared=True), True),
        (failure("t.py::a", flaky=False), ground("t.py::a", "t.py::b", timed=True), True),
        (failure("t.py"), ground("t.py::a", "t.py::b"), False),
    ],
    ids=["flaky", "plain", "shares state", "waits", "a file"],
)
def test_experiments_are_asked_for_only_where_they_can_tell_something(
    found: Failure,
    known: Ground,
    asks: bool,  # noqa: FBT001 - a parameter of the cases
) -> None:
    assert wanted(found, known) is asks
    assert bool(plan(found, known, [])) is asks


def test_a_failure_of_collection_is_not_experimented_with() -> None:
    found = failure("t.py::a")
    found = replace(found, facts=replace(found.facts, phase=Phase.COLLECT))
    assert not wanted(found, ground("t.py::a"))


@pytest.mark.parametrize(
    ("victim", "passed", "asks"),
    [
        ("t.py::a[2-2]", "t.py::a[1-2]", True),
        ("t.py::a[x-2-2]", "t.py::a[x-1-2]", True),
        ("t.py::a[y-2-2]", "t.py::a[x-1-2]", False),
        ("t.py::a[two]", "t.py::a[one]", False),
    ],
)
def test_a_repetition_that_fails_where_the_first_time_passed_is_asked_about(
    victim: str,
    passed: str,
    asks: bool,  # noqa: FBT001 - a column
) -> None:
    known = ground(passed, "t.py::b")
    assert wanted(failure(victim, flaky=False, exception="ValueError"), known) is asks
    assert wanted(failure(victim, flaky=False, exception="FileExistsError"), known)


@pytest.mark.parametrize("rate", [0.9, 0.5, 0.2, 0.1])
def test_enough_clean_runs_leave_little_doubt(rate: float) -> None:
    times = repetitions(rate)
    assert (1 - rate) ** times <= 0.02 or times == 40


def test_the_order_of_a_listing_decides_only_where_it_decides_every_time() -> None:
    found = failure("t.py::test_a", flaky=False)
    known = ground("t.py::test_a", listing=True)

    def observe(experiment: Experiment) -> Observation:
        word = "passed" if experiment.listing == "sorted" else "failed"
        return Observation(experiment.name, {"t.py::test_a": (word, word)}, ran=("t.py::test_a",))

    concluded = conclude(found, investigate(found, known, observe))
    always = conclude(found, investigate(found, known, world(lambda *_: True)))

    assert concluded.diagnosis["verdict"] == "listing"
    assert {e.listing for e in stress(concluded)} == {"sorted", "reversed"}
    assert always.diagnosis["verdict"] == "broken"
    assert stress(always) == ()


def test_what_fails_in_every_run_but_not_alone_is_searched_for_its_polluter() -> None:
    tests = [f"t.py::test_{n}" for n in range(30)]
    found, known = failure(tests[20], flaky=False), ground(*tests, shared=True)

    told = investigate(found, known, world(lambda before, t, _: t == tests[20] and tests[4] in before))

    assert [e.name for e in plan(found, known, [])] == ["alone"]
    assert polluter(found, told) == (tests[20], tests[4])
    assert conclude(found, told).diagnosis["verdict"] == "order"


def test_what_fails_alone_as_well_costs_one_experiment() -> None:
    found, known = failure("t.py::a", flaky=False), ground("t.py::a", "t.py::b", shared=True)
    told = investigate(found, known, world(lambda *_: True))
    assert [[o.name for o in step] for step in told] == [["alone"]]
    assert conclude(found, told).diagnosis["verdict"] == "broken"


@given(st.lists(st.booleans(), min_size=SEEDS, max_size=SEEDS), st.sets(st.integers(0, SEEDS - 1)))
def test_seeds_decide_only_where_each_gives_the_same_again_and_not_all_give_the_same(
    first: list[bool], turned: set[int]
) -> None:
    second = [passed != (number in turned) for number, passed in enumerate(first)]
    words = [tuple("passed" if passed else "failed" for passed in each) for each in (first, second)]
    names = (e.name for e in drawn(("t.py::test_a",)))
    known = {name: Observation(name, {"t.py::test_a": each}) for name, each in zip(names, words, strict=True)}

    told = decided(known, ("t.py::test_a",))

    assert (told is not None) == (not turned and len(set(first)) == 2)
    if told is not None:
        assert [n - 1 for n in told["bad"]] == [n for n, passed in enumerate(first) if not passed]


def test_a_test_that_draws_is_tried_with_seeds_and_has_to_survive_the_unlucky_ones() -> None:
    found = failure("t.py::test_a")
    told = investigate(found, ground("t.py::test_a", draws=True), world(lambda *_: False))
    unlucky = ("passed", "failed", *["passed"] * (SEEDS - 2))
    seeds = [Observation(e.name, {"t.py::test_a": unlucky}) for e in drawn(("t.py::test_a",))]
    told = [[seeds.pop() if o.name.startswith("drawn") else o for o in step] for step in told]

    concluded = conclude(found, told)

    assert concluded.diagnosis["verdict"] == "random"
    assert concluded.diagnosis["draws"]["bad"] == [2]
    assert [e.draws for e in stress(concluded)] == [2, 0]


def test_seeds_and_clocks_are_not_tried_on_slow_tests() -> None:
    known = Ground(ground("t.py::test_a").results, draws=True, dates=(datetime(2020, 1, 1, tzinfo=UTC),))
    slow = replace(known, results=tuple(replace(r, seconds=20.0) for r in known.results))

    def asked(which: Ground, *, flaky: bool) -> set[str]:
        found = failure("t.py::test_a", flaky=flaky)
        first = plan(found, which, [])
        told = [[Observation(e.name, {"t.py::test_a": ("passed",) * e.repeat}, ran=("t.py::test_a",)) for e in first]]
        return {e.name for e in [*first, *plan(found, which, told)]}

    assert {"drawn", "drawn-again"} <= asked(known, flaky=True)
    assert {"clock-2020-01-01-before", "clock-2020-01-01-after"} <= asked(known, flaky=False)
    tried = asked(slow, flaky=True) | asked(slow, flaky=False)
    assert not any(name.startswith(("drawn", "clock")) for name in tried)


def test_the_clock_decides_only_where_the_outcome_turns_at_the_date() -> None:
    found, day = failure("t.py::test_a", flaky=False), datetime(2020, 1, 1, tzinfo=UTC)
    known = Ground(ground("t.py::test_a").results, dates=(day,))

    def clock(turns: datetime) -> Callable[[Experiment], Observation]:
        def observe(experiment: Experiment) -> Observation:
            then = experiment.clock or day.timestamp() + 2e8
            word = "passed" if then < turns.timestamp() else "failed"
            seen = dict.fromkeys(experiment.watch, (word,) * experiment.repeat)
            return Observation(experiment.name, seen, ran=tuple(experiment.tests or ()))

        return observe

    at = conclude(found, investigate(found, known, clock(day)))
    later = conclude(found, investigate(found, known, clock(datetime(2020, 2, 1, tzinfo=UTC))))
    earlier = conclude(found, investigate(found, known, clock(datetime(2019, 12, 1, tzinfo=UTC))))

    assert (at.diagnosis["verdict"], at.diagnosis["date"], at.diagnosis["then"]) == (
        "clock",
        "2020-01-01",
        "2019-12-30",
    )
    assert Strategy.FLAKY_STABILIZATION in healable(at)
    assert [e.clock > day.timestamp() for e in stress(at)] == [True]
    assert {later.diagnosis["verdict"], earlier.diagnosis["verdict"]} == {"broken"}
