"""Chunk results put together: one verdict per suite, and one for the run."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from maestro.aggregation.errors import MismatchError
from maestro.model import CaseResult, Chunk, Collection, Facts, Outcome, Phase, Suite, SuiteResult

SESSION = "<session>"
NO_TESTS = "no_tests"
ONLY_SKIPPED = "only_skipped"
INCOMPLETE = "incomplete"
COLLECTION_ERRORS = "collection_errors"

# The worst first; used where one execution reports a test more than once.
_SEVERITY = (
    Outcome.ERROR,
    Outcome.FAILED,
    Outcome.FLAKY,
    Outcome.XPASSED,
    Outcome.XFAILED,
    Outcome.PASSED,
    Outcome.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class FlakyCase:
    """A test that both passed and failed without being changed, and what showed it."""

    id: str
    suite: str
    why: str


@dataclass(frozen=True, slots=True)
class SuiteVerdict:
    """What a suite came to.

    ``outcome`` is ``passed``, ``failed`` (some test failed) or ``error`` (none failed, but something could not be
    run). ``totals`` counts ``results`` by outcome and names all seven outcomes. ``results`` holds the session's and
    the files' collection errors first, then one result per collected test in collection order, then whatever was
    reported and never collected. ``seconds`` is the sum of the executions' wall times. ``reason`` is "" or one of
    ``no_tests``, ``only_skipped``, ``collection_errors``, ``incomplete``; ``detail`` says it in a sentence.
    """

    suite: str
    outcome: Outcome
    totals: Mapping[str, int]
    results: tuple[CaseResult, ...]
    flaky: tuple[FlakyCase, ...] = ()
    seconds: float = 0.0
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to: its suites' verdicts, their totals added up, and the outcome that follows from them."""

    outcome: Outcome
    totals: Mapping[str, int]
    suites: tuple[SuiteVerdict, ...]
    flaky: tuple[FlakyCase, ...] = ()
    seconds: float = 0.0
    reason: str = ""
    detail: str = ""

    @property
    def results(self) -> tuple[CaseResult, ...]:
        """All results, suite by suite."""
        return tuple(result for suite in self.suites for result in suite.results)

    @property
    def exit_code(self) -> int:
        """The process exit code in pytest's words: 0 passed, 1 failures or errors, 5 nothing collected."""
        if self.reason == NO_TESTS:
            return 5
        return 0 if self.outcome is Outcome.PASSED else 1


def merge(
    suite: Suite,
    collection: Collection,
    results: Iterable[SuiteResult] | Mapping[str, SuiteResult],
    *,
    chunks: Sequence[Chunk] = (),
) -> SuiteVerdict:
    """Put the results of a suite's chunks together.

    Parameters
    ----------
    results
        The executions' results in the order they arrived, or by chunk id. A test reported by two executions (a
        redelivered chunk) counts once, and the first report stands; where the two disagree the test is listed as
        flaky. A test reported twice by one execution (its call and its teardown) counts once, with the worse report.
    chunks
        The plan, so that the message of a test without a result can name the chunk that lost it.

    Returns
    -------
    SuiteVerdict
        A collected test that nobody reported is an ``error``; so is everything that failed to collect. A suite with
        no tests and no errors is ``error`` with the reason ``no_tests``: it never passes.

    Raises
    ------
    MismatchError
        If the collection is another suite's.
    """
    if collection.suite != suite.name:
        raise MismatchError(
            f"The collection of suite {collection.suite!r} was given for suite {suite.name!r}; "
            "merge a suite with its own collection."
        )
    delivered = list(results.items()) if isinstance(results, Mapping) else [("", part) for part in results]
    seen, disagreements = _reports(delivered)
    broken = {error.id: replace(_normal(error), outcome=Outcome.ERROR) for error in collection.errors}
    chunk_of = {test: chunk for chunk in chunks for test in chunk.tests}
    by_chunk = dict(delivered) if isinstance(results, Mapping) else {}

    ordered = dict(sorted(broken.items(), key=lambda item: item[0] != SESSION))
    missing = 0
    for test in collection.tests:
        if test in seen:
            ordered.setdefault(test, seen[test])
        elif test not in ordered:
            missing += 1
            ordered[test] = _lost(test, collection, chunk_of.get(test), by_chunk, seen)
    for test, result in seen.items():
        ordered.setdefault(test, result)

    final = tuple(ordered.values())
    totals = count(final)
    reason, detail = _reason(totals, final, errors=len(broken), missing=missing)
    return SuiteVerdict(
        suite=suite.name,
        outcome=_outcome(totals),
        totals=totals,
        results=final,
        flaky=tuple(_flaky(suite.name, final, disagreements)),
        seconds=_seconds(collection.seconds) + math.fsum(_seconds(part.seconds) for _, part in delivered),
        reason=reason,
        detail=detail,
    )


