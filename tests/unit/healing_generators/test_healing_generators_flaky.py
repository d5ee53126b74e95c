"""Shared fixtures are narrowed, leaking state is given back; nothing that only looks like that passes the gates."""

from collections.abc import Callable
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest
from maestro.healing.strategies.flaky_stabilization.listings import ListedByName, SortedListing, with_sorted
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


def order(*changes: dict[str, Any], polluter: str = FIRST, victim: str = SECOND) -> dict[str, Any]:
    return {
        "verdict": "order",
        "victim": victim,
        "victims": [victim],
        "polluters": [polluter],
        "changes": {polluter: list(changes)},
        "stress": [],
    }


def change(module: str, path: str, **more: Any) -> dict[str, Any]:
    return {"module": module, "path": path, "how": "inside", "type": "list", "deep": False, "plain": True, "also": [],
            **more}  # fmt: skip


def mirrored(*changes: dict[str, Any]) -> dict[str, Any]:
    """The tests fail where the second runs before the first: an order that nobody wrote."""
    return order(*changes, polluter=SECOND, victim=FIRST)


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
    ("seen", "lines", "does"),
    [
        (
            change("test_cart", "ROWS", deep=True),
            ["kept = copy.deepcopy(ROWS)", "ROWS[:] = kept"],
            'ROWS[0]["price"] = 2',
        ),
        (change("test_cart", "ROWS"), ["kept = list(ROWS)", "ROWS[:] = kept"], "ROWS.append({})"),
        (
            change("shop.cart", "CACHE", type="dict", plain=False, also=[["tests.test_cart", "CACHE"]]),
            ["kept = dict(CACHE)", "CACHE.clear()", "CACHE.update(kept)"],
            "",
        ),
        (
            change("shop.cart", "Cart.made", type="set"),
            ["kept = set(Cart.made)", "Cart.made.clear()", "Cart.made.update(kept)"],
            "",
        ),
        (
            change("shop.rates", "RATE", how="rebound", type="int"),
            ["import shop.rates", "kept = shop.rates.RATE", "shop.rates.RATE = kept"],
            "shop.rates.RATE = 2",
        ),
        (
            change("tests.test_cart", "LIMIT", how="rebound", type="int"),
            ["global LIMIT", "kept = LIMIT", "LIMIT = kept"],
            "global LIMIT; LIMIT = 2",
        ),
        (
            change("os.environ", "HOME"),
            ["import os", "kept = dict(os.environ)", "os.environ.update(kept)"],
            'os.environ["HOME"] = "/x"',
        ),
        (change("os.getcwd", "", how="rebound"), ["kept = os.getcwd()", "os.chdir(kept)"], 'os.chdir("/")'),
        (
            change("logging", "shop", how="rebound", type="level"),
            ['kept = logging.getLogger("shop").level', 'logging.getLogger("shop").setLevel(kept)'],
            'logging.getLogger("shop").setLevel(1)',
        ),
        (
            change("logging", "", how="rebound", type="handlers"),
            ["kept = list(logging.getLogger().handlers)", "logging.getLogger().handlers[:] = kept"],
            "logging.getLogger().addHandler(None)",
        ),
        (
            change("shop.stock", "shelf.boxes", holder="shop.stock.Shelf", also=[["tests.test_cart", "shelf.boxes"]]),
            ["kept = list(shelf.boxes)", "shelf.boxes[:] = kept"],
            'shelf.put("mug")',
        ),
        (
            change("shop.stock", "shelf.opened", how="rebound", type="int", holder="shop.stock.Shelf"),
            ["import shop.stock", "kept = shop.stock.shelf.opened", "shop.stock.shelf.opened = kept"],
            "shelf.opened = 3",
        ),
        (
            change("time", "time", how="rebound", type="builtin_function_or_method"),
            ["import time", "kept = time.time", "time.time = kept"],
            "time.time = lambda: 0",
        ),
        (change("sys", "argv", how="rebound"), ["kept = sys.argv", "sys.argv = kept"], 'sys.argv = ["x"]'),
        (change("sys", "path"), ["kept = list(sys.path)", "sys.path[:] = kept"], 'sys.path.insert(0, "x")'),
        (
            change("shop.cart", "price", how="cached", type="lru_cache"),
            ["import shop.cart", "    shop.cart.price.cache_clear()\n    yield\n    shop.cart.price.cache_clear()"],
            'os.environ["RATE"] = "2"',
        ),
        (
            change("files", "out/left.txt", how="added", type="file"),
            [
                'kept = os.path.exists("out/left.txt")',
                '    if not kept and os.path.exists("out/left.txt"):\n        os.remove("out/left.txt")',
            ],
            'open("out/left.txt", "w")',
        ),
        (
            change("files", "made", how="added", type="folder"),
            ['kept = os.path.exists("made")', 'shutil.rmtree("made", ignore_errors=True)'],
            'os.makedirs("made/x")',
        ),
        (
            change("files", "data/rates.json", type="file"),
            [
                'kept = pathlib.Path("data/rates.json").read_bytes()',
                'pathlib.Path("data/rates.json").write_bytes(kept)',
            ],
            'open("data/rates.json", "w")',
        ),
    ],
    ids=lambda value: value["path"] if isinstance(value, dict) else "",
)
def test_what_leaks_is_given_back_by_a_fixture_that_does_nothing_else(
    bench: Any, failing: Callable[..., Any], seen: dict[str, Any], lines: list[str], does: str
) -> None:
    # given a test that leaves something changed, by what it does itself
    bench.write({**FILES, "tests/test_cart.py": f"{TESTS}        {does}\n"})

    candidates = bench.propose(RestoreState(), failing("AssertionError", "no", FIRST, diagnosis=mirrored(seen)))

    assert candidates
    text = (bench.applied(candidates[0]) / "tests/test_cart.py").read_text()
    for line in (*lines, "@pytest.fixture(autouse=True)"):
        assert line in text
    assert bench.findings(candidates[0]) == []

    # and the same where the test only asks the product
    bench.write(FILES)
    left = bench.noted(RestoreState(), failing("AssertionError", "no", FIRST, diagnosis=mirrored(seen)))
    assert bool(left.candidates) is (does == "")
    assert bool(left.notes) is (does != "")


