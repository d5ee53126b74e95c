"""What tests state in shared folders becomes theirs alone; what may be the product's, or is put together, stays."""

from collections.abc import Callable
from typing import Any

import pytest
from maestro.healing.strategies.flaky_stabilization.own_files import OwnFiles

TEST = "tests/test_demo.py::test_it"
HEAD = "import os\nimport pathlib\nimport tempfile\nfrom pathlib import Path\n\nimport pytest\nimport shop\n"
PRODUCT = """\
def count(path):
    with open(path) as stream:
        return len(stream.read())


def keep(path, text):
    open_for(path).write(text)


def open_for(path):
    return open(path, "a")


def discard(path):
    pass


def tell(path):
    return keep(path, "told")


class Shelf:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
"""


@pytest.fixture
def asked(bench: Any, failing: Callable[..., Any]) -> Callable[..., Any]:
    def ask(tests: str, product: str = "", test: str = TEST, **told: Any) -> Any:
        bench.write({"shop/__init__.py": PRODUCT + product, "tests/test_demo.py": f"{HEAD}\n\n{tests}"})
        return bench.noted(OwnFiles(), failing("AssertionError", "no", test, diagnosis={"verdict": "leftover", **told}))

    return ask


def it(place: str) -> str:
    return f"def test_it():\n    path = {place}\n    assert shop.count(path) == 2\n"


@pytest.mark.parametrize(
    ("place", "own"),
    [
        ('"/tmp/words.txt"', 'str(tmp_path / "words.txt")'),
        ('"/var/tmp/shop/words.txt"', 'str(tmp_path / "shop/words.txt")'),
        ('Path("/tmp/words.txt")', 'tmp_path / "words.txt"'),
        ('pathlib.Path("/tmp/shop") / "words.txt"', 'tmp_path / "shop/words.txt"'),
        ('Path("/tmp/deep") / str(2)', 'tmp_path / "deep" / str(2)'),
        ('os.path.join(tempfile.gettempdir(), "deep", "words.txt")', 'str(tmp_path / "deep/words.txt")'),
        ('tempfile.gettempdir() + "/words.txt"', 'str(tmp_path / "words.txt")'),
        ('Path(tempfile.gettempdir()) / "words.txt"', 'tmp_path / "words.txt"'),
        ('os.path.expanduser("~/.words")', 'str(tmp_path / ".words")'),
        ('Path.home() / ".words"', 'tmp_path / ".words"'),
    ],
)
def test_a_place_keeps_its_name_in_the_tests_own_folder(
    bench: Any, asked: Callable[..., Any], place: str, own: str
) -> None:
    (candidate,) = asked(it(place)).candidates

    assert {"+def test_it(tmp_path):", f"+    path = {own}"} <= set(candidate.patch.splitlines())
    assert candidate.workaround
    assert bench.findings(candidate) == []


def test_a_method_of_a_plain_class_and_a_test_with_parameters_ask_for_it_too(
    bench: Any, asked: Callable[..., Any]
) -> None:
    tests = """\
@pytest.mark.parametrize("size", [1, 2])
def test_it(size, monkeypatch):
    assert shop.count("/tmp/words.txt") == size


class TestIt:
    def test_it(self):
        assert shop.count("/tmp/words.txt") == 2
"""
    one, both = asked(tests, test=TEST + "[1]").candidates
    other, same = asked(tests, test="tests/test_demo.py::TestIt::test_it").candidates

    function, method = "+def test_it(size, monkeypatch, tmp_path):", "+    def test_it(self, tmp_path):"
    assert [function in c.patch for c in (one, both, other, same)] == [True, True, False, True]
    assert [method in c.patch for c in (one, both, other, same)] == [False, True, True, True]
    assert [bench.findings(c) for c in (one, both, other, same)] == [[]] * 4


@pytest.mark.parametrize(
    ("other", "moved"),
    [
        ('def test_other():\n    assert shop.count("/tmp/words.txt") == 3\n', True),
        ('def test_other():\n    assert shop.count("/tmp/more.txt") == 3\n', False),
        ('def test_other():\n    assert not os.path.exists("/tmp/words.txt")\n', False),
        ('def test_other():\n    assert shop.count("/tmp/words.txt" + ".gz") == 3\n', False),
    ],
    ids=["states it", "another file", "says that it is gone", "put together"],
)
def test_a_test_that_passes_is_moved_with_those_that_fail_where_it_can_be(
    asked: Callable[..., Any], other: str, *, moved: bool
) -> None:
    candidates = asked(it('"/tmp/words.txt"') + f"\n\n{other}").candidates

    assert ["+def test_other(tmp_path):" in c.patch for c in candidates] == ([False, True] if moved else [False])


@pytest.mark.parametrize("call", ["keep", "tell", "discard"])
def test_nothing_is_moved_where_a_test_that_passes_has_the_product_write_it(
    asked: Callable[..., Any], call: str
) -> None:
    told = asked(it('"/tmp/words.txt"') + f'\n\ndef test_other():\n    shop.{call}("/tmp/words.txt")\n')
    assert told.candidates == ()
    assert told.notes


