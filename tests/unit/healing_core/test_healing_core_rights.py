"""A test that expects to be refused, run as root, tells nothing of the product; whatever only resembles it does."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from healing_core_trees import failure, lay_out
from maestro.healing.base import Project
from maestro.healing.diagnosis import diagnose, healable
from maestro.model import EnvironmentFacts, EnvironmentSpec, Facts, Failure, Phase

TEST = "tests/test_keep.py::test_it"
REFUSED = """\
import os, stat
import pytest
from shop.keep import keep


def test_it(tmp_path):
    path = tmp_path / "kept"
    path.write_text("a")
    os.chmod(path, 0o000)
    with pytest.raises(Exception):
        keep(path)
    os.chmod(path, 0o600)
"""


def diagnosed(root: Path, source: str, *, superuser: bool = True, **more: Any) -> tuple[Failure, Project]:
    tree = lay_out(
        root, {"shop/__init__.py": "", "shop/keep.py": "def keep(path): ...\n", "tests/test_keep.py": source}
    )
    project = Project(tree, EnvironmentSpec(), EnvironmentFacts("h", "3.12"))
    attributes = {"superuser": True} if superuser else {}
    said = {"exception": "Failed", "message": "DID NOT RAISE Exception", "covered": {"shop/keep.py": ("keep",)}, **more}
    facts = Facts(Phase.CALL, attributes=attributes, **said)
    return diagnose(dataclasses.replace(failure((TEST,)), facts=facts), project), project


@pytest.mark.parametrize(
    "taken",
    ["os.chmod(path, 0o000)", "os.chmod(path, 0o444)", "path.chmod(mode=0o200)", "os.chmod(path, stat.S_IREAD)"],
)
def test_who_takes_rights_away_as_root_is_told_that_root_has_them_all(tmp_path: Path, taken: str) -> None:
    found, project = diagnosed(tmp_path, REFUSED.replace("os.chmod(path, 0o000)", taken))

    assert not found.regression
    assert "it ran as root" in found.cause
    assert healable(found, project) == frozenset()


def test_so_is_who_expects_a_permission_error_of_the_system(tmp_path: Path) -> None:
    source = (
        'import pytest\n\n\ndef test_it():\n    with pytest.raises(PermissionError):\n        open("/etc/kept", "w")\n'
    )
    found, _ = diagnosed(tmp_path, source, message="DID NOT RAISE <class 'PermissionError'>")
    assert not found.regression


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("os.chmod(path, 0o000)", "os.chmod(path, 0o700)"),
        ("os.chmod(path, 0o000)", "os.chmod(path, stat.S_IRWXU & ~stat.S_IWUSR)"),
        ("os.chmod(path, 0o000)", "os.chmod(path, 0o000)\n    os.chmod(path, 0o644)"),
        ("    os.chmod(path, 0o000)\n", ""),
        ("    os.chmod(path, 0o000)\n    with pytest.raises(Exception)", "    with pytest.raises(PermissionError)"),
    ],
    ids=["all rights", "of unknown value", "given back before", "none taken", "its own permission error"],
)
def test_an_error_that_did_not_come_for_another_reason_stays_a_regression(
    tmp_path: Path, right: str, wrong: str
) -> None:
    assert right in REFUSED
    assert diagnosed(tmp_path, REFUSED.replace(right, wrong))[0].regression


def test_as_another_user_it_is_a_regression(tmp_path: Path) -> None:
    assert diagnosed(tmp_path, REFUSED, superuser=False)[0].regression
