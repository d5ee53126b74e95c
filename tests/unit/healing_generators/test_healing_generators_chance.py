"""Seeds and clocks: what a test owes to its own luck or date is steadied, what may be the product's is left alone."""

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing._clock import dates, stated
from maestro.healing.known_forms import set_back
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.flaky_stabilization.clocks import ClockSetBack
from maestro.healing.strategies.flaky_stabilization.draws import SeededDraws
from maestro.healing.strategies.releasing import worked_on
from maestro.model import EnvironmentFacts, Frame

TEST = "tests/test_demo.py::test_it"


DICE = "import random\n\n\ndef draw():\n    return random.random()\n"


def drawing(claim: str, before: str = "xs = [draw() for _ in range(200)]", imports: str = "import random") -> str:
    return dedent(f"""\
        {imports}

        from shop.dice import draw


        def test_it():
            {before}
            {claim}
    """)


def seeds(bad: int = 1) -> dict[str, Any]:
    every = list(range(1, 13))
    return {"verdict": "random", "stress": [{}], "draws": {"good": every[bad:], "bad": every[:bad]}}


def frame(text: str, line: str, file: str = "tests/test_demo.py") -> tuple[Frame, ...]:
    number = next(n for n, found in enumerate(text.splitlines(), 1) if line in found)
    return (Frame(file, number, "test_it", in_project=True),)


@pytest.fixture
def draw(bench: Any, failing: Callable[..., Any]) -> Callable[..., Any]:
    """What is proposed for a test of random numbers that fails at its claim, and what is said where nothing is."""

    def ask(claim: str, *, bad: int = 1, product: str = DICE, **parts: str) -> Any:
        text = drawing(claim, **parts)
        bench.write({"shop/__init__.py": "", "shop/dice.py": product, "tests/test_demo.py": text})
        covered = {"shop/dice.py": ("draw",)}
        failure = failing(
            "AssertionError", "no", TEST, frames=frame(text, claim), diagnosis=seeds(bad), covered=covered
        )
        return bench.noted(SeededDraws(), failure)

    return ask


@pytest.mark.parametrize(
    "claim",
    [
        "assert abs(sum(xs) / 200 - 0.5) < 0.05",
        "assert 0.4 < sum(xs) / len(xs) < 0.6",
        "assert sum(x > 0.5 for x in xs) > 80",
        "assert len(set(xs)) > 150",
        "assert statistics.mean(xs) == pytest.approx(0, abs=0.1)",
        "assert math.isclose(mean(xs), 0.5, abs_tol=0.05)",
    ],
)
def test_a_claim_of_a_sample_is_seeded_in_its_test_alone(bench: Any, draw: Callable[..., Any], claim: str) -> None:
    (candidate,) = draw(claim).candidates

    assert candidate.workaround
    assert [line for line in candidate.patch.splitlines() if line[:1] == "+"][1:] == ["+    random.seed(2)"]
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    "claim",
    [
        "assert all(0 <= x < 1 for x in xs)",  # a limit of each
        "assert max(xs) < 0.95",
        "assert sum(xs) >= 0",  # nothing negative adds up to less
        "assert 0 <= sum(xs) / 200 <= 1",
        "assert [decoded(encoded(x)) for x in xs] == xs",  # a round trip
        "assert sum(decoded(encoded(x)) != x for x in xs) < 5",
        "assert sum(abs(decoded(x) - x) for x in xs) < 0.5",
        "assert abs(sum(scaled(xs)) / 200 - 0.5) < 0.0001",  # exactness
        "assert abs(mean(xs) - 0.5) < 10 ** -6",
        "assert mean(xs) == pytest.approx(0.5)",
        "assert mean(xs) == 0.5",
        "assert xs[0] != xs[1]",  # identifiers that must differ
        "assert decoded(xs[0]) > 0.5",
    ],
)
def test_what_the_product_may_owe_to_every_draw_is_left_alone(draw: Callable[..., Any], claim: str) -> None:
    told = draw(claim)

    assert told.candidates == ()
    assert "must hold for every draw" in told.notes[0]


def test_few_draws_or_many_failing_seeds_are_left_alone(draw: Callable[..., Any]) -> None:
    few = draw("assert sum(xs) / 9 < 0.7", before="xs = [draw() for _ in range(9)]")
    many = draw("assert sum(xs) / 200 < 0.51", bad=4)

    assert (few.candidates, many.candidates) == ((), ())
    assert "too few draws" in few.notes[0]
    assert "too many for bad luck" in many.notes[0]


def test_an_error_of_the_product_for_some_draws_is_left_alone(bench: Any, failing: Callable[..., Any]) -> None:
    text = drawing("assert sum(xs) / 200 < 0.6")
    bench.write({"shop/__init__.py": "", "shop/dice.py": DICE, "tests/test_demo.py": text})
    inside = (*frame(text, "xs ="), Frame("shop/dice.py", 1, "draw", in_project=True))

    for exception, frames in (("ZeroDivisionError", inside), ("AssertionError", inside)):
        told = bench.noted(SeededDraws(), failing(exception, "no", TEST, frames=frames, diagnosis=seeds()))
        assert told.candidates == ()
        assert "may be a defect of the product" in told.notes[0]


