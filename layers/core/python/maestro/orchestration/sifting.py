"""Candidates before their trials: what each would change in all, and which of them no trial could prove."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from maestro.healing.attempt import Policy
from maestro.healing.combine import squash
from maestro.healing.errors import CombineError
from maestro.healing.racing import refusal
from maestro.model import Candidate, Failure
from maestro.registry import PatchError, Workspace


@contextmanager
def laid_out(tree: Path, *patches: str) -> Iterator[Path]:
    """Give a tree with patches applied, gone afterwards; the tree itself where there are none.

    Raises
    ------
    PatchError
        If one does not apply.
    """
    if not patches:
        yield tree
        return
    with Workspace(tree) as workspace:
        for patch in patches:
            workspace.apply(patch)
        yield workspace.source


def stacked(before: Path, kept: Sequence[str], candidate: Candidate) -> str:
    """Return a candidate as one diff against ``before``, with the changes kept in earlier rounds."""
    return squash(before, [*kept, candidate.patch]) if kept else candidate.patch


def sifted(
    failure: Failure, candidates: Sequence[Candidate], before: Path, kept: Sequence[str], policy: Policy
) -> tuple[dict[str, Candidate], list[str]]:
    """Part candidates that a trial may prove from those that a gate refuses whatever a trial shows.

    Returns the former by id, each with all that its repair would be as its patch; and the latter in words.
    """
    wholes: dict[str, Candidate] = {}
    refused: list[str] = []
    for candidate in candidates:
        try:
            whole = replace(candidate, patch=stacked(before, kept, candidate))
            with laid_out(before, whole.patch) as after:
                why = refusal(failure, whole, before, after, policy)
        except (PatchError, CombineError) as error:
            why = f"applies: {error}"[:400]
        if why:
            refused.append(f"{candidate.id} ({candidate.summary}): {why}")
        else:
            wholes[candidate.id] = whole
    return wholes, refused
