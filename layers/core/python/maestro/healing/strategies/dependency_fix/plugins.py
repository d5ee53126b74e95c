"""A fixture, option, marker or kind of test that no installed plugin provides -> the pytest plugin that does."""

import re
from collections.abc import Iterable, Iterator

from packaging.requirements import Requirement

from maestro.healing._checkers import refused
from maestro.healing.base import Project, Proposal
from maestro.healing.strategies import environment
from maestro.healing.strategies.data import table
from maestro.healing.strategies.dependency_fix.checkers import succeeded
from maestro.healing.strategies.dependency_fix.needs import needed
from maestro.healing.strategies.dependency_fix.possible import choices
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.names import canonical
from maestro.healing.strategies.resolve import resolved
from maestro.model import Failure, Strategy

_MARKER = re.compile(r"['\"](\w+)['\"] not found in `?markers`? configuration option|Unknown pytest\.mark\.(\w+)")
_ASYNC = re.compile(r"async def functions? (?:are|is) not natively supported|requested an async fixture")


class MissingPlugin:
    """Installs the pytest plugin that provides what a test asks for."""

    name = "missing_plugin"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield one proposal per plugin; those that the project's own files name come first."""
        evidence = Evidence(failure, project)
        known = evidence.declared
        wishes = sorted(asked(evidence), key=lambda pair: canonical(Requirement(pair[0][0]).name) not in known)
        for lines, why in wishes:
            wanted = [Requirement(line) for line in lines]
            if all(evidence.installed(w.name) and not w.specifier for w in wanted):
                continue
            bounded = [w for w in wanted if w.specifier]
            if bounded:
                changed = resolved(project, evidence.python, wanted)
                edits = environment.replace(project, evidence.tree, changed)
            else:
                edits = environment.add(project, evidence.tree, [w for w in lines if not evidence.installed(w)])
            more = [line for line in needed(evidence) if canonical(Requirement(line).name) not in _names(lines)]
            if more and not bounded:
                together = sorted([*lines, *more], key=lambda line: canonical(Requirement(line).name))
                prior = 0.87 if canonical(wanted[0].name) in known else 0.6
                for rank, choice in enumerate(choices(evidence, together)):
                    if not _names(lines) < choice.names:
                        continue
                    what = f"install {', '.join(choice.lines)}: what provides {why}, and what else the project"
                    words = f"{what} asks for and uses{choice.left}"
                    added = environment.add(project, evidence.tree, choice.lines)
                    yield Proposal(added, words, prior - 0.01 * rank)
            first = canonical(wanted[0].name)
            prior = 0.85 if first in known else 0.65
            workaround = any(evidence.installed(w.name) for w in bounded)
            yield Proposal(
                edits,
                f"install {', '.join(lines)}, which provides {why}",
                prior * (0.8 if workaround else 1),
                workaround,
            )


def _names(lines: Iterable[str]) -> set[str]:
    return {canonical(Requirement(line).name) for line in lines}


def asked(evidence: Evidence) -> Iterator[tuple[list[str], str]]:
    """Yield requirement lines of plugins that provide what the failure misses, and what that is."""
    data = table("pytest_plugins")
    fixture = evidence.missing_fixture
    if fixture and not _defined(evidence, fixture):
        for line in data["fixtures"].get(fixture, ()):
            yield [line], f"the fixture {fixture}"
    for name in evidence.missing_names:
        for line in data["attributes"].get(name.name, ()) if name.owner == "pytest" else ():
            yield [line], f"pytest.{name.name}"
    options = [o for o in refused(evidence.text) if o in data["options"] and succeeded(evidence, o) is None]
    if options:
        yield list(dict.fromkeys(data["options"][o] for o in options)), f"the option {', '.join(options)}"
    for pair in _MARKER.findall(evidence.text):
        for line in data["markers"].get(pair[0] or pair[1], ()):
            yield [line], f"the marker {pair[0] or pair[1]}"
    if _ASYNC.search(evidence.text):
        yield from _asynchronous(evidence)


def _asynchronous(evidence: Evidence) -> Iterator[tuple[list[str], str]]:
    source = "\n".join(evidence.tree.text(f) or "" for f in _files(evidence))
    for marker in ("asyncio", "trio", "anyio", "gen_test"):
        if f"mark.{marker}" in source:
            yield [table("pytest_plugins")["markers"][marker][0]], f"the marker {marker} of the asynchronous tests"


def _files(evidence: Evidence) -> list[str]:
    return list(dict.fromkeys(t.split("::")[0] for t in evidence.failure.tests))[:20]


def _defined(evidence: Evidence, fixture: str) -> bool:
    """Whether the project defines the fixture itself (then a conftest is out of reach, not a plugin missing)."""
    decorator = r"@(?:pytest\.|pytest_asyncio\.)?(?:yield_)?fixture\b[^\n]*\n(?:[ \t]*@[^\n]*\n)*"
    pattern = re.compile(rf"{decorator}[ \t]*(?:async[ \t]+)?def {re.escape(fixture)}\b")
    return any(pattern.search(source.text) for source in evidence.tree.sources(f"def {fixture}"))
