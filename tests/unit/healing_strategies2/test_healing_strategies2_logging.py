"""Tests that read what logging writes, under a pytest that hangs its own handlers on the root logger."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.strategies.api_contract_adaptation.pytest_logging import PlainRootLogger
from maestro.model import Facts, Failure, Phase, Strategy

PRODUCT = 'import logging\n\n\ndef choose(query):\n    logging.warning("nothing is left of %r", query)\n'
TESTS = '''\
from shop.search import choose


def test_warning(capsys):
    """It says so."""
    choose(":")
    out, err = capsys.readouterr()
    assert err == "WARNING:root:nothing is left of ':'\\n"


def test_other(capsys):
    assert choose("a") is None
'''
MENDED = TESTS.replace("from shop", "import logging\nfrom shop").replace(
    'test_warning(capsys):\n    """It says so."""\n',
    'test_warning(capsys, monkeypatch):\n    """It says so."""\n'
    '    monkeypatch.setattr(logging.getLogger(), "handlers", [])\n',
)
JUDGES = """\
import pytest


@pytest.fixture(autouse=True)
def quiet(caplog):
    yield
    assert not caplog.records
"""
WANTED = "WARNING:root:nothing is left of ':'\n"
RECORD = "WARNING  root:search.py:5 nothing is left of ':'"


@pytest.fixture
def missed(bench: Any, failing: Callable[..., Failure]) -> Callable[..., Failure]:
    """The failure of a test that expected log lines; written and recorded as told."""
    bench.write({"shop/__init__.py": "", "shop/search.py": PRODUCT, "tests/test_search.py": TESTS})

    def make(written: str = "", record: str = RECORD, wanted: str = WANTED, op: str = "==") -> Failure:
        operands = {"op": op, "left": repr(written), "right": repr(wanted), "left_type": "str", "right_type": "str"}
        text = f"E   assert '' == ...\n--- Captured log call ---\n{record}\n"
        found = failing("AssertionError", "assert '' == ...", "tests/test_search.py::test_warning")
        covered = {"shop/search.py": ("choose",)}
        facts = Facts(Phase.CALL, "AssertionError", "no", assertion=operands, text=text, covered=covered)
        return replace(found, facts=facts)

    return make


def test_the_test_gets_the_root_logger_of_a_plain_process(bench: Any, missed: Callable[..., Failure]) -> None:
    found = diagnose(missed(), bench.project())
    assert not found.regression
    assert Strategy.API_CONTRACT_ADAPTATION in healable(found, bench.project())

    (candidate,) = bench.propose(PlainRootLogger(), found)

    assert (bench.applied(candidate) / "tests/test_search.py").read_text() == MENDED
    assert bench.findings(candidate) == []
    assert not candidate.workaround


@pytest.mark.parametrize(
    "said",
    [
        {"record": "WARNING  root:search.py:5 nothing is left of 'b'"},
        {"record": "ERROR    root:search.py:5 nothing is left of ':'"},
        {"record": "WARNING  shop:search.py:5 nothing is left of ':'"},
        {"record": ""},
        {"written": "WARNING:root:something is left\n"},
        {"wanted": "nothing is left of ':'\n"},
        {"wanted": WANTED + "and a line that nobody logged\n"},
        {"wanted": ""},
        {"op": "in"},
    ],
    ids=[
        "another text", "another level", "another logger", "nothing logged", "another was written", "printed perhaps",
        "more than logged", "nothing wanted", "another claim",
    ],
)  # fmt: skip
def test_what_was_not_logged_as_it_is_expected_stays_a_regression(
    bench: Any, missed: Callable[..., Failure], said: dict[str, str]
) -> None:
    found = missed(**said)
    assert diagnose(found, bench.project()).regression
    assert bench.propose(PlainRootLogger(), found) == []


@pytest.mark.parametrize(
    "files",
    [
        {"tests/test_search.py": TESTS.replace("(capsys)", "(capsys, caplog)")},
        {"tests/test_search.py": TESTS.replace("    choose(", "    logging.getLogger().addHandler(None)\n    choose(")},
        {"tests/test_search.py": TESTS.replace("(capsys)", "(capsys, level=1)")},
        {"tests/conftest.py": JUDGES},
    ],
    ids=["looks at records", "knows of logging", "a default", "a fixture judges what is logged"],
)  # fmt: skip
def test_where_records_may_be_judged_nothing_is_proposed(
    bench: Any, missed: Callable[..., Failure], files: dict[str, str]
) -> None:
    found = missed()
    bench.write(files)
    assert bench.propose(PlainRootLogger(), found) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("logging.getLogger()", "choose"),
        ('"handlers", []', '"handlers", None'),
        ('"handlers", []', '"disabled", True'),
        ("logging.getLogger()", 'logging.getLogger("shop")'),
        ("    monkeypatch.setattr(", "    monkeypatch.setattr(logging, 'warning', print)\n    monkeypatch.setattr("),
        ("(capsys, monkeypatch)", "(monkeypatch)"),
        ("(capsys, monkeypatch)", "(capsys, monkeypatch, caplog)"),
        ('    choose(":")\n', ""),
        ("nothing is left of ':'", "nothing"),
    ],
    ids=[
        "the product", "no list", "silence", "another logger", "more than that", "reads nothing", "a test of records",
        "a lost call", "another text",
    ],
)  # fmt: skip
def test_whatever_does_more_than_that_is_refused(bench: Any, right: str, wrong: str) -> None:
    bench.write({"shop/__init__.py": "", "shop/search.py": PRODUCT, "tests/test_search.py": TESTS})
    assert right in MENDED
    assert bench.rules({"tests/test_search.py": MENDED.replace(right, wrong)}) != set()


def test_a_test_of_records_cannot_lose_them(bench: Any) -> None:
    """A defect that logs an error would be hidden from a test that asks for no records."""
    tests = (
        "import logging\n\n\ndef test_quiet(capsys, caplog{}):\n{}"
        "    capsys.readouterr()\n    assert not caplog.records\n"
    )
    bench.write({"tests/test_search.py": tests.format("", "")})
    statement = '    monkeypatch.setattr(logging.getLogger(), "handlers", [])\n'
    assert bench.rules({"tests/test_search.py": tests.format(", monkeypatch", statement)}) != set()
