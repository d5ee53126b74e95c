# ruff: noqa: E501 - the cases are tables; a row reads best on one line
"""An expectation follows a dependency only as far as experiments recorded it; every other change is refused."""

import ast
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from healing_core_trees import candidate, failure, two_trees
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing import judge, proof, provenance
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import CaseResult, Failure, GateResult, Outcome, Strategy, Tier, Trial, TrialStatus

TESTS = """\
import pytest

from shop.cart import complaint, names, order, shown, total, weight

EXPECTED = {"error": "Missing data for the field", "code": 400}


def test_words():
    assert shown() == "Missing data for the field"
    assert total() == 1234


def test_named():
    assert complaint() == EXPECTED


def test_raises():
    with pytest.raises(ValueError, match="Missing data for"):
        order()


def test_weight():
    assert weight() == 0.30000000000000004


def test_names():
    assert names() == ["pears", "apples", "plums"]


@pytest.mark.parametrize("given, wanted", [(1, "first of all"), (2, "second of all")])
def test_many(given, wanted):
    assert shown(given) == wanted


def test_other():
    assert shown() != "Missing data for the field"


def test_held():
    assert "optional arguments:" in shown()


def test_kept():
    assert shown() == open("tests/shown.txt").read()
"""
BASE = {
    "shop/__init__.py": "",
    "shop/cart.py": "def shown():\n    return 'x'\n",
    "tests/test_cart.py": TESTS,
    "tests/shown.txt": "Missing data for the field\n",
}
FILE = "tests/test_cart.py"


def span_of(source: str, nth: int = 0) -> list[int]:
    found = [
        n for n in ast.walk(ast.parse(TESTS)) if isinstance(n, ast.expr) and ast.get_source_segment(TESTS, n) == source
    ]
    node = sorted(found, key=lambda n: n.lineno)[nth]
    return [node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0]


def record(test: str, old: str, new: str, kind: str = "value", **more: Any) -> dict[str, Any]:
    return {"test": f"{FILE}::{test}", "kind": kind, "file": FILE, "line": 1, "span": span_of(old) if kind != "snapshot" else [0] * 4,
            "old": old, "new": new, "changed": "marshmallow 2.0 -> 3.0", "by": "marshmallow.load", "old_text": "", "new_text": "", **more}  # fmt: skip


WORDS = record(
    "test_words",
    '"Missing data for the field"',
    "'Not given: the field'",
    span=span_of('"Missing data for the field"', 1),
)
NAMED = record(
    "test_named",
    '{"error": "Missing data for the field", "code": 400}',
    "{'error': 'Not given: the field', 'code': 400}",
)
RAISES = record(
    "test_raises",
    '"Missing data for"',
    "'Absent data for (the) field'",
    "message",
    old_text="Missing data for the field",
)
WEIGHT = record("test_weight", "0.30000000000000004", "0.3")
NAMES = record("test_names", '["pears", "apples", "plums"]', "['apples', 'pears', 'plums']")
MANY = record("test_many[1-first of all]", '"first of all"', "'the first of all'")
KEPT = record(
    "test_kept", "'Missing data for the field\\n'", "'Not given: the field\\n'", "snapshot", file="tests/shown.txt"
)
HELD = record(
    "test_held",
    '"optional arguments:"',
    repr("usage: shop\n\noptions:\n  -h, --help"),
    "part",
    old_text="usage: shop\n\noptional arguments:\n  -h, --help",
)


def gates(
    folder: Path, edits: Mapping[str, str | None], *records: Mapping[str, Any], tests: tuple[str, ...] | None = None
) -> dict[str, GateResult]:
    before, after = two_trees(folder, BASE, edits)
    found: Failure = dataclasses.replace(
        failure(tests or tuple(r["test"] for r in records)), diagnosis={"provenance": list(records)}
    )
    proposed = dataclasses.replace(candidate(), strategy=Strategy.ASSERTION_UPDATE)
    trial = Trial("c1", TrialStatus.RAN, target=(CaseResult("a::b", Outcome.PASSED, 0.1),))
    return proof.prove(Attempt(found, proposed, trial, (), before, after), gates=STATIC_GATES)


def in_tests(old: str, new: str, count: int = 1) -> dict[str, str | None]:
    assert old in TESTS, f"the case is wrong: {old!r} is not there"
    return {FILE: TESTS.replace(old, new, count)}


