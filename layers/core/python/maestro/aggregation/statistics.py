"""What past runs teach about each test: how long it takes, and whether it can be trusted."""

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from maestro.aggregation.errors import StatisticsError
from maestro.model import CaseResult, Outcome, Phase

HISTORY = 20  # outcomes kept per test
WEIGHT = 0.3  # of the newest duration in the exponential mean
_UNPACKED_LIMIT = 64 * 1024 * 1024  # bytes; a packed item is 400 KB at most (DynamoDB's limit)

LETTERS: Mapping[Outcome, str] = {
    Outcome.PASSED: "p",
    Outcome.FAILED: "f",
    Outcome.ERROR: "e",
    Outcome.SKIPPED: "s",
    Outcome.XFAILED: "x",
    Outcome.XPASSED: "u",
    Outcome.FLAKY: "k",
}


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """The tests of one file: mean duration in seconds, and last outcomes as letters, the newest last.

    The letters are those of ``LETTERS``: p(assed), f(ailed), e(rror), s(kipped), x(failed), u (unexpectedly passed)
    and k (flaky).
    """

    durations: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)


def update(stats: Mapping[str, FileStatistics], results: Iterable[CaseResult]) -> dict[str, FileStatistics]:
    """Add one run's results to the statistics, which map a file to its tests' statistics; returns new ones.

    A duration counts only if the test ran to its end: a skip, or the death of a process, says nothing of it. Collection
    errors are of files, not of tests, and are left out.
    """
    by_file: dict[str, list[CaseResult]] = {}
    for result in results:
        if result.facts is not None and result.facts.phase in (Phase.SESSION, Phase.COLLECT):
            continue
        if result.id != result.file and result.file:
            by_file.setdefault(result.file, []).append(result)
    updated = dict(stats)
    for file, cases in by_file.items():
        old = stats.get(file, FileStatistics())
        durations, outcomes = dict(old.durations), dict(old.outcomes)
        for case in cases:
            outcomes[case.id] = (outcomes.get(case.id, "") + LETTERS[case.outcome])[-HISTORY:]
            if _timed(case):
                mean = durations.get(case.id, case.seconds)
                durations[case.id] = round(mean + WEIGHT * (case.seconds - mean), 6)
        updated[file] = FileStatistics(durations, outcomes)
    return updated


def _timed(case: CaseResult) -> bool:
    died = case.facts is not None and case.facts.phase is Phase.PROCESS
    return case.outcome is not Outcome.SKIPPED and not died and math.isfinite(case.seconds) and case.seconds >= 0


def durations(stats: Mapping[str, FileStatistics]) -> dict[str, float]:
    """Return every known test's expected seconds, by test id."""
    return {test: seconds for file in stats.values() for test, seconds in file.durations.items()}


def flaky_score(outcomes: str) -> float:
    """Say how unsteady a history is, from 0 (always the same) to 1 (changes every time).

    The share of neighbouring runs that disagree about pass or fail, the newest weighing most (each step back weighs
    0.9 of the one after it); a run that was flaky in itself counts as a disagreement with its neighbour. Skips and
    expected failures say nothing. This is the flip rate of Kowalczyk et al., "Modeling and Ranking Flaky Tests at
    Apple" (ICSE-SEIP 2020).

    >>> flaky_score("pppppp"), flaky_score("ffffff"), flaky_score("pfpfpf")
    (0.0, 0.0, 1.0)
    """
    told = [letter for letter in outcomes if letter in "pfeuk"]
    if len(told) == 1:
        return 1.0 if told[0] == "k" else 0.0
    total = flips = 0.0
    weight = 1.0
    for newer, older in zip(reversed(told), reversed(told[:-1]), strict=False):
        total += weight
        if "k" in (newer, older) or (newer in "pu") != (older in "pu"):
            flips += weight
        weight *= 0.9
    return flips / total if total else 0.0


def flaky_ranking(stats: Mapping[str, FileStatistics], *, threshold: float = 0.1) -> list[tuple[str, float]]:
    """List the tests whose score is above the threshold as ``(id, score)``, the most unsteady first."""
    scored = ((test, flaky_score(letters)) for file in stats.values() for test, letters in file.outcomes.items())
    return sorted((pair for pair in scored if pair[1] > threshold), key=lambda pair: (-pair[1], pair[0]))


def pack(stats: FileStatistics) -> bytes:
    """Compress one file's statistics for storage; ids are kept whole."""
    rows = [[test, stats.durations.get(test), letters] for test, letters in sorted(stats.outcomes.items())]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 9)


def unpack(data: bytes) -> FileStatistics:
    """Read what :func:`pack` wrote.

    Raises
    ------
    StatisticsError
        If the data is damaged, or would be larger than 64 MiB.
    """
    try:
        decompressor = zlib.decompressobj()
        text = decompressor.decompress(data, _UNPACKED_LIMIT)
        if not decompressor.eof:
            raise StatisticsError("Stored test statistics are cut short or too large; delete them to start anew.")
        rows = [(str(test), seconds, str(letters)) for test, seconds, letters in json.loads(text)]
        return FileStatistics(
            {test: float(seconds) for test, seconds, _ in rows if seconds is not None},
            {test: letters for test, _, letters in rows},
        )
    except (zlib.error, ValueError, TypeError) as error:
        raise StatisticsError(f"Stored test statistics are damaged ({error}); delete them to start anew.") from error
