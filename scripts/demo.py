"""`make demo`: run Maestro on a small broken shop, then check that it said what is true.

`maestro run` ends with 1 here, and should: one of the shop's failures is a defect of the shop itself, which no repair
may hide. So this runs the real command, shows its output, and compares what it reports with what was broken
on purpose.
"""

import ast
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "examples" / "storefront"
OUTPUT = ROOT / "build" / "demo"
# What examples/storefront was broken with: causes that a repair can heal, and a defect that it must not hide.
HEALABLE = 4
DEFECTS = 1
FAILURES = 1  # the exit code of a run that ends with failures


def words(count: int, what: str) -> str:
    """Return "1 cause", "4 causes"."""
    return f"{count} {what}" + ("" if count == 1 else "s")


def names(items: list[Any]) -> str:
    """Return test names, given as texts or as objects with an id."""
    return ", ".join(str(item["id"] if isinstance(item, dict) else item) for item in items)


def accepted_repairs(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the accepted repair of each failure that has one."""
    accepted = [repair for repair in summary["repairs"] if repair["status"] == "accepted"]
    return {failure: repair for repair in accepted for failure in repair["failures"]}


def check_healed(summary: dict[str, Any]) -> list[str]:
    """Every cause that is not a defect has an accepted repair, and that repair passed every gate."""
    problems = []
    repairs = accepted_repairs(summary)
    causes = [failure for failure in summary["failures"] if not failure["regression"]]
    healed = [failure for failure in causes if failure["id"] in repairs]
    print(f"\nHealed: {words(len(healed), 'cause')}")
    for failure in healed:
        repair = repairs[failure["id"]]
        gates = repair["proof"]
        open_gates = [name for name, gate in gates.items() if gate["passed"] is not True]
        print(f"  {repair['strategy']}: {repair['summary']} ({repair['tier']}, {repair['confidence']:.2f})")
        print(f"    proven by {', '.join(gates) or 'nothing'}")
        if open_gates or not gates:
            problems.append(f"repair {repair['id']} was accepted without proof: {', '.join(open_gates) or 'no gates'}")
    if len(healed) != HEALABLE:
        problems.append(f"{words(len(healed), 'cause')} healed; {HEALABLE} can be")
    problems += [
        f"not healed: {failure['kind']} in {names(failure['tests'])}: {failure['message']}"
        for failure in causes
        if failure not in healed
    ]
    return problems


def check_flaky(summary: dict[str, Any]) -> list[str]:
    """Name the test that fails only sometimes."""
    print(f"\nFlaky: {names(summary['flaky']) or 'none'}")
    return [] if summary["flaky"] else ["the flaky test was not named"]


def test_source(root: Path, test: str) -> str:
    """Return the syntax tree of the test `path::[Class::]name[params]` under *root*, as a text to compare."""
    path, *parts = test.split("[", 1)[0].split("::")
    body: list[ast.stmt] = ast.parse((root / path).read_text(encoding="utf-8")).body
    for part in parts:
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            return ""
        body = list(getattr(found[0], "body", []))
    return "\n".join(ast.dump(node) for node in body)


def check_defects(summary: dict[str, Any]) -> list[str]:
    """Defects of the product are reported, and with all repairs applied their tests still say what they said."""
    problems = []
    defects = [failure for failure in summary["failures"] if failure["regression"]]
    print(f"\nLeft to a human: {words(len(defects), 'defect')}")
    for failure in defects:
        print(f"  {names(failure['tests'])}: {failure['message']}")
    if len(defects) != DEFECTS:
        problems.append(f"{words(len(defects), 'defect')} reported as regressions; {DEFECTS} is there")
    hidden = [failure["id"] for failure in defects if failure["id"] in accepted_repairs(summary)]
    problems += [f"the defect {failure} has an accepted repair; its test was made to agree" for failure in hidden]

    with tempfile.TemporaryDirectory() as folder:
        patched = Path(folder) / "patched"
        shutil.copytree(PROJECT, patched, ignore=shutil.ignore_patterns(".maestro"))
        patch = OUTPUT / "repairs.patch"
        done = subprocess.run(["git", "apply", patch], cwd=patched, capture_output=True, text=True, check=False)
        if done.returncode:
            return [*problems, f"{patch} does not apply to the project: {done.stderr.strip()}"]
        for test in (test for failure in defects for test in failure["tests"]):
            before, after = test_source(PROJECT, test), test_source(patched, test)
            if not before or before != after:
                problems.append(f"the test of the defect was touched: {test}")
    if defects and not problems:
        print("  its test is as it was, with all repairs applied")
    return problems


def main() -> int:
    """Run, report, compare; 0 when the verdict is the expected one."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    maestro = Path(sys.executable).with_name("maestro")
    command = [str(maestro), "run", str(PROJECT.relative_to(ROOT)), "--output", str(OUTPUT.relative_to(ROOT))]
    print("$ maestro " + " ".join(command[1:]), flush=True)
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if not (OUTPUT / "summary.json").is_file():
        print(f"demo: maestro run ended with {code} and left no summary.json; its output above says why")
        return 1
    summary = json.loads((OUTPUT / "summary.json").read_text(encoding="utf-8"))

    problems = check_healed(summary) + check_flaky(summary) + check_defects(summary)
    if code != FAILURES:
        problems.append(f"maestro run ended with {code}; with a defect left it ends with {FAILURES}")
    shown = OUTPUT.relative_to(ROOT)
    print(f"\nThe report is {shown}/report.html; all repairs as one diff are {shown}/repairs.patch")
    if problems:
        print("\ndemo: the verdict is not the expected one:")
        print("\n".join(f"  - {problem}" for problem in problems))
        return 1
    print(
        f"\ndemo: as expected after {summary['seconds']:.0f} s: every healable cause healed with proof, the flaky test"
    )
    print("named, the defect reported and not hidden. `maestro run` itself ends with 1: the defect is still there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