RIGHT = {
    "literal": (in_tests('shown() == "Missing data for the field"', 'shown() == "Not given: the field"'), WORDS),
    "part of a dictionary that a name stands for": (
        in_tests('"error": "Missing data for the field"', '"error": "Not given: the field"'),
        NAMED,
    ),
    "message": (in_tests('match="Missing data for"', 'match="Absent data for"'), RAISES),
    "last digits": (in_tests("0.30000000000000004", "pytest.approx(0.30000000000000004, rel=4e-16)"), WEIGHT),
    "new digits": (in_tests("== 0.30000000000000004", "== 0.3"), WEIGHT),
    "another order": (in_tests('["pears", "apples", "plums"]', '["apples", "pears", "plums"]'), NAMES),
    "any order": (
        in_tests('names() == ["pears", "apples", "plums"]', 'sorted(names()) == sorted(["pears", "apples", "plums"])'),
        NAMES,
    ),
    "parameter": (in_tests('"first of all"', '"the first of all"'), MANY),
    "a part of a text": (in_tests('"optional arguments:"', '"options:"'), HELD),
    "snapshot": ({"tests/shown.txt": "Not given: the field\n"}, KEPT),
}
WORDS_EDIT = in_tests('shown() == "Missing data for the field"', 'shown() == "Not given: the field"')[FILE] or ""
WRONG = {
    "another value than the one seen": ("no_weakening", in_tests('shown() == "Missing', 'shown() == "Absent'), (WORDS,)),
    "a part of the value": ("no_weakening", in_tests('shown() == "Missing data for the field"', '"field" in shown()'), (WORDS,)),
    "the product's own answer": ("no_weakening", in_tests('shown() == "Missing data for the field"', "shown() == shown()"), (WORDS,)),
    "no value at all": ("no_weakening", in_tests('shown() == "Missing data for the field"', 'shown() == ""'), (WORDS,)),
    "either value": ("no_weakening", in_tests('shown() == "Missing data for the field"', 'shown() in ("Missing data for the field", "Not given: the field")'), (WORDS,)),
    "without provenance": ("provenance", in_tests('shown() == "Missing data for the field"', 'shown() == "Not given: the field"'), ()),
    "with provenance of another test's literal": ("no_weakening", in_tests("total() == 1234", "total() == 4321"), (WORDS,)),
    "another assertion along with it": ("no_weakening", {FILE: WORDS_EDIT.replace("total() == 1234", "total() == 1235")}, (WORDS,)),
    "the same literal of another test": ("no_weakening", {FILE: TESTS.replace('"Missing data for the field"', '"Not given: the field"')}, (WORDS,)),
    "an assertion dropped along with it": ("no_weakening", {FILE: WORDS_EDIT.replace("    assert total() == 1234\n", "")}, (WORDS,)),
    "a skip along with it": ("no_weakening", {FILE: WORDS_EDIT.replace("def test_other", "@pytest.mark.skip\ndef test_other")}, (WORDS,)),
    "the product along with it": ("scope", {FILE: WORDS_EDIT, "shop/cart.py": "def shown():\n    return 'Not given: the field'\n"}, (WORDS,)),
    "a requirement along with it": ("provenance", {FILE: WORDS_EDIT, "requirements.txt": "six\n"}, (WORDS,)),
    "a test that no experiment covers": ("provenance", {FILE: WORDS_EDIT}, (WORDS,)),
    "the inequality turned round": ("no_weakening", in_tests('!= "Missing', '== "Missing'), (WORDS,)),
    "a dictionary without the rest": ("no_weakening", in_tests(', "code": 400}', "}"), (NAMED,)),
    "any message": ("no_weakening", in_tests('match="Missing data for"', 'match=".*"'), (RAISES,)),
    "a word of the message": ("no_weakening", in_tests('match="Missing data for"', 'match="data"'), (RAISES,)),
    "no message": ("no_weakening", in_tests(', match="Missing data for"', ""), (RAISES,)),
    "another error": ("no_weakening", in_tests("ValueError", "Exception"), (RAISES,)),
    "a tolerance as wide as a defect": ("no_weakening", in_tests("0.30000000000000004", "pytest.approx(0.30000000000000004, rel=0.01)"), (WEIGHT,)),
    "a tolerance of any default": ("no_weakening", in_tests("0.30000000000000004", "pytest.approx(0.30000000000000004)"), (WEIGHT,)),
    "an absolute tolerance": ("no_weakening", in_tests("0.30000000000000004", "pytest.approx(0.30000000000000004, abs=4e-16)"), (WEIGHT,)),
    "a tolerance around another number": ("no_weakening", in_tests("0.30000000000000004", "pytest.approx(0.4, rel=4e-16)"), (WEIGHT,)),
    "a tolerance for numbers far apart": ("no_weakening", in_tests("0.30000000000000004", "pytest.approx(0.30000000000000004, rel=0.5)"), ({**WEIGHT, "new": "0.4"},)),
    "sets, which forget how often": ("no_weakening", in_tests('names() == ["pears", "apples", "plums"]', 'set(names()) == set(["pears", "apples", "plums"])'), (NAMES,)),
    "any order of other elements": ("no_weakening", in_tests('names() == ["pears", "apples", "plums"]', 'sorted(names()) == sorted(["pears", "apples", "plums"])'), ({**NAMES, "new": "['apples', 'pears']"},)),
    "any order by a key": ("no_weakening", in_tests('names() == ["pears", "apples", "plums"]', 'sorted(names(), key=len) == sorted(["pears", "apples", "plums"], key=len)'), (NAMES,)),
    "a wrong order hidden": ("no_weakening", in_tests('names() == ["pears", "apples", "plums"]', 'sorted(names()) == sorted(["pears", "apples", "plums"])'), (WORDS,)),
    "the other parameter": ("no_weakening", in_tests('"second of all"', '"the first of all"'), (MANY,)),
    "a parameter dropped": ("no_weakening", in_tests('(1, "first of all"), ', ""), (MANY,)),
    "a part that is always there": ("no_weakening", in_tests('"optional arguments:"', '"usage"'), (HELD,)),
    "a part of the part": ("no_weakening", in_tests('"optional arguments:"', '"option"'), (HELD,)),
    "no part at all": ("no_weakening", in_tests('"optional arguments:"', '""'), (HELD,)),
    "the part that is not to be there": ("no_weakening", in_tests('"optional arguments:" in', '"optional arguments:" not in'), (HELD,)),
    "a snapshot emptied": ("no_weakening", {"tests/shown.txt": "\n"}, (KEPT,)),
    "a snapshot removed": ("no_weakening", {"tests/shown.txt": None}, (KEPT,)),
    "a snapshot of other words": ("no_weakening", {"tests/shown.txt": "Absent\n"}, (KEPT,)),
    "a snapshot without provenance": ("no_weakening", {"tests/shown.txt": "Not given: the field\n"}, ()),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_what_the_experiments_cover_passes_every_static_gate(tmp_path: Path, case: str) -> None:
    edits, covering = RIGHT[case]
    found = gates(tmp_path, edits, covering)
    assert {name: gate.detail for name, gate in found.items() if not gate.passed} == {}
    assert "marshmallow 2.0 -> 3.0" in found["provenance"].detail


@pytest.mark.parametrize("case", RIGHT)
def test_the_same_change_without_the_record_is_refused(tmp_path: Path, case: str) -> None:
    edits, covering = RIGHT[case]
    found = gates(tmp_path, edits, tests=(covering["test"],))
    assert not found["provenance"].passed or not found["no_weakening"].passed


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_repair_is_refused_by_its_gate(tmp_path: Path, case: str) -> None:
    gate, edits, records = WRONG[case]
    tests = (f"{FILE}::test_words", f"{FILE}::test_other") if case == "a test that no experiment covers" else None
    found = gates(
        tmp_path, edits, *records, tests=tests or tuple(r["test"] for r in records) or (f"{FILE}::test_words",)
    )
    assert not found[gate].passed, {name: g.detail for name, g in found.items()}


def test_a_person_decides_on_an_expectation_however_sure_it_looks() -> None:
    results = (CaseResult("a::b", Outcome.PASSED, 0.1),)
    sure = dataclasses.replace(candidate(prior=0.99), strategy=Strategy.ASSERTION_UPDATE)
    trial = Trial("c1", TrialStatus.RAN, target=results * 60, repeats=(results,) * 5)
    made = judge.repair_of(
        failure(("a::b",)),
        judge.Judged(sure, trial, ("a::b",), {}),
        Policy(thresholds={Tier.APPLIED: 0.1, Tier.REVIEW: 0.1, Tier.PULL_REQUEST: 0.1}),
    )
    assert made.tier is Tier.PULL_REQUEST


@pytest.mark.parametrize(
    ("old", "old_text", "new", "wanted"),
    [
        ("Missing data", "Missing data for x", "Absent data for x", "Absent data"),
        ("missing 1 required", "f() missing 1 required argument", "Shop.f() missing 1 required argument", ""),  # it would have matched
        (r"f\(\) missing", "f() missing 1 argument", "Shop.f() misses 1 argument", "f() misses"),
        ("takes .* arguments", "takes 2 arguments", "wants 2 arguments", ""),  # no plain text
        ("Missing data for the field", "Missing data for the field", "No", ""),  # next to nothing is left
        ("never there", "Missing data", "Absent data", ""),
    ],
)  # fmt: skip
def test_the_new_pattern_is_what_stands_where_the_old_one_matched(
    old: str, old_text: str, new: str, wanted: str
) -> None:
    assert provenance.pattern({"kind": "message", "old": repr(old), "old_text": old_text, "new": repr(new)}) == wanted


@given(st.floats(0.1, 1e6), st.floats(1e-16, 1e-2))
def test_a_tolerance_is_never_wider_than_twice_what_was_seen(number: float, apart: float) -> None:
    found = provenance.tolerance({"old": repr(number), "new": repr(number * (1 + apart))})
    if found is not None:
        seen = abs(number * (1 + apart) - number) / number
        assert seen <= found <= 2.5 * seen
        assert found <= 1.5e-6
