"""Put accepted repairs together: one patch against the source as submitted, and its reverse.

Patches are applied by ``git apply --3way`` in a scratch repository of its own, with no configuration, hooks or
filters of the machine or the project. Requirement lists are merged as sets of lines, because two repairs that each
add one line at the same place do not disagree, and where that fails by distribution. A last resort waits while there is
any other repair. A repair that conflicts is deferred to the next pass, not lost.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from maestro.healing._requirement_merge import merged
from maestro.healing.errors import CombineError
from maestro.healing.judge import LAST_RESORTS, files, size
from maestro.model import Repair

_ATTRIBUTES = """* -text !eol !filter !ident !diff !merge !working-tree-encoding
maestro.yaml merge=union
maestro.yml merge=union
*requirements*.txt merge=union
requirements/*.txt merge=union
"""
_IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "maestro",
    "GIT_AUTHOR_EMAIL": "maestro@localhost",
    "GIT_COMMITTER_NAME": "maestro",
    "GIT_COMMITTER_EMAIL": "maestro@localhost",
    "LC_ALL": "C.UTF-8",
}
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Combination:
    """All repairs that go together: one diff, its reverse, and which were kept or put off (with git's words)."""

    patch: str
    reverse: str
    kept: tuple[Repair, ...]
    deferred: tuple[Repair, ...]
    reasons: tuple[str, ...] = ()


def combine(repairs: Sequence[Repair], source: Path) -> Combination:
    """Combine repairs of one source tree: those that fix the most tests first, then the smallest.

    Repairs of several failures with one patch become one. ``source`` is only read. Raises :class:`CombineError` when
    git cannot work at all.
    """
    ordered = sorted(
        _joined(repairs), key=lambda r: (r.generator in LAST_RESORTS, -len(r.tests_fixed), size(r.patch), r.id)
    )
    kept: list[Repair] = []
    deferred: list[Repair] = []
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix="combine-") as folder:
        tree = Path(folder, "tree")
        shutil.copytree(source, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        git = _Git(tree, Path(folder, "git"))
        first = git.start()
        for repair in ordered:
            if repair.generator in LAST_RESORTS and any(r.generator not in LAST_RESORTS for r in kept):
                deferred.append(repair)
                reasons.append(f"{repair.id}: a last resort waits until it is seen what the other repairs leave")
                continue
            problem = git.apply(repair.patch) or _contradiction(tree, files(repair.patch))
            if problem is not None:
                git.start_over()
                problem = None if _merge_requirements(git, first, repair.patch) else problem
            if problem is None:
                git.commit(repair.id)
                kept.append(repair)
            else:
                git.start_over()
                deferred.append(repair)
                reasons.append(f"{repair.id}: {problem}")
        patch, reverse = (git.diff(first, "HEAD"), git.diff("HEAD", first))
    return Combination(patch, reverse, tuple(kept), tuple(deferred), tuple(reasons))


def squash(source: Path, patches: Sequence[str]) -> str:
    """Return one diff that does to ``source`` what ``patches`` do in order.

    Raises :class:`CombineError` if one does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="squash-") as folder:
        tree = Path(folder, "tree")
        shutil.copytree(source, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        git = _Git(tree, Path(folder, "git"))
        first = git.start()
        for patch in filter(None, patches):
            problem = git.apply(patch)
            if problem is not None:
                raise CombineError(f"a patch does not fit onto those before it: {problem}")
            git.commit("patch")
        return git.diff(first, "HEAD")


def _joined(repairs: Sequence[Repair]) -> list[Repair]:
    """Make one repair of those that say the same: all their failures and tests, and what the least sure one earned."""
    same: dict[str, list[Repair]] = {}
    for repair in repairs:
        same.setdefault(repair.patch, []).append(repair)
    return [
        replace(
            min(group, key=lambda r: r.confidence),
            failures=tuple(dict.fromkeys(f for r in group for f in r.failures)),
            tests_fixed=tuple(dict.fromkeys(t for r in group for t in r.tests_fixed)),
        )
        for group in same.values()
    ]


class _Git:
    """A repository beside a work tree, deaf to every configuration but its own."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.tree = tree
        self.environment = {
            **_IDENTITY,
            "PATH": f"{os.defpath}:/usr/local/bin:/opt/bin",
            "HOME": str(folder),
            "GIT_DIR": str(folder),
            "GIT_WORK_TREE": str(tree),
        }

    def call(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[bytes]:
        options = ["-c", "core.autocrlf=false", "-c", "core.quotepath=false", "-c", "core.hooksPath=/dev/null"]
        return subprocess.run(
            ["git", *options, *arguments],
            cwd=self.tree,
            env=self.environment,
            capture_output=True,
            input=stdin.encode("utf-8", "surrogateescape"),
            timeout=_SECONDS,
            check=False,
        )

    def run(self, *arguments: str) -> str:
        done = self.call(*arguments)
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-300:]
            raise CombineError(f"git {arguments[0]} failed while repairs were combined: {said}")
        return done.stdout.decode("utf-8", "surrogateescape")

    def start(self) -> str:
        self.run("init", "-q", "--template=")
        info = Path(self.environment["GIT_DIR"], "info")
        info.mkdir(exist_ok=True)
        (info / "attributes").write_text(_ATTRIBUTES)
        self.run("add", "-Af", ".")
        self.run("commit", "-q", "--allow-empty", "-m", "source")
        return self.run("rev-parse", "HEAD").strip()

    def apply(self, patch: str) -> str | None:
        """Apply a patch to the tree and the index; return git's words when it does not fit."""
        done = self.call("apply", "--3way", "--whitespace=nowarn", "-", stdin=patch)
        if done.returncode == 0 and not self.call("diff", "--name-only", "--diff-filter=U").stdout:
            return None
        return " ".join(done.stderr.decode(errors="replace").split())[-300:] or "it conflicts"

    def start_over(self) -> None:
        """Throw away what is not committed."""
        self.run("reset", "-q", "--hard")
        self.run("clean", "-fdxq")

    def commit(self, name: str) -> None:
        self.run("commit", "-q", "--allow-empty", "-m", name)

    def diff(self, old: str, new: str) -> str:
        return self.run("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--binary", old, new)


def _merge_requirements(git: _Git, first: str, patch: str) -> bool:
    """Apply a patch whose requirements stand where another repair's stand: merge them by distribution.

    ``first`` is the source that the patch was made for. Whether it worked; if not, the tree may be half changed.
    """
    configured = [name for name in files(patch) if name in ("maestro.yaml", "maestro.yml")]
    if len(configured) != 1 or not (git.tree / configured[0]).is_file():
        return False
    name, ours = configured[0], (git.tree / configured[0]).read_text("utf-8")
    git.run("checkout", "-q", first, "--", name)
    base = (git.tree / name).read_text("utf-8")
    if git.call("apply", f"--include={name}", "--whitespace=nowarn", "-", stdin=patch).returncode:
        return False
    text = merged(base, ours, (git.tree / name).read_text("utf-8"))
    if text is None:
        return False
    (git.tree / name).write_text(text, "utf-8", newline="")
    git.run("add", "--", name)
    if files(patch) == (name,):
        return True
    done = git.call("apply", "--3way", f"--exclude={name}", "--whitespace=nowarn", "-", stdin=patch)
    return done.returncode == 0 and not git.call("diff", "--name-only", "--diff-filter=U").stdout


def _contradiction(tree: Path, changed: Sequence[str]) -> str | None:
    """Return why a merged list of requirements makes no sense: two lines for one thing, or broken YAML."""
    for name in changed:
        path = tree / name
        if path.is_symlink() or not path.is_file():
            continue
        text = path.read_text("utf-8", "replace")
        if path.name in ("maestro.yaml", "maestro.yml"):
            try:
                data = yaml.safe_load(text)
            except yaml.YAMLError as error:
                return f"{name} would not be YAML: {str(error)[:120]}"
            repeated = _repeated_keys(text)
            if repeated:
                return f"{name} would state {repeated[0]!r} twice"
            environment = data.get("environment") if isinstance(data, dict) else None
            lines = environment.get("install") if isinstance(environment, dict) else None
            lists = [[str(line) for line in lines]] if isinstance(lines, list) else []
        elif "requirements" in name and name.endswith(".txt"):
            lists = [text.splitlines()]
        else:
            continue
        for entries in lists:
            twice = _twice(entries)
            if twice:
                return f"{name} would require {twice} twice"
    return None


def _repeated_keys(text: str) -> list[str]:
    found: list[str] = []

    def visit(node: yaml.Node | None) -> None:
        if isinstance(node, yaml.MappingNode):
            keys = [str(key.value) for key, _ in node.value]
            found.extend(key for key in dict.fromkeys(keys) if keys.count(key) > 1)
            for _, value in node.value:
                visit(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                visit(value)

    visit(yaml.compose(text, Loader=yaml.SafeLoader))
    return found


def _twice(lines: Sequence[str]) -> str | None:
    seen: dict[tuple[str, str], str] = {}
    for line in lines:
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        key = (canonicalize_name(requirement.name), str(requirement.marker or ""))
        if key in seen and seen[key] != text:
            return key[0]
        seen[key] = text
    return None