def verdict(suites: Iterable[SuiteVerdict], *, planned: Iterable[str] = ()) -> Verdict:
    """Put suites' verdicts together to the run's.

    ``planned`` names the suites that were to run: one of them without a verdict is an ``error``. A run of no suites
    at all is ``error`` with the reason ``no_tests``. A flaky test does not fail a run.
    """
    given = list(suites)
    known = {suite.suite for suite in given}
    given.extend(_never_ran(name) for name in dict.fromkeys(planned) if name not in known)
    added: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
    for suite in given:
        added.update(suite.totals)
    outcome = _outcome(added)
    empty = [suite.suite for suite in given if suite.reason == NO_TESTS]
    reason = detail = ""
    if empty or not given:
        outcome = outcome if outcome is Outcome.FAILED else Outcome.ERROR
    if len(empty) == len(given):
        reason, detail = NO_TESTS, "No test was collected in any suite."
    elif empty:
        reason, detail = INCOMPLETE, f"No test was collected in {', '.join(empty)}."
    else:
        reasons = [suite for suite in given if suite.reason]
        for candidate in (INCOMPLETE, COLLECTION_ERRORS, ONLY_SKIPPED):
            matching = [suite for suite in reasons if suite.reason == candidate]
            if matching and (candidate != ONLY_SKIPPED or len(matching) == len(given)):
                reason = candidate
                detail = " ".join(f"{suite.suite}: {suite.detail}" for suite in matching)
                break
    return Verdict(
        outcome=outcome,
        totals=dict(added),
        suites=tuple(given),
        flaky=tuple(case for suite in given for case in suite.flaky),
        seconds=math.fsum(suite.seconds for suite in given),
        reason=reason,
        detail=detail,
    )


def count(results: Iterable[CaseResult]) -> dict[str, int]:
    """Count results by outcome; all seven outcomes are named."""
    counted = Counter(result.outcome for result in results)
    return {outcome.value: counted[outcome] for outcome in Outcome}


def _reports(
    delivered: Iterable[tuple[str, SuiteResult]],
) -> tuple[dict[str, CaseResult], dict[str, list[Outcome]]]:
    """Return the report that stands for each id, and the outcomes of later deliveries that contradict it."""
    seen: dict[str, CaseResult] = {}
    disagreements: dict[str, list[Outcome]] = {}
    for _, part in delivered:
        own: dict[str, CaseResult] = {}
        for raw in part.results:
            result = _normal(raw)
            known = own.get(result.id)
            if known is None or _SEVERITY.index(result.outcome) < _SEVERITY.index(known.outcome):
                own[result.id] = result
        for test, result in own.items():
            first = seen.setdefault(test, result)
            if {first.outcome.bad, result.outcome.bad} == {True, False}:
                disagreements.setdefault(test, []).append(result.outcome)
    return seen, disagreements


