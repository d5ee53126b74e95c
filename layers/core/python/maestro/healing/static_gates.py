"""The static gates: what the patch and the files before and after it say, whatever the tests do with it.

A candidate that one of them refuses is not worth a trial. What the trial's results show is judged in
:mod:`maestro.healing.proof`.
"""

import ast
import functools
import importlib
import json
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from maestro.healing import weakening
from maestro.healing._configuration import is_configuration
from maestro.healing._roles import is_test_file, package_in_doubt
from maestro.healing._trees import Change, parse
from maestro.healing.errors import HealingError
from maestro.healing.gate import SHOWN, Evidence, Gate, listed
from maestro.healing.mutation import product_file
from maestro.healing.sourcetree import SourceTree, covered
from maestro.model import GateResult, Phase, Strategy, TrialStatus
from maestro.model.words import counted

MAX_FILES = 80
MAX_LINES = 6000
_ALWAYS_PROTECTED = (
    ".git/*",
    ".github/*",
    ".gitlab-ci.yml",
    ".circleci/*",
    "*.pth",
    "sitecustomize.py",
    "usercustomize.py",
    "*/sitecustomize.py",
    "*/usercustomize.py",
)
_UNDEFINED = re.compile(r"F821 Undefined name `(\w+)`")
_EXPECTATION_RULES = frozenset({"changed_literal", "loosened_tolerance", "changed_data"})


def applies(evidence: Evidence) -> GateResult:
    """The patch applied, changed something, and its trial ran."""
    trial = evidence.trial
    if trial.status is not TrialStatus.RAN:
        return GateResult(passed=False, detail=f"the trial did not run: {trial.status}: {trial.detail}"[:400])
    if not evidence.changed:
        return GateResult(passed=False, detail="the patch changes nothing")
    return GateResult(
        passed=True,
        detail=f"changes {counted(len(evidence.changed), 'file')}: {listed({c.path for c in evidence.changed})}",
    )


def parses(evidence: Evidence) -> GateResult:
    """Every changed Python file parses."""
    files = [c for c in evidence.changed if c.python and c.after is not None]
    broken = [c.path for c in files if parse(c.after) is None]
    if broken:
        return GateResult(passed=False, detail=f"does not parse: {listed(broken)}")
    return GateResult(passed=True, detail=f"{len(files)} changed Python files parse")


@functools.cache
def _ruff() -> str:
    """Return the path of the ruff that is installed beside this package."""
    finder = importlib.import_module("ruff")
    return str(finder.find_ruff_bin())


def _lint(root: Path, path: str) -> Counter[str]:
    command = [_ruff(), "check", "--isolated", "--no-cache", "--exit-zero", "--output-format", "json"]
    command += ["--select", "E9,F63,F7,F82", "--ignore-noqa", "--stdin-filename", path, "-"]
    done = subprocess.run(
        command, input=(root / path).read_bytes(), capture_output=True, timeout=60, check=False, cwd="/"
    )
    if done.returncode != 0:
        raise HealingError(f"ruff could not look at {path}: {done.stderr.decode(errors='replace')[-300:]}")
    return Counter(f"{item.get('code') or 'syntax'} {item['message']}" for item in json.loads(done.stdout or b"[]"))


def _undefined_before(before: str, after: str, found: Counter[str]) -> Counter[str]:
    """The undefined names that a file had before, too, though nobody could tell, because it did not parse.

    Such a name stands in the file as often as before and is bound nowhere in it, so no change of where a line belongs
    can have lost it: names of Python 2, say.
    """
    tree = parse(after) if parse(before) is None else None
    if tree is None:
        return Counter()
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    bound |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    bound |= {(a.asname or a.name).split(".")[0] for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))
              for a in n.names}  # fmt: skip
    bound |= {str(getattr(n, "name", "")) for n in ast.walk(tree)}
    old: Counter[str] = Counter()
    for message, count in found.items():
        name = _UNDEFINED.fullmatch(message)
        if name and name[1] not in bound and _often(name[1], before) == _often(name[1], after):
            old[message] = count
    return old


def _often(name: str, text: str) -> int:
    return len(re.findall(rf"(?<!\w){name}(?!\w)", text))


def lints(evidence: Evidence) -> GateResult:
    """No changed Python file has a new syntax error, undefined name or broken comparison (ruff E9, F63, F7, F82)."""
    new: list[str] = []
    files = [c for c in evidence.changed if c.python and c.after is not None]
    for change in files:
        found = _lint(evidence.after, change.path)
        if found and change.before is not None:
            found -= _lint(evidence.before, change.path)
            found -= _undefined_before(change.before, change.after or "", found)
        new += [f"{change.path}: {message}" for message in found]
    if new:
        return GateResult(passed=False, detail=f"new lint errors: {listed(new)}")
    return GateResult(passed=True, detail=f"no new errors in {len(files)} Python files")


