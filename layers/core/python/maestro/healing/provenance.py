"""Changes of expectations that a recorded origin covers, and nothing else.

A record (:func:`maestro.healing.swaps.provenance`) says which literal of which assertion expected what, and what the
changed dependency yields now. :func:`taken_back` undoes exactly such changes, so that every other gate judges what is
left; whatever a record does not cover stays, and is refused as the weakening that it is.
"""

import ast
import dataclasses
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from maestro.healing._forms import dotted
from maestro.healing._trees import Change, parse
from maestro.healing.expectations import is_literal, plain, value_of

TIGHTEST = 1e-6  # a relative difference above this is no noise of a computation
_FEWEST = 3  # letters or digits of a message's pattern
Path = list[tuple[str, int | None]]


def taken_back(
    changed: Sequence[Change], records: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Change, ...], tuple[Mapping[str, Any], ...]]:
    """Return the changes with what the records cover undone, and the records that were used."""
    found, used = [], []
    for change in changed:
        mine = [r for r in records if r.get("file") == change.path]
        after = change.after
        for record in mine:
            undone = _undone(change, after, record)
            if undone is not None:
                after = undone
                used.append(record)
        if after != change.before:
            found.append(dataclasses.replace(change, after=after))
    return tuple(found), tuple(used)


def _undone(change: Change, after: str | None, record: Mapping[str, Any]) -> str | None:
    """Return the text after the change with one covered difference undone; None where there is none."""
    if change.before is None or after is None or change.binary:
        return None
    if record.get("kind") == "snapshot":
        return change.before if snapshot(change.before, record) == after else None
    old, new = parse(change.before), parse(after)
    if old is None or new is None:
        return None
    way = _way(old, tuple(record.get("span", ()))) or []
    before, now = _follow(old, way), _follow(new, way)
    if isinstance(before, ast.expr) and isinstance(now, ast.expr) and _covered(before, now, record):
        return _spliced(after, now, segment(change.before, before))
    # the comparison as a whole, both sides of which were put into one order
    compared, other = (_comparison(tree, way) for tree in (old, new))
    if compared is not None and other is not None and _put_in_order(compared, other, record):
        return _spliced(after, other, segment(change.before, compared))
    return None


def _covered(before: ast.expr, now: ast.expr, record: Mapping[str, Any]) -> bool:
    same = ast.dump(now) == ast.dump(before)
    if same or not is_literal(before) or value_of(ast.unparse(before)) != value_of(record.get("old")):
        return False
    if record.get("kind") in ("message", "part"):
        text = str(now.value) if isinstance(now, ast.Constant) and isinstance(now.value, str) else ""
        return text != "" and pattern(record) == (plain(text) if record["kind"] == "message" else text)
    if is_literal(now):
        value, new = value_of(ast.unparse(now)), value_of(record.get("new"))
        return type(value) is type(new) and repr(value) == repr(new)
    match now:
        case ast.Call(func=func, args=[inner], keywords=[ast.keyword(arg="rel", value=ast.Constant(value=float(rel)))]):
            limit = tolerance(record)
            same = dotted(func) == "pytest.approx" and ast.dump(inner) == ast.dump(before)
            return same and limit is not None and 0 < rel <= limit
    return False


def tolerance(record: Mapping[str, Any]) -> float | None:
    """Return the relative tolerance within which two numbers of a record agree; None where they are no close floats."""
    old, new = value_of(record.get("old")), value_of(record.get("new"))
    if not isinstance(old, float) or not isinstance(new, float) or not old:
        return None
    apart = abs(new - old) / abs(old)
    return float(f"{2 * apart:.0e}") if 0 < apart <= TIGHTEST / 2 else None


def same_elements(record: Mapping[str, Any]) -> bool:
    """Whether the two values of a record are lists of the same elements in another order, which can be put in one."""
    old, new = value_of(record.get("old")), value_of(record.get("new"))
    if not isinstance(old, list) or not isinstance(new, list) or old == new or len({type(v) for v in old}) != 1:
        return False
    return isinstance(old[0], (str, int, float)) and Counter(map(repr, old)) == Counter(map(repr, new))


