"""Who answers for state that a test leaves changed: told from what the test code says that it does."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from maestro.healing.base import Project
from maestro.healing.leaks.answering import Answer, Answering
from maestro.healing.leaks.blame import blamed
from maestro.healing.leaks.fixtures import left_by, shared
from maestro.healing.sourcetree import SourceTree
from maestro.model import EnvironmentFacts, EnvironmentSpec, ErrorKind, Facts, Failure, Phase, Severity

TEST, VICTIM = "tests/test_shop.py::test_it", "tests/test_shop.py::test_other"
PRODUCT = """\
    import functools
    import logging
    import os

    class Table:
        def __init__(self, rows):
            self.rows = rows

        def add(self, row):
            self.rows.append(row)

        def set_aside(self, row):
            \"\"\"Put a row aside; the table is left as it is.\"\"\"
            self.rows.remove(row)

    def normal(rows):
        rows.sort()
        return rows

    def build(folder):
        os.chdir(folder)

    def german():
        os.environ["LANG"] = "de"

    def load_dotenv():
        os.environ["LANG"] = "de"

    def in_env():
        \"\"\"Look into the environment, which is left as it was.\"\"\"
        os.environ["LANG"] = "de"

    @functools.lru_cache
    def price(name):
        return PRICES[name]

    def set_price(name, value):
        PRICES[name] = value

    PRICES = {}
"""
HEAD = """\
import copy, logging, os, random
import pytest
import shop
from shop import Table, build, german, load_dotenv, normal, price, set_price
from helpers import fill, look

ROWS = [{"price": 1}]
FILE = "out/left.txt"


@pytest.fixture
def in_german():
    os.environ["LANG"] = "de"


"""
HELPERS = "def fill(rows):\n    rows.append(1)\n\n\ndef look(rows):\n    return list(rows)\n"


def change(module: str, path: str, **more: Any) -> dict[str, Any]:
    return {"module": module, "path": path, "how": "inside", "type": "list", "deep": False, "plain": True, "also": [],
            **more}  # fmt: skip


def project(folder: Path, body: str, arguments: str = "", head: str = HEAD, other: str = "pass") -> SourceTree:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    files = {
        "shop.py": PRODUCT,
        "tests/helpers.py": HELPERS,
        "tests/test_shop.py": f"{head}def test_it({arguments}):\n{lines}\n\n\ndef test_other():\n    {other}\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(dedent(text))
    return SourceTree(folder, ("tests",))


def answer(tree: SourceTree, seen: dict[str, Any]) -> Answer:
    told = {"verdict": "order", "victim": VICTIM, "polluters": [TEST], "changes": {TEST: [seen]}, "stress": []}
    return Answering(tree, told, [TEST, VICTIM]).answer(seen)


ROWS = change("test_shop", "ROWS", deep=True)
ENVIRON = change("os.environ", "LANG", type="environ")
FOLDER = change("os.getcwd", "", how="rebound", type="str")
LEVEL = change("logging", "shop", how="rebound", type="level")
OFF = change("logging", "", how="rebound", type="disable")
LEFT = change("files", "out/left.txt", how="added", type="file")
WRITTEN = change("files", "out/left.txt", type="file")
CLOCK = change("time", "time", how="rebound", type="builtin_function_or_method")


@pytest.mark.parametrize(
    ("seen", "body"),
    [
        (ROWS, 'ROWS[0]["price"] = 2'),
        (ROWS, "for row in ROWS:\n    row['price'] = 2"),
        (ROWS, "row = ROWS[0]\nrow.update(price=2)"),
        (ROWS, "del ROWS[0]"),
        (ROWS, "first, *rest = copy.copy(ROWS), 1\ncopied = copy.copy(ROWS)\ncopied[0]['price'] = 2"),
        (ROWS, "assert ROWS.pop() == {}"),
        (ROWS, "random.shuffle(ROWS)"),
        (ROWS, "fill(ROWS)"),
        (ROWS, "table = Table(ROWS)\ntable.add({})"),
        (ROWS, "global ROWS\nROWS = []"),
        (change("test_shop", "Case.table.rows", how="added"), "self.table.add(1)"),
        (change("test_shop", "table.rows"), "table.add(1)"),
        (ENVIRON, 'os.environ["LANG"] = "de"'),
        (ENVIRON, 'env = os.environ\nenv.update(LANG="de")'),
        (ENVIRON, "load_dotenv()"),
        (FOLDER, 'os.chdir("data")'),
        (LEVEL, 'logging.getLogger("shop").setLevel(1)'),
        (OFF, "logging.disable(50)"),
        (LEFT, "shop.export(FILE)"),
        (WRITTEN, 'open(FILE, "w").write("")'),
        (CLOCK, "import time\ntime.time = lambda: 0"),
        (CLOCK, 'patch("time.time").start()'),
    ],
)
def test_what_test_code_changes_is_the_tests(tmp_path: Path, seen: dict[str, Any], body: str) -> None:
    assert answer(project(tmp_path, body), seen) is Answer.TESTS


@pytest.mark.parametrize("name", ["in_german", "testing"])
def test_what_a_fixture_of_the_test_changes_is_the_tests(tmp_path: Path, name: str) -> None:
    head = HEAD.replace("in_german", name)
    assert answer(project(tmp_path, "assert shop", name, head), ENVIRON) is Answer.TESTS


@pytest.mark.parametrize(
    ("seen", "body"),
    [
        (ROWS, "assert normal(ROWS) == [{}]"),
        (ROWS, "found = normal(ROWS)\nfound.append(1)"),
        (ROWS, "table = Table(ROWS)\nassert list(table)"),
        (ROWS, "table = Table(ROWS)\ntable.set_aside({})"),
        (ROWS, "table = Table(ROWS)\nwith pytest.raises(ValueError):\n    table.refuse(1)"),
        (ROWS, "table = Table(ROWS)\ntable.copy()"),
        (ROWS, "assert look(normal(ROWS))"),
        (ENVIRON, "with german():\n    pass"),
        (ENVIRON, "german()"),
        (ENVIRON, "shop.in_env()"),
        (ENVIRON, 'os.environ["OTHER"] = "x"\ngerman()'),
        (FOLDER, "build('data')"),
        (FOLDER, "monkeypatch.chdir('data')\nbuild('data')"),
        (LEVEL, "with shop.quiet():\n    pass"),
        (OFF, "logging.getLogger('shop').setLevel(1)\nshop.quiet()"),
    ],
)
def test_what_the_product_changes_unasked_is_the_products(tmp_path: Path, seen: dict[str, Any], body: str) -> None:
    assert answer(project(tmp_path, body), seen) is Answer.PRODUCT


@pytest.mark.parametrize(
    ("seen", "body"),
    [
        (ROWS, "ROWS = []\nROWS.append(1)"),
        (ROWS, "shop.normal(ROWS)"),  # told to do something with it, and nobody says whether it may change
        (LEFT, "shop.export()"),
        (LEFT, "shop.export(FILE)\nshop.remove(FILE)"),
        (LEFT, "with shop.exported(FILE):\n    pass"),
        (WRITTEN, "shop.names(FILE)"),
        (CLOCK, "assert shop.frozen('time')"),
        (change("json", "encoder.separator", how="rebound", type="str"), "shop.dumps(1)"),
        (CLOCK, "shop.freeze()"),
    ],
)
def test_what_nobody_shows_to_change_it_is_left(tmp_path: Path, seen: dict[str, Any], body: str) -> None:
    assert answer(project(tmp_path, body), seen) is Answer.UNCLEAR


CACHED = change("shop", "price", how="cached", type="lru_cache")


@pytest.mark.parametrize(
    ("body", "other", "expected"),
    [
        ("price('pen')", "set_price('pen', 4); assert price('pen') == 4", Answer.PRODUCT),
        ("price('pen')", "os.environ['RATE'] = '2'; assert price('pen') == 4", Answer.SHARED),
        ("price('pen')", "shop.PRICES = {}; assert price('pen') == 4", Answer.SHARED),
        ("open('prices', 'w')", "assert price('pen') == 4", Answer.SHARED),
        ("price('pen')", "assert shop.total() == 4", Answer.UNCLEAR),
    ],
)
def test_a_cache_is_emptied_where_tests_change_what_it_goes_by(
    tmp_path: Path, body: str, other: str, expected: Answer
) -> None:
    assert answer(project(tmp_path, body, other=other), CACHED) is expected


FIXTURE = """\
import pytest
from shop import Table


