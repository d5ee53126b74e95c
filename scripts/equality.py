"""Run releases from the package index with Maestro and with plain `pytest`, and compare them test by test.

`python scripts/equality.py attrs jinja2 pluggy` prints a table, then every difference; 1 where there is one. A name
may be the folder of an unpacked project too.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.equality import HEADER, compare, fetch
from support.stack import running

SHOWN = 20


def main() -> int:
    """Compare each; 1 when they differ anywhere."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME", help="a project on the index, or a folder")
    names = parser.parse_args().names
    different = []
    with tempfile.TemporaryDirectory(prefix="maestro-equality-") as scratch, running(Path(scratch)) as up:
        print(HEADER, flush=True)
        for number, name in enumerate(names):
            folder = Path(scratch) / f"{number}"
            folder.mkdir()
            root = Path(name).resolve() if Path(name).is_dir() else fetch(name, folder)
            found = compare(up, root, folder)
            print(found.line(), flush=True)
            different += [
                f"{found.release}: {test}: pytest {p}, Maestro {m}" for test, (p, m) in found.differences.items()
            ]
    for line in different[:SHOWN]:
        print(line)
    if len(different) > SHOWN:
        print(f"and {len(different) - SHOWN} more")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
