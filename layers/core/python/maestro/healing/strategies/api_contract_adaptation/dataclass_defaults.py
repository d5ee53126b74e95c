"""Defaults of dataclass fields that Python 3.11 refuses because they cannot be hashed."""

import ast
import re
from collections.abc import Iterable

from maestro.healing._forms import MUTABLE_DEFAULT
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.edits import segment, spliced
from maestro.healing.strategies.api_contract_adaptation.calls import Spelling
from maestro.healing.strategies.api_contract_adaptation.renames import failing_lines
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.rewriting import with_imports
from maestro.model import Failure, Strategy

_SOURCE = "https://docs.python.org/3/whatsnew/3.11.html#dataclasses"


class DataclassDefault:
    """Makes the default of a field anew for each instance, as ``default_factory`` does."""

    name = "dataclass_default"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of the refused field, and of others in the file with a default of the same class."""
        evidence = Evidence(failure, project)
        refused = re.search(MUTABLE_DEFAULT, evidence.text)
        if refused is None:
            return
        edits: dict[str, str] = {}
        for path in failing_lines(evidence):
            text = evidence.tree.text(path) or ""
            new = _with_factories(text, refused["kind"].rpartition(".")[2], refused["field"])
            if new != text:
                edits[path] = new
        if edits:
            words = f"the default of the field {refused['field']} is made for each instance"
            yield Proposal(edits, f"{words} ({_SOURCE})", 0.9)


def _with_factories(text: str, kind: str, field: str) -> str:
    module = parse(text)
    if module is None:
        return text
    names = Spelling(module)
    found = [
        statement.value
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(d) for d in node.decorator_list)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and statement.value is not None
        if _name(statement.target) == field or _made(statement.value) == kind
    ]
    out = text
    for value in sorted(found, key=lambda v: (-v.lineno, -v.col_offset)):
        plain = isinstance(value, ast.Call) and not value.args and not value.keywords
        if _made(value) == "field":
            continue
        factory = (
            segment(text, value.func) if plain and isinstance(value, ast.Call) else f"lambda: {segment(text, value)}"
        )
        call = names.write("dataclasses.field", ("dataclasses",))
        out = spliced(out, value, f"{call}(default_factory={factory})")
    if out != text and names.needed:
        out = with_imports(out, names.needed)
    return out if parse(out) is not None else text


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _made(node: ast.expr) -> str:
    """Return the last name of what a value calls."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else _name(node.func)
