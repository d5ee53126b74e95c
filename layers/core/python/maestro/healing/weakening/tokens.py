"""Files that nothing could parse before: they may differ only in the punctuation that makes them parse."""

import difflib
import re

from maestro.healing.known_forms.misspelt import spelling_mended
from maestro.healing.known_forms.readings import quotes_mended

_LEXEMES = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<string>[A-Za-z]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
    |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<op>[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
_REPAIRABLE_OPERATORS = frozenset(":()[]{},=;")
_KEYWORDS_SINCE = frozenset({"async", "await"})


def token_difference(before: str, after: str) -> str | None:
    """Say what else differs; None where nothing does."""
    if _fields_requoted(before) == _fields_requoted(after):
        return None
    if quotes_mended(before, after) or spelling_mended(before, after):
        return None
    old, new = _lexemes(before), _lexemes(after)
    for tag, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, came = old[a:b], new[c:d]
        renamed = len(gone) == len(came) and all(
            x == y or (x in _KEYWORDS_SINCE and y.startswith(x)) for x, y in zip(gone, came, strict=True)
        )
        renamed = renamed or [*old[a - 2 : a], *gone, *came] == ["asyncio", ".", "async", "ensure_future"]
        # two names, or a name and a string, that ran together
        opened = "".join(gone) == "".join(came).replace("(", "", 1)
        if not renamed and not opened and not set(gone) | set(came) <= _REPAIRABLE_OPERATORS:
            return f"`{' '.join(gone)[:60]}` became `{' '.join(came)[:60]}` in a file that did not parse before"
    return None


def _fields_requoted(text: str) -> str:
    """Write the fields of f-strings with one kind of quotes: before Python 3.12 they could not have the outer ones."""
    return re.sub(r"\{[^{}\n]*\}", lambda field: field[0].replace('"', "'"), text)


def _lexemes(text: str) -> list[str]:
    found = []
    for match in _LEXEMES.finditer(text):
        if match.lastgroup == "comment":
            continue
        found.append(match.group().lstrip("uU") if match.lastgroup == "string" else match.group())
    return found
