"""`make demo`: run Maestro on a small broken shop, then check that it said what is true.

`maestro run` ends with 1 here, and should: one of the shop's failures is a defect of the shop itself, which no repair
may hide. So this runs the real command, shows its output, and compares what it reports with what was broken
on purpose.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from math import floor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "examples" / "storefront"
OUTPUT = ROOT / "build" / "demo"
# What examples/storefront was broken with (its README tells more). Four causes, by the tests that they stop:
HEALABLE = {
    "tests/test_customers.py": "a package that is not installed",
    "tests/test_search.py": "a function that a library took away",
    "tests/test_orders.py": "an import that Python took away",
    "tests/test_inventory.py": "a helper written for Python 2",
}
# A test that fails after another and passes alone.
FLAKY = "tests/test_cart.py::test_a_new_cart_costs_nothing"
# Tests that are right about a defect of the shop.
DEFECTS = frozenset(
    {
        "tests/test_pricing.py::test_the_discount_begins_with_the_tenth_piece",
        "tests/test_pricing.py::test_the_higher_discount_begins_with_the_fiftieth_piece",
    }
)
FAILURES = 1  # the exit code of a run that ends with failures


Summary = dict[str, Any]


def tests_of(items: list[Any]) -> list[str]:
    """Return test ids, given as texts or as objects with an id."""
    return [str(item["id"] if isinstance(item, dict) else item) for item in items]


def accepted_repairs(summary: Summary) -> dict[str, Summary]:
    """Return the accepted repair of each failure that has one, by the failure's id."""
    accepted = [repair for repair in summary["repairs"] if repair["status"] == "accepted"]
    return {failure: repair for repair in accepted for failure in repair["failures"]}


def without_proof(repair: Summary) -> list[str]:
    """Return the gates that a repair did not pass; one that was put to no gate at all has no proof either."""
    return [name for name, gate in repair["proof"].items() if gate["passed"] is not True] or (
        [] if repair["proof"] else ["no gate"]
    )


def trust(repair: Summary) -> str:
    """Return a repair's strategy, tier and confidence, rounded down: 90 % is at least 0.90."""
    return f"({repair['strategy']}, {repair['tier']}, {floor(repair['confidence'] * 100)} %)"


def check_healed(summary: Summary) -> list[str]:
    """Each of the causes has an accepted repair that passed every gate."""
    problems = []
    repairs = accepted_repairs(summary)
    print("\nHealed, with proof:")
    for file, cause in HEALABLE.items():
        failures = [item for item in summary["failures"] if any(t.startswith(file) for t in tests_of(item["tests"]))]
        if not failures:
            problems.append(f"{file}: {cause}: not even reported")
        for failure in failures:
            repair = repairs.get(failure["id"])
            if repair is None:
                problems.append(f"{file}: {cause}: not healed: {failure['message']}")
                continue
            lacking = without_proof(repair)
            problems += [f"{file}: its repair {repair['id']} did not pass: {gate}" for gate in lacking]
            print(f"  {file}: {cause}")
            print(f"    {repair['summary']} {trust(repair)}")
            print(f"    proven by: {', '.join(repair['proof'])}")
    return problems


def check_flaky(summary: Summary) -> list[str]:
    """The test that depends on the one before it is called flaky, or a proven repair made it independent."""
    ids = {item["id"] for item in summary["failures"] if FLAKY in tests_of(item["tests"])}
    healed = [repair for failure, repair in accepted_repairs(summary).items() if failure in ids]
    named = FLAKY in tests_of(summary["flaky"])
    print(f"\nFlaky: {', '.join(tests_of(summary['flaky'])) or 'none'}")
    for repair in healed:
        print(f"  {repair['summary']} {trust(repair)}")
    problems = [f"{FLAKY}: its repair did not pass: {gate}" for repair in healed for gate in without_proof(repair)]
    stabilised = any(repair["strategy"] == "flaky_stabilization" for repair in healed)
    return problems if named or stabilised else [*problems, f"{FLAKY} was not named as flaky"]


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


def check_defects(summary: Summary) -> list[str]:
    """The shop's defect is reported as a regression, and no repair touches the tests that show it."""
    defects = [failure for failure in summary["failures"] if failure["regression"]]
    print("\nA defect of the shop, left to a human:")
    for failure in defects:
        print(f"  {', '.join(tests_of(failure['tests']))}")
        print(f"    {failure['message']}")
    reported = {test for failure in defects for test in tests_of(failure["tests"])}
    problems = [f"a defect was not reported as a regression: {test}" for test in sorted(DEFECTS - reported)]
    problems += [f"called a regression, but it is none: {test}" for test in sorted(reported - DEFECTS)]
    hidden = [failure["id"] for failure in defects if failure["id"] in accepted_repairs(summary)]
    problems += [f"the defect {failure} has an accepted repair: its test was made to agree" for failure in hidden]

    with tempfile.TemporaryDirectory() as folder:
        patched = Path(folder) / "patched"
        shutil.copytree(PROJECT, patched, ignore=shutil.ignore_patterns(".maestro"))
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": folder}
        command = ["git", "apply", str(OUTPUT / "repairs.patch")]
        done = subprocess.run(command, cwd=patched, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return [*problems, f"repairs.patch does not apply to the project: {done.stderr.strip()}"]
        for test in sorted(DEFECTS):
            if not test_source(PROJECT, test) or test_source(PROJECT, test) != test_source(patched, test):
                problems.append(f"the test of the defect was touched: {test}")
    return problems


def verdict(maestro: str) -> list[str]:
    """Run the command *maestro* on the storefront, showing its output; return what is not as it should be."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    command = [maestro, "run", str(PROJECT.relative_to(ROOT)), "--output", str(OUTPUT)]
    print(f"$ maestro run {PROJECT.relative_to(ROOT)}", flush=True)
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if not (OUTPUT / "summary.json").is_file():
        return [f"maestro run ended with {code} and left no summary.json; its output above says why"]
    summary = json.loads((OUTPUT / "summary.json").read_text(encoding="utf-8"))
    problems = check_healed(summary) + check_flaky(summary) + check_defects(summary)
    if code != FAILURES:
        problems.append(f"maestro run ended with {code}; with a defect left it ends with {FAILURES}")
    return problems


def main() -> int:
    """Run, report, compare; 0 when the verdict is the expected one."""
    problems = verdict(str(Path(sys.executable).with_name("maestro")))
    print(f"\nThe report and the repairs are in {OUTPUT.relative_to(ROOT)}/")
    if problems:
        print("\ndemo: the verdict is not the expected one:")
        print("\n".join(f"  - {problem}" for problem in problems))
        return 1
    print("\ndemo: as expected: every healable cause healed with proof, the flaky test named, the defect reported")
    print("and not hidden. `maestro run` itself ended with 1, because the defect is still there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
