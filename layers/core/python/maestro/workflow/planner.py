"""Cutting a suite into chunks that free workers pull, one after the other.

Guided self-scheduling (Polychronopoulos and Kuck, 1987): each chunk takes a fixed share of what is left divided by the
number of workers, so chunks begin large and end small, and whoever is late takes less. Two things are added. Chunks are
made of whole modules, because a module's fixtures are set up once in each chunk that holds a part of it. And the
last round is fitted: the planner knows when it expects each worker to be free and fills each up to the same end.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from math import ceil, inf

from maestro.model import Chunk, Collection
from maestro.workflow.errors import WorkflowError
from maestro.workflow.estimates import Estimates, estimate
from maestro.workflow.prices import chunks_cost

# A chunk must be worth its fixed cost: nothing below this many overheads is cut at all, a worker gets at least
# two overheads of work, and chunks do not shrink below four.
_ONE_CHUNK = 5
_WORTH_A_WORKER = 2
_SMALLEST = 4
_SHARE_KNOWN, _SHARE_UNKNOWN = 1.6, 2.0  # a chunk is 1/share of a worker's part of what is left
_FILL_OF_LIMIT = 0.6  # durations come from another machine, another day
_CAUTIOUS_SECONDS = 1.0  # an unknown test counts this much towards the time limit
_LEVEL = 0.0005  # how even the ends of the last round must be, as a part of the whole time
_SAND = (0.0, 0.1, 0.35, 1.0)  # parts of the last round that are spread test by test, tried in this order

Piece = tuple[int, int]  # a half-open range of tests in the order of Estimates


@dataclass(frozen=True, slots=True)
class Plan:
    """How a suite is run: ``chunks`` in the order in which free workers take them.

    ``expected_seconds`` is the wall time with ``concurrency`` workers, each chunk's fixed cost included;
    ``ideal_seconds`` what no plan with as many workers can beat (work evenly spread, or the longest test);
    ``expected_cost_usd`` the price of Lambda and Step Functions (see :mod:`maestro.workflow.prices`).
    """

    chunks: tuple[Chunk, ...]
    expected_seconds: float
    expected_cost_usd: float
    concurrency: int
    ideal_seconds: float


def plan_chunks(
    collection: Collection,
    durations: Mapping[str, float],
    *,
    concurrency: int,
    target_time: float | None = None,
    lambda_limit: float = 840.0,
    memory_mb: int = 2048,
    overhead: float = 0.5,
) -> Plan:
    """Cut a collection into chunks; every test is in exactly one, in the collection's order within it.

    Parameters
    ----------
    collection
        The suite's tests in the tool's order, each with its file.
    durations
        Recorded seconds by test id; may lack tests, and hold others.
    concurrency
        The most workers that may run at once. With ``target_time`` the fewest are taken that are expected to
        reach it, otherwise as many as are worth their fixed cost.
    target_time
        Seconds that the suite should take, or ``None``: as fast as is sensible.
    lambda_limit
        Seconds that one chunk may run. Chunks are planned well below it, except for a single test that is longer.
    memory_mb
        Memory of a worker, for the price.
    overhead
        Fixed seconds that each chunk costs its worker.

    Raises
    ------
    WorkflowError
        If ``concurrency``, ``lambda_limit`` or ``target_time`` are not above zero, or ``overhead`` is below zero.
    """
    if concurrency < 1 or lambda_limit <= 0 or overhead < 0 or (target_time is not None and target_time <= 0):
        raise WorkflowError(
            "A plan needs concurrency >= 1, lambda_limit > 0, target_time > 0 and overhead >= 0; it was given "
            f"{concurrency}, {lambda_limit}, {target_time} and {overhead}."
        )
    work = estimate(collection, durations)
    if not work.tests:
        return Plan((), 0.0, 0.0, 0, 0.0)
    most = min(concurrency, len(work.tests))
    if overhead:
        most = max(1, min(most, int(work.total / (_WORTH_A_WORKER * overhead))))
    if work.total <= _ONE_CHUNK * overhead:
        most = 1
    workers = most if target_time is None else _fewest(work, most, target_time, overhead)
    groups, seconds = _cut(work, workers, overhead, lambda_limit)
    while target_time is not None and seconds > target_time and workers < most:
        workers = min(most, max(workers + 1, int(workers * 1.2)))
        groups, seconds = _cut(work, workers, overhead, lambda_limit)
    chunks = _chunks(work, groups, collection.suite)
    workers = min(workers, len(chunks))
    busy = work.total + overhead * len(chunks)
    return Plan(
        chunks=chunks,
        expected_seconds=seconds,
        expected_cost_usd=chunks_cost(len(chunks), busy, memory_mb),
        concurrency=workers,
        ideal_seconds=max(work.total / workers, *work.seconds),
    )


def _fewest(work: Estimates, most: int, target_time: float, overhead: float) -> int:
    """Guess, from below, how many workers reach the target; the caller counts up from there."""
    usable = max(target_time - overhead, overhead, 1e-9)
    return max(1, min(most, ceil(work.total / usable)))


def _cut(work: Estimates, workers: int, overhead: float, limit: float) -> tuple[list[list[Piece]], float]:
    """Return the pieces of every chunk, in order, and the expected wall time."""
    groups = [list(work.modules)] if workers == 1 else _guided(work, workers, overhead)
    bounded = [part for group in groups for part in _bounded(work, group, limit * _FILL_OF_LIMIT)]
    return bounded, makespan([sum(map(work.weight, group)) + overhead for group in bounded], workers)


def makespan(seconds: list[float], workers: int) -> float:
    """Return when the last of these jobs ends if ``workers`` take them in order, each when it is free."""
    free = [0.0] * min(workers, len(seconds))
    for job in seconds:
        heapreplace(free, free[0] + job)
    return max(free, default=0.0)


def _guided(work: Estimates, workers: int, overhead: float) -> list[list[Piece]]:
    part = work.total / workers
    smallest = max(_SMALLEST * overhead, part / 32)
    share = _SHARE_KNOWN + (_SHARE_UNKNOWN - _SHARE_KNOWN) * work.known.count(False) / len(work.known)
    queue = _longest_last(work, smallest)
    left = work.total
    free = [0.0] * workers
    groups: list[list[Piece]] = []
    while queue and (left / workers >= share * smallest or _longest(work, queue[-1]) > smallest):
        group, weight = _take(work, queue, max(left / (share * workers), smallest))
        groups.append(group)
        left -= weight
        heapreplace(free, free[0] + overhead + weight)
    return groups + _last_round(work, queue, free, overhead)


def _longest(work: Estimates, piece: Piece) -> float:
    return max(work.seconds[piece[0] : piece[1]])


def _longest_last(work: Estimates, smallest: float) -> list[Piece]:
    """Order modules for popping: first those with a test too long for a last chunk, then the heavy, then the light."""
    keys = []
    for module in work.modules:
        longest = _longest(work, module)
        keys.append((longest if longest > smallest else 0.0, work.weight(module), module))
    keys.sort()
    return [module for _, _, module in keys]


def _take(work: Estimates, queue: list[Piece], size: float) -> tuple[list[Piece], float]:
    """Pop whole modules up to about ``size``; split one only if it alone is well above."""
    group: list[Piece] = []
    weight = 0.0
    while queue:
        module = queue[-1]
        own = work.weight(module)
        if own > 1.2 * size and module[1] - module[0] > 1:
            if group:
                break
            cut = _nearest(work, module, own / max(2, round(own / size)))
            group, weight = [(module[0], cut)], work.weight((module[0], cut))
            queue[-1] = (cut, module[1])
            break
        if group and weight + own > 1.1 * size:
            break
        group.append(queue.pop())
        weight += own
    return group, weight


def _nearest(work: Estimates, piece: Piece, size: float) -> int:
    """Return where to cut a piece of two tests or more so that its first part takes nearest to ``size``."""
    start, end = piece
    goal = work.sums[start] + size
    cut = bisect_left(work.sums, goal, start + 1, end - 1)
    if cut > start + 1 and goal - work.sums[cut - 1] < work.sums[cut] - goal:
        cut -= 1
    return cut


def _last_round(work: Estimates, queue: list[Piece], free: list[float], overhead: float) -> list[list[Piece]]:
    """Share what is left so that all workers end together, splitting as few modules as that needs."""
    if not queue:
        return []
    pieces = queue[::-1]
    left = sum(map(work.weight, pieces))
    best: tuple[float, list[tuple[float, list[Piece]]]] = (inf, [])
    end = _level(free, left, overhead)
    for part in _SAND:
        whole, sand = _split_off(work, pieces, left * part)
        filled = _fill(work, whole, sand, free, overhead)
        late = max(begin + overhead + sum(map(work.weight, group)) for begin, group in filled if group) - end
        if late < best[0]:
            best = (late, filled)
        if late <= max(_LEVEL * end, overhead / 2):
            break
    return [group for _, group in sorted(best[1]) if group]


def _level(free: list[float], left: float, overhead: float) -> float:
    """Return the time at which all end if ``left`` seconds are poured over workers that are free at ``free``."""
    total, ends = left, sorted(free)
    for count, begin in enumerate(ends, 1):
        total += begin + overhead
        level = total / count
        if count == len(ends) or level <= ends[count] + overhead:
            return level
    return max(ends)


def _split_off(work: Estimates, pieces: list[Piece], seconds: float) -> tuple[list[Piece], list[Piece]]:
    """Take the lightest modules, ``seconds`` of them, apart into tests."""
    whole = list(pieces)
    sand: list[Piece] = []
    taken = 0.0
    while whole and taken < seconds:
        start, end = whole.pop()
        taken += work.weight((start, end))
        sand += [(i, i + 1) for i in range(start, end)]
    return whole, sand


def _fill(
    work: Estimates, whole: list[Piece], sand: list[Piece], free: list[float], overhead: float
) -> list[tuple[float, list[Piece]]]:
    """Give each piece, the heaviest first, to the worker that would begin it first; return (free at, pieces)."""
    heap: list[tuple[float, int]] = [(begin, i) for i, begin in enumerate(free)]
    heapify(heap)
    groups: list[tuple[float, list[Piece]]] = [(begin, []) for begin in free]
    for pieces in (whole, sand):
        for piece in sorted(pieces, key=work.weight, reverse=True):
            at, i = heappop(heap)
            group = groups[i][1]
            heappush(heap, (at + work.weight(piece) + (0.0 if group else overhead), i))
            group.append(piece)
    return groups


def _bounded(work: Estimates, group: list[Piece], limit: float) -> list[list[Piece]]:
    """Split a group that might not end within ``limit`` seconds; unknown tests count at least a second."""
    cautious = sum(
        max(work.seconds[i], _CAUTIOUS_SECONDS) if not work.known[i] else work.seconds[i]
        for a, b in group
        for i in range(a, b)
    )
    if cautious <= limit:
        return [group]
    groups: list[list[Piece]] = [[]]
    weight = 0.0
    for start, end in sorted(group):
        begin = start
        for i in range(start, end):
            own = work.seconds[i] if work.known[i] else max(work.seconds[i], _CAUTIOUS_SECONDS)
            if weight + own > limit and (groups[-1] or i > begin):
                if i > begin:
                    groups[-1].append((begin, i))
                groups.append([])
                begin, weight = i, 0.0
            weight += own
        groups[-1].append((begin, end))
    return [g for g in groups if g]


def _chunks(work: Estimates, groups: list[list[Piece]], suite: str) -> tuple[Chunk, ...]:
    prefix = re.sub(r"[^A-Za-z0-9._-]+", "-", suite).strip("-") or "suite"
    chunks = []
    for number, group in enumerate(groups):
        group.sort()
        if work.sorted:
            tests = [test for start, end in group for test in work.tests[start:end]]
        else:
            chosen = sorted((work.places[i], work.tests[i]) for start, end in group for i in range(start, end))
            tests = [test for _, test in chosen]
        files = dict.fromkeys(work.files[start] for start, _ in group)
        expected = sum(map(work.weight, group))
        chunks.append(Chunk(f"{prefix}-{number:05d}", suite, tuple(tests), tuple(files), expected))
    return tuple(chunks)
