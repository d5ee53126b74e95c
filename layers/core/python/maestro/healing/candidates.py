"""Collect what the generators propose for a failure, as candidates that are safe to try."""

import hashlib
import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from maestro.healing import classifier
from maestro.healing._roles import Role
from maestro.healing.base import Generator, Project, Proposal
from maestro.healing.diagnosis import CONTRADICTING
from maestro.healing.feedback import Record
from maestro.healing.sourcetree import SourceTree, covered, diff
from maestro.healing.strategies import generators
from maestro.model import Candidate, Failure, MaestroError, Strategy

_LOG = logging.getLogger(__name__)
_MAX_PATCH = 2_000_000  # characters; a larger change is no small candidate
_PINS = 6  # workarounds tried where nothing adapts
_PINS_KEPT = 3  # those tried beside adaptations
_PINS_BESIDE_SURE = 2  # those tried beside an adaptation that is nearly sure to help
_SURE = 0.85  # prior from which an adaptation is that


@dataclass(frozen=True, slots=True)
class Proposed:
    """Candidates in the order in which to try them, and notes on what was left out and why."""

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()


def propose(
    failure: Failure, project: Project, *, strategies: Collection[Strategy] | None = None, limit: int = 8
) -> list[Candidate]:
    """Return at most ``limit`` candidates for a failure, the likeliest first and workarounds last.

    ``strategies`` restricts to some strategies; None allows all. A generator that fails with a :class:`MaestroError`
    is logged and skipped; any other exception is a defect of the generator and propagates.
    """
    return list(proposed(failure, project, strategies=strategies, limit=limit).candidates)


def proposed(
    failure: Failure,
    project: Project,
    *,
    strategies: Collection[Strategy] | None = None,
    limit: int = 8,
    using: Iterable[Generator] | None = None,
    said: Record | None = None,
) -> Proposed:
    """Like :func:`propose`, with the notes, and with other generators where they are given.

    ``said`` is what people said of earlier repairs (see :func:`maestro.healing.feedback.weighed`): it moves the prior
    of a generator's candidates, and so their order.
    """
    tree = SourceTree(project.root, project.test_paths)
    told = said or {}
    ranked = {} if failure.regression else classifier.rank(failure)
    found: dict[str, Candidate] = {}
    notes: list[str] = []
    for generator in generators() if using is None else using:
        if strategies is not None and generator.strategy not in strategies:
            continue
        if failure.regression and generator.name not in CONTRADICTING:
            continue
        try:
            for proposal in generator.propose(failure, project):
                candidate = _candidate(generator, proposal, project, tree, said=told, ranked=ranked, notes=notes)
                if candidate is None:
                    continue
                known = found.get(candidate.patch)
                if known is None or candidate.prior > known.prior:
                    found[candidate.patch] = candidate
        except MaestroError as error:
            _LOG.warning("generator %s was skipped: %s", generator.name, error)
            notes.append(f"{generator.name} was skipped: {error}")
    return Proposed(tuple(_chosen(list(found.values()), limit)), tuple(dict.fromkeys(notes)))


def _candidate(
    generator: Generator,
    proposal: Proposal,
    project: Project,
    tree: SourceTree,
    *,
    said: Record,
    ranked: Mapping[str, float],
    notes: list[str],
) -> Candidate | None:
    refused = sorted(path for path in proposal.edits if covered(path, project.protect))
    if refused:
        notes.append(f"{generator.name}: a change of {', '.join(refused)} was refused; the project protects it")
        return None
    patch = diff(tree, proposal.edits)
    if not patch or len(patch) > _MAX_PATCH:
        return None
    right, wrong = said.get(f"{generator.strategy}/{generator.name}", (0.0, 0.0))
    return Candidate(
        id=hashlib.sha256(patch.encode()).hexdigest()[:16],
        strategy=generator.strategy,
        generator=generator.name,
        summary=proposal.summary,
        patch=patch,
        prior=round(classifier.moved(combined(proposal.prior, right, right + wrong), generator.strategy, ranked), 4),
        workaround=proposal.workaround,
        unasked=proposal.unasked,
        touches_product=any(tree.role(path) is Role.PRODUCT for path in proposal.edits),
    )


def combined(prior: float, right: float, tried: float) -> float:
    """Weigh a generator's own estimate with how often it was right of those tried (Beta(1, 1): none says nothing).

    The odds are multiplied, so that a record of one in two leaves the estimate as it is.
    """
    rate = (right + 1) / (tried + 2)
    estimate = min(max(prior, 0.01), 0.99)
    odds = math.log(estimate / (1 - estimate)) + math.log(rate / (1 - rate))
    return round(min(max(1 / (1 + math.exp(-odds)), 0.01), 0.99), 4)


def _chosen(candidates: Sequence[Candidate], limit: int) -> list[Candidate]:
    """Choose what is worth a sandbox: environments cost seconds to build, so few pins stand beside a good adaptation.

    A way back to the project's own time is always among them, as it helps where all else was mistaken.
    """
    adapting = sorted((c for c in candidates if not c.workaround), key=lambda c: -c.prior)
    pinning = sorted((c for c in candidates if c.workaround), key=lambda c: -c.prior)
    sure = bool(adapting) and adapting[0].prior >= _SURE
    most = min(limit, _PINS_BESIDE_SURE if sure else _PINS_KEPT if adapting else _PINS)
    last = [c for c in pinning if c.generator in CONTRADICTING][-1 if adapting else -2 :]
    kept = [c for c in pinning if c not in last][: max(most - len(last), 0)] + last
    if adapting:
        kept = kept[-max(limit - 1, 0) :] if limit > 1 else []
    return adapting[: limit - len(kept)] + kept


@cache
def generator_names() -> tuple[str, ...]:
    """Return the names under which statistics are kept."""
    return tuple(generator.name for generator in generators())