def no_weakening(evidence: Evidence) -> GateResult:
    """The change takes nothing away from what the tests say."""
    found = [str(f) for f in evidence.findings]
    if found:
        return GateResult(passed=False, detail="; ".join(found[:SHOWN]))
    return GateResult(passed=True, detail="no assertion, test or check is lost, skipped or loosened")


def scope(evidence: Evidence) -> GateResult:
    """Only files that a repair may touch, of a size that a person reads, and product code only by renames."""
    problems: list[str] = []
    lines = 0
    for change in evidence.changed:
        by = [p for p in (*_ALWAYS_PROTECTED, *evidence.policy.protect) if covered(change.path, [p])]
        if by:
            problems.append(f"{change.path} is protected by {by[0]!r}")
        if evidence.policy.allow and not covered(change.path, evidence.policy.allow):
            problems.append(f"{change.path} is not among the allowed paths")
        expected = any(r["file"] == change.path for r in evidence.followed)
        if change.binary or not (change.python or is_configuration(change.path) or expected):
            problems.append(f"{change.path} is neither Python nor configuration")
        lines += _changed_lines(change)
    if len(evidence.changed) > MAX_FILES or lines > MAX_LINES:
        problems.append(f"{len(evidence.changed)} files and {lines} lines are more than {MAX_FILES} and {MAX_LINES}")
    files = SourceTree(evidence.before).files
    product = [
        c for c in evidence.changed if c.python and (not is_test_file(c.path) or package_in_doubt(c.path, files))
    ]
    if product and not problems:
        for change in product:
            found = weakening.product_change(change.before, change.after, evidence.knowledge)[:1]
            problems += [f"product code {change.path}:{d.line}: {d.detail}" for d in found]
    if problems:
        return GateResult(passed=False, detail="; ".join(problems[:SHOWN]))
    return GateResult(
        passed=True,
        detail=f"{counted(len(evidence.changed), 'file')}, {counted(lines, 'line')}, product files: {len(product)}",
    )


def _changed_lines(change: Change) -> int:
    before, after = (Counter((text or "").splitlines()) for text in (change.before, change.after))
    return (before - after).total() + (after - before).total()


def provenance(evidence: Evidence) -> GateResult:
    """No expectation changes but those that follow a dependency, as experiments recorded it.

    A record says that the same source and the same test pass with the dependency as it was and fail with it as it is,
    and that the same call of it gave the old value there and gives the new one here.
    """
    altered = [str(f) for f in evidence.findings if f.rule in _EXPECTATION_RULES]
    if altered:
        return GateResult(passed=False, detail=f"an expectation changes without proof of its origin: {altered[0]}")
    updating = evidence.candidate.strategy is Strategy.ASSERTION_UPDATE
    if not evidence.followed:
        said = "no expectation changes" if not updating else "nothing that it changes is covered by an experiment"
        return GateResult(passed=not updating, detail=said)
    others = {c.path for c in evidence.changed} - {str(r["file"]) for r in evidence.followed}
    ran = bool(evidence.trial.target)  # before its trial, nobody knows which tests it makes green
    uncovered = set(evidence.tests) - {str(r["test"]) for r in evidence.followed} if ran else set()
    if others or uncovered:
        said = "an expectation changes together with something else" if others else "no experiment covers some tests"
        return GateResult(passed=False, detail=f"{said}: {listed(others or uncovered)}")
    words = "; ".join(dict.fromkeys(str(r["changed"]) for r in evidence.followed))
    return GateResult(passed=True, detail=f"{len(evidence.followed)} expectations follow a dependency: {words}")


def answers_the_cause(evidence: Evidence) -> GateResult:
    """No pin answers an error of the product's own that keeps the tool from starting.

    An older tool may not run the code that raises it; the defect is there all the same. (Seen on a project that
    pytest itself imports.)
    """
    facts = evidence.failure.facts
    raised = (facts.exception, *(cause.get("exception", "") for cause in facts.causes))
    own = [name for name in raised if "." in name and _defines(evidence.before, name.partition(".")[0])]
    if own and evidence.candidate.workaround and facts.phase is Phase.SESSION:
        said = f"the product itself raises {own[0]} while the tool starts; a pin only keeps the tool from seeing it"
        return GateResult(passed=False, detail=said)
    return GateResult(passed=True, detail="no pin hides an error that the product itself raises")


def _defines(root: Path, top: str) -> bool:
    """Whether a top-level module is product code of the tree: at its root or one folder below."""
    if not top.isidentifier():
        return False
    found = [
        path for form in (f"{top}.py", f"{top}/__init__.py") for path in (*root.glob(form), *root.glob(f"*/{form}"))
    ]
    return any(product_file(str(path.relative_to(root))) for path in found)


STATIC_GATES: Mapping[str, Gate] = {
    "applies": applies,
    "answers_the_cause": answers_the_cause,
    "parses": parses,
    "scope": scope,
    "no_weakening": no_weakening,
    "provenance": provenance,
    "lints": lints,
}
