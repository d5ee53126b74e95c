"""Shared fixtures are narrowed, leaking state is given back; nothing that only looks like that passes the gates."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from maestro.healing.strategies.flaky_stabilization.listings import SortedListing, with_sorted
from maestro.healing.strategies.flaky_stabilization.scopes import NarrowScope
from maestro.healing.strategies.flaky_stabilization.state import RestoreState

TESTS = """\
    import pytest

    from shop.cart import CACHE, Cart

    ROWS = [{"price": 1}]


    @pytest.fixture(scope="module", params=[1, 2])  # one for all
    def cart(request):
        return Cart(request.param)


    def test_first(cart):
        cart.add("mug")
        ROWS[0]["price"] = 2
        assert len(cart.items) == 1


    def test_second(cart):
        assert cart.items == []
        assert ROWS == [{"price": 1}]
"""
FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": "CACHE = {}\n\n\nclass Cart:\n    pass\n",
    "tests/test_cart.py": TESTS,
}
FIRST, SECOND = "tests/test_cart.py::test_first", "tests/test_cart.py::test_second"


def order(*changes: dict[str, Any], polluter: str = FIRST) -> dict[str, Any]:
    return {
        "verdict": "order",
        "victim": SECOND,
        "victims": [SECOND],
        "polluters": [polluter],
        "changes": {polluter: list(changes)},
        "stress": [],
    }


def change(module: str, path: str, **more: Any) -> dict[str, Any]:
    return {"module": module, "path": path, "how": "inside", "type": "list", "deep": False, "plain": True, "also": [],
            **more}  # fmt: skip


def test_a_shared_fixture_is_made_for_each_test(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(FILES)

    (candidate,) = bench.propose(NarrowScope(), failing("AssertionError", "no", SECOND, diagnosis=order()))

    text = (bench.applied(candidate) / "tests/test_cart.py").read_text()
    assert "@pytest.fixture(params=[1, 2])  # one for all" in text
    assert bench.findings(candidate) == []


def test_a_fixture_that_the_polluter_does_not_use_is_left_alone(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({**FILES, "tests/test_cart.py": TESTS.replace("test_first(cart)", "test_first()")})
    assert bench.propose(NarrowScope(), failing("AssertionError", "no", SECOND, diagnosis=order())) == []


def test_without_an_experiment_nothing_is_narrowed_or_restored(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(FILES)
    plain = failing("AssertionError", "no", SECOND)
    assert bench.propose(NarrowScope(), plain) == bench.propose(RestoreState(), plain) == []


@pytest.mark.parametrize(
    ("seen", "lines"),
    [
        (change("test_cart", "ROWS", deep=True), ["kept = copy.deepcopy(ROWS)", "ROWS[:] = kept"]),
        (change("test_cart", "ROWS"), ["kept = list(ROWS)", "ROWS[:] = kept"]),
        (
            change("shop.cart", "CACHE", type="dict", plain=False, also=[["tests.test_cart", "CACHE"]]),
            ["kept = dict(CACHE)", "CACHE.clear()", "CACHE.update(kept)"],
        ),
        (
            change("shop.cart", "Cart.made", type="set"),
            ["kept = set(Cart.made)", "Cart.made.clear()", "Cart.made.update(kept)"],
        ),
        (
            change("shop.rates", "RATE", how="rebound", type="int"),
            ["import shop.rates", "kept = shop.rates.RATE", "shop.rates.RATE = kept"],
        ),
        (
            change("tests.test_cart", "LIMIT", how="rebound", type="int"),
            ["global LIMIT", "kept = LIMIT", "LIMIT = kept"],
        ),
        (change("os.environ", "HOME"), ["import os", "kept = dict(os.environ)", "os.environ.update(kept)"]),
        (change("os.getcwd", "", how="rebound"), ["kept = os.getcwd()", "os.chdir(kept)"]),
        (
            change("logging", "shop", how="rebound", type="level"),
            ['kept = logging.getLogger("shop").level', 'logging.getLogger("shop").setLevel(kept)'],
        ),
        (
            change("logging", "", how="rebound", type="handlers"),
            ["kept = list(logging.getLogger().handlers)", "logging.getLogger().handlers[:] = kept"],
        ),
    ],
    ids=lambda value: value["path"] if isinstance(value, dict) else "",
)
def test_what_leaks_is_given_back_by_a_fixture_that_does_nothing_else(
    bench: Any, failing: Callable[..., Any], seen: dict[str, Any], lines: list[str]
) -> None:
    bench.write(FILES)

    candidates = bench.propose(RestoreState(), failing("AssertionError", "no", SECOND, diagnosis=order(seen)))

    assert candidates
    text = (bench.applied(candidates[0]) / "tests/test_cart.py").read_text()
    for line in (*lines, "@pytest.fixture(autouse=True)"):
        assert line in text
    assert bench.findings(candidates[0]) == []


def test_state_that_the_product_keeps_is_given_back_as_a_workaround(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(FILES)
    seen = [change("test_cart", "ROWS"), change("shop.cart", "CACHE", type="dict")]

    proposals = [
        bench.propose(RestoreState(), failing("AssertionError", "no", SECOND, diagnosis=order(one)))[0] for one in seen
    ]

    assert [c.workaround for c in proposals] == [False, True]
    assert "the product keeps it between calls" in proposals[1].summary


@pytest.mark.parametrize(
    "seen",
    [
        change("test_cart", "ROWS", deep=True, plain=False),  # a copy of unknown objects is no restoration
        change("test_cart", "ROWS; import os", deep=True),
        change("os; x", "y"),
        change("shop.cart", "A.b.c"),
        change("shop.cart", "X", how="added"),
        change("logging", 'x"); evil("', how="rebound", type="level"),
        {"module": 3, "path": None},
    ],
    ids=["unknown objects", "code in a path", "code in a module", "too deep", "added", "code in a logger", "nonsense"],
)
def test_what_cannot_be_given_back_safely_is_not_written(
    bench: Any, failing: Callable[..., Any], seen: dict[str, Any]
) -> None:
    bench.write(FILES)
    assert bench.propose(RestoreState(), failing("AssertionError", "no", SECOND, diagnosis=order(seen))) == []


def test_polluters_in_several_files_are_cleaned_up_after_in_one_place(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({**FILES, "tests/test_more.py": "def test_more():\n    pass\n"})
    told = order(change("shop.cart", "CACHE", type="dict"))
    told["changes"]["tests/test_more.py::test_more"] = [change("shop.cart", "CACHE", type="dict", deep=True)]

    candidates = bench.propose(RestoreState(), failing("AssertionError", "no", SECOND, diagnosis=told))

    shared = [c for c in candidates if "tests/conftest.py" in c.patch]
    assert len(shared) == 1
    text = (bench.applied(shared[0]) / "tests/conftest.py").read_text()
    assert "copy.deepcopy(shop.cart.CACHE)" in text  # as deep as any test changes it
    assert bench.findings(shared[0]) == []


FIXTURE = """\
    import copy

    import pytest

    from shop.cart import CACHE, Cart

    ROWS = [{"price": 1}]


    @pytest.fixture(autouse=True)
    def _restored_state():
        %s