def test_state_that_the_product_keeps_is_given_back_as_a_workaround(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({**FILES, "tests/test_cart.py": f"{TESTS}        ROWS.append({{}})\n"})
    seen = [change("test_cart", "ROWS"), change("shop.cart", "CACHE", type="dict")]

    proposals = [
        bench.propose(RestoreState(), failing("AssertionError", "no", FIRST, diagnosis=mirrored(one)))[0]
        for one in seen
    ]

    assert [c.workaround for c in proposals] == [False, True]
    assert "the product keeps it between calls" in proposals[1].summary


@pytest.mark.parametrize(
    "seen",
    [
        change("test_cart", "ROWS", deep=True, plain=False),  # a copy of unknown objects is no restoration
        change("test_cart", "ROWS; import os", deep=True),
        change("os; x", "y"),
        change("shop.cart", "A.b.c.d"),
        change("shop.cart", "X", how="added"),
        change("logging", 'x"); evil("', how="rebound", type="level"),
        change("files", "../outside", how="added", type="file"),
        change("files", '/x"); evil("', how="added", type="file"),
        change("files", "gone", how="removed", type="folder"),
        {"module": 3, "path": None},
    ],
    ids=[
        "unknown objects",
        "code in a path",
        "code in a module",
        "too deep",
        "added",
        "code in a logger",
        "a file outside",
        "code in a file",
        "a lost folder",
        "nonsense",
    ],
)
def test_what_cannot_be_given_back_safely_is_not_written(
    bench: Any, failing: Callable[..., Any], seen: dict[str, Any]
) -> None:
    bench.write(FILES)
    assert bench.propose(RestoreState(), failing("AssertionError", "no", SECOND, diagnosis=order(seen))) == []


def test_polluters_in_several_files_are_cleaned_up_after_in_one_place(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({**FILES, "tests/test_more.py": "def test_more():\n    pass\n"})
    told = mirrored(change("shop.cart", "CACHE", type="dict"))
    told["changes"]["tests/test_more.py::test_more"] = [change("shop.cart", "CACHE", type="dict", deep=True)]

    candidates = bench.propose(RestoreState(), failing("AssertionError", "no", FIRST, diagnosis=told))

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
        "CACHE.clear()\n        kept = dict(CACHE)\n        yield\n        CACHE.clear()\n        CACHE.update(kept)",
        "Cart.reset()\n        yield\n        Cart.flush()",
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
        "yield\n        Cart.refund()",
        "CACHE.clear()\n        yield",
        "kept = os.path.exists('/etc/x')\n        yield\n        if not kept:\n            os.remove('/etc/x')",
        "k = os.path.exists('x')\n        yield\n        if not k and os.path.exists('x'):\n            os.remove('y')",
        "k = os.path.exists('x')\n        yield\n        if k:\n            shutil.rmtree('x', ignore_errors=True)",
        "kept = pathlib.Path('x').read_bytes()\n        yield\n        pathlib.Path('y').write_bytes(kept)",
        "kept = pathlib.Path('x').read_bytes()\n        pathlib.Path('x').write_bytes(kept)\n        yield",
    ],
)  # fmt: skip
def test_a_fixture_that_does_more_than_give_back_is_refused(bench: Any, body: str) -> None:
    bench.write(FILES)
    head, rest = TESTS.split('ROWS = [{"price": 1}]', 1)
    assert head
    assert "over_fitted" in bench.rules({"tests/test_cart.py": FIXTURE % body + rest.lstrip("\n")})


