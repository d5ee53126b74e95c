"""The words of CARS: runs, suites, chunks, case results, failures, candidates, repairs.

Frozen slotted dataclasses with no behaviour beyond what follows from their fields. They travel between
functions as JSON through :func:`dump` and :func:`load`.

>>> from maestro.model import CaseResult, Outcome, dump, load
>>> result = CaseResult(id="tests/test_cart.py::test_total", outcome=Outcome.PASSED, seconds=0.01)
>>> load(CaseResult, dump(result)) == result
True
"""

from maestro.model.codec import dump, dump_json, load, load_json
from maestro.model.errors import MaestroError
from maestro.model.healing import (
    Candidate,
    Failure,
    GateResult,
    MutantResult,
    Mutation,
    Repair,
    RepairStatus,
    Review,
    Strategy,
    Tally,
    Tier,
    Trial,
    TrialStatus,
    Unmeasured,
    Word,
)
from maestro.model.ids import new_id
from maestro.model.results import (
    CaseResult,
    Collection,
    Facts,
    Frame,
    Outcome,
    Phase,
    SuiteResult,
    failing,
)
from maestro.model.runs import (
    Chunk,
    EnvironmentFacts,
    EnvironmentSpec,
    ErrorKind,
    Run,
    RunStatus,
    Severity,
    Suite,
    SuiteKind,
)

__all__ = [
    "Candidate",
    "CaseResult",
    "Chunk",
    "Collection",
    "EnvironmentFacts",
    "EnvironmentSpec",
    "ErrorKind",
    "Facts",
    "Failure",
    "Frame",
    "GateResult",
    "MaestroError",
    "MutantResult",
    "Mutation",
    "Outcome",
    "Phase",
    "Repair",
    "RepairStatus",
    "Review",
    "Run",
    "RunStatus",
    "Severity",
    "Strategy",
    "Suite",
    "SuiteKind",
    "SuiteResult",
    "Tally",
    "Tier",
    "Trial",
    "TrialStatus",
    "Unmeasured",
    "Word",
    "dump",
    "dump_json",
    "failing",
    "load",
    "load_json",
    "new_id",
]
