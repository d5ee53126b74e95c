"""Diagnosis by experiment: which runs would tell why a test sometimes fails, and what their answers say.

Nothing here runs anything. :func:`wanted` says whether experiments can tell something about a failure at all;
:func:`plan` asks for the next ones, given all answers so far; :func:`conclude` reads the answers into the failure:
a verdict, the words of it, who pollutes whom, and the runs that reveal the trouble and that a repair has to survive.

>>> one = Experiment("alone", ("t.py::a", "t.py::b"), order="alone", repeat=2)
>>> told = Observation(one.name, {"t.py::a": ("passed", "passed"), "t.py::b": ("passed", "failed")})
>>> told.rate("t.py::a"), told.rate("t.py::b")
(0.0, 0.5)
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maestro.healing import _clock, _draws, _hashing, _leftover, _listing
from maestro.healing._experiment import Experiment, Observation
from maestro.healing.known_forms.free_port import taken
from maestro.model import CaseResult, Failure, Outcome, Phase

__all__ = [
    "Experiment",
    "Ground",
    "Observation",
    "conclude",
    "plan",
    "polluter",
    "repetitions",
    "stress",
    "wanted",
]

MAX_STEPS = 7
MAX_VICTIMS = 6
MAX_LISTED = 3000  # ids in one experiment
WHOLE_SUITE_SECONDS = 60.0  # a longer suite is not run whole in an experiment
SEGMENTS = 6  # parts that one step of a bisection tries side by side
RATE_REPEATS = 8
MAX_STRESS = 40
_SLOW_SECONDS = 30.0
_START_SECONDS = 0.4  # of a process with the tool
_STEP_SECONDS = 30.0  # what the runs with seeds, or with other clocks, may take together
_SAID = ". Experiments: "
_COUNTER = re.compile(r"\b\d+-\d+\]$")  # what pytest-repeat adds to the ids of tests that it runs again


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of the suite beforehand: its results without any patch, in order, and how many cores there are."""

    results: tuple[CaseResult, ...]
    timed: bool = False  # the failing tests wait for time to pass
    shared: bool = False  # the failing tests share state with others of their module
    listing: bool = False  # what the failing tests run lists folders, and they compare sequences
    draws: bool = False  # what the failing tests run draws random numbers
    unordered: bool = False  # the order of a set may decide over the failing tests
    outside: bool = False  # the failing tests' files state files in shared folders
    fixed: tuple[str, ...] = ()  # those of these files whose whole path is stated
    dates: tuple[datetime, ...] = ()  # that the failing tests state and that are over
    cores: int = 2

    @property
    def tests(self) -> tuple[str, ...]:
        """The ids of single tests, in the order in which they were run."""
        return tuple(r.id for r in self.results if "::" in r.id)[:MAX_LISTED]

    @property
    def seconds(self) -> float:
        """How long the whole suite takes, one test after another."""
        return sum(r.seconds for r in self.results)


def wanted(failure: Failure, ground: Ground) -> bool:
    """Whether experiments can tell something about a failure.

    They can where a test failed and also passed, where it ran out of time, where a failed assertion may be owed to a
    test before it, to a date that is over, or a file or port to what ran before; not where nothing was collected.
    """
    if failure.facts.phase in (Phase.COLLECT, Phase.SESSION, Phase.PROCESS) or not _victims(failure):
        return False
    if failure.flaky:
        return True
    slow = max((r.seconds for r in ground.results if r.id in set(failure.tests)), default=0.0)
    in_the_way = failure.facts.exception.endswith("FileExistsError") or taken(failure.facts)
    asked = ground.listing or ground.unordered or ground.outside or ground.dates
    if asked or in_the_way or _passed_before(failure, ground):
        return slow < _SLOW_SECONDS
    return (ground.timed or ground.shared) and slow < _SLOW_SECONDS and len(ground.tests) > 1


def _passed_before(failure: Failure, ground: Ground) -> bool:
    """Whether a failing test is the repetition of one that passed: their ids differ by a counter ("1-2", "2-2")."""
    passed = {_COUNTER.sub("]", r.id) for r in ground.results if r.outcome is Outcome.PASSED and _COUNTER.search(r.id)}
    return any(_COUNTER.search(test) and _COUNTER.sub("]", test) in passed for test in failure.tests)


def plan(failure: Failure, ground: Ground, told: Sequence[Sequence[Observation]]) -> list[Experiment]:
    """Return the experiments of the next step; none where everything is known that they can tell."""
    if len(told) >= MAX_STEPS or not wanted(failure, ground):
        return []
    if not told:
        return _first(failure, ground)
    known = _by_name(told)
    ordered = _revealing(failure, known)
    victims = _victims(failure)
    alone = known.get("alone")
    if ordered is not None and alone is not None:
        victim = _main_victim(victims, alone, ordered)
        return _bisection(victim, ordered, told) if victim else []
    return _second(failure, ground, alone) if len(told) == 1 else []


