"""Since pytest 3.1 it keeps warnings: tests that look for one among what is written get those of a plain process."""

import ast
from collections.abc import Iterable

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.plain_warnings import (
    MODULES,
    STATEMENT,
    keeps_warnings,
    knows_warnings,
    warned_instead,
)
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.api_contract_adaptation import first_statement
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
        edits = first_statement.edits(failure.tests, tree, STATEMENT, MODULES, _suits)
        words = "since pytest 3.1 it keeps warnings from being written; the test gets the warnings of a plain process"
        if edits:
            yield Proposal(edits, f"{words} ({_SOURCE})", 0.8)


def _suits(text: str, function: ast.FunctionDef) -> bool:
    more = function.args.vararg or function.args.kwarg or function.args.kwonlyargs
    return not (keeps_warnings(text) or knows_warnings(function) or more)
