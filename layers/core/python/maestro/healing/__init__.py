"""Healing: from failing results to proven repairs.

Failures with one cause are grouped, diagnosed (a regression of the product is reported, never repaired), given
candidate patches by strategies, and judged: a repair must pass every gate of :mod:`maestro.healing.proof`, above
all that no test says less than before. What is left is combined into one patch, with a probability for each
repair. Nothing in this package runs code of the project under test; sandboxes do that.

>>> from maestro.healing.grouping import group
>>> from maestro.model import CaseResult, Outcome
>>> missing = "ModuleNotFoundError: No module named 'mock'"
>>> files = ("tests/test_a.py", "tests/test_b.py")
>>> [failure] = group([CaseResult(f, Outcome.ERROR, 0.1, message=missing) for f in files], "tests")
>>> failure.signature, failure.tests, str(failure.kind)
('module:mock', ('tests/test_a.py', 'tests/test_b.py'), 'dependency_error')
"""
