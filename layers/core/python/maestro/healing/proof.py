"""The gates between a candidate and a repair: each a pure function that says whether it passed and what was seen.

A gate looks at the trial's results, at the tree before and after the patch, or at both; none of them runs
project code. A repair passes all of them or it is not one.
"""

import dataclasses
import functools
import importlib
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro.healing import swaps, weakening
from maestro.healing._claims import untouched
from maestro.healing._configuration import is_configuration
from maestro.healing._forms import Knowledge
from maestro.healing._trees import Change, changes, is_test_file, parse
from maestro.healing.contradiction import contradicted
from maestro.healing.diagnosis import CONTRADICTING
from maestro.healing.errors import HealingError
from maestro.healing.mutation import product_file
from maestro.healing.mutation_trial import verdict
from maestro.healing.provenance import taken_back
from maestro.healing.sourcetree import covered
from maestro.model import (
    Candidate,
    CaseResult,
    Failure,
    GateResult,
    Outcome,
    Phase,
    Strategy,
    Trial,
    TrialStatus,
)

SESSION = "<session>"
MAX_FILES = 80
MAX_LINES = 6000
_SHOWN = 5
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_ALWAYS_PROTECTED = (
    ".git/*",
    ".github/*",
    ".gitlab-ci.yml",
    ".circleci/*",
    "*.pth",
    "sitecustomize.py",
    "usercustomize.py",
    "*/sitecustomize.py",
    "*/usercustomize.py",
)
_GREEN = frozenset({Outcome.PASSED, Outcome.XFAILED})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the gates look at. ``tests`` are the ids that must have become green."""

    failure: Failure
    candidate: Candidate
    trial: Trial
    baseline: tuple[CaseResult, ...]
    before: Path
    after: Path
    tests: tuple[str, ...]
    protect: tuple[str, ...]
    allow: tuple[str, ...]
    flaky: frozenset[str]
    changed: tuple[Change, ...]
    knowledge: Knowledge
    findings: tuple[weakening.Finding, ...]
    followed: tuple[Mapping[str, Any], ...] = ()  # the records of provenance that the change follows


def status(results: Iterable[CaseResult], node: str) -> str:
    """Return how a listed id fared: "passed", "failed", "absent", or another outcome word.

    A file or class id passes when something in it passes and nothing in it fails; ``<session>`` when tests ran and the
    session itself did not fail.
    """
    by_id = {result.id: result.outcome for result in results}
    if node == SESSION:
        fine = not by_id.get(SESSION, Outcome.PASSED).bad and Outcome.PASSED in by_id.values()
        return "passed" if fine else "failed"
    if node in by_id:
        outcome = by_id[node]
        return "passed" if outcome in _GREEN else "failed" if outcome.bad else str(outcome)
    inside = [o for key, o in by_id.items() if key.startswith((node + "::", node + "/")) or node == "."]
    if not inside:
        return "absent"
    fine = Outcome.PASSED in inside and not any(o.bad or o is Outcome.FLAKY for o in inside)
    return "passed" if fine else "failed"


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def applies(evidence: Evidence) -> GateResult:
    """The patch applied, changed something, and its trial ran."""
    trial = evidence.trial
    if trial.status is not TrialStatus.RAN:
        return GateResult(passed=False, detail=f"the trial did not run: {trial.status}: {trial.detail}"[:400])
    if not evidence.changed:
        return GateResult(passed=False, detail="the patch changes nothing")
    return GateResult(
        passed=True, detail=f"changes {len(evidence.changed)} files: {_listed({c.path for c in evidence.changed})}"
    )


def parses(evidence: Evidence) -> GateResult:
    """Every changed Python file parses."""
    files = [c for c in evidence.changed if c.python and c.after is not None]
    broken = [c.path for c in files if parse(c.after) is None]
    if broken:
        return GateResult(passed=False, detail=f"does not parse: {_listed(broken)}")
    return GateResult(passed=True, detail=f"{len(files)} changed Python files parse")


@functools.cache
def _ruff() -> str:
    """Return the path of the ruff that is installed beside this package."""
    finder = importlib.import_module("ruff")
    return str(finder.find_ruff_bin())


def _lint(root: Path, path: str) -> Counter[str]:
    command = [_ruff(), "check", "--isolated", "--no-cache", "--exit-zero", "--output-format", "json"]
    command += ["--select", "E9,F63,F7,F82", "--ignore-noqa", "--stdin-filename", path, "-"]
    done = subprocess.run(
        command, input=(root / path).read_bytes(), capture_output=True, timeout=60, check=False, cwd="/"
    )
    if done.returncode != 0:
        raise HealingError(f"ruff could not look at {path}: {done.stderr.decode(errors='replace')[-300:]}")
    return Counter(f"{item.get('code') or 'syntax'} {item['message']}" for item in json.loads(done.stdout or b"[]"))


def lints(evidence: Evidence) -> GateResult:
    """No changed Python file has a new syntax error, undefined name or broken comparison (ruff E9, F63, F7, F82)."""
    new: list[str] = []
    files = [c for c in evidence.changed if c.python and c.after is not None]
    for change in files:
        found = _lint(evidence.after, change.path)
        if found and change.before is not None:
            found -= _lint(evidence.before, change.path)
        new += [f"{change.path}: {message}" for message in found]
    if new:
        return GateResult(passed=False, detail=f"new lint errors: {_listed(new)}")
    return GateResult(passed=True, detail=f"no new errors in {len(files)} Python files")


def target_green(evidence: Evidence) -> GateResult:
    """Every test that the repair claims is green."""
    if not evidence.tests:
        return GateResult(passed=False, detail="it makes no test green")
    states = {test: status(evidence.trial.target, test) for test in evidence.tests}
    bad = {f"{test} ({state})" for test, state in states.items() if state != "passed"}
    if bad:
        return GateResult(passed=False, detail=f"{len(bad)} of {len(states)} are not green: {_listed(bad)}")
    return GateResult(passed=True, detail=f"{len(states)} tests green")


_WAITING = frozenset({Strategy.TIMING_ADJUSTMENT, Strategy.FLAKY_STABILIZATION})


def green_again(results: Sequence[CaseResult], test: str, strategy: Strategy) -> bool:
    """Whether a test is green in a repeated run.

    A test that a shuffled order upsets and that then passes on its own leans on other tests, which no repair of
    another kind has to answer for. A repair of timing or flakiness has to.
    """
    if strategy not in _WAITING:
        results = [dataclasses.replace(r, outcome=Outcome.PASSED) if r.outcome is Outcome.FLAKY else r for r in results]
        # A file's own result sums up its first attempt; its tests tell how they ended.
        if any(r.id.startswith(test + "::") for r in results):
            results = [r for r in results if r.id != test]
    return status(results, test) == "passed"


def stable(evidence: Evidence) -> GateResult:
    """They are green again in every further, shuffled run; at least one such run is needed."""
    repeats = evidence.trial.repeats
    if not repeats:
        return GateResult(passed=False, detail="it was not run a second time")
    for number, results in enumerate(repeats, start=2):
        bad = {test for test in evidence.tests if not green_again(results, test, evidence.candidate.strategy)}
        if bad:
            return GateResult(passed=False, detail=f"run {number} of {len(repeats) + 1} was not green: {_listed(bad)}")
    leaning = {r.id for results in repeats for r in results if r.outcome is Outcome.FLAKY}
    said = f"; {len(leaning)} lean on the order of others: {_listed(leaning)}" if leaning else ""
    return GateResult(passed=True, detail=f"{len(evidence.tests)} tests green {len(repeats) + 1} times{said}")


def _ids(results: Iterable[CaseResult]) -> dict[str, Outcome]:
    """Map ids, without addresses that vary, to outcomes; the worst of several."""
    found: dict[str, Outcome] = {}
    for result in results:
        key = _stable_id(result.id)
        if key not in found or result.outcome is not Outcome.PASSED:
            found[key] = result.outcome
    return found


def _stable_id(test: str) -> str:
    """Replace memory addresses, which some parametrised ids hold."""
    return _ADDRESS.sub("0xADDRESS", test)


def no_regression(evidence: Evidence) -> GateResult:
    """Every test that passed before passes in the trial's run of the whole suite; known flaky ones aside."""
    now = _ids(evidence.trial.suite)
    if not now:
        return GateResult(passed=False, detail="the whole suite was not run")
    passed = {k for k, o in _ids(evidence.baseline).items() if o is Outcome.PASSED} - evidence.flaky
    lost = {f"{test} ({now.get(test, 'gone')})" for test in passed if now.get(test) is not Outcome.PASSED}
    if lost:
        return GateResult(
            passed=False, detail=f"{len(lost)} of {len(passed)} that passed before do not: {_listed(lost)}"
        )
    return GateResult(passed=True, detail=f"all {len(passed)} tests that passed before still pass, {len(now)} were run")


