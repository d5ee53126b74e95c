"""The experiments of one heal: what is still to be found out about a failure, and what the answers say."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from maestro.config import load_config
from maestro.healing import leaning, swaps
from maestro.healing._clock import passed
from maestro.healing._draws import draws
from maestro.healing._hashing import unordered
from maestro.healing._leftover import fixed, outside
from maestro.healing._roles import is_test_file
from maestro.healing.base import Project
from maestro.healing.bases import Green, bases, related, touched
from maestro.healing.diagnosis import lists_folders, shares_state, timed
from maestro.healing.experiments import Experiment, Ground, Observation, conclude, plan, wanted
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.releasing import worked_on
from maestro.model import CaseResult, Failure, Run, RunStatus, Suite, load_json
from maestro.orchestration.orders import Desk, EnvironmentArchive, ExperimentAnswer, ExperimentOrder, Source
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.sources import Sources
from maestro.orchestration.steps import environment_answers

EXPERIMENT_SECONDS = 240.0
RECENT_RUNS = 50  # among which a green one of the same project is looked for


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked about one failure. ``step`` counts the steps asked so far; ``results`` are the suite's own."""

    runs: RunStore
    blobs: BlobStore
    sources: Sources
    run: Run
    key: str
    step: int
    results: tuple[CaseResult, ...]
    cores: int

    def found_out(self, failure: Failure, project: Project) -> tuple[Failure, list[Experiment]]:
        """Read what experiments have told so far; return the failure with it, and what is still to be found out."""
        ground = Ground(
            results=self.results,
            timed=timed(failure, project),
            shared=shares_state(failure, project),
            listing=lists_folders(failure, project),
            draws=draws(failure, project),
            unordered=unordered(failure),
            outside=outside(failure, project),
            fixed=fixed(failure, project),
            dates=self._dates(failure, project),
            cores=self.cores,
        )
        told = [self._told(step) for step in range(self.step)]
        leans = leaning.wanted(failure, ground)
        if leans and leaning.leaning(failure, told):
            if asked := leaning.search(failure, ground, told):
                return failure, asked
            with self._last_green(failure.suite, project) as green:
                changed = touched(project, green, self.run.changes)
            product = [file for file in changed if not is_test_file(file)]
            return leaning.conclude(failure, ground, told, product), []
        asked = plan(failure, ground, told)
        if leans and not told:
            asked += leaning.first(failure, ground, asked)
        if asked:
            return failure, asked
        found = failure if leans and not wanted(failure, ground) else conclude(failure, told)
        expected = swaps.expectations(found, self.results, project.root) if swaps.wanted(found) else ()
        if not expected:
            return found, []
        if not swaps.asked(told):
            with self._last_green(failure.suite, project) as green:
                asked = swaps.first(expected, bases(failure, project, green))
        elif not swaps.answered(told):
            asked = swaps.second(expected, told)
        if asked:
            return failure, asked
        own = Evidence(failure, project).own_distributions
        with self._last_green(failure.suite, project) as green:
            changed = touched(project, green, self.run.changes)
        return swaps.conclude(found, expected, told, changed, own), []

    def _dates(self, failure: Failure, project: Project) -> tuple[datetime, ...]:
        """Return the dates that tests state which fail every time, and that have passed since somebody saw them pass.

        A date that was over when the project was last worked on had its place in a test that passed.
        """
        found = () if failure.flaky else passed(failure, project, datetime.fromisoformat(self.run.created_at))
        since = worked_on(Evidence(failure, project), self.run.changes) if found else None
        return tuple(date for date in found if since is not None and date > since)

    def ask(
        self, experiments: Sequence[Experiment], source: Source, suite: Suite, archive: EnvironmentArchive
    ) -> list[Mapping[str, str]]:
        """Order the experiments of the next step, each in a sandbox of its own; return the sandboxes' URLs."""
        desk = Desk(self.blobs)
        return [
            desk.issue(
                self._name(self.step, number),
                ExperimentOrder(source, suite, (experiment,), EXPERIMENT_SECONDS, archive),
            )
            for number, experiment in enumerate(experiments)
        ]

    def _told(self, step: int) -> list[Observation]:
        """Return the answers to one step's experiments; a sandbox that broke off saw nothing."""
        prefix = f"{self.key}/experiments-{step}/"
        numbers = sorted(int(k.removeprefix(prefix).partition(".")[0]) for k in self.blobs.list(prefix)
                         if k.endswith(".order.json"))  # fmt: skip
        found: list[Observation] = []
        for name in (self._name(step, number) for number in numbers):
            answer = Desk(self.blobs).answer(name, ExperimentAnswer)
            if answer is None or answer.error:
                order = load_json(ExperimentOrder, self.blobs.get(name + ".order.json"))
                problem = answer.error if answer is not None else "its sandbox broke off"
                found += [Observation(e.name, problem=problem) for e in order.experiments]
            else:
                found += answer.observations
        return found

    def _name(self, step: int, number: int) -> str:
        return f"{self.key}/experiments-{step}/{number}"

    @contextmanager
    def _last_green(self, suite: str, project: Project) -> Iterator[Green | None]:
        """Give the project's last run in which everything passed, as far as it is still kept."""
        tenant, name = self.run.tenant, self.run.project
        known = self.runs.list_runs(tenant, limit=RECENT_RUNS).items
        last = next((r for r in known if r.project == name and r.status is RunStatus.PASSED), None)
        if last is None or not self.blobs.exists(last.source):
            yield None
            return
        with self.sources.checkout(last.source) as tree:
            if not related(project.root, tree):  # another project of the same name
                yield None
                return
            answers = environment_answers(self.blobs, load_config(tree), tenant, last.id, 0)
            facts = [a.facts for a in answers if a.facts is not None and any(c.suite == suite for c in a.collections)]
            yield Green(last.created_at, tree, facts[0]) if facts else None
