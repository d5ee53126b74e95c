"""Results of chunks put together: verdicts, comparisons, statistics, quality gates and reports.

``merge`` makes one verdict of a suite's chunks, and ``verdict`` one of a run's suites: whatever is missing is an
error, and whatever came twice counts once. ``compare`` tells what a change repaired and what it cost. ``statistics``
keeps durations and last outcomes; ``gates`` holds a run to its limits; ``reports`` tells people and programs.

>>> from maestro.aggregation import merge, verdict
>>> from maestro.model import CaseResult, Collection, Outcome, Suite, SuiteResult
>>> tests = ("test_cart.py::test_add", "test_cart.py::test_total")
>>> collection = Collection("unit", tests, dict.fromkeys(tests, "test_cart.py"), errors=())
>>> half = SuiteResult((CaseResult(tests[0], Outcome.PASSED, 0.01),), seconds=0.2)
>>> run = verdict([merge(Suite("unit"), collection, [half])])
>>> run.outcome.value, run.reason, run.results[1].message
('error', 'incomplete', 'No result: the execution that was to run this test did not report it.')
"""

from maestro.aggregation.comparison import Comparison, compare
from maestro.aggregation.errors import AggregationError
from maestro.aggregation.gates import evaluate
from maestro.aggregation.statistics import FileStatistics, flaky_score, update
from maestro.aggregation.verdicts import FlakyCase, SuiteVerdict, Verdict, merge, verdict

__all__ = [
    "AggregationError",
    "Comparison",
    "FileStatistics",
    "FlakyCase",
    "SuiteVerdict",
    "Verdict",
    "compare",
    "evaluate",
    "flaky_score",
    "merge",
    "update",
    "verdict",
]
