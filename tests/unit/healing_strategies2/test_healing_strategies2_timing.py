"""Waits become longer only with evidence, and only the waits."""

from collections.abc import Callable
from typing import Any

import pytest
from maestro.healing.strategies.timing_adjustment.waits import SlowMachine, StatedSpan
from maestro.model import Frame

CACHE = """\
    from time import sleep

    from shop.cache import Cache


    def test_expires():
        cache = Cache(size=3, max_age_seconds=0.01)
        cache["a"] = 1
        sleep(0.001)
        assert "a" not in cache
        cache["b"] = 2
        sleep(0.001)
        assert "b" not in cache
"""
LIMIT = """\
    import time

    from shop.limits import timeout


    def test_in_time():
        @timeout(seconds=0.5, signals=True)
        def work():
            time.sleep(1)
        work()
"""
TEST = "tests/test_time.py::test_expires"


def project(text: str) -> dict[str, str]:
    return {"shop/__init__.py": "", "shop/cache.py": "class Cache:\n    pass\n", "tests/test_time.py": text}


def test_a_sleep_shorter_than_the_stated_span_becomes_longer(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(project(CACHE))
    frames = (Frame("tests/test_time.py", 10, "test_expires", in_project=True),)

    first, both = bench.propose(StatedSpan(), failing("AssertionError", "no", TEST, frames=frames))

    assert (bench.applied(first) / "tests/test_time.py").read_text().count("sleep(0.02)  # it waits for 0.01 s") == 1
    assert (bench.applied(both) / "tests/test_time.py").read_text().count("sleep(0.02)  # it waits for 0.01 s") == 2
    assert bench.findings(first) == bench.findings(both) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("sleep(0.001)", "sleep(0.01)"), ("max_age_seconds=0.01", "size=0.01"), ("0.01", "90"), ("0.001", "wait")],
    ids=["long enough", "no span", "too long to wait for", "not a number"],
)
def test_without_a_longer_stated_span_there_is_no_proposal(
    bench: Any, failing: Callable[..., Any], old: str, new: str
) -> None:
    bench.write(project(CACHE.replace(old, new)))
    assert bench.propose(StatedSpan(), failing("AssertionError", "no", TEST)) == []


def test_a_limit_shorter_than_the_work_it_limits_is_raised(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(project(LIMIT))

    (candidate,) = bench.propose(
        StatedSpan(), failing("shop.TimeoutError", "Timed out", "tests/test_time.py::test_in_time")
    )

    text = (bench.applied(candidate) / "tests/test_time.py").read_text()
    assert "@timeout(seconds=2, signals=True)  # the work takes 1 s" in text
    assert "time.sleep(1)\n" in text
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    "text",
    [
        LIMIT.replace("seconds=0.5", "seconds=3"),
        LIMIT.replace("        work()\n", "        with pytest.raises(TimeoutError):\n            work()\n"),
    ],
    ids=["the product is slow", "the timeout is what is tested"],
)
def test_a_limit_that_the_work_should_keep_is_not_raised(bench: Any, failing: Callable[..., Any], text: str) -> None:
    bench.write(project(text))
    assert (
        bench.propose(StatedSpan(), failing("shop.TimeoutError", "Timed out", "tests/test_time.py::test_in_time")) == []
    )


def test_what_fails_on_a_busy_machine_waits_longer(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(project(CACHE.replace("max_age_seconds=0.01", "size=1")))
    told = {"verdict": "timing", "stress": [{"name": "again"}]}

    candidates = bench.propose(SlowMachine(), failing("AssertionError", "no", TEST, diagnosis=told))

    texts = [(bench.applied(c) / "tests/test_time.py").read_text() for c in candidates]
    assert [f"sleep({n})" in text for n, text in zip(("0.002", "0.004", "0.01"), texts, strict=True)] == [True] * 3
    assert [bench.findings(c) for c in candidates] == [[], [], []]
    assert bench.propose(SlowMachine(), failing("AssertionError", "no", TEST)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sleep(0.001)", "sleep(0.0001)"),
        ("sleep(0.001)", "sleep(3600)"),
        ("sleep(0.001)", "pass"),
        ("max_age_seconds=0.01", "max_age_seconds=0.0001"),
        ("max_age_seconds=0.01", "max_age_seconds=10, size=4"),
        ("size=3", "size=30"),
        ('assert "a" not in cache', 'sleep(1)\n        assert "a" not in cache or True'),
    ],
    ids=["shorter", "an hour", "gone", "another span", "more arguments", "another number", "a weaker assertion"],
)
def test_a_change_that_is_more_than_a_longer_wait_is_refused(bench: Any, old: str, new: str) -> None:
    bench.write(project(CACHE))
    assert bench.rules({"tests/test_time.py": CACHE.replace(old, new, 1)})
