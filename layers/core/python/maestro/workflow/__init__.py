"""From suites to work: waves of suites that can run at once, and chunks of tests that free workers pull.

``waves`` orders suites by what they need. ``plan_chunks`` cuts one suite into chunks of decreasing expected time, with
whole modules kept together, and says what the plan is expected to take and to cost. Nothing here runs anything;
the same input gives the same plan.

>>> from maestro.model import Collection
>>> tests = tuple(f"tests/test_{m}.py::test_{i}" for m in "abcd" for i in range(100))
>>> collection = Collection("unit", tests, {t: t.partition("::")[0] for t in tests}, ())
>>> plan = plan_chunks(collection, dict.fromkeys(tests, 0.25), concurrency=4)
>>> sum(len(chunk.tests) for chunk in plan.chunks), plan.concurrency, plan.ideal_seconds
(400, 4, 25.0)
>>> plan.expected_seconds < 30
True
"""

from maestro.workflow.dag import waves
from maestro.workflow.errors import WorkflowError
from maestro.workflow.planner import Plan, makespan, plan_chunks

__all__ = ["Plan", "WorkflowError", "makespan", "plan_chunks", "waves"]
