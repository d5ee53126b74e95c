"""Misspelt words and operators of the language, that keep a file from being a program: `retrun`, `else if`, `===`.

``respelt`` gives the readings of one line, the likeliest first; ``spelling_mended`` tells whether a change is such a
reading and nothing else. A word becomes a keyword only by one slip of the hand (two letters exchanged, one too many,
too few or another), and an operator only that of the language which says the same, so that what the line claims is
what was written. Whether a reading leaves a program is for the caller to see.
"""

import keyword
import re
from collections.abc import Iterator

_WORD = re.compile(r"[A-Za-z_]\w*")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|#.*")
_KEYWORDS = tuple(sorted(keyword.kwlist))
_SHORT = 3  # a keyword of fewer letters is recognised only with its letters exchanged
_HEADER = re.compile(r"^\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with)\b.*;$")
_BARE_DEF = re.compile(r"^(\s*)((?:async )?def \w+)\s*:$")
_FOR = re.compile(r"^(\s*(?:async )?for \w+(?:, ?\w+)*) (?!in\b)([A-Za-z_(\[].*:)$")
_COMPARED = re.compile(r"[=<>]|\bin\b|\bis\b")
_MARKER = re.compile(r"^(?:<{7}|>{7})(?: .*)?$")
# What other languages write -> what Python does, where both mean the same.
_OPERATORS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![=!<>])===(?!=)"), "=="),
    (re.compile(r"!==(?!=)"), "!="),
    (re.compile(r"(?<![=!<>])= =(?!=)"), "=="),
    (re.compile(r"! =(?!=)"), "!="),
    (re.compile(r"\s*&&\s*"), " and "),
    (re.compile(r"\s*\|\|\s*"), " or "),
    (re.compile(r"\belse if\b"), "elif"),
    (re.compile(r"\bisnot\b"), "is not"),
    (re.compile(r"\bnotin\b"), "not in"),
    (re.compile(r"=<(?!=)"), "<="),
    (re.compile(r"(?<=\w)\.\.(?=[A-Za-z_])"), "."),
    (re.compile(r"(?<=\w)\+\+$"), " += 1"),
    (re.compile(r"(?<=\w)--$"), " -= 1"),
)
_NEGATED = re.compile(r"(?<![\w)\]])!\s*(?=[A-Za-z_(])")


def respelt(line: str, owner: str = "") -> Iterator[str]:
    """Yield readings of one line without its end; ``owner`` is "self" where its functions are methods."""
    yield from _in_python(line)
    if _HEADER.match(line):
        yield f"{line[:-1]}:"
    bare = _BARE_DEF.match(line)
    if bare:
        yield f"{bare[1]}{bare[2]}({owner}):"
    loop = _FOR.match(line)
    if loop:
        yield f"{loop[1]} in {loop[2]}"
    for word in _words(line):
        for meant in _meant(word[0]):
            yield line[: word.start()] + meant + line[word.end() :]
    if line.rstrip()[-1:] in tuple("`?$\\"):
        yield line.rstrip()[:-1].rstrip()


def markers_left(lines: list[str]) -> list[int]:
    """Return the place of the one marker that is left of a settled merge conflict; nothing where sides are left."""
    found = [n for n, line in enumerate(lines) if _MARKER.match(line.rstrip("\r\n"))]
    divided = any(line.rstrip("\r\n") == "=======" or line.startswith("||||||| ") for line in lines)
    return found if len(found) == 1 and not divided else []


def spelling_mended(before: str, after: str) -> bool:
    """Whether a change is one line read otherwise, or the last marker of a conflict taken out."""
    old, new = before.splitlines(), after.splitlines()
    left = markers_left(old)
    if left and new == [line for n, line in enumerate(old) if n not in left]:
        return True
    if len(old) != len(new):
        return False
    changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    if len(changed) != 1:
        return False
    line, reading = changed[0]
    return any(reading in respelt(line, owner) for owner in ("", "self", "cls"))


def _in_python(line: str) -> Iterator[str]:
    """All operators of other languages at once, then with `!` for `not`, where nothing is compared after it."""
    read = line
    for pattern, meant in _OPERATORS:
        read = _outside_strings(read, pattern, meant)
    if read != line:
        yield read
    found = [m for m in _NEGATED.finditer(read) if not any(a <= m.start() < b for a, b in _strings(read))]
    if len(found) == 1 and not _COMPARED.search(read[found[0].end() :]):
        yield f"{read[: found[0].start()]}not {read[found[0].end() :]}"


def _strings(line: str) -> list[tuple[int, int]]:
    return [m.span() for m in _QUOTED.finditer(line)]


def _outside_strings(line: str, pattern: re.Pattern[str], meant: str) -> str:
    quoted = _strings(line)
    return pattern.sub(lambda m: m[0] if any(a <= m.start() < b for a, b in quoted) else meant, line)


def _words(line: str) -> Iterator[re.Match[str]]:
    quoted = _strings(line)
    for word in _WORD.finditer(line):
        inside = any(a <= word.start() < b for a, b in quoted)
        if not inside and not keyword.iskeyword(word[0]) and not line[: word.start()].rstrip().endswith("."):
            yield word


def _meant(word: str) -> Iterator[str]:
    """The keywords that a word is one slip of the hand away from, letters exchanged first."""
    if len(word) > 1:
        yield from (k for k in _KEYWORDS if len(k) == len(word) and _exchanged(word, k))
        yield from (k for k in _KEYWORDS if len(k) >= _SHORT and _one_letter(word, k))


def _exchanged(word: str, other: str) -> bool:
    """Whether two neighbouring letters changed places."""
    made = {word[:n] + word[n + 1] + word[n] + word[n + 2 :] for n in range(len(word) - 1)}
    return other in made - {word}


def _one_letter(word: str, other: str) -> bool:
    """Whether one letter is too many, too few, or another."""
    if len(word) == len(other):
        return sum(a != b for a, b in zip(word, other, strict=True)) == 1
    longer, shorter = (word, other) if len(word) > len(other) else (other, word)
    return len(longer) == len(shorter) + 1 and any(longer[:n] + longer[n + 1 :] == shorter for n in range(len(longer)))
