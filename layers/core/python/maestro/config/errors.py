"""What can be wrong with a configuration."""

from collections.abc import Iterable
from dataclasses import dataclass

from maestro.model import MaestroError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (``line`` and ``column`` count from 1), what, and what would be right."""

    file: str
    line: int
    column: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.what}; {self.remedy}"


class ConfigError(MaestroError):
    """A configuration that cannot be used; the message lists every problem, one a line."""

    code = "config_invalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(map(str, self.problems)))


class EditError(ConfigError):
    """A change that cannot be made to the text of a ``maestro.yaml`` without rewriting other parts of it."""

    code = "config_edit_failed"


class RenderError(ConfigError):
    """A configuration that no ``maestro.yaml`` can stand for."""

    code = "config_cannot_be_written"
