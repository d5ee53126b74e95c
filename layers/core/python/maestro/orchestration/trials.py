"""A trial in the sandbox: a candidate's tests, then the proof: repeats, the whole suite, mutants.

Before each of these runs the trial looks whether a candidate that would be preferred is proven already. Each of them
may take so many times what the suite took as submitted (:mod:`maestro.orchestration.pacing`). Where the first is
stopped, tests that nobody could see before count if they were green by then; the others are left to the next pass.
"""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from maestro.adapters import Adapter, unfinished
from maestro.healing import collecting, mutation, racing
from maestro.healing.attempt import Attempt, Policy
from maestro.healing.judge import files
from maestro.model import CaseResult, Mutation, Outcome, Suite, Trial, TrialStatus, dump_json, failing, load_json
from maestro.orchestration import pacing
from maestro.orchestration.aside import moved_aside
from maestro.orchestration.errors import OvertakenError, TooSlowError, TransferError
from maestro.orchestration.experimenting import Laboratory
from maestro.orchestration.orders import Race, TrialOrder
from maestro.orchestration.pacing import GREEN
from maestro.orchestration.transfer import AbsentError, Transfer
from maestro.registry import Environment, Workspace

logger = logging.getLogger(__name__)

# A suite that ran in less than this is tried whole at once: that costs about as much as a second start.
WHOLE_SUITE_SECONDS = 1.0
MARGIN_SECONDS = 10.0
MUTANT_SECONDS = 20.0  # for all mutants of a candidate together
REPEAT_SECONDS = 30.0  # after which one shuffled order is enough
MANY_TESTS = 200  # so many tests run once more in another order, not in their own as well


