"""What keeps a file from being a program, where there is one way to mend it: merge conflicts, and quotes.

Both sides of a conflict are somebody's work, and which one was meant is not for a tool to guess. But where one side
does not parse (or both say the same but for comments and spaces), there is nothing to choose.
"""

import ast
import itertools
import re

from maestro.healing._trees import parse

_CONFLICT = re.compile(r"(?ms)^<<<<<<< [^\n]*\n(.*?)^(?:\|{7} [^\n]*\n.*?^)?=======\r?\n(.*?)^>>>>>>> [^\n]*(?:\n|\Z)")
_MOST = 6  # conflicts in one file; two to the power of them readings are tried


def settled(text: str) -> str | None:
    """Return the text with its conflicts settled; None where it has none, or more than one program comes of it."""
    found = list(_CONFLICT.finditer(text))
    if not found or len(found) > _MOST:
        return None
    programs: dict[str, str] = {}
    for sides in itertools.product((1, 2), repeat=len(found)):
        parts, end = [], 0
        for conflict, side in zip(found, sides, strict=True):
            parts += [text[end : conflict.start()], conflict[side]]
            end = conflict.end()
        reading = "".join([*parts, text[end:]])
        tree = parse(reading)
        if tree is not None:
            programs.setdefault(ast.dump(tree), reading)
    return next(iter(programs.values())) if len(programs) == 1 else None


# Quotes and spaces that editors and web pages make of those of the language.
TYPOGRAPHIC = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u200b": ""})


def quotes_mended(before: str, after: str) -> bool:
    """Whether a change only writes typographic quotes as those of the language, or adds one quote to one line."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) != len(new):
        return False
    changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    if all(a.translate(TYPOGRAPHIC) == b for a, b in changed):
        return bool(changed)
    if len(changed) != 1:
        return False
    a, b = changed[0]
    return any(b[:n] + b[n + 1 :] == a for n, character in enumerate(b) if character in "'\"")