BASKET = """\
    class Basket:
        %s

        def __init__(self):
            self.name = "basket"

        def add(self, item):
            %s
"""
BASKET_TESTS = """\
    from shop.basket import Basket

    def test_adds():
        basket = Basket()
        basket.add("mug")
        assert basket.items == ["mug"]

    def test_adds_another():
        basket = Basket()
        basket.add("cup")
        assert basket.items == ["cup"]
"""
ADDS, ANOTHER = "tests/test_basket.py::test_adds", "tests/test_basket.py::test_adds_another"
HELD = change("shop.basket", "Basket.items")


@pytest.mark.parametrize(
    ("product", "polluter", "victim"),
    [
        (("items = []", "self.items.append(item)"), ADDS, ANOTHER),
        (("items = []", "self.items.append(item)"), ANOTHER, ADDS),
        (("items = []", "self.items.append(item)"), ADDS + "[1-2]", ADDS + "[2-2]"),
        (("items = []", "Basket.items.append(item)"), ADDS, ANOTHER),
    ],
    ids=["as written", "mirrored", "repeated", "shared on purpose, as written"],
)
def test_state_that_the_product_keeps_by_mistake_is_reported_and_not_given_back(
    bench: Any, failing: Callable[..., Any], product: tuple[str, str], polluter: str, victim: str
) -> None:
    # given a class whose objects share a list, and tests that trip over it
    bench.write({"shop/__init__.py": "", "shop/basket.py": BASKET % product, "tests/test_basket.py": BASKET_TESTS})
    told = order(HELD, polluter=polluter, victim=victim)

    made = bench.noted(RestoreState(), failing("AssertionError", "no", victim, diagnosis=told))

    # then nothing is tried, and the product is named
    assert made.candidates == ()
    assert "the product keeps shop.basket.Basket.items between calls" in made.notes[0]


