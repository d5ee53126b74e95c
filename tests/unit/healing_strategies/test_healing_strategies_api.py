"""Adapting code to interfaces that have changed."""

# ruff: noqa: E501 - sources of the projects under test stand on one line

import subprocess
import sys
from collections.abc import Callable

import pytest
from healing_strategies_bench import Bench
from maestro.healing.strategies.catalogue import changes
from maestro.healing.strategies.moving import moved
from maestro.model import Candidate, Failure, Strategy

API = (Strategy.API_CONTRACT_ADAPTATION,)
Fail = Callable[..., Failure]


def test_removed_unittest_aliases_are_renamed_everywhere(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "tests/test_demo.py": """\
                import unittest

                class DemoTest(unittest.TestCase):
                    def test_it(self):
                        self.assertEquals(1 + 1,
                                          2)  # two
                        self.assertRegexpMatches("abc", "b")
                """,
            "tests/test_other.py": "class T:\n    def test(self):\n        self.assert_(True)\n",
            "demo.py": "x = 1\n",
        }
    )
    failure = fail(
        "AttributeError", "'DemoTest' object has no attribute 'assertEquals'", line=5,
        attributes={"name": "assertEquals", "owner": "tests.test_demo.DemoTest", "owner_kind": "instance"},
    )  # fmt: skip

    best = bench.propose(failure)[0]
    bench.apply(best)

    assert best.strategy is Strategy.API_CONTRACT_ADAPTATION
    assert not best.touches_product
    assert not best.workaround
    assert "self.assertEqual(1 + 1,\n                          2)  # two" in bench.read("tests/test_demo.py")
    assert "assertRegex(" in bench.read("tests/test_demo.py")
    assert "assertTrue(True)" in bench.read("tests/test_other.py")
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "tests.test_demo"], cwd=bench.root, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_collections_abcs_move_in_product_code_with_their_import(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "demo.py": '"""Doc."""\nimport collections\nimport os\n\n\ndef is_map(x):\n    return isinstance(x, collections.Mapping)\n',
            "other.py": "from collections import (\n    OrderedDict,\n    Sequence,  # why\n)\nX = OrderedDict, Sequence\n",
            "guard.py": "try:\n    from collections.abc import Set\nexcept ImportError:\n    from collections import Set\n",
            "tests/test_demo.py": "import demo\n\n\ndef test_it():\n    assert demo.is_map({})\n",
        }
    )
    failure = fail(
        "AttributeError", "module 'collections' has no attribute 'Mapping'", file="demo.py", line=6,
        attributes={"name": "Mapping", "owner": "collections", "owner_kind": "module", "owner_distribution": ""},
    )  # fmt: skip

    best = bench.propose(failure)[0]
    bench.apply(best)

    assert best.touches_product
    assert "import collections\nimport collections.abc\nimport os\n" in bench.read("demo.py")
    assert "isinstance(x, collections.abc.Mapping)" in bench.read("demo.py")
    assert "from collections.abc import Sequence" in bench.read("other.py")
    assert "    from collections import Set" in bench.read("guard.py")
    program = "import demo, other, guard; assert demo.is_map({}); print(other.X)"
    subprocess.run([sys.executable, "-c", program], cwd=bench.root, check=True, capture_output=True)


def test_a_successor_elsewhere_keeps_the_local_name(bench: Bench, fail: Fail) -> None:
    bench.distributions = {"werkzeug": "3.1.9"}
    bench.modules = {"werkzeug": "werkzeug"}
    bench.write(
        {"demo.py": "from werkzeug.security import safe_str_cmp\n\n\ndef same(a, b):\n    return safe_str_cmp(a, b)\n"}
    )
    failure = fail(
        "ImportError", "cannot import name 'safe_str_cmp' from 'werkzeug.security' (/x/werkzeug/security.py)", file="demo.py",
        attributes={"module": "werkzeug.security", "name": "safe_str_cmp", "available": ["check_password_hash"]},
    )  # fmt: skip

    bench.apply(bench.propose(failure, strategies=API)[0])

    assert bench.read("demo.py").startswith("from hmac import compare_digest as safe_str_cmp\n")


