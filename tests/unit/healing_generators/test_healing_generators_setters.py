"""Brittle tests get what they lean on from the tests that leave it behind; whatever does more than that is refused."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import dedent
from typing import Any

import pytest
from maestro.healing import weakening
from maestro.healing.strategies.flaky_stabilization.setters import StateSetters

TESTS = """\
    import pytest
    from shop.shelf import SHELF, Shelf


    def test_store():
        SHELF["mug"] = 2
        assert SHELF


    def test_asks():
        assert Shelf().count("mug") == 2


    def test_read():
        assert SHELF["mug"] == 2


    @pytest.mark.parametrize("name", ["mug"])
    def test_counted(name):
        assert Shelf().count(name) == 2


    def test_clear():
        SHELF.clear()
"""
IN_CLASS = """\
    import unittest
    from shop.shelf import SHELF


    class TestShelf(unittest.TestCase):
        def test_store(self):
            SHELF["mug"] = 2

        def test_read(self):
            self.assertEqual(SHELF["mug"], 2)
"""
SHELF = """\
    SHELF = {}


    class Shelf:
        def count(self, name):
            return SHELF[name]
"""
FILES = {"shop/__init__.py": "", "shop/shelf.py": SHELF, "tests/test_shelf.py": TESTS}
STORE, ASKS, READ, COUNTED = (f"tests/test_shelf.py::test_{n}" for n in ("store", "asks", "read", "counted[mug]"))
FIXTURE = '''\


@pytest.fixture(autouse=True)
def _state_of_earlier_tests(request):
    """Bring about what some of these tests lean on, by the tests that leave it behind."""
    test_clear()
    needed = {
        "test_read": [test_store],
        "test_counted": [test_store],
    }
    for earlier in needed.get(request.function.__name__, []):
        earlier()
'''


def brittle(needs: Mapping[str, Sequence[str]], **more: Any) -> dict[str, Any]:
    stress = [{"name": "again-alone", "tests": list(needs)}]
    return {"verdict": "brittle", "victims": list(needs), "needs": needs, "stress": stress, **more}


def test_a_fixture_runs_the_tests_that_others_lean_on(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(FILES)
    told = brittle({READ: [STORE], COUNTED: [STORE]})

    plain, cleaned = bench.propose(StateSetters(), failing("KeyError", "'mug'", READ, COUNTED, diagnosis=told))

    texts = [(bench.applied(c) / "tests/test_shelf.py").read_text() for c in (plain, cleaned)]
    assert FIXTURE in texts[1]
    assert FIXTURE.replace("    test_clear()\n", "") in texts[0]
    assert dedent(TESTS).partition("\n\n\n")[2] in texts[0]  # the tests themselves stay as they are
    assert plain.workaround
    assert cleaned.workaround
    assert bench.findings(plain) == bench.findings(cleaned) == []


def test_methods_of_a_class_get_a_fixture_of_the_class(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({**FILES, "tests/test_shelf.py": IN_CLASS})
    read, store = (f"tests/test_shelf.py::TestShelf::test_{name}" for name in ("read", "store"))

    (candidate,) = bench.propose(StateSetters(), failing("KeyError", "no", read, diagnosis=brittle({read: [store]})))

    text = (bench.applied(candidate) / "tests/test_shelf.py").read_text()
    assert text.startswith("import pytest\n")
    assert "    def _state_of_earlier_tests(self, request):" in text
    assert '            "test_read": [self.test_store],' in text
    assert bench.findings(candidate) == []


HANDED = """\
    import pytest
    from shop.shelf import Shelf


    @pytest.fixture(scope="module")
    def shelf():
        return {}


    @pytest.fixture
    def own():
        return {}


    def test_store(shelf):
        shelf["mug"] = 2


    def test_read(shelf, tmp_path):
        assert shelf["mug"] == 2
