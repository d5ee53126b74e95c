"""Since pytest 3.3 its own handlers hang on the root logger: tests that read what logging writes get a plain one."""

import ast
from collections.abc import Iterable

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.plain_logging import STATEMENT, logged_instead, reads_output, sees_records
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.api_contract_adaptation import first_statement
from maestro.model import Failure, Strategy

_SOURCE = "https://docs.pytest.org/en/stable/changelog.html#pytest-3-3-0-2017-11-23"


class PlainRootLogger:
    """Takes pytest's handlers off the root logger in tests that expect what ``logging`` writes by default."""

    name = "plain_root_logger"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of the failing tests, where what they expect was logged and not written."""
        if not logged_instead(failure.facts):
            return
        tree = SourceTree(project.root, project.test_paths)
        if any(sees_records(tree.text(p) or "") for p in tree.python_files if tree.role(p) is Role.FIXTURE):
            return  # a fixture of the project's may judge what was logged
        edits = first_statement.edits(failure.tests, tree, STATEMENT, ("logging",), _suits)
        words = (
            "since pytest 3.3 its own handlers keep logging from writing; the test gets the logger of a plain process"
        )
        if edits:
            yield Proposal(edits, f"{words} ({_SOURCE})", 0.85)


def _suits(text: str, function: ast.FunctionDef) -> bool:
    return reads_output(function, text)
