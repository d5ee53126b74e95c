"""Assertions of mocks that were none: they become what they were meant to be, and never less."""

from collections.abc import Callable
from typing import Any

import pytest
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.strategies.api_contract_adaptation.mock_assertions import MockAssertions, asserted
from maestro.model import Failure, Strategy

SAID = "'called_once_with' is not a valid assertion. Use a spec for the mock if it is meant to be an attribute."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("assert mail.send.called_once_with(1, to='a')\n", "mail.send.assert_called_once_with(1, to='a')\n"),
        ("mail().send.has_calls([f(x) for x in y])  # b\n", "mail().send.assert_has_calls([f(x) for x in y])  # b\n"),
        ("if x:\n    assert (\n        mail\n        .called_with('é')\n    )\n",
         "if x:\n    mail.assert_called_with('é')\n"),
    ],
)  # fmt: skip
def test_what_was_meant_is_asserted(source: str, expected: str) -> None:
    assert asserted(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "assert not mail.called_with(1)\n",
        "assert mail.called_with(1), 'why'\n",
        "assert mail.called_with(1) is None\n",
        "was = mail.called_with(1)\n",
        "assert mail.called\n",
        "mail.assert_called_with(1)\n",
        "def broken(:\n",
    ],
)
def test_what_may_mean_another_thing_stays(source: str) -> None:
    assert asserted(source) == source


@pytest.fixture
def failed(bench: Any, failing: Callable[..., Failure]) -> Callable[[str], Failure]:
    def make(source: str) -> Failure:
        bench.write({"shop.py": "def order(mail):\n    mail.called_once_with(1)\n", "tests/test_shop.py": source})
        return failing("AttributeError", SAID, "tests/test_shop.py::test_order")

    return make


def test_a_repair_passes_the_gates_and_leaves_the_product(bench: Any, failed: Callable[[str], Failure]) -> None:
    found = failed("def test_order(mail):\n    assert mail.send.called_once_with(1)\n    mail.close.has_calls([])\n")
    assert Strategy.API_CONTRACT_ADAPTATION in healable(diagnose(found, bench.project()), bench.project())

    (candidate,) = bench.propose(MockAssertions(), found)

    assert "+++ b/shop.py" not in candidate.patch
    assert bench.findings(candidate) == []
    text = (bench.applied(candidate) / "tests/test_shop.py").read_text()
    assert (
        text == "def test_order(mail):\n    mail.send.assert_called_once_with(1)\n    mail.close.assert_has_calls([])\n"
    )


@pytest.mark.parametrize("line", ["pass", "mail.send(1)", "assert mail.send", "mail.send.called_once_with"])
def test_an_assertion_that_is_taken_out_is_refused(bench: Any, failed: Callable[[str], Failure], line: str) -> None:
    failed("def test_order(mail):\n    assert mail.send.called_once_with(1)\n")
    assert bench.rules({"tests/test_shop.py": f"def test_order(mail):\n    {line}\n"})


@pytest.mark.parametrize("line", ["assert mail.send.called_once_with(1)", "mail.send.called_once_with(1)"])
def test_the_way_back_is_refused(bench: Any, failed: Callable[[str], Failure], line: str) -> None:
    failed("def test_order(mail):\n    mail.send.assert_called_once_with(1)\n")
    assert "vacuous_assertion" in bench.rules({"tests/test_shop.py": f"def test_order(mail):\n    {line}\n"})