@pytest.mark.parametrize(
    ("source", "moves", "expected"),
    [
        ("import numpy as np\nx = np.int(3)\n", {"numpy.int": "builtins.int"}, "import numpy as np\nx = int(3)\n"),
        ("import mock\nmock.Mock()\n", {"mock": "unittest.mock"}, "from unittest import mock\nmock.Mock()\n"),
        ("import mock as m\n", {"mock": "unittest.mock"}, "import unittest.mock as m\n"),
        ("from mock import patch, Mock\n", {"mock": "unittest.mock"}, "from unittest.mock import patch, Mock\n"),
        ("from PIL import Image\nImage.ANTIALIAS\n", {"PIL.Image.ANTIALIAS": "PIL.Image.LANCZOS"}, "from PIL import Image\nImage.LANCZOS\n"),
        ("import PIL.Image\nPIL.Image.ANTIALIAS\n", {"PIL.Image.ANTIALIAS": "PIL.Image.LANCZOS"}, "import PIL.Image\nPIL.Image.LANCZOS\n"),
        ("import cgi\ny = cgi.escape(x)\n", {"cgi.escape": "html.escape"}, "import cgi\nimport html\ny = html.escape(x)\n"),
        ("import xml.etree.cElementTree as ET\n", {"xml.etree.cElementTree": "xml.etree.ElementTree"}, "import xml.etree.ElementTree as ET\n"),
        ("from xml.etree import cElementTree as ET\n", {"xml.etree.cElementTree": "xml.etree.ElementTree"}, "from xml.etree import ElementTree as ET\n"),
        ("from a import b, c as d\nfrom x import y\n", {"a.c": "a.e"}, "from a import b, e as d\nfrom x import y\n"),
        ("from m import soft_unicode\n", {"m.soft_unicode": "m.soft_str"}, "from m import soft_str as soft_unicode\n"),
        ("import unittest\nunittest.makeSuite(T)\n", {"unittest.makeSuite": "unittest:defaultTestLoader.load"}, "import unittest\nunittest.defaultTestLoader.load(T)\n"),
        ("def f(html):\n    import cgi\n    return cgi.escape(html)\n", {"cgi.escape": "html.escape"}, "import html as _html\ndef f(html):\n    import cgi\n    return _html.escape(html)\n"),
    ],
)  # fmt: skip
def test_moves(source: str, moves: dict[str, str], expected: str) -> None:
    assert moved(source, moves) == expected


@pytest.mark.parametrize(
    "source", ["collections = {}\ncollections.Mapping\n", "def f(np):\n    return np.int\n", "print 'two'\n"]
)
def test_what_only_looks_like_the_module_is_left_alone(source: str) -> None:
    assert moved(source, {"collections.Mapping": "collections.abc.Mapping", "numpy.int": "builtins.int"}) is None


def test_pytest_hook_arguments_become_pathlib(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "tests/conftest.py": """\
                import sys
                from os.path import basename


                def pytest_ignore_collect(path, config):
                    return path.basename.endswith('_py35.py') or basename(str(path)) == "x" or path.check(dir=1)
                """
        }
    )
    message = (
        "Plugin '/src/tests/conftest.py' for hook 'pytest_ignore_collect'\nhookimpl definition: pytest_ignore_collect(path, config)\n"
        "Argument(s) {'path'} are declared in the hookimpl but can not be found in the hookspec"
    )
    best = bench.propose(fail("pluggy._manager.PluginValidationError", message, tests=("<session>",), frames=()))[0]
    bench.apply(best)

    text = bench.read("tests/conftest.py")
    assert "def pytest_ignore_collect(collection_path, config):" in text
    assert (
        "collection_path.name.endswith('_py35.py') or basename(str(collection_path)) == \"x\" or collection_path.is_dir()"
        in text
    )


def test_the_refused_section_of_setup_cfg(bench: Bench, fail: Fail) -> None:
    bench.write({"setup.cfg": "[metadata]\nname = demo\n\n[pytest]\naddopts = -v\n"})
    message = "[pytest] section in setup.cfg files is no longer supported, change to [tool:pytest] instead."
    bench.apply(bench.propose(fail("Failed", message, tests=("<session>",), frames=()))[0])
    assert "[tool:pytest]\naddopts = -v\n" in bench.read("setup.cfg")


def test_nose_setup_methods(bench: Bench, fail: Fail) -> None:
    bench.distributions = {"pytest": "9.2.0"}
    bench.write(
        {
            "tests/test_demo.py": """\
                import unittest


                class TestDemo:
                    def setup(self):
                        self.value = 1

                    def test_it(self):
                        assert self.value == 1


                class TestOld(unittest.TestCase):
                    def setup(self):
                        pass
                """
        }
    )
    failure = fail(
        "AttributeError", "'TestDemo' object has no attribute 'value'", line=9,
        attributes={"name": "value", "owner": "test_demo.TestDemo", "owner_kind": "instance"},
    )  # fmt: skip
    bench.apply(bench.propose(failure)[0])
    text = bench.read("tests/test_demo.py")
    assert text.count("def setup_method(self)") == 1
    assert text.count("def setup(self)") == 1


