"""Bringing a run's reports and patches into a folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro.model import RepairStatus, Tier

from maestro_cli.client import Client

# The file of each report, by the name under which the run's document lists its URL.
_REPORTS = {"report": "report.html", "junit": "junit.xml", "ctrf": "ctrf.json", "sarif": "report.sarif"}
_PATCH = "patch"  # all accepted repairs together; "patch:{id}" is one of them
_TIERS = (Tier.APPLIED, Tier.REVIEW, Tier.PULL_REQUEST, Tier.REPORT)  # from the surest on


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What was fetched.

    Attributes
    ----------
    document
        The run's document (DESIGN section 6); ``artifacts`` in it are URLs.
    patches
        The diff of each accepted repair, by its id.
    combined
        All accepted repairs as one diff; empty when there are none.
    suspects
        The suspected causes of each failure, by its id.
    """

    document: dict[str, Any]
    patches: Mapping[str, bytes]
    combined: bytes
    suspects: Mapping[str, list[dict[str, str]]]

    def deliverable(self, least: Tier) -> list[bytes]:
        """Return the diffs of the accepted repairs that earned at least tier ``least``, in their order.

        When those are all there are, it is the one diff of them together, which the run itself confirmed.
        """
        left = {item["id"] for item in self.left_out(least)}
        wanted = [repair for repair in self.patches if repair not in left]
        if wanted and len(wanted) == len(self.patches):
            return [self.combined]
        return [self.patches[repair] for repair in wanted]

    def left_out(self, least: Tier) -> list[Mapping[str, Any]]:
        """Return the accepted repairs that did not earn tier ``least``."""
        good = _TIERS[: _TIERS.index(least) + 1]
        return [r for r in self.document.get("repairs", ()) if _accepted(r) and r["tier"] not in good]


def read(client: Client, run_id: str) -> Artifacts:
    """Read a run's document, its repairs' diffs and the suspects of its failures from the service."""
    document = client.get(f"/v1/runs/{run_id}/report", format="json")
    urls = document.get("artifacts") or {}
    patches = {
        item["id"]: client.download(urls[name])
        for item in document.get("repairs", ())
        if _accepted(item) and (name := f"{_PATCH}:{item['id']}") in urls
    }
    combined = client.download(urls[_PATCH]) if _PATCH in urls else b""
    suspects: dict[str, list[dict[str, str]]] = {}
    if any(failure.get("regression") for failure in document.get("failures", ())):
        suspects = {item["id"]: item.get("suspects") or [] for item in client.pages(f"/v1/runs/{run_id}/failures")}
    return Artifacts(document, patches, combined, suspects)


def write(client: Client, artifacts: Artifacts, folder: Path) -> dict[str, Any]:
    """Write everything into ``folder``; return the document as written, its ``artifacts`` being names in there."""
    folder.mkdir(parents=True, exist_ok=True)
    urls = artifacts.document.get("artifacts") or {}
    written = {"summary": "summary.json"}
    for name, file in _REPORTS.items():
        if name in urls:  # a run that ended before it had results has no reports
            (folder / file).write_bytes(client.download(urls[name]))
            written[name] = file
    for repair, patch in artifacts.patches.items():
        target = folder / "repairs" / f"{Path(repair).name}.patch"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(patch)
        written[f"{_PATCH}:{repair}"] = f"repairs/{target.name}"
    if artifacts.combined:
        (folder / "repairs.patch").write_bytes(artifacts.combined)
        written[_PATCH] = "repairs.patch"
    document = {**artifacts.document, "artifacts": written}
    (folder / "summary.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return document


def _accepted(repair: Mapping[str, Any]) -> bool:
    return bool(repair["status"] == RepairStatus.ACCEPTED)
