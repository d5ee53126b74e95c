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
    # The names of both contents let git merge a patch whose surroundings another one changed.
    suffix = f" {mode}" if change.old is not None and change.new is not None else ""
    head += f"index {_blob(change.old)}..{_blob(change.new)}{suffix}\n"
    if before == after:  # an empty file comes or goes
        return head
    if not _is_text(before) or not _is_text(after):
        return f"{head}GIT binary patch\n{_literal(after)}\n{_literal(before)}\n"
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
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=max(len(a), len(b)) > _JUNK_FROM)
    # Only what lies between the common ends is matched: context that took part could be matched to something else,
    # and git refuses a hunk without context that does not reach the end of the file.
    codes = [(0, head, 0, head)] if head else []
    codes += [(i1 + head, i2 + head, j1 + head, j2 + head) for i1, i2, j1, j2 in _spans(matcher)]
    if tail:
        codes.append((len(old) - tail, len(old), len(new) - tail, len(new)))
    return "".join(_hunk(old, new, group) for group in _groups(old, new, codes))


_Span = tuple[int, int, int, int]  # old[i1:i2] and new[j1:j2]


def _spans(matcher: difflib.SequenceMatcher[str]) -> list[_Span]:
    return [(i1, i2, j1, j2) for _, i1, i2, j1, j2 in matcher.get_opcodes()]


def _groups(old: Sequence[str], new: Sequence[str], codes: Sequence[_Span]) -> list[list[_Span]]:
    """Cut long equal spans down to context; one group of spans is one hunk."""
    groups: list[list[_Span]] = [[]]
    for number, (i1, i2, j1, j2) in enumerate(codes):
        if old[i1:i2] != new[j1:j2]:
            groups[-1].append((i1, i2, j1, j2))
            continue
        first, last = number == 0, number == len(codes) - 1
        before, after = (0 if first else _CONTEXT), (0 if last else _CONTEXT)
        if i2 - i1 <= before + after:
            groups[-1].append((i1, i2, j1, j2))
            continue
        if before:
            groups[-1].append((i1, i1 + before, j1, j1 + before))
        if after:
            if not first:
                groups.append([])
            groups[-1].append((i2 - after, i2, j2 - after, j2))
    return [group for group in groups if any(old[i1:i2] != new[j1:j2] for i1, i2, j1, j2 in group)]


def _hunk(old: Sequence[str], new: Sequence[str], group: Sequence[_Span]) -> str:
    out = [f"@@ -{_range(group[0][0], group[-1][1])} +{_range(group[0][2], group[-1][3])} @@\n"]
    for i1, i2, j1, j2 in group:
        if old[i1:i2] == new[j1:j2]:
            out += [_line(" ", line) for line in old[i1:i2]]
        else:
            out += [_line("-", line) for line in old[i1:i2]]
            out += [_line("+", line) for line in new[j1:j2]]
    return "".join(out)


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    lines = [p + "\n" for p in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _line(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _range(begin: int, end: int) -> str:
    length = end - begin
    first = begin + (1 if length else 0)
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
