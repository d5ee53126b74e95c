"""Forms that pytest gave up: what each becomes, what stays, and what the gate makes of changes that only look alike."""

import ast
from pathlib import Path

import pytest
from healing_core_trees import two_trees
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing import weakening
from maestro.healing.known_forms.old_pytest import FORMS, modern

TEST = "tests/test_shop.py"
PARAMETERS = (
    'import pytest\n\nbad = pytest.mark.xfail\n\n\n@pytest.mark.parametrize("a, b", [{}])\n'
    "def test_it(a, b):\n    assert a == b\n"
)
ONE = 'import pytest\n\n\n@pytest.mark.parametrize("a", [{}])\ndef test_it(a):\n    assert a\n'
BODY = "import pytest\n\n\ndef test_it():\n    {}\n"
PAIR = "import pytest\n\n\n@pytest.fixture{}\ndef pair({}):\n    {}\n\n\ndef test_it():\n    assert pair({}) == 1\n"
SPLIT = (
    "import pytest\n\n\ndef pair({}):\n    {}\n\n\n@pytest.fixture({})\ndef pair_fixture({}):\n    {} pair({})\n\n\n"
    "def test_it():\n    assert pair({}) == 1\n"
)


CACHED = "import pytest\n\n\n@pytest.fixture{}\ndef a(request):\n    x = 1\n    {}\n"
MADE = "value = make()\n    return value"
CLOSED = "value = [f(1)]\n    request.addfinalizer(lambda: close(value))\n    return value"