def pattern(record: Mapping[str, Any]) -> str:
    """Return what stands in the new text where the old pattern, or part, was in the old text; "" for nothing."""
    wanted = str(value_of(record.get("old")))
    wanted = plain(wanted) if record.get("kind") == "message" else wanted
    old, new = str(record.get("old_text", "")), str(value_of(record.get("new")))
    if not wanted or wanted not in old or wanted in new:
        return ""
    start, tokens = old.index(wanted), re.compile(r"\w+|\s+|[^\w\s]")
    a, b = tokens.findall(old), tokens.findall(new)
    places, place = [], 0
    for token in a:
        places.append(place)
        place += len(token)
    inside = [n for n, at in enumerate(places) if start < at + len(a[n]) and at < start + len(wanted)]
    first, last = inside[0], inside[-1] + 1
    kept: list[str] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes():
        low, high = max(i, first), min(j, last)
        if tag == "equal" and low < high:
            kept += b[k + low - i : k + high - i]
        elif tag != "equal" and (low < high or (i == j and first < i < last)):
            kept += b[k:m]
    text = "".join(kept).strip()
    enough = len(re.findall(r"\w", text)) >= max(_FEWEST, len(re.findall(r"\w", wanted)) // 3)
    return text if enough and text in new else ""


def snapshot(before: str, record: Mapping[str, Any]) -> str | None:
    """Return the text of a file of expected output as it is now; None where the file is not what was compared."""
    old, new = value_of(record.get("old")), value_of(record.get("new"))
    if not isinstance(old, str) or not isinstance(new, str) or not new.strip() or len(new) * 2 < len(old):
        return None
    if before == old:
        return new
    ends = before[len(before.rstrip()) :]
    return new.rstrip() + ends if before.rstrip() == old.rstrip() else None


# ------------------------------------------------------------------ places in a syntax tree


def _way(tree: ast.AST, span: tuple[int, ...]) -> Path | None:
    """Return the way from the root to the expression that takes up exactly a span."""
    if isinstance(tree, ast.expr) and (tree.lineno, tree.col_offset, tree.end_lineno, tree.end_col_offset) == span:
        return []
    for name, value in ast.iter_fields(tree):
        for index, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(item, ast.AST):
                rest = _way(item, span)
                if rest is not None:
                    return [(name, index), *rest]
    return None


def _follow(tree: ast.AST, way: Path) -> ast.AST | None:
    node = tree
    for name, index in way:
        value = getattr(node, name, None)
        if index is not None:
            value = value[index] if isinstance(value, list) and index < len(value) else None
        if not isinstance(value, ast.AST):
            return None
        node = value
    return node


def _comparison(tree: ast.AST, way: Path) -> ast.Compare | None:
    """Return the comparison that the way's end is a side of."""
    node = _follow(tree, way[:-1])
    return node if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq) and len(node.ops) == 1 else None


def _put_in_order(before: ast.Compare, now: ast.Compare, record: Mapping[str, Any]) -> bool:
    if not same_elements(record):
        return False
    sides = [(before.left, now.left), (before.comparators[0], now.comparators[0])]
    for old, new in sides:
        match new:
            case ast.Call(func=ast.Name(id="sorted"), args=[inner], keywords=[]) if ast.dump(inner) == ast.dump(old):
                continue
        return False
    stated = [old for old, _ in sides if is_literal(old)]
    return len(stated) == 1 and value_of(ast.unparse(stated[0])) == value_of(record.get("old"))


def segment(text: str, node: ast.expr) -> str:
    """Return the source of a node."""
    return ast.get_source_segment(text, node) or ""


def _spliced(text: str, node: ast.expr, new: str) -> str:
    """Return a text with a node's source replaced."""
    return replaced(text, [((node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0), new)])


def replaced(text: str, edits: Iterable[tuple[tuple[int, int, int, int], str]]) -> str:
    """Return a text with spans (lines from 1, columns in bytes of UTF-8) replaced."""
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for each in lines:
        starts.append(starts[-1] + len(each))
    data = b"".join(lines)
    for (line, column, end, stop), new in sorted(edits, reverse=True):
        data = data[: starts[line - 1] + column] + new.encode() + data[starts[end - 1] + stop :]
    return data.decode()
