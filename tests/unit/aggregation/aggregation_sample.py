"""A run with something of everything, for the tests of the reports."""

from maestro.aggregation import Verdict, evaluate, merge, verdict
from maestro.model import (
    CaseResult,
    Collection,
    EnvironmentFacts,
    ErrorKind,
    Facts,
    Failure,
    Frame,
    GateResult,
    Outcome,
    Phase,
    Repair,
    RepairStatus,
    Run,
    RunStatus,
    Severity,
    Strategy,
    Suite,
    SuiteResult,
    Tier,
)

RUN = Run(
    id="019a2f6e-5c1b-7e11-9d30-6a1f52f0c3aa",
    tenant="acme",
    project="storefront",
    status=RunStatus.FAILED,
    created_at="2026-11-22T09:30:00+00:00",
    source="acme/sources/1.tar.gz",
    started_at="2026-11-22T09:30:01+00:00",
    ended_at="2026-11-22T09:30:43+00:00",
)

TAX_PATCH = """\
diff --git a/tests/test_orders.py b/tests/test_orders.py
--- a/tests/test_orders.py
+++ b/tests/test_orders.py
@@ -1,7 +1,7 @@
 import pytest
-from collections import Mapping
+from collections.abc import Mapping

 from storefront.orders import Order, place

@@ -41,5 +41,5 @@ def test_order_lines_are_a_mapping(order):
     lines = order.lines
     assert isinstance(lines, Mapping)
-    assert lines == {}
+    assert dict(lines) == {}
"""

DEPENDENCY_PATCH = """\
diff --git a/maestro.yaml b/maestro.yaml
--- a/maestro.yaml
+++ b/maestro.yaml
@@ -4,4 +4,5 @@ environment:
   install:
     - pytest
+    - python-dateutil
   pythonpath: [.]
"""


def facts(exception: str, message: str, **more: object) -> Facts:
    return Facts(phase=Phase.CALL, exception=exception, message=message, **more)


def sample_verdict() -> Verdict:
    tests = [f"tests/test_cart.py::test_line_{n}" for n in range(41)]
    tests += [f"tests/test_pricing.py::TestTax::test_rate[{rate}]" for rate in ("standard", "reduced", "zero")]
    tests += ["tests/test_search.py::test_ranking", "tests/test_search.py::test_slow_index"]
    files = {test: test.partition("::")[0] for test in tests}
    broken = CaseResult(
        "tests/test_orders.py",
        Outcome.ERROR,
        0.0,
        file="tests/test_orders.py",
        message="ImportError: cannot import name 'Mapping' from 'collections'",
        facts=Facts(Phase.COLLECT, "ImportError", "cannot import name 'Mapping' from 'collections'"),
    )
    results = [CaseResult(test, Outcome.PASSED, 0.004 * n, files[test]) for n, test in enumerate(tests)]
    results[2] = CaseResult(tests[2], Outcome.SKIPPED, 0, files[tests[2]], message="needs a printer")
    results[3] = CaseResult(tests[3], Outcome.XFAILED, 0.1, files[tests[3]], message="not yet")
    results[41] = CaseResult(
        tests[41],
        Outcome.FAILED,
        0.02,
        files[tests[41]],
        12,
        "AssertionError: assert Decimal('11.90') == Decimal('11.91')",
        facts("AssertionError", "assert Decimal('11.90') == Decimal('11.91')", text="def test_rate():\n>   assert ..."),
    )
    results[44] = CaseResult(
        tests[44],
        Outcome.PASSED,
        0.3,
        files[tests[44]],
        attempts=(Outcome.FAILED, Outcome.PASSED),
        message="AssertionError: order",
    )
    results[45] = CaseResult(tests[45], Outcome.PASSED, 2.71, files[tests[45]])
    unit = merge(
        Suite("unit"),
        Collection("unit", tuple(tests), files, (broken,)),
        [SuiteResult(tuple(results), 4.2)],
    )
    kinds = Collection("types", ("storefront",), {"storefront": "storefront"}, ())
    types = merge(Suite("types"), kinds, [SuiteResult((CaseResult("storefront", Outcome.PASSED, 3.1),), 3.1)])
    return verdict([unit, types])


