"""Files that could not be collected and can be now, whatever their tests then say.

A file is healed as a collection error when its tests run. Where one of them is green, the gates of every repair hold.
Where none is, nothing shows that the change is right but the change itself: so it may only install distributions that
the project's own files ask for, or that are known to bring the missing module, and what fails must not be about them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from maestro.healing._configuration import is_configuration
from maestro.healing._trees import Change
from maestro.healing.gate import Evidence, Gate, listed
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies.data import table
from maestro.model import CaseResult, Failure, GateResult, Outcome, Phase, Trial
from maestro.model.words import counted

_RAN = frozenset({Phase.SETUP, Phase.CALL, Phase.TEARDOWN})
_IMPORTING = frozenset({"ImportError", "ModuleNotFoundError"})
_WHERE = ("module", "owner", "callee", "name")  # attributes of facts that say what a failure is about


def inside(results: Iterable[CaseResult], file: str) -> list[CaseResult]:
    """Return the results of the tests in a file, or in the files of a folder."""
    return [r for r in results if r.id.startswith((file + "::", file + "/")) and "::" in r.id]


def collected(results: Sequence[CaseResult], file: str) -> bool:
    """Whether a file was collected: it holds tests that were run and not only skipped, however they ended."""
    ran = [r for r in inside(results, file) if r.outcome is not Outcome.SKIPPED]
    return bool(ran) and all(r.facts is None or r.facts.phase in _RAN for r in ran if r.outcome.bad)


def holds_nothing(results: Sequence[CaseResult], file: str) -> bool:
    """Whether a run of the whole suite met no test and no error in a file: there was nothing in it but its error."""
    return not inside(results, file) and not any(r.id == file and r.outcome.bad for r in results)


def again(failure: Failure, trial: Trial) -> tuple[str, ...]:
    """Return the files that the failure kept from being collected and of which tests ran in the trial.

    None at all where one of them is still not collected; a file in which there is nothing but its error may be silent.
    """
    if failure.facts.phase is not Phase.COLLECT or any("::" in test or test == "<session>" for test in failure.tests):
        return ()
    found = tuple(test for test in failure.tests if collected(trial.target, test))
    rest = [test for test in failure.tests if test not in found]
    return found if trial.suite and all(holds_nothing(trial.suite, test) for test in rest) else ()


def collects(evidence: Evidence) -> GateResult:
    """Every file is collected in every run, by installing what the project asks for and nothing else."""
    problem = next(_problems(evidence), "")
    if problem:
        return GateResult(passed=False, detail=problem)
    runs = 1 + len(evidence.trial.repeats)
    were = "was" if len(evidence.tests) == 1 else "were"
    said = (
        f"{counted(len(evidence.tests), 'file')} {were} collected in {runs} runs; what is left fails for other reasons"
    )
    return GateResult(passed=True, detail=said)


COLLECT_GATES: Mapping[str, Gate] = {"collects": collects}


def _problems(evidence: Evidence) -> Iterator[str]:
    """Yield what is in the way; each reason rests on those before it being absent."""
    failure, trial = evidence.failure, evidence.trial
    if evidence.candidate.workaround:
        yield "no test is green, and it is a workaround"
    if set(again(failure, trial)) != set(evidence.tests):
        yield "some file has no test that ran"
    if not trial.repeats:
        yield "it was not run a second time"
    for number, results in enumerate(trial.repeats, start=2):
        gone = {test for test in evidence.tests if not collected(results, test)}
        if gone:
            yield f"run {number} of {len(trial.repeats) + 1} did not collect {listed(gone)}"
    module = str(failure.facts.attributes.get("module", ""))
    if failure.facts.exception.rpartition(".")[2] != "ModuleNotFoundError" or not module:
        yield "no test is green, and the failure was no missing module"
    lines = installed(evidence.changed)
    if lines is None:
        yield "no test is green, and it changes more than what is installed"
    wanted = {str(canonicalize_name(line.name)) for line in lines or ()}
    strangers = wanted - asked_for(evidence.before, module)
    if strangers:
        yield f"no test is green, and nothing but the name speaks for {listed(strangers)}"
    top = module.partition(".")[0]
    about = [
        r for results in (trial.target, *trial.repeats) for r in results if r.outcome.bad and _about(r, top, wanted)
    ]
    if about:
        yield f"{about[0].id} fails by what was installed: {about[0].message[:200]}"


def _about(result: CaseResult, top: str, installed_now: set[str]) -> bool:
    """Whether a failure is about an import, the missing module, or code of what was installed."""
    facts = result.facts
    if facts is None:
        return True  # nobody knows what it is about
    kinds = {facts.exception, *facts.bases, *(cause.get("exception", "") for cause in facts.causes)}
    named = (str(facts.attributes.get(key, "")).partition(".")[0] for key in _WHERE)
    raised = facts.frames[-1].distribution if facts.frames and not facts.frames[-1].in_project else ""
    return (
        bool(_IMPORTING & {kind.rpartition(".")[2] for kind in kinds})
        or top in named
        or bool(raised and str(canonicalize_name(raised)) in installed_now)
    )


def asked_for(root: Path, module: str) -> set[str]:
    """Return the normalised names of what a project's own files require, and of what is known to bring a module."""
    from maestro.healing.strategies.metadata import requirements

    found = {str(canonicalize_name(stated.name)) for stated in requirements(SourceTree(root))}
    known = table("import_names")
    parts = module.split(".")
    lines = [row["requirement"] for row in known["instead"] if row["module"] == parts[0]]
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        lines += [rows[prefix] for rows in (known["submodules"], known["names"]) if prefix in rows]
    return found | {str(canonicalize_name(Requirement(line).name)) for line in lines}


def installed(changed: Sequence[Change]) -> list[Requirement] | None:
    """Return the requirements that a change adds; None where it does anything else, be it to one of those there are."""
    found: list[Requirement] = []
    for change in changed:
        if change.python or change.before is None or change.after is None or not is_configuration(change.path):
            return None
        added = _added(change)
        if added is None:
            return None
        found += added
    return found or None


def _added(change: Change) -> list[Requirement] | None:
    before, after = change.before or "", change.after or ""
    if change.path.endswith((".yaml", ".yml")):
        sides = [_environment(text) for text in (before, after)]
        if sides[0] is None or sides[1] is None or sides[0][1] != sides[1][1]:
            return None
        old, new = sides[0][0], sides[1][0]
    elif change.path.endswith((".txt", ".in")):
        old, new = before.splitlines(), after.splitlines()
    else:
        return None
    rest = list(new)
    for line in old:
        if line not in rest:
            return None
        rest.remove(line)
    known = {_name(line) for line in old}
    try:
        added = [Requirement(line) for line in rest if line.strip() and not line.startswith("#")]
    except InvalidRequirement:
        return None
    return None if any(str(canonicalize_name(line.name)) in known for line in added) else added


def _name(line: str) -> str:
    try:
        return str(canonicalize_name(Requirement(line).name))
    except InvalidRequirement:
        return line


def _environment(text: str) -> tuple[list[str], dict[str, Any]] | None:
    """Return what a maestro.yaml installs, and everything else of it."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    environment = data.get("environment") if isinstance(data, dict) else None
    if not isinstance(environment, dict) or not isinstance(environment.get("install") or [], list):
        return None
    lines = [str(line) for line in environment.get("install") or []]
    return lines, {**data, "environment": {k: v for k, v in environment.items() if k != "install"}}
