import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import junitparser
import pytest
from aggregation_sample import (
    ENVIRONMENTS,
    RUN,
    facts,
    sample_failures,
    sample_gates,
    sample_repairs,
    sample_verdict,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maestro.aggregation import Verdict, merge, verdict
from maestro.aggregation.reports import document, render, sarif, write_reports
from maestro.aggregation.reports.junit import case_names
from maestro.aggregation.reports.text import first_line, json_safe, plain, split_id, visible
from maestro.model import (
    CaseResult,
    Collection,
    EnvironmentFacts,
    ErrorKind,
    Failure,
    GateResult,
    Outcome,
    Repair,
    RepairStatus,
    Run,
    RunStatus,
    Severity,
    Strategy,
    Suite,
    SuiteResult,
    Tier,
    dump,
    load,
)

Reports = dict[str, Path]

HOSTILE = [
    "<script>alert(1)</script>",
    "]]>",
    "\x1b[31mred\x1b[0m",
    "\ud800 lone",
    "nul \0 bell \x07 \ufffe",
    "'\"><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "</style></pre></code>",
    "javascript:alert(1)",
    "\u202eevil\u2066",
    "&amp;&#0;",
    "line\r\nline\rline\tend ",
]
NASTY = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=())),
    st.lists(st.sampled_from(HOSTILE)).map("".join),
)


def run_of(cases: list[CaseResult]) -> Verdict:
    tests = tuple(dict.fromkeys(case.id for case in cases))
    collection = Collection("unit", tests, dict.fromkeys(tests, "t.py"), ())
    return verdict([merge(Suite("unit"), collection, [SuiteResult(tuple(cases), 1.0)])])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    failures, repairs = sample_failures(), sample_repairs()
    shown = document(RUN, sample_verdict(), failures, repairs, gates=sample_gates(), seconds=42.3, cost_usd=0.0031)
    return write_reports(
        shown,
        sample_verdict(),
        tmp_path_factory.mktemp("reports") / "new" / "folder",
        run=RUN,
        failures=failures,
        repairs=repairs,
        environments=ENVIRONMENTS,
    )


def test_the_summary_is_the_promised_document(written: Reports) -> None:
    summary = json.loads(written["summary"].read_text(encoding="utf-8"))

    assert list(summary) == [
        "run_id", "outcome", "totals", "totals_after", "seconds", "cost_usd", "failures", "repairs", "flaky", "gates",
        "artifacts",
    ]  # fmt: skip
    promised = {"id", "kind", "signature", "cause", "regression", "tests", "message"}
    assert set(summary["failures"][0]) == promised | {"unhealed"}  # and why there is no repair
    assert set(summary["repairs"][0]) == {
        "id", "failures", "strategy", "status", "tier", "confidence", "summary", "tests_fixed", "files", "proof",
    }  # fmt: skip
    assert summary["repairs"][0]["proof"]["target"] == {"passed": True, "detail": "9 of 9 tests pass."}
    assert summary["totals"]["passed"] == 43
    assert summary["flaky"] == [
        {"id": "tests/test_search.py::test_ranking", "suite": "unit", "why": "attempts: failed, passed"}
    ]
    assert all((written["summary"].parent / file).is_file() for file in summary["artifacts"].values())


def test_a_run_under_way_takes_the_verdicts_outcome() -> None:
    data = dump(RUN) | {"status": RunStatus.RUNNING}

    assert document(load(Run, data), sample_verdict())["outcome"] == "failed"
    assert document(load(Run, data | {"status": "healed"}), sample_verdict())["outcome"] == "healed"


def test_junit_agrees_with_the_verdict(written: Reports) -> None:
    unit, types = junitparser.JUnitXml.fromfile(str(written["junit"]))
    raw = ET.parse(written["junit"]).getroot()  # noqa: S314 - written a moment ago

    assert (unit.tests, unit.failures, unit.errors, unit.skipped) == (47, 1, 1, 2)
    assert unit.time == pytest.approx(4.2)
    assert (types.name, types.tests) == ("types", 1)
    failed = next(case for case in unit if case.result and isinstance(case.result[0], junitparser.Failure))
    assert (failed.classname, failed.name) == ("tests.test_pricing.TestTax", "test_rate[standard]")
    assert failed.result[0].message == "AssertionError: assert Decimal('11.90') == Decimal('11.91')"
    assert raw.find(".//flakyFailure").get("message") == "AssertionError: order"


def test_ctrf_agrees_with_the_verdict(written: Reports) -> None:
    ctrf = json.loads(written["ctrf"].read_text(encoding="utf-8"))["results"]

    summary = ctrf["summary"]
    assert (summary["tests"], summary["passed"], summary["failed"], summary["skipped"]) == (48, 44, 2, 1)
    assert (summary["other"], summary["pending"], summary["flaky"]) == (1, 0, 1)
    assert summary["stop"] - summary["start"] == 42_000
    flaky = next(test for test in ctrf["tests"] if test.get("flaky"))
    assert flaky["retryAttempts"] == [{"attempt": 1, "status": "failed"}]


