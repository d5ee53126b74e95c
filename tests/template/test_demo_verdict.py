"""`make demo` must fail when what Maestro says of the storefront is not true."""

import copy
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from template_files import ROOT


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "OUTPUT", tmp_path / "demo")
    return module


def failure(number: int, *tests: str, regression: bool = False) -> dict[str, Any]:
    return {"id": f"f{number}", "kind": "test_failure", "regression": regression, "tests": [*tests], "message": "?"}


def repair(number: int, strategy: str = "dependency_fix") -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "failures": [f"f{number}"],
        "strategy": strategy,
        "status": "accepted",
        "tier": "applied",
        "confidence": 0.95,
        "summary": "what it did",
        "proof": {"the failing tests pass": {"passed": True, "detail": ""}},
    }


@pytest.fixture
def truth(demo: ModuleType) -> dict[str, Any]:
    files = list(demo.HEALABLE)
    return {
        "seconds": 10.0,
        "failures": [
            *(failure(number, f"{file}::test_any") for number, file in enumerate(files)),
            failure(9, *sorted(demo.DEFECTS), regression=True),
        ],
        "repairs": [repair(number) for number in range(len(files))],
        "flaky": [{"id": demo.FLAKY}],
    }


def problems(demo: ModuleType, summary: dict[str, Any], patch: str = "", code: int = 1) -> list[str]:
    """Run the demo on a `maestro` that leaves this summary and this patch; return what it finds wrong."""
    command = demo.OUTPUT.parent / "maestro"
    command.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        f"folder = pathlib.Path({str(demo.OUTPUT)!r})\n"
        "folder.mkdir()\n"
        f"(folder / 'summary.json').write_text({json.dumps(summary)!r})\n"
        f"(folder / 'repairs.patch').write_text({patch or ADDS_A_FILE!r})\n"
        f"sys.exit({code})\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    return demo.verdict(str(command))


ADDS_A_FILE = "--- /dev/null\n+++ b/requirements-extra.txt\n@@ -0,0 +1 @@\n+python-dateutil\n"


def test_the_truth_is_accepted(demo: ModuleType, truth: dict[str, Any]) -> None:
    assert problems(demo, truth) == []


def test_a_cause_that_was_not_healed_is_missed(demo: ModuleType, truth: dict[str, Any]) -> None:
    del truth["repairs"][1]

    (problem,) = problems(demo, truth)

    assert "tests/test_search.py" in problem


def test_a_repair_without_proof_is_refused(demo: ModuleType, truth: dict[str, Any]) -> None:
    truth["repairs"][0]["proof"] = {}
    truth["repairs"][1]["proof"]["the failing tests pass"]["passed"] = False

    assert len(problems(demo, truth)) == 2


def test_a_flaky_test_that_nobody_named_is_missed(demo: ModuleType, truth: dict[str, Any]) -> None:
    truth["flaky"] = []

    (problem,) = problems(demo, truth)

    assert demo.FLAKY in problem


def test_a_flaky_test_that_was_made_independent_is_fine(demo: ModuleType, truth: dict[str, Any]) -> None:
    truth["flaky"] = []
    truth["failures"].append(failure(8, demo.FLAKY))
    truth["repairs"].append(repair(8, "flaky_stabilization"))

    assert problems(demo, truth) == []


def test_a_defect_that_was_healed_is_a_lie(demo: ModuleType, truth: dict[str, Any]) -> None:
    truth["repairs"].append(repair(9, "assertion_update"))

    (problem,) = problems(demo, truth)

    assert "made to agree" in problem


def test_a_defect_must_be_called_a_regression(demo: ModuleType, truth: dict[str, Any]) -> None:
    summary = copy.deepcopy(truth)
    summary["failures"][-1]["regression"] = False

    assert len(problems(demo, summary)) == len(demo.DEFECTS)


def test_a_patch_that_touches_a_test_of_the_defect_is_found(demo: ModuleType, truth: dict[str, Any]) -> None:
    path, name = min(demo.DEFECTS).split("::")
    lines = (ROOT / "examples" / "storefront" / path).read_text(encoding="utf-8").splitlines()
    at = lines.index(f"def {name}():")
    patch = f"--- a/{path}\n+++ b/{path}\n@@ -{at + 1},2 +{at + 1},3 @@\n {lines[at]}\n+    return\n {lines[at + 1]}\n"

    (problem,) = problems(demo, truth, patch)

    assert name in problem


def test_a_patch_that_does_not_apply_is_found(demo: ModuleType, truth: dict[str, Any]) -> None:
    patch = "--- a/nothing.py\n+++ b/nothing.py\n@@ -1 +1 @@\n-a\n+b\n"

    (problem,) = problems(demo, truth, patch)

    assert "does not apply" in problem


def test_a_run_that_ends_well_with_a_defect_left_is_wrong(demo: ModuleType, truth: dict[str, Any]) -> None:
    (problem,) = problems(demo, truth, code=0)

    assert "ended with 0" in problem
