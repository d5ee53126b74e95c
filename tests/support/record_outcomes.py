"""A pytest plugin that writes what pytest itself reports, and changes nothing: `{test id: outcome}` as JSON.

Loaded by `-p record_outcomes` into the interpreter of any project; the file to write is in RECORD_OUTCOMES.
"""

import json
import os

_ORDER = ("failed", "error", "xfailed", "xpassed", "skipped", "passed")  # what is worse speaks for the test
_seen: "dict[str, set[str]]" = {}


def pytest_runtest_logreport(report):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - pytest's own signature
    """Take one phase of one test as pytest's terminal counts it."""
    xfail = hasattr(report, "wasxfail")
    if report.failed:
        outcome = "failed" if report.when == "call" else "error"
    elif report.skipped:
        outcome = "xfailed" if xfail else "skipped"
    elif report.when == "call":
        outcome = "xpassed" if xfail else "passed"
    else:
        return
    _seen.setdefault(report.nodeid, set()).add(outcome)


def pytest_collectreport(report):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - pytest's own signature
    """Take what does not collect, or is skipped as a whole."""
    if report.failed:
        _seen.setdefault(report.nodeid, set()).add("error")


def pytest_sessionfinish():  # type: ignore[no-untyped-def]  # noqa: ANN201 - pytest's own signature
    """Write it down."""
    worst = {test: next(o for o in _ORDER if o in outcomes) for test, outcomes in _seen.items()}
    with open(os.environ["RECORD_OUTCOMES"], "w", encoding="utf-8") as out:  # noqa: PTH123 - any Python, any pathlib
        json.dump(worst, out)