def sample_failures() -> list[Failure]:
    return [
        Failure(
            "f-tax",
            ErrorKind.TEST_FAILURE,
            Severity.HIGH,
            "AssertionError:pricing.tax",
            "storefront.pricing.tax rounds half a cent down where the tests expect it to be rounded up",
            ("tests/test_pricing.py::TestTax::test_rate[standard]",),
            "unit",
            "AssertionError: assert Decimal('11.90') == Decimal('11.91')\n  where 11.90 = tax(Decimal('62.66'))",
            facts(
                "AssertionError",
                "assert ...",
                assertion={"op": "==", "left": "Decimal('11.90')", "right": "Decimal('11.91')"},
                frames=(Frame("tests/test_pricing.py", 12, "test_rate", in_project=True),),
            ),
            regression=True,
            suspects=(
                {
                    "file": "storefront/pricing.py",
                    "function": "tax",
                    "commit": "8c41d0b7f5a2e6",
                    "subject": "Use banker's rounding everywhere",
                    "why": "Entered by both failing tests and by none of the 12 that pass; changed two days ago.",
                },
                {
                    "file": "storefront/money.py",
                    "function": "quantize",
                    "why": "Called by tax; entered by 9 passing tests too.",
                },
            ),
        ),
        Failure(
            "f-mapping",
            ErrorKind.IMPORT_ERROR,
            Severity.HIGH,
            "ImportError:collections.Mapping",
            "collections.Mapping was removed in Python 3.10; it lives in collections.abc",
            ("tests/test_orders.py",),
            "unit",
            "ImportError while importing test module 'tests/test_orders.py'.\nE   ImportError: cannot import name "
            "'Mapping' from 'collections'",
            facts("ImportError", "...", frames=(Frame("tests/test_orders.py", 2, "<module>", in_project=True),)),
        ),
        Failure(
            "f-dateutil",
            ErrorKind.DEPENDENCY_ERROR,
            Severity.MEDIUM,
            "ModuleNotFoundError:dateutil",
            "No module named dateutil: python-dateutil is not installed",
            ("tests/test_customers.py",),
            "unit",
            "ModuleNotFoundError: No module named 'dateutil'",
            facts("ModuleNotFoundError", "No module named 'dateutil'"),
        ),
        Failure(
            "f-open",
            ErrorKind.TEST_FAILURE,
            Severity.LOW,
            "KeyError",
            "",
            ("tests/test_inventory.py::test_reserve",),
            "unit",
            "KeyError: 'sku-9'",
            facts("KeyError", "'sku-9'"),
        ),
    ]


def sample_repairs() -> list[Repair]:
    proof = {
        "applies": GateResult(passed=True, detail="The patch applies and every file parses."),
        "target": GateResult(passed=True, detail="9 of 9 tests pass."),
        "repeats": GateResult(passed=True, detail="Passed 5 times in shuffled order."),
        "suite": GateResult(passed=True, detail="52 other tests kept their outcome."),
        "strength": GateResult(
            passed=True, detail="No test was skipped and none lost an assertion (31 before, 31 after)."
        ),
        "mutants": GateResult(passed=True, detail="14 of 14 mutants that were killed before are killed."),
    }
    weak = {**proof, "mutants": GateResult(passed=False, detail="2 of 6 mutants survive the edited test.")}
    return [
        Repair(
            "r-mapping",
            ("f-mapping",),
            Strategy.API_CONTRACT_ADAPTATION,
            RepairStatus.ACCEPTED,
            Tier.APPLIED,
            0.96,
            "Import Mapping from collections.abc",
            ("tests/test_orders.py",),
            ("tests/test_orders.py",),
            TAX_PATCH,
            proof,
            rounds=("Import Mapping from collections.abc", "Compare the mapping as a dict"),
        ),
        Repair(
            "r-dateutil",
            ("f-dateutil",),
            Strategy.DEPENDENCY_FIX,
            RepairStatus.ACCEPTED,
            Tier.REVIEW,
            0.84,
            "Install python-dateutil, which provides dateutil",
            ("tests/test_customers.py",),
            ("maestro.yaml",),
            DEPENDENCY_PATCH,
            proof,
            workaround=True,
        ),
        Repair(
            "r-tax",
            ("f-open",),
            Strategy.ASSERTION_UPDATE,
            RepairStatus.REJECTED,
            Tier.REPORT,
            0.21,
            "Expect KeyError in test_reserve",
            (),
            ("tests/test_inventory.py",),
            "diff --git a/tests/test_inventory.py b/tests/test_inventory.py\n--- a/tests/test_inventory.py\n"
            "+++ b/tests/test_inventory.py\n@@ -3 +3 @@\n-    assert reserve('sku-9') == 1\n+    pass\n",
            weak,
        ),
    ]


ENVIRONMENTS = {
    "unit": EnvironmentFacts("5f1c9be2a0d447", "3.11.9", {"pytest": "9.2.0", "jinja2": "3.1.6", "markupsafe": "3.0.4"})
}
GATES = {"pass_rate": 0.95, "max_failures": 0, "max_flaky": 5}


def sample_gates() -> list[dict[str, object]]:
    return [dict(gate) for gate in evaluate(GATES, sample_verdict())]
