"""Assertions of a mock that lack their ``assert_``: any name of a mock was true, until Python 3.12 refused these.

https://docs.python.org/3/library/unittest.mock.html#unittest.mock.Mock (``unsafe``). Such a test has never looked at
what it says; with its assertion it does, and where that does not hold, nothing is healed.
"""

import ast
from collections.abc import Iterable, Iterator

from maestro.healing._names import MOCK_MISTAKES
from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.edits import Text
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_SOURCE = "https://docs.python.org/3/library/unittest.mock.html#unittest.mock.Mock"


class MockAssertions:
    """Writes ``mock.assert_called_with(...)`` for ``assert mock.called_with(...)`` and ``mock.called_with(...)``."""

    name = "mock_assertions"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of every such statement in the test files of the failure."""
        evidence = Evidence(failure, project)
        if not evidence.unasserted:
            return
        files = dict.fromkeys([*evidence.project_files, *(test.split("::")[0] for test in failure.tests)])
        edits: dict[str, str] = {}
        for path in files:
            text = evidence.tree.text(path) if path[:1] != "<" else None
            if text is not None and evidence.tree.role(path) in (Role.TEST, Role.FIXTURE):
                new = asserted(text)
                if new != text:
                    edits[path] = new
        if edits:
            yield Proposal(
                edits, f"what only sounds like an assertion of a mock is one, with assert_ before it ({_SOURCE})", 0.9
            )


def asserted(source: str) -> str:
    """Return a source in which such statements are the assertions that they were meant to be."""
    if parse(source) is None:
        return source
    text = Text(source)
    return text.edited((*text.span(old), f"{text.of(owner)}.assert_{rest}") for old, owner, rest in _meant(text))


def _meant(text: Text) -> Iterator[tuple[ast.stmt, ast.expr, str]]:
    """Yield each such statement, the mock in it, and what follows ``assert_``."""
    for node in ast.walk(text.tree):
        match node:
            case (
                ast.Assert(test=ast.Call(func=ast.Attribute(value=owner, attr=name)) as call, msg=None)
                | ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=name)) as call)
            ) if name in MOCK_MISTAKES:  # fmt: skip
                whole = text.of(call)
                yield node, owner, name + whole[len(text.of(call.func)) :]
