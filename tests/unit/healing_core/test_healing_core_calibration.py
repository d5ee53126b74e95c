"""The confidence that ships is the one that the observations give, and keeps its word on projects it did not see."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing.confidence import Outcomes, outcomes, tier
from maestro.model import Tier
from support import calibration
from support.observations import Folder, Tried, label_case, tried

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def known() -> list[dict[str, Any]]:
    return calibration.rows()


def test_the_shipped_confidence_is_fitted_to_the_stored_observations(known: list[dict[str, Any]]) -> None:
    fitted = calibration.fit(known, penalty())
    shipped = outcomes()
    assert dict(shipped.counts) == fitted.counts
    assert shipped.pool == fitted.pool
    assert shipped.intercept == pytest.approx(fitted.intercept, abs=0.01)
    assert dict(shipped.weights) == pytest.approx(dict(fitted.weights), abs=0.01)


def test_claims_hold_on_projects_that_the_fit_did_not_see(known: list[dict[str, Any]]) -> None:
    values = calibration.left_out(known, penalty())
    labels = [row["right"] for row in known]
    assert calibration.calibration_error(calibration.bins(values, labels)) <= 0.10
    assert calibration.calibration_error(calibration.bins(values, labels, equal_mass=True)) <= 0.10
    assert all(label for value, label in zip(values, labels, strict=True) if value >= 0.9)


def test_what_did_not_pass_the_proof_would_earn_nothing(known: list[dict[str, Any]]) -> None:
    refused = [row for row in known if not calibration.proven(row)]
    assert refused
    earned = {tier(calibration.claimed(outcomes(), row), seen=calibration.observed(row)) for row in refused}
    assert earned.isdisjoint({Tier.APPLIED, Tier.REVIEW})


def test_the_page_shows_these_observations(known: list[dict[str, Any]]) -> None:
    docs = Path(__file__).resolve().parents[3] / "docs"
    assert f"{len(known)} candidates were tried in" in (docs / "healing.md").read_text()
    assert (docs / "reliability.svg").read_text().startswith("<svg ")


def test_rows_name_nobody(known: list[dict[str, Any]]) -> None:
    for row in known:
        assert set(row) == set(known[0])
        texts = {k: v for k, v in row.items() if isinstance(v, str)}
        assert set(texts) == {"source", "group", "strategy", "generator", "refused"}
        assert len(row["group"]) == 8
        int(row["group"], 16)


@given(PAIRS, st.booleans())
def test_bins_hold_every_claim_once_and_the_error_is_a_share(pairs: list[tuple[float, bool]], equal_mass: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    values, labels = [v for v, _ in pairs], [r for _, r in pairs]
    found = calibration.bins(values, labels, equal_mass=equal_mass)
    assert sum(b.count for b in found) == len(pairs)
    assert 0 <= calibration.calibration_error(found) <= 1


def test_the_error_is_what_its_definition_says() -> None:
    # given two claims of 0.95, both right, and two of 0.25, one right
    found = calibration.bins([0.95, 0.95, 0.25, 0.25], [True, True, True, False])
    assert calibration.calibration_error(found) == pytest.approx((0.05 + 0.25) / 2)
    assert calibration.brier([0.5, 1.0], [True, False]) == pytest.approx((0.25 + 1) / 2)
    assert calibration.lower_bound(0, 0) == pytest.approx(0.05)


def test_a_project_counts_once_per_generator(known: list[dict[str, Any]]) -> None:
    right = next(row for row in known if row["right"])
    name = f"{right['strategy']}/{right['generator']}"
    assert calibration.counts([right] * 5) == {name: (1.0, 0.0)}
    assert calibration.counts([right, {**right, "right": False}]) == {name: (0.5, 0.5)}
    assert calibration.counts([right, {**right, "group": "0"}, {**right, "refused": "stable"}]) == {name: (2.0, 0.0)}


def test_without_data_the_fit_is_what_a_person_judged(known: list[dict[str, Any]]) -> None:
    fitted = calibration.fit(known, strength=1e9)
    assert dict(fitted.weights) == pytest.approx(dict(Outcomes().weights), abs=1e-3)


# --- recording


def stored(folder: Path) -> Folder:
    """Lay out a run of one failure: two rounds, the second with a winner, one beaten, and one refused by a gate."""

    def write(name: str, value: object) -> None:
        path = folder / "local/runs/r" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))

    def candidate(name: str) -> dict[str, Any]:
        return {
            "id": name, "strategy": "syntax_repair", "generator": "slip", "summary": f"does {name}", "patch": "+a\n",
            "prior": 0.5, "touches_product": False, "workaround": False,
        }  # fmt: skip

    green = [{"id": "t.py::a", "outcome": "passed"}, {"id": "t.py::b", "outcome": "failed"}]
    trial = {"status": "ran", "target": green, "repeats": [green], "mutation": {"mutants": [{"killed": True}]}}
    failure = {"tests": ["t.py"], "flaky": False, "regression": False}
    best = {"id": "best", "summary": "does won", "patch": "+a\n+b\n"}
    write("kept.json", {"confirmed": [{"id": "best"}]})
    heal = "pass-0/heal/f"
    write(f"{heal}/memory.json", {"best": best, "kept": ["does step"], "history": [failure], "failure": failure})
    write(f"{heal}/round-1/candidates.json", [candidate("step"), candidate("broke")])
    write(f"{heal}/round-1/rejected.json", ["broke (does broke): no_regression: 3 (of 4): lost"])
    write(f"{heal}/round-2/candidates.json", [candidate(n) for n in ("won", "second", "same", "absent")])
    write(f"{heal}/round-2/rejected.json", ["second (does (it)): another candidate is smaller or fixes more",
                                            "same (does same): no progress"])  # fmt: skip
    for name in (
        "round-1/trial-step",
        "round-1/trial-broke",
        *(f"round-2/trial-{n}" for n in ("won", "second", "same")),
    ):
        write(f"{heal}/{name}.json", trial)
    return Folder(folder)


def test_a_run_is_read_as_what_became_of_its_candidates(tmp_path: Path) -> None:
    found = {one.candidate: one for one in tried(stored(tmp_path), "local/runs/r", "0badcafe")}

    # a step on the way is neither a repair nor refused, and what never ran says nothing
    assert {name: one.ended for name, one in found.items()} == {
        "broke": "no_regression", "won": "delivered", "second": "beaten", "same": "no progress",
    }  # fmt: skip
    assert {name: one.row["refused"] for name, one in found.items()} == {
        "broke": "no_regression", "won": "", "second": "", "same": "no progress",
    }  # fmt: skip
    won = found["won"].row
    assert (won["tests"], won["fixed"], won["wanted"], won["repeats"]) == (1, 1, 1, 1)
    assert (won["killed"], won["survived"], won["lines"]) == (1, 0, 2)


@pytest.mark.parametrize(
    ("ended", "verdict", "label"),
    [
        ("delivered", "healed", True),
        ("delivered", "part", True),
        ("delivered", "harm", False),
        ("delivered", "open", None),
        ("beaten", "healed", None),
        ("pending", "healed", None),
        ("no_regression", "healed", False),
        ("target_green", "open", False),
        ("no progress", "healed", False),
        ("mutation", "healed", None),
        ("no_weakening", "open", None),
    ],
)
def test_labels_come_from_the_suites_own_tests(ended: str, verdict: str, label: bool | None) -> None:  # noqa: FBT001 - a table
    one = Tried(ended, "c1", "", {})
    assert label_case(one, verdict, {}) is label
    for said in (True, False):
        judged = said if ended in ("delivered", "beaten", "pending") else label
        assert label_case(one, verdict, {"c1": said}) is judged


def penalty() -> float:
    shipped = Path(calibration.__file__).parents[2] / "layers/core/python/maestro/healing/data/outcomes.json"
    return float(json.loads(shipped.read_text())["measured"]["penalty"])
