"""Which lines of an environment the installer refuses, by its own words.

What the words do not lay at the door of one stated line (an index that does not answer, a distribution that nobody has,
two lines that contradict each other, the project itself) names none: no other set of lines would mend it.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_REQUIRED = re.compile(r"\byou\s+require\s+([A-Za-z0-9][\w.-]*\w|\w)")
_ABSENT = re.compile(r"\bnot\s+found\s+in\s+the\s+(?:package\s+registry|provided|cache)")
_BUILT = re.compile(r"Failed to (?:download and )?build `([A-Za-z0-9][\w.-]*?)(?:==[^`]*)?`")


_FILE = re.compile(r"(?:-r|--requirement)(?:\s+|\s*=\s*)(\S+)")
_PROJECT = re.compile(r"(?:-e|--editable)\s+\.(?:\[[^\]]*\])?")
_NESTING = 10  # files that name files


def spelled_out(lines: Sequence[str], source: Path) -> Mapping[str, str]:
    """Return each line and the file that states it ("" where it stands in ``environment.install`` itself).

    A file that says more than requirements, further files and the project itself (hashes, another index) stays one
    line, as does one outside of ``source``.
    """
    found: dict[str, str] = {}
    for line in lines:
        named = _FILE.fullmatch(line.strip())
        inside = _lines(source / named[1], source.resolve()) if named else None
        for inner, file in [(line, "")] if inside is None else inside:
            found.setdefault(inner, file)
    return found


def _lines(path: Path, source: Path, depth: int = 0) -> list[tuple[str, str]] | None:
    """Every requirement of a file and of those that it names, with its file; None where it says anything else."""
    place = path.resolve()
    if depth > _NESTING or not place.is_relative_to(source) or not place.is_file():
        return None
    found: list[tuple[str, str]] = []
    for line in place.read_text("utf-8", "replace").splitlines():
        text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if named := _FILE.fullmatch(text):
            nested = _lines(place.parent / named[1], source, depth + 1)
            if nested is None:
                return None
            found += nested
        elif _name(text) or _PROJECT.fullmatch(text):
            found.append((text, place.relative_to(source).as_posix()))
        elif text:
            return None
    return found


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