def _second(failure: Failure, ground: Ground, alone: Observation | None) -> list[Experiment]:
    """The next runs after the first: more of them, in other orders, or with what is left in folders moved aside."""
    few = _victims(failure)[:MAX_VICTIMS]
    if failure.flaky:
        return _rates(failure, ground)
    if alone is not None and any((alone.rate(v) or 0.0) < 1.0 for v in few):
        return _orders(failure, ground)
    return _leftover.tried(few, ground.fixed) if ground.fixed and alone is not None else []


def _victims(failure: Failure) -> tuple[str, ...]:
    return tuple(t for t in failure.tests if "::" in t)


def _files(tests: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(t.partition("::")[0] for t in tests)


def _first(failure: Failure, ground: Ground) -> list[Experiment]:
    victims = _victims(failure)
    few = victims[:MAX_VICTIMS]
    repeat = 3 if taken(failure.facts) else 2 if failure.flaky else 1
    asked = [Experiment("alone", few, "alone", repeat=repeat, watch=few)]
    if ground.listing:
        asked += _listing.listed(few)
    if ground.unordered and _affordable(few, ground, 2 * _hashing.SEEDS):
        asked += _hashing.hashed(few)
    if not failure.flaky and _affordable(few, ground, 4 * len(ground.dates)):
        asked += _clock.turned(few, ground.dates)
    # What fails in every run of the suite is mostly broken: one run of it alone says whether to go on asking.
    return [*asked, *_orders(failure, ground)] if failure.flaky else asked


def _affordable(tests: Sequence[str], ground: Ground, times: int) -> bool:
    """Whether tests can be run alone so many times, in the time that one step may take."""
    seconds = sum(r.seconds + _START_SECONDS for r in ground.results if r.id in set(tests))
    return seconds * times / max(ground.cores, 1) <= _STEP_SECONDS


def _orders(failure: Failure, ground: Ground) -> list[Experiment]:
    """The runs that tell whether tests fail by what runs before them, or by what else the machine does."""
    victims = _victims(failure)
    few, files = victims[:MAX_VICTIMS], _files(victims)
    asked: list[Experiment] = []
    near = tuple(t for t in ground.tests if t.partition("::")[0] in files)
    if len(near) > 1:
        asked.append(Experiment("file", near, repeat=2, record=True, watch=victims))
        asked.append(Experiment("reversed", near, "reversed", record=True, watch=victims))
    if len(_files(ground.tests)) > 1 and ground.seconds <= WHOLE_SUITE_SECONDS:
        asked.append(Experiment("suite", ground.tests, repeat=1, record=True, watch=victims))
    if ground.timed:
        asked.append(Experiment("load", few, "alone", load=2 * ground.cores, repeat=3, watch=few))
    return asked


def _rates(failure: Failure, ground: Ground) -> list[Experiment]:
    few = _victims(failure)[:MAX_VICTIMS]
    asked = [Experiment("often", few, "alone", repeat=RATE_REPEATS, watch=few)]
    if not ground.timed:
        asked.append(Experiment("load", few, "alone", load=2 * ground.cores, repeat=3, watch=few))
    return [*asked, *_draws.drawn(few)] if ground.draws and _affordable(few, ground, 2 * _draws.SEEDS) else asked


def _by_name(told: Sequence[Sequence[Observation]]) -> dict[str, Observation]:
    return {o.name: o for step in told for o in step if not o.problem}


def _always(observation: Observation | None, test: str, rate: float) -> bool:
    return observation is not None and observation.rate(test) == rate


def _revealing(failure: Failure, known: Mapping[str, Observation]) -> Observation | None:
    """Return the ordered run in which a test fails that passes alone."""
    alone = known.get("alone")
    for name in ("file", "suite", "reversed"):
        if name in known and any(
            _always(alone, v, 0.0) and _always(known[name], v, 1.0) for v in _victims(failure)[:MAX_VICTIMS]
        ):
            return known[name]
    return None


def _main_victim(victims: Sequence[str], alone: Observation, ordered: Observation) -> str:
    """The victim with the fewest tests before it: the quickest to search."""
    fit = [v for v in victims if _always(alone, v, 0.0) and _always(ordered, v, 1.0) and v in ordered.ran]
    return min(fit, key=ordered.ran.index) if fit else ""


def _bisection(victim: str, ordered: Observation, told: Sequence[Sequence[Observation]]) -> list[Experiment]:
    """Cut what may hold the polluter into parts, each to be run before the victim; none once it is found."""
    suspects = ordered.ran[: ordered.ran.index(victim)]
    for number, step in _searches(told):
        parts = _parts(suspects)
        guilty = [
            part
            for index, part in enumerate(parts)
            if any(o.name == f"part-{number}-{index}" and _always(o, victim, 1.0) for o in step)
        ]
        if not guilty:
            return []  # no part alone does it: several tests together, or the parts' own order
        if len(guilty[0]) == 1:
            return []
        suspects = guilty[0]
    return [
        Experiment(f"part-{len(told)}-{index}", (*part, victim), record=True, watch=(victim,))
        for index, part in enumerate(_parts(suspects))
    ]


def _searches(told: Sequence[Sequence[Observation]]) -> list[tuple[int, Sequence[Observation]]]:
    """The steps that searched for a polluter, by their number."""
    return [(n, step) for n, step in enumerate(told) if any(o.name.startswith(f"part-{n}-") for o in step)]


def _parts(tests: Sequence[str]) -> list[tuple[str, ...]]:
    """Cut tests into at most ``SEGMENTS`` parts, the last ones first: what ran just before is the likelier cause."""
    size = max(1, math.ceil(len(tests) / SEGMENTS))
    return [tuple(tests[max(0, end - size) : end]) for end in range(len(tests), 0, -size)]


def polluter(failure: Failure, told: Sequence[Sequence[Observation]]) -> tuple[str, str]:
    """Return (victim, polluter); the polluter is "" where the bisection did not end with one."""
    known = _by_name(told)
    ordered, alone = _revealing(failure, known), known.get("alone")
    if ordered is None or alone is None:
        return "", ""
    victim = _main_victim(_victims(failure), alone, ordered)
    if not victim:
        return "", ""
    suspects = ordered.ran[: ordered.ran.index(victim)]
    for number, step in _searches(told):
        parts = _parts(suspects)
        names = {o.name for o in step if _always(o, victim, 1.0)}
        guilty = [part for index, part in enumerate(parts) if f"part-{number}-{index}" in names]
        if not guilty:
            return victim, ""
        if len(guilty[0]) == 1:
            return victim, guilty[0][0]
        suspects = guilty[0]
    return victim, ""


# ------------------------------------------------------------------ what the answers say


def conclude(failure: Failure, told: Sequence[Sequence[Observation]]) -> Failure:
    """Read the answers into the failure: ``experiments``, ``diagnosis`` and the words of ``cause``."""
    if not any(told):
        return failure
    known = _by_name(told)
    ordered = _revealing(failure, known)
    diagnosis = _of_chance(failure, known) if ordered is None else _of_order(failure, ordered, told)
    return concluded(failure, told, diagnosis)


def concluded(failure: Failure, told: Sequence[Sequence[Observation]], diagnosis: Mapping[str, Any]) -> Failure:
    """Return a failure with its diagnosis, the tally of the experiments, and their words behind those of its cause.

    The words of earlier experiments go: a failure may be asked about again, in a later round.
    """
    tally = tuple(
        {"name": o.name, "outcomes": {t: list(seen) for t, seen in o.outcomes.items()}, "problem": o.problem}
        for step in told
        for o in step
    )
    cause = failure.cause.partition(_SAID)[0]
    cause += f"{_SAID}{diagnosis['words']}" if diagnosis["words"] else ""
    return dataclasses.replace(failure, cause=cause, diagnosis=diagnosis, experiments=tally)


def _of_order(failure: Failure, ordered: Observation, told: Sequence[Sequence[Observation]]) -> dict[str, Any]:
    known = _by_name(told)
    victim, guilty = polluter(failure, told)
    victims = [v for v in _victims(failure) if _always(ordered, v, 1.0)]
    before = ordered.ran[: max(ordered.ran.index(v) for v in victims if v in ordered.ran)] if victims else ()
    changes = {t: list(ordered.changed[t]) for t in before if t in ordered.changed}
    runs = list(_stress_of_order(failure, ordered, known))
    if guilty:
        words = f"{victim} passes alone and fails after {guilty}: it depends on the order"
        left = ", ".join(sorted({_shown(c) for c in changes.get(guilty, [])})[:4])
        words += f", which leaves {left} changed" if left else ""
    else:
        words = f"{victims[0] if victims else victim} passes alone and fails after other tests: it depends on the order"
    return {
        "verdict": "order",
        "words": words,
        "victims": victims,
        "victim": victim,
        "polluters": [guilty] if guilty else [],
        "changes": changes,
        "stress": [dataclasses.asdict(e) for e in runs],
    }


def _shown(change: Mapping[str, Any]) -> str:
    return f"{change.get('module')}.{change.get('path')}".rstrip(".")


def _stress_of_order(failure: Failure, ordered: Observation, known: Mapping[str, Observation]) -> Iterable[Experiment]:
    """The runs that a repair has to survive: every order that upset the tests, as often again, and its mirror."""
    times = max(2, max((len(seen) for seen in ordered.outcomes.values()), default=1))
    yield Experiment(f"again-{ordered.name}", ordered.ran, repeat=times)
    for name in ("file", "suite", "reversed"):
        other = known.get(name)
        if other is not None and other is not ordered and any(other.rate(v) for v in _victims(failure)):
            yield Experiment(f"again-{name}", other.ran, repeat=2)


def _of_chance(failure: Failure, known: Mapping[str, Observation]) -> dict[str, Any]:
    every = _victims(failure)
    victims = every[:MAX_VICTIMS]
    for decided in (_listing.decided, _clock.decided, _hashing.decided, _leftover.decided):
        if (sure := decided(known, victims, every)) is not None:
            return sure
    calm = [o for n in ("alone", "often") if (o := known.get(n)) is not None]
    rates = [r for v in victims for o in calm if (r := o.rate(v)) is not None]
    load = known.get("load")
    loaded = max((r for v in victims if load is not None and (r := load.rate(v)) is not None), default=0.0)
    orders = [r for v in victims for n in ("file", "suite", "reversed") if n in known
              and (r := known[n].rate(v)) is not None]  # fmt: skip
    worst = max(rates, default=0.0)
    verdict, words, stress = "unknown", "", []
    drawn = _draws.decided(known, victims)
    runs = sum(len(seen) for o in calm for seen in o.outcomes.values())
    if rates and min(rates) == 1.0:
        passes = [
            n for n in ("file", "suite", "reversed") if n in known and any(known[n].rate(v) == 0 for v in victims)
        ]
        if passes:
            verdict, words = "brittle", f"it fails alone and passes after other tests ({passes[0]}): it leans on them"
        else:
            verdict, words = "broken", "it fails every time, alone and among others"
    elif drawn:
        verdict, words, stress = "random", _draws.said(drawn), _draws.again(drawn, every)
    elif worst > 0:
        verdict = "timing" if loaded > worst else "random"
        words = f"it fails alone too, in {_shares(calm, victims)} quiet runs"
        words += f", {_shares([load], victims)} under load" if load is not None else ""
        words += f", {_shares(seeded, victims)} with seeds" if (seeded := _draws.seeded(known)) else ""
        stress = [Experiment("again-often", every, "alone", repeat=repetitions(worst))]
    elif loaded > 0:
        verdict, words = "timing", f"it passes in a calm machine and fails in {loaded:.0%} of runs under load: timing"
        stress = [Experiment("again-load", every, "alone", load=4, repeat=repetitions(loaded))]
    elif max(orders, default=0.0) > 0:
        verdict, words = "random", f"it fails in {max(orders):.0%} of runs among others, never alone"
        found = next(
            known[n] for n in ("file", "suite", "reversed") if n in known and any(known[n].rate(v) for v in victims)
        )
        stress = [Experiment(f"again-{found.name}", found.ran, repeat=repetitions(max(orders)))]
    else:
        words = f"it could not be made to fail again in {runs} runs" if runs else ""
    return {
        "verdict": verdict,
        "words": words,
        "victims": list(victims),
        "polluters": [],
        "changes": {},
        "stress": [dataclasses.asdict(e) for e in stress],
        **({"draws": drawn} if drawn else {}),
    }


def _shares(observations: Sequence[Observation], victims: Sequence[str]) -> str:
    """Say in how many of its runs the test failed that fails most: "2 of 10"."""
    seen = [[o.failed(v) for o in observations] for v in victims]
    bad, every = max(((sum(b for b, _ in each), sum(n for _, n in each)) for each in seen), key=lambda pair: pair[0])
    return f"{bad} of {every}"


def repetitions(rate: float) -> int:
    """How many clean runs make it 98% sure that a trouble of this rate is gone, within bounds.

    >>> repetitions(1.0), repetitions(0.5), repetitions(0.1)
    (3, 6, 38)
    """
    if rate >= 1:
        return 3
    return min(MAX_STRESS, max(3, math.ceil(math.log(0.02) / math.log(1 - rate))))


def stress(failure: Failure) -> tuple[Experiment, ...]:
    """Return the runs that a repair of this failure has to survive."""
    return tuple(
        Experiment(**{**told, "tests": None if told["tests"] is None else tuple(told["tests"]), "watch": ()})
        for told in failure.diagnosis.get("stress", ())
    )
