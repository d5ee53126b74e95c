"""Tests that yield their checks, generator coroutines, and marked fixtures."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from healing_strategies_bench import Bench
from maestro.model import Failure, Strategy

API = (Strategy.API_CONTRACT_ADAPTATION,)
Fail = Callable[..., Failure]
REFUSED = "'yield' keyword is allowed in fixtures, but not in tests (test_all)"
YIELDING = """\
import functools

import pytest


def check(number, *more):
    assert number % 2 == 0


@pytest.fixture
def numbers():
    yield [2, 4]


def test_all():
    for number in (2, 4):
        yield check, number
        yield "described", check, number, *(6, 8)
        yield lambda: check(number)  # one more
        yield functools.partial(check, number)


class TestIn:
    def test_method(self):
        yield self.check_it, 3

    def check_it(self, number):
        assert number == 3


def test_other(numbers):
    assert len(numbers) == 2
"""


def test_yielded_checks_are_called(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": YIELDING, "demo.py": "def test_data():\n    yield print, 1\n"})
    failure = fail("Failed", REFUSED, tests=("tests/test_demo.py",), frames=())

    best = bench.propose(failure, strategies=API)[0]
    bench.apply(best)

    text = bench.read("tests/test_demo.py")
    assert "        check(number)\n        check(number, *(6, 8))\n" in text
    assert "        (lambda: check(number))()  # one more\n        functools.partial(check, number)()\n" in text
    assert "    yield [2, 4]\n" in text
    assert not best.touches_product
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=bench.root,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    "source",
    [
        "def test_all():\n    value = yield check, 1\n",
        "def test_all():\n    yield\n",
        "def test_all():\n    yield 1, 2\n",
        "@gen_test\ndef test_all():\n    yield client.fetch\n",
        "def check():\n    yield print, 1\n",
    ],
)
def test_other_yields_stay(source: str, bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": source})
    failure = fail("Failed", REFUSED, tests=("tests/test_demo.py",), frames=())
    assert not [c for c in bench.propose(failure, strategies=API) if c.generator == "yield_tests"]


def test_generator_coroutines_become_async_functions(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "tests/test_demo.py": "import asyncio\n\n\n@mark\n@asyncio.coroutine\ndef test_all(loop):\n"
            "    x = yield from asyncio.sleep(0, 1)\n    assert (yield from f()) == x\n"
        }
    )
    failure = fail("Failed", REFUSED, tests=("tests/test_demo.py",), frames=())

    best = next(c for c in bench.propose(failure, strategies=API) if c.generator == "yield_tests")
    bench.apply(best)

    expected = (
        "import asyncio\n\n\n@mark\nasync def test_all(loop):\n"
        "    x = await asyncio.sleep(0, 1)\n    assert (await f()) == x\n"
    )
    assert bench.read("tests/test_demo.py") == expected


def test_marks_go_from_fixtures_and_stay_on_tests(bench: Bench, fail: Fail) -> None:
    source = """\
        import pytest


        @pytest.mark.usefixtures("other")
        @pytest.fixture(scope="module")
        def thing():
            return 1


        @pytest.mark.slow
        def test_it(thing):
            assert thing
        """
    bench.write({"tests/test_demo.py": source})
    said = "Marks cannot be applied to fixtures.\nSee docs: https://docs.pytest.org"
    failure = fail("Failed", said, tests=("tests/test_demo.py",), frames=())

    bench.apply(bench.propose(failure, strategies=API)[0])

    assert '\n\n@pytest.fixture(scope="module")\ndef thing():' in bench.read("tests/test_demo.py")
    assert "@pytest.mark.slow\ndef test_it" in bench.read("tests/test_demo.py")
