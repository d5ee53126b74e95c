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
from maestro.model import CaseResult, Suite
from maestro.registry import Environment, Workspace

PLUGIN = "_maestro_experiment"
MAX_LOAD = 16
MAX_RECORDED_BYTES = 4_000_000
MAX_RECORDED_CHANGES = 60  # per test
MARGIN_SECONDS = 5.0
_BUSY = """
import os, sys, time
end = time.monotonic() + float(sys.argv[1])
parent = os.getppid()
while time.monotonic() < end and os.getppid() == parent:
    sum(range(20000))
"""


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
        started = time.monotonic()
        watched = experiment.watch or experiment.tests or ()
        outcomes: dict[str, list[str]] = {test: [] for test in watched}
        changed: dict[str, tuple[Mapping[str, Any], ...]] = {}
        ran: tuple[str, ...] = ()
        for _ in range(experiment.repeat):
            if time.monotonic() > self.deadline - MARGIN_SECONDS:
                break
            results, seen = self.once(experiment)
            ran = ran or tuple(r.id for r in results if "::" in r.id)
            changed = changed or seen
            for test in watched:
                outcomes[test].append(next((r.outcome.value for r in results if r.id == test), "absent"))
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
        )

    def once(self, experiment: Experiment) -> tuple[tuple[CaseResult, ...], dict[str, tuple[Mapping[str, Any], ...]]]:
        """Run an experiment's tests once; return their results in the order of the run, and the state they changed."""
        with busy(experiment.load, max(1.0, self.deadline - time.monotonic())):
            if experiment.order == "alone":
                parts = [
                    self._run((test,), record=experiment.record, listing=experiment.listing)
                    for test in experiment.tests or ()
                ]
                results = tuple(r for found, _ in parts for r in found)
                return results, {test: c for _, changed in parts for test, c in changed.items()}
            return self._run(ordered(experiment), record=experiment.record, listing=experiment.listing)

    def _run(
        self, tests: Sequence[str] | None, *, record: bool, listing: str
    ) -> tuple[tuple[CaseResult, ...], dict[str, tuple[Mapping[str, Any], ...]]]:
        with Workspace(self.tree, environment=self.environment) as workspace:
            folder = workspace.control / "experiment"
            folder.mkdir()
            shutil.copyfile(Path(adapters.__file__).parent / "guest" / "watching.py", folder / f"{PLUGIN}.py")
            out, told = folder / "changes.jsonl", folder / "told.json"
            said = {"order": list(tests or ()), "record": record, "listing": listing}
            told.write_text(json.dumps({**said, "root": str(workspace.source), "out": str(out)}))
            done = self.adapter.run(
                workspace,
                self.environment,
                _told(self.suite, folder, told),
                tests=None if tests is None else list(tests),
                collection=None,
                deadline=self.deadline,
            )
            changed = _recorded(out) if record else {}
        if tests is None:
            return done.results, changed
        places = {test: place for place, test in enumerate(tests)}
        return tuple(sorted(done.results, key=lambda r: places.get(r.id, len(places)))), changed


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


def _told(suite: Suite, folder: Path, told: Path) -> Suite:
    """The suite with the watching plugin."""
    spec = suite.environment
    path = os.pathsep.join(filter(None, [spec.variables.get("PYTHONPATH", ""), str(folder)]))
    variables = {**spec.variables, "PYTHONPATH": path, "MAESTRO_EXPERIMENT": str(told)}
    environment = dataclasses.replace(spec, variables=variables)
    return dataclasses.replace(suite, args=("-p", PLUGIN, *suite.args), environment=environment)


def _recorded(out: Path) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Read what the plugin wrote, which the tests may have written as well: only well-formed lines count."""
    if not out.is_file() or out.is_symlink() or out.stat().st_size > MAX_RECORDED_BYTES:
        return {}
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for line in out.read_text("utf-8", "replace").splitlines():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if isinstance(data, dict) and isinstance(data.get("test"), str) and isinstance(data.get("changed"), list):
            changes = [change for change in data["changed"] if isinstance(change, dict)][:MAX_RECORDED_CHANGES]
            found[data["test"]] = tuple(changes)
    return found


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
