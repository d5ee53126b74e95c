"""The order of sets: found out with several hash seeds; a test's own is sorted, the product's is a possible defect."""

from dataclasses import replace
from pathlib import Path

import pytest
from healing_experiments_projects import MakeLaboratory, run
from maestro.healing import _hashing
from maestro.healing.diagnosis import healable
from maestro.healing.experiments import Experiment, Ground, Observation, conclude, plan, stress
from maestro.model import CaseResult, ErrorKind, Facts, Failure, Outcome, Phase, Severity, Strategy
from support.machine import LocalMachine

TEST = "tests/test_tags.py::test_tags"
TAGS = """\
    def tags(text):
        return [word for word in text.split() if word.startswith("#")]
"""
TEXT = "#plum #pear #fig #kiwi #lime"
ANNOTATED = "def tags(text) -> set[str]:\n    return {w for w in text.split() if w.startswith('#')}\n"


def project_test(claim: str) -> str:
    return f"""\
        from shop.tags import tags

        def test_tags():
            {claim}


        def test_nothing():
            assert not tags("a b")
    """


# ------------------------------------------------------------------ what is asked, and what it says


def failure(left: str, right: str, op: str = "==") -> Failure:
    facts = Facts(Phase.CALL, "AssertionError", "no", assertion={"op": op, "left": left, "right": right})
    return Failure("f", ErrorKind.TEST_FAILURE, Severity.LOW, "s", "it failed", (TEST,), "tests", "no", facts)


@pytest.mark.parametrize(
    ("left", "right", "asks"),
    [
        ("['b', 'a']", "['a', 'b']", True),
        ("'b, a'", "'a, b'", True),
        ("[<Tag b>, <Tag a>]", "[<Tag a>, <Tag b>]", True),
        ("['b', 'a']", "['a', 'c']", False),
        ("['a', 'b', 'b']", "['a', 'b']", False),
        ("1", "1", False),
    ],
)
def test_hashes_are_asked_about_where_only_the_order_differs(
    left: str,
    right: str,
    asks: bool,  # noqa: FBT001 - a column
) -> None:
    assert _hashing.unordered(failure(left, right)) is asks
    assert _hashing.unordered(failure(left, right, "assertEqual")) is asks
    assert not _hashing.unordered(failure(left, right, "!="))


def concluded(first: list[tuple[str, str]], again: list[tuple[str, str]]) -> Failure:
    found = failure("['b', 'a']", "['a', 'b']")
    ground = Ground((CaseResult(TEST, Outcome.FAILED, 0.01, "tests/test_tags.py"),), unordered=True)
    asked = plan(found, ground, [])
    assert [e.name for e in asked if e.hashing] == ["hashed", "hashed-again"]
    told = [
        Observation(name, {TEST: tuple(o for o, _ in seen)}, ran=(TEST,), compared={TEST: tuple(c for _, c in seen)})
        for name, seen in (("hashed", first), ("hashed-again", again))
    ]
    return conclude(found, [[Observation("alone", {TEST: ("failed",)}, ran=(TEST,)), *told]])


def test_the_hashes_decide_only_where_each_seed_shows_the_same_again() -> None:
    mixed = [("passed", ""), ("failed", "[1]")] * 3
    orders = [("failed", f"[{n % 3}]") for n in range(6)]

    for seen in (mixed, orders):
        told = concluded(seen, seen)
        assert told.diagnosis["verdict"] == "hashing"
        assert [e.hashing for e in stress(told)] == [1, 2, 3, 4, 5, 6]
        assert healable(told) == {Strategy.TIMING_ADJUSTMENT, Strategy.FLAKY_STABILIZATION}
    same = [("failed", "[1]")] * 6
    for first, again in ((same, same), (mixed, mixed[::-1]), (orders, orders[1:]), (mixed, [("absent", "")] * 6)):
        assert concluded(first, again).diagnosis["verdict"] == "broken"


def test_a_seed_is_set_before_the_interpreter_starts_and_what_was_compared_is_told(
    laboratory: MakeLaboratory,
) -> None:
    test = "tests/test_hash.py::test_hash"
    place = laboratory(
        {
            "tests/test_hash.py": """\
                import os

                def test_hash():
                    assert int(os.environ["PYTHONHASHSEED"]) == hash("a")
            """
        }
    )

    once, again = (place.observe(Experiment(n, (test,), repeat=3, hashing=4)) for n in ("one", "two"))

    assert once.outcomes == {test: ("failed",) * 3}
    assert once.compared == again.compared
    assert len(set(once.compared[test])) == 3
    assert [told.partition(",")[0] for told in once.compared[test]] == ['["4"', '["5"', '["6"']