def test_without_seeds_that_decide_nothing_is_seeded(bench: Any, failing: Callable[..., Any]) -> None:
    claim = "assert sum(xs) / 200 < 0.6"
    text = drawing(claim)
    bench.write({"shop/__init__.py": "", "shop/dice.py": DICE, "tests/test_demo.py": text})
    told = {"verdict": "random", "stress": [{}]}

    failure = failing("AssertionError", "no", TEST, frames=frame(text, claim), diagnosis=told)
    assert bench.propose(SeededDraws(), failure) == []


def test_numpy_is_seeded_by_the_name_that_the_test_has_for_it(bench: Any, draw: Callable[..., Any]) -> None:
    (candidate,) = draw(
        "assert abs(xs.mean()) < 0.1",
        before="xs = np.random.normal(size=500)",
        imports="import numpy as np",
        product="",
    ).candidates

    assert "+    np.random.seed(2)" in candidate.patch
    assert "import random" not in candidate.patch
    assert bench.findings(candidate) == []


def test_the_module_is_imported_where_only_the_product_draws(bench: Any, draw: Callable[..., Any]) -> None:
    claim = "assert abs(sum(xs) / 200 - 0.5) < 0.05"
    (candidate,) = draw(claim, imports='"""Tests of dice."""').candidates
    assert "+import random\n" in candidate.patch
    assert bench.findings(candidate) == []

    # a name of the test's own is not hidden
    assert draw(claim, imports="from secrets import SystemRandom as random").candidates == ()


# ------------------------------------------------------------------ clocks

TOKENS = "import time\n\n\ndef valid(expires, now=None):\n    return time.time() < expires\n"


def dated(body: str, head: str = "") -> str:
    return dedent(head) + "from shop.tokens import valid\n\n\n" + dedent(body)


@pytest.fixture
def turned(bench: Any, failing: Callable[..., Any]) -> Callable[..., Any]:
    """What is proposed where experiments saw a test turn at 2020-01-01."""

    def ask(text: str, *, product: str = TOKENS, verdict: str = "clock", installed: str = "") -> Any:
        bench.write({"shop/__init__.py": "", "shop/tokens.py": product, "tests/test_demo.py": text})
        diagnosis = {"verdict": verdict, "date": "2020-01-01", "then": "2019-12-30", "stress": [{}]}
        failure = failing("AssertionError", "no", TEST, diagnosis=diagnosis, covered={"shop/tokens.py": ("valid",)})
        facts = EnvironmentFacts("0", "3.12", {installed: "1.0"} if installed else {})
        return bench.noted(ClockSetBack(), failure, facts=facts)

    return ask


PLAIN = """\
    class TestTokens:
        def test_other(self):
            assert valid(9999999999)

        def test_it(self):
            assert valid(1577836800)


    def test_it():
        assert valid(1577836800)
"""


def test_the_mark_is_on_the_failing_test_alone(bench: Any, turned: Callable[..., Any]) -> None:
    (candidate,) = turned(dated(PLAIN)).candidates

    added = [line[1:] for line in candidate.patch.splitlines() if line[:1] == "+" and line[:3] != "+++"]
    assert candidate.workaround
    assert [line.strip() for line in added].count('@pytest.mark.usefixtures("clock_set_back")') == 1
    assert '    monkeypatch.setattr("time.time", lambda: 1577664000.0)' in added
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    ("installed", "line"),
    [
        ("freezegun", 'with freezegun.freeze_time("2019-12-30", tick=True):'),
        ("time-machine", 'with time_machine.travel("2019-12-30"):'),
    ],
)
def test_a_tool_that_is_installed_is_preferred(
    bench: Any, turned: Callable[..., Any], installed: str, line: str
) -> None:
    product = (
        "from datetime import datetime\n\n\ndef valid(expires):\n    return datetime.now().timestamp() < expires\n"
    )

    (candidate,) = turned(dated(PLAIN), product=product, installed=installed).candidates

    assert f"+    {line}" in candidate.patch
    assert bench.findings(candidate) == []
    # a stand-in for time.time would not reach this product, so without the tool nothing is proposed
    assert turned(dated(PLAIN), product=product).candidates == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (dated("def test_it():\n    assert valid(1577836800, now=1500)\n"), "tell the product what the time is"),
        (dated("def test_it():\n    assert valid(1577836800, 1546300800)\n"), "other dates"),
        (
            dated(
                "def test_it(monkeypatch):\n    monkeypatch.setattr('shop.tokens.time.time', lambda: 5)\n"
                "    assert valid(1577836800)\n"
            ),
            "tell the product what the time is",
        ),
        (
            dated(
                "@freeze_time('2019')\ndef test_it():\n    assert valid(1577836800)\n",
                "from freezegun import freeze_time\n",
            ),
            "tell the product what the time is",
        ),
        (
            dated("def test_it(clock):\n    assert valid(1577836800)\n\n\ndef clock():\n    pass\n"),
            "tell the product what the time is",
        ),
    ],
)  # fmt: skip
def test_a_product_that_may_have_to_go_by_another_time_is_left_alone(
    turned: Callable[..., Any], text: str, why: str
) -> None:
    told = turned(text)

    assert told.candidates == ()
    assert why in told.notes[0]


