"""Successors that a library names itself, names in strings, and defaults of dataclass fields."""

# ruff: noqa: E501 - what a library says stands on one line

import subprocess
import sys
from collections.abc import Callable

import pytest
from healing_strategies_bench import Bench
from maestro.model import Failure, Frame, Strategy

API = (Strategy.API_CONTRACT_ADAPTATION,)
Fail = Callable[..., Failure]


def test_a_library_that_names_the_successor_is_followed(bench: Bench, fail: Fail) -> None:
    bench.modules, bench.distributions = {"widgets": "widgets"}, {"widgets": "2.1.0"}
    bench.write({"demo.py": "import widgets as w\nX = w.Knob\n", "other.py": "from widgets import Knob\nY = Knob\n"})
    failure = fail(
        "AttributeError", "`w.Knob` was removed in the widgets 2.0 release. Use `w.dials.Dial` instead.", file="demo.py",
        line=2, attributes={"name": "Knob", "owner": "widgets", "owner_kind": "module", "owner_distribution": "widgets"},
    )  # fmt: skip

    best = next(c for c in bench.propose(failure, strategies=API) if c.generator == "said_successor")
    bench.apply(best)

    assert bench.read("demo.py") == "import widgets as w\nimport widgets.dials\nX = w.dials.Dial\n"
    assert bench.read("other.py") == "from widgets.dials import Dial as Knob\nY = Knob\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("turnLeft() is deprecated, use turn_left() instead", "knob.turn_left()\nknob.turnLeft()\n"),
        ("'turnLeft' has been deprecated since 2.0; please use 'turn_left'", "knob.turn_left()\nknob.turnLeft()\n"),
        ("turnLeft is a deprecated alias, use something shorter than that in the future", None),
        ("turnLeft() takes no arguments", None),
    ],
)
def test_a_warning_that_is_an_error_is_followed_where_it_was_raised(
    bench: Bench, fail: Fail, message: str, expected: str | None
) -> None:
    bench.write({"tests/test_demo.py": "knob.turnLeft()\nknob.turnLeft()\n"})
    frames = (
        Frame("tests/test_demo.py", 1, "test_it", in_project=True),
        Frame("widgets/knob.py", 1, "turnLeft", in_project=False, distribution="widgets"),
    )
    failure = fail("DeprecationWarning", message, frames=frames, text=message)
    found = [c for c in bench.propose(failure, strategies=API) if c.generator == "said_successor"]
    if expected is not None:
        bench.apply(found[0])
        assert bench.read("tests/test_demo.py") == expected
    else:
        assert all("something" in c.patch for c in found)


def test_what_the_project_deprecates_itself_is_its_own_affair(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "demo.turnLeft()\n"})
    failure = fail("DeprecationWarning", "turnLeft() is deprecated, use turn_left() instead")
    assert not [c for c in bench.propose(failure, strategies=API) if c.generator == "said_successor"]


def test_strings_that_name_what_is_patched_follow(bench: Bench, fail: Fail) -> None:
    source = """\
        @mock.patch('__builtin__.open')
        @mock.patch("__builtin__.raw_input", return_value="x")
        def test_it(a, b):
            patch("urllib2.urlopen")
            print("__builtin__.open")
        """
    bench.write({"tests/test_demo.py": source, "demo.py": "patch('__builtin__.open')\n"})
    failure = fail("ModuleNotFoundError", "No module named '__builtin__'", attributes={"module": "__builtin__"})

    best = next(c for c in bench.propose(failure) if c.generator == "patch_target")
    bench.apply(best)

    expected = """\
@mock.patch('builtins.open')
@mock.patch("builtins.input", return_value="x")
def test_it(a, b):
    patch("urllib2.urlopen")
    print("__builtin__.open")
"""
    assert bench.read("tests/test_demo.py") == expected


def test_an_attribute_that_a_patched_module_lost_is_followed(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "mock.patch('time.clock').start()\n"})
    said = "<module 'time' (built-in)> does not have the attribute 'clock'"
    best = next(c for c in bench.propose(fail("AttributeError", said)) if c.generator == "patch_target")
    bench.apply(best)
    assert bench.read("tests/test_demo.py") == "mock.patch('time.perf_counter').start()\n"


DATACLASSES = """\
from dataclasses import dataclass


class Point:
    __hash__ = None

    def __init__(self, x=0):
        self.x = x


@dataclass
class Line:
    start: Point = Point()
    end: Point = Point(3)
    name: str = str("n")


class Other:
    start: Point = Point()
"""


def test_a_default_that_cannot_be_hashed_is_made_for_each_instance(bench: Bench, fail: Fail) -> None:
    bench.write({"demo.py": DATACLASSES})
    said = "mutable default <class 'demo.Point'> for field start is not allowed: use default_factory"
    failure = fail("ValueError", said, file="demo.py", line=12)

    best = next(c for c in bench.propose(failure, strategies=API) if c.generator == "dataclass_default")
    bench.apply(best)

    text = bench.read("demo.py")
    assert "    start: Point = dataclasses.field(default_factory=Point)\n" in text
    assert "    end: Point = dataclasses.field(default_factory=lambda: Point(3))\n" in text
    assert text.endswith("class Other:\n    start: Point = Point()\n")
    program = "import demo; a, b = demo.Line(), demo.Line(); assert a.end.x == 3 and a.start is not b.start"
    subprocess.run([sys.executable, "-c", program], cwd=bench.root, check=True, capture_output=True)
