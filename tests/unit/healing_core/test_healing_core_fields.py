"""A field that the product answers with by another name: a regression, unless its own description says so."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from healing_core_trees import candidate, failure, lay_out, two_trees
from maestro.healing import proof
from maestro.healing.attempt import Attempt
from maestro.healing.base import Project
from maestro.healing.known_forms.fields import renamed_field
from maestro.healing.static_gates import STATIC_GATES
from maestro.healing.strategies.api_contract_adaptation.fields import RenamedField
from maestro.model import EnvironmentFacts, EnvironmentSpec, Failure, Frame, Trial, TrialStatus

TESTS = """\
from api import get


def test_user():
    answer = get("/user")
    assert answer["userName"] == "ada"
    assert answer["id"] == 1
"""
IN_TEST = Frame("tests/test_api.py", 6, "test_user", in_project=True)
IN_CLIENT = Frame("client/core.py", 6, "get", in_project=False)


def described(*fields: str) -> str:
    properties = {name: {"type": "string"} for name in fields}
    return json.dumps({"components": {"schemas": {"User": {"properties": properties}}}})


def missed(frame: Frame = IN_TEST, available: tuple[str, ...] = ("user_name", "id")) -> Failure:
    made = failure(exception="KeyError", attributes={"key": "userName", "available": available})
    return dataclasses.replace(made, facts=dataclasses.replace(made.facts, frames=(frame,)))


Files = Mapping[str, str]
REFUSED: dict[str, tuple[Files, Failure]] = {
    "no description": ({}, missed()),
    "the description still has the old name": ({"openapi.json": described("userName", "id")}, missed()),
    "the description has both names": ({"openapi.json": described("userName", "user_name")}, missed()),
    "the description knows neither": ({"openapi.json": described("id")}, missed()),
    "another description has the old name": (
        {"openapi.json": described("user_name"), "docs/swagger.yaml": "properties:\n  userName: {type: string}\n"},
        missed(),
    ),
    "the answer lacks the new name": ({"openapi.json": described("user_name")}, missed(available=("id",))),
    "two fields are alike": (
        {"openapi.json": described("user_name", "username")},
        missed(available=("user_name", "username")),
    ),
    "it was not the test that asked": ({"openapi.json": described("user_name")}, missed(IN_CLIENT)),
    "a file of another name": ({"answers.json": described("user_name")}, missed()),
}


def proposals(root: Path, failed: Failure) -> list[dict[str, str | None]]:
    project = Project(root, EnvironmentSpec("3.12", ()), EnvironmentFacts("0", "3.12"), "", ("tests",))
    return [dict(p.edits) for p in RenamedField().propose(failed, project)]


@pytest.mark.parametrize("name", REFUSED)
def test_without_a_description_that_renamed_it_the_test_stays(name: str, tmp_path: Path) -> None:
    files, failed = REFUSED[name]
    base = {"tests/test_api.py": TESTS, **files}
    before, after = two_trees(tmp_path, base, {"tests/test_api.py": TESTS.replace("userName", "user_name")})

    assert renamed_field(before, failed) is None
    assert not proposals(before, failed)
    results = proof.prove(
        Attempt(failed, candidate(), Trial("c1", TrialStatus.RAN), (), before, after), gates=STATIC_GATES
    )
    assert not results["provenance"].passed


def test_a_field_that_the_description_renamed_is_read_by_its_new_name(tmp_path: Path) -> None:
    base = {"tests/test_api.py": TESTS, "docs/openapi.yaml": "User:\n  properties:\n    user_name: {type: string}\n"}
    before = lay_out(tmp_path / "before", base)

    (edits,) = proposals(before, missed())
    after = lay_out(lay_out(tmp_path / "after", base), edits)

    assert edits == {"tests/test_api.py": TESTS.replace("userName", "user_name")}
    results = proof.prove(
        Attempt(missed(), candidate(), Trial("c1", TrialStatus.RAN), (), before, after), gates=STATIC_GATES
    )
    assert all(result.passed for result in results.values()), results


@pytest.mark.parametrize(
    ("old", "new"), [('"ada"', '"user_name"'), ('["id"]', '["user_name"]'), ('"/user"', '"user_name"')]
)
def test_the_new_name_replaces_nothing_but_the_old_one(old: str, new: str, tmp_path: Path) -> None:
    base = {"tests/test_api.py": TESTS, "openapi.json": described("user_name", "id")}
    before, after = two_trees(tmp_path, base, {"tests/test_api.py": TESTS.replace(old, new)})
    results = proof.prove(
        Attempt(missed(), candidate(), Trial("c1", TrialStatus.RAN), (), before, after), gates=STATIC_GATES
    )
    assert not (results["provenance"].passed and results["no_weakening"].passed)
