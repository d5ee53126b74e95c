"""Whose fault a failure is: the product's behaviour, or what surrounds it.

A regression is never repaired: nothing is edited to agree with it, it is reported with the functions and the change
that are suspected. So ``regression=True`` needs evidence, and a failure without evidence either way still gets
only the strategies that its facts speak for.
"""

import ast
import dataclasses
import re
from collections.abc import Mapping, Sequence

from maestro.healing import _hashing, _names, _rights, swaps
from maestro.healing._checkers import unloadable
from maestro.healing._mixins import lone_mixin
from maestro.healing._own import asks_for_missing, calls_library, computes, deleted, lost, of_tests, own, owns, top
from maestro.healing._programs import misses_own_program
from maestro.healing._roles import is_test_file
from maestro.healing._surroundings import lacking, misses_path, needs_network
from maestro.healing._suspects import covered_product, product_frames, suspects, touched
from maestro.healing._trees import parse
from maestro.healing.base import Project
from maestro.healing.grouping import is_assertion, without_parameters
from maestro.healing.known_forms.endings import SAID
from maestro.healing.known_forms.plain_logging import logged_instead
from maestro.healing.known_forms.plain_warnings import warned_instead
from maestro.healing.known_forms.unimported import unimported
from maestro.healing.leaks import blame
from maestro.healing.sourcetree import SourceTree
from maestro.model import CaseResult, Facts, Failure, Phase, Strategy

_ENVIRONMENT_ERRORS = frozenset(
    [
        "OSError",
        "FileNotFoundError",
        "PermissionError",
        "NotADirectoryError",
        "IsADirectoryError",
        "FileExistsError",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "gaierror",
        "UnicodeDecodeError",
        "UnicodeEncodeError",
        "CommandNotFound",
        "ModuleNotFoundError",
        "ImportError",
        "PackageNotFoundError",
        "DistributionNotFound",
        "VersionConflict",
    ]
)
_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})
_TIME_WORDS = re.compile(
    r"\b(sleep|timeout|perf_counter|monotonic|wait_for|time\.time|Timer|deadline)\w*\s*\(|timeout|"
    r"\.(wait|join)\(0?\.\d",
    re.IGNORECASE,
)
_TIME_ERRORS = re.compile(r"Time(d)?_?out", re.IGNORECASE)
_CHILD_IMPORT = re.compile(r"ModuleNotFoundError: No module named ['\"]([A-Za-z_]\w*)")
# Words of a TypeError about how something was called, and of errors that came with a newer Python.
_CALLED_WRONGLY = re.compile(
    r"\btakes\b|positional|unexpected keyword|keyword argument|invalid keyword|abstract class|"
    r"expected (at (most|least) |exactly )?\d+ argument"
)
_NEWER_PYTHON = re.compile(r"invalid mode: '\w*U|no current event loop|exceptions must derive from BaseException")
# What str() gives of pytest's record of an error since pytest 5: the comparison never saw the product's message.
_EXCEPTION_INFO = re.compile(r"<ExceptionInfo \w+")
# pytest's own words where a test is written for an older pytest: raised as failed assertions are, though none is.
_REFUSED_BY_PYTEST = re.compile(
    r"^(Failed: )?(Fixture [\"']\w+[\"'] called directly|Direct construction of \S+ has been)"
)
_WARNINGS = frozenset({"DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"})
_MISSING = frozenset({"ImportError", "ModuleNotFoundError", "PackageNotFoundError", "DistributionNotFound"})
_RAISES = re.compile(r"^raise\b")
_CLAIM = ". It is a regression of the product: "
# Generators whose success contradicts a regression: the same source and the same tests pass in another environment.
CONTRADICTING = frozenset({"dated_environment", "project_installed", "stated_environment", "stated_variable"})
_ENVIRONMENTAL = frozenset({Strategy.DEPENDENCY_FIX, Strategy.ENVIRONMENT_HEALING})
_EDITING = frozenset({Strategy.API_CONTRACT_ADAPTATION, Strategy.SYNTAX_REPAIR})
_UNSTEADY = frozenset({"order", "timing", "random", "listing", "hashing", "leftover", "clock", "brittle"})
_LISTS = re.compile(r"\b(os\.)?(listdir|scandir|iterdir|i?glob|rglob)\(")
_SEQUENCES = frozenset({"list", "tuple", "builtins.list", "builtins.tuple"})
_WAITING = frozenset({Strategy.TIMING_ADJUSTMENT, Strategy.FLAKY_STABILIZATION})


