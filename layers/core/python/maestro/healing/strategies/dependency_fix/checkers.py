"""Options of pytest plugins that check sources and no longer load, and the documented successor of each.

A check is never dropped: its option becomes the successor's, in the same place, and the successor is installed. What
that finds, by its own settings, is another failure's matter.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.requirements import Requirement

from maestro.healing._checkers import applies, refused
from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.data import table
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.names import canonical
from maestro.model import Failure, Strategy

INI = ("setup.cfg", "tox.ini", "pytest.ini", ".pytest.ini", "pyproject.toml")
ADDED = re.compile(r"(?m)^addopts\s*=\s*(.*(?:\n[ \t]+.*)*|\[[^\]]*\])")


def succeeded(evidence: Evidence, option: str) -> Mapping[str, Any] | None:
    """Return the row of the successor of an option whose plugin the installed pytest cannot load."""
    row = table("pytest_plugins")["successors"].get(option)
    return row if row is not None and applies(row, evidence.installed("pytest")) else None


class SucceededOption:
    """Gives ``addopts`` the option of a dead plugin's successor, and installs that."""

    name = "succeeded_option"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the exchange of all such options, first with all else that is needed, then with plugins alone."""
        from maestro.healing.strategies.dependency_fix.needs import needed

        evidence = Evidence(failure, project)
        options = dict.fromkeys([*refused(evidence.text), *self._broken(evidence)])
        rows = {option: row for option in options if (row := succeeded(evidence, option)) is not None}
        edits: dict[str, str | None] = {}
        for path in INI if rows else ():
            text = evidence.tree.text(path) or ""
            changed = ADDED.sub(lambda found: _exchanged(found[0], rows), text)
            if changed != text:
                edits[path] = changed
        if not edits:
            return
        plugins = [table("pytest_plugins")["options"].get(o, "") for o in options if o not in rows]
        wanted = list(dict.fromkeys([*(row["requirement"] for row in rows.values()), *filter(None, plugins)]))
        known = {canonical(Requirement(line).name) for line in wanted}
        more = [line for line in needed(evidence) if canonical(Requirement(line).name) not in known]
        dead = [row["plugin"] for row in rows.values() if evidence.installed(row["plugin"])]
        pairs = ", ".join(f"{option} is now {row['successor']}" for option, row in rows.items())
        sources = ", ".join(row["source"] for row in rows.values())
        for added, prior in (([*wanted, *more], 0.86), (wanted, 0.85)) if more else ((wanted, 0.85),):
            lines = [line for line in added if not evidence.installed(Requirement(line).name)]
            stated = _stated(project, evidence, lines, dead)
            if not edits.keys() & stated.keys():
                said = f"the plugin of an option no longer loads: {pairs} ({sources})"
                said += f"; install {', '.join(lines)}" if lines else ""
                yield Proposal({**edits, **stated}, said, prior)

    def _broken(self, evidence: Evidence) -> list[str]:
        """Return the options of installed plugins that pytest refuses to load."""
        mismatch = evidence.hook_mismatch
        rows = table("pytest_plugins")["successors"].items() if mismatch else ()
        return [option for option, row in rows if mismatch and mismatch.plugin == row["entry"]]


def _exchanged(added: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    for option, row in rows.items():
        added = re.sub(rf"(?<![\w-]){re.escape(option)}(?![\w=-])", row["successor"], added)
    return added


def _stated(project: Project, evidence: Evidence, lines: list[str], dead: list[str]) -> dict[str, str]:
    """Return the edit that installs these lines, and no longer what is dead."""
    if not dead:
        return environment.add(project, evidence.tree, lines) if lines else {}
    from maestro.config import edit

    base = project.environment.install

    def change(old: str) -> str:
        for name in dead:
            old = edit.remove_requirement(old, name, base=base)
        for line in lines:
            old = edit.add_requirement(old, line, base=base)
        return old

    return environment.change_configuration(project, evidence.tree, change)
