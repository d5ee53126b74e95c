"""A project that is a plugin of pytest and is not installed: pytest loads it by its entry points, or not at all."""

from typing import Any

import pytest
from support.machine import LocalMachine

SETUP = """\
from setuptools import setup

setup(
    name="pytest-stock",
    version="0.1",
    py_modules=["pytest_stock"],
    entry_points={"pytest11": ["stock = pytest_stock"]},
)
"""
PLUGIN = """\
import pytest


@pytest.fixture
def stock():
    return {"mug": 3}


def pytest_report_header(config):
    return "stock: counted"
"""
USES = """\
def test_mugs(stock):
    assert stock == {"mug": 3}
"""
RUNS = """\
def test_header(testdir):
    testdir.makepyfile("def test_nothing(): pass")
    result = testdir.runpytest_subprocess()
    result.stdout.fnmatch_lines(["stock: counted"])
    assert result.ret == 0
"""
FILES = {"setup.py": SETUP, "pytest_stock.py": PLUGIN, "tests/conftest.py": "pytest_plugins = 'pytester'\n"}


@pytest.mark.parametrize("test", [USES, RUNS])
def test_it_is_installed_where_its_tests_miss_what_it_brings(machine: LocalMachine, write: Any, test: str) -> None:
    outcome = machine.run(write({**FILES, "tests/test_stock.py": test}))

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    (repair,) = outcome.accepted
    assert (repair.generator, repair.files) == ("project_installed", ("maestro.yaml",))
    (added,) = [line for line in outcome.patch.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added == "+  install: [pytest, -e .]"


@pytest.mark.parametrize(
    ("plugin", "test"),
    [
        (PLUGIN.replace("counted", "lost"), RUNS),  # the header that it writes is another
        (PLUGIN.replace("3", "2"), USES),
    ],
)
def test_a_defect_of_the_plugin_is_there_once_it_is_installed(
    machine: LocalMachine, write: Any, plugin: str, test: str
) -> None:
    outcome = machine.run(write({**FILES, "pytest_stock.py": plugin, "tests/test_stock.py": test}))

    assert outcome.run.status == "failed"
    assert "pytest_stock.py" not in outcome.patch
    assert "tests/" not in outcome.patch