@dataclass(slots=True)
class Stopwatch:
    """What a trial's seconds are spent on, by name."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Count what is done meanwhile."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.spent[name] = round(self.spent.get(name, 0.0) + time.monotonic() - started, 3)


@dataclass(slots=True)
class Racer:
    """A candidate's view of its round's race. ``failing`` counts what fails with it, once its suite was run."""

    race: Race | None
    transfer: Transfer
    failing: int | None = None

    def look(self) -> None:
        """Stop the trial if it cannot win any more.

        Raises
        ------
        OvertakenError
            If a candidate that would be preferred is proven.
        """
        if self.race is not None and racing.overtaken(self.race.candidate, self.failing, self._first(self.race)):
            raise OvertakenError("another candidate, which would be preferred, was proven first")

    def costly(self, order: TrialOrder, trial: Trial, before: Path, after: Path) -> bool:
        """Whether the run of the whole suite shows that the candidate cannot be kept."""
        return self.race is not None and racing.costly(_attempt(self.race, order, trial, before, after))

    @property
    def unsteady(self) -> bool:
        """Whether the failure comes and goes, so that its other runs tell something."""
        return self.race is not None and self.race.failure.flaky

    def collected(self, trial: Trial) -> bool:
        """Whether files that could not be collected are collected now, which is worth a second look."""
        race = self.race
        return race is not None and not race.candidate.workaround and bool(collecting.again(race.failure, trial))

    def finish(self, order: TrialOrder, trial: Trial, before: Path, after: Path) -> None:
        """Leave the mark if the trial proves its candidate, unless a better one has left it."""
        if self.race is None:
            return
        done = racing.proven(_attempt(self.race, order, trial, before, after))
        if done is None or racing.overtaken(done.candidate, done.left, self._first(self.race)):
            return
        try:
            self.transfer.put(self.race.put_url, dump_json(done))
        except TransferError as error:
            logger.warning("The others of the round run on: %s", error)

    def _first(self, race: Race) -> racing.Proven | None:
        """Return who is proven. A race that cannot be seen is one without others: it costs time and nothing else."""
        try:
            return load_json(racing.Proven, self.transfer.get(race.get_url))
        except AbsentError:
            return None
        except TransferError as error:
            logger.warning("The trial goes on without a look at the others: %s", error)
            return None


def _attempt(race: Race, order: TrialOrder, trial: Trial, before: Path, after: Path) -> Attempt:
    """Return a trial with what the judge will hold it against."""
    baseline = order.origin_results if order.origin else order.before
    policy = Policy(flaky=frozenset(race.flaky), history=race.history)
    return Attempt(race.failure, race.candidate, trial, baseline, before, after, policy)


@dataclass(frozen=True, slots=True)
class Known:
    """What the whole suite showed with the order's patch in the trial for another failure of the same pass."""

    order: TrialOrder
    transfer: Transfer

    def useless(self, racer: Racer, before: Path, after: Path) -> Trial | None:
        """Return a finished trial if that run shows already that the candidate does not help here; else None."""
        if self.order.shared is None:
            return None
        try:
            whole = load_json(tuple[CaseResult, ...], self.transfer.get(self.order.shared.get_url))
        except TransferError:
            return None
        target = _about(self.order.tests, whole)
        trial = Trial(candidate=self.order.candidate, status=TrialStatus.RAN, target=target)
        if not _better(self.order, target):
            return trial
        trial = replace(trial, suite=whole)
        return trial if racer.costly(self.order, trial, before, after) else None

    def tell(self, whole: Sequence[CaseResult]) -> None:
        """Leave what the suite showed, for the others."""
        if self.order.shared is None:
            return
        try:
            self.transfer.put(self.order.shared.put_url, dump_json(tuple(whole), tuple[CaseResult, ...]))
        except TransferError as error:
            logger.warning("The other failures run the suite themselves: %s", error)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a candidate is tried: ``tree`` is with its patch, ``suite`` and ``environment`` are as that makes them."""

    order: TrialOrder
    suite: Suite
    adapter: Adapter
    environment: Environment
    tree: Path
    deadline: float  # a ``time.monotonic()`` value
    racer: Racer
    watch: Stopwatch
    known: Known

    def prove(self, before: Path) -> Trial:
        """Run the failure's tests, the whole suite, the repeats and mutants, for as long as they can prove something.

        ``before`` is the source's tree, with none of the changes that the heal has kept.

        Raises
        ------
        OvertakenError
            If a candidate that would be preferred is proven meanwhile.
        TooSlowError
            If a run takes longer than it may; not if some tests of the first were green by then.
        """
        order = self.order
        wanted = None if "<session>" in order.tests else order.tests
        at_once = wanted is None or sum(r.seconds for r in order.before) < WHOLE_SUITE_SECONDS
        with self.watch.at("target"):
            results = self._limited(None if at_once else wanted)
        first, left = pacing.finished(results)
        target = _about(order.tests, first)
        green = [r.id for r in target if r.outcome in GREEN and "::" in r.id]
        if left and (not green or {r.id for r in _about(order.tests, order.before)}.intersection(left)):
            raise self._too_slow(results)
        trial = Trial(candidate=order.candidate, status=TrialStatus.RAN, target=target, unfinished=left)
        if at_once and not left:
            self.known.tell(first)
        if not _better(order, target):
            return trial
        with self.watch.at("suite"):
            whole = self._run(self._beside(green)) if left else first if at_once else self._run(None)
        if not at_once and not left:
            self.known.tell(whole)
        trial = replace(trial, suite=whole)
        self.racer.failing = racing.left(trial)
        if self.racer.costly(order, trial, before, self.tree):
            return trial
        again = [] if at_once and not left else [_about(order.tests, whole)]  # the first run was of others, or fewer
        if not any(r.outcome in GREEN for r in target):
            if self.racer.collected(trial):
                with self.watch.at("repeats"):
                    trial = replace(trial, repeats=tuple(again or [_about(order.tests, self._run(wanted))]))
            return trial
        with self.watch.at("repeats"):
            trial = replace(trial, repeats=(*again, *self._repeated(wanted, target, len(again))))
        with self.watch.at("mutants"):
            trial = replace(trial, mutation=self._mutants(before, trial))
        self.racer.finish(order, trial, before, self.tree)
        return trial

    def _repeated(
        self, wanted: Sequence[str] | None, target: Sequence[CaseResult], done: int
    ) -> list[tuple[CaseResult, ...]]:
        """Run what became green again: in its own order unless that is done, in shuffled ones, and under stress.

        What took long is run in one shuffled order, and not in its own as well.
        """
        order, begun = self.order, time.monotonic()
        slow = len(target) > MANY_TESTS or self.watch.spent["target"] > pacing.SLOW_SECONDS
        if not self.racer.unsteady and not order.stress:
            touched = files(order.race.candidate.patch if order.race is not None else order.patch)
            wanted = pacing.worth_repeating(target, wanted, touched, self.watch.spent["target"])
        repeats = [_about(order.tests, self._run(wanted))] if not done and not slow else []
        # A shuffled order can upset tests that lean on each other: one that then passes on its own is only flaky.
        for seed in range(1, 2 if slow else order.repeats):
            now = time.monotonic()
            if now > self.deadline - MARGIN_SECONDS or (seed > 1 and now - begun > REPEAT_SECONDS):
                break
            repeats.append(_about(order.tests, self._run(wanted, seed=seed, retries=1)))
        return repeats + self._stressed()

    def _beside(self, green: Sequence[str]) -> list[str]:
        """Return the ids of the suite's run where the failure's tests take too long: all the others, and green ones."""
        order = self.order
        mine = {r.id for r in _about(order.tests, order.before)}
        return list(dict.fromkeys([*(r.id for r in order.before if r.id not in mine), *green]))

    def _mutants(self, before: Path, trial: Trial) -> Mutation | None:
        """See whether the tests that became green notice defects in what they cover."""
        now = time.monotonic()
        setting = mutation.Setting(
            before=before,
            after=self.tree,
            earlier=self.order.origin_results if self.order.origin else self.order.before,
            first=trial.suite,
            target=trial.target,
            repeats=trial.repeats,
            seed=int(hashlib.sha256(self.order.patch.encode()).hexdigest()[:8], 16),
            until=now + min(MUTANT_SECONDS, max(0.0, self.deadline - now) / 4),
        )
        return mutation.experiment(setting, self._run_mutant)

    def _run(self, tests: Sequence[str] | None, *, seed: int | None = None, retries: int = 0) -> tuple[CaseResult, ...]:
        """Run tests to their end.

        Raises
        ------
        TooSlowError
            If that takes longer than it may.
        """
        results = self._limited(tests, seed=seed, retries=retries)
        if any(unfinished(r) for r in results):
            raise self._too_slow(results)
        return results

    def _limited(
        self, tests: Sequence[str] | None, *, seed: int | None = None, retries: int = 0
    ) -> tuple[CaseResult, ...]:
        """Run tests for as long as they may take."""
        self.racer.look()
        limit = time.monotonic() + pacing.run_seconds(self.order.suite_seconds)
        with (
            moved_aside((), min(limit, self.deadline)),
            Workspace(self.tree, environment=self.environment) as workspace,
        ):
            done = self.adapter.run(
                workspace,
                self.environment,
                self.suite,
                tests=tests,
                collection=None,
                shuffle_seed=seed,
                deadline=min(limit, self.deadline),
                retries=retries,
            )
        return done.results

    def _too_slow(self, results: Sequence[CaseResult]) -> TooSlowError:
        if time.monotonic() >= self.deadline:
            return TooSlowError("the time for healing was over while it was tried")
        seconds = self.order.suite_seconds
        return TooSlowError(pacing.too_slow(results, pacing.run_seconds(seconds), seconds))

    def _run_mutant(
        self, tree: Path, tests: Sequence[str], *, mutant: mutation.Mutant | None, trace: bool, deadline: float
    ) -> tuple[CaseResult, ...]:
        self.racer.look()
        with moved_aside((), deadline), Workspace(tree, environment=self.environment) as workspace:
            if mutant is not None:
                mutation.write(workspace.source, mutant)
            done = self.adapter.run(
                workspace, self.environment, self.suite, tests=tests, collection=None, trace=trace, deadline=deadline
            )
        return done.results

    def _stressed(self) -> list[tuple[CaseResult, ...]]:
        """Repeat the runs that revealed a flaky test; a run that there was no time for counts as a failed one."""
        place = Laboratory(self.adapter, self.environment, self.suite, self.tree, self.deadline)
        done: list[tuple[CaseResult, ...]] = []
        for experiment in self.order.stress:
            for _ in range(experiment.repeat):
                self.racer.look()
                in_time = time.monotonic() < self.deadline - MARGIN_SECONDS
                done.append(_about(self.order.tests, place.once(experiment)[0]) if in_time else ())
        return done


def _about(tests: Sequence[str], results: Sequence[CaseResult]) -> tuple[CaseResult, ...]:
    """Select the results that tell how the tests (ids, files, or the whole session) fared."""
    if "<session>" in tests:
        return tuple(results)
    wanted = set(tests)
    folders = tuple(f"{test}/" for test in wanted if "::" not in test and not test.endswith(".py"))

    def tells(result: CaseResult) -> bool:
        known = {result.id, result.file, result.id.split("::")[0]}
        return bool(known & wanted) or result.id == "<session>" or result.id.startswith(folders)

    return tuple(filter(tells, results))


def _better(order: TrialOrder, target: Sequence[CaseResult]) -> bool:
    """Whether anything that failed before passes now, or fails in another way."""

    def face(result: CaseResult) -> tuple[str, str]:
        return (result.facts.exception, result.facts.message) if result.facts else ("", result.message)

    if any(r.outcome is Outcome.PASSED for r in target):
        return True
    before = {face(r) for r in order.before if r.id in set(order.tests)}
    return any(face(r) not in before for r in failing(target))
