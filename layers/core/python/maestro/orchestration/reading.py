"""What came out of a run, for those who read it: tests, the document, the reports."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestro.model import Outcome, Run, dump
from maestro.orchestration.errors import ConflictError, NotFoundError, RequestError
from maestro.orchestration.naming import run_key
from maestro.orchestration.ports import BlobStore, RunStore
from maestro.orchestration.verdicts import read_verdict

URL_SECONDS = 3600
REPORTS: Mapping[str, str] = {
    "html": "report.html",
    "junit": "junit.xml",
    "ctrf": "ctrf.json",
    "summary": "summary.json",
    "patch": "repairs.patch",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads what a run left in the stores."""

    runs: RunStore
    blobs: BlobStore

    def tests(
        self, run: Run, outcome: Outcome | None, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of the results of the source as it was submitted, and the next cursor.

        Raises
        ------
        ConflictError
            If the run has no results yet.
        RequestError
            If the cursor is none of ours.
        """
        try:
            results = read_verdict(self.blobs, run.tenant, run.id, 0).results
        except NotFoundError as error:
            raise ConflictError(f"Run {run.id} has no results yet: it is {run.status}.") from error
        chosen = [r for r in results if outcome is None or r.outcome is outcome]
        if cursor is not None and not cursor.isdecimal():
            raise RequestError(f"The cursor {cursor[:40]!r} was not given by this list.")
        start = int(cursor or 0)
        after = start + limit
        return [dump(r) for r in chosen[start:after]], str(after) if after < len(chosen) else None

    def document(self, run: Run) -> dict[str, Any]:
        """Return the run's document, its artifacts as URLs that hold for an hour.

        Raises
        ------
        ConflictError
            If the run has not ended.
        """
        key = run_key(run.tenant, run.id, "report", REPORTS["summary"])
        if not run.status.final:
            raise ConflictError(f"Run {run.id} has no report yet: it is {run.status}.")
        if not self.blobs.exists(key):
            return {
                "run_id": run.id,
                "outcome": str(run.status),
                "reason": run.reason,
                "code": run.code,
                "totals": dict(run.totals),
                "totals_after": None,
                "seconds": 0.0,
                "cost_usd": 0.0,
                "failures": [],
                "repairs": [],
                "flaky": [],
                "gates": [],
                "artifacts": {},
            }
        document: dict[str, Any] = json.loads(self.blobs.get(key))
        document["artifacts"] = {
            name: self.blobs.presign_get(run_key(run.tenant, run.id, "report", path), URL_SECONDS)
            for name, path in document["artifacts"].items()
        }
        return document

    def report_url(self, run: Run, name: str) -> str:
        """Return a URL of one report file that holds for an hour.

        Raises
        ------
        RequestError
            If there is no such format.
        NotFoundError
            If the run has no such report.
        """
        if name not in REPORTS:
            raise RequestError(f"There is no format {name[:40]!r}; there are json, {', '.join(REPORTS)}.")
        key = run_key(run.tenant, run.id, "report", REPORTS[name])
        if not self.blobs.exists(key):
            raise NotFoundError(f"Run {run.id} has no {name} report; it is {run.status}.")
        return self.blobs.presign_get(key, URL_SECONDS)
