"""The broken shop of `examples/`: what is healed with proof, what is named, what is left to people, and the trail."""

import ast
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from maestro_cli.stack.deploy import local_config, session
from support.command import maestro, outcomes
from support.stack import RunningStack

SHOP = Path(__file__).parents[2] / "examples" / "storefront"
CAUSES = {
    "tests/test_customers.py": "dependency_fix",
    "tests/test_search.py": "api_contract_adaptation",
    "tests/test_orders.py": "api_contract_adaptation",
    "tests/test_inventory.py": "syntax_repair",
}
DEFECT = "tests/test_pricing.py"
DEFECTS = {
    f"{DEFECT}::test_the_discount_begins_with_the_tenth_piece",
    f"{DEFECT}::test_the_higher_discount_begins_with_the_fiftieth_piece",
}
FLAKY = "tests/test_cart.py::test_a_new_cart_costs_nothing"


@dataclass(frozen=True, slots=True)
class Shop:
    """One healing run of the shop: its copy (repairs of the tier `applied` were applied to it) and what came out."""

    copy: Path
    output: Path
    code: int
    document: dict[str, Any]

    @property
    def accepted(self) -> list[dict[str, Any]]:
        return [repair for repair in self.document["repairs"] if repair["status"] == "accepted"]


def copy_of_the_shop(folder: Path) -> Path:
    kept = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".maestro")
    return Path(shutil.copytree(SHOP, folder, ignore=kept))


