"""Since pytest 3.1 it keeps warnings: tests that look for one among what is written get those of a plain process."""

import ast
from collections.abc import Iterable

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.grouping import without_parameters
from maestro.healing.known_forms.plain_warnings import (
    MODULES,
    STATEMENT,
    keeps_warnings,
    knows_warnings,
    warned_instead,
)
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.api_contract_adaptation.pytest_logging import with_statement
from maestro.model import Failure, Strategy

_SOURCE = "https://docs.pytest.org/en/stable/changelog.html#pytest-3-1-0-2017-05-22"


class PlainWarnings:
    """Has warnings written, in tests that expect a warning's text among what is written."""

    name = "plain_warnings"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of the failing tests, where what they look for was warned and not written."""
        if not warned_instead(failure.facts):
            return
        tree = SourceTree(project.root, project.test_paths)
        if any(keeps_warnings(tree.text(p) or "") for p in tree.python_files if tree.role(p) is Role.FIXTURE):
            return  # a fixture of the project's may judge what was warned
        wanted: dict[str, set[str]] = {}
        for test in failure.tests:
            path, _, name = without_parameters(test).partition("::")
            wanted.setdefault(path, set()).add(name)
        edits: dict[str, str | None] = {}
        for path, names in wanted.items():
            text = tree.text(path) or ""
            changed = None if keeps_warnings(text) else with_statement(text, names, STATEMENT, MODULES, _suits)
            if changed is None or tree.role(path) is not Role.TEST:
                return
            edits[path] = changed
        words = "since pytest 3.1 it keeps warnings from being written; the test gets the warnings of a plain process"
        yield Proposal(edits, f"{words} ({_SOURCE})", 0.8)


def _suits(function: ast.FunctionDef) -> bool:
    return not (knows_warnings(function) or function.args.vararg or function.args.kwarg or function.args.kwonlyargs)
