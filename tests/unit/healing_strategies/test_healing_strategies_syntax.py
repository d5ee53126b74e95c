"""Sources that do not parse, and Python 2."""

# ruff: noqa: E501 - sources of the projects under test stand on one line

import ast
from collections.abc import Callable

import pytest
from healing_strategies_bench import Bench
from maestro.healing.strategies.syntax_repair.python2 import to_python3
from maestro.model import Candidate, Failure, Strategy

Fail = Callable[..., Failure]


@pytest.mark.parametrize(
    ("source", "line", "expected"),
    [
        ("def f(x)\n    return x\n", 1, "def f(x):\n    return x\n"),
        ("class A  # comment\n    x = 1\n", 1, "class A:  # comment\n    x = 1\n"),
        ("if True:\n        x = 1\n\ty = 2\n", 3, "if True:\n        x = 1\n        y = 2\n"),
        ("x = foo(1, (2, 3)\ny = 2\n", 1, "x = foo(1, (2, 3))\ny = 2\n"),
        ("x = [1, 2))\n", 1, None),
        ("def f(x):\n    retrun x\n", 2, "def f(x):\n    return x\n"),
        ("improt os\nform os import path\n", 1, None),
        ("form os import path\n", 1, "from os import path\n"),
        ("x = 1\nasert x\n", 2, "x = 1\nassert x\n"),
        ("class A:\n    df f(self): pass\n", 2, "class A:\n    def f(self): pass\n"),
        ("x = [n fro n in y]\n", 1, "x = [n for n in y]\n"),
        ("class A:\n    def test_a:\n        pass\n", 2, "class A:\n    def test_a(self):\n        pass\n"),
        ("if x:\n    pass\nelse if y:\n    pass\n", 3, "if x:\n    pass\nelif y:\n    pass\n"),
        ("class A(object);\n    x = 1\n", 1, "class A(object):\n    x = 1\n"),
        ("assert a === 1 && !b\n", 1, "assert a == 1 and not b\n"),
        ("assert a === ' && '\n", 1, "assert a == ' && '\n"),
        ("for x things:\n    pass\n", 1, "for x in things:\n    pass\n"),
        ("x = 1\n>>>>>>> other\ny = 2\n", 2, "x = 1\ny = 2\n"),
        ("x = 1\n=======\nx = 2\n>>>>>>> other\n", 2, None),
        ("assert f(x == 1\n", 1, "assert f(x) == 1\n"),
        (
            "class A:\n    x = 1\n\ndef f(self):\n        pass\n\n    def g(self):\n        pass\n",
            7,
            "class A:\n    x = 1\n\n    def f(self):\n        pass\n\n    def g(self):\n        pass\n",
        ),
        ("def f():\n    x = 1\n     y = 2\n    return x\n", 3, "def f():\n    x = 1\n    y = 2\n    return x\n"),
        ("<<<<<<< HEAD\nx = 1\n=======\nx = (2\n>>>>>>> other\ny = 3\n", 1, "x = 1\ny = 3\n"),
        ("<<<<<<< HEAD\nx = 1\n=======\nx = 1  # one\n>>>>>>> other\n", 1, "x = 1\n"),
        ("<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other\n", 1, None),
        ("go = run\nrun1, go1 = 1, 2\ngorun1, go1)\n", 3, "go = run\nrun1, go1 = 1, 2\ngo(run1, go1)\n"),
        ("import unittest\nunittest.main)\n", 2, "import unittest\nunittest.main()\n"),
        ("f(\n    1,\n    [2,\n     3\n    ,\n    4)\n", 6, "f(\n    1,\n    [2,\n     3\n    ],\n    4)\n"),
        ("x = [\n    1,\n    2,\n\ny = 3\n", 1, "x = [\n    1,\n    2,\n]\ny = 3\n"),
        ("import asyncio\nasyncio.async(f())\n", 2, "import asyncio\nasyncio.ensure_future(f())\n"),
        ("def async(x):\n    return go(x, async=True)\n", 1, "def async_(x):\n    return go(x, async_=True)\n"),
        ("x = \u2018a\u2019\n", 1, "x = 'a'\n"),
        ("async = 1\nprint(async)\n", 1, "async_ = 1\nprint(async_)\n"),
        ("x = 'open\n", 1, "x = 'open'\n"),
        ("d = {\n    'a': 1\n    'b': 2,\n}\n", 2, "d = {\n    'a': 1,\n    'b': 2,\n}\n"),
    ],
)
def test_small_slips(bench: Bench, fail: Fail, source: str, line: int, expected: str | None) -> None:
    bench.write({"tests/test_demo.py": source})
    failure = fail(
        "SyntaxError", "invalid syntax", line=line, attributes={"file": "/elsewhere/tests/test_demo.py", "line": line},
        text=f'  File "/elsewhere/tests/test_demo.py", line {line}\nE   SyntaxError: invalid syntax',
    )  # fmt: skip
    candidates = bench.propose(failure)
    if expected is None:
        assert all(c.generator == "small_syntax" for c in candidates)
        return
    bench.apply(candidates[0])
    assert bench.read("tests/test_demo.py") == expected


