"""The order of suites."""

from collections.abc import Sequence
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from maestro.model import Suite
from maestro.workflow.errors import WorkflowError


def waves(suites: Sequence[Suite]) -> tuple[tuple[Suite, ...], ...]:
    """Group suites into waves: each suite comes in the wave right after the last one that it needs.

    Suites of a wave can run at once; within a wave they keep their order.

    Raises
    ------
    WorkflowError
        If two suites share a name, one needs a suite that is not there, or suites wait for each other; the message
        names them.
    """
    by_name = {suite.name: suite for suite in suites}
    if len(by_name) < len(suites):
        names = [suite.name for suite in suites]
        repeated = next(n for n in names if names.count(n) > 1)
        raise WorkflowError(f"Two suites are named '{repeated}'; give each its own name.")
    for suite in suites:
        for need in suite.needs:
            if need not in by_name:
                close = get_close_matches(need, by_name, n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"the suites are: {', '.join(by_name)}."
                raise WorkflowError(f"Suite '{suite.name}' needs '{need}', which is not a suite; {hint}")
    sorter = TopologicalSorter({suite.name: suite.needs for suite in suites})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " needs ".join(f"'{name}'" for name in reversed(error.args[1]))
        raise WorkflowError(f"Suites wait for each other: {circle}; remove one of these 'needs'.") from error
    found: list[tuple[Suite, ...]] = []
    order = {suite.name: i for i, suite in enumerate(suites)}
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=order.__getitem__)
        found.append(tuple(by_name[name] for name in ready))
        sorter.done(*ready)
    return tuple(found)