@pytest.fixture(scope="module")
def table():
    return Table([])


@pytest.fixture
def client(table):
    return table.client()


def test_other(table):
    pass


"""


@pytest.mark.parametrize(
    ("body", "arguments", "said"),
    [
        ("table.add(1)", "table", ""),
        ("table.rows[0].price = 2", "table", ""),
        ("table.config['x'] = 1", "table", ""),
        ("assert table.pop() == 1", "table", ""),
        ("cursor = table.cursor()\ncursor.execute('delete')", "table", ""),
        ("client.post('/x')", "client", ""),
        ("table.clear()", "table", ""),
        ("assert table.peek() == 1", "table", "nothing"),
        ("table.peek()", "table", "nothing"),
        ("other = table.copy()\nother.rows.append(1)", "table", "nothing"),
        ("assert table.page(3)", "table", "nothing"),
        ("table.set_aside(1)", "table", "nothing"),
        ("with table.borrowed():\n    pass", "table", "nothing"),
        ("with pytest.raises(ValueError):\n    table.put(1)\n    table.refuse(1)", "table", "nothing"),
        ("with table.transaction() as part:\n    part.add(1)", "table", "nothing"),
        ("with table.override(size=1):\n    table.size = 2", "table", "nothing"),
        ("with pytest.raises(ValueError):\n    table.refuse(1)", "table", "nothing"),
        ("assert client.get('/x')", "client", "nothing"),
        ("table.add(1)\ntable.rollback()", "table", "takes back by `table.rollback()`"),
    ],
)
def test_a_fixture_is_the_tests_where_one_says_that_it_changes_it(
    tmp_path: Path, body: str, arguments: str, said: str
) -> None:
    tree = project(tmp_path, body, arguments, FIXTURE)
    told = {"verdict": "order", "victim": VICTIM, "polluters": [TEST], "changes": {}, "stress": []}
    assert [name for _, name in shared(told, tree)] == ["table"]

    why = left_by(told, "table", tree)

    assert bool(why) is bool(said)
    assert said in why


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("shop.normal(table)", False),
        ("assert shop.normal(table)", True),
        ("assert table.peek() == 1", True),
        ("table.add(1)", False),
    ],
)
def test_the_product_is_blamed_for_a_fixture_where_it_was_only_asked(tmp_path: Path, body: str, *, said: bool) -> None:
    project(tmp_path, body, "table", FIXTURE)
    told = {"verdict": "order", "victim": VICTIM, "polluters": [TEST], "changes": {}, "stress": []}
    facts = Facts(Phase.CALL, "AssertionError", "no")
    failure = Failure("f", ErrorKind.TEST_FAILURE, Severity.LOW, "s", "c", (VICTIM,), "t", "no", facts, diagnosis=told)
    tested = Project(tmp_path, EnvironmentSpec("3.12", ("pytest",)), EnvironmentFacts("0", "3.12"), "", ("tests",))
    assert bool(blamed(failure, tested)) is said