def nothing_vanished(evidence: Evidence) -> GateResult:
    """No test is gone, and none that ran is now skipped or expected to fail."""
    now, before = _ids(evidence.trial.suite), _ids(evidence.baseline)
    if not now:
        return GateResult(passed=False, detail="the whole suite was not run")
    gone = {
        t for t in before if "::" in t and t not in now and not any(k.startswith(t + "::") for k in now)
    } - evidence.flaky
    silent = (Outcome.SKIPPED, Outcome.XFAILED)
    hidden = {t for t, o in before.items() if o not in silent and now.get(t) in silent}
    hidden |= {t for t, o in before.items() if o is Outcome.SKIPPED and now.get(t) is Outcome.XFAILED}
    if gone or hidden:
        words = [f"{len(gone)} are gone: {_listed(gone)}"] if gone else []
        words += [f"{len(hidden)} are skipped or expected to fail now: {_listed(hidden)}"] if hidden else []
        return GateResult(passed=False, detail="; ".join(words))
    return GateResult(passed=True, detail=f"all {len(before)} earlier ids are there; {len(now)} now")


_EXPECTATION_RULES = frozenset({"changed_literal", "loosened_tolerance", "changed_data"})


def no_weakening(evidence: Evidence) -> GateResult:
    """The change takes nothing away from what the tests say."""
    found = [str(f) for f in evidence.findings]
    if found:
        return GateResult(passed=False, detail="; ".join(found[:_SHOWN]))
    return GateResult(passed=True, detail="no assertion, test or check is lost, skipped or loosened")


