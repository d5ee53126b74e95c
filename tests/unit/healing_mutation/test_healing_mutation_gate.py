"""The mutation gate, on real projects in the real sandbox."""

import dataclasses
from typing import TYPE_CHECKING

import pytest
from maestro.healing import proof
from maestro.healing.gate import Evidence
from maestro.healing.mutation import verdict
from maestro.model import GateResult, MutantResult, Mutation, Outcome, Trial, Unmeasured, dump_json, load_json

if TYPE_CHECKING:
    from healing_mutation_lab import Lab

PRICES = '''\
def total(prices, discount=0):
    """Return the sum of the prices."""
    amount = 0
    for price in prices:
        amount += price
    if discount > 10:
        amount = amount - discount
    return amount


def cheap(price):
    return price < 5
'''
GONE = "from collections import Mapping\n"
ALIVE = "from collections.abc import Mapping\n"
CHECKS = """\
from shop.prices import cheap, total


def test_total():
    assert isinstance({}, Mapping)
    assert total([1, 2, 3]) == 6
    assert total([20, 5], 11) == 14


def test_cheap():
    assert cheap(4)
    assert not cheap(5)
"""
FILES = {"shop/__init__.py": "", "shop/prices.py": PRICES, "tests/test_prices.py": GONE + CHECKS}
T = "tests/test_prices.py::"


def test_a_good_repair_passes_and_says_what_was_killed(lab: "Lab") -> None:
    tried = lab.try_change(FILES, {"tests/test_prices.py": ALIVE + CHECKS}, ("tests/test_prices.py",))
    assert tried.trial.mutation is not None
    assert len(tried.trial.mutants) >= 3
    assert tried.gate.passed
    assert "mutants in shop/prices.py" in tried.gate.detail
    assert "could not run" in tried.gate.detail
    gates = tried.gates()
    assert all(gate.passed for gate in gates.values()), gates


def test_a_repair_of_several_rounds_is_measured_whole(lab: "Lab") -> None:
    # the last round changes no source, but an earlier one did: the tests must still be shown to look
    variable = lab.config.replace("  pythonpath", "  variables: {DEMO: '1'}\n  pythonpath")
    needy = "import os\n" + CHECKS.replace("    assert cheap(4)", "    os.environ['DEMO']\n    assert cheap(4)")
    files = {**FILES, "tests/test_prices.py": GONE + needy}
    edits = {"maestro.yaml": variable}
    tried = lab.try_change(files, edits, (T + "test_cheap",), kept={"tests/test_prices.py": ALIVE + needy})
    assert tried.trial.mutation is not None
    assert tried.trial.mutants
    assert tried.gate.passed


# What each of these asserts is always true, though a reader has to know what is asserted to see it.
VACUOUS = {
    "a comparison with itself": "value = total([1, 2, 3])\n    assert value == value",
    "a type that everything has": "assert isinstance(total([1, 2, 3]), object)",
    "a helper that is always true": "assert agrees(total([1, 2, 3]), 6)",
    "an expectation that is computed by the same code": "assert total([1, 2, 3]) == total([1, 2, 3])",
}
HELPER = "\n\ndef agrees(one, other):\n    return (one == other) or not (one is other and one != other)\n"


@pytest.mark.parametrize("claim", VACUOUS.values(), ids=VACUOUS.keys())
def test_a_repair_that_makes_the_test_vacuous_is_refused(lab: "Lab", claim: str) -> None:
    old = f"{GONE}from shop.prices import total\n{HELPER}\n\ndef test_total():\n    assert isinstance({{}}, Mapping)\n"
    new = old.replace(GONE, ALIVE)
    tried = lab.try_change(
        {**FILES, "tests/test_prices.py": f"{old}    assert total([1, 2, 3]) == 6\n"},
        {"tests/test_prices.py": f"{new}    {claim}\n"},
        ("tests/test_prices.py",),
    )
    assert proof.target_green(_evidence(tried)).passed
    assert not tried.gate.passed
    assert "notices a defect" in tried.gate.detail
    assert "shop/prices.py" in tried.gate.detail


