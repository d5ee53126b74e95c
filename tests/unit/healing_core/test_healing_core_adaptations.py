# ruff: noqa: E501 - the cases are tables; a row reads best on one line
"""What the gates let through beyond renames: documented replacements, widened signatures, import hooks; and what not."""

import dataclasses
from pathlib import Path

import pytest
from healing_core_trees import candidate, failure, two_trees
from maestro.healing import proof
from maestro.healing._forms import Knowledge
from maestro.healing._trees import Names
from maestro.healing.attempt import Attempt
from maestro.healing.known_forms.rewrites import BRIDGE
from maestro.healing.static_gates import STATIC_GATES
from maestro.healing.weakening import product_change
from maestro.model import Failure, Frame, GateResult, Trial, TrialStatus

PRODUCT = """\
import dataclasses
import imp
import inspect
import logging
import string


def load(name, path):
    return imp.load_source(name, path)


def joined(words):
    return string.join(words, "-")


def names(function):
    args, varargs, keywords, defaults = inspect.getargspec(function)
    return args


class Own(logging.Logger):
    def findCaller(self, stack_info=False):
        return "file", 1, "function", None


@dataclasses.dataclass
class Line:
    start: Own = Own("a")
    end: Own = Own


class Hook:
    def find_module(self, fullname, path=None):
        return None

    def load(self, x):
        return x


def numbers(items):
    for item in items:
        if item is None:
            raise StopIteration
        with items.kept():
            yield item
            raise StopIteration
"""
TESTS = """\
import pytest
import random
import yaml
from product import load, Own


def fake_open(url):
    return url


def check(kind, value):
    assert isinstance(value, kind)


@pytest.mark.slow
@pytest.fixture
def thing():
    yield load, "a"


def test_command():
    from click.testing import CliRunner

    runner = CliRunner(mix_stderr=False)
    assert load(runner, mix_stderr=False)


def test_refusal():
    with pytest.raises(ValueError, match="x", message="it takes all"):
        load("x", "")


def test_error():
    with pytest.raises(ValueError) as info:
        load("", "")
    assert "empty" in str(info)
    assert "full" in str(load)


def test_yields():
    yield check, int, 1


@pytest.mark.slow
def test_all():
    assert yaml.load("x: 1") == {"x": 1}
    assert random.sample({1, 2}, 2)
    assert load("a", "a.py").VALUE == 1
"""
BASE = {"product.py": PRODUCT, "tests/test_product.py": TESTS, "setup.cfg": "[metadata]\nname = product\n"}
INDENTED = "".join(f"    {line}\n" for line in BRIDGE.splitlines())
OUTSIDE = (
    Frame("tests/test_product.py", 9, "test_all", in_project=True),
    Frame("logging/__init__.py", 9, "_log", in_project=False),
)


def broken(exception: str, message: str, frames: tuple[Frame, ...] = OUTSIDE, **attributes: object) -> Failure:
    made = failure(exception=exception, attributes=attributes)
    return dataclasses.replace(made, facts=dataclasses.replace(made.facts, message=message, frames=frames))


