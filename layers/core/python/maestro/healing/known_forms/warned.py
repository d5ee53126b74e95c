"""Warnings that a project turned into errors and that one library causes in another: the filter that lets one pass.

A filter may be added for a deprecation whose caller is third-party code too: the nearest frame of a distribution below
the standard library's, or below the distribution that warns. Where the project's own code is the caller, it is the
one to change. The filter names the message, the category and the module of the caller, so it hides no other warning.
Source: https://docs.python.org/3/library/warnings.html#the-warnings-filter
"""

import re
from collections.abc import Sequence

from maestro.model import Failure, Frame

_CATEGORIES = frozenset({"DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"})
_TOOLS = frozenset({"pytest", "pluggy", "_pytest"})
_WARNS = re.compile(r"warn|deprecat", re.IGNORECASE)
_SHORTEST, _LONGEST = 10, 90  # characters of the message that a filter names
_UNSAFE = re.compile(r"[^\w ,-]")  # of a regular expression, an ini file, TOML or the filter's own syntax


def filters(failure: Failure) -> tuple[str, ...]:
    """Return the lines of pytest's ``filterwarnings`` that a failure justifies, the likeliest first; mostly none."""
    facts = failure.facts
    names = [facts.exception, *facts.bases]
    category = next((n.rpartition(".")[2] for n in names if n.rpartition(".")[2] in _CATEGORIES), "")
    message = _UNSAFE.sub(".", facts.message.split("\n")[0].partition(":")[0])[:_LONGEST].rstrip()
    if not category or len(message) < _SHORTEST:
        return ()
    return tuple(f"ignore:{message}:{category}:{module}" for module in _callers(facts.frames))


def _callers(frames: Sequence[Frame]) -> list[str]:
    """Return the modules that the warning may be attributed to; none where the project's own code is the caller."""
    left = [frame for frame in frames if "importlib" not in frame.file]
    deprecated_by_python = False
    while left and not left[-1].in_project and not left[-1].distribution:
        left.pop()
        deprecated_by_python = True
    if not left or not _foreign(left[-1]):
        return []
    last = left[-1]
    if deprecated_by_python or not _WARNS.search(last.code):
        return [_module(last)]  # it calls what Python (or compiled code) gives up
    while left and not left[-1].in_project and left[-1].distribution in ("", last.distribution):
        left.pop()
    if not left or not _foreign(left[-1]):
        return []  # the library warns about how the project uses it
    return list(dict.fromkeys([_module(left[-1]), _module(last)]))


def _foreign(frame: Frame) -> bool:
    return not frame.in_project and bool(frame.distribution) and frame.distribution not in _TOOLS


def _module(frame: Frame) -> str:
    return frame.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
