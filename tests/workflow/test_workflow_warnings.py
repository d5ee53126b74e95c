"""A test looks for a warning among what is written, where pytest keeps it: it gets the warnings of a plain process."""

from collections.abc import Callable, Mapping
from pathlib import Path

from maestro.model import Strategy
from support.machine import LocalMachine

Write = Callable[[Mapping[str, str]], Path]
PROJECT = {
    "shop/__init__.py": "",
    "shop/search.py": """\
import warnings


def choose(query, choices):
    if not query.strip(":"):
        warnings.warn("nothing is left of %s" % query)
    return [choice for choice in choices if query in choice]
""",
    "tests/test_search.py": """\
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
from shop.search import choose


def test_warning(capsys):
    assert choose(":", ["mug"]) == []
    out, err = capsys.readouterr()
    assert "nothing is left of :" in err


def test_found():
    assert choose("m", ["mug", "cup"]) == ["mug"]
""",
}


def test_the_test_sees_the_warning(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(write(PROJECT))

    (repair,) = outcome.accepted
    assert outcome.run.status == "healed"
    assert (repair.strategy, repair.generator) == (Strategy.API_CONTRACT_ADAPTATION, "plain_warnings")
    assert [line for line in outcome.patch.splitlines() if line.startswith("-")][1:] == ["-def test_warning(capsys):"]


def test_a_product_that_warns_of_something_else_is_reported(machine: LocalMachine, write: Write) -> None:
    wrong = PROJECT["shop/search.py"].replace("nothing is left", "something is left")

    outcome = machine.run(write({**PROJECT, "shop/search.py": wrong}))

    assert outcome.accepted == ()
    assert any(f.regression for f in outcome.failures)
