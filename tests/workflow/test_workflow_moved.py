"""A module that left its distribution: its users get it from where it went, or go back to the release that had it."""

from typing import Any

import pytest
from maestro.model import Tier
from support.machine import LocalMachine

CONFIGURATION = """\
project: sample
environment:
  python: "3.11"
  install: [pytest, werkzeug]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
"""
SHOP = "def remember(cache, amount):\n    cache.set('amount', amount)\n    return cache.get('amount')\n"
CACHED = """\
from shop import remember
from werkzeug.contrib.cache import SimpleCache


def test_amount():
    assert remember(SimpleCache(), 3) == 3
"""
READ = """\
from werkzeug.contrib.iterio import IterIO


def test_reading():
    assert IterIO(iter(["mug", "cup"])).read(3) == "mug"
"""


def test_what_moved_to_another_distribution_comes_with_it(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write({"maestro.yaml": CONFIGURATION, "shop.py": SHOP, "tests/test_shop.py": CACHED}))

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    (repair,) = outcome.accepted
    assert (repair.generator, repair.files) == ("catalogue_rename", ("maestro.yaml", "tests/test_shop.py"))
    assert "\n+from cachelib import SimpleCache\n" in outcome.patch
    assert repair.tier is not Tier.APPLIED  # nothing of the project asks for that distribution
    assert " has no module `contrib` any more, which tests/test_shop.py:2 imports" in outcome.failures[0].cause


def test_what_went_without_a_successor_is_got_from_the_last_release_that_had_it(
    machine: LocalMachine, write: Any
) -> None:
    outcome = machine.run(write({"maestro.yaml": CONFIGURATION, "shop.py": SHOP, "tests/test_shop.py": READ}))

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    (repair,) = outcome.accepted
    assert (repair.generator, repair.files) == ("version_pin", ("maestro.yaml",))
    assert "werkzeug<1.0" in outcome.patch


@pytest.mark.parametrize("test", [CACHED, READ.replace('"mug"\n', '"mugs"\n')])
def test_a_defect_behind_the_missing_module_is_not_hidden(machine: LocalMachine, write: Any, test: str) -> None:
    wrong = SHOP.replace("amount)\n    return", "amount + 1)\n    return")

    outcome = machine.run(write({"maestro.yaml": CONFIGURATION, "shop.py": wrong, "tests/test_shop.py": test}))

    assert outcome.run.status == "failed"
    assert not outcome.accepted
