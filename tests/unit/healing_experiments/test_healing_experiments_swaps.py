# ruff: noqa: E501, PLR0917 - the cases are tables; a row reads best on one line
"""What an exchanged dimension shows, and the many ways in which it shows nothing."""

import dataclasses
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from maestro.healing import swaps
from maestro.healing.base import Project
from maestro.healing.bases import Green, bases, related, touched
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.expectations import Expectation, located, parts
from maestro.healing.experiments import Observation
from maestro.healing.swaps import Base
from maestro.model import (
    CaseResult,
    EnvironmentFacts,
    EnvironmentSpec,
    ErrorKind,
    Facts,
    Failure,
    Frame,
    Outcome,
    Phase,
    Severity,
    Strategy,
)

TEST = "tests/test_x.py::test_a"
SOURCE = """\
import pytest
from shop import cart


def test_a():
    assert cart.shown() == "Missing data for it"


@pytest.mark.parametrize("given, wanted", [(1, "one of the two"), (2, {"price": 1234.5})])
def test_many(given, wanted):
    assert cart.shown(given) == wanted


def test_raises():
    with pytest.raises(ValueError, match="Missing data"):
        cart.order()


class TestCart:
    def test_method(self):
        expected = ["first", "second", "third"]
        self.assertEqual(
            expected,
            cart.all())


def test_unclear():
    wanted = "one of them"
    wanted = "another one"
    assert cart.shown() == wanted


def test_small():
    assert cart.number() == 14
    assert cart.flag() == True


def test_held():
    assert "optional arguments:" in cart.usage()


def test_kept():
    assert cart.page() == open("tests/page.txt").read()
"""
LINES = {line.strip(): number for number, line in enumerate(SOURCE.splitlines(), start=1)}
FACTS = Facts(
    Phase.CALL,
    "AssertionError",
    "assert 'Not given for it' == 'Missing data for it'",
    assertion={"op": "==", "file": "tests/test_x.py", "line": 6, "left": "'Not given for it'",
               "right": "'Missing data for it'", "left_type": "str", "right_type": "str"},
    frames=(Frame("tests/test_x.py", 6, "test_a", in_project=True),),
    covered={"shop/cart.py": ["shown"]},
)  # fmt: skip
FAILURE = Failure("f", ErrorKind.TEST_FAILURE, Severity.LOW, "assertion", "it failed", (TEST,), "unit", "no", FACTS)
OLD = EnvironmentFacts("1", "3.11.7", {"words": "1.0", "shop": "5.0", "pytest": "9.0"}, {"words": "words"})
NEW = dataclasses.replace(OLD, hash="2", distributions={**OLD.distributions, "words": "2.0"})
ORIGIN = {"by": "dependency", "module": "words.making", "function": "say", "given": ["'it'"], "text": "x", "whole": "x"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name, text in {"tests/test_x.py": SOURCE, "shop/cart.py": "", "tests/page.txt": "a page of words\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Project(tmp_path, EnvironmentSpec("3.11"), NEW, test_paths=("tests",))


def result(test: str, line: int, left: str, right: str, op: str = "==") -> CaseResult:
    told = {"op": op, "file": "tests/test_x.py", "line": line, "left": left, "right": right}
    return CaseResult(f"tests/test_x.py::{test}", Outcome.FAILED, 0.1, facts=dataclasses.replace(FACTS, assertion=told))


def told(name: str, outcomes: tuple[str, ...], facts: EnvironmentFacts = OLD, **changes: Any) -> Observation:
    said = {"test": TEST, "entered": ["shop/cart.py", "tests/test_x.py"], "problem": "", "origins": [dict(ORIGIN)]}
    for key, value in changes.items():
        if key in said:
            said[key] = value
        else:
            said["origins"][0][key] = value  # type: ignore[index]
    return Observation(name, {TEST: outcomes}, origins={TEST: said}, environment=facts)


BASE = told("swap-dependencies-0", ("passed", "passed"))
NOW = told("swap-now", ("failed", "failed"), NEW)


def concluded(project: Project, *steps: list[Observation], touched: Any = (), own: Any = ("shop",)) -> Failure:
    results = [CaseResult(TEST, Outcome.FAILED, 0.1, facts=FACTS)]
    expected = swaps.expectations(FAILURE, results, project.root)
    assert len(expected) == 1
    return swaps.conclude(FAILURE, expected, steps, touched, own)


# ------------------------------------------------------------------ which expectations are known


@pytest.mark.parametrize(
    ("found", "kind", "line", "old", "new"),
    [
        (result("test_a", 6, "'Not given for it'", "'Missing data for it'"), "value", 6, "'Missing data for it'", "'Not given for it'"),
        (result("test_many[1-one of the two]", 11, "'one of two'", "'one of the two'"), "value", 9, "'one of the two'", "'one of two'"),
        (result("test_many[2-wanted1]", 11, "{'price': 1234.6}", "{'price': 1234.5}"), "value", 9, "{'price': 1234.5}", "{'price': 1234.6}"),
        (result("TestCart::test_method", 22, "['first', 'second', 'third']", "['third', 'first', 'second']", "assertEqual"), "value", 21,
         "['first', 'second', 'third']", "['third', 'first', 'second']"),
        (result("test_kept", LINES['assert cart.page() == open("tests/page.txt").read()'], "'a page of other words\\n'", "'a page of words\\n'"), "snapshot", 0, "'a page of words\\n'", "'a page of other words\\n'"),
    ],
)  # fmt: skip
def test_an_expectation_is_found_where_it_is_written(
    project: Project, found: CaseResult, kind: str, line: int, old: str, new: str
) -> None:
    expectation = located(found, project.root)
    assert expectation is not None
    assert (expectation.kind, expectation.span[0], expectation.old, expectation.new) == (kind, line, old, new)


@pytest.mark.parametrize(
    ("message", "causes"),
    [
        ("Regex pattern did not match.\n  Expected regex: 'Missing data'\n  Actual message: 'Not given'", ()),
        ("Regex pattern did not match.\n Regex: 'Missing data'\n Input: 'Not given'", ()),
        ("Regex pattern 'Missing data' does not match 'Not given'.", ()),
        ('"Missing data" does not match "Not given"', ({"exception": "ValueError", "message": "Not given"},)),
    ],
)
def test_the_pattern_of_an_expected_error_is_an_expectation(
    project: Project, message: str, causes: tuple[Mapping[str, str], ...]
) -> None:
    frames = (Frame("tests/test_x.py", 15, "test_raises", in_project=True),)
    facts = dataclasses.replace(FACTS, message=message, assertion={}, causes=causes, frames=frames)
    found = located(CaseResult("tests/test_x.py::test_raises", Outcome.FAILED, 0.1, facts=facts), project.root)
    assert found is not None
    assert (found.kind, found.old, found.new) == ("message", "'Missing data'", "'Not given'")
    assert [(p.old, p.new) for p in parts(found)] == [("Missing data", "Not given")]


@pytest.mark.parametrize(
    "found",
    [
        result("test_unclear", LINES["assert cart.shown() == wanted"], "'one'", "'another one'"),  # bound twice
        result("test_a", 6, "<Words object>", "'Missing data for it'"),  # no literal was seen
        result("test_a", 6, "'Not given for it'", "'something else'"),  # the source says something else
        result("test_a", 6, "1", "'Missing data for it'", "<"),
        result("test_many[3]", 11, "'x'", "'of no row'"),
        dataclasses.replace(result("test_a", 6, "'Not given'", "'Missing data for it'"), facts=None),
    ],
)
def test_what_the_source_does_not_state_is_no_expectation(project: Project, found: CaseResult) -> None:
    assert located(found, project.root) is None


def test_a_value_that_is_everywhere_by_chance_is_not_asked_for(project: Project) -> None:
    found = located(result("test_small", LINES["assert cart.number() == 14"], "15", "14"), project.root)
    assert found is not None
    assert parts(found) == ()


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("usage: x\noptional arguments:\n -h", "usage: x\noptions:\n -h", [("optional arguments", "options")]),
        ('Missing argument "NAME".', "Missing argument 'NAME'.", [(' "NAME', " 'NAME"), ('NAME".', "NAME'.")]),
        ({"a": "first words", "b": 2000}, {"a": "other words", "b": 2000}, [("first", "other")]),
        (["one", "two", "three"], ["three", "two", "one"], [("['one', 'two', 'three']", "['three', 'two', 'one']")]),
        (1234.5, 1234.6, [("1234.5", "1234.6")]),
        (True, False, []),
        (None, "some words", []),
        ([True, True], [False, None], []),
    ],
)
def test_the_parts_that_differ_are_what_is_asked_for(old: object, new: object, wanted: list[tuple[str, str]]) -> None:
    found = parts(Expectation("t", "value", "f", 1, (1, 0, 1, 1), repr(old), repr(new)))
    assert [(p.old, p.new) for p in found] == wanted


