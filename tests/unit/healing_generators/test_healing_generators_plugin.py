"""What a failure misses of the plugin of pytest that the project itself is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from maestro.healing.strategies.environment_healing.project import ProjectInstalled
from maestro.model import Failure, Phase

SETUP = (
    "from setuptools import setup\nsetup(name='pytest-stock', entry_points={'pytest11': ['stock = pytest_stock']})\n"
)
PLUGIN = """\
import pytest

def pytest_addoption(parser):
    parser.getgroup("stock").addoption("--stock-file", help="where it stands")

@pytest.fixture(scope="session")
def stock():
    return {"mug": 3}
"""
RUNS = "def test_stock(testdir):\n    assert testdir.runpytest().ret == 0\n"


@pytest.fixture
def missed(bench: Any, failing: Callable[..., Failure]) -> Callable[..., list[str]]:
    """What is proposed for a failure of a plugin's test, by what it says."""

    def propose(message: str, phase: Phase = Phase.CALL, **files: str) -> list[str]:
        tree = {"setup.py": SETUP, "pytest_stock.py": PLUGIN, "tests/test_stock.py": RUNS}
        bench.write({**tree, **{name.replace("__", "/") + ".py": text for name, text in files.items()}})
        found = failing("Failed", message, "tests/test_stock.py::test_stock")
        found = replace(found, facts=replace(found.facts, phase=phase, attributes={}))
        return [candidate.summary for candidate in bench.propose(ProjectInstalled(), found)]

    return propose


@pytest.mark.parametrize(
    ("message", "phase", "why"),
    [
        ("fixture 'stock' not found", Phase.SETUP, "its fixture stock"),
        ("error: unrecognized arguments: --stock-file=x tests", Phase.SESSION, "its option --stock-file"),
        ("nomatch: '*counted*'", Phase.CALL, "its tests run pytest"),
    ],
)
def test_it_is_installed(missed: Callable[..., list[str]], message: str, phase: Phase, why: str) -> None:
    summaries = missed(message, phase)
    assert summaries
    assert all(why in summary for summary in summaries)


@pytest.mark.parametrize(
    ("message", "phase", "files"),
    [
        ("fixture 'stocks' not found", Phase.SETUP, {}),  # nobody defines it: a test's own slip
        ("fixture 'shelf' not found", Phase.SETUP, {"tests__test_other": PLUGIN.replace("stock()", "shelf()")}),
        ("error: unrecognized arguments: --stock-files tests", Phase.SESSION, {}),
        ("nomatch: '*counted*'", Phase.SESSION, {}),  # no test ran that could have missed it
        ("nomatch: '*counted*'", Phase.CALL, {"setup": SETUP.replace("pytest11", "console_scripts")}),
        ("assert 2 == 3", Phase.CALL, {"tests__test_stock": "def test_stock():\n    assert 2 == 3\n"}),
        ("No module named 'yaml'", Phase.CALL, {}),  # that is what it misses
    ],
)
def test_what_is_not_its_plugins_matter(
    missed: Callable[..., list[str]], message: str, phase: Phase, files: dict[str, str]
) -> None:
    assert missed(message, phase, **files) == []
