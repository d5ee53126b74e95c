"""A mock that no longer takes names which only sound like assertions: its tests assert what they meant to."""

from typing import Any

from support.machine import LocalMachine

CONFIGURATION = """\
project: sample
environment:
  python: "3.11"
  install: [pytest, "mock>=5.1"]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
"""
SHOP = "def order(mail, amount):\n    mail.send('mug', amount)\n    return amount\n"
TEST = """\
from mock import Mock
from shop import order


def test_mail():
    mail = Mock()
    assert order(mail, 3) == 3
    assert mail.send.called_once_with("mug", 3)
"""


def test_what_was_meant_is_asserted(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write({"maestro.yaml": CONFIGURATION, "shop.py": SHOP, "tests/test_shop.py": TEST}))

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    (repair,) = outcome.accepted
    assert (repair.generator, repair.files) == ("mock_assertions", ("tests/test_shop.py",))
    assert '\n+    mail.send.assert_called_once_with("mug", 3)\n' in outcome.patch


def test_a_defect_that_nobody_had_asserted_away_is_not_hidden(machine: LocalMachine, write: Any) -> None:
    wrong = SHOP.replace("amount)\n    return", "amount + 1)\n    return")

    outcome = machine.run(write({"maestro.yaml": CONFIGURATION, "shop.py": wrong, "tests/test_shop.py": TEST}))

    assert outcome.run.status == "failed"
    assert "tests/test_shop.py" not in outcome.patch
    assert "shop.py" not in outcome.patch
