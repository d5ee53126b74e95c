"""Text of the project under test, made safe to show: it is untrusted, and may be anything a string can hold."""

import math
import re
from typing import Any

# Terminal control sequences (ECMA-48): CSI ... final, OSC ... terminator, and the two-character ones.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
# Everything outside the Char production of XML 1.0.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Characters that make text look other than it is; a reviewer of a diff has to see them.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def xml_safe(text: str) -> str:
    r"""Replace what XML 1.0 cannot hold (NUL, other controls, lone surrogates) by ``#xHH``, as pytest does.

    >>> xml_safe("a\0b")
    'a#x00b'
    """
    return _NOT_XML.sub(lambda match: f"#x{ord(match.group()):02X}", text)


def plain(text: str) -> str:
    r"""Return text without terminal sequences, with ``\n`` line ends, and with nothing that XML or UTF-8 forbid.

    >>> plain("\x1b[31mred\x1b[0m\r\n\0")
    'red\n#x00'
    """
    return xml_safe(_ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))


def visible(text: str) -> str:
    """Return :func:`plain` text in which characters that change the direction of writing are spelt out."""
    return _BIDI.sub(lambda match: f"[U+{ord(match.group()):04X}]", plain(text))


def shorten(text: str, limit: int) -> str:
    """Cut text in the middle to about ``limit`` characters and say how much was left out."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    return f"{text[:head]}\n[{len(text) - limit} characters left out]\n{text[-tail:]}"


def first_line(text: str, limit: int = 300) -> str:
    """Return the first line that is not blank, cut to ``limit`` characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def json_safe(value: Any) -> Any:
    """Return JSON data that every parser takes: no lone surrogates, no NaN or infinity (they become ``None``)."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {json_safe(str(key)): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return value


def split_id(test: str) -> tuple[str, str]:
    """Split a test id into the place it belongs to and its own name; ``::`` within parameters does not split.

    >>> split_id("tests/test_a.py::TestCart::test_add[a::b]")
    ('tests/test_a.py::TestCart', 'test_add[a::b]')
    """
    stem, bracket, parameters = test.partition("[")
    place, separator, name = stem.rpartition("::")
    return (place, name + bracket + parameters) if separator else ("", test)
