# ruff: noqa: E501 - the cases are tables; a row reads best on one line
"""Wrong repairs, written by hand, are refused by a named rule; right ones pass every static gate."""

from pathlib import Path

import pytest
from fissix.refactor import RefactoringTool, get_fixers_from_package
from healing_core_trees import candidate, failure, two_trees
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.healing import proof, weakening
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import Failure, GateResult, Trial, TrialStatus

PRODUCT = """\
import collections
import math

from shop.rates import rate


class Cart:
    def __init__(self):
        self.items = []

    def add(self, name, price):
        if price < 0:
            raise ValueError("a price cannot be negative: %r" % price)
        self.items.append((name, price))

    def total(self):
        return math.floor(sum(price for _, price in self.items) * rate())
"""
TESTS = """\
import time
import unittest

import pytest

from shop.cart import Cart
from shop import rates


@pytest.fixture
def cart():
    cart = Cart()
    cart.add("apple", 10)
    return cart


def test_total(cart):
    cart.add("pear", 5)
    assert cart.total() == 15
    assert len(cart.items) == 2


def test_negative(cart):
    with pytest.raises(ValueError, match="negative"):
        cart.add("debt", -1)


@pytest.mark.parametrize("price", [1, 2, 3])
def test_price(cart, price):
    cart.add("x", price)
    assert cart.total() == pytest.approx(10 + price, abs=0.001)


def test_slow(cart):
    start = time.monotonic()
    time.sleep(0.01)
    assert time.monotonic() - start > 0.005


class CartTest(unittest.TestCase):
    def setUp(self):
        self.cart = Cart()

    def test_empty(self):
        self.assertEqual(self.cart.total(), 0)
        self.assertAlmostEqual(rates.rate(), 1.0, places=5)
"""
BASE = {
    "shop/__init__.py": "",
    "shop/cart.py": PRODUCT,
    "shop/rates.py": "def rate():\n    return 1.0\n",
    "tests/test_cart.py": TESTS,
    "tests/conftest.py": "import pytest\n\n\ndef pytest_configure(config):\n    config.addinivalue_line('markers', 'slow')\n",
    "tests/data.json": '{"total": 15}\n',
    "setup.cfg": "[metadata]\nname = shop\n\n[tool:pytest]\naddopts = -ra\ntestpaths = tests\n",
    "tox.ini": "[pytest]\naddopts = --pep8 --isort --strict tests docs\n",
    "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["six"]\n\n[tool.pytest.ini_options]\naddopts = "-ra"\n',
    "requirements.txt": "six==1.16.0\n",
    "maestro.yaml": (
        "project: shop\nenvironment:\n  python: '3.12'\n  install:\n  - pytest==9.0\n  - -e .\n  variables:\n    TZ: UTC\n"
        "suites:\n  tests:\n    kind: test\n    adapter: pytest\n    paths: [tests]\n    args: []\n"
    ),
}


def edit(name: str, old: str, new: str) -> dict[str, str | None]:
    text = BASE[name]
    assert old in text, f"the case is wrong: {old!r} is not in {name}"
    return {name: text.replace(old, new)}


def in_tests(old: str, new: str) -> dict[str, str | None]:
    return edit("tests/test_cart.py", old, new)


def in_product(old: str, new: str) -> dict[str, str | None]:
    return edit("shop/cart.py", old, new)


