"""A suite that runs against its written order: what leans on other tests is helped, its look-alikes are not."""

from collections.abc import Callable, Mapping
from pathlib import Path

from maestro.model import Tier
from support.machine import LocalMachine

Write = Callable[[Mapping[str, str]], Path]
PROJECT = {
    "maestro.yaml": """\
project: shop
environment:
  python: "3.11"
  install: [pytest]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
""",
    # as pytest-reverse and the like do
    "tests/conftest.py": "def pytest_collection_modifyitems(items):\n    items.reverse()\n",
    "shop/__init__.py": "",
    "shop/shelf.py": """\
class Shelf:
    def __init__(self):
        self.stock = {}

    def put(self, name, count=1):
        self.stock[name] = self.stock.get(name, 0) + count

    def count(self, name):
        return self.stock[name]

    def clear(self):
        self.stock.clear()


SHELF = Shelf()
""",
    "shop/rates.py": """\
_RATES = {}


def known(currency):
    _RATES.update(EUR=2, USD=3)
    return currency in _RATES


def rate(currency):
    return _RATES[currency]
""",
}
SHELF = """\
from shop.shelf import SHELF


def test_put():
    SHELF.put("mug", 2)
    assert SHELF.count("mug") == 2


def test_more():
    SHELF.put("mug")
    assert SHELF.count("mug") == 3


def test_the_count():
    assert SHELF.count("mug") + 1 == 4


def test_clear():
    SHELF.clear()
"""
# The product forgets to load its rates before it answers: only a question before makes it.
ASKS = """\
from shop.rates import known, rate


def test_known():
    assert known("EUR")


def test_rate():
    assert rate("EUR") == 2
"""
# It is wrong in every order.
WRONG = """\
from shop.shelf import Shelf


def test_put():
    Shelf().put("cup")


def test_count():
    shelf = Shelf()
    shelf.put("cup", 2)
    assert shelf.count("cup") == 3
"""


def test_what_leans_on_other_tests_is_helped_and_a_person_decides(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(write({**PROJECT, "tests/test_shelf.py": SHELF}))

    (repair,) = outcome.accepted
    assert outcome.run.status == "healed"
    assert (repair.generator, repair.tier, repair.workaround) == ("state_setters", Tier.PULL_REQUEST, True)
    assert repair.tests_fixed == ("tests/test_shelf.py::test_the_count",)  # the other's assertion waited, and is green
    assert '+        "test_more": [test_put],' in outcome.patch
    assert '+        "test_the_count": [test_put, test_more],' in outcome.patch
    assert not [line for line in outcome.patch.splitlines() if line[:1] == "-" and not line.startswith("---")]


SHARED = """\
import pytest
from shop.shelf import Shelf


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


def test_put(shelf):
    shelf.put("mug", 2)
    assert shelf.count("mug") == 2


@pytest.mark.parametrize("count", [2, 2])
def test_the_count(shelf, count):
    assert shelf.count("mug") == count
"""


def test_what_leans_on_a_shared_fixture_gets_one_of_its_own(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(write({**PROJECT, "tests/test_shelf.py": SHARED}))

    (repair,) = outcome.accepted
    assert outcome.run.status == "healed"
    assert (repair.generator, repair.tier, repair.workaround) == ("state_setters", Tier.PULL_REQUEST, True)
    assert '+        "test_the_count": [test_put],' in outcome.patch
    gone = [line for line in outcome.patch.splitlines() if line[:1] == "-" and not line.startswith("---")]
    assert gone == ['-@pytest.fixture(scope="module")']


def test_defects_that_show_in_one_order_only_are_not_hidden(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(write({**PROJECT, "tests/test_rates.py": ASKS, "tests/test_count.py": WRONG}))

    assert outcome.accepted == ()
    assert outcome.patch == ""
    causes = {test: f for f in outcome.failures for test in f.tests}
    assert "it leans on them" in causes["tests/test_rates.py::test_rate"].cause
    assert causes["tests/test_count.py::test_count"].regression


def test_a_change_of_the_product_that_made_a_test_lean_is_not_helped(machine: LocalMachine, write: Write) -> None:
    started = {**PROJECT, "shop/shelf.py": PROJECT["shop/shelf.py"] + '\n\nSHELF.put("mug", 2)\n'}
    tests = SHELF.replace('    SHELF.put("mug", 2)\n', '    SHELF.clear()\n    SHELF.put("mug", 2)\n', 1)
    tests = tests.replace("== 3", ">= 2").replace("+ 1 == 4", ">= 2").partition("def test_clear")[0]
    green = machine.run(write({**started, "tests/test_shelf.py": tests}))
    assert green.run.status == "passed"

    outcome = machine.run(write({**PROJECT, "tests/test_shelf.py": tests}), within=green.context)

    assert outcome.accepted == ()
    assert any("changed lately" in f.cause for f in outcome.failures)


def test_the_green_run_of_another_project_of_that_name_says_nothing(machine: LocalMachine, write: Write) -> None:
    other = {"maestro.yaml": PROJECT["maestro.yaml"], "depot.py": "FULL = False\n"}
    green = machine.run(
        write({**other, "tests/test_depot.py": "import depot\n\n\ndef test_it():\n    assert not depot.FULL\n"})
    )
    assert green.run.status == "passed"

    root = write({**PROJECT, "tests/test_shelf.py": SHELF})
    for path in ("depot.py", "tests/test_depot.py"):
        (root / path).unlink()
    outcome = machine.run(root, within=green.context)

    assert [r.generator for r in outcome.accepted] == ["state_setters"]
    assert not any("changed lately" in f.cause for f in outcome.failures)