def test_a_keyword_that_is_no_longer_taken(bench: Bench, fail: Fail) -> None:
    bench.write(
        {"tests/test_demo.py": "import asyncio\n\n\nasync def go(loop):\n    await asyncio.sleep(0.1, loop=loop)\n"}
    )
    failure = fail("TypeError", "sleep() got an unexpected keyword argument 'loop'", line=5)
    bench.apply(bench.propose(failure)[0])
    assert "await asyncio.sleep(0.1)\n" in bench.read("tests/test_demo.py")


def test_a_keyword_that_pytest_refuses_in_its_own_words(bench: Bench, fail: Fail) -> None:
    bench.distributions, bench.modules = {"pytest": "9.2.0"}, {"pytest": "pytest"}
    body = 'import pytest\n\n\ndef test_it():\n    with pytest.raises(KeyError, message="no key"):\n        {}["a"]\n'
    bench.write({"tests/test_demo.py": body})
    said = "Unexpected keyword arguments passed to pytest.raises: message\nUse context-manager form instead?"
    bench.apply(bench.propose(fail("TypeError", said, line=5))[0])
    assert "with pytest.raises(KeyError):\n" in bench.read("tests/test_demo.py")


def test_a_similar_name_of_an_installed_module(bench: Bench, fail: Fail) -> None:
    bench.distributions, bench.modules = {"widgets": "2.1.0"}, {"widgets": "widgets"}
    bench.write({"tests/test_demo.py": "import widgets\n\n\ndef test_it():\n    assert widgets.makeWidget()\n"})
    failure = fail(
        "AttributeError", "module 'widgets' has no attribute 'makeWidget'", line=5,
        attributes={
            "name": "makeWidget", "owner": "widgets", "owner_kind": "module", "owner_distribution": "widgets",
            "available": ["make_widget", "Widget", "other"],
        },
    )  # fmt: skip
    candidates = bench.propose(failure)
    bench.apply(candidates[0])
    assert "widgets.make_widget()" in bench.read("tests/test_demo.py")
    assert all(c.workaround for c in candidates[1:])


def test_in_the_product_a_name_that_nobody_documents_as_gone_may_be_its_mistake(bench: Bench, fail: Fail) -> None:
    bench.distributions, bench.modules = {"widgets": "2.1.0"}, {"widgets": "widgets"}
    bench.write(
        {
            "demo.py": "import widgets\n\n\ndef make():\n    return widgets.makeWidget(ident=2)\n",
            "tests/test_demo.py": "import demo\n\n\ndef test_it():\n    assert demo.make()\n",
        }
    )
    name = {
        "name": "makeWidget", "owner": "widgets", "owner_kind": "module", "owner_distribution": "widgets",
        "available": ["make_widget"],
    }  # fmt: skip
    keyword = {"callee": "widgets.makeWidget", "signature": "(indent=None)"}

    gone = fail(
        "AttributeError", "module 'widgets' has no attribute 'makeWidget'", file="demo.py", line=5, attributes=name
    )
    refused = fail(
        "TypeError",
        "makeWidget() got an unexpected keyword argument 'ident'",
        file="demo.py",
        line=5,
        attributes=keyword,
    )

    assert not any(c.touches_product for c in (*bench.propose(gone), *bench.propose(refused)))


def test_the_projects_own_missing_attribute_is_its_defect(bench: Bench, fail: Fail) -> None:
    bench.modules = {"demo": "demo"}
    bench.distributions = {"demo": "1.0"}
    bench.write(
        {
            "setup.py": "from setuptools import setup\nsetup(name='demo')\n",
            "demo.py": "class Cart:\n    def total(self):\n        return self.itemz\n",
            "tests/test_demo.py": "import demo\n\n\ndef test_it():\n    assert demo.Cart().total() == 0\n",
        }
    )
    for owner, kind, message in (
        ("demo.Cart", "instance", "'Cart' object has no attribute 'itemz'"),
        ("demo", "module", "module 'demo' has no attribute 'itemz'"),
    ):
        attributes = {
            "name": "itemz",
            "owner": owner,
            "owner_kind": kind,
            "owner_distribution": "demo",
            "available": ["items", "total"],
        }
        assert bench.propose(fail("AttributeError", message, file="demo.py", line=3, attributes=attributes)) == []


def test_a_misspelt_name_in_product_code_is_not_guessed(bench: Bench, fail: Fail) -> None:
    bench.write({"demo.py": "total = 1\n\n\ndef get():\n    return totl\n"})
    assert bench.propose(fail("NameError", "name 'totl' is not defined", file="demo.py", line=5)) == []