"""


@pytest.mark.parametrize(
    "body",
    [
        "kept = dict(CACHE)\n        CACHE.clear()\n        yield\n        CACHE.clear()\n        CACHE.update(kept)",
        "CACHE['rate'] = 1\n        yield",
        "kept = dict(CACHE)\n        yield\n        CACHE.clear()\n        CACHE.update({'rate': 1})",
        "kept = dict(CACHE)\n        yield\n        CACHE.update(kept)",
        "kept = dict(CACHE)\n        yield\n        CACHE.clear()",
        "kept = list(ROWS)\n        yield\n        CACHE.clear()\n        CACHE.update(kept)",
        "Cart.total = lambda self: 3\n        yield",
        "kept = Cart('x').items\n        yield\n        Cart.items = kept",
        "try:\n            yield\n        except Exception:\n            ROWS[:] = []",
        "kept = copy.deepcopy(ROWS)\n        yield\n        ROWS[:] = kept\n        yield",
        "ROWS[:] = []\n        kept = copy.deepcopy(ROWS)\n        yield\n        ROWS[:] = kept",
        "yield",
    ],
)  # fmt: skip
def test_a_fixture_that_does_more_than_give_back_is_refused(bench: Any, body: str) -> None:
    bench.write(FILES)
    head, rest = TESTS.split('ROWS = [{"price": 1}]', 1)
    assert head
    assert "over_fitted" in bench.rules({"tests/test_cart.py": FIXTURE % body + rest.lstrip("\n")})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('scope="module", params=[1, 2]', 'scope="session", params=[1, 2]'),
        ('scope="module", params=[1, 2]', "params=[1]"),
        ('scope="module", params=[1, 2]', "params=[1, 2], autouse=True"),
        ('scope="module", params=[1, 2]', "scope=chosen, params=[1, 2]"),
        ('@pytest.fixture(scope="module", params=[1, 2])', "@fixture(params=[1, 2])"),
    ],
    ids=["wider", "fewer parameters", "for everyone", "by a function", "another decorator"],
)
def test_only_the_same_fixture_of_a_narrower_scope_is_allowed(bench: Any, old: str, new: str) -> None:
    bench.write(FILES)
    assert old in TESTS
    assert bench.rules({"tests/test_cart.py": TESTS.replace(old, new)})


def test_a_restoring_fixture_may_not_take_another_ones_name(bench: Any) -> None:
    bench.write({**FILES, "tests/test_cart.py": TESTS.replace("def test_second(cart)", "def test_second(kept_back)")})
    text = TESTS.replace("def test_second(cart)", "def test_second(kept_back)") + (
        "\n\n    @pytest.fixture(autouse=True)\n    def kept_back():\n"
        "        kept = list(ROWS)\n        yield\n        ROWS[:] = kept\n"
    )
    assert "overwritten_name" in bench.rules({"tests/test_cart.py": text})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return os.listdir(folder)", "return sorted(os.listdir(folder))"),
        ("return [p for p in folder.glob('*')]", "return [p for p in sorted(folder.glob('*'))]"),
        ("return sorted(os.listdir(folder))", None),
        ("return len(os.listdir(folder))", None),
    ],
)
def test_listings_are_sorted_where_their_order_matters(old: str, new: str | None) -> None:
    source = f"import os\n\n\ndef listed(folder):\n    {old}\n\n\ndef other(folder):\n    return os.listdir(folder)\n"
    changed = with_sorted(source, {"listed"})
    assert changed == (None if new is None else source.replace(old, new, 1))


@pytest.mark.parametrize(("file", "proposals"), [("tests/helpers.py", 1), ("shop/files.py", 0)])
def test_the_order_in_which_the_product_lists_is_the_products_business(
    bench: Any, failing: Callable[..., Any], file: str, proposals: int
) -> None:
    # given a failure that the order of a listing decides, and the file that lists
    bench.write({file: "import os\n\n\ndef listed(folder):\n    return os.listdir(folder)\n"})
    failure = failing("AssertionError", "assert ['b', 'a'] == ['a', 'b']", diagnosis={"verdict": "listing"})
    failure = replace(failure, facts=replace(failure.facts, covered={file: ("listed",)}))

    # then only a test's helper is changed
    assert len(bench.propose(SortedListing(), failure)) == proposals
