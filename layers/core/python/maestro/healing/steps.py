"""Whether what fails now is the next error, later than the one that a patch removed: a step worth another round."""

import re
from collections.abc import Sequence

from maestro.healing import grouping
from maestro.model import CaseResult, Facts, Failure, Frame, Phase, Trial

_EARLY = frozenset({Phase.SESSION, Phase.COLLECT})
_NO_MODULE = re.compile(r"No module named ['\"]?([\w.]+)")


def moved(failure: Failure, failing: Sequence[Failure], trial: Trial, baseline: Sequence[CaseResult]) -> bool:
    """Whether every test got further: its old cause is gone and its traceback stands later in the same functions.

    ``failing`` are the groups of what fails in the trial, none of them the failure itself; ``baseline`` are the results
    of the suite before the patch. A session or collection stops at its first error, so another error there is the next
    one, not a replacement.
    """
    if failure.facts.phase in _EARLY:
        said = grouping.normalise(failure.facts.message)
        placed = [f for f in failing if f.signature.startswith("error:")]  # of the others the signature says what it is
        return not said or all(grouping.normalise(f.facts.message) != said for f in placed)  # not the same elsewhere
    earlier = {r.id: r.facts for r in baseline if r.facts is not None}
    now = {r.id: r.facts for r in trial.target if r.outcome.bad}
    return all(facts is not None and _further(failure.facts, earlier.get(test), facts) for test, facts in now.items())


def _further(found: Facts, first: Facts | None, after: Facts) -> bool:
    """Whether the project's frames stand at a later line of the same functions, or go deeper from the same lines.

    ``found`` is where the failure stands by now; ``first`` where a test that it does not speak of failed first. An
    error that came of a module which could not be imported has moved where that module is found.
    """
    new = _own(after)
    before = found if _function(_own(found)) == _function(new) else first
    old = _own(before) if before is not None else []
    if before is None or not old or not new or _function(old) != _function(new):
        return False
    if new[0].line == old[0].line:
        known = {_place(f) for f in before.frames}
        if any(_place(f) not in known for f in after.frames):
            return True
        missed = _missed(before)
        if missed and not missed & _missed(after):
            return True
    for was, now in zip(old, new, strict=False):
        if _place(was) != _place(now) or was.line != now.line:
            return _place(was) == _place(now) and now.line > was.line
    return False


def _own(facts: Facts) -> list[Frame]:
    return [f for f in facts.frames if f.in_project]


def _function(frames: Sequence[Frame]) -> tuple[str, str] | None:
    return _place(frames[0]) if frames else None


def _place(frame: Frame) -> tuple[str, str]:
    return (frame.file, frame.function)


def _missed(facts: Facts) -> set[str]:
    """Modules that could not be imported, by the error itself or by one that it was raised for."""
    errors = [(facts.exception, facts.message), *((c.get("exception", ""), c.get("message", "")) for c in facts.causes)]
    return {m for kind, said in errors if kind.endswith("ModuleNotFoundError") for m in _NO_MODULE.findall(said)}