@pytest.mark.parametrize(
    "more", ["    assert os.path.exists(path)\n", "    if os.path.exists(path):\n        os.remove(path)\n"]
)
def test_what_is_there_may_be_claimed_and_tidied(bench: Any, asked: Callable[..., Any], more: str) -> None:
    (candidate,) = asked(it('"/tmp/words.txt"') + more).candidates

    assert bench.findings(candidate) == []


def test_a_name_for_all_tests_is_bound_anew_for_each(bench: Any, asked: Callable[..., Any]) -> None:
    tests = """\
WORDS = "/tmp/words.txt"


def written(text):
    with open(WORDS, "a") as stream:
        stream.write(text)


class TestIt(shop.Case):
    def test_it(self):
        written("a")
        assert shop.count(WORDS) == 1
"""
    (candidate,) = asked(tests, test="tests/test_demo.py::TestIt::test_it").candidates

    assert '+    global WORDS\n+    WORDS = str(tmp_path / "words.txt")\n' in candidate.patch
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    "tests",
    [
        it('"/tmp/words-%s" % 2'),
        it('f"/tmp/words-{2}"'),
        it('"/tmp/words" + str(2)'),
        it('"/tmp/words".replace("o", "0")'),
        it('"/tmp/"'),
        it('"/etc/words"'),
        it('"words.txt"'),
        it('"/tmp/words.txt"').replace("test_it()", "test_it(path=1)"),
        it('"/tmp/words.txt"') + "    assert not os.path.exists(path)\n",
        it('"/tmp/words.txt"') + "    assert os.path.exists(path) is False\n",
        it('"/tmp/words.txt"') + "    left = os.path.exists(path)\n    assert not left\n",
        it('"/tmp/words.txt"') + "    if Path(path).exists():\n        pytest.fail('it is there')\n",
        it('"/tmp/words.txt"') + '    assert os.listdir("/tmp") == []\n',
        it('"/tmp/words.txt"') + "    with pytest.raises(FileNotFoundError):\n        open(path)\n",
        it('"/tmp/words.txt"') + '\n\ndef helper():\n    return open("/tmp/words.txt", "w")\n',
        it('"/tmp/words.txt"') + '\n\n@pytest.fixture\ndef made():\n    os.mkdir("/tmp/words.txt")\n',
        'PATH = "/tmp/words.txt"\nOTHER = PATH + "x"\n\n\n' + it("PATH"),
        'PATH = "/tmp/words.txt"\n\n\n' + it("PATH").replace("test_it()", "test_it(path=PATH)"),
        'PATH = "/tmp/words.txt"\n\n\n@pytest.mark.parametrize("path", [PATH])\n' + it("PATH"),
        'PATH = "/tmp/words.txt"\n\n\ndef setup_module():\n    open(PATH, "w")\n\n\n' + it("PATH"),
        'PATH = "/tmp/words.txt"\n\n\n@pytest.fixture(scope="module")\ndef a():\n    open(PATH, "w")\n\n\n'
        + it("PATH"),
        'PATH = "/tmp/words.txt"\n\n\ndef test_gone():\n    assert not Path(PATH).exists()\n\n\n' + it("PATH"),
    ],
)
def test_what_cannot_be_moved_without_a_doubt_stays(asked: Callable[..., Any], tests: str) -> None:
    assert asked(tests).candidates == ()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("    shop.keep(path, 'a')\n", "`keep` of the product writes"),
        ("    shop.tell(path)\n", "`tell` of the product writes"),
        ("    shop.discard(path)\n", "`discard` of the product writes, or removes"),
        ("\n\nfrom shop import keep as put\n\n\ndef test_other():\n    put('/tmp/words.txt', 'a')\n", "`keep` of"),
        ("    with shop.Shelf(path):\n        pass\n", "give back what it took"),
        ("    os.system('shop ' + path)\n", "starts programs"),
    ],
)
def test_what_the_product_may_have_left_is_said(asked: Callable[..., Any], more: str, why: str) -> None:
    told = asked(it('"/tmp/words.txt"') + more)

    assert told.candidates == ()
    assert why in told.notes[0]


@pytest.mark.parametrize(
    ("body", "writes"),
    [
        ("    return using(path, io.FileIO)\n", True),
        ("    return using(path, open)\n", True),
        ("    return gzip.open(path, 'at')\n", True),
        ("    return io.FileIO(path)\n", False),
        ("    return open(path).read()\n", False),
    ],
)
def test_what_opens_files_and_is_handed_on_may_write(asked: Callable[..., Any], body: str, *, writes: bool) -> None:
    told = asked(it('"/tmp/words.txt"') + "    shop.note(path)\n", f"import gzip, io\n\n\ndef note(path):\n{body}")
    assert bool(told.candidates) is not writes
    assert bool(told.notes and "`note` of the product writes" in told.notes[0]) is writes


