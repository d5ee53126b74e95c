"""Staying useful while something else is not: retry, circuit breaker, bulkhead, timeout, fallback.

Small parts for calls that leave the process: the intake's and the poller's calls to Redis, and the transfers by
presigned URL. Retrying is stamina's work. Clocks can be given, so tests need not wait. An error of CARS is worth
retrying when its ``retryable`` says so.

>>> from maestro.resilience import CircuitBreaker, fallback
>>> breaker = CircuitBreaker("redis", failures=3, seconds=10)
>>> fallback(lambda: breaker.call(lambda: "published"), lambda error: "stored, published later")
'published'
"""

from maestro.resilience.errors import BulkheadFull, CircuitOpen, DeadlineExceeded, ResilienceError
from maestro.resilience.guards import Bulkhead, CircuitBreaker, Deadline, fallback, timeout
from maestro.resilience.retries import retry, worth_retrying

__all__ = [
    "Bulkhead",
    "BulkheadFull",
    "CircuitBreaker",
    "CircuitOpen",
    "Deadline",
    "DeadlineExceeded",
    "ResilienceError",
    "fallback",
    "retry",
    "timeout",
    "worth_retrying",
]
