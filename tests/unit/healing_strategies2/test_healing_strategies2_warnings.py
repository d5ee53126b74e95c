"""Tests that look for a warning among what is written, under a pytest that keeps warnings to itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.known_forms.plain_warnings import STATEMENT
from maestro.healing.strategies.api_contract_adaptation.pytest_warnings import PlainWarnings
from maestro.model import Facts, Failure, Phase, Strategy

PRODUCT = 'import warnings\n\n\ndef choose(query):\n    warnings.warn(f"nothing is left of {query}")\n'
TESTS = '''\
import sys

from shop.search import choose


def test_warning(capsys):
    """It says so."""
    choose(":")
    assert "nothing is left" in capsys.readouterr().err


def test_other(capsys):
    assert choose("a") is None
'''
MENDED = TESTS.replace("import sys\n", "import warnings\nimport sys\n").replace(
    'test_warning(capsys):\n    """It says so."""\n',
    f'test_warning(capsys, monkeypatch):\n    """It says so."""\n    {STATEMENT}\n',
)
WARNED = "UserWarning: nothing is left of :"


@pytest.fixture
def missed(bench: Any, failing: Callable[..., Failure]) -> Callable[..., Failure]:
    """The failure of a test that looked for a warning's text; written and warned as told."""
    bench.write({"shop/__init__.py": "", "shop/search.py": PRODUCT, "tests/test_search.py": TESTS})

    def make(written: str = "", warned: str = WARNED, wanted: str = "nothing is left", op: str = "in") -> Failure:
        operands = {"op": op, "left": repr(wanted), "right": repr(written), "left_type": "str", "right_type": "str"}
        found = failing("AssertionError", "assert 'nothing is left' in ''", "tests/test_search.py::test_warning")
        covered = {"shop/search.py": ("choose",)}
        facts = Facts(Phase.CALL, "AssertionError", "no", assertion=operands, covered=covered, warnings=(warned,))
        return replace(found, facts=facts)

    return make


def test_the_test_gets_the_warnings_of_a_plain_process(bench: Any, missed: Callable[..., Failure]) -> None:
    found = diagnose(missed(written="other words\n"), bench.project())
    assert not found.regression
    assert Strategy.API_CONTRACT_ADAPTATION in healable(found, bench.project())

    (candidate,) = bench.propose(PlainWarnings(), found)

    assert (bench.applied(candidate) / "tests/test_search.py").read_text() == MENDED
    assert bench.findings(candidate) == []
    assert not candidate.workaround


def test_a_test_that_is_defined_under_a_condition_gets_them_too(bench: Any, missed: Callable[..., Failure]) -> None:
    found = missed()
    head, rest = TESTS.split("\n\n\ndef test_warning")
    body, other = f"def test_warning{rest}".split("\n\n\ndef test_other")
    nested = "\n".join(f"    {line}" for line in body.splitlines())
    bench.write({"tests/test_search.py": f"{head}\n\nif sys.version_info > (3,):\n{nested}\n\n\ndef test_other{other}"})

    (candidate,) = bench.propose(PlainWarnings(), found)

    assert f"        {STATEMENT}\n" in (bench.applied(candidate) / "tests/test_search.py").read_text()
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    "said",
    [
        {"warned": "UserWarning: something is left"},
        {"warned": "DeprecationWarning: nothing is left of :"},
        {"warned": ""},
        {"written": "nothing is left", "op": "not in"},
        {"wanted": "left"},
        {"op": "=="},
    ],
    ids=["another text", "hidden in a plain process", "nothing warned", "unwanted", "said by chance", "another claim"],
)
def test_what_no_warning_said_stays_a_regression(
    bench: Any, missed: Callable[..., Failure], said: dict[str, str]
) -> None:
    found = missed(**said)
    assert diagnose(found, bench.project()).regression
    assert bench.propose(PlainWarnings(), found) == []


@pytest.mark.parametrize(
    "files",
    [
        {"tests/test_search.py": TESTS.replace("(capsys)", "(capsys, recwarn)")},
        {"tests/test_search.py": TESTS.replace("    choose(", "    warnings.simplefilter('error')\n    choose(")},
        {"tests/test_search.py": TESTS.replace("(capsys)", "(capsys, level=1)")},
        {"tests/test_search.py": TESTS.replace("def test_warning", "class A:\n  def test_warning")},
        {"tests/conftest.py": "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef quiet(recwarn):\n    yield\n"},
    ],
    ids=["looks at warnings", "knows of warnings", "a default", "a method", "a fixture judges what is warned"],
)
def test_where_warnings_may_be_judged_nothing_is_proposed(
    bench: Any, missed: Callable[..., Failure], files: dict[str, str]
) -> None:
    found = missed()
    bench.write(files)
    assert bench.propose(PlainWarnings(), found) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("warnings, ", "choose, "),
        ('"showwarning"', '"warn"'),
        ("sys.stderr.write(warnings.formatwarning(*told[:4]))", "None"),
        ("sys.stderr.write(warnings.formatwarning(*told[:4]))", 'sys.stderr.write("nothing is left")'),
        ("import warnings\n", "import shop as warnings\n"),
        ("(capsys, monkeypatch)", "(monkeypatch)"),
        ("(capsys, monkeypatch)", "(capsys, monkeypatch, recwarn)"),
        ('    choose(":")\n', ""),
        ('"nothing is left" in', '"nothing" in'),
    ],
    ids=[
        "the product", "no warnings", "silence", "the answer itself", "a stand-in", "reads nothing", "keeps warnings",
        "a lost call", "another text",
    ],
)  # fmt: skip
def test_whatever_does_more_than_that_is_refused(bench: Any, right: str, wrong: str) -> None:
    bench.write({"shop/__init__.py": "", "shop/search.py": PRODUCT, "tests/test_search.py": TESTS})
    assert right in MENDED
    assert bench.rules({"tests/test_search.py": MENDED.replace(right, wrong)}) != set()


def test_a_test_that_keeps_warnings_cannot_lose_them(bench: Any) -> None:
    """A defect that warns would be hidden from a test that asks for no warnings."""
    tests = (
        "import sys\nimport warnings\n\n\ndef test_quiet(capsys, recwarn{}):\n{}"
        "    capsys.readouterr()\n    assert not recwarn.list\n"
    )
    bench.write({"tests/test_search.py": tests.format("", "")})
    assert bench.rules({"tests/test_search.py": tests.format(", monkeypatch", f"    {STATEMENT}\n")}) != set()