# ------------------------------------------------------------------ what is asked


def test_every_base_is_tried_and_the_new_values_only_where_one_is_green(project: Project) -> None:
    expected = swaps.expectations(FAILURE, [CaseResult(TEST, Outcome.FAILED, 0.1, facts=FACTS)], project.root)
    first = swaps.first(expected, [Base("dependencies", "diff", "words"), Base("source", "other", "words")])
    assert [(e.name, e.patch, bool(e.sought)) for e in first] == [
        ("swap-dependencies-0", "diff", True), ("swap-source-1", "other", False),
    ]  # fmt: skip
    assert first[0].sought == {TEST: [{"text": "Missing data"}]}

    (second,) = swaps.second(expected, [[BASE]])
    assert (second.name, second.patch, second.sought) == ("swap-now", "", {TEST: [{"text": "Not given"}]})
    assert swaps.second(expected, [[told("swap-dependencies-0", ("failed", "failed"))]]) == []
    assert swaps.first(expected, []) == []


def test_nothing_is_asked_of_what_comes_and_goes() -> None:
    assert swaps.wanted(FAILURE)
    assert not swaps.wanted(dataclasses.replace(FAILURE, flaky=True))
    assert not swaps.wanted(dataclasses.replace(FAILURE, diagnosis={"verdict": "order"}))


