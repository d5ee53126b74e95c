"""Sources that are written for a newer Python than the environment has."""

from collections.abc import Iterable

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.healing.strategies.metadata import supported_pythons
from maestro.model import Failure, Strategy

_NEWEST = 14


class NewerPython:
    """Gives the environment the oldest Python that reads the file, among those that the project says it supports."""

    name = "newer_python"
    strategy = Strategy.SYNTAX_REPAIR

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one change of ``environment.python``; a workaround where the project does not ask for it itself."""
        evidence = Evidence(failure, project)
        if evidence.unparsed is None:
            return
        file, _, text = evidence.unparsed
        later = [(3, minor) for minor in range(evidence.python[1] + 1, _NEWEST + 1)]
        reading = [version for version in later if parse(text, version) is not None]
        declared = supported_pythons(evidence.tree)
        wanted = [version for version in reading if version in declared] or reading
        if not wanted:
            return
        asked = bool(declared) and evidence.python not in declared
        python = "{}.{}".format(*wanted[0])
        edits = environment.replace(project, evidence.tree, (), python=python)
        here = "{}.{}".format(*evidence.python)
        words = f"{file} uses syntax that Python {here} does not have; run with Python {python}"
        yield Proposal(edits, words, 0.8 if asked else 0.5, workaround=not asked)
