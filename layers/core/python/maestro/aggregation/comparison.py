"""Results before and after a change: what it repaired, and what it cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from maestro.aggregation.verdicts import SESSION
from maestro.model import CaseResult, Outcome, Phase

_RUNS_WELL = frozenset({Outcome.PASSED, Outcome.FLAKY, Outcome.XPASSED})
_SAYS_NOTHING = frozenset({Outcome.SKIPPED, Outcome.XFAILED})


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ids by what a change did to them; every id of before or after is in exactly one list.

    Attributes
    ----------
    fixed
        Failed before and passes now; or a file or session that could not be collected and whose tests now run.
    lost
        Passed before and fails, is skipped or is expected to fail now; failed before and is merely skipped or
        expected to fail now; or a file or session that was collected before and cannot be now.
    vanished
        Gone, without being a collection error whose tests appeared in its place.
    uncovered
        Fails now and was not seen to run before.
    appeared
        Not seen before, and does not fail.
    unchanged
        As good, or as bad, as before.
    details
        For every id outside ``unchanged``: "before -> after" in words.
    """

    fixed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    appeared: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def harmless(self) -> bool:
        """Whether nothing was lost and nothing vanished."""
        return not self.lost and not self.vanished

    @property
    def improved(self) -> bool:
        """Whether the change repaired something and cost nothing."""
        return self.harmless and bool(self.fixed)


def compare(before: Iterable[CaseResult], after: Iterable[CaseResult]) -> Comparison:
    """Compare the results of one suite before and after a change.

    Skipping, or expecting the failure of, a test is no repair. A file that failed to collect counts as fixed when
    at least one of its tests runs now, whatever comes of it; failures of those tests are ``uncovered``. So does a
    session, or a folder, when its files are what fails to collect now.
    """
    old = {result.id: result for result in before}
    new = {result.id: result for result in after}
    now, then = _Tree(new.values()), _Tree(old.values())
    lists: dict[str, list[str]] = {
        name: [] for name in ("fixed", "lost", "vanished", "uncovered", "appeared", "unchanged")
    }
    details: dict[str, str] = {}
    for test in dict.fromkeys([*old, *new]):
        was, became = old.get(test), new.get(test)
        if was and became:
            where = _change(was.outcome, became.outcome)
            detail = f"{was.outcome} -> {became.outcome}"
        elif was:
            where, detail = _gone(was, now)
        elif became:
            where, detail = _came(became, then)
        lists[where].append(test)
        if where != "unchanged":
            details[test] = detail
    return Comparison(**{name: tuple(ids) for name, ids in lists.items()}, details=details)


def _change(was: Outcome, became: Outcome) -> str:
    if was.bad and became in _RUNS_WELL:
        return "fixed"
    if (was.bad or was in _RUNS_WELL) and became in _SAYS_NOTHING:
        return "lost"
    if became.bad and not was.bad:
        return "uncovered" if was is Outcome.SKIPPED else "lost"
    return "unchanged"


def _gone(was: CaseResult, now: "_Tree") -> tuple[str, str]:
    if not (was.outcome.bad and _is_container(was)):
        return "vanished", f"{was.outcome} -> gone"
    tests = now.below(was.id)
    if not tests:
        return "vanished", f"{was.outcome} -> gone, and no test appeared in its place"
    running = sum(test.outcome is not Outcome.SKIPPED for test in tests)
    if not running:
        return "lost", f"could not be collected -> all {len(tests)} in it are skipped"
    return "fixed", f"could not be collected -> {running} of {len(tests)} in it run"


def _came(became: CaseResult, then: "_Tree") -> tuple[str, str]:
    if not became.outcome.bad:
        return "appeared", f"not seen -> {became.outcome}"
    if _is_container(became) and then.below(became.id):
        return "lost", "was collected -> could not be collected"
    return "uncovered", f"not seen -> {became.outcome}"


def _is_container(result: CaseResult) -> bool:
    """Whether a result stands for a file, a folder or the session, and not for one test."""
    if result.id in (SESSION, result.file):
        return True
    return result.facts is not None and result.facts.phase in (Phase.SESSION, Phase.COLLECT)


class _Tree:
    """Results by the file, folder or class that they lie in; built when asked."""

    def __init__(self, results: Iterable[CaseResult]) -> None:
        self._results = results

    def below(self, container: str) -> list[CaseResult]:
        """Return what lies in a file, folder or class; in the session lies everything."""
        if container == SESSION:
            return [result for result in self._results if result.id != SESSION]
        return self._by_place.get(container.rstrip("/"), [])

    @cached_property
    def _by_place(self) -> dict[str, list[CaseResult]]:
        found: dict[str, list[CaseResult]] = {}
        for result in self._results:
            for place in _places(result):
                found.setdefault(place, []).append(result)
        return found


def _places(result: CaseResult) -> Iterable[str]:
    """Yield the file, classes and folders that a result lies in."""
    path, _, rest = result.id.partition("[")[0].partition("::")
    places = dict.fromkeys([result.file, path])
    for place in list(places):
        parts = place.split("/")
        places.update(dict.fromkeys("/".join(parts[:n]) for n in range(1, len(parts))))
    names = rest.split("::")
    places.update(dict.fromkeys("::".join([path, *names[:n]]) for n in range(1, len(names))))
    return (place for place in places if place and place != result.id)
