"""Read the stored failures and mixtures."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro.model import CaseResult, Facts, Outcome, Phase, load

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """A failure: its project and fold by number, the breakage it is owed to, and what answers it."""

    project: int
    fold: int
    breakage: str
    label: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Mixture:
    """A run of a project with several breakages: its results, and the breakage of each that failed, by test id."""

    project: int
    results: tuple[CaseResult, ...]
    causes: Mapping[str, str]


def _lines(name: str) -> list[dict[str, Any]]:
    text = gzip.decompress((FOLDER / f"{name}.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


def rows() -> list[Row]:
    """Return the failures of projects with one breakage each."""
    return [
        Row(line["project"], line["fold"], line["breakage"], line["label"], load(Facts, line["facts"]))
        for line in _lines("failures")
    ]


def mixtures() -> list[Mixture]:
    """Return the runs with several breakages at once."""
    found = []
    for line in _lines("mixtures"):
        causes = {result["id"]: result.pop("cause") for result in line["results"]}
        results = [load(CaseResult, {"seconds": 0.0, **result}) for result in line["results"]]
        results += [
            CaseResult(f"passing::{n}", Outcome.PASSED, 0.0, facts=Facts(Phase.CALL, "", "", covered=covered))
            for n, covered in enumerate(line["passing"])
        ]
        found.append(Mixture(line["project"], tuple(results), causes))
    return found