def diagnose(
    failure: Failure,
    project: Project,
    changes: Sequence[Mapping[str, object]] = (),
    results: Sequence[CaseResult] = (),
) -> Failure:
    """Decide whether a failure is a regression, and name suspects.

    ``changes`` are recent version-control changes, newest first: ``{"commit", "subject", "date", "files"}``.
    ``results`` are those of the suite: what passing tests enter is suspected less.
    Returns the failure with ``regression``, ``suspects`` and, for a regression, ``cause`` set. Reads files below
    ``project.root``, runs nothing.
    """
    if "source" in failure.diagnosis.get("swapped", ()):
        why: str | None = "its tests pass with the product's source of the last green run"
    else:  # with provenance, a dependency gave another value, and the product only handed it on
        why = None if swaps.provenance(failure) else _evidence(failure, project, changes)
    if why is None:
        lacks = _rights.SAID if _powerless(failure, project) else lacking(failure.facts)
        lacks = lacks or unloadable(failure.facts, project.facts.distributions) or lone_mixin(failure.facts, project)
        cause = f"{failure.cause}. {lacks}" if lacks and lacks not in failure.cause else failure.cause
        kept = blame.in_doubt(failure, project)
        told = {**failure.diagnosis, "kept": kept} if kept else failure.diagnosis
        return dataclasses.replace(failure, cause=cause, regression=False, suspects=(), diagnosis=told)
    suspected = tuple(suspects(failure, changes, results))
    named = f"; suspected first: {suspected[0]['function']} in {suspected[0]['file']}" if suspected else ""
    cause = f"{failure.cause}{_CLAIM}{why}{named}"
    return dataclasses.replace(failure, regression=True, suspects=suspected, cause=cause)


def acquitted(failure: Failure) -> Failure:
    """Take the claim of a regression back: a proven repair showed that the same source and the same tests pass."""
    cause = f"{failure.cause.partition(_CLAIM)[0]}. It is no regression: the same source passes in another environment"
    return dataclasses.replace(failure, regression=False, suspects=(), cause=cause)


def healable(failure: Failure, project: Project | None = None) -> frozenset[Strategy]:
    """Return the strategies that may run on a diagnosed failure; none where only another machine or user could tell.

    On a regression only the generators in ``CONTRADICTING`` run, as the experiment that may show it to be none.

    An assertion is edited only where experiments showed that a dependency changed its value on purpose
    (:func:`maestro.healing.swaps.provenance`). Else what may be tried on it is another environment, and, where
    ``project`` shows that the test waits for time to pass, a longer wait.
    """
    facts = failure.facts
    lacks = needs_network(facts) or bool(misses_path(facts))
    hopeless = lacks or (project is not None and _powerless(failure, project))
    if failure.regression or hopeless:
        # Where every environment of another time was tried already, the one that the project states was not.
        tried = {Strategy.DEPENDENCY_FIX} if failure.diagnosis.get("swapped") == [] else set()
        return frozenset() if hopeless else _ENVIRONMENTAL - tried
    expects = {Strategy.ASSERTION_UPDATE} if swaps.provenance(failure) else set()
    if expects or facts.attributes.get("unbuildable"):
        return frozenset({Strategy.DEPENDENCY_FIX} | expects)
    if failure.flaky or _unsteady(failure) or _time_bound(failure, project):
        return _WAITING if _unsteady(failure) or not failure.flaky else frozenset()
    tool = facts.phase in (Phase.COLLECT, Phase.SESSION) or _of_the_tool(facts)
    if is_assertion(facts) and not tool:  # else it is the tool that says no
        return _ENVIRONMENTAL
    if _short(facts.exception) in _SYNTAX:
        return frozenset({Strategy.SYNTAX_REPAIR, Strategy.DEPENDENCY_FIX, Strategy.API_CONTRACT_ADAPTATION})
    return _ENVIRONMENTAL | _EDITING | {Strategy.FLAKY_STABILIZATION}


