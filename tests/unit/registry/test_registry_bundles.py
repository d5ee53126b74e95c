"""Bundles: the same bytes for the same tree, and nothing hostile gets out of its folder."""

import gzip
import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maestro.registry import BundleError, Limits, pack, unpack


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def snapshot(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "__init__.py").write_text("x = 1\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("pkg")
    (root / "out").symlink_to("/etc/passwd")
    for name in (".venv", "node_modules", "pkg/__pycache__", ".git", ".tox", "env"):
        (root / name).mkdir()
        (root / name / "junk").write_text("junk")
    (root / "env" / "pyvenv.cfg").write_text("home = /usr\n")
    return root


def test_what_is_packed_comes_out_again(project: Path, tmp_path: Path) -> None:
    info = pack(project, tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "copy")
    assert snapshot(tmp_path / "copy") == {
        "pkg": None,
        "pkg/__init__.py": b"x = 1\n",
        "run.sh": b"#!/bin/sh\n",
        "link": "pkg",
    }
    assert (tmp_path / "copy" / "run.sh").stat().st_mode & stat.S_IXUSR
    assert (info.files, info.size) == (3, (tmp_path / "a.tar.gz").stat().st_size)


def test_the_same_tree_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first = pack(project, tmp_path / "a.tar.gz")
    os.utime(project / "run.sh", (1, 1))
    assert pack(project, tmp_path / "b.tar.gz") == first
    (project / "run.sh").write_text("changed")
    assert pack(project, tmp_path / "b.tar.gz").sha256 != first.sha256


def test_git_decides_what_is_ignored_and_runs_nothing(tmp_path: Path) -> None:
    # given a work tree with ignored, untracked and deleted files, and a configuration that would run a program
    root, mark = tmp_path / "project", tmp_path / "ran"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    for name in ("tracked.py", "gone.py", "é ü.py"):
        (root / name).write_text(name)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    (root / ".gitignore").write_text("ignored*\n")
    (root / "ignored.txt").write_text("secret")
    (root / "new.py").write_text("new")
    (root / "gone.py").unlink()
    with (root / ".git" / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "touch {mark}; false"\n')
    # when it is packed, then only what git would keep is in it
    pack(root, tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "copy")
    assert set(snapshot(tmp_path / "copy")) == {"tracked.py", ".gitignore", "new.py", "é ü.py"}
    assert not mark.exists()


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda p: p / "nowhere", "bundle_unreadable", "There is no folder"),
        (lambda p: p.joinpath("file").write_text("x") and p / "file", "bundle_unreadable", "is a file"),
        (lambda p: p.joinpath("empty").mkdir() or p / "empty", "bundle_empty", "holds no files"),
    ],
)
def test_what_cannot_be_packed(tmp_path: Path, make: object, code: str, words: str) -> None:
    with pytest.raises(BundleError, match=words) as caught:
        pack(make(tmp_path), tmp_path / "a.tar.gz")  # type: ignore[operator]
    assert caught.value.code == code


