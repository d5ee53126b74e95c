"""Retrying, on stamina."""

from collections.abc import Callable
from typing import TypeVar

import stamina

from maestro.model import MaestroError

T = TypeVar("T")


def worth_retrying(error: Exception) -> bool:
    """Tell whether an error of CARS says that the same call can succeed later; no other error is retried."""
    return isinstance(error, MaestroError) and error.retryable


def retry(
    call: Callable[[], T],
    *,
    attempts: int = 5,
    seconds: float = 10.0,
    first_wait: float = 0.1,
    on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = worth_retrying,
) -> T:
    """Make the call until it succeeds, with exponential waits and jitter between the attempts.

    Parameters
    ----------
    attempts, seconds
        How often, and for how long in all, it is tried; whichever ends first.
    first_wait
        Seconds before the second attempt, at least; the waits double up to 5 seconds.
    on
        Which errors are retried. The last one is raised as it is.
    """
    jitter = min(first_wait, 1.0)
    for attempt in stamina.retry_context(
        on=on, attempts=attempts, timeout=seconds, wait_initial=first_wait, wait_max=5.0, wait_jitter=jitter
    ):
        with attempt:
            return call()
    raise AssertionError("unreachable: the loop returns or raises")
