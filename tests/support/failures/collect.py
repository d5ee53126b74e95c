"""Break real projects in known ways, run them, and store what the capturing plugin tells of their failures.

    PYTHONPATH=tests python -m support.failures.collect [--only LABEL] [--seconds N]

The projects are the releases of the trap suite. Projects and breakages are dealt into five folds, and a breakage of one
fold only meets projects of that fold: so a fold that a classifier has not seen holds neither its projects nor its
breakages. Names of projects are replaced by "product". Written: ``failures.jsonl.gz``, a line for each failure with its
label; ``mixtures.jsonl.gz``, a line for each run of a project that holds several breakages at once, with the
breakage that each failing test is owed to (known from the runs with one of them alone).
"""

import argparse
import gzip
import hashlib
import json
import logging
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maestro.adapters.pytest import PytestAdapter
from maestro.healing._roles import is_test_file
from maestro.healing.grouping import is_assertion
from maestro.model import CaseResult, EnvironmentSpec, Facts, Suite, dump, failing
from maestro.registry import Environment, EnvironmentBuilder, EnvironmentBuildError, Workspace
from maestro.settings import network_variables
from support.failures.breaking import REGRESSION, Breakage, Broken, Ground, breakages, broken
from support.traps.catalogue import FOLDER, Release, Trap, download, lay_out, releases, traps

FOLDS = 5
CACHE = FOLDER.parents[2] / "build" / "traps"
OUT = Path(__file__).parent
# What snippets of the list may import in its newest version, and what the projects' own tests need.
LIBRARIES = (
    *("freezegun", "text-unidecode", "pytz", "wcwidth", "jinja2", "flask", "click", "pyyaml", "itsdangerous", "pyjwt"),
    *("markdown", "packaging", "marshmallow", "attrs", "urllib3", "requests", "simplejson", "sqlparse", "pyparsing"),
    *("setuptools", "tabulate", "docutils", "tomlkit"),
)
PYTHONS: Mapping[str, tuple[str, ...]] = {"3.13": ("pytest", *LIBRARIES), "3.11": ("pytest<8", *LIBRARIES)}
RUN_SECONDS = 40.0
WRITTEN_EACH = 50  # failures, so that an interruption loses few
ROWS = 2  # failures kept of one run with a listed breakage
MUTANT_ROWS = 3
PROJECTS = 1  # in which a breakage is tried
MIXED = 4  # breakages in a mixture beside a defect
MIXTURES = 1  # of one project
MIXED_PASSING = 30  # passing tests of a mixture whose coverage is kept
MANY_FAILURES = 150  # a breakage with more is not mixed with others
MIXED_TESTS = 12  # failing tests kept of one breakage in a mixture
_LIMITS = {"message": 1500, "text": 0, "code": 160, "left": 300, "right": 300, "expression": 300}


@dataclass(slots=True)
class Host:
    """A project to break, laid out on disk, with the environments that it runs in."""

    number: int
    release: Release
    root: Path
    ground: Ground
    passing: Mapping[str, set[str]]  # by Python
    alone: list[tuple[Breakage, Broken, str, frozenset[str], tuple[str, ...]]] = field(
        default_factory=list
    )  # defects, what they fail

    @property
    def fold(self) -> int:
        """The fold of the project and of the breakages that it meets."""
        return self.number % FOLDS


class Bench:
    """Runs projects in environments that are built once."""

    def __init__(self) -> None:
        self._builder = EnvironmentBuilder(CACHE, network_variables(os.environ), os.environ.get("PATH", os.defpath))
        self._adapter = PytestAdapter("failures")

    def close(self) -> None:
        """End the warm runners."""
        self._adapter.close()

    def results(self, host: Host, python: str, change: Broken, paths: tuple[str, ...] = ()) -> tuple[CaseResult, ...]:
        """Run a project's chosen tests (or ``paths``) with a change, and note what the tests enter."""
        spec = EnvironmentSpec(
            python=python,
            install=(*PYTHONS[python], *change.install) if change.install else PYTHONS[python],
            pythonpath=host.release.pythonpath,
            variables=change.variables,
        )
        if change.install:  # such versions only: those that the list asks for, beside what the project needs
            spec = replace(spec, install=("pytest", *host.release.install, *change.install))
        environment: Environment = self._builder.ensure(spec, host.root)
        suite = Suite("unit", paths=paths or host.ground.tests, environment=spec, timeout=RUN_SECONDS)
        with Workspace(host.root, environment=environment) as workspace:
            for file, text in change.edits.items():
                path = workspace.source / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            deadline = time.monotonic() + RUN_SECONDS
            done = self._adapter.run(
                workspace, environment, suite, tests=None, collection=None, trace=True, deadline=deadline
            )
        return done.results


