"""A test reads what logging writes, which pytest's own handlers prevent: it gets a plain root logger."""

from collections.abc import Callable, Mapping
from pathlib import Path

from maestro.model import Strategy
from support.machine import LocalMachine

Write = Callable[[Mapping[str, str]], Path]
PROJECT = {
    "shop/__init__.py": "",
    "shop/search.py": """\
import logging


def choose(query, choices):
    if not query.strip(":"):
        logging.warning("nothing is left of %r", query)
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
    assert err == "WARNING:root:nothing is left of ':'\\n"


def test_found(caplog):
    assert choose("m", ["mug", "cup"]) == ["mug"]
    assert not caplog.records


def test_recorded(caplog):
    choose("::", [])
    assert [r.getMessage() for r in caplog.records] == ["nothing is left of '::'"]
""",
}


def test_a_file_that_looks_at_records_too_is_left_to_a_person(machine: LocalMachine, write: Write) -> None:
    outcome = machine.run(write(PROJECT))

    assert outcome.accepted == ()
    assert not any(f.regression for f in outcome.failures)


def test_the_test_of_what_is_written_is_healed_and_the_others_see_their_records(
    machine: LocalMachine, write: Write
) -> None:
    head, records = PROJECT["tests/test_search.py"].split("\n\n\ndef test_found")
    records = f"from shop.search import choose\n\n\ndef test_found{records}"
    files = {"tests/test_search.py": head + "\n", "tests/test_search_records.py": records}

    outcome = machine.run(write({**PROJECT, **files}))

    (repair,) = outcome.accepted
    assert outcome.run.status == "healed"
    assert (repair.strategy, repair.generator) == (Strategy.API_CONTRACT_ADAPTATION, "plain_root_logger")
    assert repair.tests_fixed == ("tests/test_search.py::test_warning",)
    assert [line for line in outcome.patch.splitlines() if line.startswith("-")][1:] == ["-def test_warning(capsys):"]
