"""A dependency changed its words: what its last green run shows decides whether an expectation may follow it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from maestro.model import Strategy, Tier
from support.machine import LocalMachine, RunOutcome

Write = Callable[[Mapping[str, str]], Path]
CONFIGURATION = """\
project: shop
environment:
  python: "3.11"
  install: [pytest, "click=={version}"]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
"""
CLI = """\
import click


@click.command()
@click.argument("name")
def greet(name):
    click.echo(name)


def complaint(words):
    try:
        greet.main(words, standalone_mode=False)
    except click.UsageError as error:
        return error.format_message()
    return ""


def amount(text):
    return click.INT.convert(text, None, None)


def total(prices):
    return sum(prices)
"""
TESTS = """\
import click
import pytest

from shop.cli import amount, complaint, total


def test_complaint():
    # what click says
    assert complaint([]) == 'Missing argument "NAME".'


def test_part():
    assert 'argument "NAME"' in complaint([])


def test_amount():
    with pytest.raises(click.BadParameter, match="pear is not a valid integer"):
        amount("pear")


def test_total():
    assert total([1200, 34]) == 1234
"""
PROJECT = {"shop/__init__.py": "", "shop/cli.py": CLI, "tests/test_cli.py": TESTS}


def files(version: str, **changed: str) -> dict[str, str]:
    named = {"cli": "shop/cli.py", "tests": "tests/test_cli.py"}
    return {
        **PROJECT,
        "maestro.yaml": CONFIGURATION.format(version=version),
        **{named[name]: text for name, text in changed.items()},
    }


@pytest.fixture
def green(machine: LocalMachine, write: Write) -> RunOutcome:
    outcome = machine.run(write(files("7.0")))
    assert outcome.run.status == "passed", outcome.document
    return outcome


def test_an_expectation_follows_the_dependency_that_changed_its_words(
    machine: LocalMachine, write: Write, green: RunOutcome
) -> None:
    # given the same source and tests as in the green run, and a newer click

    outcome = machine.run(write(files("8.1.7")), within=green.context)

    assert {(r.strategy, r.tier) for r in outcome.accepted} == {(Strategy.ASSERTION_UPDATE, Tier.PULL_REQUEST)}
    assert sorted(line for line in outcome.patch.splitlines() if line.startswith("+  ")) == [
        "+    assert \"argument 'NAME'\" in complaint([])",
        "+    assert complaint([]) == \"Missing argument 'NAME'.\"",
        '+    with pytest.raises(click.BadParameter, match="pear\' is not a valid integer"):',
    ]
    assert all("click 7.0 -> 8.1.7" in repair.proof["provenance"].detail for repair in outcome.accepted)
    assert not any(failure.regression for failure in outcome.failures)


def test_what_the_product_did_to_itself_is_a_regression(machine: LocalMachine, write: Write, green: RunOutcome) -> None:
    # given a newer click, and a defect that no click has anything to do with
    wrong = CLI.replace("return sum(prices)", "return sum(prices) + 1000")

    outcome = machine.run(write(files("8.1.7", cli=wrong)), within=green.context)

    found = {f.tests[0].rpartition("::")[2]: f for f in outcome.failures}
    assert found["test_total"].regression
    assert "product's source of the last green run" in found["test_total"].cause
    assert not any("test_total" in test for r in outcome.accepted for test in r.tests_fixed)


def test_where_the_product_changed_as_well_nothing_follows(
    machine: LocalMachine, write: Write, green: RunOutcome
) -> None:
    # given a newer click, and a product that changed the words itself: two causes at once
    both = CLI.replace("error.format_message()", 'error.format_message().replace("Missing", "Lacking an")')

    outcome = machine.run(write(files("8.1.7", cli=both)), within=green.context)

    assert not any(r.strategy is Strategy.ASSERTION_UPDATE for r in outcome.accepted)
    assert outcome.failures[0].regression