def main(arguments: Sequence[str]) -> int:
    """Collect, and write the two files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="only breakages whose label begins like this; for a look")
    parser.add_argument("--resume", action="store_true", help="keep the failures that are stored, run what is missing")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write to")
    parser.add_argument("--seconds", type=float, default=3600.0, help="stop breaking after so long")
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    known = releases()
    download(known.values())
    bench, until = Bench(), time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as scratch:
        hosts = [_host(bench, n, release, Path(scratch)) for n, release in enumerate(known.values())]
        rows = _read(options.out, "failures") if options.resume else []
        told = {(row["project"], row["breakage"]) for row in rows}
        mixtures: list[dict[str, Any]] = []
        for name, row in _all(bench, hosts, options.only, options.seed, until, told):
            (rows if name == "failures" else mixtures).append(row)
            if not (len(rows) + len(mixtures)) % WRITTEN_EACH:
                _write(options.out, "failures", rows)
                _write(options.out, "mixtures", mixtures)
        _write(options.out, "failures", rows)
        _write(options.out, "mixtures", mixtures)
        say(f"{len(rows)} failures: {dict(Counter(row['label'] for row in rows))}; {len(mixtures)} mixtures")
    bench.close()
    return 0


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _read(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / f"{name}.jsonl.gz"
    text = gzip.decompress(path.read_bytes()).decode() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def _write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = "".join(sorted(json.dumps(row, sort_keys=True) + "\n" for row in rows))
    (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines.encode(), 9, mtime=0))


def _host(bench: Bench, number: int, release: Release, scratch: Path) -> Host:
    """Lay a project out, choose the tests to run (its smallest files), and see which pass."""
    root = lay_out(release, scratch / release.name)
    (root / "maestro.yaml").unlink()
    files = [f for entry in release.tests for f in _files(root, entry)]
    files.sort(key=lambda f: (root / f).stat().st_size)
    tests = tuple(sorted(files[:2]))
    modules = tuple(sorted(str(p.relative_to(root)) for g in release.product for p in root.glob(g)))
    chosen = next((m for m in modules if m.endswith("__init__.py")), modules[0])
    imported = chosen.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    host = Host(number, release, root, Ground(root, tests, modules, imported), {})
    passing, covered = {}, dict[str, set[str]]()
    for python in list(PYTHONS)[:1]:
        results = bench.results(host, python, Broken({}))
        passing[python] = {r.id for r in results if r.outcome == "passed"}
        for result in results:
            for file, functions in result.facts.covered.items() if result.facts else ():
                covered.setdefault(file, set()).update(functions)
    host.passing = passing
    host.ground = replace(host.ground, covered={f: tuple(sorted(v)) for f, v in covered.items() if not is_test_file(f)})
    say(f"project {number} ({release.name}): {', '.join(f'{p}: {len(t)} pass' for p, t in passing.items())}")
    return host


def _files(root: Path, entry: str) -> list[str]:
    path = root / entry
    found = [path] if path.is_file() else [p for p in path.rglob("*.py") if re.match(r"test_|.*_test\.py", p.name)]
    return [str(p.relative_to(root)) for p in found]


def _fold(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % FOLDS


def _all(  # noqa: PLR0917 - called once
    bench: Bench, hosts: Sequence[Host], only: str, seed: int, until: float, told: set[tuple[int, str]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the failures of every breakage that fits a project, and the mixtures: what needs few runs first."""
    queue: list[tuple[Host, Breakage, Broken]] = []
    for host in hosts:
        rng = random.Random(f"{seed} {host.number}")  # noqa: S311 - a seed for repeatable choices
        listed = [
            (breakage, change)
            for breakage in breakages()
            if breakage.label.startswith(only) and host in _chosen(breakage, hosts)
            if (change := broken(breakage, host.ground, rng)) is not None
        ]
        together = [made for made in listed if _separable(host, *made)]
        queue += [(host, *made) for made in listed if made not in together and (host.number, made[0].id) not in told]
        if REGRESSION.startswith(only):
            for trap in (t for t in traps() if t.release == host.release.name):
                breakage = Breakage(f"{REGRESSION}-{trap.id.removeprefix(trap.release)}", REGRESSION, {})
                if (host.number, breakage.id) in told:
                    continue
                change = Broken({trap.file: _patched(host.release, trap)})
                paths = tuple(dict.fromkeys(test.partition("::")[0] for test in trap.failing))[:1]
                found = _failures(bench, host, breakage, change, rng, paths=paths)
                yield from (("failures", row) for row in _told(host, breakage, found))
            yield from (("mixtures", row) for row in _mixtures(bench, host, together, rng))
        for steady in (True, False):  # unsteady tests change what others see
            some = [made for made in together if (made[0].label != "flaky_stabilization") is steady]
            if not {(host.number, breakage.id) for breakage, _ in some} & told:
                yield from (("failures", row) for row in _together(bench, host, some))
        say(f"project {host.number}: {len(together)} breakages run together, {len(host.alone)} defects")
    rng = random.Random(seed)  # noqa: S311 - a seed for repeatable choices
    rng.shuffle(queue)
    for number, (host, breakage, change) in enumerate(queue):
        if time.monotonic() > until:
            say(f"out of time: {number} of {len(queue)} breakages were run")
            return
        if not number % 20:
            say(f"{number} of {len(queue)}")
        found = _failures(bench, host, breakage, change, rng)
        yield from (("failures", row) for row in _told(host, breakage, found))