def _normal(result: CaseResult) -> CaseResult:
    """Mend what a report may get wrong: a duration that is no duration, a pass that took several attempts."""
    outcome = result.outcome
    if outcome is Outcome.PASSED and any(attempt.bad for attempt in result.attempts):
        outcome = Outcome.FLAKY
    seconds = _seconds(result.seconds)
    if outcome is result.outcome and seconds == result.seconds:
        return result
    return replace(result, outcome=outcome, seconds=seconds)


def _seconds(value: float) -> float:
    return value if math.isfinite(value) and value >= 0 else 0.0


def _lost(
    test: str,
    collection: Collection,
    chunk: Chunk | None,
    by_chunk: Mapping[str, SuiteResult],
    seen: Mapping[str, CaseResult],
) -> CaseResult:
    """Return the error that stands for a test without a result, with the likeliest reason for it."""
    file = collection.files.get(test, "")
    part = by_chunk.get(chunk.id) if chunk else None
    reports = {result.id: result for result in part.results} if part else seen
    for cause in (reports.get(file), reports.get(SESSION)):
        if cause is not None and cause.outcome.bad:
            message = f"Not run, because {cause.id} failed: {cause.message}"
            return CaseResult(test, Outcome.ERROR, 0.0, file=file, message=message, facts=cause.facts)
    if chunk is None:
        message = "No result: the execution that was to run this test did not report it."
    elif part is None:
        message = f"No result: chunk {chunk.id} is missing; it died, or was stopped, before it reported anything."
    else:
        message = f"No result: chunk {chunk.id} ended with exit code {part.exit_code} before it reported this test."
    if part is not None and part.log:
        message += f" The end of its log: {part.log[-500:]}"
    facts = Facts(phase=Phase.PROCESS, exception="MissingResult", message=message)
    return CaseResult(test, Outcome.ERROR, 0.0, file=file, message=message, facts=facts)


def _outcome(totals: Mapping[str, int]) -> Outcome:
    """Say ``failed`` where a test failed, ``error`` where none did but nothing or not all could be run."""
    if totals[Outcome.FAILED]:
        return Outcome.FAILED
    if totals[Outcome.ERROR] or not any(totals.values()):
        return Outcome.ERROR
    return Outcome.PASSED


def _reason(totals: Mapping[str, int], results: Sequence[CaseResult], *, errors: int, missing: int) -> tuple[str, str]:
    if not results:
        return NO_TESTS, "No test was collected."
    if missing:
        return INCOMPLETE, f"{missing} of {len(results)} tests have no result."
    if errors:
        return COLLECTION_ERRORS, f"{errors} {'file' if errors == 1 else 'files'} could not be collected."
    if totals[Outcome.SKIPPED] == len(results):
        return ONLY_SKIPPED, "The only test was skipped." if len(
            results
        ) == 1 else f"All {len(results)} tests were skipped."
    return "", ""


def _flaky(
    suite: str, results: Iterable[CaseResult], disagreements: Mapping[str, Sequence[Outcome]]
) -> Iterable[FlakyCase]:
    for result in results:
        if result.outcome is Outcome.FLAKY or len({attempt.bad for attempt in result.attempts}) > 1:
            attempts = ", ".join(result.attempts)
            why = f"attempts: {attempts}" if attempts else "its runner reported it as flaky"
            yield FlakyCase(result.id, suite, why)
        elif result.id in disagreements:
            later = ", ".join(disagreements[result.id])
            yield FlakyCase(result.id, suite, f"its chunk ran more than once: first {result.outcome}, then {later}")


def _never_ran(name: str) -> SuiteVerdict:
    message = f"Suite {name} was planned and has no results."
    facts = Facts(phase=Phase.SESSION, exception="MissingResult", message=message)
    result = CaseResult(SESSION, Outcome.ERROR, 0.0, message=message, facts=facts)
    return SuiteVerdict(name, Outcome.ERROR, count([result]), (result,), reason=INCOMPLETE, detail=message)
