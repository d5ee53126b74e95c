"""``report.sarif``: failures as SARIF 2.1.0 (OASIS), which code hosts show beside the lines."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from maestro.aggregation.reports.text import first_line, json_safe, plain, shorten
from maestro.model import ErrorKind, Facts, Failure

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(failures: Iterable[Failure]) -> dict[str, Any]:
    """Return the failure groups as a SARIF log; each has the innermost line of the project that it came from."""
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "maestro",
                        "rules": [{"id": kind.value, "name": kind.name.title().replace("_", "")} for kind in ErrorKind],
                    }
                },
                "results": [_result(failure) for failure in failures],
            }
        ],
    }
    safe: dict[str, Any] = json_safe(document)
    return safe


def _result(failure: Failure) -> dict[str, Any]:
    text = failure.cause or first_line(plain(failure.message)) or failure.kind.value
    result: dict[str, Any] = {
        "ruleId": failure.kind.value,
        "level": "error",
        "message": {"text": shorten(plain(text), 4000)},
        "partialFingerprints": {"signature/v1": failure.signature},
        "properties": {
            "regression": failure.regression,
            "severity": failure.severity.value,
            "tests": list(failure.tests[:100]),
        },
    }
    place = _place(failure.facts) or (failure.tests[0].partition("::")[0] if failure.tests else "", 0)
    file, line = place
    if file and not file.startswith(("/", "<")):
        location: dict[str, Any] = {"artifactLocation": {"uri": quote(file.encode("utf-8", "replace"))}}
        if line > 0:
            location["region"] = {"startLine": line}
        result["locations"] = [{"physicalLocation": location}]
    return result


def _place(facts: Facts) -> tuple[str, int] | None:
    for frame in reversed(facts.frames):
        if frame.in_project:
            return frame.file, frame.line
    return None
