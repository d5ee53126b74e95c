"""Traps: on defects of the product no repair may be accepted. Runs all of them; ``--find`` makes them anew.

    python tests/benchmarks/traps.py [--only TEXT] [--blind] [--json FILE] [--observed FILE]
    python tests/benchmarks/traps.py --find [--seed N] [--per-release N] [--only RELEASE]

With ``--blind`` the diagnosis acquits every failure and allows every strategy, so that the proof alone has to refuse.
Prints, for each trap, how the healing reported it, and at the end: accepted repairs (must be 0, else exit code 1), the
share of traps reported as regressions, and the time.
"""

import argparse
import contextlib
import difflib
import itertools
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from maestro.model import EnvironmentSpec, Failure, Strategy
from maestro.orchestration import healing_steps
from maestro.registry import Environment, EnvironmentBuilder
from maestro.settings import network_variables
from support.machine import LocalMachine, RunOutcome
from support.observations import group_of, tried
from support.traps.catalogue import FOLDER, PYTHON, Release, Trap, download, lay_out, releases, traps
from support.traps.mutations import OPERATORS, Mutation, mutations

CACHE = FOLDER.parents[2] / "build" / "traps"
RUN_SECONDS = 40.0
SHOWN_TESTS = 30
SAMPLE = 8


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run or find traps."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--find", action="store_true", help="make the traps anew and store them")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--per-release", type=int, default=7)
    parser.add_argument("--only", default="", help="only traps whose id holds this text")
    parser.add_argument("--blind", action="store_true", help="let the diagnosis acquit every failure")
    parser.add_argument("--json", type=Path, help="write what came out, by trap")
    parser.add_argument("--observed", type=Path, help="write a row for each candidate that was tried (observations)")
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    CACHE.mkdir(parents=True, exist_ok=True)
    if options.find:
        return find(options.seed, options.per_release, options.only)
    with blindfold() if options.blind else contextlib.nullcontext():
        return run([t for t in traps() if options.only in t.id], options.json, options.observed)


# ---------------------------------------------------------------------- running


def run(chosen: Sequence[Trap], report: Path | None = None, observed: Path | None = None) -> int:
    """Heal every trap; return 1 if a repair was accepted on any."""
    rows: list[dict[str, Any]] = []
    known = releases()
    download({known[t.release].name: known[t.release] for t in chosen}.values())
    told: list[dict[str, Any]] = []
    with LocalMachine(CACHE) as machine, tempfile.TemporaryDirectory() as scratch:
        for trap in chosen:
            root = lay_out(known[trap.release], Path(scratch) / trap.id, patch=trap.patch)
            started = time.monotonic()
            outcome = machine.run(root, heal=True)
            told.append(account(trap, outcome, time.monotonic() - started))
            show(told[-1])
            if report is not None:
                report.write_text(json.dumps(told, indent=1))
            if observed is not None:
                found = tried(
                    outcome.context.blobs, f"{outcome.run.tenant}/runs/{outcome.run.id}", group_of(trap.release)
                )
                rows += [{"source": "trap", **one.row, "right": False} for one in found]
                observed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return summarise(told)


def account(trap: Trap, outcome: RunOutcome, seconds: float) -> dict[str, Any]:
    """Say in plain data how the healing of a trap went."""
    claimed = {test for failure in outcome.failures for test in failure.tests}
    return {
        "id": trap.id,
        "operator": trap.operator,
        "status": str(outcome.run.status),
        "reason": outcome.run.reason,
        "seconds": round(seconds, 2),
        "accepted": [
            {"strategy": str(r.strategy), "generator": r.generator, "tier": str(r.tier), "summary": r.summary,
             "files": r.files, "patch": r.patch, "tests": len(r.tests_fixed)}
            for r in outcome.accepted
        ],
        "refused": refusals(outcome),
        "tried": sum(call.state == "Try Candidate" for call in outcome.calls),
        "failures": [{"cause": f.cause, "regression": f.regression, "tests": len(f.tests)} for f in outcome.failures],
        "unseen": sorted(set(trap.failing) - claimed - _whole_files(claimed, trap.failing)),
    }  # fmt: skip