def _powerless(failure: Failure, project: Project) -> bool:
    """Whether root ran tests that expect to be refused something, so that they tell nothing of the product."""
    if not _rights.ran_as_root(failure.facts):
        return False
    return _rights.needs_a_refusal(node for _, node in _test_source(failure, project))


def _misses_project(facts: Facts, project: Project) -> bool:
    """Whether a process that the test started could not import the project itself, or a shell find its program."""
    if any(owns(project, name) for name in _CHILD_IMPORT.findall(facts.message)):
        return True
    return bool(misses_own_program(facts, SourceTree(project.root, project.test_paths)))


def _unsteady(failure: Failure) -> bool:
    """Whether experiments showed that the failure comes and goes, and how to make it come."""
    return failure.diagnosis.get("verdict") in _UNSTEADY and bool(failure.diagnosis.get("stress"))


def timed(failure: Failure, project: Project) -> bool:
    """Whether a failure may have to do with time: it ran out of it, or a failing test waits for it to pass."""
    if _TIME_ERRORS.search(_short(failure.facts.exception)) or failure.facts.message.startswith("Timeout >"):
        return True
    return any(_TIME_WORDS.search(ast.unparse(node)) for _, node in _test_source(failure, project))


def shares_state(failure: Failure, project: Project) -> bool:
    """Whether a failed assertion's test uses a mutable object that other tests of its module use as well.

    That is a list, dict, set or other made object of the module, or a fixture made once for several tests.
    """
    if not is_assertion(failure.facts):
        return False
    for module, test in _test_source(failure, project):
        shared = {
            target.id
            for node in module.body
            if isinstance(node, ast.Assign) and isinstance(node.value, (ast.List, ast.Dict, ast.Set, ast.Call))
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        shared |= {
            node.name
            for node in module.body
            if isinstance(node, ast.FunctionDef) and any("scope=" in ast.unparse(d) for d in node.decorator_list)
        }
        used = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)} | {
            n.arg for n in ast.walk(test) if isinstance(n, ast.arg)
        }
        if shared & used:
            return True
    return False


def lists_folders(failure: Failure, project: Project) -> bool:
    """Whether a failed comparison of two sequences may be owed to the order in which a folder was listed."""
    facts = failure.facts
    kinds = {str(facts.assertion.get(key)) for key in ("left_type", "right_type")}
    if not is_assertion(facts) or facts.assertion.get("op") != "==" or not kinds <= _SEQUENCES:
        return False
    root = project.root.resolve()
    paths = [(root / file).resolve() for file in facts.covered]
    return any(
        path.is_relative_to(root) and path.is_file() and _LISTS.search(path.read_text("utf-8", "replace"))
        for path in paths
    )


def _short(exception: str) -> str:
    return exception.rsplit(".", 1)[-1]


def _evidence(failure: Failure, project: Project, changes: Sequence[Mapping[str, object]]) -> str | None:
    """Return why a failure is a regression, or ``None`` where that is not shown."""
    facts = failure.facts
    if failure.flaky or _unsteady(failure):
        return _hashing.blamed(failure, project) or blame.blamed(failure, project)
    gone = _lost_name(facts, project) or _deleted_module(facts, project, changes)
    if gone is not None:
        return gone
    if facts.phase not in (Phase.CALL, Phase.SETUP, Phase.TEARDOWN) or needs_network(facts):
        return None
    if _time_bound(failure, project) or _misses_project(facts, project) or _powerless(failure, project):
        return None
    if is_assertion(facts):
        return None if _of_the_tool(facts) else _asserted(facts, project, failure, changes)
    return _raised(facts, project)


