"""A name or keyword that an installed module has not, and what it has instead under a similar name.

Nothing but the likeness speaks for such a rename: what a test file calls so may be taken for an older name. In the
product it may as well be its own mistake, which is for a person; it follows only what documentation or the library say.
"""

import difflib
import re
from collections.abc import Iterable, Sequence

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.sourcetree import SourceFile
from maestro.healing.strategies.api_contract_adaptation.renames import failing_lines, matches
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.moving import moved
from maestro.healing.strategies.names import is_stdlib
from maestro.healing.strategies.rewriting import changed_keywords, renamed_attributes
from maestro.model import Failure, Strategy

_CLOSE = 0.8
_SAID = re.compile(
    r"[`'\"]?(?P<old>[A-Za-z_][\w.]*)(?:\(\))?[`'\"]? (?:is|was|has been|are) (?:a )?(?:deprecated|removed|renamed)"
    r"[^`'\"\n]{0,80}?[\s,;.:]+(?:[Pp]lease )?[Uu]se [`'\"]?(?P<new>[A-Za-z_]\w*(?:\.\w+)*)(?:\(\))?[`'\"]?"
)
_PARAMETER = re.compile(r"(?:^|[(,])\s*\**([A-Za-z_]\w*)")


class SimilarName:
    """Follows in tests a rename that the installed module itself shows; its own modules are never guessed at."""

    name = "similar_name"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield up to two renames per missing name of a third-party or standard module or class."""
        evidence = Evidence(failure, project)
        if any(matches(evidence)):
            return
        lines = failing_lines(evidence)
        for missing in evidence.missing_names[:2]:
            if not missing.distribution or not missing.available or not self._outside(evidence, missing.owner):
                continue
            for rank, new in enumerate(alike(missing.name, missing.available)[:2]):
                edits: dict[str, str] = {}
                for source in _tests(evidence, missing.name):
                    if missing.kind == "module":
                        text = moved(
                            source.text, {missing.qualified: f"{missing.owner}.{new}"}, guarded=source.path in lines
                        )
                    elif source.path in lines:
                        text = renamed_attributes(source.text, {missing.name: new}, lines=lines[source.path])
                    else:
                        continue
                    if text is not None:
                        edits[source.path] = text
                if edits:
                    has = f"the installed {missing.distribution} has {missing.owner}.{new}"
                    summary = f"{missing.qualified} does not exist; {has}"
                    yield Proposal(
                        edits, summary, (0.55 if _folded(new) == _folded(missing.name) else 0.4) - 0.1 * rank
                    )

    def _outside(self, evidence: Evidence, owner: str) -> bool:
        top = owner.partition(".")[0]
        return not evidence.tree.owns(top) or is_stdlib(top)


class SaidSuccessor:
    """Follows a rename that the library itself names in its error, or in a warning that is an error here."""

    name = "said_successor"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the rename; for names of modules in every source, for others on the failing lines."""
        evidence = Evidence(failure, project)
        said = _SAID.search(failure.facts.message)
        frames = failure.facts.frames
        if said is None or any(matches(evidence)):
            return
        old, new = said["old"].rpartition(".")[2], said["new"]
        lines = failing_lines(evidence)
        missing = next((m for m in evidence.missing_names if m.name == old and m.distribution), None)
        edits: dict[str, str] = {}
        if missing is not None and missing.kind == "module":
            moves = {missing.qualified: _full(missing.owner, said["old"], new)}
            texts = {s.path: moved(s.text, moves, guarded=s.path in lines) for s in evidence.tree.sources(old)}
            edits = {path: text for path, text in texts.items() if text is not None}
        elif missing is not None or (frames and not frames[-1].in_project):
            renames = {old: new.rpartition(".")[2]}
            for path, numbers in lines.items():
                text = renamed_attributes(evidence.tree.text(path) or "", renames, lines=numbers)
                if text is not None:
                    edits[path] = text
        if edits:
            yield Proposal(edits, f"the library says: {' '.join(said[0].split())}", 0.85)


def _full(owner: str, old: str, new: str) -> str:
    """Return the full name of a successor, which a message may give with an alias ("np.nan") or without its module."""
    alias = old.rpartition(".")[0]
    if alias and new.startswith(alias + "."):
        return owner + new[len(alias) :]
    return new if new.startswith(owner.partition(".")[0] + ".") else f"{owner}.{new}"


class SimilarKeyword:
    """Follows in tests a renamed keyword argument that the callee's signature shows."""

    name = "similar_keyword"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield renames of the refused keyword on the failing lines, for callees outside the project."""
        evidence = Evidence(failure, project)
        callee, signature = str(evidence.attribute("callee")), str(evidence.attribute("signature"))
        if not callee or not signature or not evidence.distribution_of(callee):
            return
        parameters = [p for p in _PARAMETER.findall(signature) if p not in ("self", "cls")]
        lines = failing_lines(evidence)
        for _, keyword in evidence.keyword_errors[:1]:
            for rank, new in enumerate(alike(keyword, parameters)[:2]):
                edits = {}
                for path, numbers in lines.items():
                    if evidence.tree.role(path) is Role.PRODUCT:
                        continue
                    text = changed_keywords(evidence.tree.text(path) or "", "*", {keyword: new}, lines=numbers)
                    if text is not None:
                        edits[path] = text
                if edits:
                    yield Proposal(edits, f"{callee} takes {new}, not {keyword}", 0.5 - 0.1 * rank)


def _tests(evidence: Evidence, name: str) -> list[SourceFile]:
    return [s for s in evidence.tree.sources(name) if evidence.tree.role(s.path) is not Role.PRODUCT]


def alike(name: str, available: Sequence[str]) -> list[str]:
    """Return the names most like ``name``: the same but for case and underscores first, then the closest."""
    others = [a for a in available if a != name]
    same = [a for a in others if _folded(a) == _folded(name)]
    close = [a for a in difflib.get_close_matches(name, others, n=3, cutoff=_CLOSE) if a not in same]
    return same + close


def _folded(name: str) -> str:
    return name.replace("_", "").lower()
