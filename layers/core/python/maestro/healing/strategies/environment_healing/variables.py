"""What the tests expect of their surroundings: variables whose value the project states, encodings, git's identity."""

import re
from collections.abc import Iterable, Mapping

from maestro.config import edit
from maestro.healing.base import Project, Proposal
from maestro.healing.grouping import is_assertion
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies import environment
from maestro.healing.strategies.data import table
from maestro.healing.strategies.environment_healing import stated
from maestro.healing.strategies.evidence import Evidence
from maestro.model import Failure, Strategy

_NAMED = re.compile(r"(?i)environment variable[s]?:?\s+[`'\"]?([A-Z][A-Z0-9_]{2,})|([A-Z][A-Z0-9_]{2,}) (?:environment "
                    r"variable|env var)\w* (?:is |was |must be |not )")  # fmt: skip
_UPPER = re.compile(r"[A-Z][A-Z0-9_]{2,}")
_SAID = re.compile(r"\b(?i:set|setting|export|define|defining)\b[^\n=]{0,60}?\b([A-Z][A-Z0-9_]{3,})=([\w./:-]*\w)")
_IDENTITY = re.compile(r"Please tell me who you are|unable to auto-detect email address|empty ident name|"
                       r"Author identity unknown|Committer identity unknown")  # fmt: skip


class StatedVariable:
    """Sets a variable that the tests need, to the value that the project's own files give it."""

    name = "stated_variable"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per value that is stated of a missing variable; none where none is stated."""
        evidence = Evidence(failure, project)
        for name in missing_variables(evidence):
            if name in project.environment.variables:
                continue
            for value, where in dict.fromkeys(stated.values_of(evidence.tree, name)):
                yield Proposal(
                    _with_variables(project, evidence.tree, {name: value}),
                    f"set {name}={value}, which {where} states",
                    0.75,
                )


class StatedEnvironment:
    """Sets all variables that the project's own configuration of its tests sets, where a test fails without them.

    The same source and the same tests that pass then were run in another environment than their project means, which
    may also contradict a diagnosis of regression.
    """

    name = "stated_environment"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal; none where everything that is stated is set."""
        tree = SourceTree(project.root, project.test_paths)
        wanted = stated.for_tests(tree)
        known = project.environment.variables
        missing = {name: value for name, value in wanted.items() if known.get(name) != value}
        if missing and (failure.regression or is_assertion(failure.facts)):
            names = ", ".join(f"{name}={value}" for name, value in missing.items())
            summary = f"set {names}, as the project's own test configuration does"
            yield Proposal(_with_variables(project, tree, missing), summary[:300], 0.5)


class SaidVariable:
    """Sets what the error of a library asks to be set, in so many words."""

    name = "said_variable"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per assignment in the message; none where the project's own code is what says it."""
        evidence = Evidence(failure, project)
        frames = evidence.facts.frames
        if not frames or frames[-1].in_project:
            return
        for name, value in dict.fromkeys(_SAID.findall(evidence.facts.message or failure.message)):
            if stated.acceptable(name, value) and name not in project.environment.variables:
                edits = _with_variables(project, evidence.tree, {name: value})
                yield Proposal(edits, f"set {name}={value}, which the error asks for", 0.7)


class Conventional:
    """Sets variables that a usual machine has and a bare one lacks, by what their absence makes programs say."""

    name = "conventional_variable"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per entry of ``healing/data/variables.json`` whose words the failure has."""
        evidence = Evidence(failure, project)
        names = set(missing_variables(evidence))
        for entry in table("variables")["conventions"]:
            said = entry.get("says") and re.search(entry["says"], evidence.text)
            if not said and not names & set(entry.get("missing", ())):
                continue
            known = project.environment.variables
            wanted = {name: value for name, value in entry["set"].items() if name not in known}
            if wanted and len(wanted) == len(entry["set"]):
                edits = _with_variables(project, evidence.tree, wanted)
                yield Proposal(edits, f"set {', '.join(wanted)}: {entry['why']}", entry["prior"])


class Encoding:
    """Lets the tests run in UTF-8, where a text could not be read or written as ASCII."""

    name = "utf8"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield UTF-8 as the locale, then as Python's own mode."""
        evidence = Evidence(failure, project)
        if not evidence.is_exception("UnicodeDecodeError", "UnicodeEncodeError"):
            return
        if not re.search(r"['\"](ascii|latin-1|charmap)['\"] codec", evidence.text):
            return
        stated = project.environment.variables
        if stated.get("LC_ALL", "C.UTF-8").lower().replace("-", "") not in ("c.utf8", "en_us.utf8"):
            edits = _with_variables(project, evidence.tree, {"LC_ALL": "C.UTF-8"})
            yield Proposal(edits, "run in a UTF-8 locale: a text is not ASCII", 0.7)
        if stated.get("PYTHONUTF8") != "1":
            edits = _with_variables(project, evidence.tree, {"PYTHONUTF8": "1"})
            yield Proposal(edits, "run Python in UTF-8 mode: a text is not ASCII", 0.65)


class GitIdentity:
    """Gives git an author, where the tests commit and nobody is configured."""

    name = "git_identity"
    strategy = Strategy.ENVIRONMENT_HEALING

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the four variables of git's author and committer."""
        evidence = Evidence(failure, project)
        if _IDENTITY.search(evidence.text):
            who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
                   for what, value in (("NAME", "Tests"), ("EMAIL", "tests@example.invalid"))}  # fmt: skip
            wanted = {name: value for name, value in who.items() if name not in project.environment.variables}
            if wanted:
                yield Proposal(
                    _with_variables(project, evidence.tree, wanted), "tell git who commits in the tests", 0.85
                )


def missing_variables(evidence: Evidence) -> list[str]:
    """Names of environment variables that were asked for and are not set."""
    found: dict[str, None] = {}
    key = evidence.attribute("key").strip("'\"")
    frames = evidence.facts.frames
    if evidence.facts.exception == "KeyError":
        key = key or evidence.facts.message.strip("'\"")
        from_environ = bool(frames) and (
            frames[-1].file.endswith("os.py")
            or any("environ" in f.code for f in frames[-2:])
            or "environ" in evidence.facts.text[-2000:]
        )
        if from_environ and _UPPER.fullmatch(key):
            found[key] = None
    for first, second in _NAMED.findall(evidence.text):
        found[first or second] = None
    return list(found)[:3]


def _with_variables(project: Project, tree: SourceTree, values: Mapping[str, str]) -> dict[str, str]:
    def change(text: str) -> str:
        for name, value in values.items():
            text = edit.set_variable(text, name, value)
        return text

    return environment.change_configuration(project, tree, change)
