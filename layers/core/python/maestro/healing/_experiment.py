"""One way to run tests, and what came of it.

>>> told = Observation("alone", {"t.py::a": ("passed", "failed")})
>>> told.rate("t.py::a")
0.5
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from maestro.model import EnvironmentFacts, Outcome

Order = Literal["given", "reversed", "shuffled", "alone", "needed"]
_BAD = frozenset({Outcome.FAILED.value, Outcome.ERROR.value})


@dataclass(frozen=True, slots=True)
class Experiment:
    """One way to run tests. ``tests`` are ids in order (None: the whole suite as the tool orders it).

    ``order``: "given" as listed, "reversed", "shuffled" by ``seed``, "alone" (each in its own process), or "needed":
    the last test after as few of the others as it takes for all of these to pass; ``ran`` tells them. ``load`` is a
    number of busy processes meanwhile; ``repeat`` how often; ``record`` whether changed state is noted; ``listing``
    ("sorted", "reversed") in which order folders are listed to the tests, which the system leaves open; ``watch`` the
    ids whose outcomes are told (empty: all listed). ``draws``, unless 0, seeds the random numbers of Python and numpy
    before each test, in the n-th repetition (from 0) with ``draws + n``; so does ``hashing`` with the hashes of Python,
    by PYTHONHASHSEED; ``clock``, unless 0, is the moment (seconds
    since the epoch) at which the clock of the tests begins to run. ``patch`` is a diff that exchanges something
    beforehand (the environment, say); ``away`` are paths outside of the
    project that are moved aside while a test runs; ``sought`` maps tests to the values whose origin is looked for.
    """

    name: str
    tests: tuple[str, ...] | None = None
    order: Order = "given"
    seed: int = 0
    load: int = 0
    repeat: int = 1
    record: bool = False
    listing: str = ""
    watch: tuple[str, ...] = ()
    draws: int = 0
    hashing: int = 0
    clock: float = 0.0
    patch: str = ""
    away: tuple[str, ...] = ()
    sought: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """What an experiment showed: each watched test's outcome in every repetition.

    ``changed`` maps tests, in the order of the run, to the shared state that they left changed; ``ran`` are all ids in
    the order in which they ran. ``origins`` maps tests to where values that were sought come from, as the guest's
    ``origins`` tells it; ``environment`` what it ran in, where that was asked for by a patch or by values sought.
    ``compared`` maps watched tests, where ``hashing`` was set, to what the failed assertion of each repetition held
    against each other ("" where none did). ``problem`` says why there is nothing to see.
    """

    name: str
    outcomes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    changed: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    ran: tuple[str, ...] = ()
    seconds: float = 0.0
    problem: str = ""
    origins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: EnvironmentFacts | None = None
    compared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def rate(self, test: str) -> float | None:
        """Return the share of repetitions in which a test failed; None where it never ran."""
        bad, runs = self.failed(test)
        return bad / runs if runs else None

    def failed(self, test: str) -> tuple[int, int]:
        """Return in how many repetitions a test failed, and in how many it ran."""
        seen = [o for o in self.outcomes.get(test, ()) if o != "absent"]
        return sum(o in _BAD for o in seen), len(seen)