ASSERT = "    assert cart.total() == 15\n"
WRONG: dict[str, tuple[str, str, dict[str, str | None]]] = {
    # name: (gate that refuses it, what its detail says, the edits)
    "assertion deleted": ("no_weakening", "lost_assertion", in_tests(ASSERT, "")),
    "assertion commented out": ("no_weakening", "lost_assertion", in_tests(ASSERT, "    # assert cart.total() == 15\n")),
    "assertion became a call": ("no_weakening", "lost_assertion", in_tests(ASSERT, "    cart.total() == 15\n")),
    "expected literal changed": ("provenance", "changed_literal", in_tests("== 15", "== 14")),
    "expected literal in unittest": ("provenance", "changed_literal", in_tests("total(), 0)", "total(), 1)")),
    "input changed to fit": ("provenance", "changed_literal", in_tests('"pear", 5', '"pear", 4')),
    "equality became inequality": ("no_weakening", "changed_assertion", in_tests("== 15", ">= 15")),
    "equality became membership": ("no_weakening", "changed_assertion", in_tests("== 15", "in (14, 15)")),
    "assert True": ("no_weakening", "vacuous_assertion", in_tests(ASSERT, "    assert True\n")),
    "compared with itself": ("no_weakening", "vacuous_assertion", in_tests("== 15", "== cart.total()")),
    "or True": ("no_weakening", "vacuous_assertion", in_tests("== 15", "== 15 or True")),
    "length at least nothing": ("no_weakening", "vacuous_assertion", in_tests("len(cart.items) == 2", "len(cart.items) >= 0")),
    "an object": ("no_weakening", "vacuous_assertion", in_tests("cart.total() == 15", "isinstance(cart.total(), object)")),
    "tuple assertion": ("no_weakening", "vacuous_assertion", in_tests(ASSERT, "    assert (cart.total() == 15, 'total')\n")),
    "truth instead of value": ("no_weakening", "changed_assertion", in_tests("assert cart.total() == 15", "assert cart.total()")),
    "unittest truth": (
        "no_weakening",
        "changed_assertion",
        in_tests("self.assertEqual(self.cart.total(), 0)", "self.assertIsNotNone(self.cart.total())"),
    ),
    "unittest with itself": (
        "no_weakening",
        "vacuous_assertion",
        in_tests("self.assertEqual(self.cart.total(), 0)", "self.assertEqual(self.cart.total(), self.cart.total())"),
    ),
    "skip mark": ("no_weakening", "new_skip", in_tests("def test_total", "@pytest.mark.skip\ndef test_total")),
    "skipif mark": (
        "no_weakening",
        "new_skip",
        in_tests("def test_total", "@pytest.mark.skipif(True, reason='x')\ndef test_total"),
    ),
    "xfail mark": ("no_weakening", "new_skip", in_tests("def test_total", "@pytest.mark.xfail\ndef test_total")),
    "skip call": ("no_weakening", "new_skip", in_tests(ASSERT, "    pytest.skip('later')\n" + ASSERT)),
    "module skipped": ("no_weakening", "new_skip", in_tests("import pytest\n", "import pytest\npytestmark = pytest.mark.skip\n")),
    "importorskip": ("no_weakening", "new_skip", in_tests("import pytest\n", "import pytest\npytest.importorskip('gone')\n")),
    "unittest skip": ("no_weakening", "new_skip", in_tests("    def test_empty", "    @unittest.skip('x')\n    def test_empty")),
    "expected failure": (
        "no_weakening",
        "new_skip",
        in_tests("    def test_empty", "    @unittest.expectedFailure\n    def test_empty"),
    ),
    "process left": ("no_weakening", "new_skip", in_tests(ASSERT, "    import os; os._exit(0)\n" + ASSERT)),
    "hidden class": ("no_weakening", "new_skip", in_tests("    def setUp", "    __test__ = False\n\n    def setUp")),
    "early return": ("no_weakening", "early_return", in_tests(ASSERT, "    return\n" + ASSERT)),
    "conditional return": ("no_weakening", "early_return", in_tests(ASSERT, "    if cart:\n        return\n" + ASSERT)),
    "false condition": ("no_weakening", "unreachable_assertion", in_tests(ASSERT, "    if False:\n        assert cart.total() == 15\n")),
    "swallowed": (
        "no_weakening",
        "swallowed_error",
        in_tests(ASSERT, "    try:\n        assert cart.total() == 15\n    except AssertionError:\n        pass\n"),
    ),
    "swallowed import": (
        "no_weakening",
        "swallowed_error",
        in_tests("import unittest\n", "try:\n    import unittest\nexcept ImportError:\n    pass\n"),
    ),
    "import replaced by nothing": (
        "no_weakening",
        "swallowed_error",
        in_tests("import unittest\n", "try:\n    import unittest\nexcept ModuleNotFoundError:\n    unittest = None\n"),
    ),
    "suppressed": (
        "no_weakening",
        "swallowed_error",
        in_tests(ASSERT, "    import contextlib\n    with contextlib.suppress(Exception):\n        assert cart.total() == 15\n"),
    ),
    "guarded and re-tested": (
        "no_weakening",
        "guarded_assertion",
        in_tests(ASSERT, "    try:\n        assert cart.total() == 15\n    except Exception:\n        assert cart.items\n"),
    ),
    "wrapped in a condition": (
        "no_weakening",
        "lost_assertion",
        in_tests(ASSERT, "    if cart.total() > 14:\n        assert cart.total() == 15\n"),
    ),
    "raises anything": ("no_weakening", "widened_raises", in_tests("raises(ValueError, ", "raises(Exception, ")),
    "raises a tuple": ("no_weakening", "widened_raises", in_tests("raises(ValueError, ", "raises((ValueError, TypeError), ")),
    "raises without match": ("no_weakening", "widened_raises", in_tests(', match="negative"', "")),
    "raises another": ("no_weakening", "widened_raises", in_tests("raises(ValueError, ", "raises(TypeError, ")),
    "approx looser": ("no_weakening", "loosened_tolerance", in_tests("abs=0.001", "abs=5")),
    "approx added": ("no_weakening", "loosened_tolerance", in_tests("places=5", "places=0")),
    "rounded": ("no_weakening", "changed_assertion", in_tests("cart.total() == 15", "round(cart.total(), -1) == 15")),
    "parameters lost": ("no_weakening", "lost_parameters", in_tests("[1, 2, 3]", "[1, 2]")),
    "parameters changed": ("no_weakening", "lost_parameters", in_tests("[1, 2, 3]", "[1, 2, 4]")),
    "test renamed away": ("no_weakening", "removed_test", in_tests("def test_total", "def check_total")),
    "test class removed": ("no_weakening", "removed_test", in_tests(TESTS[TESTS.index("class CartTest") :], "")),
    "test file removed": ("no_weakening", "removed_file", {"tests/test_cart.py": None}),
    "test file emptied": ("no_weakening", "lost_assertion", {"tests/test_cart.py": ""}),
    "test shadowed": (
        "no_weakening",
        "shadowed_test",
        in_tests("class CartTest", "def test_total():\n    assert 1 + 1 == 2\n\n\nclass CartTest"),
    ),
    "test overwritten": ("no_weakening", "overwritten_name", in_tests("class CartTest", "test_total = None\n\n\nclass CartTest")),
    "test deleted by name": ("no_weakening", "dynamic_rebinding", in_tests("class CartTest", "del test_total\n\n\nclass CartTest")),
    "value made up": ("no_weakening", "overwritten_name", in_tests(ASSERT, "    cart = type('C', (), {'total': lambda s: 15, 'items': [1, 2]})()\n" + ASSERT)),
    "method replaced": ("no_weakening", "overwritten_name", in_tests(ASSERT, "    cart.total = lambda: 15\n" + ASSERT)),
    "product mocked by class": ("no_weakening", "mocks_product", in_tests("@pytest.fixture", "Cart.total = lambda self: 15\n\n\n@pytest.fixture")),
    "product mocked by module": ("no_weakening", "mocks_product", in_tests("@pytest.fixture", "rates.rate = lambda: 1\n\n\n@pytest.fixture")),
    "product monkeypatched": (
        "no_weakening",
        "mocks_product",
        in_tests("def test_total(cart):\n", "def test_total(cart, monkeypatch):\n    monkeypatch.setattr(Cart, 'total', lambda self: 15)\n"),
    ),
    "product patched by name": (
        "no_weakening",
        "mocks_product",
        in_tests(ASSERT, "    from unittest import mock\n    mock.patch('shop.cart.Cart.total', return_value=15).start()\n" + ASSERT),
    ),
    "second import of the same name": ("no_weakening", "the project defines", in_tests("from shop.cart import Cart\n", "from shop.cart import Cart\nfrom tests.fakes import Cart\n")),
    "mock imported as the product": ("no_weakening", "the project defines", in_tests("from shop.cart import Cart\n", "from shop.cart import Cart\nfrom unittest.mock import MagicMock as Cart\n")),
    "import hides a variable": ("no_weakening", "hides `cart`", in_tests(ASSERT, "    from fakes import cart\n" + ASSERT)),
    "star import": ("no_weakening", "hides `*`", in_tests("import pytest\n", "import pytest\nfrom fakes import *\n")),
    "builtin hidden": ("no_weakening", "is a builtin", in_tests("import pytest\n", "import pytest\nfrom fakes import len\n")),
    "input added to fit": ("no_weakening", "over_fitted", in_tests(ASSERT, "    cart.add('makeweight', 1)\n" + ASSERT)),
    "product reset in a test": ("no_weakening", "over_fitted", in_tests(ASSERT, "    rates.rate()\n" + ASSERT)),
    "standard library replaced": ("no_weakening", "overwritten_name", in_tests("@pytest.fixture", "import math\nmath.floor = lambda x: 15\n\n\n@pytest.fixture")),
    "standard library patched": ("no_weakening", "mocks_product", in_tests(ASSERT, "    from unittest import mock\n    mock.patch('math.floor').start()\n" + ASSERT)),
    "builtins replaced": ("no_weakening", "overwritten_name", {"conftest.py": "import builtins\n\nbuiltins.sum = lambda x: 15\n"}),
    "limit of time in an assertion": ("provenance", "changed_literal", in_tests("start > 0.005", "start > 0.0005")),
    "shorter wait": ("provenance", "changed_literal", in_tests("sleep(0.01)", "sleep(0.001)")),
    "dependency stubbed": (
        "no_weakening",
        "stubbed_module",
        {"conftest.py": "import sys\nimport types\n\nsys.modules['numpy'] = types.ModuleType('numpy')\n"},
    ),
    "conftest deselects": (
        "no_weakening",
        "collection_hook",
        {"conftest.py": "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if 'total' not in i.name]\n"},
    ),
    "conftest forces outcomes": (
        "no_weakening",
        "collection_hook",
        edit("tests/conftest.py", "import pytest\n", "import pytest\n\n\ndef pytest_runtest_makereport(item, call):\n    call.excinfo = None\n"),
    ),
    "conftest ignores": ("no_weakening", "new_skip", {"conftest.py": "collect_ignore = ['tests/test_cart.py']\n"}),
    "addopts ignores": ("no_weakening", "deselecting_configuration", edit("setup.cfg", "-ra", "-ra --ignore=tests/test_cart.py")),
    "addopts deselects": ("no_weakening", "deselecting_configuration", edit("setup.cfg", "-ra", "-ra -k 'not total'")),
    "addopts in pyproject": ("no_weakening", "deselecting_configuration", edit("pyproject.toml", '"-ra"', '"-ra -p no:unittest"')),
    "checker dropped": ("no_weakening", "addopts lost '--strict'", edit("tox.ini", " --strict", "")),
    "old checker dropped": ("no_weakening", "addopts lost '--pep8'", edit("tox.ini", " --pep8", "")),
    "another checker instead": ("no_weakening", "addopts gained '--flakes'", edit("tox.ini", "--pep8", "--flakes")),
    "one successor for two checkers": (
        "no_weakening",
        "addopts lost '--isort'",
        edit("tox.ini", "--pep8 --isort", "--pycodestyle"),
    ),
    "successor and more": ("no_weakening", "addopts gained '--lf'", edit("tox.ini", "--pep8", "--pycodestyle --lf")),
    "successor of nothing": ("no_weakening", "addopts gained '--pydocstyle'", edit("tox.ini", "--pep8", "--pep8 --pydocstyle")),
    "successor that turns it off": ("no_weakening", "addopts gained", edit("tox.ini", "--pep8", "--pycodestyle=off")),
    "folder of tests dropped": ("no_weakening", "addopts lost 'docs'", edit("tox.ini", " docs", "")),
    "testpaths narrowed": ("no_weakening", "deselecting_configuration", edit("setup.cfg", "testpaths = tests", "testpaths = tests/unit")),
    "python_files narrowed": ("no_weakening", "deselecting_configuration", edit("setup.cfg", "addopts = -ra", "addopts = -ra\npython_files = check_*.py")),
    "norecursedirs": ("no_weakening", "deselecting_configuration", edit("setup.cfg", "addopts = -ra", "addopts = -ra\nnorecursedirs = tests")),
    "new pytest.ini": ("no_weakening", "deselecting_configuration", {"pytest.ini": "[pytest]\naddopts = --deselect tests/test_cart.py\n"}),
    "suite narrowed": ("no_weakening", "deselecting_configuration", edit("maestro.yaml", "paths: [tests]", "paths: [tests/unit]")),
    "suite args": ("no_weakening", "deselecting_configuration", edit("maestro.yaml", "args: []", "args: [-k, not total]")),
    "asserts optimised away": ("no_weakening", "deselecting_configuration", edit("maestro.yaml", "TZ: UTC", "TZ: UTC\n    PYTHONOPTIMIZE: '1'")),
    "addopts by variable": ("no_weakening", "deselecting_configuration", edit("maestro.yaml", "TZ: UTC", "TZ: UTC\n    PYTEST_ADDOPTS: --co")),
    "published version instead": ("no_weakening", "replaces_product", edit("maestro.yaml", "- -e .", "- -e .\n  - shop==1.0")),
    "requirement from elsewhere": (
        "no_weakening",
        "unvetted_requirement",
        edit("maestro.yaml", "- pytest==9.0", "- pytest @ https://example.invalid/pytest.whl"),
    ),
    "other index": ("no_weakening", "unvetted_requirement", edit("requirements.txt", "six", "--index-url https://example.invalid\nsix")),
    "expected data changed": ("provenance", "changed_data", {"tests/data.json": '{"total": 14}\n'}),
    "product returns the answer": ("scope", "product code", in_product("return math.floor", "return 15 or math.floor")),
    "product constant": ("scope", "product code", in_product("price < 0", "price < -100")),
    "product operator": ("scope", "product code", in_product("* rate()", "+ rate()")),
    "product check removed": (
        "scope",
        "product code",
        in_product('        if price < 0:\n            raise ValueError("a price cannot be negative: %r" % price)\n', ""),
    ),
    "product swallows": (
        "no_weakening",
        "swallowed_error",
        in_product("        self.items.append((name, price))\n", "        try:\n            self.items.append((name, price))\n        except TypeError:\n            pass\n"),
    ),
    "product sniffs modules": (
        "no_weakening",
        "detects_tests",
        in_product("        return math.floor", "        import sys\n        if 'pytest' in sys.modules:\n            return 15\n        return math.floor"),
    ),
    "product sniffs environment": (
        "no_weakening",
        "detects_tests",
        in_product("        return math.floor", "        import os\n        if os.environ.get('PYTEST_CURRENT_TEST'):\n            return 15\n        return math.floor"),
    ),
    "product debug": ("no_weakening", "detects_tests", in_product("        return math.floor", "        if __debug__:\n            return 15\n        return math.floor")),
    "a living function replaced": ("scope", "still in the standard library", in_product("math.floor(", "math.ceil(")),
    "a builtin replaced": ("scope", "is a builtin", in_product("math.floor(sum(", "math.floor(max(")),
    "own function replaced": ("scope", "product code", in_product("from shop.rates import rate", "from shop.fakes import rate")),
    "own attribute replaced": ("scope", "the project defines", in_product("self.items.append", "self.total.append")),
    "method of builtin replaced": ("scope", "builtin types have", in_product("self.items.append", "self.items.extend")),
    "new product file": ("scope", "product code", {"shop/extra.py": "X = 1\n"}),
    "shadowing module": ("scope", "product code", {"six.py": "PY3 = True\n"}),
    "sitecustomize": ("scope", "protected", {"tests/sitecustomize.py": "import sys\n"}),
    "ci changed": ("scope", "protected", {".github/workflows/ci.yml": "on: push\n"}),
    "does not parse": ("parses", "does not parse", in_tests("def test_total(cart):", "def test_total(cart)")),
    "undefined name": ("lints", "F821", in_tests("from shop.cart import Cart\n", "")),
}  # fmt: skip


