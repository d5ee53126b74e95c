"""Calls whose successor is another expression, and what the project gives to code outside of it."""

# ruff: noqa: E501 - sources of the projects under test stand on one line

import ast
import subprocess
import sys
from collections.abc import Callable

import pytest
from healing_strategies_bench import Bench
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.known_forms.rewrites import rewrites
from maestro.healing.strategies.api_contract_adaptation.calls import called
from maestro.healing.strategies.rewriting import without_imports
from maestro.model import Failure, Frame, Strategy

API = (Strategy.API_CONTRACT_ADAPTATION,)
Fail = Callable[..., Failure]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import imp\nm = imp.load_source('a', 'b.py')  # why\n", "import imp\nimport importlib.machinery\nm = importlib.machinery.SourceFileLoader('a', 'b.py').load_module()  # why\n"),
        ("from imp import load_source\nm = load_source(name,\n                p + 'x')\n", "import importlib.machinery\nm = importlib.machinery.SourceFileLoader(name, p + 'x').load_module()\n"),
        ("import importlib.machinery\nimport imp\nimp.load_source(imp.load_source(a, b), c)\n", "import importlib.machinery\nimport imp\nimportlib.machinery.SourceFileLoader(importlib.machinery.SourceFileLoader(a, b).load_module(), c).load_module()\n"),
        ("import inspect\na, b, c, d = inspect.getargspec(f)\n", "import inspect\na, b, c, d = inspect.getfullargspec(f)[:4]\n"),
        ("import inspect\nx = inspect.getargspec(f).keywords\n", "import inspect\nx = inspect.getfullargspec(f).varkw\n"),
        ("import string\ny = string.join(string.split(a + b, ','), '-')\n", "import string\ny = '-'.join((a + b).split(','))\n"),
        ("import cgi, html\ny = cgi.escape('é') + cgi.escape(x, quote=q)\n", "import cgi, html\ny = html.escape('é', quote=False) + html.escape(x, quote=q)\n"),
        ("import jwt\nt = jwt.encode({'a': 1}, 'k', algorithm='HS256').decode('utf-8')\n", "import jwt\nt = jwt.encode({'a': 1}, 'k', algorithm='HS256')\n"),
        ("import numpy as np\ny = np.asfarray(x)\n", "import numpy as np\ny = np.asarray(x, dtype=float)\n"),
        ("def f(importlib):\n    import imp\n    return imp.load_source(importlib, 'x')\n", "import importlib.machinery as _importlib_machinery\ndef f(importlib):\n    import imp\n    return _importlib_machinery.SourceFileLoader(importlib, 'x').load_module()\n"),
    ],
)  # fmt: skip
def test_calls_become_what_the_documentation_says(source: str, expected: str) -> None:
    assert called(source, rewrites()) == expected


@pytest.mark.parametrize(
    "source",
    [
        "imp = Thing()\nimp.load_source('a', 'b')\n",
        "from . import imp\nimp.load_source('a', 'b')\n",
        "import imp\nimp.load_source('a', 'b', handle)\n",
        "import inspect\nspec = inspect.getargspec(f)\n",
        "import imp\nprint 'two'\n",
        "import imp\nx = imp.load_source('a', 'b')\ny = " + " + ".join(["1"] * 2500) + "\n",
    ],
)
def test_what_is_another_thing_stays(source: str) -> None:
    assert called(source, rewrites()) == source


def test_every_pattern_is_one_expression_with_its_own_numbers_and_a_source() -> None:
    for rewrite in rewrites():
        old = {n.id for n in ast.walk(rewrite.old) if isinstance(n, ast.Name) and n.id.startswith("_")}
        new = {n.id for n in ast.walk(rewrite.new) if isinstance(n, ast.Name) and n.id.startswith("_")}
        assert new <= old, rewrite.text
        assert rewrite.source.startswith("https://"), rewrite.text
        assert rewrite.callee, rewrite.text


def test_imports_that_nothing_uses_any_more_go_and_others_stay() -> None:
    source = "import imp, os\ntry:\n    import imp\nexcept ImportError:\n    import os\nprint(os)\n"
    assert (
        without_imports(source, {"imp"}) == "import os\ntry:\n    pass\nexcept ImportError:\n    import os\nprint(os)\n"
    )
    assert without_imports("import imp\n__all__ = ['imp']\n", {"imp"}) is None
    assert without_imports("import imp\nimp.reload(os)\n", {"imp"}) is None


def test_a_module_that_is_gone_is_replaced_call_by_call_and_no_longer_imported(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "demo.py": "import imp\nimport sys\n\n\ndef load(name, path):\n    return imp.reload(imp.load_source(name, path))\n",
            "plugin.py": "VALUE = 3\n",
        }
    )
    failure = fail("ModuleNotFoundError", "No module named 'imp'", file="demo.py", attributes={"module": "imp"})

    best = bench.propose(failure, strategies=API)[0]
    bench.apply(best)

    assert best.touches_product
    assert "import imp\n" not in bench.read("demo.py")
    program = "import demo; assert demo.load('plugin', 'plugin.py').VALUE == 3"
    subprocess.run([sys.executable, "-c", program], cwd=bench.root, check=True, capture_output=True)


def test_what_fails_only_for_some_values_changes_only_where_it_failed(bench: Bench, fail: Fail) -> None:
    source = "import yaml\na = yaml.load('x: 1')\nb = yaml.load('y: 2')\n"
    bench.write({"tests/test_demo.py": source})
    failure = fail("TypeError", "load() missing 1 required positional argument: 'Loader'", line=3)

    bench.apply(bench.propose(failure, strategies=API)[0])

    expected = "import yaml\na = yaml.load('x: 1')\nb = yaml.load('y: 2', Loader=yaml.FullLoader)\n"
    assert bench.read("tests/test_demo.py") == expected


