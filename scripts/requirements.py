"""Write `layers/core/python/requirements.txt`, the deployed layer's packages, from `uv.lock`; `--check` only compares.

The layer gets the project's own dependencies, without the command line's and the developers'. Versions and
hashes are the lock's, so a build installs what was tested. boto3 is among them though the Lambda runtime brings
one: the runtime's changes without notice.
"""

import argparse
import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "layers" / "core" / "python" / "requirements.txt"
HEADER = "# Generated from uv.lock by `make requirements`; change pyproject.toml instead.\n"


def export() -> str:
    """Return the text that the file should have."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"requirements: uv export failed: {done.stderr.strip()}")
    return HEADER + done.stdout


def main() -> int:
    """Write or check the file; 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="fail when the file is not what uv.lock says")
    check = parser.parse_args().check
    wanted = export()
    found = TARGET.read_text(encoding="utf-8") if TARGET.is_file() else ""
    if found == wanted:
        return 0
    name = str(TARGET.relative_to(ROOT))
    if not check:
        TARGET.write_text(wanted, encoding="utf-8")
        print(f"wrote {name}")
        return 0
    difference = difflib.unified_diff(found.splitlines(), wanted.splitlines(), name, "uv.lock", n=0, lineterm="")
    print("\n".join(difference))
    print(f"{name} is not what uv.lock says; run `make requirements` and commit it")
    return 1


if __name__ == "__main__":
    sys.exit(main())
