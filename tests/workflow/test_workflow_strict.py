"""An old project's ``strict = true``, which pytest 9 takes to mean more than the tests were written for."""

from typing import Any

from support.machine import LocalMachine

CONFIGURATION = """\
project: sample
environment:
  python: "3.11"
  install: ["pytest>=9"]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
"""
FILES = {
    "maestro.yaml": CONFIGURATION,
    "CHANGES.txt": "1.1 (2017-12-30)\n----------------\n\n- Totals.\n",
    "setup.cfg": "[tool:pytest]\nstrict = true\naddopts = -ra\n",
    "shop.py": "def total(prices):\n    return sum(prices)\n",
    "tests/test_shop.py": """\
import pytest
from shop import total


@pytest.mark.parametrize("kind", [list, list, tuple])
def test_total(kind):
    assert total(kind([1, 2])) == 3


def test_nothing():
    assert total([]) == 0
""",
}
YOUNG = "1.2 (2026-06-30)\n----------------\n\n- Strict tests.\n"


def test_what_strict_came_to_mean_is_turned_off(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(FILES))

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    (repair,) = outcome.accepted
    assert (repair.generator, repair.files) == ("strict_setting", ("setup.cfg",))
    (added,) = [line for line in outcome.patch.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added == "+strict_parametrization_ids = false"


def test_a_project_that_knew_what_it_asked_for_keeps_it(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write({**FILES, "CHANGES.txt": YOUNG}))

    assert all(repair.workaround for repair in outcome.accepted)  # an older pytest, for a person to decide
    assert "setup.cfg" not in outcome.patch
