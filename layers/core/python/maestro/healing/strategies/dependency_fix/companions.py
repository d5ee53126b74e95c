"""What a release was made to run with, where a pin takes one distribution back and leaves its companions new.

Few releases bound what they need from above, so a resolver leaves the newest of it beside an old release that was
never tried with that. What a release requires (or its family, where its files do not tell) goes back along, to the
series that was current when the release came out, if the one at hand differs from that by its first number.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from packaging.requirements import Requirement
from packaging.version import Version

from maestro.healing.strategies.data import table
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import IndexUnavailableError, Release, releases
from maestro.healing.strategies.names import canonical
from maestro.healing.strategies.releasing import installed_version, is_tool, next_bound, ready
from maestro.healing.strategies.wheels import required_by


def companions(evidence: Evidence, distribution: str, left: Release) -> list[Requirement]:
    """Return pins of what a release needs, as it was then; empty where all of it is of that series still.

    ``left`` is the release of ``distribution`` that its own pin leaves.
    """
    if left.uploaded is None:
        return []
    found: list[Requirement] = []
    for name in _close(evidence, distribution, left.version):
        try:
            known = releases(name, evidence.project.network)
        except IndexUnavailableError:
            continue
        at_hand = installed_version(evidence, name, known)
        bound = _series_after(ready(known, evidence.python), left.uploaded)
        if at_hand is not None and bound is not None and bound <= at_hand and _another(known, left.uploaded, at_hand):
            found.append(Requirement(f"{name}<{bound}"))
    return found


def _close(evidence: Evidence, distribution: str, version: Version) -> Iterator[str]:
    """Yield normalised names of the companions of a release that are there: what it requires, else its family."""
    try:
        needed = [canonical(r.name) for r in required_by(distribution, version, evidence.project.network)]
    except IndexUnavailableError:
        needed = []
    if not needed:
        needed = [n for family in table("families")["families"] if family[0] == distribution for n in family[1:]]
    for name in dict.fromkeys(needed):
        if name not in evidence.own_distributions and not is_tool(name):
            yield name


def _series_after(known: Sequence[Release], when: datetime) -> Version | None:
    """Return the version that ends the series which was current at a time; None where that one has not ended."""
    then = [r.version for r in known if r.uploaded and r.uploaded <= when] or [r.version for r in known[:1]]
    if not then:
        return None
    newest = max(r.version for r in known if r.version.release[:2] <= max(then).release[:2])
    bound = next_bound(known, newest)
    return bound if bound > newest else None


def _another(known: Sequence[Release], when: datetime, at_hand: Version) -> bool:
    """Whether the version at hand begins with other numbers than the one of that time (0.x counts its second)."""
    then = max((r.version for r in known if r.uploaded and r.uploaded <= when), default=None)
    return then is not None and at_hand.release[: 1 + (then.major == 0)] != then.release[: 1 + (then.major == 0)]