def _patched(release: Release, trap: Trap) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        return (lay_out(release, Path(scratch) / "tree", patch=trap.patch) / trap.file).read_text("utf-8")


def _told(host: Host, breakage: Breakage, results: Sequence[CaseResult]) -> Iterator[dict[str, Any]]:
    for result in _different(results)[: MUTANT_ROWS if breakage.label == REGRESSION else ROWS]:
        yield {
            "project": host.number,
            "fold": host.fold,
            "breakage": breakage.id,
            "label": breakage.label,
            "facts": plain(host.release, result.facts),
        }


def _separable(host: Host, breakage: Breakage, change: Broken) -> bool:
    """Whether a breakage changes one file of tests, and at most adds to the product: so it can have its own copy."""
    changed = [file for file in change.edits if file in host.ground.tests]
    added = "product" in breakage.spec or len(change.edits) == 1
    return len(changed) == 1 and added and not change.install and not change.variables


def _together(bench: Bench, host: Host, made: Sequence[tuple[Breakage, Broken]]) -> Iterator[dict[str, Any]]:
    """Run breakages together, each in its own copy of the file of tests that it changes."""
    edits: dict[str, str] = {}
    copies: dict[str, tuple[Breakage, Broken]] = {}
    for number, (breakage, change) in enumerate(made):
        for file, text in change.edits.items():
            if file in host.ground.tests:
                copy = str(Path(file).with_name(f"test_copy_{number:02d}.py"))
                edits[copy], copies[copy] = text, (breakage, change)
            else:
                known = edits.get(file, (host.root / file).read_text("utf-8"))
                edits[file] = f"{known}\n{breakage.spec['product']}"
    left = dict(copies)
    for python in PYTHONS:
        paths = tuple(left)
        results = bench.results(
            host, python, Broken({f: t for f, t in edits.items() if f not in copies or f in left}), paths
        )
        for copy in paths:
            breakage, _ = copies[copy]
            bad = [r for r in failing(results) if r.file == copy and r.facts and _fits(breakage, r.facts)]
            if bad:
                del left[copy]
                yield from _told(host, breakage, bad)


def _chosen(breakage: Breakage, hosts: Sequence[Host]) -> list[Host]:
    """The projects of a breakage's fold that meet it."""
    same = [h for h in hosts if h.fold == _fold(breakage.id)]
    start = _fold(breakage.id + " start") % max(1, len(same))
    return (same[start:] + same[:start])[:PROJECTS]


def _failures(
    bench: Bench, host: Host, breakage: Breakage, change: Broken, rng: random.Random, *, paths: tuple[str, ...] = ()
) -> list[CaseResult]:
    """Run a broken project; return what fails only since, in the first interpreter where anything does."""
    pythons = list(PYTHONS) if rng.random() < 0.6 else list(reversed(PYTHONS))
    for python in pythons[: 1 if breakage.label == REGRESSION else 2]:
        try:
            results = bench.results(host, python, change, paths)
        except EnvironmentBuildError as error:
            say(f"  {breakage.id}: {str(error).splitlines()[0][:150]}")
            continue
        bad = [r for r in failing(results) if r.facts is not None and _fits(breakage, r.facts)]
        if bad and breakage.label == REGRESSION and len(bad) < MANY_FAILURES:
            host.alone.append((breakage, change, python, frozenset(r.id for r in bad), paths))
        if bad:
            return bad
    return []


