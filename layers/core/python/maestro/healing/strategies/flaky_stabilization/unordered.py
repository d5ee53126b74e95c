"""Tests that hold a set's elements against a list meet one order of them, or none.

Only after experiments in which the value of PYTHONHASHSEED decided. What the product returns as a list, in an order
that differs from process to process, is left alone: it may promise an order, and then it has a defect.
"""

from collections.abc import Iterable

from maestro.healing import _hashing, provenance
from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.known_forms.unordered import Edit
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy


class ComparedUnordered:
    """Sorts the elements of a set where a test holds them against a list."""

    name = "compared_unordered"
    strategy = Strategy.FLAKY_STABILIZATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per way to do it, with all failing tests in each.

        Raises
        ------
        LeftAloneError
            If the order is not that of a set, as far as the tests and the annotations say.
        """
        if failure.diagnosis.get("verdict") != "hashing":
            return
        if not _hashing.of_a_set(failure, project):
            raise LeftAloneError(
                "what the product returns has another order for each value of PYTHONHASHSEED, and nothing says that it "
                "is a set: that may be a defect of the product"
            )
        tree = SourceTree(project.root, project.test_paths)
        for choice, prior in ((0, 0.8), (-1, 0.5)):
            edits: dict[str, str | None] = {}
            for path, found in _hashing.found(failure, project).items():
                text = tree.text(path) or ""
                spans = {_hashing.span(part): _written(text, (part, form))
                         for each in found for part, form in each.ways[choice]}  # fmt: skip
                edits[path] = provenance.replaced(text, spans.items())
            fine = all(tree.role(p) in (Role.TEST, Role.FIXTURE) and parse(t or "") for p, t in edits.items())
            if edits and fine:
                said = f"{', '.join(edits)}: the elements of a set are compared in no order of their own"
                yield Proposal(edits, said, prior)


def _written(text: str, edit: Edit) -> str:
    part, form = edit
    return form.replace("{}", provenance.segment(text, part))
