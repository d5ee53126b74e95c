"""What a weakening is called and where it stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a change weakens the tests: the rule, where (1-based line), and what was seen."""

    rule: str
    file: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.file}:{self.line}: {self.detail}"
