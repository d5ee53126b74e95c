"""Failures with one cause become one Failure, across tests, files and levels.

The key of a cause is built from facts, the structured ones first: the missing module, the missing name and its
owner, the file and line of a syntax error, the missing fixture, the hook's argument. An error raised inside a
dependency is keyed by the place where it was raised, any other by its exception, its message without what varies,
and the place in the project. A failed assertion is keyed by its own test: its facts do not say that two share a cause.
What the tests run may say so (:mod:`maestro.healing._joining`).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from maestro.healing._catalogued import lost_by
from maestro.healing._joining import joined
from maestro.healing._names import stdlib_gone
from maestro.healing._roles import is_test_file
from maestro.model import CaseResult, ErrorKind, Facts, Failure, Frame, Outcome, Phase, Severity

_PHASES = {Phase.SESSION: 0, Phase.PROCESS: 1, Phase.COLLECT: 2, Phase.SETUP: 3, Phase.CALL: 4, Phase.TEARDOWN: 5}
_SYNTAX = frozenset({"SyntaxError", "IndentationError", "TabError"})
_IMPORT = frozenset({"ImportError", "ModuleNotFoundError"})
_UNITTEST_NAME = re.compile(r"^(assert[A-Z_]\w*|assert_|fail(If|Unless)\w*)$")
_FROM_TEXT = (
    ("module", re.compile(r"No module named ['\"]([\w.]+)['\"]"), "ModuleNotFoundError"),
    (
        "name,module",
        re.compile(r"cannot import name ['\"](\w+)['\"] from (?:partially initialized module )?['\"]([\w.]+)['\"]"),
        "ImportError",
    ),
    ("name", re.compile(r"cannot import name ['\"](\w+)['\"]"), "ImportError"),
    ("owner,name", re.compile(r"module ['\"]([\w.]+)['\"] has no attribute ['\"](\w+)['\"]"), "AttributeError"),
    ("owner,name", re.compile(r"type object ['\"]([\w.]+)['\"] has no attribute ['\"](\w+)['\"]"), "AttributeError"),
    ("owner,name", re.compile(r"['\"]([\w.]+)['\"] object has no attribute ['\"](\w+)['\"]"), "AttributeError"),
    ("file,line", re.compile(r"File ['\"]([^'\"]+)['\"], line (\d+)"), "SyntaxError"),
    ("fixture", re.compile(r"fixture ['\"](\w+)['\"] not found"), ""),
    ("options", re.compile(r"unrecognized arguments: ([^\n]+)"), "UsageError"),
    ("hook,argument", re.compile(r"for hook ['\"](\w+)['\"][\s\S]*?Argument\(s\) \{['\"](\w+)['\"]"), ""),
)
_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]+"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"(?:/[\w.@+~-]+){2,}/?|\b[A-Za-z]:\\[\w\\.-]+"), "PATH"),
    (re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""), "VALUE"),
    (re.compile(r"\b\d+(?:\.\d+)?\b"), "N"),
    (re.compile(r"\s+"), " "),
)
_MESSAGE_LIMIT = 300
_PYTHON_FILES = (".py", ".pyi", ".pyw", ".pyx")


@dataclass(frozen=True, slots=True)
class _Cause:
    key: str
    words: str


def normalise(message: str) -> str:
    """Return a message without what varies from run to run: addresses, ids, paths, quoted values, numbers."""
    for pattern, word in _VARYING:
        message = pattern.sub(word, message)
    return message.strip()[:_MESSAGE_LIMIT]


def facts_of(result: CaseResult) -> Facts:
    """Return a result's facts, with attributes that only its message states read out of it.

    Structured attributes always win; the message is read only for those that are absent.
    """
    facts = result.facts or Facts(Phase.CALL, _exception_in(result.message), result.message)
    attributes = dict(facts.attributes)
    text = facts.message or result.message
    exception = facts.exception
    for names, pattern, implied in _FROM_TEXT:
        wanted = names.split(",")
        if any(name in attributes for name in wanted) or (
            implied and _short(exception) not in ("", implied, *_relatives(implied))
        ):
            continue
        found = pattern.search(text)
        if found is not None:
            attributes.update(zip(wanted, found.groups(), strict=True))
            exception = exception or implied
    return Facts(
        facts.phase, exception, text, facts.bases, attributes, facts.assertion, facts.frames, facts.causes,
        facts.versions, facts.warnings, facts.covered, facts.text,
    )  # fmt: skip


def _relatives(exception: str) -> frozenset[str]:
    return _SYNTAX if exception == "SyntaxError" else frozenset()


def _exception_in(message: str) -> str:
    found = re.match(r"(?:E\s+)?([A-Za-z_][\w.]*(?:Error|Exception|Failure|Warning|Exit|Failed))\b", message.strip())
    if found is not None:
        return found.group(1)
    return "AssertionError" if message.strip().startswith("assert ") else ""


def _short(exception: str) -> str:
    return exception.rsplit(".", 1)[-1]


def is_assertion(facts: Facts) -> bool:
    """Whether the test itself said no: a failed assertion, or an expected error that did not come."""
    names = {_short(facts.exception), *(_short(base) for base in facts.bases)}
    return "AssertionError" in names or facts.exception in (
        "Failed",
        "_pytest.outcomes.Failed",
        "pytest.fail.Exception",
    )


def signature(result: CaseResult) -> str:
    """Return the key of a result's cause, the same from run to run."""
    return _cause(result).key


