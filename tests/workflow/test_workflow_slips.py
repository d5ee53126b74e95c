"""Slips that keep a whole file from running, healed by the real proof; what the file then shows is not touched."""

from typing import Any

import pytest
from support.machine import LocalMachine

PATH = "import pathlib, sys\n\nsys.path.insert(0, str(pathlib.Path(__file__).parents[1]))\n"
SHOP = "def total(prices):\n    return sum(prices)\n"
QUOTES = '''\
from shop import total


def pair():
    """Two prices,
    of one shop.
    return [1, 2]


def test_total():
    """Their sum."""
    assert total(pair()) == 3
'''
PLACED = """\
from shop import total


def pair():
    prices = []
    for price in (1, 2):
        prices.append(price)
return prices


def test_total():
    assert total(pair()) == 3
"""
WORDS = """\
from shop import total


def test_total():
    asert total([1, 2]) === 3
"""
SLIPS = [
    pytest.param(QUOTES, '    of one shop."""', id="quotes"),
    pytest.param(PLACED, "    return prices", id="placed"),
    pytest.param(WORDS.replace("===", "=="), "    assert total([1, 2]) == 3", id="words"),
    pytest.param(WORDS.replace("asert", "assert"), "    assert total([1, 2]) == 3", id="operators"),
]


@pytest.mark.parametrize(("source", "line"), SLIPS)
def test_a_slip_is_mended(machine: LocalMachine, write: Any, source: str, line: str) -> None:
    root = write({"shop.py": SHOP, "tests/conftest.py": PATH, "tests/test_shop.py": source})

    outcome = machine.run(root)

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    assert [r.generator for r in outcome.accepted] == ["small_syntax"]
    added = [one for one in outcome.patch.splitlines() if one.startswith("+") and not one.startswith("+++")]
    assert added == [f"+{line}"]


@pytest.mark.parametrize(("source", "line"), SLIPS)
def test_a_defect_behind_a_slip_stays_one(machine: LocalMachine, write: Any, source: str, line: str) -> None:
    wrong = SHOP.replace("sum(prices)", "sum(prices) - 1")
    root = write({"shop.py": wrong, "tests/conftest.py": PATH, "tests/test_shop.py": source})

    outcome = machine.run(root)

    assert outcome.run.status == "failed"
    assert not outcome.accepted
    assert line not in outcome.patch
