"""What a test file is: one answer for those who edit, those who judge and those who diagnose."""

import dataclasses
from pathlib import Path

import pytest
from healing_core_trees import candidate, failure, lay_out, two_trees
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing import proof
from maestro.healing._roles import Role, is_test_file, package_in_doubt, role
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.base import Project
from maestro.healing.diagnosis import diagnose
from maestro.healing.mutation import product_file
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import EnvironmentFacts, EnvironmentSpec, Facts, Frame, Phase, Trial, TrialStatus

PARTS = st.sampled_from(
    ["shop", "tests", "test_shop", "shop_tests", "testsuite", "t", "data", "latest", "contests", "src", "testing"]
)
NAMES = st.sampled_from(
    ["cart.py", "test_cart.py", "cart_test.py", "conftest.py", "testCart.py", "cart_unittest.py", "latest.py", "x.json"]
)


@pytest.mark.parametrize(
    "path",
    [
        "test_shop/helpers.py",  # a folder of tests named after the product
        "functional_tests/pages.py",
        "shop/testsuite/helpers.py",
        "t/helpers.py",
        "shop/cart_unittest.py",
        "testCart.py",
        "test-cart.py",
        "conftest.py",
        "tests/data/cart.json",
    ],
)
def test_what_test_tools_and_their_users_call_tests_is_tests(path: str) -> None:
    assert is_test_file(path)
    assert not product_file(path)


@pytest.mark.parametrize(
    "path", ["latest/cart.py", "contests/cart.py", "attest_shop/cart.py", "pytest_shop/plugin.py", "protest.py"]
)
def test_what_only_sounds_like_tests_is_the_product(path: str) -> None:
    assert not is_test_file(path)
    assert product_file(path)


@given(st.lists(PARTS, max_size=3), NAMES)
def test_no_file_is_tests_to_one_and_the_product_to_another(folders: list[str], name: str) -> None:
    path = "/".join([*folders, name])
    assert is_test_file(path) == (role(path) in (Role.TEST, Role.FIXTURE))
    assert not (is_test_file(path) and product_file(path))


def _raised_in(file: str, root: Path) -> bool:
    lay_out(root, {"shop/__init__.py": "", "test_shop/test_cart.py": "", file: "def load():\n    return {}['a']\n"})
    frames = (
        Frame("test_shop/test_cart.py", 3, "test_total", in_project=True),
        Frame(file, 2, "load", in_project=True, code="return {}['a']"),
    )
    found = failure(("test_shop/test_cart.py::test_total",))
    facts = Facts(Phase.CALL, "KeyError", "'a'", frames=frames)
    project = Project(root, EnvironmentSpec(), EnvironmentFacts("h", "3.12", {}, {}))
    return diagnose(dataclasses.replace(found, facts=facts), project).regression


def test_an_error_in_a_folder_of_tests_named_after_the_product_is_no_regression(tmp_path: Path) -> None:
    assert not _raised_in("test_shop/helpers.py", tmp_path / "a")
    # the look-alike: the product's own
    assert _raised_in("shop/helpers.py", tmp_path / "b")
    assert _raised_in("latest/helpers.py", tmp_path / "c")
    assert _raised_in("test_server/core.py", tmp_path / "d")  # no test lies in it


@pytest.mark.parametrize(
    ("path", "files", "expected"),
    [
        ("test_server/core.py", ["test_server/core.py", "tests/test_core.py"], "test_server/"),
        ("test_server/core.py", ["test_server/core.py", "test_server/tests/test_core.py"], "test_server/"),
        ("src/load_tests/core.py", ["src/load_tests/core.py"], "src/load_tests/"),
        ("test_shop/helpers.py", ["test_shop/helpers.py", "test_shop/test_cart.py"], ""),
        ("test_shop/compat/helpers.py", ["test_shop/test_cart.py"], ""),
        ("test_server/test_core.py", ["test_server/test_core.py"], ""),
        ("tests/test_kit/core.py", ["tests/test_kit/core.py"], ""),
        ("shop/core.py", ["shop/core.py"], ""),
    ],
)
def test_a_folder_named_like_tests_that_holds_none_may_be_the_product(
    path: str, files: list[str], expected: str
) -> None:
    assert package_in_doubt(path, files) == expected


@pytest.mark.parametrize(
    ("tests", "said"),
    [("tests/test_core.py", "product code test_server/core.py"), ("test_server/test_core.py", "")],
    ids=["product", "tests"],
)
def test_what_may_be_the_product_is_changed_only_as_the_product_may_be(tmp_path: Path, tests: str, said: str) -> None:
    before = {"test_server/__init__.py": "", "test_server/core.py": "PORT = wait(80)\n", tests: "def test_a(): pass\n"}
    old, new = two_trees(tmp_path, before, {"test_server/core.py": "PORT = wait(8080)\n"})
    attempt = Attempt(failure(), candidate(), Trial("c1", TrialStatus.RAN), (), old, new, Policy())
    result = proof.prove(attempt, gates=STATIC_GATES)["scope"]
    assert result.passed == (not said)
    assert said in result.detail
