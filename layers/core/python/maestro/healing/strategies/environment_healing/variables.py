"""What the tests expect of their surroundings: variables whose value the project states, encodings, git's identity."""

import re
from collections.abc import Iterable, Iterator, Mapping

import yaml

from maestro.config import edit
from maestro.healing.base import Project, Proposal
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies import environment
from maestro.healing.strategies.evidence import Evidence
from maestro.model import Failure, Strategy

_NAMED = re.compile(r"(?i)environment variable[s]?:?\s+[`'\"]?([A-Z][A-Z0-9_]{2,})|([A-Z][A-Z0-9_]{2,}) (?:environment "
                    r"variable|env var)\w* (?:is |was |must be |not )")  # fmt: skip
_UPPER = re.compile(r"[A-Z][A-Z0-9_]{2,}")
_IDENTITY = re.compile(r"Please tell me who you are|unable to auto-detect email address|empty ident name|"
                       r"Author identity unknown|Committer identity unknown")  # fmt: skip
_TOX = re.compile(r"(?m)^[ \t]*([A-Z][A-Z0-9_]{2,})[ \t]*=[ \t]*(\S[^\n#]*?)[ \t]*$")
_DOTENV = (".env.example", ".env.sample", ".env.test", ".env.dist", "env.example")
_EXPORT = re.compile(r"(?m)^[ \t>$]*(?:export|set)[ \t]+([A-Z][A-Z0-9_]{2,})=([^\s`'\"]+)[ \t]*$")
_CI = re.compile(r"^(\.travis\.yml|\.gitlab-ci\.yml|\.(github/workflows|circleci)/[^/]+\.ya?ml)$")
_TOLD = re.compile(r"(?i)^(readme|contributing|makefile)[^/]*$")
_NEVER = re.compile(r"(?i)secret|token|password|passwd|api_?key|credential|\$\{|\{\{|\$\(")
_MAX_VALUE = 200


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
            for value, where in dict.fromkeys(_stated(evidence.tree, name)):
                yield Proposal(
                    _with_variables(project, evidence.tree, {name: value}),
                    f"set {name}={value}, which {where} states",
                    0.75,
                )


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


def _stated(tree: SourceTree, name: str) -> Iterator[tuple[str, str]]:
    """Yield (value, file) for each value that the project's own files give a variable; secrets never."""
    for value, where in _all_stated(tree, name):
        if value and len(value) <= _MAX_VALUE and "\n" not in value and not _NEVER.search(f"{name}={value}"):
            yield value, where


def _all_stated(tree: SourceTree, name: str) -> Iterator[tuple[str, str]]:
    """Yield (value, file): settings of tox and examples first, then CI, then what people are told to type."""
    found: list[tuple[str, str]] = []
    for path in ("tox.ini", "setup.cfg", "pytest.ini", *_DOTENV):
        found += [(value.strip("'\""), path) for key, value in _TOX.findall(tree.text(path) or "") if key == name]
    for path in filter(_CI.match, tree.files):
        found += [(value, path) for value in _in_yaml(tree.text(path) or "", name)]
    for path in filter(_TOLD.match, tree.files):
        found += [(value, path) for key, value in _EXPORT.findall(tree.text(path) or "") if key == name]
    yield from found


def _in_yaml(text: str, name: str) -> Iterator[str]:
    try:
        todo: list[object] = [yaml.safe_load(text)]
    except (yaml.YAMLError, RecursionError):
        return
    for _ in range(10_000):
        if not todo:
            return
        node = todo.pop()
        if isinstance(node, dict):
            if isinstance(node.get(name), (str, int, float)) and not isinstance(node.get(name), bool):
                yield str(node[name])
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, str):
            yield from (value for found, value in _TOX.findall(node) if found == name)


def _with_variables(project: Project, tree: SourceTree, values: Mapping[str, str]) -> dict[str, str]:
    def change(text: str) -> str:
        for name, value in values.items():
            text = edit.set_variable(text, name, value)
        return text

    return environment.change_configuration(project, tree, change)