@pytest.mark.parametrize(
    ("line", "guess", "also"),
    [
        ("return (net + tax * count", True, ""),
        ("return net * (tax + 1) + (count - 1 * 2", True, ""),
        ("return net * tax + count)", True, ""),
        ("return total(net + tax, count", False, "it could also close after `(net`"),
        ("return [net, tax, count", False, "it could also close after"),
        ("return total((net, tax), count))", False, ""),
        ("return total(net", False, ""),
    ],
)
def test_where_a_bracket_of_the_product_stood_is_not_guessed(
    bench: Bench,
    fail: Fail,
    line: str,
    guess: bool,  # noqa: FBT001 - a parameter of the test
    also: str,
) -> None:
    # given a line that lost a bracket, in the product and in a test
    source = f"def price(net, tax, count):\n    {line}\n"
    bench.write({"demo/price.py": source, "tests/test_demo.py": source})

    def made(path: str) -> tuple[Candidate, ...]:
        return tuple(
            bench.propose(
                fail("SyntaxError", "invalid syntax", line=2, file=path, attributes={"file": path, "line": 2},
                     text=f'  File "/elsewhere/{path}", line 2\nE   SyntaxError: invalid syntax')
            )
        )  # fmt: skip

    # then the product's is mended only where the bracket does not decide what is computed, and doubts are said
    assert made("tests/test_demo.py")
    assert bool(made("demo/price.py")) is not guess
    for candidate in made("demo/price.py")[:1]:
        assert also in candidate.summary


@pytest.mark.parametrize(
    ("division", "told"),
    [
        ("sum(rows) / len(rows)", True),
        ("len(rows) / 2", True),
        ("sum(rows) / 2.0", False),
        ("float(sum(rows)) / 2", False),
        ("sum(rows) // 2", False),
    ],
)
def test_a_division_that_means_something_else_now_is_said(
    bench: Bench,
    fail: Fail,
    division: str,
    told: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    source = f"def average(rows):\n    print 'average'\n    return {division}\n"
    failure = fail(
        "SyntaxError", "invalid syntax", file="demo.py", line=2, attributes={"file": "demo.py", "line": 2},
        text='  File "/src/demo.py", line 2\nE   SyntaxError: invalid syntax',
    )  # fmt: skip
    bench.write({"demo.py": source})
    assert ("Python 2 dropped: demo.py:3" in bench.propose(failure)[0].summary) is told
    bench.write({"demo.py": f"from __future__ import division\n{source}"})
    assert "dropped" not in bench.propose(failure)[0].summary


def test_a_python_2_package_is_translated_as_a_whole_too(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "demo/__init__.py": "",
            "demo/parser.py": "import re\r\nX = re.compile(ur'^(.)', re.M)\r\n",
            "demo/other.py": "def f(d):\n    for k, v in d.iteritems():\n        print k, v\n    try:\n        pass\n    except (IOError), e:\n        raise ValueError, e\n",
            "demo/names.py": "import StringIO\nOUT = StringIO.StringIO()\ntext = unicode('a')\n",
            "tests/test_demo.py": "import demo.parser\n",
        }
    )
    failure = fail(
        "SyntaxError", "invalid syntax", file="demo/parser.py", line=2, attributes={"file": "demo/parser.py", "line": 2},
        text='  File "/src/demo/parser.py", line 2\nE   SyntaxError: invalid syntax',
    )  # fmt: skip

    candidates = bench.propose(failure)
    assert [c.generator for c in candidates] == ["python2_to_3"] * 3
    bench.apply(candidates[0])

    assert bench.read("demo/parser.py") == "import re\r\nX = re.compile(r'^(.)', re.M)\r\n"
    assert "import io\n" in bench.read("demo/names.py")
    assert "except (IOError) as e" in bench.read("demo/other.py")


def test_a_python_2_module_is_never_installed(bench: Bench, fail: Fail) -> None:
    bench.write(
        {"tests/test_demo.py": "import StringIO\n\n\ndef test_it():\n    assert StringIO.StringIO('a').read() == 'a'\n"}
    )
    failure = fail("ModuleNotFoundError", "No module named 'StringIO'", attributes={"module": "StringIO"})
    candidates = bench.propose(failure)
    assert {c.generator for c in candidates} == {"python2_to_3"}
    bench.apply(candidates[0])
    assert bench.read("tests/test_demo.py").startswith("import io\n")


@pytest.mark.parametrize(
    "source",
    [
        "print('x', file=f)\n",
        "exec('1')\n",
        "x = 1",
        "def f():\n    pass\n\n\n",
        "# only a comment\n",
        "s = u'a'\r\nt = 2\r\n",
    ],
)
def test_translation_leaves_the_ends_alone_and_parses(source: str) -> None:
    out = to_python3(source)
    assert out is not None
    ast.parse(out)
    assert out.endswith("\n") == source.endswith("\n")
    assert ("\r\n" in out) == ("\r\n" in source)


def test_a_file_that_parses_is_not_touched(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "x = 1\n"})
    failure = fail("SyntaxError", "bad input", attributes={"file": "tests/test_demo.py", "line": 1})
    assert bench.propose(failure) == []


def test_a_module_beside_the_importing_file_becomes_relative_and_is_not_installed(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "demo/__init__.py": "",
            "demo/tests/__init__.py": "",
            "demo/tests/widgets/__init__.py": "",
            "demo/tests/widgets/simple.py": "X = 1\n",
            "demo/tests/test_demo.py": "from widgets.simple import X\n",
        }
    )
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    candidates = bench.propose(failure)
    assert [c.generator for c in candidates] == ["implicit_relative_import"]
    bench.apply(candidates[0])
    assert bench.read("demo/tests/test_demo.py") == "from .widgets.simple import X\n"


def test_a_source_that_was_made_at_run_time_stands_in_no_file(bench: Bench, fail: Fail) -> None:
    bench.write({"demo.py": "x = 0777\n", "tests/test_demo.py": "import demo\n"})
    failure = fail(
        "SyntaxError", "invalid syntax", file="demo.py", line=1, attributes={"file": "<template>", "line": 1},
        text='  File "demo.py", line 1, in f\n  File "<template>", line 1\nE   SyntaxError: invalid syntax',
    )  # fmt: skip
    assert not [c for c in bench.propose(failure) if c.strategy is Strategy.SYNTAX_REPAIR]
