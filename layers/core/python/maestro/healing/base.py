"""What a generator of repairs gets and gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from maestro.model import EnvironmentFacts, EnvironmentSpec, Failure, Strategy


@dataclass(frozen=True, slots=True)
class Project:
    """The project under repair, laid out on disk with every change kept so far.

    ``root`` holds untrusted files: read and parse them, never import or run them. ``config_file`` is the
    path of ``maestro.yaml`` relative to ``root``, or "" where the project has none.
    """

    root: Path
    environment: EnvironmentSpec
    facts: EnvironmentFacts
    config_file: str = ""
    test_paths: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()  # glob patterns that no repair may touch
    network: Mapping[str, str] = field(default_factory=dict)  # for asking a package index


@dataclass(frozen=True, slots=True)
class Proposal:
    """One possible change: new texts of files (``None`` deletes one), and why it should help."""

    edits: Mapping[str, str | None]
    summary: str
    prior: float = 0.5
    workaround: bool = False
    unasked: bool = False  # it installs what nothing of the project asks for


class Generator(Protocol):
    """Proposes small changes that might remove a failure's cause; cheap, and silent when it has nothing to say."""

    @property
    def name(self) -> str:
        """What its candidates and its record are known by."""
        ...

    @property
    def strategy(self) -> Strategy:
        """The strategy that it belongs to."""
        ...

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield proposals, the likeliest first."""
        ...