@pytest.mark.parametrize(
    ("polluter", "victim", "more"),
    [(ANOTHER, ADDS, ""), (ADDS + "[1-2]", ADDS + "[2-2]", ""), (ADDS, ANOTHER, '    Basket.items.append("mug")\n')],
    ids=["mirrored", "repeated", "as written, changed by a test"],
)
def test_state_that_is_shared_on_purpose_is_given_back_as_a_workaround(
    bench: Any, failing: Callable[..., Any], polluter: str, victim: str, more: str
) -> None:
    product = BASKET % ("items = []", "Basket.items.append(item)")
    tests = dedent(BASKET_TESTS).replace("    assert", more + "    assert", 1)
    bench.write({"shop/__init__.py": "", "shop/basket.py": product, "tests/test_basket.py": tests})
    told = order(HELD, polluter=polluter, victim=victim)

    (candidate,) = bench.propose(RestoreState(), failing("AssertionError", "no", victim, diagnosis=told))

    assert candidate.workaround
    assert bench.findings(candidate) == []


def test_objects_that_share_by_mistake_are_reported_even_where_a_test_adds_to_it(
    bench: Any, failing: Callable[..., Any]
) -> None:
    tests = BASKET_TESTS.replace('basket.add("mug")', 'Basket.items.append("mug")')
    product = BASKET % ("items = []", "self.items.append(item)")
    bench.write({"shop/__init__.py": "", "shop/basket.py": product, "tests/test_basket.py": tests})
    told = order(HELD, polluter=ANOTHER, victim=ADDS)
    assert bench.propose(RestoreState(), failing("AssertionError", "no", ADDS, diagnosis=told)) == []


@pytest.mark.parametrize(
    ("source", "seen", "call"),
    [
        (
            "RATES = {}\n\ndef reset():\n    RATES.clear()\n", change("shop.rates", "RATES", type="dict"),
            "shop.rates.reset()",
        ),
        (
            "class Rates:\n    def clear(self):\n        self.known = {}\n\nrates = Rates()\n",
            change("shop.rates", "rates.known", how="rebound", type="dict", holder="shop.rates.Rates",
                   also=[["tests.test_cart", "rates.known"]]),
            "rates.clear()",
        ),
        (
            "class Rates:\n    known = {}\n\n    @classmethod\n    def reset(cls):\n        cls.known = {}\n",
            change("shop.rates", "Rates.known", type="dict"),
            "shop.rates.Rates.reset()",
        ),
        (
            ("class Rates:\n    def clear_names(self):\n        self.names = []\n\n"
             "    def clear(self):\n        self.known = {}\n\nrates = Rates()\n"),
            change("shop.rates", "rates.known", how="rebound", type="dict", holder="shop.rates.Rates",
                   also=[["tests.test_cart", "rates.known"]]),
            "rates.clear()",
        ),
        ("RATES = {}\n\ndef reset(name):\n    RATES.pop(name)\n", change("shop.rates", "RATES", type="dict"), ""),
        ("RATES = {}\n\ndef reset():\n    pass\n", change("shop.rates", "RATES", type="dict"), ""),
        (
            "class Rates:\n    known = {}\n\n    def reset(self):\n        self.known = {}\n",
            change("shop.rates", "Rates.known", type="dict"),
            "",
        ),
    ],
    ids=["function", "object", "class", "one of several", "with an argument", "of something else", "of one object"],
)  # fmt: skip
def test_a_reset_that_the_product_offers_is_called(
    bench: Any, failing: Callable[..., Any], source: str, seen: dict[str, Any], call: str
) -> None:
    # given tests that fail in the order in which they are written, by what the product keeps
    bench.write({**FILES, "shop/rates.py": source})

    candidates = bench.propose(RestoreState(), failing("AssertionError", "no", SECOND, diagnosis=order(seen)))

    # then only a reset of the product's own is a repair
    assert len(candidates) == bool(call)
    for candidate in candidates:
        assert candidate.workaround
        assert f"    yield\n    {call}\n" in (bench.applied(candidate) / "tests/test_cart.py").read_text()
        assert bench.findings(candidate) == []


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


LISTED = """\
    import os


    def load(folder):
        \"\"\"Load what lies in a folder, in order to show it.\"\"\"
        return [name.upper() for name in os.listdir(folder)]
"""
LISTING_TEST = """\
    from shop.files import load


    def test_it():
        assert load("data") == ["A", "B"]
"""


