"""What a changed Python file is compared with: itself, its translation from Python 2, the forms of today's pytest."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from maestro.healing._trees import Change, parse, translated
from maestro.healing.known_forms.old_pytest import modern
from maestro.healing.known_forms.readings import settled
from maestro.healing.known_forms.slips import programs


@dataclass(frozen=True, slots=True)
class Baseline:
    """A file before and after, as they may be compared; ``translated`` says that 2to3 made the former."""

    before: ast.Module
    after: ast.Module
    translated: bool = False


def baselines(change: Change) -> Iterator[Baseline]:
    """Yield what a file may be compared with: itself, then its translations from Python 2; nothing if none parses.

    Before those a file with a slip is given as what the slip may be mended to.

    Each is given as it is and, where that differs, with both sides in the forms of today's pytest.
    """
    before, after = change.before, change.after or ""
    if before is None:
        yield Baseline(ast.Module([], []), ast.parse(after))
        return
    text = before if parse(before) is not None else settled(before)
    if (own := parse(text)) is not None:
        yield Baseline(own, ast.parse(after))
        yield from _modernised(text, after, translated=False)
    for mended in programs(before):
        yield Baseline(ast.parse(mended), ast.parse(after))
    for full in (False, True):
        tree = translated(before, full=full)
        if tree is not None:
            changed = own is None or ast.dump(tree) != ast.dump(ast.parse(text or ""))
            yield Baseline(copy.deepcopy(tree), ast.parse(after), changed)
            yield from _modernised(ast.unparse(tree), after, translated=True)


def _modernised(before: str | None, after: str, *, translated: bool) -> Iterator[Baseline]:
    made = modern(before)
    if made is not None:
        yield Baseline(ast.parse(made), ast.parse(modern(after) or after), translated)