STREAM = "import sys\n\n\ndef test_it(capfd):\n    {}\n    assert f() == 1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            PARAMETERS.format("pytest.mark.xfail((1, 2))"),
            PARAMETERS.format("pytest.param(1, 2, marks=pytest.mark.xfail)"),
        ),
        (PARAMETERS.format("bad((1, 2))"), PARAMETERS.format("pytest.param(1, 2, marks=bad)")),
        (
            PARAMETERS.format('pytest.mark.xfail(ROW, reason="it")'),
            PARAMETERS.format('pytest.param(*ROW, marks=pytest.mark.xfail(reason="it"))'),
        ),
        (
            PARAMETERS.format('pytest.mark.skipif("1", (1,\n  2))'),
            PARAMETERS.format('pytest.param(1,\n  2, marks=pytest.mark.skipif("1"))'),
        ),
        (ONE.format("pytest.mark.xfail((1, 2))"), ONE.format("pytest.param((1, 2), marks=pytest.mark.xfail)")),
        (
            ("import pytest\n\nROWS = [pytest.mark.slow((1, 2)), (2, 2)]\n\n\n@pytest.mark.parametrize('a,b', ROWS)\n"
            "def test_it(a, b):\n    assert a\n"),
            ("import pytest\n\nROWS = [pytest.param(1, 2, marks=pytest.mark.slow), (2, 2)]\n\n\n"
            "@pytest.mark.parametrize('a,b', ROWS)\ndef test_it(a, b):\n    assert a\n"),
        ),
        (BODY.format('pytest.raises(KeyError, "f(1)")'), BODY.format("with pytest.raises(KeyError):\n        f(1)")),
        (
            BODY.format('e = pytest.raises(KeyError, "x = 1; f(x)")  # why'),
            BODY.format("with pytest.raises(KeyError) as e:\n        x = 1; f(x)  # why"),
        ),
        (
            BODY.format('assert "a" in str(pytest.raises(KeyError, "f(1)").value)'),
            BODY.format('assert "a" in str(pytest.raises(KeyError, lambda: f(1)).value)'),
        ),
        (
            PAIR.format("", "", "return 1", ""),
            SPLIT.format("", "return 1", 'name="pair"', "", "return", "", ""),
        ),
        (
            PAIR.format('(scope="module")', "tmpdir", "yield 1", "None"),
            SPLIT.format("tmpdir", "yield 1", 'name="pair", scope="module"', "tmpdir", "yield from", "tmpdir", "None"),
        ),
        (
            ('"""Docs."""\nfrom __future__ import division\nimport os\n\n\n'
            "def pytest_funcarg__a(request):\n    return 1\n"),
            ('"""Docs."""\nfrom __future__ import division\nimport pytest\nimport os\n\n\n@pytest.fixture\n'
            "def a(request):\n    return 1\n"),
        ),
        (
            "import pytest\n\n\nclass TestIt:\n    def pytest_funcarg__a(self, request):\n        return 1\n",
            "import pytest\n\n\nclass TestIt:\n    @pytest.fixture\n    def a(self, request):\n        return 1\n",
        ),
        (
            "import pytest\n\n\ndef pytest_runtest_setup(item):\n    if pytest.config.option.x:\n        pass\n",
            "import pytest\n\n\ndef pytest_runtest_setup(item):\n    if item.config.option.x:\n        pass\n",
        ),
        (
            "import pytest\n\n\n@pytest.fixture\ndef a(tmpdir):\n    return pytest.config.option.x\n",
            "import pytest\n\n\n@pytest.fixture\ndef a(tmpdir, pytestconfig):\n    return pytestconfig.option.x\n",
        ),
        (
            ("import pytest\n\n\ndef pytest_collect_file(parent, path):\n    return Yaml(path, parent=parent)\n\n\n"
            "class Yaml(pytest.File):\n    pass\n"),
            ("import pytest\n\n\ndef pytest_collect_file(parent, path):\n"
            "    return Yaml.from_parent(parent, fspath=path)\n\n\nclass Yaml(pytest.File):\n    pass\n"),
        ),
        (
            "import pytest\n\n\n@pytest.fixture('module', params=[1])\ndef a():\n    return 1\n",
            "import pytest\n\n\n@pytest.fixture(scope='module', params=[1])\ndef a():\n    return 1\n",
        ),
        (
            "def test_it(caplog):\n    caplog.setLevel(1)\n    assert 'a' in caplog.text()\n    caplog.records()[0]\n",
            "def test_it(caplog):\n    caplog.set_level(1)\n    assert 'a' in caplog.text\n    caplog.records[0]\n",
        ),
        (CACHED.format("", "return request.cached_setup(make)"), CACHED.format('(scope="module")', MADE)),
        (STREAM.format("sys.stdout.encoding = 'g'  # é"), STREAM.format("sys.stdout.reconfigure(encoding='g')  # é")),
        (STREAM.format("sys.stdin.encoding = f(1)"), STREAM.format("sys.stdin.reconfigure(encoding=f(1))")),
        (
            CACHED.format("", "return request.cached_setup(lambda: [f(1)], teardown=close, scope='class')"),
            CACHED.format('(scope="class")', CLOSED),
        ),
    ],
)  # fmt: skip
def test_a_form_becomes_the_documented_one(before: str, after: str, tmp_path: Path) -> None:
    # when a source in an old form is modernised
    made = modern(before)

    # then it is in the documented form, which stays; and the gate takes the one for the other
    assert made == after
    assert modern(made) is None
    old, new = two_trees(tmp_path, {TEST: before}, {TEST: after})
    assert weakening.find(old, new) == ()


