"""The catalogue of API changes (``healing/data/api_changes.json``) as objects."""

from dataclasses import dataclass
from functools import cache

from maestro.healing.strategies.data import table


@dataclass(frozen=True, slots=True)
class Change:
    """One removed or renamed thing.

    ``kind`` says what ``old`` and ``new`` are: "move" (a qualified name, a module's attribute, class or function),
    "module" (a whole module), "method" (a bare attribute name; ``owners`` are the classes that had it, ``unique``
    that the name means nothing else, so that every use may change, ``receiver`` the only variable it is looked up
    on), "keyword" (``old`` is "callee(keyword)"; ``new`` the keyword's new name, "" to drop it, or "name=value"
    to state what used to be the default; a callee of "*" stands for any).
    """

    kind: str
    old: str
    new: str
    distribution: str
    removed_in: str
    source: str
    group: str
    owners: tuple[str, ...] = ()
    unique: bool = False
    receiver: str = ""

    @property
    def name(self) -> str:
        """The last component of ``old``."""
        return self.old.rpartition(".")[2]


@cache
def changes() -> tuple[Change, ...]:
    """Return the whole catalogue."""
    found: list[Change] = []
    for number, group in enumerate(table("api_changes")["groups"]):
        for old, new in group["changes"].items():
            found.append(
                Change(
                    group["kind"], old, new, group["distribution"], group.get("removed_in", ""), group["source"],
                    f"{group['distribution']}-{number}", tuple(group.get("owners", ())), group.get("unique", False),
                    group.get("receiver", ""),
                )
            )  # fmt: skip
    return tuple(found)


@cache
def removals(distribution: str) -> tuple[Change, ...]:
    """Return the changes of one distribution ("python" for the standard library)."""
    return tuple(c for c in changes() if c.distribution == distribution)
