"""What people's words on earlier repairs say of the next one.

A word is counted by tenant, project, strategy, generator and pattern (:class:`maestro.model.Tally`). For a failure of
a project the tenant's words are weighed by how near they are: whole where project and pattern agree, a half where one
of them does, a quarter where neither does. Nothing crosses from one tenant to another.

>>> from maestro.model import Tally
>>> known = [Tally("shop", "dependency_fix", "pin", "module:ImportError", right=0, wrong=2)]
>>> weighed(known, "shop", "module:ImportError"), weighed(known, "till", "syntax:SyntaxError")
({'dependency_fix/pin': (0.0, 2.0)}, {'dependency_fix/pin': (0.0, 0.5)})
"""

from collections.abc import Iterable, Mapping

from maestro.model import Failure, Tally

_ELSEWHERE = 0.5  # weight of a word on another project's repair, and of one on another pattern

Record = Mapping[str, tuple[float, float]]  # "strategy/generator" -> right, wrong


def pattern(failure: Failure) -> str:
    """Return the kind of a failure: its signature's family and its exception, such as "module:ImportError"."""
    family = failure.signature.partition(":")[0]
    return f"{family}:{failure.facts.exception.rsplit('.', 1)[-1]}"


def weighed(tallies: Iterable[Tally], project: str, kind: str) -> dict[str, tuple[float, float]]:
    """Return how often each generator was right and wrong, as it counts for a failure of pattern ``kind``."""
    found: dict[str, tuple[float, float]] = {}
    for tally in tallies:
        weight = (1.0 if tally.project == project else _ELSEWHERE) * (1.0 if tally.pattern == kind else _ELSEWHERE)
        key = f"{tally.strategy}/{tally.generator}"
        right, wrong = found.get(key, (0.0, 0.0))
        found[key] = (right + weight * tally.right, wrong + weight * tally.wrong)
    return found
