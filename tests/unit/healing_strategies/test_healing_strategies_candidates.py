"""Collecting proposals: order, caps, protection, and generators that fail."""

from collections.abc import Callable, Iterable

import pytest
from healing_strategies_bench import Bench
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing.base import Project, Proposal
from maestro.healing.candidates import combined, proposed
from maestro.model import Failure, MaestroError, Strategy

Fail = Callable[..., Failure]


class Says:
    """A generator that says what it was told to."""

    def __init__(self, name: str, *proposals: Proposal, error: Exception | None = None) -> None:
        self.name, self.strategy, self.proposals, self.error = name, Strategy.DEPENDENCY_FIX, proposals, error

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        assert failure.id
        assert project.root.is_dir()
        yield from self.proposals
        if self.error:
            raise self.error


def test_adapting_comes_before_pinning_and_equal_diffs_are_one(bench: Bench, fail: Fail) -> None:
    a, b, c = ({"x.py": f"x = {n}\n"} for n in range(3))
    said = proposed(
        fail("E", "m"),
        bench.project,
        using=[
            Says("one", Proposal(a, "pin", 0.9, workaround=True), Proposal(b, "low", 0.2)),
            Says("two", Proposal(b, "same", 0.6), Proposal(c, "c", 0.5)),
        ],
    )
    assert [x.summary for x in said.candidates] == ["same", "c", "pin"]


def test_the_limit_keeps_places_for_pins(bench: Bench, fail: Fail) -> None:
    many = [Proposal({"x.py": f"x = {n}\n"}, f"adapt {n}", 0.5) for n in range(20)]
    pins = [Proposal({"y.txt": f"{n}\n"}, f"pin {n}", 0.4, workaround=True) for n in range(9)]
    said = proposed(fail("E", "m"), bench.project, using=[Says("g", *many, *pins)], limit=8)
    assert [c.workaround for c in said.candidates] == [False] * 5 + [True] * 3
    assert len({c.id for c in said.candidates}) == 8


def test_protected_paths_are_refused_with_a_note(bench: Bench, fail: Fail) -> None:
    bench.protect = ("secrets/**",)
    said = proposed(
        fail("E", "m"), bench.project, using=[Says("g", Proposal({"secrets/a.py": "x\n", "b.py": "y\n"}, "both"))]
    )
    assert said.candidates == ()
    assert "secrets/a.py" in said.notes[0]


def test_a_known_error_skips_the_generator_and_an_unknown_one_does_not(bench: Bench, fail: Fail) -> None:
    good = Says("good", Proposal({"x.py": "x = 1\n"}, "good"))
    said = proposed(fail("E", "m"), bench.project, using=[Says("bad", error=MaestroError("no index")), good])
    assert [c.generator for c in said.candidates] == ["good"]
    assert said.notes == ("bad was skipped: no index",)
    with pytest.raises(ZeroDivisionError):
        proposed(fail("E", "m"), bench.project, using=[Says("bad", error=ZeroDivisionError()), good])


def test_an_edit_that_leaves_the_root_is_skipped_with_a_note(bench: Bench, fail: Fail) -> None:
    said = proposed(fail("E", "m"), bench.project, using=[Says("g", Proposal({"../x.py": "x\n"}, "out"))])
    assert said.candidates == ()
    assert "not a path inside" in said.notes[0]


def test_what_people_said_of_a_generator_moves_its_candidates(bench: Bench, fail: Fail) -> None:
    both = [Says("one", Proposal({"x.py": "x = 1\n"}, "1")), Says("two", Proposal({"x.py": "x = 2\n"}, "2"))]

    def ranked(said: dict[str, tuple[float, float]]) -> list[str]:
        return [c.generator for c in proposed(fail("E", "m"), bench.project, using=both, said=said).candidates]

    strategy = both[0].strategy
    assert ranked({f"{strategy}/one": (0, 3)}) == ["two", "one"]
    assert ranked({f"{strategy}/two": (0, 3)}) == ["one", "two"]
    assert ranked({f"{strategy}/two": (3, 0)}) == ["two", "one"]


@given(st.floats(0, 1), st.integers(0, 500), st.integers(0, 500))
def test_a_record_moves_the_prior_in_its_direction(prior: float, right: int, wrong: int) -> None:
    none, with_record = combined(prior, 0, 0), combined(prior, right, right + wrong)
    assert 0 < with_record < 1
    if right == wrong:
        assert with_record == pytest.approx(none)
    elif right > wrong:
        assert with_record >= none
    else:
        assert with_record <= none