def _cause(result: CaseResult) -> _Cause:
    facts = facts_of(result)
    return _structured(facts) or _placed(result, facts)


def _structured(facts: Facts) -> _Cause | None:  # noqa: C901, PLR0911 - one line per kind of cause
    get = {k: str(v) for k, v in facts.attributes.items() if isinstance(v, (str, int)) and str(v)}
    kind, where = _short(facts.exception), _where(facts)
    name, module, owner = get.get("name", ""), get.get("module", ""), get.get("owner", "")
    if kind in _SYNTAX and get.get("file"):
        return _unparsable(facts, get["file"], get.get("line", "?"))
    if kind == "ModuleNotFoundError" and module:
        return _Cause(f"module:{module}", f"{_absent(facts, module)}{where}")
    if kind == "ImportError" and name and module:
        version = _version(facts, module)
        lacks = "no longer has" if version or stdlib_gone(f"{module}.{name}") else "has no"
        return _Cause(f"import:{module}.{name}", f"`{module}`{version} {lacks} `{name}`{where}")
    if "fixture" in get:
        return _Cause(f"fixture:{get['fixture']}", f"nothing provides the fixture `{get['fixture']}`")
    if "options" in get:
        return _Cause(f"options:{get['options']}", f"the test tool does not know the options {get['options']}")
    if refused := facts.attributes.get("unbuildable"):
        said = ", ".join(f"`{line}`" for line in refused)
        return _Cause(f"unbuildable:{said}", f"the environment cannot be built with {said}")
    if "hook" in get:
        argument, hook = get.get("argument", ""), get["hook"]
        lacks = f"the hook `{hook}` has no argument `{argument}` any more"
        said = lacks if argument else f"an implementation of the hook `{hook}` is refused"
        return _Cause(f"hook:{hook}:{argument}", said)
    frame = innermost_in_project(facts)
    if kind == "NameError" and name and frame is not None:
        return _Cause(f"name:{frame.file}:{name}", f"`{name}` is not defined{where}")
    if kind == "AttributeError" and name:
        if _UNITTEST_NAME.match(name) and get.get("owner_kind") != "module":
            return _Cause(f"attribute:unittest.TestCase.{name}", f"`unittest.TestCase` no longer has `{name}`")
        version = _version(facts, owner)
        return _Cause(
            f"attribute:{owner}.{name}", f"`{owner or 'an object'}`{version} has no attribute `{name}`{where}"
        )
    return None


