"""Where the words about the code promise a speed, or what holds on every day, no test is made to ask for less."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from maestro.healing._promises import EVERY_DAY, SPEED, promised, unit_slip
from maestro.healing.strategies.timing_adjustment.polling import AwaitedCondition
from maestro.healing.strategies.timing_adjustment.waits import ShortWait
from maestro.model import Frame

TEST = "tests/test_worker.py::test_it_is_sent"
WORKER = '''\
    import threading
    import time


    class Worker:
        """Sends what is put."""

        delay_ms = 20

        def put(self, item):
            threading.Timer(self.delay_ms / 1000, self.send, [item]).start()

        def send(self, item):
            self.sent = [item]
'''
TESTS = """\
    import time

    from shop.worker import Worker


    def test_it_is_sent():
        worker = Worker()
        worker.put("a")
        time.sleep(0.05)
        assert worker.sent == ["a"]
"""


@pytest.fixture
def late(bench: Any, failing: Callable[..., Any]) -> Callable[..., Any]:
    """A test that looks too early, at a product and with a name of its own."""

    def make(worker: str = WORKER, name: str = "test_it_is_sent") -> Any:
        files = {"shop/__init__.py": "", "shop/worker.py": worker}
        bench.write({**files, "tests/test_worker.py": TESTS.replace("test_it_is_sent", name)})
        frame = Frame("tests/test_worker.py", 10, name, in_project=True)
        covered = {"shop/worker.py": ("Worker.put", "Worker.send")}
        test = TEST.replace("test_it_is_sent", name)
        return failing("AssertionError", "no", test, frames=(frame,), covered=covered)

    return make


def test_a_test_that_looks_too_early_waits_longer_where_nobody_promised_a_speed(
    bench: Any, late: Callable[..., Any]
) -> None:
    failure = late()
    assert bench.propose(AwaitedCondition(), failure)
    assert bench.propose(ShortWait(), failure)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Sends what is put.", "Sends what is put, within 50 milliseconds.", "within 50 milliseconds"),
        ("Sends what is put.", "Sends what is put at once.", "at once"),
        ("Sends what is put.", "Sends what is put in less than a second.", "less than a second"),
        ("Sends what is put.", "Sends all items side by side.", "side by side"),
        ("self.delay_ms / 1000", "self.delay_ms / 100", "a number of ms"),
        ("self.delay_ms / 1000", "self.delay_ms", "a number of ms"),
        ("self.delay_ms / 1000", "self.wait_seconds * 1000", "a number of seconds"),
    ],
)
def test_a_promise_of_speed_or_a_slip_of_units_is_left_to_the_product(
    bench: Any, late: Callable[..., Any], old: str, new: str, said: str
) -> None:
    failure = late(WORKER.replace(old, new))

    for generator in (AwaitedCondition(), ShortWait()):
        made = bench.noted(generator, failure)
        assert made.candidates == ()
        assert said in made.notes[0]


def test_the_name_of_a_test_can_promise_it_too(bench: Any, late: Callable[..., Any]) -> None:
    made = bench.noted(AwaitedCondition(), late(name="test_it_is_sent_immediately"))
    assert made.candidates == ()


@pytest.mark.parametrize(
    "call",
    ["time.sleep(self.delay_ms * 0.001)", "time.sleep(self.delay_ms / 1e3)", "time.sleep(delay_seconds)",
     "event.wait(timeout=timeout_ms / 1000.0)", "print(self.delay_ms)"],
)  # fmt: skip
def test_a_right_factor_is_no_slip(bench: Any, late: Callable[..., Any], call: str) -> None:
    failure = late(WORKER.replace("self.sent = [item]", f"{call}\n            self.sent = [item]"))
    assert unit_slip(failure, bench.project()) == ""


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("Return the next delivery from today on.", True),
        ("Return the days that are left; never less than zero.", True),
        ("A weekly meeting.", True),
        ("The date rolls forward once it has passed.", True),
        ("Return whether the coupon is valid.", False),
        ("Read the next line of the following file; always returns a string, at least an empty one.", False),
    ],
)
def test_what_holds_on_every_day_is_told_by_words(
    bench: Any,
    failing: Callable[..., Any],
    words: str,
    holds: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    bench.write({"shop/dates.py": f'def days(end):\n    """{words}"""\n', "tests/test_demo.py": "def test_it(): ...\n"})
    failure = failing("AssertionError", "no", "tests/test_demo.py::test_it")
    failure = replace(failure, facts=replace(failure.facts, covered={"shop/dates.py": ("days",)}))
    assert bool(promised(failure, bench.project(), EVERY_DAY)) is holds
    assert promised(failure, bench.project(), SPEED) == ""
