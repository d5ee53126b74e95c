"""Tests that read what logging or warnings write, under a pytest that keeps both: they get those of a plain process."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from maestro.healing.base import Generator
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.known_forms import plain_logging, plain_warnings
from maestro.healing.strategies.api_contract_adaptation.pytest_logging import PlainRootLogger
from maestro.healing.strategies.api_contract_adaptation.pytest_warnings import PlainWarnings
from maestro.model import Facts, Failure, Phase, Strategy

PATH = "tests/test_search.py"
TESTS = '''\
import sys

from shop.search import choose


def test_said(capsys):
    """It says so."""
    choose(":")
    {claim}


def test_other(capsys):
    assert choose("a") is None
'''


@dataclass(frozen=True)
class Form:
    """A product that says something, a test that reads it, and the statement that lets it be written."""

    generator: Generator
    product: str
    claim: str
    module: str
    statement: str
    said: dict[str, str]

    @property
    def tests(self) -> str:
        return TESTS.format(claim=self.claim)

    @property
    def mended(self) -> str:
        changed = self.tests.replace("import sys\n", f"import {self.module}\nimport sys\n")
        return changed.replace(
            'test_said(capsys):\n    """It says so."""\n',
            f'test_said(capsys, monkeypatch):\n    """It says so."""\n    {self.statement}\n',
        )


LOGGED = Form(
    PlainRootLogger(),
    'import logging\n\n\ndef choose(query):\n    logging.warning("nothing is left of %r", query)\n',
    """assert capsys.readouterr().err == "WARNING:root:nothing is left of ':'\\n\"""",
    "logging",
    plain_logging.STATEMENT,
    {
        "op": "==",
        "written": "",
        "wanted": "WARNING:root:nothing is left of ':'\n",
        "record": "WARNING  root:search.py:5 nothing is left of ':'",
    },
)
WARNED = Form(
    PlainWarnings(),
    'import warnings\n\n\ndef choose(query):\n    warnings.warn(f"nothing is left of {query}")\n',
    'assert "nothing is left" in capsys.readouterr().err',
    "warnings",
    plain_warnings.STATEMENT,
    {"op": "in", "written": "", "wanted": "nothing is left", "warned": "UserWarning: nothing is left of :"},
)
BOTH = pytest.mark.parametrize("form", [LOGGED, WARNED], ids=["logged", "warned"])


@pytest.fixture
def missed(bench: Any, failing: Callable[..., Failure]) -> Callable[..., Failure]:
    """The failure of a form's test: what was written, wanted, recorded and warned is as told."""

    def make(form: Form, **told: str) -> Failure:
        bench.write({"shop/__init__.py": "", "shop/search.py": form.product, PATH: form.tests})
        said = {**form.said, **told}
        sides = (said["wanted"], said["written"]) if form is WARNED else (said["written"], said["wanted"])
        facts = Facts(
            Phase.CALL,
            "AssertionError",
            "no",
            assertion={"op": said["op"], "left": repr(sides[0]), "right": repr(sides[1]), "left_type": "str"}
            | {"right_type": "str"},
            text=f"E   assert ...\n--- Captured log call ---\n{said.get('record', '')}\n",
            covered={"shop/search.py": ("choose",)},
            warnings=(said["warned"],) if "warned" in said else (),
        )
        return replace(failing("AssertionError", "assert ...", f"{PATH}::test_said"), facts=facts)

    return make


@pytest.mark.parametrize(
    ("form", "told"),
    [(LOGGED, {}), (WARNED, {}), (WARNED, {"written": "other words\n"})],
    ids=["logged", "warned", "warned beside what was written"],
)
def test_the_test_gets_the_output_of_a_plain_process(
    bench: Any, missed: Callable[..., Failure], form: Form, told: dict[str, str]
) -> None:
    found = diagnose(missed(form, **told), bench.project())
    assert not found.regression
    assert Strategy.API_CONTRACT_ADAPTATION in healable(found, bench.project())

    (candidate,) = bench.propose(form.generator, found)

    assert (bench.applied(candidate) / PATH).read_text() == form.mended
    assert bench.findings(candidate) == []
    assert not candidate.workaround


