"""What a log line of a function looks like to a person."""

import json

import pytest
from maestro_cli.runlog import line_of

STEP = {
    "level": "INFO",
    "location": "_perform:100",
    "message": "Step ends",
    "timestamp": "2026-01-01 00:00:00,000+0000",
    "service": "healing",
    "tenant": "local",
    "run_id": "01a2",
    "step": "diagnose",
    "count": 2,
    "seconds": 5.18,
}


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (json.dumps(STEP), "INFO Step ends step=diagnose count=2 seconds=5.18"),
        (json.dumps({"level": "ERROR", "message": "It broke", "exception": "boom"}), "ERROR It broke boom"),
        ("START RequestId: 1\n", "START RequestId: 1"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_a_line_names_its_step_and_leaves_out_what_every_line_has(raw: str, shown: str) -> None:
    assert line_of(raw) == shown
