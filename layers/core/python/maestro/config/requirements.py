"""The lines of ``environment.install``."""

import re
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from maestro.config.files import inside, is_file

_OPTION = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable)(?:\s*=\s*|\s+|(?<=-[rce]))(\S.*)")
_SHORT = {"--requirement": "-r", "--constraint": "-c", "--editable": "-e"}
_LOCAL = re.compile(r"(\.{1,2}(?:/[^\[\]]*)?|[^\[\]@ ]+\.(?:whl|tar\.gz|zip))(\[[\w\s.,-]*\])?")
_URL = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?(?:https?|ssh|git)(?:\+https?)?://\S+")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")


def normalise(line: str, root: Path | None = None) -> str:
    """Check one line and return it in its usual form (``-r file``, ``-e .[test]``, ``.``, ``name>=1``, a URL).

    With ``root`` given, files and folders that are named must lie in it, and requirement files must exist.

    Raises
    ------
    ValueError
        What is wrong, and after ``;`` what would be right.
    """
    text = _COMMENT.sub("", line).strip()
    if not text:
        raise ValueError("an empty line; write a requirement such as 'requests>=2.31'")
    if "\n" in text or "\0" in text:
        raise ValueError("several lines in one; write one requirement for each item of the list")
    if text.startswith("-"):
        return _option(text, root)
    if _LOCAL.fullmatch(text):
        _check_inside(text.partition("[")[0], root)
        return text
    if _URL.fullmatch(text):
        return text
    if text.endswith((".txt", ".in")):
        _check_file(text, root)
        return f"-r {text}"
    try:
        Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{text!r} is not a requirement ({reason}); {_suggest(text)}") from error
    return text


def _option(text: str, root: Path | None) -> str:
    option = _OPTION.fullmatch(text)
    if not option:
        raise ValueError(f"installer option {text!r}; only -r FILE, -c FILE and -e PATH are understood here")
    flag, target = _SHORT.get(option[1], option[1]), option[2].strip()
    if flag != "-e":
        _check_file(target, root)
    elif not _URL.match(target):
        _check_inside(target.partition("[")[0], root)
    return f"{flag} {target}"


def name_of(line: str) -> str | None:
    """Return the normalised distribution name that a line asks for, or ``None`` for ``-r``, ``-e``, paths and URLs."""
    try:
        text = normalise(line)
        return canonicalize_name(Requirement(text).name)
    except (ValueError, InvalidRequirement):
        return None


def marker_of(line: str) -> str:
    """Return the environment marker of a requirement line, or ``""``."""
    try:
        return str(Requirement(_COMMENT.sub("", line).strip()).marker or "")
    except InvalidRequirement:
        return ""


def overlay(base: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Add lines to ``base``; a line that names a distribution which ``base`` names takes that line's place."""
    lines = list(base)
    for line in more:
        name, marker = name_of(line), marker_of(line)
        same = [
            i
            for i, old in enumerate(lines)
            if old == line or (name and (name_of(old), marker_of(old)) == (name, marker))
        ]
        if same:
            lines[same[0]] = line
        else:
            lines.append(line)
    return tuple(lines)


def _check_inside(target: str, root: Path | None) -> None:
    if root is not None and not inside(root, target):
        raise ValueError(f"{target!r} lies outside the project; name a path below the project's folder")


def _check_file(target: str, root: Path | None) -> None:
    _check_inside(target, root)
    if root is not None and not is_file(root, target):
        raise ValueError(f"there is no file {target!r} in the project; name a requirements file that exists")


def _suggest(text: str) -> str:
    repaired = re.sub(r"(?<![=<>!~])=(?!=)", "==", text)
    try:
        return f"did you mean '{Requirement(repaired)}'?"
    except InvalidRequirement:
        return "write it like 'requests>=2.31', '-r requirements.txt' or '-e .'"
