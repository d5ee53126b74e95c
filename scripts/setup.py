"""Create `.venv` with everything that `uv.lock` names; the standard library and pip are all it needs.

`make setup` runs it; it ends at once when nothing changed. uv itself comes from the lock too: pip fetches that version
into `build/tools`, and from then on the copy inside `.venv` is used. pip's own configuration (mirror, proxy,
certificates) therefore decides how the first file arrives. uv trusts the system's certificates
(`UV_SYSTEM_CERTS`). Where uv cannot download what the lock names, because only pip knows the way to
an index, pip installs the same versions, checked against the same hashes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / "build" / "tools"
OLDEST_PYTHON = (3, 11)


def locked_version(package: str) -> str:
    """Return the version of *package* in `uv.lock`."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    for entry in lock["package"]:
        if entry["name"] == package:
            return str(entry["version"])
    raise SystemExit(f"uv.lock names no {package}; restore the lock file from git")


def run(*command: str | Path) -> None:
    """Run *command* in the repository's root; raise `CalledProcessError` when it fails."""
    environment = {"UV_SYSTEM_CERTS": "1", **os.environ}
    environment.pop("VIRTUAL_ENV", None)
    subprocess.run([str(part) for part in command], cwd=ROOT, env=environment, check=True)


def find_uv() -> Path:
    """Return a uv of the locked version, fetched with pip where `.venv` holds none yet."""
    version = locked_version("uv")
    folder = TOOLS / f"uv-{version}"
    for uv in (VENV / "bin" / "uv", folder / "bin" / "uv"):
        if uv.is_file() and f"uv {version}" in _version_of(uv):
            return uv
    print(f"setup: fetching uv {version} with pip")
    TOOLS.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=TOOLS))
    try:
        run(sys.executable, "-m", "pip", "install", "-qq", "--target", staging, f"uv=={version}")
        shutil.rmtree(folder, ignore_errors=True)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder / "bin" / "uv"


def _version_of(uv: Path) -> str:
    # A copy that cannot run (another machine's, half a file) is as good as none.
    try:
        return subprocess.run([str(uv), "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def sync_with_uv(uv: Path, *options: str) -> None:
    """Make `.venv` what the lock says, no more and no less."""
    interpreter = () if VENV.exists() else ("--python", sys.executable)
    run(uv, "sync", "--quiet", "--frozen", "--all-extras", *interpreter, *options)


def sync_with_pip(uv: Path) -> None:
    """Make `.venv` with pip alone: the lock's versions and hashes, from the index that pip is told to use."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        run(uv, "export", "--quiet", "--frozen", "--all-extras", "--no-emit-project", "--output-file", requirements)
        run(sys.executable, "-m", "venv", "--clear", VENV)
        pip = (VENV / "bin" / "python", "-m", "pip", "install", "-qq")
        run(*pip, "--require-hashes", "--requirement", requirements)
        run(*pip, "--no-deps", "--editable", ROOT)


def main() -> None:
    """Create or update `.venv`."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SystemExit(f"setup: Python 3.11 or newer is needed, this one is {found}; try `make PYTHON=python3.11`")
    uv = find_uv()
    try:
        sync_with_uv(uv, "--no-install-project")
    except subprocess.CalledProcessError:
        print("setup: uv could not install what the lock names; trying pip with the same versions and hashes")
        sync_with_pip(uv)
    else:
        sync_with_uv(uv)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"setup: this command failed, see above: {' '.join(error.cmd)}") from error
