"""Small projects before and after a change, run and tried in the real sandbox."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from maestro.config import load_config
from maestro.healing import proof
from maestro.healing.attempt import Attempt
from maestro.model import (
    Candidate,
    CaseResult,
    ErrorKind,
    Facts,
    Failure,
    GateResult,
    Outcome,
    Phase,
    Severity,
    Strategy,
    Trial,
)
from maestro.orchestration.execution import Sandbox
from maestro.orchestration.orders import ChunkOrder, PrepareOrder, Source, TrialOrder
from maestro.registry.bundles import pack

CONFIG = """\
project: small
environment:
  python: "3.11"
  install: [pytest]
  pythonpath: ["."]
suites:
  unit: {kind: test, adapter: pytest, paths: [tests]}
"""


@dataclass(frozen=True)
class Tried:
    """A trial, and the trees and the results before it."""

    trial: Trial
    failure: Failure
    before: tuple[CaseResult, ...]
    trees: tuple[Path, Path]

    @property
    def gate(self) -> GateResult:
        return self.gates({"mutation": proof.mutation})["mutation"]

    def gates(self, chosen: Mapping[str, object] | None = None) -> dict[str, GateResult]:
        patch = Candidate("c", Strategy.API_CONTRACT_ADAPTATION, "g", "a change", "+a\n")
        attempt = Attempt(self.failure, patch, self.trial, self.before, *self.trees)
        return proof.prove(attempt, gates=chosen)  # type: ignore[arg-type]


class Lab:
    """Runs a small project before a patch, and tries the patch in the sandbox."""

    config = CONFIG

    def __init__(self, sandbox: Sandbox, served: Path, url: str, root: Path) -> None:
        self.sandbox, self.served, self.url, self.root = sandbox, served, url, root

    def try_change(
        self, files: Mapping[str, str], edits: Mapping[str, str], tests: tuple[str, ...], *,
        outcomes: Mapping[str, Outcome] | None = None, kept: Mapping[str, str] | None = None,
    ) -> Tried:  # fmt: skip
        """Try the edits; ``outcomes`` overrides what is said to have come of tests before (a flaky one that passed).

        ``kept`` are edits of other files that an earlier round has kept.
        """
        trees = (self.root / "before", self.root / "after")
        kept = kept or {}
        for tree, content in zip(trees, ({"maestro.yaml": CONFIG, **files}, {**files, **kept, **edits}), strict=True):
            for name, text in {"maestro.yaml": CONFIG, **content}.items():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (tree / name).write_text(text)
        digest = pack(trees[0], self.served / f"{self.root.name}.tar.gz").sha256
        source = Source(f"{self.url}/{self.root.name}.tar.gz", digest)
        patch = "".join(_diff(name, files.get(name, CONFIG), text) for name, text in edits.items())
        before = self._run(source, trees[0])
        known = outcomes or {}
        before = tuple(_said(r, known[r.id]) if r.id in known else r for r in before)
        order = TrialOrder(source, "c", patch, "unit", tests, before, repeats=2, seconds=100.0)
        if kept:
            earlier = "".join(_diff(name, files[name], text) for name, text in kept.items())
            order = replace(
                order, source=replace(source, patches=(earlier,)), before=(), origin=source, origin_results=before
            )
        facts = next((r.facts for r in before if r.id in tests and r.facts), None) or Facts(Phase.CALL, "X", "failed")
        failure = Failure("f", ErrorKind.RUNTIME_ERROR, Severity.LOW, "s", "a cause", tests, "unit", "failed", facts)
        return Tried(self.sandbox.try_candidate(order), failure, before, trees)

    def _run(self, source: Source, tree: Path) -> tuple[CaseResult, ...]:
        suite = load_config(tree).suites[0]
        prepared = self.sandbox.prepare(PrepareOrder(source, (suite,), 100.0))
        assert prepared.facts is not None, prepared.error
        found = prepared.collections[0]
        done = (
            self.sandbox.run_chunk(ChunkOrder(source, suite, found.tests, found, 60.0)).results if found.tests else ()
        )
        return (*done, *found.errors)


def _said(result: CaseResult, outcome: Outcome) -> CaseResult:
    return replace(result, outcome=outcome)


def _diff(name: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return f"diff --git a/{name} b/{name}\n" + "\n".join(lines) + "\n"
