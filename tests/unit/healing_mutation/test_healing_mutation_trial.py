"""How many mutants are run, of which tests, and when it is enough: the runs themselves are played."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from maestro.healing._trees import Change, changes
from maestro.healing.mutation import Mutant
from maestro.healing.mutation import trial as mutation_trial
from maestro.healing.mutation.chosen import MAX_TESTS, asserting, choose, edited_tests
from maestro.model import CaseResult, Facts, Mutation, Outcome, Phase, Unmeasured

FILE = "tests/test_a.py"
PRODUCT = "def f(a, b):\n" + "".join(f"    x{n} = {n}\n" for n in range(30)) + "    return a + b\n"
BEFORE = (
    "from old import x\nfrom shop import f\n\n\ndef test_a():\n    assert f(1, 2) == 3\n\n\ndef test_b():\n    pass\n"
)
AFTER = BEFORE.replace("from old", "from new")
COVERED = Facts(Phase.CALL, "", "", covered={"shop.py": ("f",), FILE: ("test_a",)})


def case(test: str, outcome: Outcome = Outcome.PASSED, seconds: float = 0.01) -> CaseResult:
    return CaseResult(f"{FILE}::{test}", outcome, seconds, FILE)


@dataclasses.dataclass
class Play:
    """Answers each run with ``fails(tree, mutant)``; counts them."""

    fails: Callable[[str, Mutant | None], bool]
    runs: list[tuple[str, Mutant | None]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def __call__(
        self, tree: Path, tests: Sequence[str], *, mutant: Mutant | None, trace: bool, deadline: float
    ) -> tuple[CaseResult, ...]:
        assert deadline > time.monotonic()
        time.sleep(self.seconds)
        self.runs.append((tree.name, mutant))
        outcome = Outcome.FAILED if self.fails(tree.name, mutant) else Outcome.PASSED
        facts = COVERED if trace else Facts(Phase.CALL, "AssertionError", "") if outcome.bad else None
        return tuple(CaseResult(test, outcome, 0.01, FILE, facts=facts) for test in tests)


@pytest.fixture
def setting(tmp_path: Path) -> mutation_trial.Setting:
    for name, text in (("before", BEFORE), ("after", AFTER)):
        (tmp_path / name / "tests").mkdir(parents=True)
        (tmp_path / name / FILE).write_text(text)
        (tmp_path / name / "shop.py").write_text(PRODUCT)
    green = (case("test_a"),)
    return mutation_trial.Setting(
        before=tmp_path / "before", after=tmp_path / "after", earlier=(case("test_a", Outcome.FAILED),),
        first=green, target=green, repeats=(green, green), seed=1, until=time.monotonic() + 20,
    )  # fmt: skip


def tried(setting: mutation_trial.Setting, play: Play) -> Mutation:
    found = mutation_trial.experiment(setting, play)
    assert found is not None
    return found


def test_one_killed_is_certain_and_four_are_enough(setting: mutation_trial.Setting) -> None:
    found = tried(setting, Play(lambda _, mutant: mutant is not None))
    assert (len(found.mutants), found.healed, found.compared) == (4, 1, 0)
    assert all(m.killed for m in found.mutants)


def test_before_tests_are_said_to_see_nothing_twice_as_many_are_run(setting: mutation_trial.Setting) -> None:
    found = tried(setting, Play(lambda *_: False))
    assert len(found.mutants) == 16
    assert not mutation_trial.verdict(found, [FILE]).passed


def test_of_what_passed_before_the_survivors_are_compared(setting: mutation_trial.Setting) -> None:
    flaky = dataclasses.replace(setting, earlier=(case("test_a", Outcome.FLAKY),))
    play = Play(lambda tree, mutant: mutant is not None and tree == "before")
    found = tried(flaky, play)
    assert [m.lost for m in found.mutants] == [True]  # one is enough
    assert found.compared == 1
    (mutant,) = {m for _, m in play.runs if m is not None}
    # asked whether it passes at all; killed, steady without it, killed again; and it does live with the patch
    assert play.runs[1:] == [
        ("after", mutant), ("before", None), ("before", mutant), ("before", None), ("before", mutant),
        ("after", mutant),
    ]  # fmt: skip


def test_a_survivor_that_the_original_let_live_too_is_not_lost(setting: mutation_trial.Setting) -> None:
    flaky = dataclasses.replace(setting, earlier=(case("test_a", Outcome.FLAKY),))
    found = tried(flaky, Play(lambda *_: False))
    assert len(found.mutants) == 8
    assert mutation_trial.verdict(found, [FILE]).passed


def test_a_kill_that_does_not_come_again_is_chance(setting: mutation_trial.Setting) -> None:
    flaky = dataclasses.replace(setting, earlier=(case("test_a", Outcome.FLAKY),))
    before: list[bool] = []

    def fails(tree: str, mutant: Mutant | None) -> bool:
        if tree != "before" or mutant is None:
            return False
        before.append(True)
        return len(before) % 2 == 1

    found = tried(flaky, Play(fails))
    assert not any(m.lost for m in found.mutants)


def test_a_flaky_test_that_fails_in_the_original_by_itself_has_to_kill_one(setting: mutation_trial.Setting) -> None:
    flaky = dataclasses.replace(setting, earlier=(case("test_a", Outcome.FLAKY),))
    found = tried(flaky, Play(lambda tree, _: tree == "before"))
    assert (found.healed, found.compared) == (1, 0)
    assert not mutation_trial.verdict(found, [FILE]).passed


def test_slow_tests_are_not_run_at_all(setting: mutation_trial.Setting) -> None:
    slow = (case("test_a", seconds=12.0),)
    play = Play(lambda *_: True)
    found = tried(dataclasses.replace(setting, first=slow, target=slow), play)
    assert (found.unmeasured, play.runs) == (Unmeasured.TOO_SLOW, [])


def test_what_the_time_did_not_suffice_for_says_nothing(setting: mutation_trial.Setting) -> None:
    found = tried(
        dataclasses.replace(setting, until=time.monotonic() + 0.5), Play(lambda *_: False, seconds=0.12)
    )  # fmt: skip
    assert 1 <= len(found.mutants) < 5


def test_tests_that_do_not_pass_by_themselves_are_not_measured(setting: mutation_trial.Setting) -> None:
    assert tried(setting, Play(lambda *_: True)).unmeasured is Unmeasured.UNSTEADY
    unsteady = dataclasses.replace(setting, repeats=((case("test_a", Outcome.FAILED),),))
    assert tried(unsteady, Play(lambda *_: False)).unmeasured is Unmeasured.UNSTEADY


def test_nothing_is_asked_where_nothing_became_green(setting: mutation_trial.Setting) -> None:
    bad = (case("test_a", Outcome.FAILED),)
    assert mutation_trial.experiment(dataclasses.replace(setting, target=bad), Play(lambda *_: False)) is None


def test_tests_are_taken_evenly_from_all_over(setting: mutation_trial.Setting) -> None:
    many = tuple(case(f"test_{n}", seconds=0.001) for n in range(100))
    found = choose(
        dataclasses.replace(setting, first=many, target=many, repeats=(many,), earlier=()),
        changes(setting.before, setting.after),
    )
    assert 20 <= len(found.healed) <= MAX_TESTS
    assert found.healed[-1] >= f"{FILE}::test_90"


@pytest.mark.parametrize(
    ("after", "edited"),
    [
        (AFTER, None),  # only imports: it may be any test
        (BEFORE.replace("== 3", "== 4"), {"test_a"}),
        (BEFORE.replace("== 3", "== 4").replace("from old", "from new"), {"test_a"}),
        (BEFORE + "\n\nLIMIT = 3\n", None),
        (BEFORE.replace("assert f", "assert f("), None),
        (BEFORE + "\n\nclass TestC:\n    def test_c(self):\n        pass\n", None),
    ],
)
def test_the_edited_tests_are_known(after: str, edited: set[str] | None) -> None:
    assert edited_tests(Change(FILE, BEFORE, after)) == edited


def test_whether_tests_assert_is_read_off_the_source_before(setting: mutation_trial.Setting) -> None:
    both = dataclasses.replace(setting, first=(case("test_a"), case("test_b")))
    assert asserting(both, [f"{FILE}::test_a"])
    assert not asserting(both, [f"{FILE}::test_b"])
    assert asserting(both, [f"{FILE}::test_generated[1]"])


@pytest.mark.parametrize(("killer", "runs"), [("test_a", 1), ("test_d", 2)])
def test_those_that_enter_the_mutated_function_run_first(
    setting: mutation_trial.Setting, killer: str, runs: int
) -> None:
    # given four healed tests, of which one enters the function; one of them notices a defect in it
    names = ("test_a", "test_b", "test_c", "test_d")
    green = tuple(case(name) for name in names)
    failed = tuple(case(name, Outcome.FAILED) for name in names)
    many = dataclasses.replace(setting, first=green, target=green, repeats=(green, green), earlier=failed)
    asked: list[tuple[str, ...]] = []

    def run(
        _tree: Path, tests: Sequence[str], *, mutant: Mutant | None, trace: bool, deadline: float
    ) -> tuple[CaseResult, ...]:
        del deadline
        told = {
            name: COVERED if name == "test_a" and trace else Facts(Phase.CALL, "AssertionError", "") for name in names
        }
        short = [test.rpartition("::")[2] for test in tests]
        if mutant is not None:
            asked.append(tuple(short))
        return tuple(
            dataclasses.replace(
                case(name, Outcome.FAILED if mutant is not None and name == killer else Outcome.PASSED),
                facts=told[name],
            )
            for name in short
        )

    # when mutants are run
    found = mutation_trial.experiment(many, run)

    # then the others run on a mutant only where that one does not notice it, and none is missed
    assert found is not None
    assert all(m.killed and m.checked for m in found.mutants)
    assert asked[:runs] == [("test_a",), ("test_b", "test_c", "test_d")][:runs]
    assert len(asked) == runs * len(found.mutants)
