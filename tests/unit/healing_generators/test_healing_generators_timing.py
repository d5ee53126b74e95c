"""Waits become longer only with evidence, and only the waits."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from maestro.healing import weakening
from maestro.healing.strategies.timing_adjustment.polling import AwaitedCondition
from maestro.healing.strategies.timing_adjustment.waits import ShortWait, SlowMachine, StatedSpan
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


@pytest.mark.parametrize(
    ("product", "old", "new"),
    [
        ("class Cache:\n    def __init__(self, n, max_age):\n        ...\n", "size=3, max_age_seconds=0.01", "3, .01"),
        ("class Cache:\n    pass\n", "max_age_seconds=0.01", "max_age_seconds=TTL"),
        ("class Cache:\n    pass\n", "max_age_seconds=0.01", "ttl=timedelta(milliseconds=10)"),
    ],
    ids=["by the product's parameter", "a constant", "a timedelta"],
)  # fmt: skip
def test_a_span_is_stated_in_several_ways(
    bench: Any, failing: Callable[..., Any], product: str, old: str, new: str
) -> None:
    text = CACHE.replace(old, new).replace("from time", "TTL = 0.01\n\n    from time")
    bench.write({**project(text), "shop/cache.py": product})

    (both,) = bench.propose(StatedSpan(), failing("AssertionError", "no", TEST))

    assert (bench.applied(both) / "tests/test_time.py").read_text().count("sleep(0.02)  # it waits for 0.01 s") == 2
    assert bench.findings(both) == []


def test_the_span_of_a_fixture_or_of_work_in_the_background_counts(bench: Any, failing: Callable[..., Any]) -> None:
    background = """\
        import threading
        import time

        from shop.cache import run


        def test_background():
            done = []

            def work():
                time.sleep(0.2)
                done.append(1)

            thread = run(work)
            thread.join(0.05)
            assert done == [1]
    """
    bench.write(project(background))

    (candidate,) = bench.propose(StatedSpan(), failing("AssertionError", "no", "tests/test_time.py::test_background"))

    text = (bench.applied(candidate) / "tests/test_time.py").read_text()
    assert "thread.join(0.4)  # it waits for 0.2 s to be over" in text
    assert "time.sleep(0.2)\n" in text
    assert bench.findings(candidate) == []


CHILD = """\
    import subprocess
    import sys


    def test_child():
        program = '''
        import time
        for number in range(3):
            print(number, flush=True)
            time.sleep(0.5)
        '''
        told = subprocess.run([sys.executable, "-c", program], capture_output=True)
        assert told.stdout.split() == [b"0", b"1", b"2"]
"""


def test_the_sleeps_of_a_program_in_a_string_become_longer_with_the_others(
    bench: Any, failing: Callable[..., Any]
) -> None:
    bench.write(project(CHILD))
    told = {"verdict": "random", "stress": [{"name": "again"}]}

    candidates = bench.propose(
        SlowMachine(), failing("AssertionError", "no", "tests/test_time.py::test_child", diagnosis=told)
    )

    texts = [(bench.applied(c) / "tests/test_time.py").read_text() for c in candidates]
    assert [f"time.sleep({n})\n" in text for n, text in zip("125", texts, strict=True)] == [True] * 3
    assert all(bench.findings(c) == [] for c in candidates)


EVENT = """\
    import time

    from shop.jobs import start


    def test_event():
        job = start(3)
        time.sleep(0.01)
        assert job.done
