"""A test that uses a submodule which only another file imports, and the product that lost one."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.known_forms.unimported import imports
from maestro.healing.strategies.flaky_stabilization.submodules import ImportedSubmodule
from maestro.model import Failure, Frame, Strategy

FILES = {
    "shop/__init__.py": "from shop.cart import total\n",
    "shop/cart.py": "def total(prices):\n    from shop._engine import add\n\n    return add(prices)\n",
    "shop/_engine.py": "def add(prices):\n    return sum(prices)\n",
    "tests/test_cart.py": """\
        import shop


        def test_total(monkeypatch):
            monkeypatch.setattr(shop._engine, "add", len)
            assert shop.total([2, 3]) == 2
        """,
    "tests/test_engine.py": "import shop._engine\n\n\ndef test_add():\n    assert shop._engine.add([1]) == 1\n",
}
TEST = Frame("tests/test_cart.py", 5, "test_total", in_project=True)
PRODUCT = Frame("shop/cart.py", 2, "total", in_project=True)


def missing(name: str = "_engine", owner: str = "shop", *frames: Frame, kind: str = "module") -> Any:
    attributes = {"owner": owner, "name": name, "owner_kind": kind}
    said = f"module '{owner}' has no attribute '{name}'"
    return "AttributeError", said, {"attributes": attributes, "frames": frames or (TEST,)}


@pytest.fixture
def failed(bench: Any, failing: Callable[..., Failure]) -> Callable[..., Failure]:
    def make(files: dict[str, str] | None = None, told: Any = None) -> Failure:
        bench.write({**FILES, **(files or {})})
        kind, said, more = told or missing()
        return failing(kind, said, "tests/test_cart.py::test_total", **more)

    return make


def test_the_test_imports_what_it_uses(bench: Any, failed: Callable[..., Failure]) -> None:
    found = diagnose(failed(), bench.project())
    assert not found.regression
    assert Strategy.FLAKY_STABILIZATION in healable(found, bench.project())
    (candidate,) = bench.propose(ImportedSubmodule(), found)
    after = bench.applied(candidate)
    assert (
        (after / "tests/test_cart.py").read_text().startswith("import shop\nimport shop._engine\n\n\ndef test_total(")
    )
    assert bench.findings(candidate) == []


def test_a_module_of_the_standard_library_is_imported_too(bench: Any, failed: Callable[..., Failure]) -> None:
    using = {"tests/test_cart.py": "import importlib\n\n\ndef test_total():\n    assert importlib.util\n"}
    (candidate,) = bench.propose(ImportedSubmodule(), failed(using, missing("util", "importlib")))
    assert "import importlib\nimport importlib.util\n" in (bench.applied(candidate) / "tests/test_cart.py").read_text()
    assert importlib.util  # it is there


@pytest.mark.parametrize(
    ("files", "told"),
    [
        pytest.param({"tests/test_engine.py": ""}, missing(), id="nobody imports it: the package may have, once"),
        pytest.param(
            {"tests/test_engine.py": "def test_add():\n    import shop._engine\n"}, missing(), id="only as a test runs"
        ),
        pytest.param({}, missing("_engine", "shop", TEST, PRODUCT), id="the product uses what it does not import"),
        pytest.param({}, missing("_motor"), id="there is no such module"),
        pytest.param({}, missing("totals"), id="a function that the product lost"),
        pytest.param({}, missing("_engine", "shop", kind="instance"), id="an attribute of an object"),
    ],
)
def test_a_defect_of_the_product_stays_one(
    bench: Any, failed: Callable[..., Failure], files: dict[str, str], told: Any
) -> None:
    found = failed(files, told)
    assert diagnose(found, bench.project()).regression
    assert bench.propose(ImportedSubmodule(), found) == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import shop as s\n\n\ndef test_total():\n    assert s._engine\n", missing()),
        ("import shop\n\n\ndef test_total():\n    assert getattr(shop, '_engine')\n", missing()),
        ("import os\n\n\ndef test_total():\n    assert os.pathy\n", missing("pathy", "os")),
        ("import json\n\n\ndef test_total():\n    assert json.dumper\n", missing("dumper", "json")),
        ("import pytest\n\n\ndef test_total():\n    assert pytest.assertion\n", missing("assertion", "pytest")),
    ],
)
def test_what_an_import_would_not_bring_is_left(
    bench: Any, failed: Callable[..., Failure], source: str, told: Any
) -> None:
    assert bench.propose(ImportedSubmodule(), failed({"tests/test_cart.py": source}, told)) == []


def test_every_failing_file_gets_its_import(bench: Any, failed: Callable[..., Failure]) -> None:
    other = "import shop\n\n\ndef test_other():\n    assert shop._engine.add([])== 0\n"
    found = replace(failed({"tests/test_more.py": other}), tests=("tests/test_cart.py::a", "tests/test_more.py::b"))
    (candidate,) = bench.propose(ImportedSubmodule(), found)
    after = bench.applied(candidate)
    assert all("import shop._engine" in (after / f"tests/test_{n}.py").read_text() for n in ("cart", "more"))


def test_imports_inside_of_functions_bring_nothing() -> None:
    assert imports("def f():\n    import a.b\n") == frozenset()
    assert imports("from . import a\nif x:\n    import b\n") == frozenset()
    assert imports("not python (") == frozenset()
