"""What Python 2 left to find at run time, newer syntax on an older Python, and IPython's magics."""

# ruff: noqa: E501 - sources of the projects under test stand on one line

from collections.abc import Callable

import pytest
from healing_strategies_bench import Bench
from maestro.model import Failure, Strategy

Fail = Callable[..., Failure]


@pytest.mark.parametrize(
    ("source", "line", "message", "expected"),
    [
        ("x = map(str, y)[0]\n", 1, "'map' object is not subscriptable", "x = list(map(str, y))[0]\n"),
        ("keys = d.keys()\nother = d.items()\nkeys.sort()\n", 3, "'dict_keys' object has no attribute 'sort'", "keys = list(d.keys())\nother = d.items()\nkeys.sort()\n"),
        ("for k in d.keys():\n    del d[k]\n", 1, "dictionary changed size during iteration", "for k in list(d.keys()):\n    del d[k]\n"),
        ("x = range(3) + [1]  # more\n", 1, "unsupported operand type(s) for +: 'range' and 'list'", "x = list(range(3)) + [1]  # more\n"),
        ("x = len(list(map(f, y)), filter(g, y))\n", 1, "object of type 'filter' has no len()", "x = len(list(map(f, y)), list(filter(g, y)))\n"),
        ("x = d.keys(1)[0]\n", 1, "'dict_keys' object is not subscriptable", None),
        ("x = map(str, y)[0]\n", 1, "'Thing' object is not subscriptable", None),
    ],
)  # fmt: skip
def test_a_view_becomes_a_list_where_it_must_be_one(
    bench: Bench, fail: Fail, *, source: str, line: int, message: str, expected: str | None
) -> None:
    bench.write({"tests/test_demo.py": source})
    failure = fail("TypeError", message, line=line)
    found = [c for c in bench.propose(failure) if c.generator == "list_of_view"]
    if expected is None:
        assert not found
        return
    bench.apply(found[0])
    assert bench.read("tests/test_demo.py") == expected


@pytest.mark.parametrize(
    ("source", "line", "error", "message", "expected"),
    [
        ("def read(p):\n    return file(p).read() + file(p, 'r').read()\n", 2, "NameError", "name 'file' is not defined", "def read(p):\n    return open(p).read() + open(p, 'r').read()\n"),
        ("x = cmp(a + 1, b)\n", 1, "NameError", "name 'cmp' is not defined", "x = (((a + 1) > b) - ((a + 1) < b))\n"),
        ("import functools\nx.sort(cmp=by)\n", 2, "TypeError", "'cmp' is an invalid keyword argument for sort()", "import functools\nx.sort(key=functools.cmp_to_key(by))\n"),
        ("import sh\nsh.cd(a / b)\n", 2, "sh.CommandNotFound", "cd", "import sh\nimport os\nos.chdir(a / b)\n"),
        ("f = open(p, 'rU')\n", 1, "ValueError", "invalid mode: 'rU'", "f = open(p, 'r')\n"),
    ],
)  # fmt: skip
def test_what_python_2_had(
    bench: Bench, fail: Fail, *, source: str, line: int, error: str, message: str, expected: str
) -> None:
    bench.write({"demo.py": source})
    failure = fail(error, message, file="demo.py", line=line)
    best = next(c for c in bench.propose(failure) if c.generator == "catalogue_call")
    bench.apply(best)
    assert bench.read("demo.py") == expected


def test_newer_syntax_gets_the_oldest_python_that_reads_it(bench: Bench, fail: Fail) -> None:
    bench.python = "3.9"
    bench.write(
        {
            "maestro.yaml": "project: demo\nenvironment:\n  python: '3.9'\n  install:\n  - pytest\n",
            "tests/test_demo.py": "def f(x):\n    match x:\n        case 1:\n            return 2\n",
        }
    )
    failure = fail("SyntaxError", "invalid syntax", line=2, attributes={"file": "tests/test_demo.py", "line": 2})

    best = next(c for c in bench.propose(failure) if c.generator == "newer_python")
    assert best.workaround
    bench.apply(best)

    assert "python: '3.10'" in bench.read("maestro.yaml").replace('"', "'")
    bench.write({"setup.py": "CLASSIFIERS = ['Programming Language :: Python :: 3.11']\n", "maestro.yaml": "project: demo\nenvironment:\n  python: '3.9'\n"})  # fmt: skip
    best = next(c for c in bench.propose(failure) if c.generator == "newer_python")
    assert not best.workaround
    assert "3.11" in best.patch