@BOTH
def test_a_test_that_is_defined_under_a_condition_gets_it_too(
    bench: Any, missed: Callable[..., Failure], form: Form
) -> None:
    found = missed(form)
    head, rest = form.tests.split("\n\n\ndef test_said")
    body, other = f"def test_said{rest}".split("\n\n\ndef test_other")
    nested = "\n".join(f"    {line}" for line in body.splitlines())
    bench.write({PATH: f"{head}\n\nif sys.version_info > (3,):\n{nested}\n\n\ndef test_other{other}"})

    (candidate,) = bench.propose(form.generator, found)

    assert f"        {form.statement}\n" in (bench.applied(candidate) / PATH).read_text()
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        pytest.param(LOGGED, {"record": "WARNING  root:search.py:5 nothing is left of 'b'"}, id="another text"),
        pytest.param(LOGGED, {"record": "ERROR    root:search.py:5 nothing is left of ':'"}, id="another level"),
        pytest.param(LOGGED, {"record": "WARNING  shop:search.py:5 nothing is left of ':'"}, id="another logger"),
        pytest.param(LOGGED, {"record": ""}, id="nothing logged"),
        pytest.param(LOGGED, {"written": "WARNING:root:something is left\n"}, id="another was written"),
        pytest.param(LOGGED, {"wanted": "nothing is left of ':'\n"}, id="printed perhaps"),
        pytest.param(LOGGED, {"wanted": LOGGED.said["wanted"] + "a line that nobody logged\n"}, id="more than logged"),
        pytest.param(LOGGED, {"wanted": ""}, id="nothing wanted"),
        pytest.param(LOGGED, {"op": "in"}, id="another claim on a log"),
        pytest.param(WARNED, {"warned": "UserWarning: something is left"}, id="another warning"),
        pytest.param(WARNED, {"warned": "DeprecationWarning: nothing is left of :"}, id="hidden in a plain process"),
        pytest.param(WARNED, {"warned": ""}, id="nothing warned"),
        pytest.param(WARNED, {"written": "nothing is left", "op": "not in"}, id="unwanted"),
        pytest.param(WARNED, {"wanted": "left"}, id="said by chance"),
        pytest.param(WARNED, {"op": "=="}, id="another claim on a warning"),
    ],
)
def test_what_was_not_said_as_it_is_expected_stays_a_regression(
    bench: Any, missed: Callable[..., Failure], form: Form, told: dict[str, str]
) -> None:
    found = missed(form, **told)
    assert diagnose(found, bench.project()).regression
    assert bench.propose(form.generator, found) == []


@pytest.mark.parametrize(
    ("form", "old", "new"),
    [
        pytest.param(LOGGED, "(capsys)", "(capsys, caplog)", id="looks at records"),
        pytest.param(
            LOGGED, "    choose(", "    logging.getLogger().addHandler(None)\n    choose(", id="knows of logging"
        ),
        pytest.param(WARNED, "(capsys)", "(capsys, recwarn)", id="looks at warnings"),
        pytest.param(WARNED, "    choose(", "    warnings.simplefilter('error')\n    choose(", id="knows of warnings"),
        pytest.param(LOGGED, "(capsys)", "(capsys, level=1)", id="a default, logged"),
        pytest.param(WARNED, "(capsys)", "(capsys, level=1)", id="a default, warned"),
        pytest.param(LOGGED, "def test_said", "class A:\n  def test_said", id="a method, logged"),
        pytest.param(WARNED, "def test_said", "class A:\n  def test_said", id="a method, warned"),
    ],
)
def test_where_more_may_be_judged_nothing_is_proposed(
    bench: Any, missed: Callable[..., Failure], form: Form, old: str, new: str
) -> None:
    found = missed(form)
    assert old in form.tests
    bench.write({PATH: form.tests.replace(old, new)})
    assert bench.propose(form.generator, found) == []