GONE = broken("ModuleNotFoundError", "No module named 'imp'", module="imp")
LOADER = broken("TypeError", "load() missing 1 required positional argument: 'Loader'")
WIDER = broken(
    "TypeError",
    "Own.findCaller() takes from 1 to 2 positional arguments but 3 were given",
    overridden={"owner": "logging.Logger", "signature": "(self, stack_info=False, stacklevel=1)"},
)
OWN_CALL = dataclasses.replace(WIDER, facts=dataclasses.replace(WIDER.facts, frames=(OUTSIDE[0],)))
KEYWORD = broken("TypeError", "fake_open() got an unexpected keyword argument 'timeout'")
PRODUCT_KEYWORD = broken("TypeError", "load() got an unexpected keyword argument 'mode'")
LOAD = ("imp.load_source(name, path)", "importlib.machinery.SourceFileLoader(name, path).load_module()")
IMPORT = ("import imp\n", "import importlib.machinery\n")
SPEC = ("inspect.getargspec(function)", "inspect.getfullargspec(function)[:4]")
CALLER = "def findCaller(self, stack_info=False"
YIELDS = broken("Failed", "'yield' keyword is allowed in fixtures, but not in tests (test_yields)", frames=())
MARKS = broken("Failed", "Marks cannot be applied to fixtures.", frames=())
REFUSED = broken("TypeError", "CliRunner.__init__() got an unexpected keyword argument 'mix_stderr'")
RAISES = broken(
    "TypeError", "Unexpected keyword arguments passed to pytest.raises: message\nUse context-manager form instead?"
)
MUTABLE = broken(
    "ValueError", "mutable default <class 'product.Own'> for field start is not allowed: use default_factory"
)
START = 'start: Own = Own("a")'
INFO = broken("AssertionError", "assert 'empty' in '<ExceptionInfo ValueError() tblen=2>'", frames=())
CHECK = "yield check, int, 1"
Edits = tuple[str, tuple[tuple[str, str], ...], Failure]
ENDING = "        if item is None:\n            raise StopIteration\n"
SHOWN_TO_OTHERS = "            yield item\n            raise StopIteration\n"
ENDED = broken("RuntimeError", "generator raised StopIteration")
RIGHT: dict[str, Edits] = {
    "imp": ("product.py", (IMPORT, LOAD), GONE),
    "a function that became a method": ("product.py", (('string.join(words, "-")', '"-".join(words)'),), GONE),
    "getargspec": ("product.py", (SPEC,), GONE),
    "yaml": ("tests/test_product.py", (('yaml.load("x: 1")', 'yaml.load("x: 1", Loader=yaml.FullLoader)'),), LOADER),
    "a parameter of the overridden method": ("product.py", ((CALLER, CALLER + ", stacklevel=1"),), WIDER),
    "a keyword of a stand-in": ("tests/test_product.py", (("fake_open(url)", "fake_open(url, timeout=None)"),), KEYWORD),
    "an import hook": ("product.py", (("        return None\n\n", f"        return None\n\n{INDENTED}\n"),), GONE),
    "a keyword that is no longer taken": ("tests/test_product.py", (("CliRunner(mix_stderr=False)", "CliRunner()"),), REFUSED),
    "a message that pytest.raises no longer takes": ("tests/test_product.py", ((', message="it takes all"', ""),), RAISES),
    "the message of an error": ("tests/test_product.py", (("str(info)", "str(info.value)"),), INFO),
    "a default of a field": ("product.py", ((START, 'start: Own = dataclasses.field(default_factory=lambda: Own("a"))'),), MUTABLE),
    "a generator's end": ("product.py", ((ENDING, ENDING.replace("raise StopIteration", "return")),), ENDED),
    "a yielded check": ("tests/test_product.py", ((CHECK, "check(int, 1)"),), YIELDS),
    "a mark on a fixture": ("tests/test_product.py", (("@pytest.mark.slow\n@pytest.fixture", "@pytest.fixture"),), MARKS),
}  # fmt: skip
WRONG: dict[str, Edits] = {
    "another argument": ("product.py", (IMPORT, (LOAD[0], LOAD[1].replace("path", "name"))), GONE),
    "another order": ("product.py", (('string.join(words, "-")', 'words.join("-")'),), GONE),
    "an argument more": ("product.py", (IMPORT, (LOAD[0], LOAD[1].replace("path)", "path, 1)"))), GONE),
    "another loader": ("product.py", (IMPORT, (LOAD[0], LOAD[1].replace("SourceFile", "SourcelessFile"))), GONE),
    "fewer of the tuple": ("product.py", ((SPEC[0], SPEC[1].replace("4", "3")),), GONE),
    "a value changes with it": ("tests/test_product.py", (('yaml.load("x: 1")', 'yaml.load("x: 2", Loader=yaml.FullLoader)'),), LOADER),
    "a loader that nothing asked for": ("tests/test_product.py", (('yaml.load("x: 1")', 'yaml.load("x: 1", Loader=yaml.FullLoader)'),), GONE),
    "a sorted sample that nothing asked for": ("tests/test_product.py", (("sample({1, 2}", "sample(sorted({1, 2})"),), LOADER),
    "a parameter for the project's own call": ("product.py", ((CALLER, CALLER + ", stacklevel=1"),), OWN_CALL),
    "a parameter that nobody asked for": ("product.py", ((CALLER, CALLER + ", level=1"),), WIDER),
    "a parameter that replaces another": ("product.py", ((CALLER, "def findCaller(self, stacklevel=1"),), WIDER),
    "another default": ("product.py", ((CALLER, "def findCaller(self, stack_info=True, stacklevel=1"),), WIDER),
    "a parameter that is used": ("product.py", ((CALLER, CALLER + ", stacklevel=1"), ('"file", 1', '"file", stacklevel')), WIDER),
    "a keyword of the product": ("product.py", (("def load(name, path)", "def load(name, path, mode=None)"),), PRODUCT_KEYWORD),
    "a keyword that nothing refused": ("tests/test_product.py", (("CliRunner(mix_stderr=False)", "CliRunner()"),), YIELDS),
    "a keyword of the project's own function": ("tests/test_product.py", (("load(runner, mix_stderr=False)", "load(runner)"),), REFUSED),
    "a message that nothing refused": ("tests/test_product.py", ((', message="it takes all"', ""),), REFUSED),
    "a pattern together with the message": ("tests/test_product.py", ((', match="x", message="it takes all"', ""),), RAISES),
    "a wider error together with the message": ("tests/test_product.py", (('(ValueError, match="x", message="it takes all"', '(Exception, match="x"'),), RAISES),
    "the message of an error that nothing asked for": ("tests/test_product.py", (("str(info)", "str(info.value)"),), YIELDS),
    "another message": ("tests/test_product.py", (('"empty" in str(info)', '"" in str(info.value)'),), INFO),
    "another default of a field": ("product.py", ((START, 'start: Own = dataclasses.field(default_factory=lambda: Own("b"))'),), MUTABLE),
    "a default without its argument": ("product.py", ((START, "start: Own = dataclasses.field(default_factory=Own)"),), MUTABLE),
    "a default that nothing refused": ("product.py", ((START, 'start: Own = dataclasses.field(default_factory=lambda: Own("a"))'),), GONE),
    "a generator's end that nothing refused": ("product.py", ((ENDING, ENDING.replace("raise StopIteration", "return")),), GONE),
    "a generator's end with a value": ("product.py", ((ENDING, ENDING.replace("raise StopIteration", "return item")),), ENDED),
    "a generator that goes on": ("product.py", ((ENDING, ENDING.replace("raise StopIteration", "continue")),), ENDED),
    "a generator that ends sooner": ("product.py", ((ENDING, ENDING.replace("is None", "is not None").replace("raise StopIteration", "return")),), ENDED),
    "an end that a context manager sees": ("product.py", ((SHOWN_TO_OTHERS, SHOWN_TO_OTHERS.replace("raise StopIteration", "return")),), ENDED),
    "a yielded check that is gone": ("tests/test_product.py", ((CHECK, "pass"),), YIELDS),
    "a yielded check of another value": ("tests/test_product.py", ((CHECK, "check(int, 2)"),), YIELDS),
    "a yielded check without its argument": ("tests/test_product.py", ((CHECK, "check(int)"),), YIELDS),
    "a yielded check that is not called": ("tests/test_product.py", ((CHECK, "(check, int, 1)"),), YIELDS),
    "what a fixture yields": ("tests/test_product.py", (('yield load, "a"', 'load("a")'),), YIELDS),
    "a mark on a test": ("tests/test_product.py", (("@pytest.mark.slow\ndef test_all", "def test_all"),), MARKS),
    "another method beside the hook": ("product.py", (("        return None\n\n", f"        return None\n\n{INDENTED.replace('is None', 'is not None')}\n"),), GONE),
}  # fmt: skip


