# ruff: noqa: E501 - the cases are tables; a row reads best on one line
"""Whose fault: only evidence makes a regression, and a regression gets no strategy."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from healing_core_trees import failure, lay_out
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing._suspects import ochiai
from maestro.healing.base import Project
from maestro.healing.diagnosis import acquitted, diagnose, healable
from maestro.model import (
    CaseResult,
    EnvironmentFacts,
    EnvironmentSpec,
    Facts,
    Failure,
    Frame,
    Outcome,
    Phase,
    Strategy,
)

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
    # for the environments that may contradict it: that of the project's time, and that which its files state
    assert healable(found, project) == {Strategy.DEPENDENCY_FIX, Strategy.ENVIRONMENT_HEALING}


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


# ------------------------------------------------------------------ names that the product never binds


def lay(root: Path, files: dict[str, str], *, install: str = "") -> Project:
    facts = EnvironmentFacts("h", "3.12", {install or "shop": "1.0"}, {"shop": install} if install else {})
    return Project(lay_out(root, {**FILES, **files}), EnvironmentSpec(), facts)


def asks(name: str, module: str = "shop.cart", **more: Any) -> Failure:
    told = {"module": module, "name": name, **more}
    message = f"cannot import name '{name}' from '{module}'"
    return of("ImportError", TEST, phase=Phase.COLLECT, message=message, attributes=told)


def test_a_name_that_no_source_of_the_product_binds_is_a_regression_even_at_collection(tmp_path: Path) -> None:
    found = diagnose(asks("subtotal"), lay(tmp_path, {}))
    assert found.regression
    assert "`shop.cart` of the product has no `subtotal`" in found.cause
    assert diagnose(asks("subtotal", module_distribution="Shop"), lay(tmp_path, {}, install="shop")).regression
    named = lay(tmp_path, {"pyproject.toml": '[project]\nname = "corner-shop"\n'}, install="corner_shop")
    assert diagnose(asks("subtotal", module_distribution="corner_shop"), named).regression


def test_a_renamed_function_of_a_module_that_others_import_from_is_a_regression(tmp_path: Path) -> None:
    files = {"shop/__init__.py": "from .cart import *\n", "shop/cart.py": "def totals(cart):\n    return total(cart)\n"}
    assert diagnose(asks("total", "shop"), lay(tmp_path, files)).regression
    gone = of(
        "AttributeError",
        TEST,
        phase=Phase.COLLECT,
        attributes={"owner": "shop", "name": "total", "owner_kind": "module"},
    )
    assert diagnose(gone, lay(tmp_path, files)).regression


@pytest.mark.parametrize(
    ("files", "failed"),
    [
        ({"shop/cart.py": "try:\n    from numpy import total\nexcept ImportError:\n    pass\n"}, asks("total")),
        ({"shop/cart.py": "import sys\nif sys.version_info < (3, 10):\n    subtotal = sum\n"}, asks("subtotal")),
        ({"shop/cart.py": "from operator import *\n"}, asks("subtotal")),
        ({"shop/cart.py": "def __getattr__(name):\n    return name\n"}, asks("subtotal")),
        ({"shop/cart.py": "for kind in 'ab':\n    globals()[kind] = kind\n"}, asks("subtotal")),
        ({"shop/cart.py": "def start():\n    global subtotal\n    subtotal = 1\n"}, asks("subtotal")),
        ({"shop/cart.py": "print 'old'\n"}, asks("subtotal")),
        ({"shop/_fast.pyx": ""}, asks("_fast", "shop")),
        ({"setup.py": "Extension('shop._speed', ['speed.c'])\n"}, asks("_speed", "shop")),
        ({}, asks("__version__", "shop")),
        ({"CHANGES.rst": "2.0\n---\n* Removed `subtotal`, use `total`.\n"}, asks("subtotal")),
        ({"HISTORY.md": "- `subtotal` was renamed to `total`\n"}, asks("subtotal")),
        ({}, asks("helper", "tests.test_cart")),
        ({}, asks("Mapping", "collections")),
        ({}, asks("total", "shop", module_distribution="django-shop")),
    ],
    ids=["optional", "older-python", "star", "getattr", "globals", "global", "python2", "compiled", "built",
         "generated", "removed", "renamed", "test-module", "stdlib", "other-distribution"],
)  # fmt: skip
def test_a_name_that_may_come_from_elsewhere_is_no_regression(
    tmp_path: Path, files: dict[str, str], failed: Failure
) -> None:
    assert not diagnose(failed, lay(tmp_path, files)).regression


def test_a_circular_import_is_no_lost_name(tmp_path: Path) -> None:
    facts = dataclasses.replace(
        asks("subtotal").facts, message="cannot import name 'subtotal' from partially initialized module 'shop.cart'"
    )
    assert not diagnose(dataclasses.replace(asks("subtotal"), facts=facts), lay(tmp_path, {})).regression


def test_an_attribute_that_an_installed_product_lost_is_a_regression(tmp_path: Path) -> None:
    told = {"owner": "shop.cart.Cart", "name": "subtotal", "owner_kind": "instance", "owner_distribution": "shop"}
    assert diagnose(of("AttributeError", TEST, attributes=told), lay(tmp_path, {})).regression
    other = {**told, "owner_distribution": "django-shop"}
    assert not diagnose(of("AttributeError", TEST, attributes=other), lay(tmp_path, {})).regression


# ------------------------------------------------------------------ errors of builtins, and what came with the world


def test_a_builtin_that_refuses_a_value_of_the_product_is_a_regression(project: Project) -> None:
    said = "isinstance() arg 2 must be a type, a tuple of types, or a union"
    assert diagnose(
        of("TypeError", TEST, PRODUCT, message=said, attributes={"callee": "isinstance"}), project
    ).regression


@pytest.mark.parametrize(
    "found",
    [
        of("TypeError", TEST, PRODUCT, message="sorted() takes at most 2 arguments (3 given)", attributes={"callee": "sorted"}),
        of("TypeError", TEST, PRODUCT, message="'cmp' is an invalid keyword argument for sort()", attributes={"callee": "list.sort"}),
        of("ValueError", TEST, PRODUCT, message="invalid mode: 'rU'"),
        of("DeprecationWarning", TEST, PRODUCT, message="utcnow() is deprecated", bases=("Warning",)),
        of("RuntimeError", TEST, PRODUCT, message="lxml is needed", causes=({"exception": "ModuleNotFoundError", "message": ""},)),
        of("pandas.errors.ParserError", TEST, dataclasses.replace(PRODUCT, code="frame = take(rows)"), message="bad rows"),
        of("AttributeError", TEST, message="'NoneType' object has no attribute 'group'", attributes={"owner": "NoneType", "name": "group"}),
    ],
    ids=["arity", "keyword", "mode", "warning", "optional", "compiled", "none-of-unknown-origin"],
)  # fmt: skip
def test_what_a_newer_world_refuses_is_no_regression(project: Project, found: Failure) -> None:
    assert not diagnose(found, project, CHANGES).regression


def test_an_error_that_asks_for_what_is_stated_and_not_installed_is_no_regression(tmp_path: Path) -> None:
    said = of("Exception", TEST, PRODUCT, message="A drawing requires graphviz")
    assert diagnose(said, lay(tmp_path / "a", {})).regression
    stated = {"setup.py": "setup(name='shop', extras_require={'drawing': ['pygraphviz']})\n"}
    assert not diagnose(said, lay(tmp_path / "b", stated)).regression
    assert diagnose(
        of("Exception", TEST, PRODUCT, message="A cart requires items"), lay(tmp_path / "c", stated)
    ).regression
    installed = lay(tmp_path / "d", stated)
    facts = EnvironmentFacts("h", "3.12", {"graphviz": "1.0"}, {"graphviz": "graphviz"})
    assert diagnose(said, dataclasses.replace(installed, facts=facts)).regression


def test_a_path_that_is_not_there_is_told_and_nothing_is_tried(project: Project) -> None:
    said = "file or directory not found: spec"
    found = diagnose(
        of("_pytest.config.exceptions.UsageError", test="<session>", phase=Phase.SESSION, message=said), project
    )
    assert healable(found, project) == frozenset()
    assert "The suite asks for spec, which the project does not have" in found.cause
    # the same words from a test that looks for a file, or another refusal of the tool, are another matter
    assert healable(diagnose(of("OSError", TEST, message=said), project), project)
    options = of("UsageError", test="<session>", phase=Phase.SESSION, message="unrecognized arguments: --cov")
    assert healable(diagnose(options, project), project)


GUARDED = "try:\n    import yaml\nexcept ImportError:\n    yaml = None\n"


@pytest.mark.parametrize(
    ("source", "message", "modules", "regression"),
    [
        (GUARDED, "a.yaml is a YAML file, please install PyYAML", {}, False),
        (GUARDED, "please install yaml", {}, False),
        (GUARDED, "a.yaml is a YAML file, please install PyYAML", {"yaml": "PyYAML"}, True),  # it is there
        (GUARDED, "please install lxml", {}, True),  # the product knows nothing of it
        ("import yaml\n", "please install PyYAML", {}, True),  # it could not have come so far without it
        (GUARDED.replace("ImportError", "ValueError"), "please install PyYAML", {}, True),
    ],
    ids=["by-distribution", "by-module", "installed", "another", "not-optional", "another-error"],
)
def test_an_error_that_asks_for_what_the_product_can_do_without_is_no_regression(
    tmp_path: Path, source: str, message: str, modules: dict[str, str], *, regression: bool
) -> None:
    project = lay(tmp_path, {"shop/reading.py": source})
    project = dataclasses.replace(project, facts=EnvironmentFacts("h", "3.12", {}, modules))
    assert diagnose(of("ValueError", TEST, PRODUCT, message=message), project).regression is regression


def test_an_error_out_of_a_library_s_compiled_code_is_no_regression(tmp_path: Path) -> None:
    text = "from cryptography import load\n\n\ndef total(key):\n    return load(key)\n\n\ndef other(key):\n    return int(key)\n"
    project = lay(tmp_path, {"shop/cart.py": text})
    known = dataclasses.replace(project, facts=EnvironmentFacts("h", "3.12", {}, {"cryptography": "cryptography"}))
    loading = Frame("shop/cart.py", 5, "total", in_project=True, code="return load(key)")
    own = Frame("shop/cart.py", 9, "other", in_project=True, code="return int(key)")
    assert not diagnose(of("ValueError", TEST, loading), known).regression
    assert diagnose(of("ValueError", TEST, own), known).regression


def test_an_error_of_a_library_that_the_product_raises_itself_is_a_regression(project: Project) -> None:
    raising = dataclasses.replace(PRODUCT, code="raise ParserError(rows)")
    assert diagnose(of("pandas.errors.ParserError", TEST, raising), project).regression


NOTHING = "from shop.cart import total\n\n\ndef test_total():\n    found = total([1])\n    assert found.amount == 2\n"


def test_nothing_where_the_product_should_return_something_is_a_regression(tmp_path: Path) -> None:
    project = lay(tmp_path, {"tests/test_cart.py": NOTHING})
    told = {"owner": "NoneType", "name": "amount", "owner_kind": "instance"}
    covered = {"shop/cart.py": ("total",)}
    found = diagnose(of("AttributeError", TEST, attributes=told, covered=covered), project)
    assert found.regression
    assert "returned None" in found.cause
    lines = NOTHING.replace("total([1])", "os.environ.get('TOTAL')")
    asked = lay(tmp_path / "asked", {"tests/test_cart.py": lines})
    assert not diagnose(of("AttributeError", TEST, attributes=told, covered=covered), asked).regression


# ------------------------------------------------------------------ suspects


def passed(name: str, *functions: str) -> CaseResult:
    facts = Facts(Phase.CALL, "", "", covered={"shop/cart.py": functions})
    return CaseResult(f"tests/test_cart.py::{name}", Outcome.PASSED, 0.1, facts=facts)


def test_what_passing_tests_run_as_well_is_suspected_less(project: Project) -> None:
    found = of("AssertionError", TEST, covered={"shop/cart.py": ("money", "tax", "total")})
    results = [passed("test_money", "money"), passed("test_both", "money", "total"), passed("test_other", "money")]
    named = diagnose(found, project, (), results).suspects
    assert [suspect["function"] for suspect in named] == ["tax", "total", "money"]
    assert named[0]["why"] == "only failing tests run it"


def test_what_other_failing_tests_run_as_well_is_suspected_more(project: Project) -> None:
    found = of("AssertionError", TEST, covered={"shop/cart.py": ("line", "money", "discount")})
    other = dataclasses.replace(passed("test_more", "discount"), outcome=Outcome.FAILED)
    this = CaseResult(found.tests[0], Outcome.FAILED, 0.1, facts=found.facts)
    results = [this, other, passed("test_line", "line", "money"), passed("test_discount", "discount", "money")]
    assert diagnose(found, project, (), results).suspects[0]["function"] == "discount"


@given(
    st.lists(st.frozensets(st.sampled_from("abcd"), min_size=1), min_size=1, max_size=5),
    st.lists(st.frozensets(st.sampled_from("abcd")), max_size=5),
)
def test_suspiciousness_is_a_share_that_passing_tests_only_lower(
    failing: list[frozenset[str]], passing: list[frozenset[str]]
) -> None:
    spectra = [[("shop.py", name) for name in names] for names in failing]
    clean = [[("shop.py", name) for name in names] for names in passing]
    alone, beside = ochiai(spectra, []), ochiai(spectra, clean)
    assert alone.keys() == beside.keys()
    assert all(0 < beside[f] <= alone[f] <= 1 for f in alone)


def test_a_contradicted_regression_claims_none_any_more(project: Project) -> None:
    found = diagnose(of("AssertionError", TEST, covered={"shop/cart.py": ("total",)}), project)
    freed = acquitted(found)
    assert (freed.regression, freed.suspects) == (False, ())
    assert "regression of the product" not in freed.cause
    assert freed.cause.startswith(of("AssertionError", TEST).cause)


@pytest.mark.parametrize(
    ("version", "option", "said"),
    [
        (
            "9.2.0",
            "--flake8",
            "no release of pytest-flake8 was seen to load under pytest 9.2.0: run flake8 as a step of its own",
        ),
        ("8.4.2", "--flake8", ""),
        ("9.2.0", "--flakes", ""),
        ("", "--flake8", ""),
    ],
)
def test_a_checker_that_no_longer_loads_is_told_with_what_to_do(
    project: Project, version: str, option: str, said: str
) -> None:
    facts = dataclasses.replace(project.facts, distributions={"pytest": version})
    message = f"error: unrecognized arguments: {option} --cov=shop"
    found = of("UsageError", test="<session>", phase=Phase.SESSION, message=message)
    cause = diagnose(found, dataclasses.replace(project, facts=facts)).cause
    assert said in cause
    assert ("no release" in cause) == bool(said)
    assert "cov" not in cause


MIXIN = (
    "import unittest\n\n\nclass TestCommon(object):\n    def test_total(self):\n        self.make()\n\n\n"
    "class TestOne(unittest.TestCase, TestCommon):\n    def make(self):\n        return 1\n\n\n"
    "class TestTwo(TestCommon):\n    make = int\n"
)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            MIXIN,
            "TestCommon is a mixin that is collected by itself: only its subclasses (TestOne, TestTwo) have `make`",
        ),
        (MIXIN.replace("    make = int", "    name = int"), ""),  # one of them lacks it as well
        (MIXIN.replace("TestCommon(object)", "TestCommon(Base)"), ""),  # it may come from above
        (MIXIN.replace("(unittest.TestCase, TestCommon)", "").replace("(TestCommon)", ""), ""),
        (MIXIN.replace("self.make()", "self.made()").replace("class TestCommon", "class Common"), ""),
        ("not python (", ""),
    ],
)
def test_a_mixin_that_is_collected_by_itself_is_told(tmp_path: Path, source: str, said: str) -> None:
    project = lay(tmp_path, {"shop/__init__.py": "", "tests/test_cart.py": source})
    attributes = {"name": "make", "owner": "tests.test_cart.TestCommon", "owner_kind": "instance"}
    found = diagnose(of("AttributeError", TEST, attributes=attributes), project)
    assert said in found.cause
    assert ("mixin" in found.cause) == bool(said)
    assert not found.regression


@pytest.mark.parametrize(
    ("change", "more", "told"),
    [
        ({"files": ["shop/cart.py", "retry.py"]}, {}, True),
        ({"files": ["src/retry/__init__.py"]}, {}, True),
        ({"files": ["tests/retry.py"]}, {}, False),  # no module of the product
        ({"files": ["retry.py"]}, {"requirements.txt": "retry>=0.9\n"}, False),  # given up for the distribution
        ({"files": ["retry.py"]}, {"retry.py": ""}, False),  # still there
        ({"files": ["retry_more.py"]}, {}, False),
    ],
)
def test_a_module_that_was_taken_out_of_the_project_is_no_missing_dependency(
    project: Project, change: dict[str, object], more: dict[str, str], *, told: bool
) -> None:
    lay_out(project.root, more)
    missing = of("ModuleNotFoundError", PRODUCT, phase=Phase.COLLECT, attributes={"module": "retry"})

    found = diagnose(missing, project, ({"commit": "abc1234", "subject": "Clean up", "date": "", **change},))

    assert found.regression is told
    if told:
        assert "`retry` was taken out of it by the change abc1234 (Clean up)" in found.cause
        assert Strategy.API_CONTRACT_ADAPTATION not in healable(found, project)
