"""Suites that make errors of warnings: a library's own use of what Python gives up may warn, the product's may not."""

from typing import Any

from support.machine import LocalMachine

CONFIGURATION = """\
project: sample
environment:
  python: "3.11"
  install: [pytest, "WebOb==1.8.7"]
  pythonpath: ["."]
suites:
  unit:
    paths: [tests]
"""
STRICT = "[pytest]\nfilterwarnings =\n    error\n"
ANSWER = "def total(prices):\n    import webob\n    return webob.Response(str(sum(prices)))\n"
TEST = "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]).text == '3'\n"


def test_a_warning_between_libraries_may_pass(machine: LocalMachine, write: Any) -> None:
    files = {"maestro.yaml": CONFIGURATION, "pytest.ini": STRICT, "tests/test_shop.py": TEST}

    outcome = machine.run(write({**files, "shop.py": ANSWER}))

    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    (repair,) = outcome.accepted
    assert (repair.generator, repair.files, repair.tier) == ("foreign_warning", ("pytest.ini",), "review")
    (line,) = [one for one in outcome.patch.splitlines() if one.startswith("+ ")]
    assert line.endswith("is deprecated and slated for removal in Python 3.13:DeprecationWarning:webob.compat")


def test_a_warning_that_the_product_causes_may_not(machine: LocalMachine, write: Any) -> None:
    files = {"maestro.yaml": CONFIGURATION, "pytest.ini": STRICT, "tests/test_shop.py": TEST}
    warns = "import warnings\n\n\ndef total(prices):\n    warnings.warn('total is deprecated', DeprecationWarning)\n"

    outcome = machine.run(write({**files, "shop.py": warns}))

    assert outcome.run.status == "failed"
    assert not outcome.accepted
    assert "pytest.ini" not in outcome.patch
