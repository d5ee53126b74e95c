"""Bringing a run's reports and patches into a folder."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro.model import RepairStatus, Tier

from maestro_cli.client import Client

# The file of each report, by the name under which the run's document lists its URL.
_REPORTS = {"report": "report.html", "junit": "junit.xml", "ctrf": "ctrf.json", "sarif": "report.sarif"}
_SUMMARY = "summary.json"
_PATCH = "patch"  # all accepted repairs together; "patch:{id}" is one of them
_PATCH_FILE = "repairs.patch"
_ALONE = re.compile(r"repairs/[^/\\]+\.patch")
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
        wanted = self.earned(least)
        if wanted and len(wanted) == len(self.patches):
            return [self.combined]
        return [self.patches[repair] for repair in wanted]

    def earned(self, least: Tier) -> list[str]:
        """Return the ids of the repairs that :meth:`deliverable` holds."""
        left = {item["id"] for item in self.left_out(least)}
        return [repair for repair in self.patches if repair not in left]

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
    """Write everything into ``folder``; return the document as written, its ``artifacts`` being names in there.

    The summary comes first: it lists all that follows, so that :func:`clear` finds it even if this breaks off.
    """
    folder.mkdir(parents=True, exist_ok=True)
    urls = artifacts.document.get("artifacts") or {}
    reports = {name: file for name, file in _REPORTS.items() if name in urls}  # none where a run had no results
    alone = {repair: f"repairs/{Path(repair).name}.patch" for repair in artifacts.patches}
    named = {"summary": _SUMMARY, **reports, **{f"{_PATCH}:{repair}": file for repair, file in alone.items()}}
    if artifacts.combined:
        named[_PATCH] = _PATCH_FILE
    document = {**artifacts.document, "artifacts": named, "applied": []}
    _write_summary(folder, document)
    for name, file in reports.items():
        (folder / file).write_bytes(client.download(urls[name]))
    for repair, file in alone.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(artifacts.patches[repair])
    if artifacts.combined:
        (folder / _PATCH_FILE).write_bytes(artifacts.combined)
    return document


def note_applied(folder: Path, document: Mapping[str, Any], repairs: Sequence[str]) -> dict[str, Any]:
    """Write down in the summary which repairs (ids) were applied to the project; return the document with them."""
    noted = {**document, "applied": list(repairs)}
    _write_summary(folder, noted)
    return noted


def clear(folder: Path) -> None:
    """Remove what :func:`write` made of a former run in ``folder``, as its summary lists it; nothing else."""
    summary = folder / _SUMMARY
    try:
        document = json.loads(summary.read_text(encoding="utf-8"))
        listed = document["artifacts"].values() if document["run_id"] else ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # none, or somebody else's
    ours = {*_REPORTS.values(), _PATCH_FILE}
    for file in listed:
        if isinstance(file, str) and (file in ours or _ALONE.fullmatch(file)):
            (folder / file).unlink(missing_ok=True)
    summary.unlink(missing_ok=True)
    repairs = folder / "repairs"
    if repairs.is_dir() and not repairs.is_symlink() and not any(repairs.iterdir()):
        repairs.rmdir()


def _write_summary(folder: Path, document: Mapping[str, Any]) -> None:
    (folder / _SUMMARY).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _accepted(repair: Mapping[str, Any]) -> bool:
    return bool(repair["status"] == RepairStatus.ACCEPTED)