@pytest.mark.parametrize(
    "source",
    [
        PARAMETERS.format("pytest.param(1, 2, marks=bad)"),
        PARAMETERS.format("make((1, 2))"),
        PARAMETERS.format("pytest.mark.xfail"),
        BODY.format('pytest.raises(KeyError, "not python(")'),
        BODY.format('pytest.raises(KeyError, f, "x")'),
        BODY.format('pytest.raises(KeyError, match="x")'),
        PAIR.format("", "", "return 1", "").replace("def test_it()", "def test_it(pair)"),  # the value is called
        PAIR.format("", "a=1", "return 1", ""),
        PAIR.format("", "", "return 1", "").replace("pair", "test_pair"),  # would become a test
        "import a\n\n\ndef pytest_funcarg__a(request):\n    return 1\n",  # would hide the module
        "import pytest\n\n\ndef helper():\n    return pytest.config.option.x\n",
        (
            "import pytest\nimport unittest\n\n\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n"
            "        assert pytest.config.option.x\n"
        ),
        (
            "import pytest\n\nlocal = 1\n\n\n@pytest.mark.skipif(pytest.config.option.x == local, reason='x')\n"
            "def test_it():\n    pass\n"
        ),
        "def pytest_namespace():\n    return made()\n",
        "import pytest\n\n\ndef pytest_configure(config):\n    pytest.config = config\n",
        "def test_it(caplog):\n    assert caplog.text()\n    assert caplog.records() != 1\n",  # methods are true, too
        "import pytest\n\n\n@pytest.fixture(make)\ndef a():\n    return 1\n",
        CACHED.format("(scope='module')", "return request.cached_setup(make)"),
        CACHED.format("", "return request.cached_setup(make, extrakey=1)"),
        CACHED.format("", "if x:\n        return 1\n    return request.cached_setup(make)"),
        "class Item:\n    pass\n\n\ndef test_it():\n    assert Item('a', 'b')\n",
        STREAM.format("sys.stdout.encoding = sys.stderr.encoding = 'gbk'"),
        STREAM.format("sys.stdout.encoding = 'gbk', 'x'"),
        STREAM.format("sys.stdout.errors = 'replace'"),
        STREAM.format("sys.stdout.encoding: str = 'gbk'"),
        STREAM.format("self.stdout.encoding = 'gbk'"),
        STREAM.format("sys.stdout.encoding = 'gbk'").replace("import sys", "import shop as sys"),
        "class Function(Base):\n    pass\n\n\nx = Function('name', 'parent')\n",
    ],
)
def test_what_is_none_of_the_forms_stays(source: str) -> None:
    assert modern(source) is None


