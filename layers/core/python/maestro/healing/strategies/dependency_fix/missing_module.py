"""A module that nothing installed brings -> the distribution that does, with what else the project asks for."""

import re
from collections.abc import Iterable, Iterator, Sequence

from packaging.requirements import Requirement

from maestro.healing._catalogued import modules_of
from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.errors import LeftAloneError
from maestro.healing.strategies import environment
from maestro.healing.strategies.dependency_fix.naming import Found, find
from maestro.healing.strategies.dependency_fix.needs import needed
from maestro.healing.strategies.dependency_fix.possible import choices
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import imported_modules
from maestro.healing.strategies.names import canonical, is_stdlib
from maestro.model import Failure, Strategy

# "You must have lxml installed", "pip install foo", "please install foo", "foo is required", "missing dependency 'foo'"
_NAMED = (
    re.compile(r"[Yy]ou (?:must|need to|should) (?:have |install )['\"`]?([A-Za-z][\w.-]*)['\"`]?"),
    re.compile(r"pip3? install (?:-U |--upgrade )?['\"`]?([A-Za-z][\w.\[\]-]*)"),
    re.compile(r"[Pp]lease,? install (?:the )?['\"`]?([A-Za-z][\w.\[\]-]*)"),
    re.compile(r"['\"`]?([A-Za-z][\w.-]*)['\"`]? (?:must be|needs to be|should be|has to be|is not|isn't) installed"),
    re.compile(r"[Mm]issing (?:optional )?dependency:? ['\"`]([A-Za-z][\w.-]*)['\"`]"),
    re.compile(r"(?:requires|needs) the ['\"`]?([A-Za-z][\w.-]*)['\"`]? (?:package|library|module)"),
    re.compile(r"['\"`]?([A-Za-z][\w.-]*)['\"`]? (?:package|library|module) (?:is|was) (?:required|not found|needed)"),
)
_FILES = 100
_COMPANIONS = 10
_NOT_NAMES = frozenset(
    [
        "a",
        "an",
        "and",
        "be",
        "it",
        "is",
        "the",
        "this",
        "that",
        "to",
        "package",
        "packages",
        "library",
        "libraries",
        "module",
        "modules",
        "not",
        "python",
        "required",
        "optional",
        "all",
        "from",
    ]
)


class MissingModule:
    """Installs the distribution of a module that could not be imported."""

    name = "missing_module"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield a proposal per distribution that brings the module, then one with the file's other missing modules.

        Raises :class:`LeftAloneError` where the module is one that the project states as its own.
        """
        evidence = Evidence(failure, project)
        for module in evidence.missing_modules[:2]:
            found = list(find(evidence, module))
            for option in found:
                edits = environment.add(project, evidence.tree, [option.requirement])
                said = "" if option.declared else _undeclared(evidence, module)
                summary = f"install {option.requirement} for the module {module}: {option.why}{said}"
                yield Proposal(edits, summary, option.prior, unasked=not option.declared)
            if found:
                yield from self._together(evidence, module, found[0])
            elif stated := evidence.stated_own.get(module.partition(".")[0]):
                said = f"{stated} says that the module {module} is the project's own, but it is not in the tree"
                raise LeftAloneError(f"{said}: a distribution of that name would be somebody else's")

    def _together(self, evidence: Evidence, module: str, first: Found) -> Iterator[Proposal]:
        """Yield a proposal that brings what else is missing along with the module, which saves a round for each."""
        more = list(_companions(evidence, module))
        lines = _with(first.requirement, [*needed(evidence), *(option.requirement for option in more)])
        if len(lines) < 2:
            return
        wanted = canonical(Requirement(first.requirement).name)
        unasked = any(not option.declared for option in (first, *more))
        prior = first.prior * 0.9 if any(not option.declared for option in more) else min(first.prior + 0.02, 0.95)
        for rank, choice in enumerate(choices(evidence, lines)):
            if wanted not in choice.names or len(choice.names) < 2:
                continue
            what = f"install {', '.join(choice.lines)}: what the project's tests and sources use, and nothing brings"
            edits = environment.add(evidence.project, evidence.tree, choice.lines)
            yield Proposal(edits, what + choice.left, prior - 0.01 * rank, unasked=unasked)


def _with(first: str, others: Sequence[str]) -> list[str]:
    """Return a requirement and others, one for each distribution, in the order of their names.

    Each group that lacks one of a set proposes the same change, so that all of them come to one repair.
    """
    lines = {canonical(Requirement(line).name): line for line in (*reversed(others), first)}
    return [lines[name] for name in sorted(lines)]


def _undeclared(evidence: Evidence, module: str) -> str:
    """Say so where the product itself imports a module that nothing of the project asks for."""
    tree = evidence.tree
    product = [f for f in evidence.project_files if tree.role(f) is Role.PRODUCT]
    if any(module in imported_modules(tree.text(path) or "", guarded=False) for path in product):
        return "; the product imports it, so its own metadata should ask for it as well"
    return ""


class NamedRequirement:
    """Installs what an error message tells its reader to install."""

    name = "named_requirement"
    strategy = Strategy.DEPENDENCY_FIX

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield a proposal for each distribution that the failure's message asks for and the index has."""
        evidence = Evidence(failure, project)
        if failure.facts.assertion or evidence.missing_modules:
            return
        message = "\n".join(
            (failure.message, failure.facts.message, *(c.get("message", "") for c in failure.facts.causes))
        )
        asked = dict.fromkeys(name for pattern in _NAMED for name in pattern.findall(message))
        for name in list(asked)[:3]:
            bare = name.rstrip(".").partition("[")[0]
            if bare.lower() in _NOT_NAMES or is_stdlib(bare) or evidence.installed(bare):
                continue
            known = [option for module in modules_of(bare) for option in find(evidence, module)]
            for option in known or find(evidence, bare):
                edits = environment.add(project, evidence.tree, [option.requirement])
                yield Proposal(
                    edits, f"install {option.requirement}, which the error asks for: {option.why}", option.prior
                )


def _companions(evidence: Evidence, module: str) -> Iterator[Found]:
    """Further modules that test files cannot do without and the environment lacks (only where its modules are known).

    Those of the failing file come first; at most a handful, as each may have to be looked up.
    """
    top, installed = module.partition(".")[0], evidence.project.facts.modules
    if not installed:
        return
    tree = evidence.tree
    files = [*evidence.project_files[:2], *(t.split("::")[0] for t in evidence.failure.tests[:_FILES])]
    files += [f for f in tree.python_files if tree.role(f) in (Role.TEST, Role.FIXTURE)][:_FILES]
    seen = {top}
    for path in dict.fromkeys(files):
        for name in imported_modules(tree.text(path) or "", guarded=False):
            other = name.partition(".")[0]
            if other in seen or other in installed or is_stdlib(other) or tree.owns(other):
                continue
            seen.add(other)
            if len(seen) > _COMPANIONS:
                return
            yield from list(find(evidence, name))[:1]
