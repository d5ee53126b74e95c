"""Trees are read within bounds, and a diff gives exactly the edited bytes."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from maestro.healing._roles import Role, role
from maestro.healing.sourcetree import SourceTree, SourceTreeError, covered, decode, diff

LINES = st.lists(
    st.sampled_from(["a = 1", "b = 2", "", "# \u00fc", "  c", "d \u4e16\u754c", "\f", "x\ry", " tail "]), max_size=30
)
ENDS = st.sampled_from(["\n", "\r\n"])
NAMES = st.sampled_from(
    ["plain.py", "with space.py", 'quo"te.py', "\u00fcml\u00e4ut.txt", "deep/er/file.cfg", "tab\tname.txt"]
)


def git_apply(root: Path, patch: str) -> None:
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        input=patch.encode(),
        cwd=root,
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)},
    )


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    old=st.none() | LINES,
    new=st.none() | LINES,
    end=ENDS,
    closed=st.tuples(st.booleans(), st.booleans()),
    bom=st.booleans(),
)
@example(name="plain.py", old=["a", "b", "b", "b", "b"], new=["b"] * 5, end="\n", closed=(False, False), bom=False)
def test_a_diff_applied_gives_exactly_the_edited_bytes(
    *, name: str, old: list[str] | None, new: list[str] | None, end: str, closed: tuple[bool, bool], bom: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = None if old is None else end.join(old) + (end if closed[0] else "")
        after = None if new is None else end.join(new) + (end if closed[1] else "")
        mark = b"\xef\xbb\xbf" if bom and before is not None else b""
        if before is not None:
            path.write_bytes(mark + before.encode())

        patch = diff(root, {name: after})
        if patch:
            git_apply(root, patch)

        assert (path.read_bytes() if path.exists() else None) == (None if after is None else mark + after.encode())


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "utf-8-sig"])
def test_a_file_keeps_its_encoding(tmp_path: Path, encoding: str) -> None:
    word = "\u3042" if encoding == "shift_jis" else "\u00e9"
    head = "" if encoding == "utf-8-sig" else f"# -*- coding: {encoding} -*-\n"
    source = f"{head}name = '{word}'\r\nold = 1\r\n"
    (tmp_path / "m.py").write_bytes(source.encode(encoding))
    tree = SourceTree(tmp_path)
    text = tree.text("m.py")
    assert text is not None

    git_apply(tmp_path, diff(tree, {"m.py": text.replace("old", "new")}))

    assert (tmp_path / "m.py").read_bytes() == source.replace("old", "new").encode(encoding)


def test_a_change_that_the_encoding_cannot_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_bytes(b"# coding: latin-1\nx = '\xe9'\n")
    with pytest.raises(SourceTreeError, match="latin-1"):
        diff(tmp_path, {"m.py": "x = '\u4e16'\n"})


def test_nothing_outside_the_root_is_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("SECRET = 1\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    (root / "folder").symlink_to(tmp_path, target_is_directory=True)
    tree = SourceTree(root)

    assert tree.files == ()
    for path in ("link.py", "folder/secret.py", "../secret.py", "/etc/passwd", ".git/config", ""):
        with pytest.raises(SourceTreeError):
            tree.text(path)
        with pytest.raises(SourceTreeError):
            diff(tree, {path: "x"})


def test_an_executable_file_that_is_deleted_keeps_git_content(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    patch = diff(tmp_path, {"run.sh": None})
    assert "deleted file mode 100755" in patch
    git_apply(tmp_path, patch)
    assert not (tmp_path / "run.sh").exists()


def test_binary_files_are_no_text(tmp_path: Path) -> None:
    assert decode("x.bin", b"\0\1\2") is None
    (tmp_path / "x.bin").write_bytes(b"\0\1\2")
    with pytest.raises(SourceTreeError, match="not a text file"):
        diff(tmp_path, {"x.bin": "text"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_cart.py", Role.TEST),
        ("pkg/tests/helpers.py", Role.TEST),
        ("pkg/cart_test.py", Role.TEST),
        ("test_cart.py", Role.TEST),
        ("tests.py", Role.TEST),
        ("tests/conftest.py", Role.FIXTURE),
        ("tests/data/cart.json", Role.FIXTURE),
        ("tests/fixtures/module.py", Role.FIXTURE),
        ("pkg/cart.py", Role.PRODUCT),
        ("pkg/testing_tools.py", Role.PRODUCT),
        ("contest.py", Role.PRODUCT),
        ("setup.cfg", Role.CONFIGURATION),
        ("requirements-dev.txt", Role.CONFIGURATION),
        ("maestro.yaml", Role.CONFIGURATION),
    ],
)
def test_paths_are_classified(path: str, expected: Role) -> None:
    assert role(path) is expected


def test_a_named_test_file_is_a_test() -> None:
    assert SourceTree(Path(), ("pkg/checks.py",)).role("pkg/checks.py") is Role.TEST


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        ("migrations/0001.py", ["migrations/**"], True),
        ("a/migrations/0001.py", ["**/migrations/*"], True),
        ("migrations/0001.py", ["**/migrations/*"], True),
        ("secrets.py", ["secrets.py"], True),
        ("vendor/a/b.py", ["vendor/"], True),
        ("vendor/a/b.py", ["vendor"], True),
        ("src/vendored.py", ["vendor"], False),
    ],
)
def test_protection(path: str, patterns: list[str], *, expected: bool) -> None:
    assert covered(path, patterns) is expected
