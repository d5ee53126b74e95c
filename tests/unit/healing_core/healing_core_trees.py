"""Small projects on disk, before and after a change."""

from collections.abc import Mapping
from pathlib import Path

from maestro.model import Candidate, ErrorKind, Facts, Failure, MutantResult, Mutation, Phase, Severity, Strategy

MUTANT = MutantResult("x.py", 1, "`<` becomes `<=` in f", killed=True, seconds=0.1, checked=True)
KILLED = Mutation((MUTANT,), healed=1)


def lay_out(root: Path, files: Mapping[str, str | None]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text is None:
            (root / name).unlink()
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def two_trees(folder: Path, before: Mapping[str, str], edits: Mapping[str, str | None]) -> tuple[Path, Path]:
    old = lay_out(folder / "before", before)
    new = lay_out(folder / "after", before)
    lay_out(new, edits)
    return old, new


def failure(
    tests: tuple[str, ...] = ("tests/test_cart.py::test_total",),
    *,
    exception: str = "AssertionError",
    phase: Phase = Phase.CALL,
    attributes: Mapping[str, object] | None = None,
    signature: str = "",
) -> Failure:
    facts = Facts(phase, exception, "it failed", attributes=attributes or {})
    return Failure(
        "f1",
        ErrorKind.RUNTIME_ERROR,
        Severity.LOW,
        signature or f"error:{exception}",
        "a cause",
        tests,
        "tests",
        "it failed",
        facts,
    )


def candidate(name: str = "c1", patch: str = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", **more: object) -> Candidate:
    return Candidate(name, Strategy.API_CONTRACT_ADAPTATION, "generator", f"does {name}", patch, **more)  # type: ignore[arg-type]
