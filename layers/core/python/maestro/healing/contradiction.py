"""May a diagnosis of regression be contradicted? By the same source and the same tests, green in another environment.

That is the environment of the project's own time, or the one that its files state. A defect of the source is there in
every environment. The exception is code that the older environment does not run; where the product asks for the
interpreter's version, nothing is shown.
"""

import ast
import re
from collections.abc import Collection
from pathlib import Path

from maestro.healing._roles import is_test_file
from maestro.healing._trees import Change, parse
from maestro.model import Failure, GateResult

_SHOWN = 5


def contradicted(
    failure: Failure, changed: Collection[Change], tests: Collection[str], before: Path, after: Path
) -> GateResult:
    """Where source and tests are untouched and every test passes, the environment was the cause, not the product.

    ``tests`` are the ids that passed with the change; ``before`` and ``after`` the trees without and with it.
    """
    if any(change.python for change in changed):
        return GateResult(passed=False, detail="the failure is a regression of the product; no repair may hide it")
    missing = sorted(set(failure.tests) - set(tests))
    if missing:
        said = f"the other environment does not explain all of the failure: {', '.join(missing[:_SHOWN])}"
        return GateResult(passed=False, detail=said)
    branching = [file for file in _product_files(failure) if _branches(file, before, after)]
    if branching:
        said = f"{branching[0]} does other things on the older interpreter, so a defect may only be out of sight there"
        return GateResult(passed=False, detail=said)
    return GateResult(
        passed=True, detail="the same source and the same tests pass in the environment that is meant for them"
    )


def _product_files(failure: Failure) -> list[str]:
    """Return the product's files that the failure shows to be run."""
    frames = (frame.file for frame in failure.facts.frames if frame.in_project)
    return [f for f in dict.fromkeys((*failure.facts.covered, *frames)) if not is_test_file(f)]


def _branches(file: str, before: Path, after: Path) -> bool:
    """Whether a file compares ``sys.version_info`` with a version between the two interpreters."""
    versions = [_python(tree) for tree in (after, before)]
    path = before / file
    module = parse(path.read_text("utf-8", "replace")) if path.is_file() and path.suffix == ".py" else None
    if module is None or None in versions:
        return False
    old, new = sorted(version for version in versions if version)
    for node in ast.walk(module):
        if isinstance(node, ast.Compare) and "version_info" in ast.unparse(node):
            for side in (node.left, *node.comparators):
                parts = side.elts[:2] if isinstance(side, ast.Tuple) else []
                limit = tuple(part.value for part in parts if isinstance(part, ast.Constant))
                if old < limit <= new:
                    return True
    return False


def _python(tree: Path) -> tuple[int, ...] | None:
    """Return the interpreter that a tree's configuration asks for."""
    for name in ("maestro.yaml", "maestro.yml"):
        if (tree / name).is_file():
            found = re.search(r"(?m)^\s*python:\s*['\"]?(\d+)\.(\d+)", (tree / name).read_text("utf-8", "replace"))
            return (int(found[1]), int(found[2])) if found else None
    return None
