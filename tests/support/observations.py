"""What became of the candidates that runs tried, as rows without names: what the confidence is measured on.

A row holds what :class:`maestro.healing.confidence.Observed` holds, whether the proof was passed (``refused`` names the
gate that was not), and the label ``right``, which does not come from the gates:

- ``case``: a suite that a dependency, an environment or time broke. A repair that was delivered is right where the
  suite's own tests, run apart on a fresh copy, are green, none is lost, and a person who compared it with the known fix
  would keep it. A candidate that leaves its tests failing, or that costs tests, is wrong. What only the static gates or
  the mutants refused is left out: nobody knows better than they.
- ``trap``: the product is defective by construction; every candidate is wrong.

The wrong repairs that are written by hand (``test_healing_core_weakening.py``) are no rows: no sandbox ever ran them,
so nothing but their refusal was seen.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

COSTLY = frozenset({"no_regression", "nothing_vanished", "target_green", "confirmed"})
NO_PROGRESS = "no progress"
_NOT_REFUSED = frozenset({"delivered", "beaten", "pending"})
_ANOTHER = "another candidate is smaller"


class Objects(Protocol):
    """Where runs keep what they stored; :class:`maestro.orchestration.ports.BlobStore` is one."""

    def get(self, key: str) -> bytes:
        """Return an object."""
        ...

    def list(self, prefix: str) -> "list[str]":
        """Return the keys below a prefix."""
        ...


@dataclass(frozen=True)
class Folder:
    """A bucket as the embedded stack keeps it on disk."""

    root: Path

    def get(self, key: str) -> bytes:
        """Return an object."""
        return (self.root / key).read_bytes()

    def list(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        found = (self.root / prefix).rglob("*")
        return sorted(str(p.relative_to(self.root)) for p in found if p.is_file() and not p.name.endswith(".meta.json"))


@dataclass(frozen=True)
class Tried:
    """One candidate that ran, and its row without a label.

    ``ended`` is "delivered", "beaten" (by another that passed the proof too), "pending", or what refused it.
    """

    ended: str
    candidate: str
    summary: str
    row: Mapping[str, Any]


def group_of(name: str) -> str:
    """Return a stable name for what rows share (a project), which does not tell it."""
    return hashlib.sha256(f"observed {name}".encode()).hexdigest()[:8]


def tried(objects: Objects, run: str, group: str) -> Iterator[Tried]:
    """Yield the candidates that ran in the sandboxes of a run, whose objects are below ``run``."""
    keys = objects.list(run)
    kept = _json(objects, f"{run}/kept.json") if f"{run}/kept.json" in keys else {}
    told = _json(objects, f"{run}/report/summary.json")["repairs"] if f"{run}/report/summary.json" in keys else ()
    fate = {repair["id"]: "confirmed" for repair in told if repair["status"] == "rejected"}
    fate |= {repair["id"]: "delivered" for repair in kept.get("confirmed", ())}
    for key in keys:
        if key.endswith("/memory.json"):
            yield from _of_heal(objects, keys, key.removesuffix("/memory.json"), group, fate)


def _of_heal(objects: Objects, keys: list[str], heal: str, group: str, fate: Mapping[str, str]) -> Iterator[Tried]:
    memory = _json(objects, f"{heal}/memory.json")
    best = memory["best"] or {}
    rounds = sorted({k.split("/")[-2] for k in keys if k.startswith(f"{heal}/round-") and k.endswith("/rejected.json")
                     and f"{k.removesuffix('/rejected.json')}/candidates.json" in keys})  # fmt: skip
    kept = set(memory["kept"])
    failures = [*memory["history"], memory["failure"]]
    for number, name in enumerate(rounds):
        failure = failures[min(number, len(failures) - 1)]
        said = dict(_refusal(text) for text in _json(objects, f"{heal}/{name}/rejected.json"))
        for candidate in _json(objects, f"{heal}/{name}/candidates.json"):
            answer = f"{heal}/{name}/trial-{candidate['id']}.json"
            trial = _json(objects, answer) if answer in keys else None
            if not trial or trial["status"] != "ran":
                continue
            refused = said.get(candidate["id"], "")
            delivered = bool(best) and candidate["summary"] == best["summary"] and refused in ("", "beaten")
            if delivered:
                ended = fate.get(best["id"], "pending")  # taken back by the confirmation, or its run never got there
            elif not refused and candidate["summary"] in kept:
                continue  # a step on the way: no repair, and not refused
            else:
                ended = refused or NO_PROGRESS
            patch = best["patch"] if delivered else candidate["patch"]
            row = _row(group, candidate, trial, failure, patch=patch, refused="" if ended in _NOT_REFUSED else ended)
            yield Tried(ended, candidate["id"], candidate["summary"], row)


def _refusal(text: str) -> tuple[str, str]:
    """Return a candidate's id and why it was not kept: a gate, "beaten", or no progress."""
    name, _, said = text.partition(" ")
    why = said.rpartition("): ")[2] if "): " in said else said
    if why.startswith(_ANOTHER):
        return name, "beaten"
    gate = said.split("): ", 1)[-1].partition(":")[0]
    return name.rstrip(":"), gate if gate.replace("_", "").isalpha() else NO_PROGRESS


def _row(
    group: str,
    candidate: Mapping[str, Any],
    trial: Mapping[str, Any],
    failure: Mapping[str, Any],
    *,
    patch: str,
    refused: str,
) -> dict[str, Any]:
    mutants = (trial["mutation"] or {}).get("mutants", ())
    green = {
        result["id"] for result in trial["target"] if result["outcome"] not in ("failed", "error", "xpassed", "flaky")
    }
    return {
        "group": group,
        "strategy": candidate["strategy"],
        "generator": candidate["generator"],
        "refused": refused,
        "repeats": len(trial["repeats"]),
        "tests": len(green),
        "fixed": sum(_fixed(test, green) for test in failure["tests"]),
        "wanted": len(failure["tests"]),
        "killed": sum(m["killed"] for m in mutants),
        "survived": sum(not m["killed"] for m in mutants),
        "lines": sum(line[:1] in "+-" and not line.startswith(("+++", "---")) for line in patch.splitlines() if line),
        "prior": candidate["prior"],
        "touches_product": candidate["touches_product"],
        "workaround": candidate["workaround"],
        "flaky": failure["flaky"],
        "regression": failure["regression"],
    }


def _fixed(test: str, green: set[str]) -> bool:
    """Whether a failing test, file or session is green, or shows green tests inside."""
    return test in green or (test == "<session>" and bool(green)) or any(g.startswith(f"{test}::") for g in green)


def _json(objects: Objects, key: str) -> Any:
    return json.loads(objects.get(key))


def label_case(one: Tried, verdict: str, judged: Mapping[str, bool]) -> bool | None:
    """Return whether a candidate on a broken suite is right; None where nobody can say.

    ``verdict`` is how the suite's own tests judged the run ("healed", "part", "open", "harm"); ``judged`` what these
    tests, run with one candidate alone, or a person said of single candidates, by their ids.
    """
    if one.ended in _NOT_REFUSED and one.candidate in judged:  # a patch has one id in whatever heal it is tried
        return judged[one.candidate]
    if one.ended == "delivered" and verdict != "open":
        return verdict != "harm"
    return False if one.ended in COSTLY or one.ended == NO_PROGRESS else None
