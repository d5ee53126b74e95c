"""Run mutants of what healed tests cover, before and after the patch, until it is certain whether the tests still look.

What the original tests killed can only be seen where they could run. So there are two questions:

- Of tests that passed before the patch and that it edits: is there a mutant that they killed and now let live?
- Of tests that could not run before: do they kill any mutant at all? If not, they look at nothing.

This decides what is run and notes what came of it; the gate ``proof.mutation`` judges it.
"""

import ast
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from maestro.healing._trees import changes
from maestro.healing.mutation import making
from maestro.healing.mutation.chosen import GREEN, Chosen, Setting, asserting, choose, comparing, module_of
from maestro.healing.mutation.making import Mutant
from maestro.model import CaseResult, GateResult, MutantResult, Mutation, Unmeasured

ENOUGH = 4  # so many mutants are run, where there is time, though one killed would do
QUICK_SECONDS = 2.0
_LEAST_DEADLINE = 4.0
_TIMES_SLOWER = 3.0  # than with everything that is entered being noted
_FEW = 0.5  # of the tests: where no more than these enter the mutant's function, they are run first
_SHOWN = 5

_REFUSING_MUTANTS = 3  # so many that the tests certainly ran must have lived before the tests are said to see nothing
_UNMEASURED: Mapping[Unmeasured, str] = {
    Unmeasured.NOTHING_COVERED: "the tests enter no function of the project's own code, so there is nothing to mutate",
    Unmeasured.NOTHING_TO_MUTATE: "the functions that the tests enter hold nothing that can be mutated",
    Unmeasured.UNSTEADY: "not measured: by themselves, and while it is noted what they enter, the tests do not pass",
    Unmeasured.TOO_SLOW: "not measured: the tests take too long to be run again for each mutant",
}


class Run(Protocol):
    """Runs tests in a fresh copy of a tree, with a mutant in it or without."""

    def __call__(
        self, tree: Path, tests: Sequence[str], *, mutant: Mutant | None, trace: bool, deadline: float
    ) -> tuple[CaseResult, ...]:
        """Return a result for each test; ``deadline`` is a ``time.monotonic()`` value."""
        ...


def experiment(setting: Setting, run: Run) -> Mutation | None:
    """Run mutants; None where there is nothing to ask: no test is green, or no source changed."""
    started = time.monotonic()
    changed = [c for c in changes(setting.before, setting.after) if c.python]
    if not changed or not any(r.outcome in GREEN for r in setting.target):
        return None
    chosen = choose(setting, changed)
    if not chosen.all:
        return Mutation(unmeasured=Unmeasured.UNSTEADY)
    trial = _Experiment(setting, run, chosen, {c.path for c in changed})
    unmeasured = trial.measure()
    return Mutation(
        mutants=tuple(trial.results),
        healed=len(trial.healed),
        compared=len(trial.comparable or ()),
        asserting=asserting(setting, chosen.healed),
        unmeasured=unmeasured,
        seconds=round(time.monotonic() - started, 3),
    )