@pytest.mark.parametrize("own", ["END = 1577836800\n", "END = '2020-01-10'\n", "YEARS = range(2000, 2020)\n"])
def test_a_date_of_the_product_near_it_is_left_alone(turned: Callable[..., Any], own: str) -> None:
    told = turned(dated("def test_it():\n    assert valid(1577836800)\n"), product=own + TOKENS)

    assert told.candidates == ()
    assert "the product states a date near it" in told.notes[0]


@pytest.mark.parametrize(
    ("product", "test"),
    [
        ('"""Return the next payment from today on."""', "test_it"),
        ('"""Return the days that are left; never less than zero."""', "test_it"),
        ("pass", "test_it_lies_ahead"),
    ],
)
def test_a_product_that_has_to_go_on_from_a_day_is_left_alone(
    bench: Any, failing: Callable[..., Any], product: str, test: str
) -> None:
    files = {"shop/tokens.py": f"import time\n\n\ndef valid(until):\n    {product}\n    return until > time.time()\n"}
    bench.write({**files, "tests/test_demo.py": dated(f"def {test}():\n    assert valid(1577836800)\n")})
    diagnosis = {"verdict": "clock", "date": "2020-01-01", "then": "2019-12-30", "stress": [{}]}
    named = TEST.replace("test_it", test)

    told = bench.noted(
        ClockSetBack(),
        failing("AssertionError", "no", named, diagnosis=diagnosis, covered={"shop/tokens.py": ("valid",)}),
    )

    assert told.candidates == ()
    assert "the product may have to go on from that day" in told.notes[0]


def test_without_the_experiment_no_clock_is_set(turned: Callable[..., Any]) -> None:
    for verdict in ("broken", "unknown", "order", "random"):
        assert turned(dated(PLAIN), verdict=verdict).candidates == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), "2017-05-01"),
        (({"commit": "b", "date": "2019-03-01T10:00:00+01:00"}, {"commit": "a", "date": "2018-01-01"}), "2019-03-01"),
        (({"commit": "", "date": ""}, {"commit": "a", "date": "2018-01-01"}), None),  # who knows since when
    ],
)
def test_a_project_was_worked_on_until_its_release_or_newest_commit(
    bench: Any, failing: Callable[..., Any], changes: Any, expected: str | None
) -> None:
    bench.write({"CHANGES.txt": "1.0 (2017-05-01)\n"})

    found = worked_on(Evidence(failing("AssertionError", "no"), bench.project()), changes)

    assert (found.date().isoformat() if found else None) == expected


@given(st.integers(946_800_000, 3_786_900_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_date_is_read_however_it_is_written(day: datetime) -> None:
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    written = [
        f'"{day:%Y-%m-%d}T00:00:00Z"',
        f'"{day:%a}, {day:%d} {day:%b} {day:%Y} 10:00:00 GMT"',
        f'"{day:%a}, {day:%d}-{day:%b}-{day:%Y} 10:00:00 GMT"',
        f'b"{day:%b} {day.day} 23:59:59 {day:%Y} GMT"',
        f"datetime.datetime({day.year}, {day.month}, {day.day}, 12)",
        str(int(midnight.timestamp()) + 5),
    ]

    for text in written:
        assert list(dates(ast.parse(text))) == [midnight], text


def test_numbers_and_texts_that_only_look_like_dates_are_none() -> None:
    for text in ('"2020-13-45"', '"12020-01-015"', "2020", "range(2000, 1, 31)", '"1.2.2020"', "99999999999"):
        assert list(dates(ast.parse(text))) == [], text


def test_dates_of_other_tests_are_not_those_of_a_test() -> None:
    text = """
END = "2020-01-01"

def helper():
    return "2021-01-01"

def test_it():
    assert "2022-01-01"

def test_other():
    assert "2023-01-01"
"""
    assert sorted(date.year for date in stated(text, "test_it")) == [2020, 2021, 2022]


@pytest.mark.parametrize(
    "other",
    [
        'monkeypatch.setattr("shop.tokens.valid", lambda: 1577664000.0)',
        'monkeypatch.setattr("time.time", lambda: 5.0)',
        'monkeypatch.setattr("time.sleep", lambda: 1577664000.0)',
    ],
)
def test_a_fixture_that_only_looks_like_it_is_refused(bench: Any, other: str) -> None:
    before = dated("def test_it():\n    assert valid(1577836800)\n", "import pytest\n")
    bench.write({"tests/test_demo.py": before, "shop/__init__.py": "", "shop/tokens.py": TOKENS})
    lines = set_back.lines("monkeypatch", "2019-12-30", "2020-01-01")
    fixture = "\n".join([*lines[:-1], f"    {other}"])
    after = before.replace("def test_it", f'{fixture}\n\n\n@pytest.mark.usefixtures("clock_set_back")\ndef test_it')

    assert "mocks_product" in bench.rules({"tests/test_demo.py": after})