def listing_failure(failing: Callable[..., Any], *, by_name: str = "passed") -> Any:
    told = failing("AssertionError", "assert ['B', 'A'] == ['A', 'B']", diagnosis={"verdict": "listing"})
    outcomes = {"tests/test_demo.py::test_it": [by_name, by_name]}
    return replace(
        told,
        facts=replace(told.facts, covered={"shop/files.py": ("load",)}),
        experiments=({"name": "listed-sorted", "outcomes": outcomes, "problem": ""},),
    )


@pytest.mark.parametrize(
    ("imports", "call", "line"),
    [
        ("import os", "os.listdir(folder)", 'monkeypatch.setattr(os, "listdir", lambda *args: sorted(listed(*args)))'),
        ("import glob", "glob.glob(folder)", 'monkeypatch.setattr(glob, "glob", lambda *args, **kwargs: sorted('),
        ("import pathlib", "pathlib.Path(folder).iterdir()", '"iterdir", lambda self: iter(sorted(listed(self)))'),
        ("import pathlib", "pathlib.Path(folder).rglob('*')", "lambda self, pattern: iter(sorted(listed(self, "),
    ],
)  # fmt: skip
def test_a_test_whose_product_lists_a_folder_meets_one_order(
    bench: Any, failing: Callable[..., Any], imports: str, call: str, line: str
) -> None:
    product = LISTED.replace("import os", imports).replace("os.listdir(folder)", call)
    bench.write({"shop/__init__.py": "", "shop/files.py": product, "tests/test_demo.py": LISTING_TEST})

    (candidate,) = bench.propose(ListedByName(), listing_failure(failing))

    assert candidate.workaround
    assert line in (bench.applied(candidate) / "tests/test_demo.py").read_text()
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    "files",
    [
        {"shop/files.py": LISTED.replace("in order to show it", "sorted by name")},
        {"shop/files.py": LISTED.replace("in order to show it", "in the order of their names")},
        {"shop/files.py": LISTED.replace("os.listdir(folder)", "sorted(set(folder))")},
        {"tests/test_demo.py": LISTING_TEST.replace("test_it", "test_order")},
        {"README.md": "Files are loaded in alphabetical order."},
        {"tests/test_demo.py": LISTING_TEST.replace('["A", "B"]', 'sorted(load("data"))')},
    ],
    ids=["docstring", "another docstring", "no listing", "a test of the order", "readme", "another test of the order"],
)
def test_where_an_order_may_be_promised_the_failure_is_left_to_the_product(
    bench: Any, failing: Callable[..., Any], files: dict[str, str]
) -> None:
    bench.write({"shop/files.py": LISTED, "tests/test_demo.py": LISTING_TEST, **files})
    told = listing_failure(failing)
    told = replace(told, tests=("tests/test_demo.py::test_order",)) if "test_order" in str(files) else told
    assert bench.propose(ListedByName(), told) == []


def test_a_test_that_fails_by_name_too_is_not_made_to_meet_that_order(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({"shop/files.py": LISTED, "tests/test_demo.py": LISTING_TEST})
    assert bench.propose(ListedByName(), listing_failure(failing, by_name="failed")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sorted(listed(*args))", "['a', 'b']"),
        ("sorted(listed(*args))", "sorted(listed(*args))[:2]"),
        ("sorted(listed(*args))", "sorted(set(listed(*args)))"),
        ('"listdir"', '"scandir"'),
        ("os, ", "shop.files, "),
        ("    listed = os.listdir\n", "    listed = os.listdir\n    os.sep = '/'\n"),
    ],
)
def test_a_listing_fixture_that_does_anything_else_is_refused(
    bench: Any, failing: Callable[..., Any], old: str, new: str
) -> None:
    bench.write({"shop/files.py": LISTED, "tests/test_demo.py": LISTING_TEST})
    (candidate,) = bench.propose(ListedByName(), listing_failure(failing))
    text = (bench.applied(candidate) / "tests/test_demo.py").read_text()
    assert old in text
    assert bench.rules({"tests/test_demo.py": text.replace(old, new)})
