"""Waiting for what comes in its own time: look again and again, within a generous deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
DEADLINE = 120.0  # seconds
_PAUSE = 0.1


def eventually(look: Callable[[], Found | None], what: str, deadline: float = DEADLINE) -> Found:
    """Return the first thing that ``look`` finds.

    Raises
    ------
    AssertionError
        If it finds nothing within ``deadline`` seconds.
    """
    until = time.monotonic() + deadline
    while (found := look()) is None:
        assert time.monotonic() < until, f"waited {deadline:.0f} s in vain for {what}"
        time.sleep(_PAUSE)
    return found
