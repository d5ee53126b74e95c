"""pytest does not start, as `addopts` asks for a checker whose plugin died: its successor checks instead."""

from collections.abc import Callable, Mapping
from pathlib import Path

from maestro.model import Strategy
from support.machine import LocalMachine

Write = Callable[[Mapping[str, str]], Path]
PROJECT = {
    "pytest.ini": "[pytest]\naddopts = --pep8\n",
    "shop.py": "def total(prices):\n    return sum(prices)\n",
    "tests/test_cart.py": "def test_total():\n    assert sum([1, 2]) == 3\n",
    "tests/test_untidy.py": "def test_untidy():\n    prices=[1]\n    assert prices\n",
}


def test_the_check_goes_on_under_its_new_name(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(write(PROJECT))

    (repair,) = outcome.accepted
    assert (repair.strategy, repair.generator) == (Strategy.DEPENDENCY_FIX, "succeeded_option")
    assert "-addopts = --pep8\n+addopts = --pycodestyle\n" in outcome.patch
    # what the check finds is there to see
    assert any("test_untidy.py::PYCODESTYLE" in test for f in outcome.failures for test in f.tests)