def test_a_wrong_value_gives_nothing(bench: Bench, fail: Fail) -> None:
    bench.distributions, bench.modules = {"widgets": "2.1.0"}, {"widgets": "widgets"}
    bench.write(
        {
            "demo.py": "def f():\n    return 2\n",
            "tests/test_demo.py": "import demo\n\n\ndef test_it():\n    assert demo.f() == 3\n",
        }
    )
    failure = fail(
        "AssertionError",
        "assert 2 == 3",
        line=5,
        assertion={"op": "==", "left": "2", "right": "3"},
        versions={"widgets": "2.1.0"},
    )
    assert bench.propose(failure) == []


def test_the_catalogue_names_a_source_for_every_change() -> None:
    assert len(changes()) > 400
    for change in changes():
        assert change.source.startswith("https://"), change
        assert change.old != change.new
        assert change.kind in ("move", "module", "method", "keyword", "removed", "required", "magic", "override")


def test_a_deprecated_hook_argument_that_became_an_error(bench: Bench, fail: Fail) -> None:
    bench.write({"conftest.py": "def pytest_ignore_collect(path):\n    return 'async' in path.basename\n"})
    message = "The (path: py.path.local) argument is deprecated, please use (collection_path: pathlib.Path)"
    bench.apply(bench.propose(fail("pytest.PytestRemovedIn9Warning", message, tests=("<session>",), frames=()))[0])
    assert (
        bench.read("conftest.py")
        == "def pytest_ignore_collect(collection_path):\n    return 'async' in collection_path.name\n"
    )


def moved_away(
    bench: Bench, fail: Fail, source: str, *modules: str, file: str = "tests/test_demo.py"
) -> list[Candidate]:
    """Return what is proposed where werkzeug.contrib is gone, in an environment of these further modules."""
    bench.distributions = {"werkzeug": "3.1.3"}
    bench.modules = {"werkzeug": "werkzeug", **{module: module for module in modules}}
    bench.write({file: source})
    message = "No module named 'werkzeug.contrib'"
    failure = fail("ModuleNotFoundError", message, file=file, attributes={"module": "werkzeug.contrib"})
    return [c for c in bench.propose(failure) if c.generator == "catalogue_rename"]


@pytest.mark.parametrize("file", ["tests/test_demo.py", "demo.py"])
def test_what_moved_to_another_distribution_comes_with_it(bench: Bench, fail: Fail, file: str) -> None:
    best, *_ = moved_away(bench, fail, "from werkzeug.contrib.cache import SimpleCache\n", file=file)
    bench.apply(best)

    assert bench.read(file) == "from cachelib import SimpleCache\n"
    assert "cachelib" in bench.read("maestro.yaml")
    assert best.unasked
    assert not best.workaround
    assert best.touches_product == (file == "demo.py")
    assert ("its own metadata should ask for it as well" in best.summary) == (file == "demo.py")


def test_what_moved_to_a_distribution_that_is_there_installs_nothing(bench: Bench, fail: Fail) -> None:
    best, *_ = moved_away(bench, fail, "from werkzeug.contrib.cache import SimpleCache\n", "cachelib")

    assert "cachelib import" in best.patch
    assert "maestro.yaml" not in best.patch
    assert not best.unasked


def test_a_distribution_that_the_project_asks_for_is_not_unasked(bench: Bench, fail: Fail) -> None:
    bench.write({"setup.py": "from setuptools import setup\nsetup(name='x', install_requires=['cachelib<1'])\n"})
    best, *_ = moved_away(bench, fail, "from werkzeug.contrib.cache import SimpleCache\n")

    assert "cachelib<1" in best.patch
    assert not best.unasked


@pytest.mark.parametrize(
    "source",
    [
        "from werkzeug.contrib.atom import AtomFeed\n",  # gone without a successor
        "from werkzeug.contributed.cache import SimpleCache\n",
        "import werkzeug\n\ncache = 'contrib'\n",
        "try:\n    from werkzeug.contrib.cache import SimpleCache\nexcept ImportError:\n    SimpleCache = dict\n",
    ],
    ids=["no successor", "another package", "only words", "its absence is handled"],
)
def test_what_did_not_move_stays(bench: Bench, fail: Fail, source: str) -> None:
    bench.write({"tests/test_other.py": source})
    assert not moved_away(bench, fail, "import werkzeug.contrib\n")


def test_a_package_of_the_project_itself_stays(bench: Bench, fail: Fail) -> None:
    bench.write({"werkzeug/__init__.py": ""})
    assert not moved_away(bench, fail, "from werkzeug.contrib.cache import SimpleCache\n")


def test_a_home_that_no_index_has_is_not_installed(bench: Bench, fail: Fail) -> None:
    found = moved_away(bench, fail, "from werkzeug.contrib.sessions import Session\n")
    assert found
    assert not any("maestro.yaml" in c.patch or c.unasked for c in found)
