"""The traps: defects put into the product code of real releases, whose tests therefore fail rightly.

``releases.json`` names the source distributions, ``traps.json`` the defects; each is a patch beside it. A trap's tests
are right and its product is wrong, so whatever a healer accepts on it hides a defect.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import uv
from maestro.registry import unpack

FOLDER = Path(__file__).resolve().parent
SDISTS = FOLDER.parents[2] / "build" / "sdists"
PYTHON = "3.11"
# What the releases are built with: pip reads a source distribution's metadata before it hands it out.
_BACKENDS = (
    "flit-core",
    "hatchling",
    "hatch-vcs",
    "setuptools",
    "setuptools-scm",
    "wheel",
    "setuptools-git-versioning",
)


class ReleaseError(Exception):
    """A source distribution cannot be had, or is not the one that was recorded."""


@dataclass(frozen=True, slots=True)
class Release:
    """A source distribution, how its tests run, and (globs) where its product code is."""

    name: str
    version: str
    file: str
    sha256: str
    install: tuple[str, ...]
    pythonpath: tuple[str, ...]
    tests: tuple[str, ...]
    product: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trap:
    """A defect: the operator that made it, where, and tests that fail for it (at most 30 of ``failing_count``)."""

    id: str
    release: str
    operator: str
    file: str
    line: int
    failing: tuple[str, ...]
    failing_count: int
    sample: bool = False

    @property
    def patch(self) -> str:
        """The defect as a unified diff."""
        return (FOLDER / f"{self.id}.patch").read_text("utf-8")


def releases() -> dict[str, Release]:
    """Return the releases by name."""
    listed = json.loads((FOLDER / "releases.json").read_text("utf-8"))
    return {
        entry["name"]: Release(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})
        for entry in listed
    }


def traps(*, sample: bool = False) -> list[Trap]:
    """Return all traps, or the few that every test run tries."""
    listed = json.loads((FOLDER / "traps.json").read_text("utf-8"))
    found = [Trap(**{**entry, "failing": tuple(entry["failing"])}) for entry in listed]
    return [trap for trap in found if trap.sample or not sample]


def download(wanted: Iterable[Release], dest: Path = SDISTS) -> None:
    """Have pip fetch the source distributions that are not there yet, and check all of them.

    Raises
    ------
    ReleaseError
        If pip cannot get one, or its SHA-256 is not the recorded one.
    """
    wanted = list(wanted)
    missing = [r for r in wanted if not (dest / r.file).exists()]
    if missing:
        dest.mkdir(parents=True, exist_ok=True)
        command = [uv.find_uv_bin(), "tool", "run", "--quiet", "--python", PYTHON, "--from", "pip"]
        command += [part for backend in _BACKENDS for part in ("--with", backend)]
        command += ["pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        command += ["--dest", str(dest), *(f"{r.name}=={r.version}" for r in missing)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise ReleaseError(f"pip cannot download the releases: {done.stderr.strip()[-1500:]}")
    for release in wanted:
        digest = hashlib.sha256((dest / release.file).read_bytes()).hexdigest()
        if digest != release.sha256:
            raise ReleaseError(f"{release.file} has the SHA-256 {digest}, recorded is {release.sha256}")


def lay_out(release: Release, dest: Path, *, patch: str = "", sdists: Path = SDISTS) -> Path:
    """Unpack a release to ``dest``, give it a ``maestro.yaml``, put a defect in; return its root."""
    unpack(sdists / release.file, dest)
    (root,) = dest.iterdir()
    shutil.rmtree(root / ".git", ignore_errors=True)
    lines = [
        f"project: {release.name}",
        "environment:",
        f'  python: "{PYTHON}"',
        f"  install: {json.dumps(release.install)}",
        f"  pythonpath: {json.dumps(release.pythonpath)}",
        "suites:",
        "  unit:",
        f"    paths: {json.dumps(release.tests)}",
    ]
    (root / "maestro.yaml").write_text("\n".join(lines) + "\n")
    if patch:
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            cwd=root, input=patch.encode(), capture_output=True, check=False,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(dest.resolve())},
        )  # fmt: skip
        if done.returncode:
            raise ReleaseError(f"the defect does not apply to {release.file}: {done.stderr.decode()}")
    return root