"""
EVENT_TEST = "tests/test_time.py::test_event"


def event(failing: Callable[..., Any], exception: str = "AssertionError", line: int = 9, **more: Any) -> Any:
    frames = (Frame("tests/test_time.py", line, "test_event", in_project=True),)
    return failing(exception, "no", EVENT_TEST, frames=frames, **more)


@pytest.mark.parametrize("wait", ["time.sleep(0.01)", "job.thread.join(0.01)", "job.wait(timeout=0.01)"])
def test_a_tiny_wait_for_something_elsewhere_becomes_longer_as_a_workaround(
    bench: Any, failing: Callable[..., Any], wait: str
) -> None:
    bench.write(project(EVENT.replace("time.sleep(0.01)", wait)))

    (candidate,) = bench.propose(ShortWait(), event(failing))

    assert candidate.workaround
    assert "0.1)  # what it waits for" in (bench.applied(candidate) / "tests/test_time.py").read_text()
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sleep(0.01)", "sleep(0.5)"),
        ("start(3)", "start(3, ttl=1)"),
        ("start(3)", "start(3, 0.005)"),
        ("start(3)", "start(time.monotonic())"),
        ("assert job.done", "with pytest.raises(TimeoutError):\n            assert job.done"),
    ],
    ids=["a real wait", "a span", "perhaps a span", "a clock", "a timeout is tested"],
)
def test_a_wait_that_may_be_what_is_tested_stays(bench: Any, failing: Callable[..., Any], old: str, new: str) -> None:
    bench.write(project(EVENT.replace(old, new)))
    assert bench.propose(ShortWait(), event(failing)) == []


def test_an_error_of_the_product_or_an_earlier_line_is_no_matter_of_waiting(
    bench: Any, failing: Callable[..., Any]
) -> None:
    bench.write(project(EVENT))
    assert bench.propose(ShortWait(), event(failing, "ValueError")) == []
    assert bench.propose(ShortWait(), event(failing, line=7)) == []
    assert bench.propose(ShortWait(), event(failing, diagnosis={"verdict": "order"})) == []


MAIL = """\
    import time

    from shop.cache import Mailer


    def test_expires():
        mailer = Mailer()
        mailer.send("hello")
        time.sleep(0.2)
        assert mailer.sent == ["hello"]
"""
LOOKING = """\
    for _ in range(10):  # what it waits for takes longer on some machines
        time.sleep(0.2)
        if mailer.sent == ["hello"]:
            break
    assert mailer.sent == ["hello"]
"""


def test_a_sleep_becomes_waiting_for_what_is_asserted(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(project(MAIL))
    frames = (Frame("tests/test_time.py", 10, "test_expires", in_project=True),)

    (polling,) = bench.propose(AwaitedCondition(), failing("AssertionError", "no", TEST, frames=frames))

    assert (bench.applied(polling) / "tests/test_time.py").read_text().endswith(LOOKING)
    assert bench.findings(polling) == []


def test_a_coroutine_that_looks_too_early_looks_again(bench: Any, failing: Callable[..., Any]) -> None:
    text = """\
        import asyncio


        async def test_expires(worker):
            task = asyncio.create_task(worker.run())
            await asyncio.sleep(0.05)
            assert worker.done == ["a"]
            await task
    """
    bench.write(project(text))
    frames = (Frame("tests/test_time.py", 7, "test_expires", in_project=True),)

    (polling,) = bench.propose(AwaitedCondition(), failing("AssertionError", "no", TEST, frames=frames))

    changed = (bench.applied(polling) / "tests/test_time.py").read_text()
    assert '        await asyncio.sleep(0.05)\n        if worker.done == ["a"]:\n            break\n' in changed
    assert bench.findings(polling) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('sent == ["hello"]', 'take() == "hello"'),
        ("sleep(0.2)", "sleep(5)"),
        ("Mailer()", "Mailer(max_age=0.1)"),
        ('"hello")\n', '"hello")\n        started = time.monotonic()\n'),
        ("        assert", "        mailer.close()\n        assert"),
        ("        mailer.send", "        _ = mailer.send"),
    ],
    ids=["asking changes something", "long", "states a span", "measures", "something between", "the name is taken"],
)
def test_where_waiting_could_change_the_test_it_is_not_proposed(
    bench: Any, failing: Callable[..., Any], old: str, new: str
) -> None:
    text = MAIL.replace(old, new)
    assert text != MAIL
    bench.write(project(text))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.lstrip().startswith("assert"))
    frames = (Frame("tests/test_time.py", line, "test_expires", in_project=True),)

    assert bench.propose(AwaitedCondition(), failing("AssertionError", "no", TEST, frames=frames)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('if mailer.sent == ["hello"]', "if mailer.sent"),
        ("range(10)", "range(1000)"),
        ("        time.sleep(0.2)\n        if", "        if"),
        ("            break\n", "            return\n"),
        ('    assert mailer.sent == ["hello"]\n', "    assert mailer\n"),
        ("sleep(0.2)", "sleep(0)"),
    ],
    ids=["another condition", "for ever", "never sleeps", "leaves the test", "asserts less", "does not wait"],
)
def test_a_loop_of_another_form_is_refused(tmp_path: Path, old: str, new: str) -> None:
    plain = textwrap.dedent(MAIL)
    before, _, _ = plain.partition("    time.sleep(0.2)")
    for name, text in (("before", plain), ("after", before + LOOKING.replace(old, new))):
        (tmp_path / name / "tests").mkdir(parents=True)
        (tmp_path / name / "tests" / "test_time.py").write_text(text)

    assert old in LOOKING
    assert weakening.find(tmp_path / "before", tmp_path / "after")