def _unparsable(facts: Facts, file: str, line: str) -> _Cause:
    """A file's own slip; or source that the product generates, where who made it and what is wrong say more."""
    place = f"{_VARYING[0][0].sub('ADDRESS', file)}:{line}"
    said = f"{place} cannot be parsed: {_first_line(facts.message)}"
    maker = next((f for f in reversed(facts.frames) if f.in_project and not is_test_file(f.file)), None)
    if file.endswith(_PYTHON_FILES) or maker is None:
        return _Cause(f"syntax:{place}", said)
    reason = normalise(str(facts.attributes.get("reason") or facts.message.partition(" (")[0]))
    return _Cause(f"syntax:generated by {maker.file}:{maker.function}:{reason}", said)


def _absent(facts: Facts, module: str) -> str:
    """Say which module is missing: of an installed distribution, that its version does not have it (any more)."""
    top, _, below = module.partition(".")
    owner = lost_by(module)
    lost = _version(facts, owner) if owner else ""
    version = lost or _version(facts, module)
    if not below or not version:
        return f"no module named `{module}` is installed"
    return f"`{top}`{version} has no module `{below}`{' any more' if lost else ''}"


def _version(facts: Facts, owner: str) -> str:
    top = owner.split(".", maxsplit=1)[0]
    wanted = str(facts.attributes.get("owner_distribution") or top).lower().replace("_", "-")
    found = next((v for k, v in facts.versions.items() if k.lower().replace("_", "-") == wanted), "")
    return f" {found}" if found else ""


def _where(facts: Facts) -> str:
    frame = innermost_in_project(facts)
    if frame is None:
        return ""
    verb = "imports" if _short(facts.exception) in _IMPORT else "uses"
    return f", which {frame.file}:{frame.line} {verb}"


def innermost_in_project(facts: Facts) -> Frame | None:
    """Return the last frame of the traceback that is the project's own."""
    return next((frame for frame in reversed(facts.frames) if frame.in_project), None)


def _placed(result: CaseResult, facts: Facts) -> _Cause:
    """Key a cause by its place and message, where no attribute names it."""
    first = _first_line(facts.message) or result.message or facts.exception or "no message"
    if is_assertion(facts) and facts.phase not in (Phase.COLLECT, Phase.SESSION):
        return _Cause(f"assertion:{without_parameters(result.id)}", f"{without_parameters(result.id)} failed: {first}")
    own = innermost_in_project(facts)
    last = facts.frames[-1] if facts.frames else None
    if facts.phase is Phase.PROCESS:
        place, shown = "process", "its process"
    elif last is not None and not last.in_project:
        inside = last.distribution or "the standard library"
        place = f"{last.distribution or 'stdlib'}/{last.file.rsplit('/', 1)[-1]}:{last.function}"
        shown = f"{inside} ({last.function})"
    elif own is not None:
        line = f":{own.line}" if facts.phase in (Phase.COLLECT, Phase.SESSION) else ""
        place, shown = f"{own.file}:{own.function}{line}", f"{own.file}:{own.line} ({own.function})"
    else:
        place, shown = result.file or without_parameters(result.id), result.file or result.id
    return _Cause(
        f"error:{facts.exception}:{place}:{normalise(facts.message or result.message)}",
        f"{facts.exception or 'an error'} in {shown}: {first}",
    )


def _first_line(message: str) -> str:
    return next((line.strip()[:200] for line in message.splitlines() if line.strip()), "")


def without_parameters(test_id: str) -> str:
    """Return a test's id without its parameters."""
    head, bracket, _ = test_id.partition("[")
    return head if bracket and "::" in head else test_id


def _kind(facts: Facts) -> ErrorKind:
    """Say what went wrong, by these rules, the first that holds.

    A missing module, fixture, option or hook argument: dependency. A missing name of a module: import. A syntax error:
    build. A failed assertion: test failure. Anything else: runtime.
    """
    kind = _short(facts.exception)
    if kind == "ModuleNotFoundError" or facts.attributes.keys() & {"fixture", "hook", "options", "unbuildable"}:
        return ErrorKind.DEPENDENCY_ERROR
    if kind == "ImportError":
        return ErrorKind.IMPORT_ERROR
    if kind in _SYNTAX:
        return ErrorKind.BUILD_ERROR
    return ErrorKind.TEST_FAILURE if is_assertion(facts) else ErrorKind.RUNTIME_ERROR