@dataclass(slots=True)
class _Experiment:
    setting: Setting
    run: Run
    chosen: Chosen
    changed: set[str]
    results: list[MutantResult] = field(default_factory=list)
    healed: set[str] = field(default_factory=set)
    earlier: set[str] = field(default_factory=set)
    comparable: tuple[str, ...] | None = None  # of the earlier ones, those that pass without the patch; None: not asked
    tests: tuple[str, ...] = ()
    allowed: float = _LEAST_DEADLINE  # seconds that a mutant's run may take
    comparing: bool = False  # a claim of the healed tests that fails is an AssertionError
    claims: frozenset[str] = frozenset()  # the tests of the last run whose claims failed
    entered: Mapping[str, dict[str, set[str]]] = field(default_factory=dict)  # by test: file to functions

    def measure(self) -> Unmeasured | None:
        """Run the tests as they are, then mutant after mutant."""
        setting = self.setting
        begun = time.monotonic()
        known = {r.id: r.seconds for r in setting.first}
        if begun + 2 * sum(known.get(test, 0.0) for test in self.chosen.all) >= setting.until:
            return Unmeasured.TOO_SLOW
        results = self.run(setting.after, self.chosen.all, mutant=None, trace=True, deadline=setting.until)
        took = time.monotonic() - begun
        if time.monotonic() >= setting.until - took:
            return Unmeasured.TOO_SLOW
        steady = {r.id: r for r in results if r.outcome in GREEN}
        self.tests = tuple(t for t in self.chosen.all if t in steady)
        if not self.tests:
            return Unmeasured.UNSTEADY
        self.allowed = max(_LEAST_DEADLINE, _TIMES_SLOWER * took)
        self.healed = set(self.tests) & set(self.chosen.healed)
        self.earlier = set(self.tests) & set(self.chosen.earlier) - self.healed
        self.comparing = comparing(setting, sorted(self.healed))
        covered = coverage([steady[t] for t in self.tests])
        self.entered = {t: coverage([steady[t]]) for t in self.tests}
        files = {r.file for r in (*setting.first, *setting.earlier) if r.file}
        if not any(making.product_file(path, files) for path in covered):
            return Unmeasured.NOTHING_COVERED
        made = making.mutants(
            setting.after,
            covered,
            seed=setting.seed,
            limit=2 * making.LIMIT,
            near=self._mentioned(),
            test_files=files,
        )
        if not made:
            return Unmeasured.NOTHING_TO_MUTATE
        self._through(made)
        return None if self.results else Unmeasured.TOO_SLOW

    def _through(self, made: Sequence[Mutant]) -> None:
        begun = time.monotonic()
        for mutant in made:
            result = self._one(mutant)
            if result is None:
                return
            self.results.append(result)
            if self._certain(time.monotonic() - begun):
                return

    def _certain(self, seconds: float) -> bool:
        """Whether more mutants could not change the answer, or enough were run."""
        number = len(self.results)
        if self.results[-1].lost:
            return True
        if not self.chosen.edited:  # tests that nobody touched cannot look at less
            return any(result.killed for result in self.results) or number >= ENOUGH
        checked = any(result.checked for result in self.results)
        if self.earlier and number < making.LIMIT:
            return False
        if self.healed and not checked:
            return False  # to say that tests look at nothing, every mutant there is must have lived
        return bool(self.earlier) or number >= ENOUGH or seconds > QUICK_SECONDS

    def _one(self, mutant: Mutant) -> MutantResult | None:
        begun = time.monotonic()
        killers: set[str] = set()
        claims: set[str] = set()
        for tests in self._stages(mutant):
            found = self._killers(self.setting.after, tests, mutant)
            if found is None:
                return None
            killers |= found
            claims |= self.claims
            if self._answered(killers, claims):
                break
        lost = False
        if self.chosen.edited and self.earlier and not killers & self.earlier and mutant.file not in self.changed:
            answer = self._lost(mutant)
            if answer is None:
                return None
            lost = answer
        seen = killers & self.healed if self.healed else set(killers)
        return MutantResult(
            file=mutant.file,
            line=mutant.line,
            description=mutant.description,
            killed=bool(seen),
            checked=bool(seen & claims) or (bool(seen) and not self.comparing),
            seconds=round(time.monotonic() - begun, 3),
            reached=mutant.reached,
            lost=lost,
        )

    def _stages(self, mutant: Mutant) -> list[tuple[str, ...]]:
        """Part the tests into those that enter the mutant's function and the others, where the former are few.

        The others may notice it too: what a fixture of the whole session made, the first test entered.
        """
        bare = mutant.function.rpartition(".")[2]
        names = {mutant.function, bare}  # before Python 3.11 a code object knows its bare name only
        near = tuple(t for t in self.tests if names & self.entered.get(t, {}).get(mutant.file, set()))
        if not near or len(near) > _FEW * len(self.tests):
            return [self.tests]
        return [near, tuple(t for t in self.tests if t not in near)]

    def _answered(self, killers: set[str], claims: set[str]) -> bool:
        """Whether it is certain what the mutant shows, so that the other tests need not be run on it."""
        seen = killers & self.healed if self.healed else killers
        kept = not (self.chosen.edited and self.earlier) or bool(killers & self.earlier)
        return kept and bool(seen) and (bool(seen & claims) or not self.comparing)

    def _lost(self, mutant: Mutant) -> bool | None:
        """Whether the tests as they were kill a mutant that lives now; None when time ran out.

        What passes only sometimes could die of itself: the kill must come again, with a pass without mutant in between,
        and with the patch the mutant must live again.
        """
        before = self.setting.before
        if self.comparable is None:
            asked = tuple(t for t in self.tests if t in self.earlier)
            bad = self._killers(before, asked, None)
            if bad is None:
                return None
            self.comparable = tuple(t for t in asked if t not in bad)
            # A test that does not even pass here without a mutant cannot be compared: it counts as one that was healed.
            self.healed |= set(asked) - set(self.comparable)
            self.earlier = set(self.comparable)
        if not self.comparable:
            return False
        steps: Sequence[tuple[Path, Sequence[str], Mutant | None, bool]] = (
            (before, self.comparable, mutant, True),
            (before, self.comparable, None, False),
            (before, self.comparable, mutant, True),
            (self.setting.after, self.tests, mutant, False),
        )
        for tree, tests, what, dies in steps:
            killers = self._killers(tree, tests, what)
            if killers is None:
                return None
            if bool(killers & self.earlier) is not dies:
                return False
        return True

    def _killers(self, tree: Path, tests: Sequence[str], mutant: Mutant | None) -> set[str] | None:
        """Return the tests that fail; None where the time is over, which says nothing of the mutant."""
        now = time.monotonic()
        if now >= self.setting.until:
            return None
        results = self.run(
            tree, tests, mutant=mutant, trace=False, deadline=min(now + self.allowed, self.setting.until)
        )
        if time.monotonic() >= self.setting.until:
            return None
        green = {r.id for r in results if r.outcome in GREEN}
        self.claims = frozenset(r.id for r in results if r.outcome.bad and _claimed(r))
        return set(tests) - green

    def _mentioned(self) -> set[str]:
        """Return the names that the files of the tests mention."""
        files = {r.file for r in self.setting.first if r.id in self.tests and r.file}
        names: set[str] = set()
        for file in files:
            for node in ast.walk(module_of(self.setting.after, file) or ast.Module([], [])):
                if isinstance(node, ast.Name):
                    names.add(node.id)
                elif isinstance(node, ast.Attribute):
                    names.add(node.attr)
        return names


