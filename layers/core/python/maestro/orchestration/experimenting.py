"""Run experiments in the sandbox: tests in a stated order, alone, or while the machine is busy."""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro import adapters
from maestro.adapters import Adapter
from maestro.healing.experiments import Experiment, Observation
from maestro.healing.leaning import smallest
from maestro.model import CaseResult, Outcome, Suite
from maestro.orchestration.aside import moved_aside
from maestro.registry import Environment, Workspace

PLUGIN = "_maestro_experiment"
ORIGINS = "_maestro_origins"
MAX_LOAD = 16
MAX_RECORDED_BYTES = 4_000_000
MAX_RECORDED_CHANGES = 60  # per test
MARGIN_SECONDS = 5.0
MAX_SEARCH_RUNS = 60  # of one search for what a test leans on
_BUSY = """
import os, sys, time
end = time.monotonic() + float(sys.argv[1])
parent = os.getppid()
while time.monotonic() < end and os.getppid() == parent:
    sum(range(20000))
"""

Changed = dict[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Where experiments are run: a suite in its environment on a tree that nobody changes."""

    adapter: Adapter
    environment: Environment
    suite: Suite
    tree: Path
    deadline: float  # a ``time.monotonic()`` value

    def observe(self, experiment: Experiment) -> Observation:
        """Carry out one experiment; what could not be run in time is a problem of the observation."""
        if experiment.order == "needed":
            return self._needed(experiment)
        started = time.monotonic()
        watched = experiment.watch or experiment.tests or ()
        outcomes: dict[str, list[str]] = {test: [] for test in watched}
        changed: Changed = {}
        origins: dict[str, Mapping[str, Any]] = {}
        ran: tuple[str, ...] = ()
        compared: dict[str, list[str]] = {test: [] for test in watched} if experiment.hashing else {}
        for number in range(experiment.repeat):
            if time.monotonic() > self.deadline - MARGIN_SECONDS:
                break
            draws = experiment.draws + number if experiment.draws else 0
            hashing = experiment.hashing + number if experiment.hashing else 0
            results, seen, found = self._once(dataclasses.replace(experiment, draws=draws, hashing=hashing))
            ran = ran or tuple(r.id for r in results if "::" in r.id)
            changed, origins = changed or seen, origins or found
            for test in watched:
                outcomes[test].append(next((r.outcome.value for r in results if r.id == test), "absent"))
            for test, told in compared.items():
                told.append(next((_compared(r) for r in results if r.id == test), ""))
        missing = (
            "" if ran else "there was no time left to run it" if time.monotonic() > self.deadline else "nothing ran"
        )
        return Observation(
            name=experiment.name,
            outcomes={test: tuple(seen) for test, seen in outcomes.items()},
            changed=changed,
            ran=ran,
            seconds=round(time.monotonic() - started, 3),
            problem=missing,
            origins=origins,
            environment=self.environment.facts if experiment.patch or experiment.sought else None,
            compared={test: tuple(told) for test, told in compared.items()},
        )

    def _needed(self, experiment: Experiment) -> Observation:
        """Find the fewest tests before the last one with which all of them pass, by running them again and again."""
        started = time.monotonic()
        *before, last = experiment.tests or ("",)
        tried = 0

        def passes(chosen: Sequence[str]) -> bool:
            nonlocal tried
            if tried >= MAX_SEARCH_RUNS or time.monotonic() > self.deadline - MARGIN_SECONDS:
                return False  # what is not looked at is not left out
            tried += 1
            results, _ = self.once(dataclasses.replace(experiment, tests=(*chosen, last), order="given"))
            green = {r.id for r in results if r.outcome is Outcome.PASSED}
            return green >= {*chosen, last}

        found = smallest(before, passes)
        return Observation(
            name=experiment.name,
            outcomes={last: ("failed" if found is None else "passed",)},
            ran=() if found is None else (*found, last),
            seconds=round(time.monotonic() - started, 3),
            problem="the tests before it do not make it pass" if found is None else "",
        )

    def once(self, experiment: Experiment) -> tuple[tuple[CaseResult, ...], Changed]:
        """Run an experiment's tests once; return their results in the order of the run, and the state they changed."""
        results, changed, _ = self._once(experiment)
        return results, changed

    def _once(self, experiment: Experiment) -> tuple[tuple[CaseResult, ...], Changed, dict[str, Mapping[str, Any]]]:
        with busy(experiment.load, max(1.0, self.deadline - time.monotonic())):
            if experiment.order == "alone":
                parts = [self._run((test,), experiment) for test in experiment.tests or ()]
                results = tuple(r for found, _, _ in parts for r in found)
                changed = {test: c for _, each, _ in parts for test, c in each.items()}
                return results, changed, {test: o for _, _, each in parts for test, o in each.items()}
            return self._run(ordered(experiment), experiment)

    def _run(
        self, tests: Sequence[str] | None, experiment: Experiment
    ) -> tuple[tuple[CaseResult, ...], Changed, dict[str, Mapping[str, Any]]]:
        with (
            moved_aside(experiment.away, self.deadline),
            Workspace(self.tree, environment=self.environment) as workspace,
        ):
            folder = workspace.control / "experiment"
            folder.mkdir()
            guest = Path(adapters.__file__).parent / "guest"
            for name, plugin in (("watching", PLUGIN), ("origins", ORIGINS)):
                shutil.copyfile(guest / f"{name}.py", folder / f"{plugin}.py")
            out, told = folder / "changes.jsonl", folder / "told.json"
            said = {"order": list(tests or ()), "record": experiment.record, "listing": experiment.listing}
            said |= {"draws": experiment.draws, "clock": experiment.clock}
            told.write_text(json.dumps({**said, "root": str(workspace.source), "out": str(out)}))
            seen, asked = folder / "origins.jsonl", folder / "sought.json"
            if experiment.sought:
                sought = {test: [dict(s) for s in each] for test, each in experiment.sought.items()}
                asked.write_text(json.dumps({"sought": sought, "root": str(workspace.source), "out": str(seen)}))
            done = self.adapter.run(
                workspace,
                self.environment,
                _told(self.suite, folder, told, asked if experiment.sought else None, experiment.hashing),
                tests=None if tests is None else list(tests),
                collection=None,
                deadline=self.deadline,
            )
            changed = _recorded(out) if experiment.record else {}
            origins = _found(seen)
        if tests is None:
            return done.results, changed, origins
        places = {test: place for place, test in enumerate(tests)}
        return tuple(sorted(done.results, key=lambda r: places.get(r.id, len(places)))), changed, origins


def ordered(experiment: Experiment) -> tuple[str, ...] | None:
    """Return the ids of an experiment in the order in which to run them; None for the tool's own order."""
    if experiment.tests is None:
        return None
    tests = list(experiment.tests)
    if experiment.order == "reversed":
        tests.reverse()
    elif experiment.order == "shuffled":
        random.Random(experiment.seed).shuffle(tests)  # noqa: S311 - an order, not a secret
    return tuple(tests)


def _compared(result: CaseResult) -> str:
    """What a failed assertion held against each other; "" where none did."""
    told = result.facts.assertion if result.facts is not None and result.outcome.bad else {}
    return json.dumps([told.get("left"), told.get("right")]) if "left" in told else ""


def _told(suite: Suite, folder: Path, told: Path, sought: Path | None, hashing: int) -> Suite:
    """The suite with the watching plugin, and the one that looks for origins where something is sought."""
    spec = suite.environment
    path = os.pathsep.join(filter(None, [spec.variables.get("PYTHONPATH", ""), str(folder)]))
    variables = {**spec.variables, "PYTHONPATH": path, "MAESTRO_EXPERIMENT": str(told)}
    if hashing:  # has to be there when the interpreter starts
        variables["PYTHONHASHSEED"] = str(hashing)
    plugins = ["-p", PLUGIN]
    if sought is not None:
        variables["MAESTRO_ORIGINS"] = str(sought)
        plugins += ["-p", ORIGINS]
    environment = dataclasses.replace(spec, variables=variables)
    return dataclasses.replace(suite, args=(*plugins, *suite.args), environment=environment)


def _recorded(out: Path) -> Changed:
    """Read what the plugin wrote, which the tests may have written as well: only well-formed lines count."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for data in _lines(out):
        if isinstance(data.get("changed"), list):
            changes = [change for change in data["changed"] if isinstance(change, dict)][:MAX_RECORDED_CHANGES]
            found[data["test"]] = tuple(changes)
    return found


def _found(out: Path) -> dict[str, Mapping[str, Any]]:
    """Read where values come from; of a test that told it several times, nothing."""
    told: dict[str, list[Mapping[str, Any]]] = {}
    for data in _lines(out):
        told.setdefault(data["test"], []).append(data)
    return {
        test: said[0] for test, said in told.items()
        if len(said) == 1 and not said[0].get("problem") and _well_formed(said[0])
    }  # fmt: skip


def _well_formed(said: Mapping[str, Any]) -> bool:
    entered, origins = said.get("entered"), said.get("origins")
    if not isinstance(entered, list) or not isinstance(origins, list):
        return False
    words = ("by", "module", "function", "text", "whole")
    return all(isinstance(f, str) for f in entered) and all(
        isinstance(o, dict) and all(isinstance(o.get(w), str) for w in words) and isinstance(o.get("given"), list)
        for o in origins
    )


def _lines(out: Path) -> Iterator[dict[str, Any]]:
    if not out.is_file() or out.is_symlink() or out.stat().st_size > MAX_RECORDED_BYTES:
        return
    for line in out.read_text("utf-8", "replace").splitlines():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if isinstance(data, dict) and isinstance(data.get("test"), str):
            yield data


@contextmanager
def busy(processes: int, seconds: float) -> Iterator[None]:
    """Keep the machine busy meanwhile with so many processes, which end with this process or after ``seconds``."""
    command = [sys.executable, "-I", "-S", "-c", _BUSY, str(seconds)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(min(processes, MAX_LOAD)):
            started.append(  # noqa: PERF401 - one that fails to start must not lose the others
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", env={})
            )
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()
