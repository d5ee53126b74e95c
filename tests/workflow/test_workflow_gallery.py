"""The gallery: one broken project for each strategy, and the page that shows how each is repaired."""

from pathlib import Path

import pytest
from support.machine import LocalMachine

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = sorted(p.parent for p in (ROOT / "examples" / "gallery").glob("*/maestro.yaml"))


@pytest.mark.parametrize("project", PROJECTS, ids=lambda p: p.name)
def test_the_page_shows_the_repair_that_comes_out(machine: LocalMachine, project: Path) -> None:
    outcome = machine.run(project)

    assert outcome.run.status == "healed", [f.cause for f in outcome.failures]
    (repair,) = outcome.accepted
    assert repair.strategy == project.name
    shown = "\n".join(line for line in outcome.patch.splitlines() if not line.startswith(("diff --git", "index ")))
    assert f"```diff\n{shown}\n```" in (ROOT / "docs" / "healing.md").read_text(encoding="utf-8")