def _evidence(tried: object) -> Evidence:
    class CaughtError(Exception):
        evidence: Evidence

    def catch(evidence: Evidence) -> GateResult:
        problem = CaughtError()
        problem.evidence = evidence
        raise problem

    try:
        tried.gates({"catch": catch})  # type: ignore[attr-defined]
    except CaughtError as caught:
        return caught.evidence
    raise AssertionError("the gate was not asked")


SOMETIMES = """\
import os
from shop.prices import total


def test_total():
    assert total([1, 2, 3]) {claim}
"""


def test_a_test_that_passed_sometimes_must_kill_what_it_killed(lab: "Lab") -> None:
    files = {**FILES, "tests/test_prices.py": SOMETIMES.format(claim="== 6")}
    flaky = {T + "test_total": Outcome.FLAKY}
    lost = lab.try_change(
        files, {"tests/test_prices.py": SOMETIMES.format(claim="is not None")}, (T + "test_total",), outcomes=flaky
    )
    assert lost.trial.mutation is not None
    assert lost.trial.mutation.compared == 1
    assert not lost.gate.passed
    assert "before the patch the tests noticed this defect" in lost.gate.detail


def test_a_flaky_test_that_is_made_steady_without_loss_passes(lab: "Lab") -> None:
    files = {**FILES, "tests/test_prices.py": SOMETIMES.format(claim="== 6")}
    edited = SOMETIMES.format(claim="== 6").replace("    assert", "    os.environ.pop('RATE', None)\n    assert")
    kept = lab.try_change(
        files, {"tests/test_prices.py": edited}, (T + "test_total",), outcomes={T + "test_total": Outcome.FLAKY}
    )
    assert kept.gate.passed, kept.gate.detail
    assert len(kept.trial.mutants) >= 4
    assert any(m.killed for m in kept.trial.mutants)
    assert not any(m.lost for m in kept.trial.mutants)


def test_a_test_beside_the_healed_one_may_not_lose_its_eyes_either(lab: "Lab") -> None:
    old = (
        "from shop.prices import cheap, total\n\n\n"
        "def test_total():\n    from collections import Mapping\n    assert total([1, 2, 3]) == 6\n\n\n"
        "def test_cheap():\n    assert cheap(4)\n    assert not cheap(5)\n"
    )
    new = old.replace("collections import", "collections.abc import").replace(
        "    assert cheap(4)\n    assert not cheap(5)\n", "    assert cheap(4) in (True, False)\n"
    )
    tried = lab.try_change({**FILES, "tests/test_prices.py": old}, {"tests/test_prices.py": new}, (T + "test_total",))
    assert not tried.gate.passed
    assert "cheap" in tried.gate.detail


def test_unchanged_tests_are_not_refused_for_what_they_never_noticed(lab: "Lab") -> None:
    smoke = "from shop.prices import total\n\n\ndef test_total():\n    total([1])\n"
    files = {**FILES, "shop/prices.py": GONE + PRICES, "tests/test_prices.py": smoke}
    tried = lab.try_change(files, {"shop/prices.py": ALIVE + PRICES}, ("tests/test_prices.py",))
    assert tried.gate.passed
    assert "what the tests claim is not changed" in tried.gate.detail
    assert 1 <= len(tried.trial.mutants) <= 4


def test_a_test_that_asserted_nothing_is_not_refused_for_it(lab: "Lab") -> None:
    smoke = "from shop.prices import total\n\n\ndef test_total():\n    Mapping.register(dict)\n    total([1])\n"
    tried = lab.try_change(
        {**FILES, "tests/test_prices.py": GONE + smoke}, {"tests/test_prices.py": ALIVE + smoke},
        ("tests/test_prices.py",),
    )  # fmt: skip
    assert tried.gate.passed, tried.gate.detail
    assert "asserted nothing" in tried.gate.detail