def _fits(breakage: Breakage, facts: Facts) -> bool:
    """Whether a failure is of the breakage's kind: not of a library that could not be had, for instance."""
    kind = facts.exception.rsplit(".", 1)[-1]
    if breakage.label == "assertion_update":
        return is_assertion(facts)
    if breakage.label == "api_contract_adaptation":
        return kind != "ModuleNotFoundError"
    if breakage.label == "syntax_repair":
        return kind in {"SyntaxError", "IndentationError", "TabError"}
    return True


def _different(results: Sequence[CaseResult]) -> list[CaseResult]:
    """One failure of each kind of place and exception."""
    found: dict[tuple[Any, ...], CaseResult] = {}
    for result in results:
        facts = result.facts
        assert facts is not None
        frames = tuple((f.in_project, is_test_file(f.file), f.distribution) for f in facts.frames[-3:])
        found.setdefault((facts.phase, facts.exception, frames, facts.message[:40]), result)
    return list(found.values())


def _mixtures(
    bench: Bench, host: Host, listed: Sequence[tuple[Breakage, Broken]], rng: random.Random
) -> Iterator[dict[str, Any]]:
    """Yield runs with a defect of the product and breakages of tests at once, and what each failing test is owed to.

    The breakages of tests are in files of their own, so their failures are known by the file; those of the defect by
    the run with it alone.
    """
    fit = [made for made in listed if "test" in made[0].spec and "product" not in made[0].spec]
    for defect, change, python, tests, paths in host.alone[:MIXTURES]:
        edits, owner = dict(change.edits), dict[str, str]()
        for number, (breakage, added) in enumerate(rng.sample(fit, k=min(MIXED, len(fit)))):
            copy = str(Path(host.ground.tests[0]).with_name(f"test_more_{number:02d}.py"))
            ((file, text),) = added.edits.items()
            edits[copy] = text.removeprefix((host.root / file).read_text("utf-8"))
            owner[copy] = breakage.id
        everything = bench.results(host, python, Broken(edits), (*paths, *owner))
        owed = {r.id: owner.get(r.file) or (defect.id if r.id in tests else "") for r in failing(everything)}
        kept = [
            r
            for cause in (defect.id, *owner.values())
            for r in [r for r in failing(everything) if owed[r.id] == cause][:MIXED_TESTS]
        ]
        if len({owed[r.id] for r in kept}) > 1:
            yield {
                "project": host.number,
                "results": [_renamed(host.release, _shortened({**dump(r), "cause": owed[r.id]})) for r in kept],
                "passing": _renamed(host.release, _entered_by_passing(everything)),
            }


def _entered_by_passing(results: Sequence[CaseResult]) -> list[Mapping[str, Sequence[str]]]:
    """What each of some passing tests enters, each set once."""
    passing = [r.facts.covered for r in results if r.outcome == "passed" and r.facts is not None]
    kept = {json.dumps(dump_covered, sort_keys=True): dump_covered for dump_covered in map(dict, passing)}
    return list(kept.values())[:MIXED_PASSING]


def plain(release: Release, facts: Facts | None) -> Any:
    """Return facts as JSON without the project's name and without what is only long."""
    return _renamed(release, _shortened(dump(facts)))


def _shortened(data: Any, key: str = "") -> Any:
    if isinstance(data, dict):
        return {k: _shortened(v, k) for k, v in data.items() if k not in {"available", "owner_bases", "seconds"}}
    if isinstance(data, list):
        kept = data[:2] + data[-8:] if key == "frames" and len(data) > 10 else data[:20]
        return [_shortened(v) for v in kept]
    return data[: _LIMITS.get(key, 400)] if isinstance(data, str) else data


def _renamed(release: Release, data: Any) -> Any:
    own = {release.name, release.name.replace("-", "_"), Path(release.product[0].removeprefix("src/")).parts[0]}
    pattern = "|".join(sorted(map(re.escape, own), key=len, reverse=True))
    return _replaced(re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])"), data)


def _replaced(own: re.Pattern[str], data: Any) -> Any:
    """Put "product" for names in all texts of JSON data."""
    if isinstance(data, dict):
        return {own.sub("product", key): _replaced(own, value) for key, value in data.items()}
    if isinstance(data, list):
        return [_replaced(own, value) for value in data]
    return own.sub("product", data) if isinstance(data, str) else data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
