import threading
from functools import partial
from typing import Any

import pytest
import stamina
from hypothesis import example, given
from hypothesis import strategies as st
from maestro.model import MaestroError
from maestro.resilience import (
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    DeadlineExceeded,
    fallback,
    retry,
    timeout,
)


class LaterError(MaestroError):
    retryable = True


class NeverError(MaestroError):
    pass


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail() -> Any:
    raise LaterError("down")


def _call(called: list[bool], works: bool) -> None:  # noqa: FBT001 - it is data here
    called.append(works)
    if not works:
        fail()


def broken(clock: Clock, failures: int = 3) -> CircuitBreaker:
    breaker = CircuitBreaker("redis", failures=failures, seconds=10, clock=clock)
    for _ in range(failures):
        with pytest.raises(LaterError):
            breaker.call(fail)
    return breaker


def test_a_circuit_opens_after_failures_in_a_row_and_calls_no_more() -> None:
    breaker = broken(Clock())
    calls: list[int] = []
    with pytest.raises(CircuitOpen, match=r"redis was not called: it failed 3 times in a row; .* in 10\.0 s"):
        breaker.call(lambda: calls.append(1))
    assert (breaker.state, calls) == ("open", [])


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = CircuitBreaker("redis", failures=2, clock=Clock())
    for _ in range(5):
        with pytest.raises(LaterError):
            breaker.call(fail)
        assert breaker.call(lambda: 1) == 1
    assert breaker.state == "closed"


def test_a_half_open_circuit_closes_on_success() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now += 10
    assert breaker.state == "half_open"
    assert breaker.call(lambda: "up") == "up"
    assert breaker.state == "closed"


def test_a_half_open_circuit_opens_again_on_the_first_failure() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now += 10
    with pytest.raises(LaterError):
        breaker.call(fail)
    assert breaker.state == "open"
    clock.now += 9.9
    with pytest.raises(CircuitOpen):
        breaker.call(fail)


def test_a_half_open_circuit_lets_one_call_through_at_a_time() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now += 10

    def probe() -> str:
        with pytest.raises(CircuitOpen, match="right now"):
            breaker.call(lambda: "second")
        return "first"

    assert breaker.call(probe) == "first"


def test_an_error_that_does_not_count_is_an_answer() -> None:
    clock = Clock()
    breaker = CircuitBreaker("redis", failures=1, seconds=10, counts=LaterError, clock=clock)
    with pytest.raises(NeverError):
        breaker.call(lambda: (_ for _ in ()).throw(NeverError("no")))
    assert breaker.state == "closed"
    with pytest.raises(LaterError):
        breaker.call(fail)
    clock.now += 10
    with pytest.raises(NeverError):
        breaker.call(lambda: (_ for _ in ()).throw(NeverError("no")))
    assert breaker.state == "closed"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=60))
@example([(False, 0.0), (False, 0.0), (False, 27.054886743851757), (True, 10.0)])  # rounds to just under 10 s
def test_a_circuit_never_calls_while_it_pauses(steps: list[tuple[bool, float]]) -> None:
    clock = Clock()
    breaker = CircuitBreaker("redis", failures=3, seconds=10, clock=clock)
    in_a_row, opened = 0, 0.0
    for works, wait in steps:
        clock.now += wait
        expected = in_a_row < 3 or clock.now - opened >= 10
        called: list[bool] = []
        call = partial(_call, called, works)
        try:
            breaker.call(call)
            in_a_row = 0
        except LaterError:
            in_a_row += 1
            opened = clock.now
        except CircuitOpen:
            assert not called
        assert bool(called) == expected


def test_a_bulkhead_refuses_the_call_too_many_and_frees_places() -> None:
    bulkhead = Bulkhead("transfer", 2)
    with bulkhead.place(), bulkhead.place(), pytest.raises(BulkheadFull, match="2 calls are running"):
        bulkhead.call(lambda: None)
    with pytest.raises(LaterError):
        bulkhead.call(fail)
    assert bulkhead.call(lambda: "in") == "in"


def test_a_bulkhead_waits_for_a_place_where_it_may() -> None:
    bulkhead = Bulkhead("transfer", 1, seconds=5)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with bulkhead.place():
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(5)
    leave.set()
    assert bulkhead.call(lambda: "after") == "after"
    thread.join()


def test_a_deadline_caps_what_each_call_may_take() -> None:
    clock = Clock()
    deadline = timeout(5, clock)
    assert deadline.remaining() == 5
    assert deadline.remaining(at_most=2) == 2
    deadline.check("the upload", need=4)
    clock.now += 4.5
    assert deadline.remaining(at_most=2) == 0.5
    with pytest.raises(DeadlineExceeded, match=r"the upload was not started: 0\.5 s are left and it needs 1\.0"):
        deadline.check("the upload", need=1)
    clock.now += 10
    assert deadline.remaining() == 0


def test_a_fallback_stands_in_for_what_passes_and_hides_no_mistake() -> None:
    assert fallback(fail, lambda error: f"later: {error}") == "later: down"
    assert fallback(lambda: "now", lambda _: "later") == "now"
    with pytest.raises(NeverError):
        fallback(lambda: (_ for _ in ()).throw(NeverError("no")), lambda _: "hidden")
    with pytest.raises(ZeroDivisionError):
        fallback(lambda: 1 / 0, lambda _: "hidden")


def test_retry_tries_again_only_what_passes_with_time() -> None:
    calls: list[int] = []

    def flaky() -> str:
        calls.append(1)
        if len(calls) < 3:
            fail()
        return "done"

    with stamina.set_testing(True, attempts=5):
        assert retry(flaky) == "done"
        assert len(calls) == 3
        calls.clear()
        with pytest.raises(NeverError):
            retry(lambda: calls.append(1) or (_ for _ in ()).throw(NeverError("no")))
        assert len(calls) == 1


def test_retry_gives_up_with_the_last_error() -> None:
    calls: list[int] = []
    with stamina.set_testing(True, attempts=4), pytest.raises(LaterError, match="down"):
        retry(lambda: calls.append(1) or fail(), attempts=4)
    assert len(calls) == 4