def _severity(facts: Facts, tests: int, all_results: int) -> Severity:
    """Session or process: critical. Collection, or a fifth of all results: high. Several tests: medium. One: low."""
    if facts.phase in (Phase.SESSION, Phase.PROCESS):
        return Severity.CRITICAL
    if facts.phase is Phase.COLLECT or tests * 5 >= max(all_results, 5) > 1:
        return Severity.HIGH
    return Severity.MEDIUM if tests > 1 else Severity.LOW


def group_flaky(results: Iterable[CaseResult], suite: str) -> list[Failure]:
    """Group the flaky results by file: what makes the tests of a file flaky is mostly what they share.

    The ids say which tests of the file are flaky, so that those left by a repair are another group.
    """
    files: dict[str, list[CaseResult]] = {}
    for result in results:
        if result.outcome is Outcome.FLAKY and "::" in result.id:
            files.setdefault(result.file or result.id.partition("::")[0], []).append(result)
    found = []
    for file, members in sorted(files.items()):
        tests = tuple(dict.fromkeys(member.id for member in members))
        facts = facts_of(members[0])
        first = _first_line(facts.message) or members[0].message or "it failed"
        key = f"flaky:{file}:{','.join(sorted({without_parameters(t) for t in tests}))}"
        more = f" (and {len(tests) - 1} more of {file})" if len(tests) > 1 else ""
        found.append(
            Failure(
                id=hashlib.sha256(f"{suite}\0{key}".encode()).hexdigest()[:12],
                kind=_kind(facts),
                severity=Severity.LOW,
                signature=f"flaky:{file}",
                cause=f"{tests[0]}{more} fails and passes by turns: {first}",
                tests=tests,
                suite=suite,
                message=members[0].message or facts.message,
                facts=facts,
                flaky=True,
            )
        )
    return found


def group(results: Iterable[CaseResult], suite: str, *, durations: Mapping[str, float] | None = None) -> list[Failure]:
    """Group failing results by cause: the earliest phase first, then the widest, then the quickest to run again.

    ``durations`` are seconds per test id, which default to those of the results. Flaky and passing results are not
    failures. Ids and signatures are stable from run to run; parametrised tests keep their full ids in ``tests``.
    """
    everything = list(results)
    groups: dict[str, list[tuple[CaseResult, Facts, str]]] = {}
    for result in everything:
        if result.outcome in (Outcome.FAILED, Outcome.ERROR):
            cause = _cause(result)
            groups.setdefault(cause.key, []).append((result, facts_of(result), cause.words))
    homes = joined({key: [member[:2] for member in members] for key, members in groups.items()}, everything)
    known = durations or {}
    ranked = []
    for key in (key for key, home in homes.items() if key == home):
        members = [
            member
            for other in sorted((o for o, home in homes.items() if home == key), key=lambda o: (o != key, o))
            for member in sorted(groups[other], key=lambda member: (_PHASES[member[1].phase], member[0].id))
        ]
        result, facts, words = members[0]
        tests = tuple(dict.fromkeys(member[0].id for member in members))
        failure = Failure(
            id=hashlib.sha256(f"{suite}\0{key}".encode()).hexdigest()[:12],
            kind=_kind(facts),
            severity=_severity(facts, len(tests), len(everything)),
            signature=key,
            cause=words,
            tests=tests,
            suite=suite,
            message=result.message or facts.message,
            facts=facts,
        )
        cost = sum(known.get(member[0].id, member[0].seconds) for member in members)
        phase = _PHASES[facts.phase]
        ranked.append((phase if phase <= _PHASES[Phase.COLLECT] else len(_PHASES), -len(tests), cost, key, failure))
    ranked.sort(key=lambda entry: entry[:4])
    return [entry[4] for entry in ranked]