def test_sarif_points_at_lines(written: Reports) -> None:
    (log,) = json.loads(written["sarif"].read_text(encoding="utf-8"))["runs"]

    location = log["results"][0]["locations"][0]["physicalLocation"]
    assert location == {"artifactLocation": {"uri": "tests/test_pricing.py"}, "region": {"startLine": 12}}
    assert log["results"][0]["properties"]["regression"] is True


class Page(HTMLParser):
    """Collects a page's tags and attributes, and the text outside its style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


KNOWN_TAGS = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "div", "b", "span", "h1", "p", "svg", "rect",
    "ul", "ol", "li", "i", "dl", "dt", "dd", "nav", "main", "section", "h2", "h3", "article", "code", "details",
    "summary", "pre", "br", "table", "thead", "tbody", "tr", "th", "td", "footer",
}  # fmt: skip


def check(page: Page) -> None:
    assert set(page.tags) <= KNOWN_TAGS
    assert page.open == []
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in ("style", "src", "srcset", "action")
        if name == "href":
            assert value.startswith("#")


def test_the_page_is_sound_and_tells_everything(written: Reports) -> None:
    page = Page(written["report"].read_text(encoding="utf-8"))

    check(page)
    policy = dict(page.attributes)
    assert any(
        name == "content" and value.startswith("default-src 'none'; style-src 'sha256-")
        for name, value in page.attributes
    )
    assert policy["lang"] == "en"
    for words in (
        "Defects in the product",
        "Use banker's rounding everywhere",
        "+from collections.abc import Mapping",
        "14 of 14 mutants that were killed before are killed.",
        "tests/test_search.py::test_ranking",
        "python-dateutil",
        "max failures",
        "markupsafe",
        "Slowest tests",
    ):
        assert words in page.text


def test_links_within_the_page_have_their_targets(written: Reports) -> None:
    page = Page(written["report"].read_text(encoding="utf-8"))
    ids = [value for name, value in page.attributes if name == "id"]

    assert len(ids) == len(set(ids))
    assert {value[1:] for name, value in page.attributes if name == "href"} <= set(ids)


def test_document_and_page_show_totals_before_and_after_the_repairs() -> None:
    later = run_of([CaseResult(f"t.py::t{n}", Outcome.PASSED, 1.0) for n in range(77)])

    shown = document(RUN, sample_verdict(), after=later)
    page = Page(render(shown, sample_verdict()))

    assert (shown["totals"]["passed"], shown["totals_after"]["passed"]) == (43, 77)

    check(page)
    before, _, after = page.text.partition("With the accepted repairs")
    assert "43 passed" in " ".join(before.split())
    assert "77 passed" in " ".join(after.split())


def test_an_empty_run_has_a_page() -> None:
    check(Page(render(document(RUN, verdict([])), verdict([]))))


def test_failures_without_a_group_are_shown() -> None:
    page = Page(render(document(RUN, sample_verdict()), sample_verdict()))

    assert "tests/test_orders.py" in page.text
    assert "Decimal('11.91')" in page.text


def test_a_diff_line_is_coloured_by_what_it_does() -> None:
    head = "diff --git a/q.sql b/q.sql\n--- a/q.sql\n+++ b/q.sql\n"
    patch = head + "@@ -1,2 +1,2 @@\n--- old comment\n+++ new comment\n same\n"
    repair = load(Repair, dump(sample_repairs()[0]) | {"patch": patch})

    html = render(document(RUN, sample_verdict(), (), [repair]), sample_verdict(), repairs=[repair])

    assert '<span class="d-file">--- a/q.sql</span>' in html
    assert '<span class="d-del">--- old comment</span>' in html
    assert '<span class="d-add">+++ new comment</span>' in html
    assert '<span class="d-same"> same</span>' in html


def test_a_step_that_was_taken_twice_is_told_once() -> None:
    repair = replace(sample_repairs()[0], rounds=("Import Mapping from collections.abc", "Quote it", "Quote it"))

    html = render(document(RUN, sample_verdict(), (), [repair]), sample_verdict(), repairs=[repair])

    steps = html.split("Step by step")[1].split("</ol>")[0]
    assert re.findall(r"<li>(.*?)</li>", steps) == ["1. Import Mapping from collections.abc", "2. Quote it"]


def hostile_models(text: str) -> tuple[Failure, Failure, Repair]:
    failure = Failure(
        text, ErrorKind.TEST_FAILURE, Severity.HIGH, text, text, (text,), text, text,
        facts(text, text, assertion={"op": text, "left": text, "right": text}, text=text),
        regression=True, suspects=({"file": text, "function": text, "commit": text, "subject": text, "why": text},),
    )  # fmt: skip
    repair = Repair(
        text, (text,), Strategy.SYNTAX_REPAIR, RepairStatus.ACCEPTED, Tier.APPLIED, 0.9, text, (text,), (text,),
        f"@@ -1 +1 @@\n+{text}", {text: GateResult(passed=True, detail=text)}, rounds=(text, text + "!"),
    )  # fmt: skip
    return failure, load(Failure, dump(failure) | {"regression": False, "id": "other"}), repair


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=NASTY)
def test_hostile_text_breaks_no_report(text: str) -> None:
    failure, other, repair = hostile_models(text)
    cases = [CaseResult(text + "::t", Outcome.FAILED, 1.0, file=text, message=text, facts=failure.facts)]
    cases.append(CaseResult(text + "::f", Outcome.FLAKY, 1.0, file=text, message=text))
    result = run_of(cases)
    run = load(Run, dump(RUN) | {"project": text, "reason": text, "id": text})
    shown = document(run, result, [failure, other], [repair], gates=[{"name": text, "passed": True, "detail": text}])
    environments = {text: EnvironmentFacts(text, text, {text: text})}

    with TemporaryDirectory() as folder:
        paths = write_reports(
            shown, result, Path(folder), run=run, failures=[failure, other], repairs=[repair],
            environments=environments,
        )  # fmt: skip
        for name in ("summary", "ctrf", "sarif"):
            assert "\\ud8" not in paths[name].read_text(encoding="utf-8")
            json.loads(paths[name].read_text(encoding="utf-8"))
        assert len(ET.parse(paths["junit"]).getroot().findall(".//testcase")) == 2  # noqa: S314 - ours
        html = paths["report"].read_text(encoding="utf-8")
    check(Page(html))
    assert not any(control in html for control in "\0\x07\x1b\u202e\u2066")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(NASTY, st.sampled_from(list(Outcome)), NASTY, st.floats(0, 10**6)),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[0],
    )
)
def test_junit_is_read_back_equal(rows: list[tuple[str, Outcome, str, float]]) -> None:
    result = run_of([CaseResult(test, outcome, seconds, message=text) for test, outcome, text, seconds in rows])

    with TemporaryDirectory() as folder:
        path = write_reports(document(RUN, result), result, Path(folder))["junit"]
        (suite,) = junitparser.JUnitXml.fromfile(str(path))
        cases = list(suite)

    kinds = {"failed": junitparser.Failure, "error": junitparser.Error, "skipped": junitparser.Skipped,
             "xfailed": junitparser.Skipped}  # fmt: skip
    assert len(cases) == len(rows)
    for read, (test, outcome, text, seconds) in zip(cases, rows, strict=True):
        assert (read.classname, read.name) == case_names(test)
        assert read.time == pytest.approx(seconds, abs=0.001)
        assert [type(child) for child in read.result] == ([kinds[outcome]] if outcome in kinds else [])
        if outcome in kinds:
            assert (read.result[0].text or "") == plain(text)
            assert read.result[0].message == first_line(plain(text), 1000)


def test_a_huge_message_is_kept_in_junit_and_cut_on_the_page(tmp_path: Path) -> None:
    message = "<b>\x1b[1m" * 100_000 + "the end"
    failure, _, _ = hostile_models(message)
    result = run_of([CaseResult("t.py::t", Outcome.FAILED, 1.0, message=message)])
    shown = document(RUN, result, [failure])

    paths = write_reports(shown, result, tmp_path, failures=[failure])

    assert paths["report"].stat().st_size < 10_000_000
    assert len(shown["failures"][0]["message"]) < 9_000
    assert ET.parse(paths["junit"]).getroot().find(".//failure").text.endswith("the end")  # noqa: S314 - ours


@given(NASTY)
def test_plain_text_is_stable_and_visible_text_shows_direction(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert "\u202e" not in visible(text)
    plain(text).encode()


@given(
    st.recursive(
        st.floats() | NASTY | st.none() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(NASTY, inner)
    )
)
def test_json_safe_data_is_json(value: object) -> None:
    text = json.dumps(json_safe(value), allow_nan=False, ensure_ascii=False)

    assert json.loads(text.encode()) == json_safe(value)


@given(st.lists(st.text(st.characters(exclude_characters="[:")), min_size=2), st.text())
def test_an_id_splits_before_its_own_name(parts: list[str], parameters: str) -> None:
    test = "::".join(parts) + f"[{parameters}]"
    place, name = split_id(test)

    assert place + "::" + name == test
    assert place == "::".join(parts[:-1])


def test_sarif_survives_a_failure_with_no_place() -> None:
    failure = load(Failure, dump(sample_failures()[3]) | {"tests": []})

    assert "locations" not in sarif([failure])["runs"][0]["results"][0]
