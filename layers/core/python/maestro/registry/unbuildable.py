"""Which lines of an environment the installer refuses, by its own words.

What the words do not lay at the door of one stated line (an index that does not answer, a distribution that nobody has,
two lines that contradict each other, the project itself) names none: no other set of lines would mend it.
"""

import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_REQUIRED = re.compile(r"\byou\s+require\s+([A-Za-z0-9][\w.-]*\w|\w)")
_ABSENT = re.compile(r"\bnot\s+found\s+in\s+the\s+(?:package\s+registry|provided|cache)")
_BUILT = re.compile(r"Failed to (?:download and )?build `([A-Za-z0-9][\w.-]*?)(?:==[^`]*)?`")


def refused(said: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Return the install lines that cannot be installed as they are stated; none where the words name no single one.

    >>> refused("there is no version of nose==0.10 and you require nose==0.10, we can", ["pytest", "nose==0.10"])
    ('nose==0.10',)
    """
    names = {canonicalize_name(name) for name in _BUILT.findall(said)}
    required = {canonicalize_name(name) for name in _REQUIRED.findall(said)}
    if len(required) == 1 and not names and not _ABSENT.search(said):
        names = required
    found = [line for line in lines if _name(line) in names]
    return tuple(found) if len({_name(line) for line in found}) == len(found) else ()


def _name(line: str) -> str:
    """The normalised name of what an index has to bring; "" for any other line."""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return ""
    return "" if requirement.url else canonicalize_name(requirement.name)
