"""A set is compared in no order; what only looks like a set is not touched, nor let through."""

from collections.abc import Callable
from typing import Any

import pytest
from maestro.healing.strategies.flaky_stabilization.unordered import ComparedUnordered

TEST = "tests/test_demo.py::test_it"
PRODUCT = """\
from typing import Set


def tags() -> Set[str]:
    return {"a", "b"}


def names() -> set:
    \"\"\"Return the names in the order in which they came.\"\"\"
    return Ordered("ab")


def rows():
    return list({"a", "b"})


def both() -> set:
    return {"a", "b"}


def split(text) -> set:
    return set(text.split())


def shown(text) -> set:
    \"\"\"Return the parts of a text as they come in it.\"\"\"
    return set(text.split())


class Other:
    def both(self):
        return ["a", "b"]
"""


@pytest.fixture
def asked(bench: Any, failing: Callable[..., Any]) -> Callable[..., Any]:
    def ask(body: str, head: str = "import shop", verdict: str = "hashing", name: str = "test_it") -> Any:
        text = f"{head}\n\n\ndef {name}():\n    {body}\n"
        bench.write({"shop/__init__.py": PRODUCT, "tests/test_demo.py": text})
        lines = [
            n for n, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith(("assert", "self.assert"))
        ]
        found = failing("AssertionError", "no", TEST.replace("test_it", name), diagnosis={"verdict": verdict})
        found.facts.assertion.update(file="tests/test_demo.py", line=lines[0])
        return bench.noted(ComparedUnordered(), found)

    return ask


@pytest.mark.parametrize(
    ("body", "first"),
    [
        ('assert list({"b", "a"}) == ["a", "b"]', 'assert sorted({"b", "a"}) == ["a", "b"]'),
        ('assert ["b", "a"] == list(set("ab"))', 'assert sorted(["b", "a"]) == sorted(set("ab"))'),
        ('assert tuple(frozenset("ab")) == ("a", "b")', 'assert tuple(sorted(frozenset("ab"))) == ("a", "b")'),
        ('assert [*set("ab")] == ["a", "b"]', 'assert [*sorted(set("ab"))] == ["a", "b"]'),
        ('assert ",".join(set(shop.rows())) == "a,b"', 'assert ",".join(sorted(set(shop.rows()))) == "a,b"'),
        (
            'found = set(shop.rows()) | {"c"}\n    assert [n.upper() for n in found] == ["A", "B", "C"]',
            'assert [n.upper() for n in sorted(found)] == ["A", "B", "C"]',
        ),
        ('wanted = ["b", "a"]\n    assert list(shop.tags()) == wanted', "assert sorted(shop.tags()) == sorted(wanted)"),
        ('self.assertEqual(list(shop.tags()), ["a", "b"])', 'self.assertEqual(sorted(shop.tags()), ["a", "b"])'),
        ("self.assertTupleEqual(tuple({1, 2}), (2, 1))", "self.assertTupleEqual(tuple(sorted({1, 2})), (2, 1))"),
    ],
)
def test_a_set_loses_the_order_that_it_never_had(bench: Any, asked: Callable[..., Any], body: str, first: str) -> None:
    told = asked(body)

    assert f"+    {first}" in told.candidates[0].patch.splitlines()
    assert [bench.findings(candidate) for candidate in told.candidates] == [[]] * len(told.candidates)


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ('assert shop.rows() == ["a", "b"]', "import shop"),
        ('assert list(shop.rows()) == ["a", "b"]', "import shop"),
        ('assert list(shop.names()) == ["a", "b"]', "import shop"),
        ('assert list(shop.both()) == ["a", "b"]', "import shop"),
        ('assert shop.ordered(list({"a", "b"})) == ["a", "b"]', "import shop"),
        ('assert list({"a", "b"}) == shop.rows()', "import shop"),
        ('assert list({"a", "b"}) != ["b", "a"]', "import shop"),
        ('assert list(set("ab")) == ["a", "b"]', "import shop\nfrom shop import OrderedSet as set"),
        ('assert list(set("ab")) == ["a", "b"]', "import shop\n\nset = shop.Ordered"),
        ('assert list(tags()) == ["a", "b"]', "import shop\n\n\ndef tags():\n    return shop.rows()"),
        ('found = shop.rows()\n    found = set()\n    assert list(found) == ["a"]', "import shop"),
        ("assert [shop.price(x) for x in shop.rows()] == [1, 2]", "import shop"),
        ('assert list(found) == ["a"]', "import shop\nfrom shop import *\n\nfound = found | found"),
        ('assert next(iter({"a", "b"})) == "a"', "import shop"),
        ('assert list(shop.shown("b a")) == ["a", "b"]', "import shop"),
        ('assert list(shop.split("b c a")) == ["b", "c", "a"]', "import shop"),
        ('text = "b a c"\n    assert list(shop.split(text)) == ["b", "a", "c"]', "import shop"),
        ('assert " ".join(shop.split("b c a")) == "b c a"', "import shop"),
    ],
)
def test_what_may_have_an_order_is_left_alone_and_said(asked: Callable[..., Any], body: str, head: str) -> None:
    told = asked(body, head)

    assert told.candidates == ()
    assert "a defect of the product" in told.notes[0]