def test_what_stands_in_a_parts_place_is_read_from_the_text_as_it_was(project: Project) -> None:
    now = "usage: x\n\noptions:\n  -h"
    line = LINES['assert "optional arguments:" in cart.usage()']
    failed = result("test_held", line, "'optional arguments:'", repr(now), "in")
    expected = swaps.expectations(dataclasses.replace(FAILURE, tests=(failed.id,)), [failed], project.root)
    assert [(e.kind, e.old, e.new) for e in expected] == [("part", "'optional arguments:'", repr(now))]

    told_then = {**BASE.origins[TEST], "origins": [{**ORIGIN, "whole": "usage: x\n\noptional arguments:\n  -h"}]}
    base = dataclasses.replace(BASE, outcomes={failed.id: ("passed",) * 2}, origins={failed.id: told_then})
    (second,) = swaps.second(expected, [[base]])
    assert second.sought == {failed.id: [{"text": "options:"}]}


# ------------------------------------------------------------------ what is concluded


def test_the_same_call_with_another_answer_is_provenance(project: Project) -> None:
    found = concluded(project, [BASE], [NOW])

    (record,) = swaps.provenance(found)
    assert (record["old"], record["new"]) == ("'Missing data for it'", "'Not given for it'")
    assert record["changed"] == "words 1.0 -> 2.0, words.making.say"
    judged = diagnose(found, project)
    assert not judged.regression
    assert Strategy.ASSERTION_UPDATE in healable(judged, project)


NOTHING: Mapping[str, tuple[list[Observation], list[Observation]]] = {
    "it is skipped there": ([told("swap-dependencies-0", ("skipped", "skipped"))], [NOW]),
    "it is expected to fail there": ([told("swap-dependencies-0", ("xfailed", "xfailed"))], [NOW]),
    "it is not collected there": ([told("swap-dependencies-0", ("absent", "absent"))], [NOW]),
    "it passes there once": ([told("swap-dependencies-0", ("passed", "failed"))], [NOW]),
    "it ran there only once": ([told("swap-dependencies-0", ("passed",))], [NOW]),
    "it fails there too": ([told("swap-dependencies-0", ("failed", "failed"))], [NOW]),
    "it passes here": ([BASE], [told("swap-now", ("passed", "passed"), NEW)]),
    "it passes here at times": ([BASE], [told("swap-now", ("failed", "passed"), NEW)]),
    "the product was not run there": ([told("swap-dependencies-0", ("passed",) * 2, entered=["tests/test_x.py"])], [NOW]),
    "another release of the product ran there": (
        [told("swap-dependencies-0", ("passed",) * 2, dataclasses.replace(OLD, distributions={**OLD.distributions, "shop": "4.0"}))], [NOW]),
    "the product made the old value": ([told("swap-dependencies-0", ("passed",) * 2, by="project")], [NOW]),
    "the product made the new value": ([BASE], [told("swap-now", ("failed",) * 2, NEW, by="project")]),
    "the new value came from another process": ([BASE], [told("swap-now", ("failed",) * 2, NEW, by="outside")]),
    "nobody saw the new value": ([BASE], [told("swap-now", ("failed",) * 2, NEW, by="")]),
    "the product called it with something else": ([BASE], [told("swap-now", ("failed",) * 2, NEW, given=["'that'"])]),
    "the product called something else": ([BASE], [told("swap-now", ("failed",) * 2, NEW, function="tell")]),
    "another distribution made it": ([BASE], [told("swap-now", ("failed",) * 2, NEW, module="other")]),
    "that distribution is the same in both": ([BASE], [told("swap-now", ("failed",) * 2, OLD)]),
    "Python is the same in both": (
        [told("swap-dependencies-0", ("passed",) * 2, module="json")], [told("swap-now", ("failed",) * 2, NEW, module="json")]),
    "the product's older source passes too": ([BASE, told("swap-source-1", ("passed", "passed"))], [NOW]),
    "the older test passes too": ([BASE, told("swap-tests-1", ("passed", "passed"))], [NOW]),
    "its sandbox broke off": ([BASE], [Observation("swap-now", problem="its sandbox broke off")]),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING)
