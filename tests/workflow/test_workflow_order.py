"""Tests that fail after others: what a test leaves is given back, what the product leaves is told, in spite of retries.

A retry runs a test alone, where nothing is left of the tests before it: each of these is "flaky" at first.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from maestro.model import Tier
from support.machine import LocalMachine

Write = Callable[[Mapping[str, str]], Path]
CONFIG = """\
project: shop
environment:
  python: "3.11"
  install: [pytest]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
"""
MODE = """\
import os


def mode():
    return os.environ.get("SHOP_MODE", "live")
"""
MODE_TESTS = """\
import os

from shop.mode import mode


def test_it_is_read():
    os.environ["SHOP_MODE"] = "test"
    assert mode() == "test"


def test_the_usual():
    assert mode() == "live"
"""
CART = """\
class Cart:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)
"""
CART_TESTS = """\
import pytest

from shop.cart import Cart


@pytest.fixture(scope="module")
def cart():
    return Cart()


def test_add(cart):
    cart.add("pen")
    assert cart.items == ["pen"]


def test_new(cart):
    assert cart.items == []
"""
BASKET = """\
class Basket:
    \"\"\"Every customer has a basket of their own.\"\"\"

    items = []

    def add(self, name):
        self.items.append(name)
"""
BASKET_TESTS = """\
from shop.basket import Basket


def test_add():
    basket = Basket()
    basket.add("pen")
    assert "pen" in basket.items


def test_a_new_basket_is_empty():
    assert Basket().items == []
"""
QUIET = """\
import contextlib
import logging

log = logging.getLogger("shop")


@contextlib.contextmanager
def quiet():
    \"\"\"Nothing is logged inside of the block; after it, logging is as before.\"\"\"
    logging.disable(logging.CRITICAL)
    yield


def sell(name):
    log.warning("sold %s", name)
"""
QUIET_TESTS = """\
from shop.quiet import quiet, sell


def test_quiet(caplog):
    with quiet():
        sell("pen")
    assert caplog.messages == []


def test_a_sale_is_logged(caplog):
    sell("ink")
    assert caplog.messages == ["sold ink"]
"""
SETTINGS = """\
class Settings:
    def __init__(self, values):
        self.values = values

    def copy(self):
        \"\"\"Return a copy that shares nothing with the original.\"\"\"
        return Settings(dict(self.values))
"""
SETTINGS_TESTS = """\
import pytest

from shop.settings import Settings


@pytest.fixture(scope="module")
def settings():
    return Settings({"mail": {"port": 25}})


def test_a_copy_can_be_changed(settings):
    other = settings.copy()
    other.values["mail"]["port"] = 99
    assert other.values["mail"]["port"] == 99


def test_the_original_keeps_its_values(settings):
    assert settings.values["mail"]["port"] == 25
"""


def test_what_tests_leave_behind_is_given_back(machine: LocalMachine, write: Write) -> None:
    files = {
        "shop/mode.py": MODE,
        "tests/test_mode.py": MODE_TESTS,
        "shop/cart.py": CART,
        "tests/test_cart.py": CART_TESTS,
    }

    outcome = machine.run(write({"maestro.yaml": CONFIG, **files}))

    assert outcome.run.status == "healed"
    assert {r.generator for r in outcome.accepted} == {"restore_state", "narrow_scope"}
    assert {r.tier for r in outcome.accepted} == {Tier.PULL_REQUEST}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"shop/basket.py": BASKET, "tests/test_it.py": BASKET_TESTS}, "shop.basket.Basket.items"),
        ({"shop/quiet.py": QUIET, "tests/test_it.py": QUIET_TESTS}, "logging"),
        ({"shop/settings.py": SETTINGS, "tests/test_it.py": SETTINGS_TESTS}, "does nothing to the fixture `settings`"),
    ],
    ids=["objects that share a list", "a block that leaves logging off", "a copy that shares its parts"],
)
def test_what_the_product_leaves_behind_fails_the_run(
    machine: LocalMachine, write: Write, files: dict[str, str], said: str
) -> None:
    outcome = machine.run(write({"maestro.yaml": CONFIG, **files}))

    # then the retries that passed do not make it a success, and nothing is given back
    assert outcome.accepted == ()
    assert outcome.run.status == "failed"
    assert "a suspected defect" in outcome.run.reason
    (told,) = outcome.document["failures"]
    assert told["regression"]
    assert said in told["cause"]
    assert [case["id"] for case in outcome.document["flaky"]] == told["tests"]


CLASS = """\
from shop.cart import Cart


class TestCart:
    @classmethod
    def setup_class(cls):
        cls.cart = Cart()

    def test_add(self):
        self.cart.add("mug")
        assert self.cart.items == ["mug"]

    def test_new(self):
        assert self.cart.items == []
"""


def test_what_a_class_prepares_once_is_prepared_for_each_test(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(
        write({"maestro.yaml": CONFIG, "shop/__init__.py": "", "shop/cart.py": CART, "tests/test_cart.py": CLASS})
    )

    (repair,) = outcome.accepted
    assert outcome.run.status == "healed"
    assert (repair.generator, repair.tier) == ("made_anew", Tier.PULL_REQUEST)
    assert "+        self.setup_class()" in outcome.patch
