"""The folder that a run is about: its recent history, its fingerprint, and applying patches to it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maestro_cli.errors import PatchApplyError

_COMMITS = 30
_FILES = 200  # of one change; more say nothing about the cause
_RECORD = "\x1e"
_FIELD = "\x1f"


def changes(root: Path) -> list[dict[str, Any]]:
    """Return what changed lately in ``root``, newest first, if it is in a git work tree; else nothing.

    Uncommitted changes come first, as ``{"commit": "", "date": "", "subject": "uncommitted changes", "files"}``;
    then up to 30 commits that touched the folder, as ``{"commit", "date", "subject", "files"}``. File names are
    relative to ``root``.
    """
    if shutil.which("git") is None or _git(root, "rev-parse", "--is-inside-work-tree").strip() != "true":
        return []
    found: list[dict[str, Any]] = []
    dirty = [name for name in _git(root, "diff", "--relative", "--name-only", "-z", "HEAD").split("\0") if name]
    dirty += [name for name in _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0") if name]
    if dirty:
        found.append({"commit": "", "date": "", "subject": "uncommitted changes", "files": sorted(dirty)[:_FILES]})
    log = _git(
        root,
        "log",
        f"--max-count={_COMMITS}",
        "--relative",
        "--name-only",
        "--no-renames",
        f"--format={_RECORD}%H{_FIELD}%cI{_FIELD}%s",
        "--",
        ".",
    )
    for record in log.split(_RECORD)[1:]:
        head, *files = record.splitlines()
        commit, date, subject = head.split(_FIELD, 2)
        found.append(
            {"commit": commit, "date": date, "subject": subject[:200], "files": [f for f in files if f][:_FILES]}
        )
    return found


def apply(root: Path, patches: Sequence[bytes]) -> None:
    """Apply unified diffs to ``root``, one after the other; all of them or none.

    They are tried on a copy of the files that they touch first.

    Raises
    ------
    PatchApplyError
        If one does not apply; ``root`` is unchanged then.
    """
    wanted = [patch for patch in patches if patch.strip()]
    if not wanted:
        return
    with tempfile.TemporaryDirectory(prefix="maestro-apply-") as scratch:
        copy = Path(scratch) / "tree"
        copy.mkdir()
        for name in {name for patch in wanted for name in touched(root, patch)}:
            source = root / name
            if source.is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy / name)
        for patch in wanted:
            _apply_one(copy, patch)
    for patch in wanted:
        _apply_one(root, patch)


def touched(root: Path, patch: bytes) -> list[str]:
    """Return the files that a diff touches, as git reads it."""
    done = _run(root, ["apply", "--numstat", "-z", "-"], patch)
    names = []
    records = iter(done.stdout.decode("utf-8", "surrogateescape").split("\0"))
    for record in records:
        _, _, name = [*record.split("\t", 2), "", ""][:3]
        if name:
            names.append(name)
        elif record:  # a rename: the two names follow
            names += [next(records), next(records)]
    return names


def _apply_one(root: Path, patch: bytes) -> None:
    done = _run(root, ["apply", "--whitespace=nowarn", "-"], patch)
    if done.returncode:
        raise PatchApplyError(
            f"a repair does not apply to {root}:\n{done.stderr.decode(errors='replace').strip()}\n"
            "nothing was changed; the patch is in the output folder, apply it by hand or run again"
        )


def _run(root: Path, arguments: Sequence[str], patch: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=patch,
        capture_output=True,
        check=False,
        env=_environment(root),
    )


def _git(root: Path, *arguments: str) -> str:
    """Run git for its output; empty where it fails (no repository, no commit yet)."""
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
    )
    return done.stdout if done.returncode == 0 else ""


def _environment(root: Path) -> Mapping[str, str]:
    # Inside another repository's subfolder `git apply` silently skips files; a ceiling makes it take paths as they are.
    return {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.resolve().parent), "GIT_DIR": os.devnull, "LC_ALL": "C"}