def test_anything_less_is_none(project: Project, case: str) -> None:
    found = concluded(project, *NOTHING[case])
    assert swaps.provenance(found) == ()
    judged = diagnose(found, project)
    assert judged.regression
    assert Strategy.ASSERTION_UPDATE not in healable(judged, project)


def test_a_product_that_has_just_changed_has_no_provenance(project: Project) -> None:
    assert swaps.provenance(concluded(project, [BASE], [NOW], touched=["shop/cart.py"])) == ()
    assert swaps.provenance(concluded(project, [BASE], [NOW], touched=["README.md"]))


def test_what_changed_lately_is_known_from_the_green_run_or_from_version_control(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    then = tmp_path_factory.mktemp("then")
    shutil.copytree(project.root, then, dirs_exist_ok=True)
    (then / "shop/cart.py").write_text("# as it was\n")
    newest = {"commit": "2", "files": ["shop/cart.py"]}
    first = {"commit": "1", "files": ["shop/cart.py", "shop/rates.py"]}
    dirty = {"commit": "", "files": ["shop/other.py"]}

    assert touched(project, Green("2026-11-01", then, OLD), [dirty]) == {"shop/cart.py"}
    assert touched(project, None, [dirty, newest, first]) == {"shop/other.py", "shop/cart.py"}
    assert touched(project, None, [first]) == frozenset()


def test_the_last_green_run_is_gone_back_to_in_one_dimension_at_a_time(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    then = tmp_path_factory.mktemp("then")
    shutil.copytree(project.root, then, dirs_exist_ok=True)
    (then / "shop/cart.py").write_text("# as it was\n")
    (then / "tests/test_x.py").write_text("# as it was\n")
    configured = dataclasses.replace(project, config_file="maestro.yaml")
    (project.root / "maestro.yaml").write_text("environment:\n  install: [words, pytest]\n")

    found = {base.dimension: base.patch for base in bases(FAILURE, configured, Green("2026-11-01", then, OLD))}

    assert {d: sorted(set(re.findall(r"(?m)^\+\+\+ b/(.*)", patch))) for d, patch in found.items()} == {
        "dependencies": ["maestro.yaml"], "source": ["shop/cart.py"], "tests": ["tests/test_x.py"],
    }  # fmt: skip
    assert "words==1.0" in found["dependencies"]
    assert "shop" not in found["dependencies"]


def test_the_project_itself_is_no_dependency(project: Project) -> None:
    assert swaps.provenance(concluded(project, [BASE], [NOW], own=("words",))) == ()


def test_red_in_every_environment_leaves_nothing_to_try(project: Project) -> None:
    red = [told(f"swap-dependencies-{n}", ("failed", "failed")) for n in range(2)]
    found = diagnose(concluded(project, red), project)
    assert found.regression
    assert Strategy.DEPENDENCY_FIX not in healable(found, project)

    unclear = [*red, Observation("swap-dependencies-2", problem="no environment could be built")]
    found = diagnose(concluded(project, unclear), project)
    assert found.regression
    assert Strategy.DEPENDENCY_FIX in healable(found, project)


def test_the_source_of_the_last_green_run_names_the_cause(project: Project) -> None:
    steps = [told("swap-dependencies-0", ("failed", "failed")), told("swap-source-1", ("passed", "passed"))]
    found = diagnose(concluded(project, steps), project)
    assert found.regression
    assert "product's source of the last green run" in found.cause


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (["shop/cart.py", "tests/test_cart.py"], ["shop/cart.py", "tests/test_cart.py", "shop/new.py"], True),
        (["shop/cart.py", "tests/test_cart.py"], ["shop/basket.py", "tests/test_cart.py"], True),
        (
            ["shop/cart.py", "tests/test_cart.py", "setup.py"],
            ["depot/shelf.py", "tests/test_shelf.py", "setup.py"],
            False,
        ),
        (["a/x.py", "a/y.py", "tests/__init__.py"], ["b/x.py", "b/y.py", "tests/__init__.py"], False),
        (["setup.py"], ["depot/shelf.py", "setup.py"], True),  # nothing tells
    ],
)
def test_two_trees_are_of_one_project_if_they_share_files(
    tmp_path: Path, one: list[str], other: list[str], told: bool  # noqa: FBT001 - what is expected
) -> None:  # fmt: skip
    for name, files in (("one", one), ("other", other)):
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text("")
    assert related(tmp_path / "one", tmp_path / "other") is told
    assert related(tmp_path / "other", tmp_path / "one") is told
