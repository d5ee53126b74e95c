"""Plans hold every test once, keep modules together where that pays, and end close to the bound."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.model import Collection
from maestro.workflow import Plan, WorkflowError, makespan, plan_chunks
from maestro.workflow.prices import LAMBDA_GB_SECOND, LAMBDA_REQUEST, STEP_FUNCTIONS_TRANSITION, chunks_cost


def collection(sizes: list[int]) -> Collection:
    """Make a collection from the numbers of tests of its modules."""
    tests = [f"t/test_{m}.py::test_{i}" for m, size in enumerate(sizes) for i in range(size)]
    return Collection("unit", tuple(tests), {t: t.partition("::")[0] for t in tests}, ())


def simulated(plan: Plan, actual: dict[str, float], workers: int, overhead: float = 0.0) -> float:
    return makespan([overhead + sum(actual[t] for t in chunk.tests) for chunk in plan.chunks], workers)


@st.composite
def suites(draw: st.DrawFn) -> tuple[Collection, dict[str, float]]:
    """A collection (perhaps with modules that are not contiguous), and durations of some of its tests."""
    found = collection(draw(st.lists(st.integers(1, 30), max_size=12)))
    tests = list(found.tests)
    if draw(st.booleans()):
        draw(st.randoms(use_true_random=False)).shuffle(tests)
    seconds = st.one_of(st.floats(0, 2), st.floats(0, 900), st.sampled_from([float("nan"), float("inf"), -1.0]))
    known = {t: draw(seconds) for t in tests if draw(st.booleans())}
    return Collection("unit (a=1)", tuple(tests), found.files, ()), known


@settings(max_examples=200, deadline=None)
@given(
    suites(),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.05, 0.5]),
    st.sampled_from([None, 1.0, 60.0]),
    st.sampled_from([60.0, 840.0]),
)
def test_every_test_is_in_exactly_one_chunk_in_order_and_within_the_limit(
    suite: tuple[Collection, dict[str, float]], concurrency: int, overhead: float, target: float | None, limit: float
) -> None:
    found, durations = suite

    plan = plan_chunks(
        found, durations, concurrency=concurrency, overhead=overhead, target_time=target, lambda_limit=limit
    )

    assert sorted(t for chunk in plan.chunks for t in chunk.tests) == sorted(found.tests)
    place = {t: i for i, t in enumerate(found.tests)}
    for chunk in plan.chunks:
        assert list(chunk.tests) == sorted(chunk.tests, key=place.__getitem__)
        assert set(chunk.files) == {found.files[t] for t in chunk.tests}
        assert chunk.suite == found.suite
        assert len(chunk.tests) == 1 or chunk.expected <= limit
    ids = [chunk.id for chunk in plan.chunks]
    assert len(set(ids)) == len(ids)
    assert plan.concurrency <= min(concurrency, len(plan.chunks))
    assert plan.ideal_seconds <= plan.expected_seconds + 1e-6
    assert plan == plan_chunks(
        found, durations, concurrency=concurrency, overhead=overhead, target_time=target, lambda_limit=limit
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 24))
def test_with_known_durations_a_plan_ends_at_the_bound(seed: int, workers: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a simulation must repeat
    found = collection([rng.randint(1, 60) for _ in range(workers * 6)])
    actual = {t: rng.lognormvariate(-1.5, 1.0) for t in found.tests}

    plan = plan_chunks(found, actual, concurrency=workers, overhead=0.0)

    bound = max(sum(actual.values()) / workers, *actual.values())
    assert simulated(plan, actual, workers) <= 1.01 * bound


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 24))
def test_with_noise_and_unknown_tests_a_plan_still_ends_near_the_bound(seed: int, workers: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a simulation must repeat
    found = collection([rng.randint(1, 60) for _ in range(workers * 8)])
    known, actual = {}, {}
    for t in found.tests:
        seconds = rng.lognormvariate(-1.5, 0.8)
        actual[t] = seconds * rng.lognormvariate(-0.045, 0.3)
        if rng.random() > 0.2:
            known[t] = seconds

    plan = plan_chunks(found, known, concurrency=workers)

    bound = max(sum(actual.values()) / workers, *actual.values()) + 0.5 * len(plan.chunks) / workers
    assert simulated(plan, actual, workers, 0.5) <= 1.15 * bound


def test_chunks_become_smaller() -> None:
    plan = plan_chunks(collection([10] * 400), {}, concurrency=8, overhead=0.5)

    expected = [chunk.expected for chunk in plan.chunks]
    assert len(expected) > 3 * 8
    assert expected[0] > 3 * expected[-1]
    assert plan.concurrency == 8


def test_a_chunk_holds_whole_modules_while_they_are_small() -> None:
    found = collection([5] * 200)
    plan = plan_chunks(found, dict.fromkeys(found.tests, 0.2), concurrency=4)

    homes = {}
    for chunk in plan.chunks:
        for file in chunk.files:
            homes.setdefault(file, set()).add(chunk.id)
    split = [file for file, chunks in homes.items() if len(chunks) > 1]
    assert len(split) <= 6  # of 200: those that level the ends


def test_a_module_that_alone_is_too_much_is_split_without_breaking_its_order() -> None:
    found = collection([1000])

    plan = plan_chunks(found, dict.fromkeys(found.tests, 0.5), concurrency=4)

    assert len(plan.chunks) >= 4
    assert plan.expected_seconds < 1.05 * (500 / 4 + 0.5 * len(plan.chunks) / 4)


@pytest.mark.parametrize(("count", "seconds", "chunks"), [(1, 0.1, 1), (20, 0.1, 1), (100, 0.02, 1), (5, 60.0, 5)])
def test_a_small_suite_is_not_cut_to_pieces(count: int, seconds: float, chunks: int) -> None:
    found = collection([1] * count)
    assert len(plan_chunks(found, dict.fromkeys(found.tests, seconds), concurrency=32).chunks) == chunks


def test_no_more_workers_than_pay_for_themselves() -> None:
    found = collection([1] * 200)

    plan = plan_chunks(found, dict.fromkeys(found.tests, 0.1), concurrency=1000, overhead=0.5)

    assert plan.concurrency == 20
    assert plan.expected_seconds < 2


def test_a_long_test_goes_first() -> None:
    found = collection([20] * 20)
    durations = dict.fromkeys(found.tests, 0.1)
    durations[found.tests[-1]] = 30.0

    plan = plan_chunks(found, durations, concurrency=4)

    assert any(found.tests[-1] in chunk.tests for chunk in plan.chunks[:4])
    assert plan.expected_seconds < 33


def test_a_target_takes_as_few_workers_as_reach_it() -> None:
    found = collection([10] * 200)
    durations = dict.fromkeys(found.tests, 0.5)

    fast = plan_chunks(found, durations, concurrency=100)
    calm = plan_chunks(found, durations, concurrency=100, target_time=120)

    assert fast.expected_seconds < calm.expected_seconds <= 120
    assert calm.concurrency <= 12
    assert calm.expected_cost_usd < fast.expected_cost_usd
    assert plan_chunks(found, durations, concurrency=4, target_time=1).concurrency == 4


def test_unknown_tests_take_their_modules_mean_then_the_suites_median() -> None:
    found = collection([3, 3])
    a, b = found.tests[:3], found.tests[3:]

    plan = plan_chunks(found, {a[0]: 1.0, a[1]: 2.0}, concurrency=1)
    assert plan.chunks[0].expected == pytest.approx(1 + 2 + 1.5 + 3 * 1.5)
    plan = plan_chunks(found, {a[0]: 1.0, a[1]: 9.0, b[0]: 2.0}, concurrency=1)
    assert plan.chunks[0].expected == pytest.approx(1 + 9 + 5 + 2 + 2 + 2)
    assert plan_chunks(found, {}, concurrency=1).chunks[0].expected == pytest.approx(0.18)


def test_many_unknown_tests_do_not_share_one_time_limit() -> None:
    plan = plan_chunks(collection([2000]), {}, concurrency=1, lambda_limit=840)

    assert all(len(chunk.tests) <= 840 * 0.6 for chunk in plan.chunks)


def test_a_plan_says_what_it_costs() -> None:
    found = collection([1])

    plan = plan_chunks(found, {found.tests[0]: 9.5}, concurrency=8, memory_mb=1024)

    assert plan.expected_seconds == pytest.approx(10)
    price = 10 * LAMBDA_GB_SECOND + LAMBDA_REQUEST + 4 * STEP_FUNCTIONS_TRANSITION
    assert plan.expected_cost_usd == pytest.approx(price) == chunks_cost(1, 10, 1024)


def test_an_empty_collection_gives_an_empty_plan() -> None:
    assert plan_chunks(collection([]), {}, concurrency=8).chunks == ()


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"lambda_limit": 0}, {"target_time": 0}, {"overhead": -1}])
def test_what_cannot_be_planned_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(WorkflowError, match="A plan needs concurrency >= 1") as error:
        plan_chunks(collection([1]), {}, **{"concurrency": 1, **wrong})
    assert error.value.code == "workflow_invalid"