@pytest.mark.parametrize("place", ['"/tmp/words.txt"', 'os.path.join(tempfile.gettempdir(), "words.txt")'])
@pytest.mark.parametrize(
    "product", ["PLACE = '/tmp/words.txt'\n", "def default(folder):\n    return folder / 'words.txt'\n"]
)
def test_a_place_of_the_product_stays(asked: Callable[..., Any], place: str, product: str) -> None:
    assert asked(it(place), product).candidates == ()


def test_a_place_that_the_projects_words_name_stays(bench: Any, asked: Callable[..., Any]) -> None:
    bench.write({"README.md": "The words are kept in words.txt of the temporary folder.\n"})

    told = asked(it('"/tmp/words.txt"'))

    assert told.candidates == ()
    assert "README.md speaks of words.txt too" in told.notes[0]


def test_only_the_file_explains_it(asked: Callable[..., Any]) -> None:
    tests = it('"/tmp/words.txt"') + '\n\ndef test_first():\n    open("/tmp/words.txt", "a").write("a")\n'
    first, other = "tests/test_demo.py::test_first", "tests/test_more.py::test_more"
    order = {"verdict": "order", "polluters": [first]}

    def changed(module: str) -> dict[str, Any]:
        return {**order, "changes": {first: [{"module": module, "path": "KNOWN", "how": "inside", "type": "dict"}]}}

    assert asked(tests, **order).candidates
    assert asked(tests, **changed("files")).candidates
    assert not asked(tests, **changed("shop")).candidates  # the product keeps something in memory
    assert not asked(tests, **{**order, "polluters": [other]}).candidates  # another test, which states no such file
    for verdict in ("broken", "random", "timing", ""):
        assert not asked(tests, verdict=verdict).candidates


BEFORE = """\
import os
import pytest
import shop

PATH = "/tmp/words.txt"
LIMIT = "/tmp/limit"


def test_it():
    path = "/tmp/words.txt"
    assert shop.count(path) == 2


def test_gone():
    shop.tidy("/tmp/gone")
    assert not os.path.exists("/tmp/gone")


def test_rest():
    assert shop.count(LIMIT) == 2
    assert not os.path.exists(LIMIT + "x")


def test_all():
    assert shop.count(PATH) == 3
"""
FIXTURE = '''\
@pytest.fixture(autouse=True)
def _own_files(tmp_path):
    """Give each test files of its own: what lies in a shared folder may be anybody's."""
    global PATH
    PATH = str(tmp_path / "words.txt")


def test_it('''


PATH = 'path = "/tmp/words.txt"'


def test_the_forms_themselves_are_let_through(bench: Any) -> None:
    bench.write({"tests/test_demo.py": BEFORE.replace('    path = "/tmp/words.txt"', "    path = PATH"),
                 "shop/__init__.py": PRODUCT})  # fmt: skip
    changed = BEFORE.replace('    path = "/tmp/words.txt"', "    path = PATH").replace("def test_it(", FIXTURE)

    assert bench.rules({"tests/test_demo.py": changed}) == set()


@pytest.mark.parametrize(
    "change",
    [
        # another file than the one that was stated
        lambda text: text.replace("test_it()", "test_it(tmp_path)").replace(PATH, 'path = str(tmp_path / "other.txt")'),
        # in a new folder nothing has to be tidied away
        lambda text: text.replace("test_gone()", "test_gone(tmp_path)").replace(
            '"/tmp/gone"', 'str(tmp_path / "gone")'
        ),
        lambda text: text.replace("def test_it(", FIXTURE.replace("PATH", "LIMIT").replace("words.txt", "limit")),
        lambda text: text.replace("def test_it(", FIXTURE.replace("words.txt", "other.txt")),
        lambda text: text.replace("def test_it(", FIXTURE.replace("\n\n\n", '\n    open(PATH, "w").write("a")\n\n\n')),
        lambda text: text.replace("def test_it(", FIXTURE.replace("tmp_path)", "tmp_path, monkeypatch)")),
        # more than the place changes
        lambda text: text.replace("test_it()", "test_it(tmp_path)").replace(
            f"{PATH}\n    assert shop.count(path) == 2",
            'path = str(tmp_path / "words.txt")\n    assert shop.count(path) == 3',
        ),
    ],
)  # fmt: skip
def test_a_change_that_only_looks_like_it_is_refused(bench: Any, change: Callable[[str], str]) -> None:
    bench.write({"tests/test_demo.py": BEFORE, "shop/__init__.py": PRODUCT})

    assert change(BEFORE) != BEFORE
    assert bench.rules({"tests/test_demo.py": change(BEFORE)})


def test_a_move_away_from_the_products_own_place_is_refused(bench: Any) -> None:
    bench.write({"tests/test_demo.py": BEFORE, "shop/__init__.py": PRODUCT + "PLACE = '/tmp/words.txt'\n"})

    assert bench.rules({"tests/test_demo.py": BEFORE.replace("def test_it(", FIXTURE)})