def _of_the_tool(facts: Facts) -> bool:
    """Whether pytest itself says no to how a test is written, or keeps what it expects to itself."""
    said = _EXCEPTION_INFO.search(facts.message) or _REFUSED_BY_PYTEST.match(facts.message)
    return bool(said) or logged_instead(facts) or warned_instead(facts)


def _asserted(facts: Facts, project: Project, failure: Failure, changes: Sequence[Mapping[str, object]]) -> str | None:
    covered = covered_product(facts)
    frames = product_frames(facts)
    kinds = [str(facts.assertion.get(key, "")) for key in ("left_type", "right_type")]
    outside = [kind for kind in kinds if top(kind) in project.facts.modules and not owns(project, top(kind))]
    changed = [change for change in changes if touched(change) & {file for file, _ in covered}]
    if outside and not changed:
        return None
    if covered or frames:
        return "the test still runs, and product code computed a value that it does not accept"
    if facts.phase is Phase.CALL and _imports_product(failure, project):
        return "the test still runs, and a value that it got from the product is not the one that it expects"
    return None


def _lost_name(facts: Facts, project: Project) -> str | None:
    """Whether a module of the product lacks a name that its source does not bind: in any environment, then."""
    kind, attributes = _short(facts.exception), facts.attributes
    name = str(attributes.get("name") or "")
    if kind == "ImportError":
        module, brought = str(attributes.get("module") or ""), attributes.get("module_distribution")
    elif kind == "AttributeError" and attributes.get("owner_kind") == "module":
        module, brought = str(attributes.get("owner") or ""), attributes.get("owner_distribution")
    else:
        return None
    if not name or "partially initialized" in facts.message or not own(project, module, str(brought or "")):
        return None
    return f"`{module}` of the product has no `{name}`" if lost(project, module, name) else None


def _deleted_module(facts: Facts, project: Project, changes: Sequence[Mapping[str, object]]) -> str | None:
    """Whether a module that cannot be imported is one that a recent change took out of the project itself."""
    module = str(facts.attributes.get("module") or facts.attributes.get("name") or "")
    if _short(facts.exception) != "ModuleNotFoundError" or not re.fullmatch(r"\w+(\.\w+)*", module):
        return None
    commit = deleted(project, module, changes)
    return f"its own module `{module}` was taken out of it by {commit}" if commit else None


def _raised(facts: Facts, project: Project) -> str | None:  # noqa: PLR0911 - one per rule
    kind = _short(facts.exception)
    last = facts.frames[-1] if facts.frames else None
    if kind in _ENVIRONMENT_ERRORS | _SYNTAX | _WARNINGS or facts.attributes.keys() & {"fixture", "hook"}:
        return None
    if _came_with_python(facts) or any(_short(c.get("exception", "")) in _MISSING for c in facts.causes):
        return None
    if kind == "AttributeError":
        return _missing_attribute(facts, project)
    if kind == "NameError":
        name = re.search(r"name ['\"](\w+)['\"]", facts.message)
        if name is None or name.group(1) in _names.PYTHON2_BUILTINS | {"file", "unicode"}:
            return None
    callee = facts.attributes.get("callee")
    if kind == "TypeError" and isinstance(callee, str):
        if own(project, callee, str(facts.attributes.get("callee_distribution") or "")):
            inside = last is not None and last.in_project
            return f"`{callee}` of the product no longer takes these arguments" if inside else None
        if not _names.builtin(callee) or _CALLED_WRONGLY.search(facts.message):
            return None
    if kind == "TypeError" and "NoneType" in facts.message and last is not None and is_test_file(last.file):
        return _nothing_returned(facts, project)
    return _raised_inside(facts, project)


