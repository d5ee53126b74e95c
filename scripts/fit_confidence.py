"""Fit the confidence to what became of real candidates, and write what ships: healing/data/outcomes.json.

    python scripts/fit_confidence.py [--check]

Reads ``tests/benchmarks/observations.jsonl``; the method stands in ``tests/support/calibration.py``, and
``tests/benchmarks/calibration.py`` says how well it holds on groups that were left out. With ``--check`` nothing is
written, and the exit code is 1 where the file is not what the observations give.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.calibration import chosen, fit, proven, rows

ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = ROOT / "layers" / "core" / "python" / "maestro" / "healing" / "data" / "outcomes.json"


def text() -> str:
    """Return the file's text."""
    known = rows()
    strength = chosen(known)
    model = fit(known, strength)
    judged = [row for row in known if proven(row)]
    document = {
        "description": "What the confidence is made of; written by scripts/fit_confidence.py. counts: repairs that"
        " passed the proof, judged by tests run apart and by a person, one project counting once per generator.",
        "measured": {
            "candidates": len(known),
            "passed_the_proof": len(judged),
            "of_these_wrong": sum(not row["right"] for row in judged),
            "projects": len({row["group"] for row in known}),
            "penalty": strength,
        },
        "pool": model.pool,
        "counts": {name: {"right": right, "wrong": wrong} for name, (right, wrong) in model.counts.items()},
        "intercept": model.intercept,
        "weights": dict(model.weights),
    }
    return json.dumps(document, indent=2) + "\n"


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where the file is out of date")
    options = parser.parse_args()
    wanted = text()
    if not options.check:
        OUTCOMES.write_text(wanted, "utf-8")
        print(f"{OUTCOMES.relative_to(ROOT)} is written")
    elif OUTCOMES.read_text("utf-8") != wanted:
        print(f"{OUTCOMES.relative_to(ROOT)} is not what the observations give; run scripts/fit_confidence.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
