"""What a class makes once for its tests, and tests change, is made anew; whatever does more than that is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from maestro.healing import weakening
from maestro.healing.strategies.flaky_stabilization.anew import MadeAnew

TESTS = """\
    from shop.cart import Cart


    class TestCart:
        cart = Cart()

        @classmethod
        def setup_class(cls):
            cls.rows = []

        def test_add(self):
            self.cart.add("mug")
            self.rows.append(1)
            assert self.cart.peek() == ["mug"]

        def test_peek(self):
            assert self.cart.peek() == []

        def test_new(self):
            assert self.cart.items == [] and self.rows == []
"""
CART = """\
    class Cart:
        def __init__(self):
            self.items = []

        def add(self, item):
            self.items.append(item)

        def peek(self):
            return self.items
"""
FILES = {"shop/__init__.py": "", "shop/cart.py": CART, "tests/test_cart.py": TESTS}
ADD, PEEK, NEW = (f"tests/test_cart.py::TestCart::test_{name}" for name in ("add", "peek", "new"))


def order(victim: str, polluter: str) -> dict[str, Any]:
    return {"verdict": "order", "victim": victim, "victims": [victim], "polluters": [polluter], "changes": {}}


def test_what_a_test_changes_is_made_for_each(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(FILES)

    (candidate,) = bench.propose(MadeAnew(), failing("AssertionError", "no", NEW, diagnosis=order(NEW, ADD)))

    text = (bench.applied(candidate) / "tests/test_cart.py").read_text()
    assert text.startswith("import pytest\nfrom shop.cart import Cart\n")
    assert (
        "    @pytest.fixture(autouse=True)\n    def _made_anew(self):\n"
        '        """Make anew what the tests of this class share."""\n'
        "        type(self).cart = Cart()\n        self.setup_class()\n\n    @classmethod\n" in text
    )
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    ("right", "wrong", "polluter"),
    [
        ("", "", PEEK),  # a question: if the product changes by it, that may be its defect
        ("", "", "tests/test_other.py::TestCart::test_add"),
        ('self.cart.add("mug")', "other = self.cart.peek()", ADD),
        ("cart = Cart()\n", "cart = None\n", ADD),
    ],
)
def test_what_no_test_changes_itself_is_left(
    bench: Any, failing: Callable[..., Any], right: str, wrong: str, polluter: str
) -> None:
    tests = TESTS.replace(right, wrong).replace("self.rows.append(1)", "pass")
    bench.write({**FILES, "tests/test_cart.py": tests})
    assert bench.propose(MadeAnew(), failing("AssertionError", "no", NEW, diagnosis=order(NEW, polluter))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("type(self).cart = Cart()", "type(self).cart = None"),
        ("type(self).cart = Cart()", "type(self).other = Cart()"),
        ("type(self).cart = Cart()", "Cart.peek = lambda self: []"),
        ("type(self).cart = Cart()", "self.cart.items.clear()"),
        ("self.setup_class()", "self.test_new()"),
        ("self.setup_class()", "self.setup_class(1)"),
        ("_made_anew(self)", "_made_anew(self, monkeypatch)"),
        ("(autouse=True)", "(autouse=True, params=[1, 2])"),
    ],
)
def test_a_fixture_that_does_anything_else_is_refused(
    bench: Any, failing: Callable[..., Any], right: str, wrong: str
) -> None:
    bench.write(FILES)
    (candidate,) = bench.propose(MadeAnew(), failing("AssertionError", "no", NEW, diagnosis=order(NEW, ADD)))
    after = bench.applied(candidate)
    path = after / "tests/test_cart.py"
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))

    assert weakening.find(bench.root, after) != ()


def test_a_class_whose_end_undoes_its_preparation_is_not_prepared_again(
    bench: Any, failing: Callable[..., Any]
) -> None:
    ended = TESTS.replace(
        "        def test_add",
        "        @classmethod\n        def teardown_class(cls):\n            cls.rows.close()\n\n        def test_add",
    )
    bench.write({**FILES, "tests/test_cart.py": ended})
    (candidate,) = bench.propose(MadeAnew(), failing("AssertionError", "no", NEW, diagnosis=order(NEW, ADD)))
    assert "self.setup_class()" not in (bench.applied(candidate) / "tests/test_cart.py").read_text()