@pytest.mark.parametrize(("form", "fixture"), [(LOGGED, "caplog"), (WARNED, "recwarn")])
def test_where_a_fixture_may_judge_it_nothing_is_proposed(
    bench: Any, missed: Callable[..., Failure], form: Form, fixture: str
) -> None:
    found = missed(form)
    judges = f"import pytest\n\n\n@pytest.fixture(autouse=True)\ndef quiet({fixture}):\n    yield\n"
    bench.write({"tests/conftest.py": judges})
    assert bench.propose(form.generator, found) == []


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        pytest.param(LOGGED, "logging.getLogger()", "choose", id="the product"),
        pytest.param(LOGGED, '"handlers", []', '"handlers", None', id="no list"),
        pytest.param(LOGGED, '"handlers", []', '"disabled", True', id="silence"),
        pytest.param(LOGGED, "logging.getLogger()", 'logging.getLogger("shop")', id="another logger"),
        pytest.param(
            LOGGED,
            "    monkeypatch.setattr(",
            "    monkeypatch.setattr(logging, 'warning', print)\n    monkeypatch.setattr(",
            id="more than that",
        ),
        pytest.param(LOGGED, "(capsys, monkeypatch)", "(monkeypatch)", id="reads nothing that is logged"),
        pytest.param(LOGGED, "(capsys, monkeypatch)", "(capsys, monkeypatch, caplog)", id="a test of records"),
        pytest.param(LOGGED, '    choose(":")\n', "", id="a lost call, logged"),
        pytest.param(LOGGED, "nothing is left of ':'", "nothing", id="another text, logged"),
        pytest.param(WARNED, "warnings, ", "choose, ", id="the product, warned"),
        pytest.param(WARNED, '"showwarning"', '"warn"', id="no warnings"),
        pytest.param(WARNED, "sys.stderr.write(warnings.formatwarning(*told[:4]))", "None", id="silence, warned"),
        pytest.param(
            WARNED,
            "sys.stderr.write(warnings.formatwarning(*told[:4]))",
            'sys.stderr.write("nothing is left")',
            id="the answer itself",
        ),
        pytest.param(WARNED, "import warnings\n", "import shop as warnings\n", id="a stand-in"),
        pytest.param(WARNED, "(capsys, monkeypatch)", "(monkeypatch)", id="reads nothing that is warned"),
        pytest.param(WARNED, "(capsys, monkeypatch)", "(capsys, monkeypatch, recwarn)", id="keeps warnings"),
        pytest.param(WARNED, '    choose(":")\n', "", id="a lost call, warned"),
        pytest.param(WARNED, '"nothing is left" in', '"nothing" in', id="another text, warned"),
    ],
)
def test_whatever_does_more_than_that_is_refused(bench: Any, form: Form, right: str, wrong: str) -> None:
    bench.write({"shop/__init__.py": "", "shop/search.py": form.product, PATH: form.tests})
    assert right in form.mended
    assert bench.rules({PATH: form.mended.replace(right, wrong)}) != set()


@pytest.mark.parametrize(
    ("form", "fixture", "kept"), [(LOGGED, "caplog", "caplog.records"), (WARNED, "recwarn", "recwarn.list")]
)
def test_a_test_of_what_is_kept_cannot_lose_it(bench: Any, form: Form, fixture: str, kept: str) -> None:
    """A defect that logs or warns would be hidden from a test that asks for no record or warning."""
    tests = (
        f"import sys\nimport {form.module}\n\n\ndef test_quiet(capsys, {fixture}{{}}):\n{{}}"
        f"    capsys.readouterr()\n    assert not {kept}\n"
    )
    bench.write({PATH: tests.format("", "")})
    assert bench.rules({PATH: tests.format(", monkeypatch", f"    {form.statement}\n")}) != set()
