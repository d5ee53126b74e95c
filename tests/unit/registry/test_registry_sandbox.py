"""Workspaces, patches and supervised children."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from maestro.registry import PatchError, Workspace, sandbox


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("one\ntwo\nthree\n")
    (root / "link").symlink_to("pkg/a.py")
    return root


def test_a_private_copy_that_is_wiped(tree: Path, tmp_path: Path) -> None:
    with Workspace(tree, base=tmp_path / "base") as workspace:
        assert (workspace.source / "link").is_symlink()
        assert (workspace.source / "pkg/a.py").stat().st_ino != (tree / "pkg/a.py").stat().st_ino
        (workspace.source / "pkg/a.py").write_text("changed")
        # a folder that cannot be listed, one that cannot be changed, and a link that must not be followed
        (workspace.tmp / "locked" / "inner").mkdir(parents=True)
        (workspace.tmp / "locked" / "inner" / "file").write_text("x")
        (workspace.tmp / "locked").chmod(0o000)
        (workspace.home / "out").symlink_to(tree)
    assert list((tmp_path / "base").iterdir()) == []
    assert (tree / "pkg/a.py").read_text() == "one\ntwo\nthree\n"


PATCH = """\
diff --git a/pkg/a.py b/pkg/a.py
--- a/pkg/a.py
+++ b/pkg/a.py
@@ -1,3 +1,3 @@
 one
-two
+2  \n three
diff --git a/new/b.py b/new/b.py
new file mode 100644
--- /dev/null
+++ b/new/b.py
@@ -0,0 +1 @@
+b
"""


def test_a_patch_applies_to_the_copy_alone(tree: Path) -> None:
    with Workspace(tree) as workspace:
        workspace.apply(PATCH)
        assert (workspace.source / "pkg/a.py").read_text() == "one\n2  \nthree\n"
        assert (workspace.source / "new/b.py").read_text() == "b\n"
        with pytest.raises(PatchError, match=r"patch failed: pkg/a\.py"):
            workspace.apply(PATCH)
        workspace.apply("")
    assert (tree / "pkg/a.py").read_text() == "one\ntwo\nthree\n"


def new_file(path: str, mode: str = "100644", text: str = "evil") -> str:
    return (f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
            f"@@ -0,0 +1 @@\n+{text}\n")  # fmt: skip


@pytest.mark.parametrize(
    "patch",
    [
        new_file("../evil"),
        new_file("/tmp/evil"),
        new_file(".git/hooks/post-checkout"),
        new_file("out/evil"),
        new_file("bad", "120000", "/etc/passwd"),
        "this is no patch",
    ],
)
def test_patches_that_reach_outside(tree: Path, tmp_path: Path, patch: str) -> None:
    (tree / "out").symlink_to("..")
    with Workspace(tree, base=tmp_path / "base") as workspace:
        before = sorted(path.name for path in tmp_path.rglob("*") if "git" not in path.name)
        with pytest.raises(PatchError):
            workspace.apply(patch)
        assert sorted(path.name for path in tmp_path.rglob("*") if "git" not in path.name) == before


def test_a_repository_in_the_tree_has_no_say(tree: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    (tree / ".git" / "config").write_text(
        f'[core]\n\tfsmonitor = "touch {mark}"\n\tbare = true\n[apply]\n\twhitespace = error\n'
    )
    with Workspace(tree) as workspace:
        workspace.apply(PATCH)
        assert (workspace.source / "new/b.py").exists()
    assert not mark.exists()


def run(code: str, tmp_path: Path, seconds: float = 20, **environ: str) -> sandbox.Finished:
    return sandbox.run(
        [sys.executable, "-c", code], cwd=tmp_path, environ={"PATH": os.defpath, **environ}, seconds=seconds
    )


def test_a_child_gets_what_it_is_given_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    done = run("import os, sys; print(sorted(os.environ), sys.stdin.read(), os.getcwd(), os.listdir('/proc/self/fd'))",
               tmp_path, GIVEN="1")  # fmt: skip
    assert done.exit_code == 0
    assert "SECRET" not in done.output
    assert "GIVEN" in done.output
    assert f"{tmp_path} ['0', '1', '2', '3']" in done.output  # 3 lists the folder itself


def test_how_a_child_ends_is_told(tmp_path: Path) -> None:
    assert run("raise SystemExit(7)", tmp_path).exit_code == 7
    killed = run("import os; os.kill(os.getpid(), 11)", tmp_path)
    assert (killed.signal, killed.exit_code) == (11, 139)
    missing = sandbox.run(["/no/such/program"], cwd=tmp_path, environ={}, seconds=5)
    assert missing.exit_code == 127
    assert "No such file" in missing.output


def test_the_deadline_ends_everything_below(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    daemon = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        while True:
            open({str(mark)!r}, "a").write("x"); time.sleep(0.02)
    os._exit(0)
time.sleep(60)
"""
    other = subprocess.Popen(["sleep", "20"])
    try:
        done = run(daemon, tmp_path, seconds=1)
        size = mark.stat().st_size
        time.sleep(0.2)
        assert done.timed_out
        assert done.seconds < 10
        assert mark.stat().st_size == size > 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    # and when the child ends by itself, what it left behind is counted
    left = run(daemon.replace("time.sleep(60)", "time.sleep(0.2)"), tmp_path)
    assert (left.exit_code, left.timed_out, left.strays) == (0, False, 1)


def test_limits_hold(tmp_path: Path) -> None:
    done = sandbox.run([sys.executable, "-c", "open('big', 'wb').write(bytes(10_000_000))"], cwd=tmp_path,
                       environ={}, seconds=20, limits={"FSIZE": 1_000_000})  # fmt: skip
    assert done.exit_code != 0
    assert (tmp_path / "big").stat().st_size <= 1_000_000


def test_a_child_that_kills_its_supervisor_dies_with_the_workspace(tree: Path) -> None:
    with Workspace(tree) as workspace:
        code = "import os, time; os.kill(os.getppid(), 9); print('still here', flush=True); time.sleep(300.456)"
        with pytest.raises(sandbox.SandboxError, match="supervisor"):
            sandbox.run([sys.executable, "-c", code], cwd=workspace.source, seconds=20,
                        environ={"HOME": str(workspace.home)})  # fmt: skip
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "300.456" not in left
