# ruff: noqa: E501 - the cases are tables; a row reads best on one line
"""Whose fault: only evidence makes a regression, and a regression gets no strategy."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from healing_core_trees import failure, lay_out
from maestro.healing.base import Project
from maestro.healing.diagnosis import diagnose, healable
from maestro.model import EnvironmentFacts, EnvironmentSpec, Facts, Failure, Frame, Phase, Strategy

FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": "def total(cart):\n    return sum(cart)\n",
    "tests/test_cart.py": (
        "import time\nfrom shop.cart import total\n\n\ndef test_total():\n    assert total([1]) == 2\n\n\n"
        "def test_wait():\n    time.sleep(0.01)\n    assert total([]) == 1\n"
    ),
    "tests/test_alone.py": "def test_alone():\n    assert 1 == 2\n",
}
TEST = Frame("tests/test_cart.py", 6, "test_total", in_project=True)
PRODUCT = Frame("shop/cart.py", 2, "total", in_project=True)
LIBRARY = Frame("site-packages/pandas/core.py", 90, "take", in_project=False, distribution="pandas")
CHANGES = (
    {"commit": "abc123", "subject": "Round totals", "date": "2026-01-02", "files": ["shop/cart.py"]},
    {"commit": "old999", "subject": "Start", "date": "2025-01-02", "files": ["shop/cart.py", "shop/__init__.py"]},
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    facts = EnvironmentFacts("h", "3.12", {"pandas": "3.0"}, {"pandas": "pandas"})
    return Project(lay_out(tmp_path, FILES), EnvironmentSpec(), facts)


def of(
    exception: str,
    *frames: Frame,
    test: str = "tests/test_cart.py::test_total",
    phase: Phase = Phase.CALL,
    message: str = "boom",
    **more: Any,
) -> Failure:
    facts = Facts(phase, exception, message, frames=frames, **more)
    return dataclasses.replace(failure((test,)), facts=facts)


def test_a_failed_assertion_on_a_product_value_is_a_regression_with_suspects(project: Project) -> None:
    found = diagnose(of("AssertionError", TEST, covered={"shop/cart.py": ("total",)}), project, CHANGES)
    assert found.regression
    assert found.suspects[0] == {
        "file": "shop/cart.py",
        "function": "total",
        "commit": "abc123",
        "subject": "Round totals",
        "why": "the failing test runs it and its file changed recently",
    }
    assert "regression of the product" in found.cause
    # for the one experiment that may contradict it
    assert healable(found, project) == {Strategy.DEPENDENCY_FIX}


def test_without_coverage_the_test_s_imports_are_the_evidence(project: Project) -> None:
    assert diagnose(of("AssertionError", TEST), project).regression
    alone = of("AssertionError", test="tests/test_alone.py::test_alone")
    assert not diagnose(alone, project).regression


def test_an_expected_error_that_did_not_come_is_a_regression(project: Project) -> None:
    found = of("Failed", TEST, message="DID NOT RAISE <class 'ValueError'>", covered={"shop/cart.py": ("total",)})
    assert diagnose(found, project).regression


def test_values_of_a_dependency_are_not_proof_yet_never_edited(project: Project) -> None:
    operands = {"left_type": "pandas.core.frame.DataFrame", "right_type": "int"}
    found = diagnose(of("AssertionError", TEST, assertion=operands, covered={"shop/cart.py": ("total",)}), project)
    assert not found.regression
    assert healable(found, project) == {Strategy.DEPENDENCY_FIX, Strategy.ENVIRONMENT_HEALING}
    touched = diagnose(
        of("AssertionError", TEST, assertion=operands, covered={"shop/cart.py": ("total",)}), project, CHANGES
    )
    assert touched.regression


@pytest.mark.parametrize(
    "exception", ["ValueError", "KeyError", "ZeroDivisionError", "shop.errors.CartError", "RecursionError"]
)
def test_an_error_raised_by_product_code_in_a_test_is_a_regression(project: Project, exception: str) -> None:
    found = diagnose(of(exception, TEST, PRODUCT), project)
    assert found.regression
    assert found.suspects[0]["function"] == "total"
    assert "total (shop/cart.py:2)" in found.cause


@pytest.mark.parametrize(
    "found",
    [
        of("ValueError", TEST, PRODUCT, LIBRARY),
        of("ValueError", TEST, PRODUCT, phase=Phase.COLLECT),
        of("ValueError", TEST),
        of("ModuleNotFoundError", TEST, PRODUCT, attributes={"module": "paste"}),
        of("ImportError", TEST, PRODUCT, message="You must have lxml installed"),
        of("FileNotFoundError", TEST, PRODUCT, message='"twopi" not found in path.'),
        of("NameError", TEST, PRODUCT, message="name 'unicode' is not defined"),
        of("AttributeError", TEST, PRODUCT, attributes={"owner": "collections", "name": "Sequence"}),
        of("AttributeError", TEST, attributes={"owner": "tests.test_cart.CartTest", "name": "assertEquals"}),
        of("AttributeError", TEST, PRODUCT, attributes={"owner": "pandas.DataFrame", "name": "append", "owner_distribution": "pandas"}),
        of("AttributeError", TEST, LIBRARY, attributes={"owner": "shop.cart.Spec", "name": "_uninitialized_submodules"}),
        of("TypeError", TEST, PRODUCT, attributes={"callee": "random.seed", "signature": "(a)"}),
        of("TypeError", TEST, LIBRARY, attributes={"callee": "shop.cart.Finder.find", "signature": "(self)"}),
        of("SyntaxError", attributes={"file": "shop/cart.py", "line": 1}),
        of("FixtureLookupError", phase=Phase.SETUP, attributes={"fixture": "event_loop"}),
        of("timeout_decorator.TimeoutError", TEST, PRODUCT, message="'Timed Out'"),
        of("ConnectionError", TEST, PRODUCT, message="getaddrinfo failed"),
    ],
    ids=lambda f: f"{f.facts.exception}-{f.facts.message[:12]}",
)  # fmt: skip
def test_what_surrounds_the_product_is_no_regression(project: Project, found: Failure) -> None:
    assert not diagnose(found, project, CHANGES).regression


def test_a_name_or_signature_that_the_product_lost_is_a_regression(project: Project) -> None:
    gone = of("AttributeError", TEST, attributes={"owner": "shop.cart", "name": "subtotal", "owner_kind": "module"})
    assert diagnose(gone, project).regression
    changed = of("TypeError", TEST, attributes={"callee": "shop.cart.total", "signature": "(cart, tax)"})
    assert diagnose(changed, project).regression


def test_a_test_that_waits_may_wait_longer_and_nothing_else(project: Project) -> None:
    found = diagnose(of("AssertionError", test="tests/test_cart.py::test_wait"), project)
    assert not found.regression
    assert healable(found, project) == {Strategy.TIMING_ADJUSTMENT, Strategy.FLAKY_STABILIZATION}


def test_a_missing_network_gets_no_strategy(project: Project) -> None:
    found = diagnose(of("requests.ConnectionError", TEST, message="Name or service not known"), project)
    assert (found.regression, healable(found, project)) == (False, frozenset())


def test_what_is_left_gets_every_strategy_but_a_changed_assertion(project: Project) -> None:
    found = diagnose(of("ImportError", phase=Phase.COLLECT, attributes={"module": "jinja2", "name": "Markup"}), project)
    assert Strategy.API_CONTRACT_ADAPTATION in healable(found, project)
    assert Strategy.DEPENDENCY_FIX in healable(found, project)
    assert Strategy.ASSERTION_UPDATE not in healable(found, project)


def test_a_test_id_cannot_make_the_diagnosis_read_outside_of_the_project(project: Project) -> None:
    found = of("AssertionError", test="../../../../etc/passwd::test_total")
    assert not diagnose(found, project).regression
