"""What a gate is: it looks at one candidate's evidence and says whether it passed and what was seen.

A gate is a pure function; none runs project code. The static ones are in :mod:`maestro.healing.static_gates`, those
that look at what ran in :mod:`maestro.healing.proof`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from maestro.healing._forms import Knowledge
from maestro.healing._trees import Change
from maestro.healing.attempt import Attempt
from maestro.healing.weakening import Finding
from maestro.model import GateResult

SHOWN = 5  # so many names or problems a detail lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Attempt):
    """Everything that the gates look at: an attempt, and what both of its trees say.

    ``tests`` are the ids that must have become green.
    """

    tests: tuple[str, ...]
    changed: tuple[Change, ...]
    knowledge: Knowledge
    findings: tuple[Finding, ...]
    followed: tuple[Mapping[str, Any], ...] = ()  # the records of provenance that the change follows


Gate = Callable[[Evidence], GateResult]


def listed(names: Collection[str]) -> str:
    """Return the first few names in order, and how many more there are."""
    shown = ", ".join(sorted(names)[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
