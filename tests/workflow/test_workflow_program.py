"""A project whose tests start its own program, which only an installation brings."""

from typing import Any

import pytest
from support.machine import LocalMachine

SETUP = """\
from setuptools import setup

setup(name="stock", version="0.1", py_modules=["stock"], entry_points={"console_scripts": ["count-stock = stock:main"]})
"""
STOCK = """\
def main():
    print("3 mugs")
"""
ASSERTS = """\
import subprocess


def test_count():
    done = subprocess.run("count-stock", shell=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == "3 mugs\\n"
"""
FILES = {"setup.py": SETUP, "stock.py": STOCK, "tests/test_stock.py": ASSERTS}


def test_it_is_installed_although_it_is_an_assertion_that_fails(machine: LocalMachine, write: Any) -> None:
    outcome = machine.run(write(FILES))

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    (repair,) = outcome.accepted
    assert (repair.generator, repair.files) == ("project_installed", ("maestro.yaml",))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"count-stock"', '"count-shelf"'),  # a program that the project does not say it has
        ('print("3 mugs")', 'print("2 mugs")'),  # what the program then says is wrong
        ('print("3 mugs")', 'raise SystemExit("sh: 1: count-shelf: not found")'),
    ],
)
def test_another_program_or_a_defect_of_it_is_no_matter_of_installing(
    machine: LocalMachine, write: Any, right: str, wrong: str
) -> None:
    outcome = machine.run(write({path: text.replace(right, wrong) for path, text in FILES.items()}))

    assert outcome.run.status == "failed"
    assert not [r for r in outcome.accepted if r.generator != "project_installed"]
    assert "tests/" not in outcome.patch