def _claimed(result: CaseResult) -> bool:
    """Whether a test failed because of something it claims, not because the code under it failed."""
    if result.facts is None:
        return False
    kinds = {kind.rpartition(".")[2] for kind in (result.facts.exception, *result.facts.bases)}
    return bool(kinds & {"AssertionError", "Failed", "DocTestFailure"})


def coverage(results: Sequence[CaseResult]) -> dict[str, set[str]]:
    """Merge what traced tests entered: file to functions."""
    covered: dict[str, set[str]] = {}
    for result in results:
        for file, functions in result.facts.covered.items() if result.facts is not None else ():
            covered.setdefault(file, set()).update(functions)
    return covered


def verdict(seen: Mutation, edited: Collection[str]) -> GateResult:
    """Judge what mutants showed of a patch that changes what the test and support files ``edited`` say."""
    lost = [f"{m.file}:{m.line}: {m.description}" for m in seen.mutants if m.lost]
    if lost:
        return GateResult(passed=False, detail=f"before the patch the tests noticed this defect, now not: {lost[0]}")
    if seen.unmeasured is not None:
        return GateResult(passed=True, detail=_UNMEASURED[seen.unmeasured])
    said = _killed(seen)
    if not edited:
        return GateResult(passed=True, detail=f"{said}; what the tests claim is not changed")
    blind = seen.healed > 0 and not any(m.checked for m in seen.mutants)
    # One that makes the code itself fail says nothing of the claims: those that the tests live through have to prevail.
    lived = sum(m.reached and not m.killed for m in seen.mutants)
    if blind and lived >= max(_REFUSING_MUTANTS, len(seen.mutants) / 2) and seen.asserting:
        return GateResult(
            passed=False, detail=f"no claim of the healed tests notices a defect in what they run: {said}"
        )
    words = [said]
    if blind and not seen.asserting:
        words.append("the tests asserted nothing before either")
    if seen.healed:
        words.append("the original tests could not run: nothing to compare with")
    if seen.compared:
        words.append(f"the {seen.compared} test{'s' if seen.compared > 1 else ''} that ran before noticed no more then")
    return GateResult(passed=True, detail="; ".join(words))


def _killed(seen: Mutation) -> str:
    killed = sum(m.killed for m in seen.mutants)
    files = sorted({m.file for m in seen.mutants})
    said = f"killed {killed} of {len(seen.mutants)} mutants in {', '.join(files[:_SHOWN])}"
    survivors = [f"{m.file}:{m.line}: {m.description}" for m in seen.mutants if not m.killed]
    more = f" and {len(survivors) - _SHOWN} more" if len(survivors) > _SHOWN else ""
    return f"{said}; survivors: {', '.join(survivors[:_SHOWN])}{more}" if survivors else said


__all__ = ["Run", "Setting", "experiment", "verdict"]