def scope(evidence: Evidence) -> GateResult:
    """Only files that a repair may touch, of a size that a person reads, and product code only by renames."""
    problems: list[str] = []
    lines = 0
    for change in evidence.changed:
        by = [p for p in (*_ALWAYS_PROTECTED, *evidence.protect) if covered(change.path, [p])]
        if by:
            problems.append(f"{change.path} is protected by {by[0]!r}")
        if evidence.allow and not covered(change.path, evidence.allow):
            problems.append(f"{change.path} is not among the allowed paths")
        expected = any(r["file"] == change.path for r in evidence.followed)
        if change.binary or not (change.python or is_configuration(change.path) or expected):
            problems.append(f"{change.path} is neither Python nor configuration")
        lines += _changed_lines(change)
    if len(evidence.changed) > MAX_FILES or lines > MAX_LINES:
        problems.append(f"{len(evidence.changed)} files and {lines} lines are more than {MAX_FILES} and {MAX_LINES}")
    product = [c for c in evidence.changed if c.python and not is_test_file(c.path)]
    if product and not problems:
        for change in product:
            found = weakening.product_change(change.before, change.after, evidence.knowledge)[:1]
            problems += [f"product code {change.path}:{d.line}: {d.detail}" for d in found]
    if problems:
        return GateResult(passed=False, detail="; ".join(problems[:_SHOWN]))
    return GateResult(
        passed=True, detail=f"{len(evidence.changed)} files, {lines} lines, product files: {len(product)}"
    )


def _changed_lines(change: Change) -> int:
    before, after = (Counter((text or "").splitlines()) for text in (change.before, change.after))
    return (before - after).total() + (after - before).total()


def provenance(evidence: Evidence) -> GateResult:
    """No expectation changes but those that follow a dependency, as experiments recorded it.

    A record says that the same source and the same test pass with the dependency as it was and fail with it as it is,
    and that the same call of it gave the old value there and gives the new one here.
    """
    altered = [str(f) for f in evidence.findings if f.rule in _EXPECTATION_RULES]
    if altered:
        return GateResult(passed=False, detail=f"an expectation changes without proof of its origin: {altered[0]}")
    updating = evidence.candidate.strategy is Strategy.ASSERTION_UPDATE
    if not evidence.followed:
        said = "no expectation changes" if not updating else "nothing that it changes is covered by an experiment"
        return GateResult(passed=not updating, detail=said)
    others = {c.path for c in evidence.changed} - {str(r["file"]) for r in evidence.followed}
    ran = bool(evidence.trial.target)  # before its trial, nobody knows which tests it makes green
    uncovered = set(evidence.tests) - {str(r["test"]) for r in evidence.followed} if ran else set()
    if others or uncovered:
        said = "an expectation changes together with something else" if others else "no experiment covers some tests"
        return GateResult(passed=False, detail=f"{said}: {_listed(others or uncovered)}")
    words = "; ".join(dict.fromkeys(str(r["changed"]) for r in evidence.followed))
    return GateResult(passed=True, detail=f"{len(evidence.followed)} expectations follow a dependency: {words}")


