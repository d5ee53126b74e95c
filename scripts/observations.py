"""Record what became of the candidates that a stack tried, for the calibration of the confidence.

    python scripts/observations.py cases STATE SCORES CASES [--judged FILE] [--list]
    python scripts/observations.py traps FILE

STATE is the folder of an embedded stack (``.maestro``) on which cases were scored; SCORES the scores, a JSON list of
``{"id", "verdict", "expected"}``; CASES the folder with ``ID/case.json``, whose ``requirements`` and ``failing_tests``
tell which run was which case's. Rows without names are added to ``tests/benchmarks/observations.jsonl``; of a case that
is there already the new ones stay. ``--list`` prints what passed the proof instead, with ids, for the person who
compares it with the known fixes; ``--judged`` is a JSON object, candidate id -> whether it is right, of what this
person, or the suite's tests run with this one candidate, said. FILE is what ``tests/benchmarks/traps.py --observed``
wrote.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.observations import Folder, Tried, group_of, label_case, tried

ROWS = Path(__file__).resolve().parent.parent / "tests" / "benchmarks" / "observations.jsonl"

BAD = ("failed", "error", "flaky")


def main() -> int:
    """Record, or list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    cases = kinds.add_parser("cases", help="what a stack did on scored cases")
    cases.add_argument("state", type=Path)
    cases.add_argument("scores", type=Path)
    cases.add_argument("cases", type=Path)
    cases.add_argument("--judged", type=Path)
    cases.add_argument("--list", action="store_true")
    kinds.add_parser("traps", help="what was tried on injected defects").add_argument("file", type=Path)
    options = parser.parse_args()
    if options.kind == "traps":
        add([json.loads(line) for line in options.file.read_text().splitlines()])
        return 0
    judged = json.loads(options.judged.read_text()) if options.judged else {}
    scores = {entry["id"]: entry for entry in json.loads(options.scores.read_text())}
    rows: list[dict[str, Any]] = []
    for case, one in _tried(options.state, scores, options.cases):
        verdict = str(scores[case]["verdict"]).lower()
        if options.list and not one.row["refused"]:
            print(f"{case:18} {verdict:8} {one.candidate} {one.ended:9} {one.row['generator']:20} {one.summary[:150]}")
        defective = scores[case]["expected"] != "heal"
        right = False if defective else label_case(one, verdict, judged)
        if right is not None:
            rows.append({"source": "trap" if defective else "case", **one.row, "right": right})
    if not options.list:
        add(rows)
    return 0


def _tried(state: Path, scores: dict[str, Any], cases: Path) -> Iterator[tuple[str, Tried]]:
    """Yield the candidates of each case's newest run."""
    runs: dict[str, tuple[Folder, str]] = {}
    known = {name: json.loads((cases / name / "case.json").read_text()) for name in scores}
    for run in sorted(state.glob("s3/*/*/local/runs/*"), key=lambda p: p.name):
        config, verdict = run / "pass-0" / "config.json", run / "pass-0" / "verdict.json"
        if config.exists() and verdict.exists():
            asked = set(json.loads(config.read_text())["environment"]["install"]) - {"-e ."}
            bad = {
                r["id"] for s in json.loads(verdict.read_text())["suites"] for r in s["results"] if r["outcome"] in BAD
            }
            fitting = [name for name, case in known.items() if set(case["requirements"]) == asked]
            if fitting:
                name = max(fitting, key=lambda n: -len(bad ^ set(known[n]["failing_tests"])))
                runs[name] = (Folder(run.parents[2]), f"local/runs/{run.name}")
    for name, (folder, prefix) in runs.items():
        for one in tried(folder, prefix, group_of(name)):
            yield name, one


def add(rows: list[dict[str, Any]]) -> None:
    """Add rows to those that are kept; of a group and source that are there already, the new ones stay."""
    new = {(row["source"], row["group"]) for row in rows}
    kept = [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []
    kept = [row for row in kept if (row["source"], row["group"]) not in new]
    lines = sorted({json.dumps(row) for row in (*kept, *rows)})
    ROWS.write_text("".join(f"{line}\n" for line in lines))
    print(f"{len(rows)} rows recorded, {len(lines)} in all")


if __name__ == "__main__":
    sys.exit(main())