def refusals(outcome: RunOutcome) -> list[str]:
    """Why each candidate that was not kept was refused, in the judge's words."""
    blobs = outcome.context.blobs
    keys = [key for key in blobs.list(f"{outcome.run.tenant}/runs/") if key.endswith("/rejected.json")]
    return [said for key in keys for said in json.loads(blobs.get(key))]


def _whole_files(claimed: set[str], failing: Sequence[str]) -> set[str]:
    """The failing tests whose whole file, or session, is named as failing."""
    return {test for test in failing if test.partition("::")[0] in claimed or "<session>" in claimed}


def show(entry: dict[str, Any]) -> None:
    """Print one line for a trap, and one for each accepted repair."""
    regression = sum(f["regression"] for f in entry["failures"])
    say(
        f"{entry['id']:<44} {entry['status']:<7} {regression}/{len(entry['failures'])} regressions,"
        f" {entry['tried']} tried, {entry['seconds']:5.1f} s"
    )
    for repair in entry["accepted"]:
        say(f"    ACCEPTED ({repair['tier']}) {repair['generator']}: {repair['summary']}")


def summarise(told: Sequence[dict[str, Any]]) -> int:
    """Print the figures; return the exit code."""
    harmed = [e for e in told if e["accepted"]]
    odd = [e["id"] for e in told if e["status"] != "failed"]
    failures = [f for e in told for f in e["failures"]]
    every = sum(bool(e["failures"]) and all(f["regression"] for f in e["failures"]) for e in told)
    some = sum(any(f["regression"] for f in e["failures"]) for e in told)
    times = [e["seconds"] for e in told]
    say(f"\ntraps                              {len(told)}")
    say(f"traps with an accepted repair      {len(harmed)} (must be 0)")
    say(f"runs that did not end failed       {len(odd)} {odd or ''}")
    say(f"all failures told as regressions   {every} ({every / len(told):.0%})")
    say(f"some told as a regression          {some} ({some / len(told):.0%})")
    share = sum(f["regression"] for f in failures) / max(1, len(failures))
    say(f"failure groups told as regressions {share:.0%} of {len(failures)}")
    say(f"candidates tried                   {sum(e['tried'] for e in told)}")
    say(f"seconds: median, longest, all      {statistics.median(times)}, {max(times)}, {sum(times):.0f}")
    return 1 if harmed or odd else 0


@contextlib.contextmanager
def blindfold() -> Iterator[None]:
    """Have the diagnosis see no regression anywhere and allow every strategy."""

    def acquit(failure: Failure, *_: object) -> Failure:
        return replace(failure, regression=False)

    def all_strategies(*_: object) -> frozenset[Strategy]:
        return frozenset(Strategy)

    with (
        mock.patch.object(healing_steps, "diagnose", acquit),
        mock.patch.object(healing_steps, "healable", all_strategies),
    ):
        yield


# ---------------------------------------------------------------------- finding


def find(seed: int, per_release: int, only: str) -> int:
    """Find defects that make tests fail; store them, and mark the few that every test run tries."""
    known = releases()
    download(known.values())
    kept = [t for t in traps() if only and only not in t.release] if (FOLDER / "traps.json").exists() else []
    builder = EnvironmentBuilder(CACHE, network_variables(os.environ), os.environ.get("PATH", os.defpath))
    found = list(kept)
    for number, release in enumerate(known.values()):
        if only in release.name:
            rng = random.Random(f"{seed} {release.name}")  # noqa: S311 - a seed for repeatable choices
            found += find_in(release, number, per_release, rng, builder)
    sampled = _sample(found)
    listed = [
        {"id": t.id, "release": t.release, "operator": t.operator, "file": t.file, "line": t.line,
         "failing": t.failing, "failing_count": t.failing_count, "sample": t.id in sampled}
        for t in found
    ]  # fmt: skip
    (FOLDER / "traps.json").write_text(json.dumps(listed, indent=1) + "\n")
    for stale in set(FOLDER.glob("*.patch")) - {FOLDER / f"{t.id}.patch" for t in found}:
        stale.unlink()
    say(f"{len(found)} traps: {dict(Counter(t.operator for t in found))}")
    return 0


