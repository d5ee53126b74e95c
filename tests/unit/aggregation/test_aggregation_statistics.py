import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.aggregation import FileStatistics, flaky_score, update
from maestro.aggregation.errors import StatisticsError
from maestro.aggregation.statistics import HISTORY, durations, flaky_ranking, pack, unpack
from maestro.model import CaseResult, Facts, Outcome, Phase

FILE = "tests/test_a.py"
TEST = f"{FILE}::test_one"


def ran(outcome: Outcome = Outcome.PASSED, seconds: float = 1.0, **more: Any) -> CaseResult:
    return CaseResult(TEST, outcome, seconds, file=FILE, **more)


def history(*results: CaseResult) -> dict[str, FileStatistics]:
    stats = {}
    for result in results:
        stats = update(stats, [result])
    return stats


def test_durations_are_exponential_means() -> None:
    stats = history(ran(seconds=1.0), ran(seconds=2.0))

    assert durations(stats) == {TEST: pytest.approx(1.3)}


def test_skips_and_deaths_do_not_count_as_durations() -> None:
    died = Facts(Phase.PROCESS, "MissingResult", "gone")

    stats = history(ran(), ran(Outcome.SKIPPED, 0.0), ran(Outcome.ERROR, 0.0, facts=died))

    assert stats[FILE] == FileStatistics({TEST: 1.0}, {TEST: "pse"})


def test_collection_errors_are_left_out() -> None:
    broken = CaseResult(FILE, Outcome.ERROR, 0.0, file=FILE, facts=Facts(Phase.COLLECT, "SyntaxError", "x"))

    assert update({}, [broken]) == {}


def test_only_the_last_outcomes_are_kept_newest_last() -> None:
    stats = history(*[ran(Outcome.FAILED)] * 3, *[ran()] * (HISTORY - 1), ran(Outcome.FLAKY))

    assert stats[FILE].outcomes[TEST] == "p" * (HISTORY - 1) + "k"


def test_the_given_statistics_are_not_changed() -> None:
    before = history(ran())
    update(before, [ran()])

    assert before == history(ran())


@pytest.mark.parametrize(
    ("outcomes", "score"), [("", 0), ("p", 0), ("k", 1), ("pppp", 0), ("ffff", 0), ("pfpf", 1), ("psspx", 0)]
)
def test_scores_of_plain_histories(outcomes: str, score: float) -> None:
    assert flaky_score(outcomes) == score


def test_new_changes_weigh_more_than_old_ones() -> None:
    assert flaky_score("ppppppppf") > flaky_score("fpppppppp") > 0


@given(st.text("pfesxuk", max_size=30))
def test_a_score_is_between_0_and_1(outcomes: str) -> None:
    assert 0 <= flaky_score(outcomes) <= 1


def test_the_most_unsteady_test_ranks_first() -> None:
    stats = {FILE: FileStatistics({}, {"a": "pppp", "b": "pfpf", "c": "pppf"})}

    assert [test for test, _ in flaky_ranking(stats)] == ["b", "c"]


@given(
    st.dictionaries(st.text(), st.text("pfesxuk", min_size=1)),
    st.data(),
)
def test_packing_loses_nothing(outcomes: dict[str, str], data: st.DataObject) -> None:
    known = data.draw(st.lists(st.sampled_from(sorted(outcomes)), unique=True)) if outcomes else []
    stats = FileStatistics(dict.fromkeys(known, 0.25), outcomes)

    assert unpack(pack(stats)) == stats


def test_five_thousand_tests_fit_an_item() -> None:
    outcomes = {f"tests/unit/test_module.py::TestCase::test_behaviour_{n}[{n * 7919}]": "p" * 20 for n in range(5000)}
    stats = FileStatistics({test: hash(test) % 10**6 / 10**6 for test in outcomes}, outcomes)

    assert len(pack(stats)) < 400_000


@pytest.mark.parametrize(
    "data", [b"", b"junk", zlib.compress(b"[1]"), zlib.compress(b"{"), pack(FileStatistics())[:-3]]
)
def test_damage_is_an_error(data: bytes) -> None:
    with pytest.raises(StatisticsError):
        unpack(data)


def test_a_bomb_is_an_error() -> None:
    with pytest.raises(StatisticsError, match="too large"):
        unpack(zlib.compress(b" " * (65 * 1024 * 1024)))
