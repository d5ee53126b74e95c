"""How good and how dear a plan is: 100,000 tests for 512 workers.

Everything is compared in the same run: the planner's CPU time with that of a greedy heap (each test, the longest
first, to the least loaded worker, for good), and the end of a simulated run, in which free workers pull chunks, with
the bound that no plan can beat (work evenly spread, or the longest test). Once chunks are free of charge, to the
planner and in the simulation, as tests are to the heap; once each costs half a second, to both and in the bound.
The last figure is that run's end over the bound without any cost.

    python tests/benchmarks/bench_planner.py [--tests 100000] [--workers 512] [--seed 1]
"""

import argparse
import heapq
import random
import sys
import time
from collections.abc import Callable, Mapping

from maestro.model import Collection
from maestro.workflow import Plan, makespan, plan_chunks

OVERHEAD = 0.5


def show(line: str) -> None:
    """Print one line of the report."""
    sys.stdout.write(line + "\n")


def suite(count: int, rng: random.Random) -> tuple[Collection, dict[str, float]]:
    """Make modules of 1 to 120 tests; durations are log-normal, and tests of one module resemble each other."""
    tests: list[str] = []
    durations: dict[str, float] = {}
    while len(tests) < count:
        name = f"tests/unit/test_module_{len(tests)}.py"
        pace = rng.lognormvariate(-2.0, 0.9)
        for i in range(min(rng.randint(1, 120), count - len(tests))):
            test = f"{name}::test_behaviour_{i}"
            tests.append(test)
            durations[test] = min(20.0, pace * rng.lognormvariate(0.0, 1.0))
    return Collection("unit", tuple(tests), {t: t.partition("::")[0] for t in tests}, ()), durations


def greedy(known: Mapping[str, float], actual: Mapping[str, float], workers: int) -> float:
    """Return the end of the classic static plan: each test, the longest first, to the least loaded worker."""
    loads = [(0.0, worker) for worker in range(workers)]
    ends = [0.0] * workers
    for test in sorted(actual, key=lambda t: known.get(t, 0.1), reverse=True):
        load, worker = loads[0]
        heapq.heapreplace(loads, (load + known.get(test, 0.1), worker))
        ends[worker] += actual[test]
    return max(ends)


def pulled(plan: Plan, actual: Mapping[str, float], workers: int, overhead: float = 0.0) -> float:
    """Return when a run ends in which free workers pull the plan's chunks and tests take their actual time."""
    return makespan([overhead + sum(actual[t] for t in chunk.tests) for chunk in plan.chunks], workers)


def cpu(action: Callable[[], object], rounds: int = 5) -> float:
    """Return the least CPU seconds of a few rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return best


def main() -> int:
    """Print the ratios; exit 1 if one is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tests", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311 - a simulation must repeat
    collection, durations = suite(options.tests, rng)
    noisy = {t: s * rng.lognormvariate(-(0.3**2) / 2, 0.3) for t, s in durations.items()}
    partial = {t: s for t, s in durations.items() if rng.random() > 0.2}
    workers = options.workers

    def plan(known: Mapping[str, float], overhead: float = OVERHEAD) -> Plan:
        return plan_chunks(collection, known, concurrency=workers, overhead=overhead)

    heap_seconds, plan_seconds = cpu(lambda: greedy(durations, durations, workers)), cpu(lambda: plan(durations))
    show(f"{options.tests} tests, {workers} workers, {sum(durations.values()):.0f} s of work")
    show(f"CPU: greedy heap {heap_seconds * 1000:.0f} ms, planner {plan_seconds * 1000:.0f} ms (budget 150 ms)")
    show(f"     ratio {plan_seconds / heap_seconds:.2f}")
    show(
        f"{'end / bound, chunks free of charge':36}{'greedy':>8}{'planner':>9}{'budget':>8}{'chunks':>8}"
        f"{'0.5 s each':>12}{'chunks':>8}"
    )
    bad = plan_seconds > 0.150
    for label, known, actual, budget in (
        ("durations known", durations, durations, 1.001),
        ("30% noise", durations, noisy, 1.15),
        ("30% noise, 20% of tests unknown", partial, noisy, 1.15),
        ("nothing known", {}, durations, None),
    ):
        free, charged = plan(known, 0.0), plan(known)
        bound = max(sum(actual.values()) / workers, *actual.values())
        ratio = pulled(free, actual, workers) / bound
        fair = bound + OVERHEAD * len(charged.chunks) / workers
        fixed = pulled(charged, actual, workers, OVERHEAD) / fair
        limit = f"{budget}" if budget else "-"
        static = greedy(known, actual, workers) / bound
        show(
            f"{label:36}{static:8.4f}{ratio:9.4f}{limit:>8}{len(free.chunks):8}{fixed:12.4f}{len(charged.chunks):8}"
            f"   in all {fixed * fair / bound:.4f}"
        )
        bad |= budget is not None and ratio > budget
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