def test_the_message_of_an_expected_error_is_read_off_the_error_itself(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "assert 'no' in str(info)\nassert 'yes' in str(other)\n"})
    said = "assert 'no' in \"<ExceptionInfo ValueError('no') tblen=2>\""
    failure = diagnose(fail("AssertionError", said), bench.project)

    assert not failure.regression
    assert Strategy.API_CONTRACT_ADAPTATION in healable(failure, bench.project)
    bench.apply(bench.propose(failure, strategies=API)[0])
    assert bench.read("tests/test_demo.py") == "assert 'no' in str(info.value)\nassert 'yes' in str(other)\n"


def test_the_message_of_an_exception_is_its_argument(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "assert error.message == 'no'\n"})
    failure = fail(
        "AttributeError", "'ValueError' object has no attribute 'message'",
        attributes={"name": "message", "owner": "ValueError", "owner_kind": "instance", "owner_bases": ["Exception"]},
    )  # fmt: skip
    bench.apply(bench.propose(failure, strategies=API)[0])
    assert bench.read("tests/test_demo.py") == "assert error.args[0] == 'no'\n"


LOGGER = """\
import logging


class Own(logging.Logger):
    def findCaller(self, stack_info=False):
        return "file", 1, "function", None


class Other:
    def findCaller(self):
        return None
"""
FOUND = {
    "callee": "demo.Own.findCaller",
    "signature": "(stack_info=False)",
    "overridden": {
        "owner": "logging.Logger",
        "distribution": "",
        "signature": "(self, stack_info=False, stacklevel=1)",
    },
}
OUTSIDE = (
    Frame("tests/test_demo.py", 1, "test_it", in_project=True),
    Frame("logging/__init__.py", 9, "_log", in_project=False),
)


def test_an_overriding_method_takes_what_the_overridden_one_takes(bench: Bench, fail: Fail) -> None:
    bench.write({"demo.py": LOGGER})
    said = "Own.findCaller() takes from 1 to 2 positional arguments but 3 were given"
    failure = fail("TypeError", said, attributes=FOUND, frames=OUTSIDE)

    best = bench.propose(failure, strategies=API)[0]
    bench.apply(best)

    assert "    def findCaller(self, stack_info=False, stacklevel=1):\n" in bench.read("demo.py")
    assert "    def findCaller(self):\n" in bench.read("demo.py")


def test_a_call_from_within_the_project_is_its_own_mistake(bench: Bench, fail: Fail) -> None:
    bench.write({"demo.py": LOGGER})
    said = "Own.findCaller() takes from 1 to 2 positional arguments but 3 were given"
    failure = fail("TypeError", said, attributes=FOUND, frames=(*OUTSIDE, Frame("demo.py", 2, "f", in_project=True)))
    assert not [c for c in bench.propose(failure, strategies=API) if c.generator == "overridden_signature"]


def test_a_stand_in_of_a_test_takes_the_keyword_that_it_is_passed_and_the_product_does_not(
    bench: Bench, fail: Fail
) -> None:
    bench.write(
        {
            "tests/test_demo.py": "def fake_open(\n    url,\n):\n    return url\n",
            "demo.py": "def fake_open(url): pass\n",
        }
    )
    said = "fake_open() got an unexpected keyword argument 'timeout'"
    failure = fail("TypeError", said, attributes={"callee": "tests.test_demo.fake_open"}, frames=OUTSIDE)

    bench.apply(bench.propose(failure, strategies=API)[0])

    assert "url, timeout=None,\n" in bench.read("tests/test_demo.py")
    assert bench.read("demo.py") == "def fake_open(url): pass\n"


HOOK = """\
import sys
import types


class Importer(object):
    def __init__(self):
        self.known = {"demo.moved": types}

    def find_module(self, fullname, path=None):
        if fullname in self.known:
            return self
        return None

    def load_module(self, fullname):
        sys.modules[fullname] = self.known[fullname]
        return self.known[fullname]


sys.meta_path.append(Importer())
"""


def test_an_import_hook_of_before_python_3_4_answers_again(bench: Bench, fail: Fail) -> None:
    bench.write({"demo/__init__.py": "from . import hook\nfrom .moved import ModuleType\n", "demo/hook.py": HOOK})
    failure = fail(
        "ModuleNotFoundError", "No module named 'demo.moved'", file="demo/__init__.py", attributes={"module": "demo.moved"}
    )  # fmt: skip

    best = bench.propose(failure, strategies=API)[0]
    bench.apply(best)

    assert best.generator == "import_hook"
    program = "import sys; sys.path.insert(0, '.'); import demo; print(demo.ModuleType)"
    subprocess.run([sys.executable, "-c", program], cwd=bench.root, check=True, capture_output=True)


def test_older_pythons_and_newer_hooks_need_none(bench: Bench, fail: Fail) -> None:
    failure = fail("ModuleNotFoundError", "No module named 'demo.moved'", attributes={"module": "demo.moved"})
    bench.write({"demo/__init__.py": "", "demo/hook.py": HOOK})
    bench.python = "3.11"
    assert not [c for c in bench.propose(failure, strategies=API) if c.generator == "import_hook"]
    bench.python = "3.12"
    bench.write({"demo/hook.py": HOOK + "\n\nclass New(object):\n    def find_module(self, a, b): pass\n    def find_spec(self, a, b, c): pass\n"})  # fmt: skip
    best = next(c for c in bench.propose(failure, strategies=API) if c.generator == "import_hook")
    bench.apply(best)
    assert bench.read("demo/hook.py").count("def find_spec") == 2
