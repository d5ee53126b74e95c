"""Suites written for an old pytest, healed with the newest one by the real proof; and a defect behind such a form."""

from typing import Any

import pytest
from support.machine import LocalMachine

SHOP = "def total(a, b):\n    return a + b\n"
PATH = "import pathlib, sys\n\nsys.path.insert(0, str(pathlib.Path(__file__).parents[1]))\n"

MARKS = """\
import pytest
from shop import total

slow = pytest.mark.slow


@pytest.mark.parametrize("a, b, c", [
    (1, 2, 3),
    pytest.mark.xfail((1, 2, 4)),  # wrong on purpose
    slow((2, 2, 4)),
    pytest.mark.skipif(True, reason="x")((1, 1, 1)),
])
def test_total(a, b, c):
    assert total(a, b) == c
"""
MARKED = """\
    (1, 2, 3),
    pytest.param(1, 2, 4, marks=pytest.mark.xfail),  # wrong on purpose
    pytest.param(2, 2, 4, marks=slow),
    pytest.param(1, 1, 1, marks=pytest.mark.skipif(True, reason="x")),
"""
FIXTURES = """\
import pytest
from shop import total


@pytest.fixture(scope="module")
def pair():
    return [1, 2]


def test_total(pair):
    assert total(*pair) == 3


def test_fresh():
    assert total(*pair()) == 3
"""
SCOPE = FIXTURES.replace("scope=", "").replace(
    "fresh():\n    assert total(*pair())", "fresh(pair):\n    assert total(*pair)"
)
STRINGS = '''\
import pytest
from shop import total


def test_total():
    x = 1
    pytest.raises(TypeError, "total(x, None)")
    error = pytest.raises(TypeError, """
        y = 1
        total(y, None)
    """)
    assert "NoneType" in str(error.value)
'''
CONFIG = """\
import pytest
from shop import total


@pytest.mark.skipif(not pytest.config.getoption("--slow"), reason="slow")
def test_slow():
    assert total(1, 2) == 3


def test_total():
    assert not pytest.config.getoption("--slow")
    assert total(1, 2) == 3
"""
NODES = """\
import pytest
from shop import total


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".sums":
        return Sums(file_path, parent)


class Sums(pytest.File):
    def collect(self):
        for line in self.path.read_text().splitlines():
            yield Sum(line, self, line.split())


class Sum(pytest.Item):
    def __init__(self, name, parent, words):
        super(Sum, self).__init__(name, parent)
        self.words = words

    def runtest(self):
        a, b, c = map(int, self.words)
        assert total(a, b) == c
"""
UNITTEST = """\
import unittest

from shop import total


class TotalTest(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total(1, 2), 3)
"""
MADE_ITEM = """\
import inspect
import unittest

from _pytest.unittest import UnitTestCase


def pytest_pycollect_makeitem(collector, name, obj):
    if inspect.isclass(obj) and issubclass(obj, unittest.TestCase):
        return UnitTestCase(name, parent=collector)
    return []
"""
TOTAL = "from shop import total\n\n\ndef test_total({}):\n    assert total(1, 2) == {}\n"
OPTION = PATH + "\n\ndef pytest_addoption(parser):\n    parser.addoption('--slow', action='store_true')\n"
NAMESPACE = PATH + "LIMIT = 3\n\n\ndef pytest_namespace():\n    return {'limit': LIMIT}\n"
FUNCARG = PATH + "\n\ndef pytest_funcarg__three(request):\n    return 3\n"

CACHED = (
    PATH
    + """

def pytest_funcarg__three(request):
    def make():
        return [3]
    return request.cached_setup(setup=make, teardown=lambda made: made.clear(), scope="session")
"""
)
LOGS = """\
import logging
from shop import total


def test_total(caplog):
    caplog.setLevel(logging.DEBUG)
    logging.getLogger("shop").debug("sum %d", total(1, 2))
    assert "sum 3" in caplog.text()
"""
STREAM = """\
import sys
from shop import total


def test_total(capfd):
    sys.stdout.encoding = "gbk"
    print("\\u4e2d", total(1, 2), flush=True)
    assert capfd.readouterr().out == "\\u4e2d 3\\n"
"""

