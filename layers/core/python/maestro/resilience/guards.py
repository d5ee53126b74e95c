"""Circuit breaker, bulkhead, timeout and fallback."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from maestro.model import MaestroError
from maestro.resilience.errors import BulkheadFull, CircuitOpen, DeadlineExceeded

T = TypeVar("T")
Clock = Callable[[], float]


class CircuitBreaker:
    """Stops calling what keeps failing, and probes it with one call after a pause.

    Closed: calls are made. After ``failures`` failed calls in a row it is open: calls raise ``CircuitOpen`` at once.
    After ``seconds`` it is half open: one call is made; its success closes the circuit, its failure opens it again.
    Safe between threads.

    Parameters
    ----------
    name
        What is called, for messages.
    counts
        Which errors are failures of what is called; the others pass through and count as an answer.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        seconds: float = 10.0,
        counts: type[Exception] | tuple[type[Exception], ...] = Exception,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = name
        self._limit = failures
        self._pause = seconds
        self._counts = counts
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""
        with self._lock:
            if self._opened is None:
                return "closed"
            return "open" if self._left() > 0 else "half_open"

    def call(self, function: Callable[[], T]) -> T:
        """Make the call, or raise ``CircuitOpen`` without making it."""
        probe = self._enter()
        try:
            result = function()
        except self._counts:
            self._failed()
            raise
        except BaseException:
            self._answered(probe=probe)
            raise
        self._answered(probe=probe)
        return result

    def _enter(self) -> bool:
        with self._lock:
            if self._opened is None:
                return False
            left = self._left()
            if left > 0 or self._probing:
                wait = f"it is tried again in {left:.1f} s" if left > 0 else "it is being tried right now"
                raise CircuitOpen(f"{self.name} was not called: it failed {self._failures} times in a row; {wait}")
            self._probing = True
            return True

    def _left(self) -> float:
        """Seconds until a call is tried again, with the lock held: none or fewer where one may be tried now."""
        return 0.0 if self._opened is None else self._pause - (self._clock() - self._opened)

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._probing = False
            if self._failures >= self._limit:
                self._opened = self._clock()

    def _answered(self, *, probe: bool) -> None:
        with self._lock:
            if self._opened is not None and not probe:
                return  # a slow call of before it opened says nothing about now
            self._failures = 0
            self._opened = None
            self._probing = False


class Bulkhead:
    """Lets at most ``limit`` calls run at once, so that one slow neighbour cannot take every thread.

    ``seconds`` is how long a call waits for its place before ``BulkheadFull`` is raised.
    """

    def __init__(self, name: str, limit: int, *, seconds: float = 0.0) -> None:
        self.name = name
        self.limit = limit
        self._seconds = seconds
        self._places = threading.BoundedSemaphore(limit)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places."""
        if not self._places.acquire(timeout=self._seconds or None, blocking=self._seconds > 0):
            raise BulkheadFull(f"{self.name} was not called: {self.limit} calls are running; try again later")
        try:
            yield
        finally:
            self._places.release()

    def call(self, function: Callable[[], T]) -> T:
        """Make the call in one of the places."""
        with self.place():
            return function()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment, on ``clock``, after which work is in vain."""

    at: float
    clock: Clock = time.monotonic

    def remaining(self, at_most: float | None = None) -> float:
        """Return the seconds left (never negative), ``at_most`` that many: what to give a socket as its timeout."""
        left = max(0.0, self.at - self.clock())
        return left if at_most is None else min(left, at_most)

    def check(self, what: str, need: float = 0.0) -> None:
        """Raise ``DeadlineExceeded`` unless more than ``need`` seconds are left for ``what``."""
        left = self.remaining()
        if left <= need:
            raise DeadlineExceeded(f"{what} was not started: {left:.1f} s are left and it needs {need:.1f} s or more")


def timeout(seconds: float, clock: Clock = time.monotonic) -> Deadline:
    """Return the deadline that is ``seconds`` from now.

    Time is limited by handing what remains to each blocking call, since a thread cannot be stopped from outside.
    """
    return Deadline(clock() + seconds, clock)


def fallback(
    call: Callable[[], T],
    instead: Callable[[MaestroError], T],
    *,
    on: type[MaestroError] | tuple[type[MaestroError], ...] = MaestroError,
) -> T:
    """Make the call; where it fails with ``on`` and the error passes with time, return ``instead(error)``.

    An error that is not retryable is a mistake to be seen, and is raised.
    """
    try:
        return call()
    except on as error:
        if not error.retryable:
            raise
        return instead(error)
