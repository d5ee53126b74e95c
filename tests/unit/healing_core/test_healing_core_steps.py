"""When what fails now is the next error and no replacement: where the project's frames stand, and what is missing."""

import dataclasses

import pytest
from healing_core_trees import failure
from maestro.healing import steps
from maestro.model import CaseResult, Facts, Frame, Outcome, Phase, Trial, TrialStatus

ID = "tests/test_shop.py::test_order"


def facts(*lines: int, said: str = "a is gone", missing: str = "", then: tuple[Frame, ...] = ()) -> Facts:
    """A failure whose project frames stand at these lines of the test, of a helper, and of what the helper calls."""
    names = (("tests/test_shop.py", "test_order"), ("tests/helpers.py", "shop"), ("shop/cart.py", "total"))
    frames = tuple(Frame(f, n, name, in_project=True) for (f, name), n in zip(names, lines, strict=False))
    causes = ({"exception": "ModuleNotFoundError", "message": f"No module named '{missing}'"},) if missing else ()
    return Facts(Phase.CALL, "shop.Unfit", said, frames=frames + then, causes=causes)


def is_step(before: Facts, after: Facts) -> bool:
    found = dataclasses.replace(failure((ID,), signature="error:before"), facts=before)
    then = dataclasses.replace(failure((ID,), signature="error:after"), facts=after)
    now = CaseResult(ID, Outcome.FAILED, 0.0, message=after.message, facts=after)
    trial = Trial("c1", TrialStatus.RAN, target=(now,))
    was = CaseResult(ID, Outcome.FAILED, 0.0, message=before.message, facts=before)
    return steps.moved(found, [then], trial, [was])


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        (facts(9, 4), facts(10, 2), True),
        (facts(9, 4), facts(9, 5), True),  # a helper that every test calls got further
        (facts(9, 4, 7), facts(9, 4, 8), True),
        (facts(9, 4), facts(9, 4, 8), True),  # what the helper calls has a failure of its own
        (facts(9, 4), facts(9, 4, then=(Frame("yaml/__init__.py", 1, "load", in_project=False),)), True),
        (facts(9, 4), facts(9, 4), False),
        (facts(9, 5), facts(9, 4), False),  # earlier: the patch broke what was well
        (facts(9, 4, 8), facts(9, 4, 7), False),
        (facts(9, 4), facts(8, 4), False),
        (facts(9, 4, 7), facts(9, 3, 8), False),
    ],
)
def test_a_later_place_of_the_same_functions_is_a_step(before: Facts, after: Facts, *, step: bool) -> None:
    assert is_step(before, after) is step


@pytest.mark.parametrize(("missing", "step"), [("", True), ("json5", True), ("yaml", False)])
def test_what_was_raised_for_a_missing_module_has_moved_once_it_is_found(missing: str, *, step: bool) -> None:
    before = facts(9, 5, said="no YAML here", missing="yaml")
    assert is_step(before, facts(9, 4, said="not loaded", missing=missing)) is step


def test_another_error_at_an_earlier_place_is_no_step_where_nothing_was_missing() -> None:
    assert not is_step(facts(9, 5), facts(9, 4, said="not loaded"))