def _came_with_python(facts: Facts) -> bool:
    """Whether an error is one that a newer Python raises for what an older one took."""
    if SAID in facts.message:  # a generator's own statement, not an iterator that ran out
        return "raise StopIteration" in facts.text
    return bool(_NEWER_PYTHON.search(facts.message))


def _raised_inside(facts: Facts, project: Project) -> str | None:
    """Whether the error came up in the product's own code, not in what it calls."""
    last = facts.frames[-1] if facts.frames else None
    if last is None or not last.in_project or of_tests(project, last.file):
        return None
    if asks_for_missing(project, facts.message):
        return None
    foreign = top(facts.exception) in project.facts.modules and not owns(project, top(facts.exception))
    if last.code and not _RAISES.match(last.code) and (foreign or calls_library(project, last.file, last.line)):
        return None  # an error that this line does not raise, of a library that it calls: of its compiled code
    return f"product code raised {facts.exception} in {last.function} ({last.file}:{last.line})"


def _nothing_returned(facts: Facts, project: Project) -> str | None:
    """Whether the product returned nothing where its caller, itself or the test, takes something of the value."""
    last = facts.frames[-1] if facts.frames else None
    if last is None or not last.in_project or not (covered_product(facts) or product_frames(facts)):
        return None
    if not computes(project, last.file, last.line):
        return None
    return f"a function of the product returned None, and {last.function} ({last.file}:{last.line}) needs a value"


def _missing_attribute(facts: Facts, project: Project) -> str | None:
    """A name that the product itself lost is a regression; one that a dependency or Python lost is not."""
    attributes = facts.attributes
    owner, name = str(attributes.get("owner") or ""), str(attributes.get("name") or "")
    last = facts.frames[-1] if facts.frames else None
    if last is None or not last.in_project or _names.asserts(name) or name in _names.GONE_ATTRIBUTES:
        return None
    if owner == "NoneType":
        return _nothing_returned(facts, project)
    if not owner or not own(project, owner, str(attributes.get("owner_distribution") or "")):
        return None
    if any("test" in part.lower() for part in owner.split(".")):
        return None
    if unimported(facts, SourceTree(project.root, project.test_paths)):
        return None
    return f"`{owner}` of the product has no `{name}`"


def _test_source(failure: Failure, project: Project) -> list[tuple[ast.Module, ast.AST]]:
    """Return the syntax trees of the failing tests, each with its module's."""
    found: list[tuple[ast.Module, ast.AST]] = []
    modules: dict[str, ast.Module | None] = {}
    root = project.root.resolve()
    for test in failure.tests:
        file, _, rest = without_parameters(test).partition("::")
        path = (root / file).resolve()
        if file not in modules:
            inside = path.is_relative_to(root) and path.is_file() and path.suffix == ".py"
            modules[file] = parse(path.read_text("utf-8", "replace")) if inside else None
        module = modules[file]
        name = rest.rsplit("::", 1)[-1]
        if module is not None:
            found += [
                (module, node)
                for node in ast.walk(module)
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
            ]
    return found


def _time_bound(failure: Failure, project: Project | None) -> bool:
    """Whether a failure depends on the clock: it ran out of time, or every failing test waits for time to pass."""
    facts = failure.facts
    if _TIME_ERRORS.search(_short(facts.exception)) or facts.message.startswith("Timeout >"):
        return True
    if project is None or not is_assertion(facts):
        return False
    sources = _test_source(failure, project)
    return bool(sources) and all(_TIME_WORDS.search(ast.unparse(node)) for _, node in sources)


def _imports_product(failure: Failure, project: Project) -> bool:
    for module, _ in _test_source(failure, project)[:1]:
        for node in ast.walk(module):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    return True
                names = [node.module or ""]
            if any(owns(project, top(name)) for name in names):
                return True
    return False