SET = "sys.stdout.encoding = 'gbk'"
XFAIL = PARAMETERS.format("pytest.mark.xfail((1, 2)), (3, 3)")
RAISES = BODY.format('pytest.raises(KeyError, "f(1)")')
CONDITION = "import pytest\n\n\n@pytest.mark.skipif({}, reason='x')\ndef test_it():\n    assert f() == 1\n"
CONFIGURED = CONDITION.format("pytest.config.option.x")
FUNCARG = "import pytest\n\n\ndef pytest_funcarg__a(request):\n    return 1\n\n\ndef test_it(a):\n    assert f() == a\n"
HOOK = "import pytest\n\n\ndef pytest_namespace():\n    return {'limit': 3}\n"
CACHE = CACHED.format("", "return request.cached_setup(make, close)")
LOGS = "def test_it(caplog):\n    assert 'a' in caplog.text()\n    assert caplog.text()\n"
NODE = "import pytest\n\n\nclass Sum(pytest.Item):\n    pass\n\n\ndef make(parent):\n    return Sum('a', parent)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (XFAIL, PARAMETERS.format("pytest.param(1, 2, marks=pytest.mark.skip), (3, 3)")),
        (XFAIL, PARAMETERS.format("pytest.param(1, 1, marks=pytest.mark.xfail), (3, 3)")),
        (XFAIL, PARAMETERS.format("pytest.param(1, 2, marks=pytest.mark.xfail)")),
        (XFAIL, PARAMETERS.format("(3, 3)")),
        (XFAIL, PARAMETERS.format("pytest.param(1, 2, marks=bad), pytest.param(3, 3, marks=bad)")),
        (XFAIL, PARAMETERS.format("(1, 2), pytest.param(3, 3, marks=pytest.mark.xfail)")),
        (RAISES, BODY.format("with pytest.raises(Exception):\n        f(1)")),
        (RAISES, BODY.format("with pytest.raises(KeyError):\n        f(2)")),
        (RAISES, BODY.format("with pytest.raises(KeyError):\n        raise KeyError")),
        (RAISES, BODY.format("with pytest.raises(KeyError):\n        f(1)\n        raise KeyError")),
        (RAISES, BODY.format("f(1)")),
        (CONFIGURED, CONDITION.format("'True'")),
        (CONFIGURED, CONDITION.format("'not config.option.x'")),
        (CONFIGURED, CONDITION.format("'config.option.x or 1'")),
        (FUNCARG, FUNCARG.replace("def pytest_funcarg__a", "@pytest.fixture\ndef a").replace("return 1", "return f()")),
        (FUNCARG, FUNCARG.replace("def test_it(a)", "@pytest.fixture\ndef it(a)")),
        (HOOK, HOOK.replace("pytest_namespace", "pytest_configure").replace("return {'limit': 3}", "pytest.limit = 4")),
        (HOOK, HOOK.replace("pytest_namespace", "pytest_collection_modifyitems")),
        (CACHE, CACHED.format('(scope="session")', CLOSED.replace("[f(1)]", "make()"))),
        (CACHE, CACHED.format('(scope="module")', MADE)),
        (CACHE, CACHED.format('(scope="module")', CLOSED.replace("[f(1)]", "1"))),
        (LOGS, LOGS.replace("caplog.text()", "caplog.text")),
        (STREAM.format(SET), STREAM.format("sys.stdout.reconfigure(encoding='utf-8')")),
        (STREAM.format(SET), STREAM.format("sys.stderr.reconfigure(encoding='gbk')")),
        (STREAM.format(SET), STREAM.format("sys.stdout.reconfigure(encoding='gbk', errors='replace')")),
        (STREAM.format(SET), STREAM.format("sys.stdout = open(1, 'w', encoding='gbk')")),
        (STREAM.format(SET), STREAM.format("pass")),
        (NODE, NODE.replace("Sum('a', parent)", "Sum.from_parent(parent, name='b')")),
        (NODE, NODE.replace("Sum('a', parent)", "pytest.Item.from_parent(parent, name='a')")),
        (
            PAIR.format("", "", "return f()", ""),
            SPLIT.format("", "return 1", 'name="pair"', "", "return", "", ""),
        ),
        (
            PAIR.format("", "", "return f()", ""),
            SPLIT.format("", "return f()", 'name="pair"', "", "return 1 or", "", ""),
        ),
        (
            PAIR.format("", "", "return f()", ""),
            SPLIT.format("", "return f()", 'name="f", autouse=True', "", "return", "", ""),
        ),
    ],
)  # fmt: skip
def test_a_change_that_looks_like_a_form_is_refused(before: str, after: str, tmp_path: Path) -> None:
    old, new = two_trees(tmp_path, {TEST: before}, {TEST: after})

    assert weakening.find(old, new)


@given(
    names=st.lists(st.sampled_from(["a", "b", "é"]), min_size=1, max_size=3, unique=True),
    value=st.integers(),
    form=st.sampled_from(sorted(FORMS)),
)
def test_what_a_form_makes_parses_and_stays(names: list[str], value: int, form: str) -> None:
    listed, row = ", ".join(names), ", ".join([str(value)] * len(names))
    source = (
        f"import pytest\n\n\ndef pytest_funcarg__{names[0]}0(request):\n    return 'é' and {value}\n\n\n"
        f"@pytest.mark.parametrize('{listed}', [pytest.mark.é(({row},))])\n"
        f"def test_it({listed}):\n    'é'; pytest.raises(KeyError, 'f({value})')\n"
        f"    pytest.raises(KeyError, 'f({listed})')\n    assert pytest.config.é\n"
    )

    made = FORMS[form](source)

    ast.parse(made)
    assert FORMS[form](made) == made