HOSTILE = {
    "absolute": [(member("/etc/evil"), b"x")],
    "dots": [(member("a/../../evil"), b"x")],
    "link out": [(member("link", tarfile.SYMTYPE, "../.."), b"")],
    "link absolute": [(member("link", tarfile.SYMTYPE, "/etc/passwd"), b"")],
    "through a link": [(member("link", tarfile.SYMTYPE, "dir"), b""), (member("link/evil"), b"x")],
    "chain of links": [
        (member("a/b/one", tarfile.SYMTYPE, "../.."), b""),
        (member("two", tarfile.SYMTYPE, "a/b/one/../.."), b""),
    ],
    "hard link": [(member("hard", tarfile.LNKTYPE, "/etc/passwd"), b"")],
    "device": [(member("dev", tarfile.CHRTYPE), b"")],
    "fifo": [(member("fifo", tarfile.FIFOTYPE), b"")],
    "twice": [(member("a"), b"1"), (member("./a"), b"2")],
    "file as folder": [(member("a"), b"1"), (member("a/b"), b"2")],
    "link then file": [(member("a", tarfile.SYMTYPE, "b"), b""), (member("a"), b"2")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_and_leave_nothing(tmp_path: Path, name: str) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", (member("ok.py"), b"x"), *HOSTILE[name])
    with pytest.raises(BundleError) as caught:
        unpack(archive, tmp_path / "dest" / "copy")
    assert caught.value.code == "bundle_unsafe"
    assert list((tmp_path / "dest").iterdir()) == []


def test_limits_hold_whatever_the_headers_say(tmp_path: Path) -> None:
    many = archive_of(tmp_path / "many.tar.gz", *[(member(f"f{i}"), b"") for i in range(20)])
    big = archive_of(tmp_path / "big.tar.gz", (member("big"), os.urandom(5000)), (member("big2"), os.urandom(5000)))
    bomb = archive_of(tmp_path / "bomb.tar.gz", (member("zeros"), bytes(4_000_000)))
    for archive, limits, words in (
        (many, Limits(files=10), "more than 10 members"),
        (big, Limits(total_bytes=8000), "more than 8000 bytes"),
        (big, Limits(file_bytes=4000), "larger than 4000"),
        (bomb, Limits(ratio=10, ratio_floor=1000), "10 times its size"),
    ):
        with pytest.raises(BundleError, match=words) as caught:
            unpack(archive, tmp_path / "dest" / "copy", limits)
        assert caught.value.code == "bundle_too_large"
        assert list((tmp_path / "dest").iterdir()) == []


def test_setuid_bits_are_dropped(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", (member("tool", mode=0o6777), b"x"))
    unpack(archive, tmp_path / "copy")
    assert stat.S_IMODE((tmp_path / "copy" / "tool").stat().st_mode) == 0o755


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1), flip=st.one_of(st.none(), st.integers(0, 10_000)))
def test_damaged_archives_are_refused(tmp_path_factory: pytest.TempPathFactory, cut: float, flip: int | None) -> None:
    base = tmp_path_factory.mktemp("cut")
    archive = archive_of(base / "a.tar.gz", (member("a"), os.urandom(3000)), (member("b"), b"y" * 3000))
    data = bytearray(archive.read_bytes())
    if flip is None:
        data = data[: int(cut * (len(data) - 1))]
    else:
        data[16 + flip % (len(data) - 16)] ^= 0x55  # past the header, whose file name says nothing
    archive.write_bytes(bytes(data))
    with pytest.raises(BundleError):
        unpack(archive, base / "copy")
    assert [path.name for path in base.iterdir()] == ["a.tar.gz"]


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c\\d", "é", "/"]), min_size=1, max_size=5).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE])


@settings(max_examples=300, deadline=None)
@given(entries=st.lists(st.tuples(NAMES, KINDS, NAMES), min_size=1, max_size=6))
def test_no_archive_reaches_outside(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, bytes, str]]
) -> None:
    # given any mix of names, links and link targets
    base = tmp_path_factory.mktemp("law")
    (base / "outside").write_text("untouched")
    made = [(member(name, kind, target), b"data" if kind == tarfile.REGTYPE else b"") for name, kind, target in entries]
    archive = archive_of(base / "a.tar.gz", *made)
    copy = base / "in" / "copy"
    try:
        unpack(archive, copy)
    except BundleError:
        assert not (base / "in").exists() or list((base / "in").iterdir()) == []
    else:
        # then whatever came out lies inside, links and what they lead to as well
        for path in copy.rglob("*"):
            assert os.path.realpath(path).startswith(str(copy.resolve()))
    assert (base / "outside").read_text() == "untouched"
    assert {path.name for path in base.iterdir()} <= {"outside", "a.tar.gz", "in"}


def test_a_trailing_second_stream_is_not_read(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", (member("a"), b"x"))
    archive.write_bytes(archive.read_bytes() + gzip.compress(bytes(100_000_000), 1))
    unpack(archive, tmp_path / "copy")
    assert list(snapshot(tmp_path / "copy")) == ["a"]
