"""Fields of an HTTP interface that tests ask for by a name that the interface's description no longer has."""

import ast
from collections.abc import Iterable

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.edits import segment, spliced
from maestro.healing.known_forms.fields import renamed_field
from maestro.healing.strategies.api_contract_adaptation.renames import failing_lines
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy


class RenamedField:
    """Lets a test read a field by the name that the interface's own description in the tree gives it."""

    name = "renamed_field"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the new name wherever the failing test files read the field; nothing without a description."""
        renamed = renamed_field(project.root, failure)
        if renamed is None:
            return
        evidence = Evidence(failure, project)
        edits: dict[str, str] = {}
        for path in failing_lines(evidence):
            text = evidence.tree.text(path) or ""
            if evidence.tree.role(path) in (Role.TEST, Role.FIXTURE):
                new = _read_by(text, *renamed)
                if new != text:
                    edits[path] = new
        if edits:
            words = f"the interface's description in the tree calls the field {renamed[1]}, no longer {renamed[0]}"
            yield Proposal(edits, words, 0.7)


def _read_by(text: str, old: str, new: str) -> str:
    module = parse(text)
    keys = [
        node.slice
        for node in (ast.walk(module) if module is not None else ())
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == old
    ]
    for key in sorted(keys, key=lambda k: (-k.lineno, -k.col_offset)):
        quote = segment(text, key)[-1]
        text = spliced(text, key, f"{quote}{new}{quote}")
    return text
