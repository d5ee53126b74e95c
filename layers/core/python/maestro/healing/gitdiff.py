"""Write changes of files as a diff that ``git apply`` takes, byte for byte."""

import base64
import difflib
import hashlib
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_CONTEXT = 3
_LENGTHS = string.ascii_uppercase + string.ascii_lowercase  # of a line of a binary patch: A is 1 byte, z is 52
_JUNK_FROM = 4000  # lines; above it, difflib's heuristic keeps the time linear at the price of a larger diff


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file's old and new bytes; None means that it does not exist."""

    path: str
    old: bytes | None
    new: bytes | None
    executable: bool = False


def render(changes: Sequence[FileChange]) -> str:
    """Return one git-style diff of all changes; files that are not UTF-8 text are written as binary patches."""
    return "".join(_file(change) for change in changes)


def _file(change: FileChange) -> str:
    old, new = _quote("a/" + change.path), _quote("b/" + change.path)
    mode = "100755" if change.executable else "100644"
    head = f"diff --git {old} {new}\n"
    if change.old is None:
        head += f"new file mode {mode}\n"
    elif change.new is None:
        head += f"deleted file mode {mode}\n"
    before, after = change.old or b"", change.new or b""
    if before == after:  # an empty file comes or goes
        return head + f"index {_blob(change.old)}..{_blob(change.new)}\n"
    if not _is_text(before) or not _is_text(after):
        suffix = f" {mode}" if change.old is not None and change.new is not None else ""
        index = f"index {_blob(change.old)}..{_blob(change.new)}{suffix}\n"
        return f"{head}{index}GIT binary patch\n{_literal(after)}\n{_literal(before)}\n"
    names = "--- " + ("/dev/null" if change.old is None else _tabbed(old)) + "\n"
    names += "+++ " + ("/dev/null" if change.new is None else _tabbed(new)) + "\n"
    return head + names + _hunks(before.decode(), after.decode())


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _hunks(before: str, after: str) -> str:
    old, new = _lines(before), _lines(after)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    start, old_end, new_end = max(0, head - _CONTEXT), len(old) - tail, len(new) - tail
    old_end, new_end = min(len(old), old_end + _CONTEXT), min(len(new), new_end + _CONTEXT)
    a, b = old[start:old_end], new[start:new_end]
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=max(len(a), len(b)) > _JUNK_FROM)
    out: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        i1, i2, j1, j2 = group[0][1], group[-1][2], group[0][3], group[-1][4]
        out.append(f"@@ -{_range(start, i1, i2)} +{_range(start, j1, j2)} @@\n")
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                out += [_line(" ", x) for x in a[a1:a2]]
            else:
                out += [_line("-", x) for x in a[a1:a2]]
                out += [_line("+", x) for x in b[b1:b2]]
    return "".join(out)


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    lines = [p + "\n" for p in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _line(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _range(offset: int, begin: int, end: int) -> str:
    length = end - begin
    first = offset + begin + (1 if length else 0)
    return f"{first},{length}"


def _quote(name: str) -> str:
    if all(" " <= c <= "~" and c not in '"\\' for c in name):
        return name
    out = "".join(
        chr(b) if chr(b).isascii() and chr(b).isprintable() and b not in b'"\\' else f"\\{b:03o}" for b in name.encode()
    )
    return f'"{out}"'


def _tabbed(name: str) -> str:
    return name + "\t" if " " in name and not name.startswith('"') else name


def _blob(data: bytes | None) -> str:
    if data is None:
        return "0" * 40
    # git names objects by SHA-1; nothing here is secured by it
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _literal(data: bytes) -> str:
    """Encode as ``git diff --binary`` does: 52 deflated bytes a line, the line's length as a letter before them."""
    packed = zlib.compress(data)
    out = [f"literal {len(data)}"]
    for at in range(0, len(packed), len(_LENGTHS)):
        part = packed[at : at + len(_LENGTHS)]
        size = len(part)
        letter = _LENGTHS[size - 1]
        padded = part + b"\0" * (-size % 4)
        out.append(letter + base64.b85encode(padded).decode())
    return "\n".join(out) + "\n"