def mutation(evidence: Evidence) -> GateResult:
    """The healed tests still kill the mutants that the original ones killed; where those could not run, at least one.

    A patch that changes no source leaves the tests as they are, byte for byte; one that only adds fixtures of a known
    form, or calls an assertion by its other name, leaves what they claim: they see what they saw, be it ever so little.
    """
    if not any(change.python for change in evidence.changed):
        return GateResult(passed=True, detail="no source is changed: the tests are byte for byte what they were")
    if evidence.trial.mutation is None:
        said = "no mutants were tried: nothing shows that the tests still notice defects"
        return GateResult(passed=False, detail=said)
    tests = [c for c in evidence.changed if not (product_file(c.path) or is_configuration(c.path))]
    edited = [c.path for c in tests if not (c.python and untouched(c))]
    return verdict(evidence.trial.mutation, edited)


def answers_the_cause(evidence: Evidence) -> GateResult:
    """No pin answers an error of the product's own that keeps the tool from starting.

    An older tool may not run the code that raises it; the defect is there all the same. (Seen on a project that
    pytest itself imports.)
    """
    facts = evidence.failure.facts
    raised = (facts.exception, *(cause.get("exception", "") for cause in facts.causes))
    own = [name for name in raised if "." in name and _defines(evidence.before, name.partition(".")[0])]
    if own and evidence.candidate.workaround and facts.phase is Phase.SESSION:
        said = f"the product itself raises {own[0]} while the tool starts; a pin only keeps the tool from seeing it"
        return GateResult(passed=False, detail=said)
    return GateResult(passed=True, detail="no pin hides an error that the product itself raises")


def _defines(root: Path, top: str) -> bool:
    """Whether a top-level module is product code of the tree: at its root or one folder below."""
    if not top.isidentifier():
        return False
    found = [
        path for form in (f"{top}.py", f"{top}/__init__.py") for path in (*root.glob(form), *root.glob(f"*/{form}"))
    ]
    return any(product_file(str(path.relative_to(root))) for path in found)


STATIC_GATES: Mapping[str, Callable[[Evidence], GateResult]] = {
    "applies": applies,
    "answers_the_cause": answers_the_cause,
    "parses": parses,
    "scope": scope,
    "no_weakening": no_weakening,
    "provenance": provenance,
    "lints": lints,
}
# Those that look at the whole suite, without which no step is worth keeping either.
SUITE_GATES: Mapping[str, Callable[[Evidence], GateResult]] = {
    "no_regression": no_regression,
    "nothing_vanished": nothing_vanished,
}
RUN_GATES: Mapping[str, Callable[[Evidence], GateResult]] = {
    "target_green": target_green,
    **SUITE_GATES,
    "stable": stable,
    "mutation": mutation,
}


def prove(  # noqa: PLR0917 - the order that the contract states
    failure: Failure,
    candidate: Candidate,
    trial: Trial,
    baseline: Sequence[CaseResult],
    before: Path,
    after: Path,
    *,
    tests: Sequence[str] | None = None,
    protect: Sequence[str] = (),
    allow: Sequence[str] = (),
    flaky: Collection[str] = (),
    history: Sequence[Failure] = (),
    gates: Mapping[str, Callable[[Evidence], GateResult]] | None = None,
) -> dict[str, GateResult]:
    """Put a candidate through the gates and return each one's result, by name.

    ``baseline`` are the results of the whole suite before the patch; ``before`` and ``after`` the trees without and
    with it; ``tests`` the ids that it claims to have made green (default: all of the failure's); ``history`` the
    failures of earlier rounds, whose repairs the patch contains.
    """
    if failure.regression and candidate.generator not in CONTRADICTING:
        refused = GateResult(passed=False, detail="the failure is a regression of the product; no repair may hide it")
        return {"diagnosis": refused}
    chosen = {**STATIC_GATES, **RUN_GATES} if gates is None else gates
    changed = changes(before, after)
    knowledge = weakening.knowledge_of(before, failure, *history)
    rest, followed = taken_back(changed, swaps.provenance(failure))
    evidence = Evidence(
        failure=failure,
        candidate=candidate,
        trial=trial,
        baseline=tuple(baseline),
        before=before,
        after=after,
        tests=tuple(failure.tests if tests is None else tests),
        protect=tuple(protect),
        allow=tuple(allow),
        flaky=frozenset(flaky),
        changed=changed,
        knowledge=knowledge,
        findings=weakening.inspect(before, rest, knowledge) if chosen.keys() & STATIC_GATES.keys() else (),
        followed=followed,
    )
    results = {name: gate(evidence) for name, gate in chosen.items()}
    if failure.regression:
        results["diagnosis"] = contradicted(failure, changed, evidence.tests, before, after)
    return results