def static_gates(before: Path, after: Path, broken: Failure | None = None) -> dict[str, GateResult]:
    trial = Trial("c1", TrialStatus.RAN)
    attempt = Attempt(broken or failure(), candidate(), trial, (), before, after, Policy(protect=("secret/*",)))
    return proof.prove(attempt, gates=STATIC_GATES)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_repair_is_refused_by_its_gate(name: str, tmp_path: Path) -> None:
    gate, said, edits = WRONG[name]
    before, after = two_trees(tmp_path, BASE, edits)
    result = static_gates(before, after)[gate]
    assert not result.passed
    assert said in result.detail


PY2_TESTS = """\
import unittest
from StringIO import StringIO


class OldTest(unittest.TestCase):
    def test_old(self):
        out = StringIO()
        print >>out, u"a", 0777
        try:
            {}["x"]
        except KeyError, e:
            self.assertEquals(e.args, ("x",))
        for key, value in {"a": 1}.iteritems():
            self.assert_(key in {"a": 1}.keys())
            self.assertEquals(unicode(value), ur"1")
        self.assertEquals(out.getvalue(), "a 511\\n")
"""
PY2_PRODUCT = """\
import urllib2


def fetch(url, seen={}):
    if seen.has_key(url):
        raise ValueError, "seen: %s" % url
    try:
        print "fetching", url
        return [x for x in map(str, xrange(3)) if x <> "1"]
    except (IOError, urllib2.URLError), e:
        return `e`
"""
COLLECTIONS_TESTS = """\
import collections
import unittest

import mock
import pytest
from collections import Mapping


class ThingTest(unittest.TestCase):
    def test_alias(self):
        self.assertEquals(1, len({1: 2}), "one")
        self.assertRegexpMatches("abc", "b")
        self.assertItemsEqual([1], [1])
        with self.assertRaisesRegexp(ValueError, "invalid"):
            int("x")

    def test_mapping(self):
        assert isinstance({}, Mapping)
        assert isinstance({}, collections.Sized)


@mock.patch("collections.OrderedDict")
def test_patched(patched):
    patched()
    assert patched.called_once_with()


@pytest.yield_fixture
def thing():
    yield 1
"""
CONFTEST = """\
from os.path import basename

async_files = ["test_async.py"]


def pytest_ignore_collect(path):
    if basename(str(path)) in async_files:
        return True
    return path.basename.endswith("_py35.py")
"""
WAITING = """\
import time
from shop.cart import Cart
from timeouts import timeout


def test_expiry():
    cart = Cart(max_age=0.05)
    time.sleep(0.001)
    assert cart.total() == 0


@timeout(0.5)
def test_slow():
    script = "import time; time.sleep(0.1); print(1)"
    assert Cart().run(script) == 0
"""
UTILITIES = """\
import asyncio
import collections
import os
import time
from collections import Mapping

from werkzeug.security import safe_str_cmp


@asyncio.coroutine
def wait(loop):
    yield from asyncio.sleep(1, loop=loop)
    return time.clock()


def names(folder, value):
    if isinstance(value, (Mapping, collections.Sequence)):
        return os.listdir(folder)
    return safe_str_cmp(folder, value)
"""


