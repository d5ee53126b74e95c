"""A project's history, and patches on it."""

import subprocess
from pathlib import Path

import pytest
from maestro_cli import project
from maestro_cli.errors import PatchApplyError

GOOD = b"--- a/pkg/a.py\n+++ b/pkg/a.py\n@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n"
NEW = b"--- /dev/null\n+++ b/pkg/new.py\n@@ -0,0 +1 @@\n+new\n"
LATIN = b"--- a/latin.txt\n+++ b/latin.txt\n@@ -1 +1 @@\n-caf\xe9\n+caf\xe9s\n"
STALE = b"--- a/pkg/b.py\n+++ b/pkg/b.py\n@@ -1 +1 @@\n-something else\n+x\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "repo" / "sub project"
    (made / "pkg").mkdir(parents=True)
    (made / "pkg" / "a.py").write_text("one\ntwo\n")
    (made / "pkg" / "b.py").write_text("b\n")
    (made / "latin.txt").write_bytes(b"caf\xe9\n")
    return made


def _git(folder: Path, *args: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *args], cwd=folder, check=True)


def test_patches_are_applied_inside_a_subfolder_of_another_repository(root: Path) -> None:
    _git(root.parent, "init", "-q")

    project.apply(root, [GOOD, NEW, LATIN])

    assert (root / "pkg" / "a.py").read_text() == "ONE\ntwo\n"
    assert (root / "pkg" / "new.py").read_text() == "new\n"
    assert (root / "latin.txt").read_bytes() == b"caf\xe9s\n"


def test_nothing_is_applied_when_one_does_not_apply(root: Path) -> None:
    with pytest.raises(PatchApplyError, match=r"pkg/b\.py"):
        project.apply(root, [GOOD, STALE])

    assert (root / "pkg" / "a.py").read_text() == "one\ntwo\n"


def test_a_patch_cannot_leave_the_folder(root: Path) -> None:
    (root.parent / "outside").write_text("one\n")
    evil = b"--- a/../outside\n+++ b/../outside\n@@ -1 +1 @@\n-one\n+ONE\n"

    with pytest.raises(PatchApplyError):
        project.apply(root, [evil])

    assert (root.parent / "outside").read_text() == "one\n"


def test_changes_are_those_of_the_folder_newest_first(root: Path) -> None:
    # given commits inside and outside of the folder, and an uncommitted change
    _git(root.parent, "init", "-q")
    _git(root, "add", ".")
    _git(root, "commit", "-q", "-m", 'First: it\'s "quoted"')
    (root.parent / "elsewhere").write_text("")
    _git(root.parent, "add", ".")
    _git(root.parent, "commit", "-q", "-m", "Elsewhere")
    (root / "pkg" / "a.py").write_text("changed\n")

    found = project.changes(root)

    assert [change["subject"] for change in found] == ["uncommitted changes", 'First: it\'s "quoted"']
    assert found[0]["files"] == ["pkg/a.py"]
    assert found[1]["files"] == ["latin.txt", "pkg/a.py", "pkg/b.py"]
    assert len(found[1]["commit"]) == 40


def test_a_folder_without_git_or_commits_has_no_history(root: Path) -> None:
    assert project.changes(root) == []
    _git(root, "init", "-q")
    assert [change["subject"] for change in project.changes(root)] == ["uncommitted changes"]
