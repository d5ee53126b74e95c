"""What of a set of requirements can be installed here: dead distributions must not take the living ones with them.

The index tells of what no release is ready for this Python, and uv what does not resolve beside the others. Nothing is
built to find out: a build runs foreign code. What comes as a source distribution alone may or may not build, so a set
with such ones is tried with them and without them.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging.requirements import Requirement

from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import IndexUnavailableError, Release, releases
from maestro.healing.strategies.names import canonical
from maestro.healing.strategies.releasing import ready
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
    """A line as it can be asked for here ("" where nothing can), and whether that needs no build."""

    asked: str
    usable: str
    wheels: bool


def choices(evidence: Evidence, lines: Sequence[str]) -> list[Choice]:
    """Return the sets that are worth a trial, the largest first: with what has to be built, then without.

    Where neither the index nor uv can be asked, the set is returned as it is.
    """
    looked = _looked_up(evidence, lines[:_LOOKED_UP])
    usable = [line for line in looked if line.usable][:_MOST]
    fetched = tuple(line.usable for line in usable if line.wheels)
    fitting = together(evidence.project, evidence.python, fetched) if fetched else ()
    if fetched and not fitting:
        fitting = fetched  # uv answers for none of them: it cannot be asked, and says nothing of any
    sets = [
        [line for line in usable if line.usable in fitting or not line.wheels],
        [line for line in usable if line.usable in fitting],
    ]
    found = {tuple(line.usable for line in kept): kept for kept in sets if kept}
    return [Choice(chosen, _left(looked, usable, kept, evidence.python)) for chosen, kept in found.items()]


def _left(looked: Sequence[_Line], usable: Sequence[_Line], kept: Sequence[_Line], python: tuple[int, int]) -> str:
    """Say what is missing in a set, and why."""
    reasons = {
        f"no release is ready for Python {python[0]}.{python[1]}": [n for n in looked if not n.usable],
        "it does not resolve with the others": [n for n in usable if n not in kept and n.wheels],
        "it would have to be built": [n for n in usable if n not in kept and not n.wheels],
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
        return _Line(line, line, wheels=True)  # of another index perhaps: uv says
    want = Requirement(line)
    extras = f"[{','.join(sorted(want.extras))}]" if want.extras else ""
    for usable, among in ((line, list(_in(want, known))), (want.name + extras, known)):
        fitting = ready(among, python) if among else []
        if fitting:
            return _Line(line, usable, wheels=any(release.wheels for release in fitting))
    return _Line(line, "", wheels=False)


def _in(want: Requirement, known: Sequence[Release]) -> Iterator[Release]:
    return (release for release in known if want.specifier.contains(str(release.version)))