def test_a_file_that_no_python_reads_asks_for_no_other(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "def f(x:\n    return\n"})
    failure = fail("SyntaxError", "invalid syntax", line=1, attributes={"file": "tests/test_demo.py", "line": 1})
    assert not [c for c in bench.propose(failure) if c.generator == "newer_python"]


def test_a_magic_is_run_by_its_name_and_arguments(bench: Bench, fail: Fail) -> None:
    bench.distributions = {"ipython": "9.18.1"}
    bench.modules = {"IPython": "ipython"}
    bench.write({"tests/test_demo.py": 'shell = get()\nshell.magic("load_ext demo")\nshell.magic("demo")\n'})
    failure = fail(
        "AttributeError", "'InteractiveShellEmbed' object has no attribute 'magic'", line=2,
        attributes={"name": "magic", "owner": "IPython.terminal.embed.InteractiveShellEmbed", "owner_kind": "instance"},
    )  # fmt: skip

    best = bench.propose(failure, strategies=(Strategy.API_CONTRACT_ADAPTATION,))[0]
    bench.apply(best)

    expected = 'shell = get()\nshell.run_line_magic("load_ext", "demo")\nshell.run_line_magic("demo", "")\n'
    assert bench.read("tests/test_demo.py") == expected


def test_invalid_escape_sequences_become_raw_strings_of_the_same_value(bench: Bench, fail: Fail) -> None:
    files = {
        "demo.py": "import re\nX = re.compile('\\d+')  # digits\nY = '\\n'\n",
        "other.py": "Z = 'a\\s\\n\u00e9'\n",
        "right.py": "W = '\\n'\n",
    }
    bench.write(files)
    failure = fail("SyntaxError", "invalid escape sequence '\\d'", file="demo.py", line=2)

    best = next(c for c in bench.propose(failure) if c.generator == "escape_sequences")
    bench.apply(best)

    assert bench.read("demo.py") == "import re\nX = re.compile(r'\\d+')  # digits\nY = '\\n'\n"
    assert bench.read("other.py") == "Z = 'a\\\\s\\n\u00e9'\n"
    assert bench.read("right.py") == files["right.py"]


ENDS = "RuntimeError: generator raised StopIteration"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x):\n    yield x\n    raise StopIteration\n", "def f(x):\n    yield x\n    return\n"),
        ("def f(x):\n    yield x\n    raise StopIteration()  # über\n", "def f(x):\n    yield x\n    return  # über\n"),
        ("def f(x):\n    s = 'ü'; yield x; raise StopIteration(s)\n", "def f(x):\n    s = 'ü'; yield x; return s\n"),
        ("def f(x):\n    try:\n        yield x[0]\n    except IndexError:\n        raise StopIteration\n", "def f(x):\n    try:\n        yield x[0]\n    except IndexError:\n        return\n"),
        ("def f(p):\n    with open(p) as s:\n        yield s\n        raise StopIteration\n", "def f(p):\n    with open(p) as s:\n        yield s\n        return\n"),
        ("class A:\n    def __next__(self):\n        raise StopIteration\n", None),  # an iterator's own end
        ("def f(x):\n    yield x\n    def g():\n        raise StopIteration\n    g()\n", None),
        ("def f(x):\n    yield x\n    try:\n        raise StopIteration\n    except StopIteration:\n        x.end()\n", None),
        ("def f(x):\n    yield x\n    try:\n        if x:\n            raise StopIteration\n    except:\n        x.end()\n", None),
        ("def f(x):\n    with x.transaction():\n        yield x\n        raise StopIteration\n", None),  # it may roll back
        ("def f(x):\n    yield next(x)\n", None),
        ("async def f(x):\n    yield x\n    raise StopIteration\n", None),
    ],
)  # fmt: skip
def test_generators_that_end_by_an_exception(bench: Bench, fail: Fail, source: str, expected: str | None) -> None:
    bench.write({"demo.py": source})
    failure = fail("RuntimeError", "generator raised StopIteration", text=ENDS)
    found = [c for c in bench.propose(failure) if c.generator == "generator_end"]
    if expected is None:
        assert not found
        return
    bench.apply(found[0])
    assert bench.read("demo.py") == expected


def test_generators_are_left_alone_where_none_failed_so(bench: Bench, fail: Fail) -> None:
    bench.write({"demo.py": "def f(x):\n    yield x\n    raise StopIteration\n"})
    assert not [c for c in bench.propose(fail("RuntimeError", "boom")) if c.generator == "generator_end"]
