"""What of a set of requirements can be installed here: dead distributions must not take the living ones with them.

The index tells of what no release is ready for this Python, and uv what does not resolve beside the others. Nothing is
built to find out: a build runs foreign code. What comes as a source distribution alone may or may not build, so a set
with such ones is tried with them and without them.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging.requirements import Requirement

from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import IndexUnavailableError, Release, releases
from maestro.healing.strategies.names import canonical
from maestro.healing.strategies.releasing import ready, runs
from maestro.healing.strategies.resolve import together

_LOOKUPS = 8
_MOST = 16  # lines of one change
_LOOKED_UP = 24  # lines that the index is asked about


@dataclass(frozen=True, slots=True)
class Choice:
    """Requirement lines to install in one change, and what is to be said of those left out of it ("" for nothing)."""

    lines: tuple[str, ...]
    left: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Normalised names of the distributions."""
        return frozenset(canonical(Requirement(line).name) for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with what may be asked for in its place: at best, and without a build ("" where there is nothing)."""

    asked: str
    best: str
    fetched: str


def choices(evidence: Evidence, lines: Sequence[str]) -> list[Choice]:
    """Return the sets that are worth a trial (up to three), the one nearest to what is asked for first.

    One as the lines say; one in which ranges give way of which nothing is ready; one without what has to be built.
    Where neither the index nor uv can be asked, the set is returned as it is.
    """
    looked = _looked_up(evidence, lines[:_LOOKED_UP])
    alive = [line for line in looked if line.best][:_MOST]
    fetched = tuple(line.fetched for line in alive if line.fetched)
    fitting = together(evidence.project, evidence.python, fetched) if fetched else ()
    if fitting:  # else uv answers for none of them: it cannot be asked, and says nothing of any
        alive = [line for line in alive if not line.fetched or line.fetched in fitting]
    found: dict[tuple[str, ...], str] = {}
    for chosen in (
        {line.asked: line.best for line in alive},
        {line.asked: line.fetched or line.best for line in alive},
        {line.asked: line.fetched for line in alive if line.fetched},
    ):
        if chosen:
            found.setdefault(tuple(chosen.values()), _left(looked, chosen, evidence.python))
    return [Choice(kept, left) for kept, left in found.items()]


def _left(looked: Sequence[_Line], chosen: Collection[str], python: tuple[int, int]) -> str:
    """Say what is missing in a set, and why."""
    missing = [line for line in looked if line.asked not in chosen]
    reasons = {
        f"no release is ready for Python {python[0]}.{python[1]}": [n for n in missing if not n.best],
        "it does not resolve with the others": [n for n in missing if n.fetched],
        "it would have to be built": [n for n in missing if n.best and not n.fetched],
    }
    said = [f"{', '.join(n.asked for n in lines)} ({why})" for why, lines in reasons.items() if lines]
    return f"; left out: {', '.join(said)}" if said else ""


def _looked_up(evidence: Evidence, lines: Sequence[str]) -> list[_Line]:
    """Ask the index about all lines at once."""

    def known(line: str) -> tuple[Release, ...] | None:
        try:
            return releases(Requirement(line).name, evidence.project.network)
        except IndexUnavailableError:
            return None

    with ThreadPoolExecutor(_LOOKUPS) as pool:
        answers = list(pool.map(known, lines))
    return [_line(line, answer, evidence.python) for line, answer in zip(lines, answers, strict=True)]


def _line(line: str, known: Sequence[Release] | None, python: tuple[int, int]) -> _Line:
    if not known:
        return _Line(line, line, line)  # of another index perhaps: uv says
    want, fitting = Requirement(line), ready(known, python)
    if not fitting:
        return _Line(line, "", "")
    inside = [release for release in known if want.specifier.contains(str(release.version))]
    if ready(inside, python):
        return _Line(line, line, line if any(release.wheels for release in ready(inside, python)) else "")
    bare = want.name + (f"[{','.join(sorted(want.extras))}]" if want.extras else "")
    best = line if runs(want.name, inside, want.specifier, python) else bare
    return _Line(line, best, bare if any(release.wheels for release in fitting) else "")
