"""The classifier orders strategies; it names no project, and pushes none out."""

import dataclasses
import re

import pytest
from healing_core_trees import failure
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing.classifier import FLOOR, REGRESSION, features, moved, parse_weights, predict, rank, weights
from maestro.healing.errors import OutcomesError
from maestro.model import Facts, Failure, Frame, Phase, Strategy, dump_json
from support.failures.stored import rows
from support.traps.catalogue import releases

TEST = Frame("tests/test_cart.py", 6, "test_total", in_project=True, code="assert total([1]) == 2")
PRODUCT = Frame("shop/cart.py", 2, "total", in_project=True)
SUBPROCESS = Frame("subprocess.py", 1900, "_execute_child", in_project=False)


def of(facts: Facts) -> Failure:
    return dataclasses.replace(failure(), facts=facts)


@pytest.mark.parametrize(
    ("facts", "strategy"),
    [
        (
            Facts(Phase.COLLECT, "SyntaxError", "Missing parentheses in call to 'print'", bases=("Exception",),
                  attributes={"file": "tests/test_cart.py", "line": 3, "column": 5, "text": "print 'a'",
                              "reason": "invalid syntax"},
                  frames=(Frame("importlib/__init__.py", 88, "import_module", in_project=False),
                          Frame("<frozen importlib._bootstrap>", 1387, "_gcd_import", in_project=False),
                          Frame("ast.py", 50, "parse", in_project=False))),
            Strategy.SYNTAX_REPAIR,
        ),
        (
            Facts(Phase.COLLECT, "ModuleNotFoundError", "No module named 'yaml'", bases=("ImportError", "Exception"),
                  attributes={"module": "yaml"}, frames=(TEST,)),
            Strategy.DEPENDENCY_FIX,
        ),
        (
            Facts(Phase.CALL, "AttributeError", "module 'collections' has no attribute 'Mapping'",
                  bases=("Exception",), frames=(TEST, PRODUCT),
                  attributes={"owner": "collections", "owner_kind": "module", "name": "Mapping"}),
            Strategy.API_CONTRACT_ADAPTATION,
        ),
        (
            Facts(Phase.CALL, "FileNotFoundError", "[Errno 2] No such file or directory: 'pandoc'",
                  bases=("OSError", "Exception"), attributes={"errno": 2, "filename": "pandoc"},
                  frames=(TEST, SUBPROCESS)),
            Strategy.ENVIRONMENT_HEALING,
        ),
    ],
    ids=["syntax", "dependency", "api", "environment"],
)  # fmt: skip
def test_a_plain_failure_is_given_to_its_strategy(facts: Facts, strategy: Strategy) -> None:
    ranked = rank(of(facts))
    assert max(ranked, key=lambda label: ranked[label]) == strategy


def test_it_ranks_every_strategy_and_a_regression() -> None:
    ranked = rank(failure())
    assert set(ranked) == {*Strategy, REGRESSION}
    assert sum(ranked.values()) == pytest.approx(1)


def test_names_of_the_project_are_no_features() -> None:
    facts = Facts(
        Phase.CALL, "shop.errors.CartError", "bad", frames=(TEST, PRODUCT), covered={"shop/cart.py": ("total",)},
        attributes={"owner": "shop.cart.Cart", "owner_kind": "class", "name": "subtotal"},
    )  # fmt: skip
    kinds = {name for name in features(facts) if not name.startswith(("says:", "code:", "exception:"))}
    assert not [name for name in kinds if "shop" in name or "cart" in name or "total" in name]
    assert features(facts).isdisjoint({"phase:collect"})


priors = st.floats(0.01, 0.99)
shares = st.dictionaries(st.sampled_from([*Strategy, REGRESSION]), st.floats(0, 1))


@given(priors, st.sampled_from(list(Strategy)), shares)
def test_a_prior_is_only_lowered_and_never_below_the_floor(
    prior: float, strategy: Strategy, ranked: dict[str, float]
) -> None:
    found = moved(prior, strategy, ranked)
    odds, before = found / (1 - found), prior / (1 - prior)
    assert FLOOR * before * 0.999 <= odds <= before * 1.001


@given(priors, priors, st.sampled_from(list(Strategy)), shares)
def test_candidates_of_one_strategy_keep_their_order(
    one: float, other: float, strategy: Strategy, ranked: dict[str, float]
) -> None:
    if one < other:
        assert moved(one, strategy, ranked) <= moved(other, strategy, ranked)


def test_a_regression_s_share_moves_nothing() -> None:
    assert moved(0.6, Strategy.DEPENDENCY_FIX, {REGRESSION: 0.98, Strategy.DEPENDENCY_FIX: 0.02}) == pytest.approx(0.6)


@given(st.sets(st.sampled_from(sorted(weights().features)), max_size=20))
def test_shares_add_up_to_one(present: set[str]) -> None:
    assert sum(predict(present, weights()).values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"labels": ["a"]}', '{"labels": ["a"], "intercept": [1, 2], "features": {}}']
)
def test_weights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(OutcomesError):
        parse_weights(text)


def test_neither_the_weights_nor_their_data_name_a_project() -> None:
    names = [set(name.split("-")) - {"python"} for name in releases()]
    known = {name for parts in names for name in parts} - {"schedule", "packaging", "tabulate"}  # words, too
    assert not [name for name in weights().features if name.partition(":")[2] in known]
    for row in rows():
        words = set(re.findall(r"[a-z]+", dump_json(row.facts).decode()))
        assert not words & names[row.project] & known, row.breakage