@pytest.fixture(scope="module")
def shop(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    copy, output = copy_of_the_shop(folder / "storefront"), folder / "output"
    done = maestro(stack.folder, "run", copy, "--output", output, "--apply", "applied")
    assert done.out, done.err
    return Shop(copy, output, done.code, done.json)


def test_the_verdict(shop: Shop) -> None:
    assert shop.document["outcome"] == "failed", "the defect is still there"
    assert shop.code == 1
    assert shop.document == json.loads((shop.output / "summary.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", CAUSES)
def test_each_healable_cause_is_healed_with_proof(shop: Shop, file: str) -> None:
    # given the failures of a file
    failures = [f for f in shop.document["failures"] if any(test.startswith(file) for test in f["tests"])]
    assert failures

    # then each has an accepted repair of the right kind, which passed every gate
    for failure in failures:
        repairs = [repair for repair in shop.accepted if failure["id"] in repair["failures"]]
        assert [repair["strategy"] for repair in repairs] == [CAUSES[file]]
        proof = repairs[0]["proof"]
        assert {"target_green", "stable", "no_regression", "nothing_vanished", "confirmed"} <= proof.keys()
        assert all(gate["passed"] and gate["detail"] for gate in proof.values()), proof
        assert set(failure["tests"]) <= set(repairs[0]["tests_fixed"])
        assert 0.6 <= repairs[0]["confidence"] < 1


def test_the_flaky_test_is_named(shop: Shop) -> None:
    assert [case["id"] for case in shop.document["flaky"]] == [FLAKY]
    # and where its flakiness is told as a failure, it is no regression, and only a stabilisation may heal it
    failures = {failure["id"]: failure for failure in shop.document["failures"] if FLAKY in failure["tests"]}
    assert not [failure for failure in failures.values() if failure["regression"]]
    healed = [repair["strategy"] for repair in shop.accepted if failures.keys() & set(repair["failures"])]
    assert set(healed) <= {"flaky_stabilization"}


def test_the_defect_is_a_regression_with_a_suspect(stack: RunningStack, shop: Shop) -> None:
    regressions = {failure["id"]: failure for failure in shop.document["failures"] if failure["regression"]}
    assert {test for failure in regressions.values() for test in failure["tests"]} == DEFECTS
    assert not [repair for repair in shop.accepted if regressions.keys() & set(repair["failures"])]

    # and the API has each failure once, with the product's function under suspicion, and nothing outside the product
    told = list(stack.client.pages(f"/v1/runs/{shop.document['run_id']}/failures"))
    assert len({failure["id"] for failure in told}) == len(told)
    for failure in told:
        if failure["id"] in regressions:
            files = [suspect["file"] for suspect in failure["suspects"]]
            assert "storefront/pricing.py" in files
            assert all((SHOP / file).is_file() for file in files), files


def test_the_test_of_the_defect_is_untouched(shop: Shop) -> None:
    assert DEFECT not in (shop.output / "repairs.patch").read_text(encoding="utf-8")
    for repair in shop.document["repairs"]:
        assert DEFECT not in repair["files"]
    assert (shop.copy / DEFECT).read_bytes() == (SHOP / DEFECT).read_bytes()


def test_the_patch_makes_everything_green_but_the_defect(stack: RunningStack, shop: Shop, tmp_path: Path) -> None:
    # given a fresh copy, to which git applies all repairs at the root
    fresh = copy_of_the_shop(tmp_path / "fresh")
    patch = shop.output / "repairs.patch"
    applied = subprocess.run(["git", "apply", "--check", patch], cwd=fresh, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, applied.stderr
    subprocess.run(["git", "apply", patch], cwd=fresh, check=True)
    for file in fresh.rglob("*.py"):
        ast.parse(file.read_text(encoding="utf-8"), str(file))

    # when it runs without healing
    done = maestro(stack.folder, "run", fresh, "--no-heal")

    # then only the defect is left, and the flaky test is as it was
    assert done.code == 1
    results = outcomes(list(stack.client.pages(f"/v1/runs/{done.json['run_id']}/tests")))
    assert {test for test in results.by_id if results[test] in ("failed", "error")} == DEFECTS
    assert {test for test in results.by_id if results[test] == "flaky"} <= {FLAKY}
    # what did not even load before has its tests now
    assert all(any(test.startswith(f"{file}::") for test in results.by_id) for file in CAUSES)


def test_apply_took_the_sure_repairs_and_no_other(shop: Shop) -> None:
    changed = {
        str(path.relative_to(SHOP))
        for path in SHOP.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and (shop.copy / path.relative_to(SHOP)).is_file()
        and path.read_bytes() != (shop.copy / path.relative_to(SHOP)).read_bytes()
    }  # fmt: skip
    sure = {file for repair in shop.accepted if repair["tier"] == "applied" for file in repair["files"]}
    others = {file for repair in shop.accepted if repair["tier"] != "applied" for file in repair["files"]}
    assert sure
    assert changed == sure
    assert others, "one of the repairs is for review, so the distinction is tested"
    # what steadies a test, and a distribution that the shop does not ask for, are for a person whatever the confidence
    capped = {"flaky_stabilization": "pull_request", "dependency_fix": "review"}
    for repair in shop.accepted:
        earned = "applied" if repair["confidence"] >= 0.9 else "review"
        assert repair["tier"] == capped.get(repair["strategy"], earned)


def test_the_reports(stack: RunningStack, shop: Shop) -> None:
    page = (shop.output / "report.html").read_text(encoding="utf-8")
    assert "</html>" in page
    assert "storefront" in page

    # junit.xml is read by an ordinary parser, and has each test once with its outcome
    results = outcomes(list(stack.client.pages(f"/v1/runs/{shop.document['run_id']}/tests")))
    cases = list(ElementTree.parse(shop.output / "junit.xml").getroot().iter("testcase"))
    assert len(cases) == len(results.by_id) == sum(shop.document["totals"].values())
    names = [case.get("name", "") for case in cases]
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
    assert all(any(name and test.endswith(name) for name in names) for test in results.by_id)
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    assert len(bad) == shop.document["totals"]["failed"] + shop.document["totals"]["error"]
    ctrf = json.loads((shop.output / "ctrf.json").read_text(encoding="utf-8"))
    assert len(ctrf["results"]["tests"]) == len(cases)


# ---------------------------------------------------------------------- the trail


@contextmanager
def tampered(stack: RunningStack, number: int, old: str, new: str) -> Iterator[None]:
    """Change the stored entry behind the service's back, and put it back in the end."""
    table = stack.record.outputs["TableName"]
    client = session().client("dynamodb", endpoint_url=stack.endpoint, config=local_config())
    key = {"pk": {"S": "local#AUDIT"}, "sk": {"S": f"ENTRY#{number:012d}"}}
    item = client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    assert old in item["payload"]["S"]
    changed = {**item, "payload": {"S": item["payload"]["S"].replace(old, new)}}
    client.put_item(TableName=table, Item=changed)
    try:
        yield
    finally:
        client.put_item(TableName=table, Item=item)


def test_the_trail_is_whole_until_somebody_touches_it(stack: RunningStack, shop: Shop) -> None:
    # given the trail of what was done
    whole = maestro(stack.folder, "audit", "verify")
    assert (whole.code, whole.json["ok"]) == (0, True)
    entries = maestro(stack.folder, "audit", "export").json["entries"]
    actions = [entry["action"] for entry in entries if entry["subject"] == shop.document["run_id"]]
    assert actions[0] == "run.requested"
    assert actions[-1] == "run.failed"
    accepted = [entry for entry in entries if entry["action"] == "repair.accepted"]
    assert {entry["subject"] for entry in accepted} >= {repair["id"] for repair in shop.accepted}

    # when one entry is changed afterwards
    number = next(entry["seq"] for entry in entries if entry["action"] == "run.failed")
    with tampered(stack, number, '"run.failed"', '"run.passed"'):
        found = maestro(stack.folder, "audit", "verify")

    # then it is named, and nothing else is wrong
    assert found.code == 1
    assert (found.json["ok"], found.json["at"]) == (False, number)
    assert found.json["problem"]
    assert maestro(stack.folder, "audit", "verify").json["ok"] is True
