"""What moved to another distribution needs that distribution: the requirements of imports that a rewrite brings in."""

from collections.abc import Iterator, Mapping

from maestro.healing._roles import Role
from maestro.healing.base import Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.dependency_fix.naming import Found, find
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import imported_modules
from maestro.healing.strategies.names import is_stdlib

_ELSEWHERE = 0.1  # by which a move is less likely to do where it leads into another distribution, with ways of its own


def with_homes(evidence: Evidence, edits: Mapping[str, str], summary: str, prior: float) -> Proposal:
    """Return the proposal of a rewrite, which installs what the rewritten sources import and the environment lacks.

    Only where the environment's modules are known, and only what a missing module would be installed from: what the
    project asks for, what the table of import names has, or a distribution of exactly that name which brings it.
    """
    found = dict(_homes(evidence, edits))
    if not found:
        return Proposal(edits, summary, prior)
    lines = list(dict.fromkeys(home.requirement for home in found.values()))
    unasked = any(not home.declared for home in found.values())
    product = any(evidence.tree.role(path) is Role.PRODUCT for path in edits)
    said = f"; installs {', '.join(lines)} for {', '.join(found)}"
    said += "; the product imports it, so its own metadata should ask for it as well" if unasked and product else ""
    added = environment.add(evidence.project, evidence.tree, lines)
    return Proposal({**edits, **added}, summary + said, prior - _ELSEWHERE, unasked=unasked)


def _homes(evidence: Evidence, edits: Mapping[str, str]) -> Iterator[tuple[str, Found]]:
    """Yield each module that the edits import anew and nothing installed brings, with the requirement that does."""
    installed = evidence.project.facts.modules
    if not installed:
        return
    for path, text in edits.items():
        before = imported_modules(evidence.tree.text(path) or "")
        for module in imported_modules(text):
            top = module.partition(".")[0]
            if module in before or top in installed or is_stdlib(top) or evidence.tree.owns(top):
                continue
            for home in list(find(evidence, module))[:1]:
                yield module, home
