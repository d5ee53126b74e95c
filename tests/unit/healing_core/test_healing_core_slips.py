"""Slips of several lines: open strings, statements outside of their function, late declarations."""

from pathlib import Path

import pytest
from healing_core_trees import two_trees
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing import weakening
from maestro.healing.known_forms.slips import programs, refusal

TEST = "tests/test_shop.py"
DOCS = (
    '"""Tests."""\n\n\ndef helper():\n    """Say {}\n    return 1\n\n\n'
    'def test_it():\n    """Of one."""\n    assert helper() == 1\n'
)
MOVED = "    def test_it():\n        assert"
PLACED = "def helper(x):\n    for y in x:\n        z = y\n{}return z\n\n\ndef test_it():\n    assert helper([1]) == 1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DOCS.format("one."), DOCS.format('one."""')),
        (DOCS.format("it's\n    one."), DOCS.format('it\'s\n    one."""')),
        (PLACED.format(""), PLACED.format("    ")),
        (
            "x = 1\n\n\ndef helper():\n    x = 2\n    global x\n    return x\n",
            "x = 1\n\n\ndef helper():\n    global x\n    x = 2\n    return x\n",
        ),
        (
            '"""Docs."""\nimport os\nfrom __future__ import division\n',
            '"""Docs."""\nfrom __future__ import division\nimport os\n',
        ),
    ],
)
def test_a_slip_is_mended(before: str, after: str, tmp_path: Path) -> None:
    made = list(programs(before))

    assert made[0] == after
    old, new = two_trees(tmp_path, {TEST: before}, {TEST: after})
    assert weakening.find(old, new) == ()
    assert weakening.product_change(before, after, weakening.knowledge_of(old)) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # the string ends later, and takes the code with it
        (DOCS.format("one."), DOCS.format("one.").replace("    return 1\n", '    return 1\n    """\n')),
        # the string ends where it should, and the assertion expects something else
        (DOCS.format("one."), DOCS.format('one."""').replace("== 1", "== 2")),
        # more than the one statement moves
        (
            PLACED.format(""),
            PLACED.format("    ").replace("def test_it():\n    assert", MOVED),
        ),
        # the return comes before what it was to return after
        (PLACED.format(""), PLACED.format("").replace("return z\n", "").replace("        z = y", "        return y")),
        # a test returns before it asserts
        (
            "def test_it():\n    x = f()\nreturn x\n    assert x\n",
            "def test_it():\n    x = f()\n    return x\n    assert x\n",
        ),
    ],
)
def test_what_looks_like_mending_a_slip_is_refused(before: str, after: str, tmp_path: Path) -> None:
    old, new = two_trees(tmp_path, {TEST: before}, {TEST: after})

    assert weakening.find(old, new)


@given(st.text(alphabet="ab'\"\n #:=()", max_size=60))
def test_what_a_slip_is_mended_to_is_a_program(text: str) -> None:
    source = f'def f():\n    """{text}\n    return 1\n'

    assert all(refusal(made) is None for made in programs(source))
