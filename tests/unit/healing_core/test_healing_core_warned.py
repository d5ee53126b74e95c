"""Filters of warnings: which one a failure justifies, where it is written, and which ones the gate refuses."""

import dataclasses
from pathlib import Path

import pytest
from healing_core_trees import failure as make
from healing_core_trees import two_trees
from maestro.healing import weakening
from maestro.healing.known_forms.warned import filters
from maestro.healing.strategies.environment_healing.warned import with_filter
from maestro.model import Failure, Frame

TEST = Frame("tests/test_cart.py", 3, "test_total", in_project=True, code="total()")
PYTHON = Frame("warnings.py", 514, "_deprecated", in_project=False, code="warn(msg, DeprecationWarning)")
IMPORT = Frame("<frozen importlib._bootstrap>", 1, "_find_and_load", in_project=False)
MESSAGE = "'cgi' is deprecated: it goes"
LINE = "ignore:.cgi. is deprecated:DeprecationWarning:web.compat"


def foreign(file: str, distribution: str, code: str = "from cgi import parse") -> Frame:
    return Frame(file, 5, "f", in_project=False, code=code, distribution=distribution)


def warned(*frames: Frame, exception: str = "DeprecationWarning", message: str = MESSAGE) -> Failure:
    base = make(exception=exception)
    facts = dataclasses.replace(base.facts, frames=frames, message=message, bases=("Warning", "Exception"))
    return dataclasses.replace(base, facts=facts)


WEB = foreign("web/compat.py", "web")
USES = foreign("web/compat.py", "web", "other.old()")
WARNS = foreign("other/__init__.py", "other", "warnings.warn('cgi is deprecated', DeprecationWarning)")


@pytest.mark.parametrize(
    ("failure", "lines"),
    [
        (warned(TEST, WEB, IMPORT, PYTHON), [LINE]),
        (warned(TEST, foreign("web/compat.py", "web", "datetime.utcnow()")), [LINE]),
        (warned(TEST, USES, WARNS), [LINE, LINE.replace("web.compat", "other")]),
        (warned(TEST, USES, IMPORT, WARNS), [LINE, LINE.replace("web.compat", "other")]),
    ],
)
def test_what_a_library_causes_in_another_may_pass(failure: Failure, lines: list[str]) -> None:
    assert filters(failure) == tuple(lines)


@pytest.mark.parametrize(
    "failure",
    [
        warned(TEST, PYTHON),  # the project uses what Python gives up
        warned(TEST, IMPORT, PYTHON),
        warned(TEST, WARNS),  # the project uses what the library gives up
        warned(TEST, IMPORT, WARNS),
        warned(TEST, foreign("other/api.py", "other", "return _old()"), WARNS),  # perhaps it does
        warned(WEB, TEST, PYTHON),  # called back by a library, it is the project all the same
        warned(TEST, foreign("_pytest/x.py", "pytest", "warnings.warn(x)")),
        warned(TEST, WEB, PYTHON, exception="UserWarning"),
        warned(TEST, WEB, PYTHON, exception="ValueError"),
        warned(TEST, WEB, PYTHON, message="old: gone"),
        warned(),
    ],
)
def test_what_the_project_causes_is_its_own(failure: Failure) -> None:
    assert filters(failure) == ()


INI = "[tox]\nfilterwarnings = error\n\n[pytest]\nfilterwarnings =\n    error\n    ignore::UserWarning\naddopts = -q\n"
TOML = '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\naddopts = "-q"\n'


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("tox.ini", INI, INI.replace("UserWarning\n", f"UserWarning\n    {LINE}\n")),
        (
            "setup.cfg",
            "[tool:pytest]\nfilterwarnings = error",
            f"[tool:pytest]\nfilterwarnings = error\n    {LINE}\n",
        ),
        ("pyproject.toml", TOML, TOML.replace('["error"]', f"[\"error\", '{LINE}']")),
        (
            "pyproject.toml",
            TOML.replace('["error"]', "[\n  'error',  # all ]\n  'ignore:a]'\n]"),
            TOML.replace('["error"]', f"[\n  'error',  # all ]\n  'ignore:a]',\n  '{LINE}',\n]"),
        ),
    ],
)
def test_a_filter_is_written_after_the_others(path: str, before: str, after: str, tmp_path: Path) -> None:
    assert with_filter(path, before, LINE) == after
    assert with_filter(path, after, LINE) is None
    old, new = two_trees(tmp_path, {path: before}, {path: after})
    assert weakening.find(old, new, warned(TEST, WEB, PYTHON)) == ()
    assert weakening.find(old, new)  # without such a failure it is a weakening
    assert weakening.find(old, new, warned(TEST, PYTHON))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tox.ini", "[tox]\nfilterwarnings = error\n"),
        ("setup.cfg", "[tool:pytest]\nfilterwarnings = default\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\nfilterwarnings = 'error'\n"),
        ("pyproject.toml", "not toml ["),
    ],
)
def test_where_warnings_are_no_errors_there_is_nothing_to_write(path: str, text: str) -> None:
    assert with_filter(path, text, LINE) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "    error\n    ignore::UserWarning\n    ignore\n",
        "    error\n    ignore::UserWarning\n    ignore::DeprecationWarning\n",
        f"    error\n    ignore::UserWarning\n    {LINE.replace('.cgi. is deprecated', '')}\n",
        f"    error\n    ignore::UserWarning\n    {LINE.replace(':web.compat', '')}\n",
        f"    error\n    ignore::UserWarning\n    {LINE.replace('web.compat', 'cart')}\n",
        f"    error\n    ignore::UserWarning\n    {LINE.replace('Deprecation', '')}\n",
        f"    {LINE}\n    error\n    ignore::UserWarning\n",
        f"    ignore::UserWarning\n    {LINE}\n",
        f"    default\n    ignore::UserWarning\n    {LINE}\n",
        f"    error\n    ignore::UserWarning\n    {LINE}\n    ignore\n",
    ],
)
def test_a_wider_filter_is_refused(wrong: str, tmp_path: Path) -> None:
    after = INI.replace("    error\n    ignore::UserWarning\n", wrong)
    old, new = two_trees(tmp_path, {"tox.ini": INI}, {"tox.ini": after})

    assert weakening.find(old, new, warned(TEST, WEB, PYTHON))