def test_a_seed_of_the_projects_own_variables_holds_but_in_an_experiment_with_seeds(
    laboratory: MakeLaboratory,
) -> None:
    test = "tests/test_seed.py::test_seed"
    text = "import os\n\ndef test_seed():\n    assert os.environ['PYTHONHASHSEED'] == '7'\n"
    place = laboratory({"tests/test_seed.py": text})
    own = replace(place.suite.environment, variables={"PYTHONHASHSEED": "7"})
    place = replace(place, suite=replace(place.suite, environment=own))

    told = [place.observe(Experiment("seed", (test,), hashing=seed)).outcomes[test] for seed in (0, 7, 8)]

    assert told == [("passed",), ("passed",), ("failed",)]


# ------------------------------------------------------------------ whole runs


@pytest.mark.parametrize(
    ("claim", "repaired"),
    [
        (
            f'assert list(set(tags("{TEXT}"))) == ["#plum", "#pear", "#fig", "#kiwi", "#lime"]',
            '+    assert sorted(set(tags("{TEXT}"))) == sorted(["#plum", "#pear", "#fig", "#kiwi", "#lime"])',
        ),
        (
            f'found = set(tags("{TEXT}"))\n            assert ", ".join(found) == "#fig, #kiwi, #lime, #pear, #plum"',
            '+    assert ", ".join(sorted(found)) == "#fig, #kiwi, #lime, #pear, #plum"',
        ),
    ],
)
def test_the_elements_of_a_tests_own_set_are_compared_in_no_order_of_their_own(
    machine: LocalMachine, tmp_path: Path, claim: str, repaired: str
) -> None:
    outcome = run(machine, tmp_path, {"shop/tags.py": TAGS, "tests/test_tags.py": project_test(claim)})

    (repair,) = outcome.accepted
    assert repair.generator == "compared_unordered"
    assert repaired.replace("{TEXT}", TEXT) in repair.patch.splitlines()
    assert outcome.run.status == "healed"
    assert "values of PYTHONHASHSEED" in outcome.failures[0].cause


def test_a_set_that_the_product_says_it_returns_has_no_order(machine: LocalMachine, tmp_path: Path) -> None:
    claim = f'assert list(tags("{TEXT}")) == ["#kiwi", "#plum", "#fig", "#lime", "#pear"]'

    outcome = run(machine, tmp_path, {"shop/tags.py": ANNOTATED, "tests/test_tags.py": project_test(claim)})

    (repair,) = outcome.accepted
    assert f'+    assert sorted(tags("{TEXT}")) == sorted(["#kiwi", "#plum", "#fig", "#lime", "#pear"])' in repair.patch


@pytest.mark.parametrize(
    ("product", "claim"),
    [
        # the product returns a list, which may promise an order
        (
            "def tags(text):\n    return list({w for w in text.split() if w.startswith('#')})\n",
            f'assert tags("{TEXT}") == ["#plum", "#pear", "#fig", "#kiwi", "#lime"]',
        ),
        # the product says that it returns a set, but the test expects the order of the text, which a set never showed
        (ANNOTATED, f'assert list(tags("{TEXT}")) == ["#plum", "#pear", "#fig", "#kiwi", "#lime"]'),
        # the product sorts nothing, and the test's own set is what it gets
        (
            "def tags(text):\n    return [w for w in text if w.startswith('#')]\n",
            f'assert tags(list(set("{TEXT}".split()))) == ["#fig", "#kiwi", "#lime", "#pear", "#plum"]',
        ),
    ],
    ids=["list", "kept once", "input"],
)
def test_an_order_that_the_product_gives_is_a_possible_defect(
    machine: LocalMachine, tmp_path: Path, product: str, claim: str
) -> None:
    outcome = run(machine, tmp_path, {"shop/tags.py": product, "tests/test_tags.py": project_test(claim)})

    assert outcome.accepted == ()
    (found,) = outcome.failures
    assert found.regression
    assert "order depends on PYTHONHASHSEED" in found.cause


def test_a_defect_behind_a_set_is_none_of_the_hashes(machine: LocalMachine, tmp_path: Path) -> None:
    # given a product that loses a tag, which no order explains
    product = "def tags(text):\n    return [w for w in text.split() if w.startswith('#p')]\n"
    claim = f'assert list(set(tags("{TEXT}"))) == ["#fig", "#kiwi", "#lime", "#pear", "#plum"]'

    outcome = run(machine, tmp_path, {"shop/tags.py": product, "tests/test_tags.py": project_test(claim)})

    assert outcome.accepted == ()
    assert outcome.failures[0].regression