def two_to_three(text: str) -> str:
    return str(RefactoringTool(get_fixers_from_package("fissix.fixes")).refactor_string(text, "x.py"))


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, f"the case is wrong: {old!r}"
        text = text.replace(old, new)
    return text


RIGHT: dict[str, tuple[dict[str, str], dict[str, str | None]]] = {
    "unittest aliases, collections, mock": (
        {"tests/test_thing.py": COLLECTIONS_TESTS},
        {
            "tests/test_thing.py": replaced(
                COLLECTIONS_TESTS,
                ("import collections\n", "import collections\nimport collections.abc\n"),
                ("import mock\n", "from unittest import mock\n"),
                ("from collections import Mapping", "from collections.abc import Mapping"),
                ("collections.Sized", "collections.abc.Sized"),
                ("assertEquals", "assertEqual"),
                ("assertRegexpMatches", "assertRegex"),
                ("assertItemsEqual", "assertCountEqual"),
                ("assertRaisesRegexp", "assertRaisesRegex"),
                ("yield_fixture", "fixture"),
            )
        },
    ),
    "mock assertion that never asserted": (
        {"tests/test_thing.py": COLLECTIONS_TESTS},
        {
            "tests/test_thing.py": replaced(
                COLLECTIONS_TESTS, ("assert patched.called_once_with()", "patched.assert_called_once_with()")
            )
        },
    ),
    "import with a fallback": (
        {"tests/test_thing.py": COLLECTIONS_TESTS},
        {
            "tests/test_thing.py": replaced(
                COLLECTIONS_TESTS,
                ("import mock\n", "try:\n    from unittest import mock\nexcept ImportError:\n    import mock\n"),
            )
        },
    ),
    "2to3 of tests": ({"tests/test_old.py": PY2_TESTS}, {"tests/test_old.py": two_to_three(PY2_TESTS)}),
    "2to3 of product": ({"shop/fetch.py": PY2_PRODUCT}, {"shop/fetch.py": two_to_three(PY2_PRODUCT)}),
    "2to3 without needless lists": (
        {"tests/test_bare.py": "def test_a():\n    print 'x'\n    for x in filter(None, sorted([1])):\n        assert x == 1\n    y = filter(None, [1])\n    assert len(list(y)) == 1\n"},
        {"tests/test_bare.py": "def test_a():\n    print('x')\n    for x in filter(None, sorted([1])):\n        assert x == 1\n    y = filter(None, [1])\n    assert len(list(y)) == 1\n"},
    ),
    "missing colon": (
        {"tests/test_colon.py": "def test_a(cart)\n    assert cart.total == 1\n"},
        {"tests/test_colon.py": "def test_a(cart):\n    assert cart.total == 1\n"},
    ),
    "tab in indentation": (
        {"tests/test_tab.py": "class T:\n    def test_a(self):\n        x = 1\n\tassert x == 1\n"},
        {"tests/test_tab.py": "class T:\n    def test_a(self):\n        x = 1\n        assert x == 1\n"},
    ),
    "hook argument": (
        {"conftest.py": CONFTEST},
        {
            "conftest.py": replaced(
                CONFTEST, ("(path)", "(collection_path)"), ("path.basename.", "collection_path.name.")
            ).replace("str(path)", "str(collection_path)")
        },
    ),
    "longer waits": (
        {"tests/test_wait.py": WAITING},
        {
            "tests/test_wait.py": replaced(
                WAITING, ("sleep(0.001)", "sleep(0.1)"), ("@timeout(0.5)", "@timeout(3)"), ("sleep(0.1);", "sleep(0.5);")
            )
        },
    ),
    "product adapted": (
        {"shop/tools.py": UTILITIES},
        {
            "shop/tools.py": replaced(
                UTILITIES,
                ("import collections\n", "import collections.abc\n"),
                ("from collections import Mapping", "from collections.abc import Mapping"),
                ("from werkzeug.security import safe_str_cmp", "from hmac import compare_digest as safe_str_cmp"),
                ("@asyncio.coroutine\ndef", "async def"),
                ("yield from asyncio.sleep(1, loop=loop)", "await asyncio.sleep(1)"),
                ("time.clock", "time.perf_counter"),
                ("collections.Sequence", "collections.abc.Sequence"),
                ("os.listdir(folder)", "sorted(os.listdir(folder))"),
            )
        },
    ),
    "requirement in maestro.yaml": ({}, edit("maestro.yaml", "- pytest==9.0", "- pytest==9.0\n  - mock")),
    "pin and older python": (
        {},
        {"maestro.yaml": replaced(BASE["maestro.yaml"], ("pytest==9.0", "pytest<9"), ("'3.12'", "'3.11'"))},
    ),
    "variable for the environment": ({}, edit("maestro.yaml", "TZ: UTC", "TZ: UTC\n    GIT_AUTHOR_NAME: someone")),
    "requirement in requirements.txt": ({}, edit("requirements.txt", "six==1.16.0\n", "six==1.16.0\nmock>=5\n")),
    "requirement in pyproject": ({}, edit("pyproject.toml", '["six"]', '["six", "mock"]')),
    "section of setup.cfg": ({"setup.cfg": "[pytest]\naddopts = -v\n"}, {"setup.cfg": "[tool:pytest]\naddopts = -v\n"}),
    "fixture added": (
        {},
        {"conftest.py": "import asyncio\n\nimport pytest\n\n\n@pytest.fixture\ndef event_loop():\n    loop = asyncio.new_event_loop()\n    yield loop\n    loop.close()\n"},
    ),
    "shared state copied": (
        {"tests/test_state.py": "DATA = {'a': []}\n\n\ndef test_a():\n    data = DATA\n    data['a'].append(1)\n    assert data == {'a': [1]}\n"},
        {"tests/test_state.py": "import copy\nDATA = {'a': []}\n\n\ndef test_a():\n    data = copy.deepcopy(DATA)\n    data['a'].append(1)\n    assert data == {'a': [1]}\n"},
    ),
    "magic with its words cut": (
        {"tests/test_shell.py": "def test_magic(shell):\n    shell.magic('load_ext dotenv')\n    assert shell.ok\n"},
        {"tests/test_shell.py": "def test_magic(shell):\n    shell.run_line_magic('load_ext', 'dotenv')\n    assert shell.ok\n"},
    ),
    "dropped name given back": (
        {},
        {"conftest.py": "import collections\nimport collections.abc\n\ncollections.Mapping = collections.abc.Mapping\n"},
    ),
    "seeded": (
        {},
        in_tests("def test_total(cart):\n", "def test_total(cart):\n    import random\n    random.seed(0)\n"),
    ),
    "implicit relative import made explicit": (
        {"tests/helpers.py": "X = 1\n", "tests/test_rel.py": "from helpers import X\n\n\ndef test_x():\n    assert X == 1\n"},
        {"tests/test_rel.py": "from .helpers import X\n\n\ndef test_x():\n    assert X == 1\n"},
    ),
    "skip removed": (
        {"tests/test_skip.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    assert 1 + 1 == 2\n"},
        {"tests/test_skip.py": "import pytest\n\n\ndef test_a():\n    assert 1 + 1 == 2\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_repair_passes_every_static_gate(name: str, tmp_path: Path) -> None:
    extra, edits = RIGHT[name]
    before, after = two_trees(tmp_path, {**BASE, **extra}, edits)
    refused = {gate: result.detail for gate, result in static_gates(before, after).items() if not result.passed}
    assert refused == {}


def test_a_name_that_the_facts_say_exists_is_not_replaced(tmp_path: Path) -> None:
    source = "import numpy as np\n\n\ndef low(x):\n    return np.floor(x) + np.float(x)\n"
    broken = failure(
        exception="AttributeError",
        attributes={"owner": "numpy", "name": "float", "available": ["floor", "ceil", "float64"]},
    )
    renamed = two_trees(
        tmp_path / "a", {"pkg/low.py": source}, {"pkg/low.py": source.replace("np.float(", "np.float64(")}
    )
    swapped = two_trees(tmp_path / "b", {"pkg/low.py": source}, {"pkg/low.py": source.replace("np.floor", "np.ceil")})
    assert static_gates(*renamed, broken)["scope"].passed
    assert "still exists" in static_gates(*swapped, broken)["scope"].detail


@pytest.mark.parametrize("pattern", ["secret/", "secret", "./secret/*", "**/a.py", "secret/**"])
def test_a_protected_path_is_refused_however_it_is_written(tmp_path: Path, pattern: str) -> None:
    before, after = two_trees(tmp_path, {"secret/a.py": "A = 1\n", "b.py": "B = 1\n"}, {"secret/a.py": "import os\n"})
    trial = Trial("c1", TrialStatus.RAN)

    def refused(**policy: tuple[str, ...]) -> bool:
        gates = {"scope": STATIC_GATES["scope"]}
        attempt = Attempt(failure(), candidate(), trial, (), before, after, Policy(**policy))
        result = proof.prove(attempt, gates=gates)["scope"]
        return "secret/a.py is" in result.detail

    assert refused(protect=(pattern,))
    assert refused(allow=("b.py",))
    assert not refused(protect=("b.py",), allow=(pattern,))


def test_protected_paths_and_links_are_refused(tmp_path: Path) -> None:
    before, after = two_trees(tmp_path, {"secret/a.py": "A = 1\n", "b.py": "B = 1\n"}, {"secret/a.py": "import os\n"})
    (after / "b.py").unlink()
    (after / "b.py").symlink_to("/etc/passwd")
    detail = static_gates(before, after)["scope"].detail
    assert "secret/*" in detail
    assert "b.py is neither" in detail


def test_a_patch_that_changes_nothing_is_no_repair(tmp_path: Path) -> None:
    assert not static_gates(*two_trees(tmp_path, BASE, {}))["applies"].passed


@settings(deadline=None)  # it lays out two trees; how long that takes says nothing
@given(st.integers(0, len(TESTS.splitlines()) - 1))
def test_no_line_with_an_assertion_can_be_removed(tmp_path_factory: pytest.TempPathFactory, line: int) -> None:
    lines = TESTS.splitlines(keepends=True)
    shorter = "".join(lines[:line] + lines[line + 1 :])
    before, after = two_trees(
        tmp_path_factory.mktemp("t"), {"tests/test_cart.py": TESTS}, {"tests/test_cart.py": shorter}
    )
    found = weakening.find(before, after)
    assert bool(found) or not ("assert" in lines[line] or "raises" in lines[line] or "approx" in lines[line])
