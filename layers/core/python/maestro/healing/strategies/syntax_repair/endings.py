"""Generators that raise ``StopIteration`` to end: since Python 3.7 (PEP 479) they return."""

from collections.abc import Iterable

from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.endings import SAID, rewritten
from maestro.healing.strategies.evidence import Evidence
from maestro.model import Failure, Strategy

_SOURCE = "https://docs.python.org/3/whatsnew/3.7.html#changes-in-python-behavior"


class GeneratorEnd:
    """Lets generators that raise ``StopIteration`` return, which is what that did before Python 3.7."""

    name = "generator_end"
    strategy = Strategy.SYNTAX_REPAIR

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of every generator that ends so, where one was seen to fail by it."""
        evidence = Evidence(failure, project)
        if SAID not in evidence.text:
            return
        edits = {
            source.path: text for source in evidence.tree.sources("StopIteration") if (text := rewritten(source.text))
        }
        if edits:
            words = "a generator ends by return; since Python 3.7, raising StopIteration in it is an error"
            yield Proposal(edits, f"{words} ({_SOURCE})", 0.92)