CASES = [
    pytest.param(
        "positional_scopes",
        {"tests/test_shop.py": SCOPE},
        '@pytest.fixture(scope="module")\n',
        id="scope",
    ),
    pytest.param(
        "cached_setups",
        {"tests/test_shop.py": TOTAL.format("three", "three[0]"), "tests/conftest.py": CACHED},
        "    value = make()\n    request.addfinalizer(lambda: (lambda made: made.clear())(value))\n    return value\n",
        id="cached",
    ),
    pytest.param("captured_logs", {"tests/test_shop.py": LOGS}, '    assert "sum 3" in caplog.text\n', id="logs"),
    pytest.param("marked_parameters", {"tests/test_shop.py": MARKS}, MARKED, id="marks"),
    pytest.param(
        "called_fixtures", {"tests/test_shop.py": FIXTURES}, "def pair():\n    return [1, 2]\n", id="fixtures"
    ),
    pytest.param(
        "raised_strings", {"tests/test_shop.py": STRINGS}, "    with pytest.raises(TypeError):\n", id="strings"
    ),
    pytest.param(
        "config_used",
        {"tests/test_shop.py": CONFIG, "tests/conftest.py": OPTION},
        "@pytest.mark.skipif(\"not config.getoption('--slow')\", reason=",
        id="config",
    ),
    pytest.param(
        "config_given",
        {
            "tests/test_shop.py": "from helpers import limit\n" + TOTAL.format("", "limit()"),
            "tests/helpers.py": "import pytest\n\n\ndef limit():\n    return 3 + pytest.config.getoption('--slow')\n",
            "tests/conftest.py": OPTION,
        },
        "def pytest_configure(config):\n    pytest.config = config",
        id="helper",
    ),
    pytest.param(
        "namespace_hook",
        {
            "tests/test_shop.py": "import pytest\n" + TOTAL.format("", "pytest.limit"),
            "tests/conftest.py": NAMESPACE,
        },
        "def pytest_configure():\n    pytest.limit = LIMIT\n",
        id="namespace",
    ),
    pytest.param(
        "prefixed_fixtures",
        {"tests/test_shop.py": TOTAL.format("three", "three"), "tests/conftest.py": FUNCARG},
        "@pytest.fixture\ndef three(request):\n",
        id="funcarg",
    ),
    pytest.param(
        "direct_nodes",
        {
            "tests/test_shop.py": TOTAL.format("", "3"),
            "tests/conftest.py": PATH + NODES,
            "tests/a.sums": "1 2 3\n2 2 4\n",
        },
        "            yield Sum.from_parent(self, name=line, words=line.split())\n",
        id="nodes",
    ),
    pytest.param(
        "direct_nodes",
        {"tests/test_shop.py": UNITTEST, "tests/conftest.py": PATH + MADE_ITEM},
        "        return UnitTestCase.from_parent(collector, name=name)\n",
        id="imported-nodes",
    ),
    pytest.param(
        "stream_encodings", {"tests/test_shop.py": STREAM}, '    sys.stdout.reconfigure(encoding="gbk")\n', id="streams"
    ),
]


@pytest.mark.parametrize(("generator", "files", "shown"), CASES)
def test_an_old_form_is_healed(
    machine: LocalMachine, write: Any, generator: str, files: dict[str, str], shown: str
) -> None:
    # given a suite in a form that pytest gave up
    root = write({"shop.py": SHOP, "tests/conftest.py": PATH, **files})

    # when it runs
    outcome = machine.run(root)

    # then it is healed in the documented way, and the product is as it was
    assert outcome.run.status == "healed", [f.diagnosis for f in outcome.failures]
    assert {r.generator for r in outcome.accepted} == {generator}
    added = "".join(f"{line[1:]}\n" for line in outcome.patch.splitlines() if line[:1] in "+ " and line[:3] != "+++")
    assert shown in added
    assert "shop.py" not in {file for r in outcome.accepted for file in r.files}


@pytest.mark.parametrize(
    ("files", "product"),
    [
        pytest.param({"tests/test_shop.py": MARKS}, SHOP.replace("a + b", "a + b + 1"), id="marks"),
        pytest.param({"tests/test_shop.py": FIXTURES}, SHOP.replace("a + b", "a + b + 1"), id="fixtures"),
        pytest.param({"tests/test_shop.py": STREAM}, SHOP.replace("a + b", "a + b + 1"), id="streams"),
        pytest.param({"tests/test_shop.py": STRINGS}, "def total(a, b):\n    return None\n", id="strings"),
    ],
)
def test_a_defect_behind_an_old_form_stays_one(
    machine: LocalMachine, write: Any, files: dict[str, str], product: str
) -> None:
    # given the same suites, and a product that is wrong
    root = write({"shop.py": product, "tests/conftest.py": PATH, **files})

    # when they run
    outcome = machine.run(root)

    # then the wrong product is still seen to be wrong, and nothing that is claimed of it is gone
    assert outcome.run.status != "healed"
    assert not [line for line in outcome.patch.splitlines() if line.startswith("-") and "assert " in line]
    assert "shop.py" not in outcome.patch