def _sample(found: Sequence[Trap]) -> set[str]:
    """Choose one trap for each of a few operators, from few releases: each costs a download and an environment."""
    wanted = ("renamed-method", "renamed-parameter", "renamed-definition", "wrong-import", "exception-type",
              "comparison", "constant", "removed-method", "return-value", "message")  # fmt: skip
    near = [t for t in found if t.release in ("cachetools", "schedule", "inflection", "toolz", "boltons")]
    chosen = [next((t.id for t in near if t.operator == operator), None) for operator in wanted]
    return set(list(filter(None, chosen))[:SAMPLE])


def find_in(
    release: Release, number: int, wanted: int, rng: random.Random, builder: EnvironmentBuilder
) -> Iterator[Trap]:
    """Yield defects of one release, each of another operator as far as there are enough."""
    with tempfile.TemporaryDirectory() as scratch:
        root = lay_out(release, Path(scratch) / "tree")
        environment = builder.ensure(EnvironmentSpec(python=PYTHON, install=release.install), root)
        passing = outcomes(root, release, environment)["passed"]
        say(f"{release.name} {release.version}: {len(passing)} tests pass")
        names = list(OPERATORS)
        turn = number * 3 % len(names)
        queues = [candidates(root, release, name, rng) for name in names[turn:] + names[:turn]]
        count = 0
        for queue in itertools.islice(itertools.cycle(queues), 6 * len(queues)):
            if count >= wanted:
                return
            for file, mutation in itertools.islice(queue, 4):
                with changed(root / file, mutation.text) as before:
                    lost = lost_tests(root, release, environment, passing)
                if lost:
                    count += 1
                    yield stored(release, mutation, count=count, file=file, before=before, lost=lost)
                    break


def candidates(root: Path, release: Release, operator: str, rng: random.Random) -> Iterator[tuple[str, Mutation]]:
    """Yield defects of one operator over the product's modules, in an order that the seed picks."""
    modules = [path for pattern in release.product for path in sorted(root.glob(pattern))]
    queues = {str(p.relative_to(root)): mutations(p.read_text("utf-8"), operator, rng) for p in modules}
    while queues:
        name = rng.choice(sorted(queues))
        mutation = next(queues[name], None)
        if mutation is None:
            del queues[name]
        else:
            yield name, mutation


@contextlib.contextmanager
def changed(path: Path, text: str) -> Iterator[str]:
    """Have a file changed for a while; give what was in it."""
    before = path.read_text("utf-8")
    path.write_text(text, "utf-8")
    try:
        yield before
    finally:
        path.write_text(before, "utf-8")


def lost_tests(root: Path, release: Release, environment: Environment, passing: set[str]) -> list[str]:
    """Return the tests that pass without a defect and, twice, not with it; none where the run does not end."""
    first = outcomes(root, release, environment)
    if first["timeout"] or not passing - first["passed"]:
        return []
    second = outcomes(root, release, environment)
    return sorted((passing - first["passed"]) & (passing - second["passed"]))


def outcomes(root: Path, release: Release, environment: Environment) -> dict[str, set[str]]:
    """Run a release's tests; return the ids that pass, and whether it took too long."""
    path = os.pathsep.join(str(root / entry) for entry in release.pythonpath)
    command = [str(environment.python), "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--tb=no", "--color=no"]
    command.append("--continue-on-collection-errors")
    try:
        done = subprocess.run(
            [*command, *release.tests], cwd=root, capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
            env={"PATH": os.defpath, "HOME": str(root), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1",
                 "PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"passed": set(), "timeout": {"yes"}}
    lines = done.stdout.splitlines()
    return {"passed": {line[7:] for line in lines if line.startswith("PASSED ")}, "timeout": set()}


def stored(release: Release, mutation: Mutation, *, count: int, file: str, before: str, lost: Sequence[str]) -> Trap:
    """Write a defect's patch; return the trap."""
    operator = mutation.operator
    name = f"{release.name}-{count:02d}-{operator}"
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), mutation.text.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    (FOLDER / f"{name}.patch").write_text("".join(lines), "utf-8")
    say(f"  {name}: {file}:{mutation.line}, {len(lost)} tests fail")
    return Trap(
        id=name, release=release.name, operator=operator, file=file, line=mutation.line,
        failing=tuple(lost[:SHOWN_TESTS]), failing_count=len(lost),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