def gates(tmp_path: Path, case: Edits) -> dict[str, GateResult]:
    name, pairs, failed = case
    text = BASE[name]
    for old, new in pairs:
        assert old in text, f"the case is wrong: {old!r} is not in {name}"
        text = text.replace(old, new, 1)
    before, after = two_trees(tmp_path, BASE, {name: text})
    trial = Trial("c1", TrialStatus.RAN)
    return proof.prove(Attempt(failed, candidate(), trial, (), before, after), gates=STATIC_GATES)


@pytest.mark.parametrize("name", RIGHT)
def test_a_documented_adaptation_passes_every_static_gate(name: str, tmp_path: Path) -> None:
    refused = {gate: result.detail for gate, result in gates(tmp_path, RIGHT[name]).items() if not result.passed}
    assert not refused


@pytest.mark.parametrize("name", WRONG)
def test_what_resembles_one_is_refused(name: str, tmp_path: Path) -> None:
    results = gates(tmp_path, WRONG[name])
    assert not (results["scope"].passed and results["no_weakening"].passed)


UNREADABLE = {
    # name: (before, right afterwards, wrong afterwards)
    "conflict": ("<<<<<<< a\nX = 1\n=======\nX = (2\n>>>>>>> b\nY = 3\n", "X = 1\nY = 3\n", "X = 1\nY = 4\n"),
    "conflict of two programs": ("<<<<<<< a\nX = 1\n=======\nX = 2\n>>>>>>> b\n", None, "X = 1\n"),
    "a quote": ("X = 'a\nY = f(1)\n", "X = 'a'\nY = f(1)\n", "X = 'b'\nY = f(1)\n"),
    "a quote and more": ("X = 'a\nY = f(1)\n", None, "X = 'a'\nY = f(2)\n"),
    "two quotes": ("X = 'a\nY = f('\n", None, "X = 'a'\nY = f('')\n"),
    "typographic quotes": ("X = \u201ca b\u201d\nY = \u2018c\u2019\n", "X = \"a b\"\nY = 'c'\n", "X = \"ab\"\nY = 'c'\n"),
    "names that ran together": ("X = fg, 1)\n", "X = f(g, 1)\n", "X = f(h, 1)\n"),
    "asyncio.async": ("import asyncio\nasyncio.async(f())\n", "import asyncio\nasyncio.ensure_future(f())\n", "import asyncio\nasyncio.run(f())\n"),
    "a misspelt keyword": ("asert f(1) == 2\n", "assert f(1) == 2\n", "assert f(1) == 3\n"),
    "a keyword left out": ("asert f(1) == 2\n", "assert f(1) == 2\n", "f(1) == 2\n"),
    "a keyword and a name": ("retrun = x y\n", None, "return = x\n"),
    "the operator of another language": ("assert f(1) === 2\n", "assert f(1) == 2\n", "assert f(1) != 2\n"),
    "an operator that says less": ("assert f(1) === 2\n", "assert f(1) == 2\n", "assert f(1) >= 2\n"),
    "both and either": ("assert a && b\n", "assert a and b\n", "assert a or b\n"),
    "not of what is compared": ("assert !a == b\n", None, "assert not a == b\n"),
    "two lines read otherwise": ("asert a\nasert b\n", None, "assert a\nasset = b\n"),
    "the last marker of a conflict": ("X = 1\n>>>>>>> b\n", "X = 1\n", "X = 2\n"),
    "half of a conflict": ("X = 1\n=======\nX = 2\n>>>>>>> b\n", None, "X = 1\nX = 2\n"),
    "another async": ("import other\nother.async(f())\n", "import other\nother.async_(f())\n", "import other\nother.ensure_future(f())\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_nothing_reads_changes_only_in_what_made_it_unreadable(name: str, tmp_path: Path) -> None:
    before, right, wrong = UNREADABLE[name]
    failed = broken("SyntaxError", "invalid syntax")
    for number, (after, passes) in enumerate(((right, True), (wrong, False))):
        if after is not None:
            trees = two_trees(tmp_path / str(number), {**BASE, "product.py": before}, {"product.py": after})
            results = proof.prove(
                Attempt(failed, candidate(), Trial("c1", TrialStatus.RAN), (), *trees), gates=STATIC_GATES
            )
            assert (results["scope"].passed and results["no_weakening"].passed) is passes


def test_quotes_in_the_fields_of_f_strings_may_change_and_the_text_around_them_may_not() -> None:
    before = """print(f"it's {d["a"]}")\n"""
    assert not product_change(before, """print(f"it's {d['a']}")\n""", Knowledge(Names(frozenset(), frozenset())))
    assert product_change(before, """print(f"its {d['a']}")\n""", Knowledge(Names(frozenset(), frozenset())))


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        ("def f(x)\n    return unicode(x)\n", "def f(x):\n    return unicode(x)\n", True),
        ("def f(x)\n    y = x\nreturn y\n", "def f(x):\n    y = x\nprint(y)\n", False),  # a local name out of its place
        ("def f(x)\n    return x\n", "def f(x):\n    return z\n", False),
        ("def f(x)\n    return x + z\n", "def f(x):\n    return x + z + z\n", False),
        ("def f(x):\n    return x\n", "def f(x):\n    return unicode(x)\n", False),
    ],
)
def test_a_name_is_newly_undefined_only_where_it_was_not_before(
    before: str,
    after: str,
    passes: bool,  # noqa: FBT001 - what is expected
    tmp_path: Path,
) -> None:
    trees = two_trees(tmp_path, {**BASE, "product.py": before}, {"product.py": after})
    attempt = Attempt(broken("SyntaxError", "invalid"), candidate(), Trial("c1", TrialStatus.RAN), (), *trees)
    assert proof.prove(attempt, gates=STATIC_GATES)["lints"].passed is passes