def test_tests_that_enter_no_product_code_leave_nothing_to_mutate(lab: "Lab") -> None:
    plain = "\n\ndef test_plain():\n    assert isinstance({}, Mapping)\n"
    tried = lab.try_change(
        {**FILES, "tests/test_prices.py": GONE + plain}, {"tests/test_prices.py": ALIVE + plain},
        ("tests/test_prices.py",),
    )  # fmt: skip
    assert tried.trial.mutation == dataclasses.replace(
        Mutation(healed=1, unmeasured=Unmeasured.NOTHING_COVERED),
        seconds=tried.trial.mutation.seconds,  # type: ignore[union-attr]
    )
    assert tried.gate.passed
    assert "nothing to mutate" in tried.gate.detail


def test_a_mutant_that_never_ends_is_killed_in_bounded_time(lab: "Lab") -> None:
    endless = "def count(n):\n    at = 0\n    while at < n:\n        at += 1\n    return at\n"
    test = (
        "from shop.prices import count\n\n\n"
        "def test_count():\n    assert isinstance({}, Mapping)\n    assert count(3) == 3\n"
    )
    tried = lab.try_change(
        {**FILES, "shop/prices.py": endless, "tests/test_prices.py": GONE + test},
        {"tests/test_prices.py": ALIVE + test},
        ("tests/test_prices.py",),
    )
    assert tried.gate.passed, tried.gate.detail
    assert tried.trial.mutation is not None
    assert tried.trial.mutation.seconds < 25


def test_a_patch_of_configuration_alone_needs_no_mutants(lab: "Lab") -> None:
    test = (
        "import os\nfrom shop.prices import total\n\n\n"
        "def test_total():\n    assert total([1]) == int(os.environ['ONE'])\n"
    )
    changed = lab.config.replace('  pythonpath: ["."]\n', '  pythonpath: ["."]\n  variables: {ONE: "1"}\n')
    tried = lab.try_change(
        {**FILES, "tests/test_prices.py": test}, {"maestro.yaml": changed}, (T + "test_total",)
    )  # fmt: skip
    assert tried.trial.target[0].outcome is Outcome.PASSED
    assert tried.trial.mutation is None
    assert tried.gate.passed
    assert "byte for byte" in tried.gate.detail


def test_a_trial_without_mutants_proves_nothing(lab: "Lab") -> None:
    tried = lab.try_change(FILES, {"tests/test_prices.py": ALIVE + CHECKS}, ("tests/test_prices.py",))
    bare = dataclasses.replace(tried, trial=dataclasses.replace(tried.trial, mutation=None))
    assert not bare.gate.passed
    assert load_json(Trial, dump_json(tried.trial)) == tried.trial


def mutant(*, killed: bool = False, reached: bool = True, lost: bool = False) -> MutantResult:
    return MutantResult("shop/a.py", 3, "`<` becomes `<=` in f", killed, 0.1, reached, lost, checked=killed)


@pytest.mark.parametrize(
    ("seen", "passed"),
    [
        (Mutation((mutant(),) * 3, healed=1), False),
        (Mutation((mutant(),) * 2, healed=1), True),  # too few to say so
        (Mutation((mutant(reached=False),) * 8, healed=1), True),  # perhaps none of them was run
        (Mutation((mutant(),) * 7 + (mutant(killed=True),), healed=1), True),
        (Mutation((mutant(killed=True), mutant(lost=True)), compared=1), False),
        (Mutation((mutant(),) * 8, compared=1), True),  # the original tests did not notice them either
        (Mutation((mutant(),) * 8, healed=1, asserting=False), True),
        # the code under the tests failed, which says nothing of what they claim
        (Mutation((mutant(),) * 3 + (dataclasses.replace(mutant(killed=True), checked=False),), healed=1), False),
        (Mutation((mutant(),) * 3 + (dataclasses.replace(mutant(killed=True), checked=False),) * 4, healed=1), True),
        *((Mutation(unmeasured=why), True) for why in Unmeasured),
    ],
)
def test_the_verdict(seen: Mutation, *, passed: bool) -> None:
    assert verdict(seen, ["tests/test_a.py"]).passed is passed