@pytest.mark.parametrize(
    "body", ['assert list(shop.split("b c a")) == ["c", "b", "a"]', 'assert list(set("ba")) == ["b", "a"]']
)
def test_an_order_that_the_test_did_not_hand_over_is_none(asked: Callable[..., Any], body: str) -> None:
    assert asked(body).candidates


def test_a_test_of_an_order_keeps_it(asked: Callable[..., Any]) -> None:
    assert asked('assert list(shop.tags()) == ["a", "b"]', name="test_tags_are_sorted").candidates == ()
    assert asked('assert list(shop.tags()) == ["a", "b"]', name="test_tags").candidates


@pytest.mark.parametrize("verdict", ["broken", "order", "random", ""])
def test_without_an_experiment_nothing_is_changed(asked: Callable[..., Any], verdict: str) -> None:
    assert asked('assert list({"b", "a"}) == ["a", "b"]', verdict=verdict).candidates == ()


BEFORE = """\
import shop


def test_rows():
    found = shop.rows()
    assert list(found) == ["b", "a"]
    assert found == ["b", "a"]


def test_tags():
    found = set(shop.rows())
    assert list(found) == ["b", "a"]
    assert list(found) != ["c", "a"]
    assert shop.ordered(list(found)) == ["a", "b"]


def test_text():
    assert ", ".join(shop.rows()) == "a, b"
    assert [shop.price(x) for x in {"a", "b"}] == [1, 2]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('list(found) == ["b", "a"]\n    assert found', 'sorted(found) == sorted(["b", "a"])\n    assert found'),
        ('assert found == ["b", "a"]', 'assert sorted(found) == sorted(["b", "a"])'),
        ('list(found) != ["c", "a"]', 'sorted(found) != ["c", "a"]'),
        ("shop.ordered(list(found))", "shop.ordered(sorted(found))"),
        ('", ".join(shop.rows())', '", ".join(sorted(shop.rows()))'),
        # the pairs of an element and its price would be lost
        (
            '[shop.price(x) for x in {"a", "b"}] == [1, 2]',
            'sorted([shop.price(x) for x in {"a", "b"}]) == sorted([1, 2])',
        ),
        ('list(found) == ["b", "a"]\n    assert list', 'set(found) >= {"b", "a"}\n    assert list'),
        ('list(found) == ["b", "a"]\n    assert list', "sorted(found) == sorted(found)\n    assert list"),
        ('list(found) == ["b", "a"]\n    assert list', 'sorted(found) == sorted(["a"])\n    assert list'),
        ('list(found) == ["b", "a"]\n    assert list', 'sorted(set(["b", "a"])) == ["a", "b"]\n    assert list'),
    ],
)
def test_a_change_that_only_looks_like_it_is_refused(bench: Any, old: str, new: str) -> None:
    bench.write({"shop/__init__.py": PRODUCT, "tests/test_demo.py": BEFORE})

    assert BEFORE.count(old) == 1
    assert bench.rules({"tests/test_demo.py": BEFORE.replace(old, new)})