"""


def test_a_helper_is_handed_the_fixtures_that_its_dependent_takes(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({**FILES, "tests/test_shelf.py": HANDED})

    found = bench.propose(StateSetters(), failing("KeyError", "'mug'", READ, diagnosis=brittle({READ: [STORE]})))

    plain, fresh = sorted(
        ((bench.applied(c) / "tests/test_shelf.py").read_text() for c in found), key=len, reverse=True
    )
    assert "earlier(*map(request.getfixturevalue, inspect.signature(earlier).parameters))" in plain
    assert plain.replace('@pytest.fixture(scope="module")', "@pytest.fixture") == fresh
    assert all(bench.findings(candidate) == [] for candidate in found)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("test_store(shelf)", "test_store(own)"),  # not the one that it leaves for others
        ("test_store(shelf)", "test_store(shelf, monkeypatch)"),
        ("test_store(shelf)", "test_store(shelf, tmp_path)"),
        ("test_store(shelf)", "test_store(shelf={})"),
        ("test_store(shelf)", "test_store(*shelf)"),
        ("test_read(shelf, tmp_path)", "test_read(tmp_path)"),
    ],
)
def test_a_helper_that_takes_anything_else_is_not_called(
    bench: Any, failing: Callable[..., Any], right: str, wrong: str
) -> None:
    bench.write({**FILES, "tests/test_shelf.py": HANDED})
    given = failing("KeyError", "'mug'", READ, diagnosis=brittle({READ: [STORE]}))
    before, after = bench.root, bench.applied(bench.propose(StateSetters(), given)[0])
    for root in (before, after):
        path = root / "tests/test_shelf.py"
        path.write_text(path.read_text().replace(right, wrong))

    assert weakening.find(before, after) != ()
    assert bench.propose(StateSetters(), given) == []


def test_what_a_question_leaves_in_the_product_is_left_to_it(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write(FILES)

    noted = bench.noted(StateSetters(), failing("KeyError", "no", READ, diagnosis=brittle({READ: [ASKS]})))

    assert noted.candidates == ()
    assert "may be its defect" in " ".join(noted.notes)


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        (TESTS, brittle({READ: [STORE]}, stress=[])),
        (TESTS, brittle({READ: [STORE]}, verdict="broken")),
        (TESTS, brittle({READ: ["tests/test_other.py::test_store"]})),
        (TESTS, brittle({READ: [COUNTED]})),
        (TESTS.replace("def test_store():", "def test_store(tmp_path):"), brittle({READ: [STORE]})),
        (TESTS.replace("def test_store():", "@pytest.mark.slow\n    def test_store():"), brittle({READ: [STORE]})),
        (TESTS.replace("def test_store():", "async def test_store():"), brittle({READ: [STORE]})),
    ],
    ids=["no stress", "broken", "another file", "parametrised", "takes a fixture", "is decorated", "is asynchronous"],
)  # fmt: skip
def test_nothing_is_proposed_where_no_helper_can_be_called(
    bench: Any, failing: Callable[..., Any], tests: str, told: Mapping[str, Any]
) -> None:
    bench.write({**FILES, "tests/test_shelf.py": tests})
    assert bench.propose(StateSetters(), failing("KeyError", "no", READ, diagnosis=told)) == []


@pytest.mark.parametrize("prepares", ["setUp", "setup_method"])
def test_a_class_that_prepares_its_tests_is_left_alone(bench: Any, failing: Callable[..., Any], prepares: str) -> None:
    """A fixture would run the helper before the preparation."""
    tests = IN_CLASS.replace(
        "        def test_store", f"        def {prepares}(self):\n            self.a = 1\n\n        def test_store"
    )
    bench.write({**FILES, "tests/test_shelf.py": tests})
    read, store = (f"tests/test_shelf.py::TestShelf::test_{name}" for name in ("read", "store"))
    assert bench.propose(StateSetters(), failing("KeyError", "no", read, diagnosis=brittle({read: [store]}))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("        earlier()\n", "        try:\n            earlier()\n        except Exception:\n            pass\n"),
        ("        earlier()\n", "        earlier()\n    SHELF.setdefault('mug', 2)\n"),
        ("    test_clear()\n", "    SHELF['mug'] = 2\n"),
        ("    test_clear()\n", "    test_store()\n"),
        ("    test_clear()\n", "    Shelf.count = lambda *_: 2\n"),
        ("    test_clear()\n", "    pytest.skip('it leans on others')\n"),
        ("[test_store]", "[lambda: SHELF.update(mug=2)]"),
        ("[test_store]", "[Shelf]"),
        ("[test_store]", "[test_asks]"),
        ('"test_read": [test_store]', '"test_store": [test_read]'),
        ('"test_read": [test_store]', '"test_read": []'),
        ("def _state_of_earlier_tests(request):", "def _state_of_earlier_tests(request, monkeypatch):"),
        ("(autouse=True)", "(autouse=True, params=[1])"),
        ("_state_of_earlier_tests", "test_read"),
    ],
    ids=[
        "swallows", "sets the value", "sets another", "a test as reset", "replaces the product", "skips", "a lambda",
        "calls the product", "only asks", "a later test", "nothing", "takes more", "multiplies", "hides a test",
    ],
)  # fmt: skip
def test_a_fixture_that_does_anything_else_is_refused(bench: Any, tmp_path: Any, right: str, wrong: str) -> None:
    bench.write(FILES)
    after = tmp_path / "after" / "tests"
    after.mkdir(parents=True)
    assert right in FIXTURE
    head, _, rest = dedent(TESTS).partition("\n\n\n")
    for name in ("shop/__init__.py", "shop/shelf.py", "maestro.yaml"):
        path = after.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text((bench.root / name).read_text())

    def findings(fixture: str) -> tuple[weakening.Finding, ...]:
        (after / "test_shelf.py").write_text(f"{head}{fixture}\n\n{rest}")
        return weakening.find(bench.root, after.parent)

    assert findings(FIXTURE) == ()
    assert findings(FIXTURE.replace(right, wrong)) != ()
