"""One call of the pytest adapter: as many test processes as it takes, and a result for everything asked for."""

import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maestro.adapters.outcomes import OVERDUE, SESSION, UNREACHED, Session, broken
from maestro.adapters.pool import Execution, Runner
from maestro.model import CaseResult, Collection, Facts, Outcome, Phase, Suite
from maestro.registry import Environment, Workspace
from maestro.registry.sandbox import LIMITS

_LOG = 40_000  # characters of output that a result keeps
_GRACE = 15.0  # seconds for a killed process tree to be gone and reported


@dataclass(slots=True)
class Job:
    """One call of the adapter: as many processes as it takes."""

    runner: Callable[[], tuple[Runner, bool]]  # and whether it serves this call alone
    workspace: Workspace
    environment: Environment
    suite: Suite
    deadline: float
    collection: Collection | None = None
    seed: int | None = None
    trace: bool = False
    exit_code: int | None = None
    logs: list[Path] = field(default_factory=list)

    # -- collecting

    def collect(self) -> list[Session]:
        """Collect, again without a file when that one ended or hung the process."""
        sessions: list[Session] = []
        ignored: list[str] = []
        while True:
            extra = ["--collect-only", *(f"--ignore={name}" for name in ignored)]
            session = self._execute([*self.suite.args, *extra, *self._paths(ignored)], asked=None)
            sessions.append(session)
            if session.exit_code is not None or session.problems.get(SESSION) or len(ignored) >= 20:  # noqa: PLR2004 - enough
                return sessions
            blamed = session.collecting.partition("::")[0]
            problem = self._ended(session, blamed or SESSION, Phase.COLLECT if blamed else Phase.SESSION)
            session.problems[problem.id] = problem
            if not blamed or blamed in ignored or time.monotonic() >= self.deadline:
                return sessions
            ignored.append(blamed)

    def _paths(self, ignored: Iterable[str] = ()) -> list[str]:
        return [path for path in self.suite.paths if path not in ignored]

    # -- running

    def run(self, asked: list[str] | None) -> dict[str, CaseResult]:
        """Run the ids (or everything); return a result for each, in order."""
        results: dict[str, CaseResult] = {}
        pending = None if asked is None or SESSION in asked else self._ordered(asked)
        wanted = pending
        ignored: list[str] = []
        while pending is None or pending:
            if time.monotonic() >= self.deadline:
                self._fill(results, pending or [SESSION], UNREACHED)
                break
            session = self._execute(self._arguments(pending, ignored), asked=pending)
            results.update(session.finished())
            if session.collected is not None:
                wanted = _expanded(wanted, session.collected)
            if self._settle(session, pending, results, ignored):
                break
            pending = None if wanted is None else [name for name in wanted if name not in results]
        return self._answers(asked, wanted or [], results)

    def _settle(
        self, session: Session, pending: list[str] | None, results: dict[str, CaseResult], ignored: list[str]
    ) -> bool:
        """Account for how a process ended; return whether there is nothing left to run."""
        problem = session.problems.get(SESSION)
        by_itself = session.exit_code is not None and not session.interrupted
        if not session.running and (by_itself or problem is not None):
            self._complete(session, pending, results)
            return True
        for name, found in session.problems.items():
            if name != SESSION:
                results.setdefault(name, found)
        if session.running:
            self._blame_test(session, results)
            return False
        blamed = session.collecting.partition("::")[0] if session.collected is None else ""
        if blamed and blamed not in ignored:
            ignored.append(blamed)
            self._blame_file(session, blamed, pending, results)
            return False
        if session.finished():
            return False  # it ended between two tests: go on with the rest
        message = session.interrupted or self._ended(session, SESSION, Phase.SESSION).message
        self._fill(results, pending or [SESSION], f"The session ended before the test ran. {message}")
        return True

    def _complete(self, session: Session, pending: list[str] | None, results: dict[str, CaseResult]) -> None:
        """Account for a process that came to its own end: what was asked for and has no result, has vanished."""
        self.exit_code = session.exit_code if session.exit_code is not None else 3
        for name, found in session.problems.items():
            results.setdefault(name, found)
        for name in pending or ():
            if not _answered(name, results):
                results[name] = self._vanished(name, session, session.problems.get(SESSION))

    def _blame_test(self, session: Session, results: dict[str, CaseResult]) -> None:
        case = session.cases[session.running]
        seconds = round(time.monotonic() - case.started, 3)
        # An internal error of the tool, or of a plugin, while it ran says more than the end of the process.
        problem = session.problems.get(SESSION)
        ended = replace(problem, id=case.id) if problem else self._ended(session, case.id, Phase.PROCESS)
        results[case.id] = replace(ended, file=case.file, line=case.line, seconds=seconds)

    def _blame_file(
        self, session: Session, blamed: str, pending: list[str] | None, results: dict[str, CaseResult]
    ) -> None:
        found = self._ended(session, blamed, Phase.COLLECT)
        results[blamed] = found
        for name in pending or ():
            if self._file(name) == blamed or name.partition("::")[0] == blamed:
                results[name] = replace(found, id=name)

    def _fill(self, results: dict[str, CaseResult], names: Iterable[str], message: str) -> None:
        for name in names:
            if not _answered(name, results):
                results[name] = broken(name, message, file=self._file(name))

    def _vanished(self, name: str, session: Session, problem: CaseResult | None) -> CaseResult:
        file = self._file(name)
        cause = problem or session.problems.get(name.partition("::")[0]) or session.problems.get(file)
        if cause is None:
            parents = [found for key, found in session.problems.items() if file.startswith(key.rstrip("/") + "/")]
            cause = parents[0] if parents else None
        if cause is not None:
            return replace(cause, id=name, file=cause.file or file)
        if "::" not in name and session.collected is not None and any(
            self._within(test, name, session) for test in session.collected
        ):  # fmt: skip
            return CaseResult(name, Outcome.PASSED, 0.0, name)
        return broken(name, f"The test {name} is not in the suite any more: it was not collected.", file=file,
                      phase=Phase.COLLECT)  # fmt: skip

    @staticmethod
    def _within(test: str, name: str, session: Session) -> bool:
        return test.startswith((name + "::", name + "[", name + "/")) or session.files.get(test) == name

    def _answers(
        self, asked: list[str] | None, wanted: list[str], results: dict[str, CaseResult]
    ) -> dict[str, CaseResult]:
        if asked is None:
            ordered = {name: results[name] for name in wanted if name in results}
            return {**{n: r for n, r in results.items() if n not in ordered and "::" not in n}, **ordered,
                    **{n: r for n, r in results.items() if n not in ordered}}  # fmt: skip
        answers: dict[str, CaseResult] = {}
        for name in asked:
            children = {key: r for key, r in results.items() if key != name and _below(key, name)}
            own = results.get(name)
            if own is None or (children and own.outcome is Outcome.PASSED):
                own = _summary(name, children, own)
            answers[name] = own
            answers.update({key: r for key, r in children.items() if key not in answers})
        return answers

    # -- what to run

    def _ordered(self, asked: list[str]) -> list[str]:
        """Return the ids in the order of the collection; unknown ones last."""
        places = {name: i for i, name in enumerate(self.collection.tests)} if self.collection else {}
        return sorted(asked, key=lambda name: places.get(name, len(places)))

    def _file(self, name: str) -> str:
        if name == SESSION:
            return ""
        known = self.collection.files.get(name) if self.collection else None
        if known:
            return known
        file = name.partition("::")[0]
        rootdir = self.collection.rootdir if self.collection else "."
        if rootdir not in (".", "") and (self.workspace.source / rootdir / file).exists():
            return f"{rootdir}/{file}"
        return file

    def _arguments(self, pending: list[str] | None, ignored: list[str]) -> list[str]:
        if pending is None:
            return [*self.suite.args, *(f"--ignore={name}" for name in ignored), *self._paths(ignored)]
        files = dict.fromkeys(self._file(name) for name in pending)
        here = [name for name in files if name and (self.workspace.source / name).exists()]
        if self.seed is not None:
            random.Random(self.seed).shuffle(here)  # noqa: S311 - an order, not a secret
        options: list[str] = []
        found = self.collection
        if found is not None and (found.tests or found.inifile):
            given = [arg for arg in self.suite.args if arg.startswith(("-c", "--rootdir", "--config-file"))]
            root = self.workspace.source / found.rootdir
            if not any(arg.startswith("--rootdir") for arg in given) and root.is_dir():
                options.append(f"--rootdir={root}")
            if found.inifile and len(given) == len([a for a in given if a.startswith("--rootdir")]) and (
                self.workspace.source / found.inifile
            ).is_file():  # fmt: skip
                options += ["-c", found.inifile]
        # With none of the files left, the suite's own paths show why.
        return [*self.suite.args, *options, *(here or self._paths())]

    # -- one process

    def _execute(self, args: list[str], *, asked: list[str] | None) -> Session:
        session = Session()
        runner, single = self.runner()
        try:
            if not runner.hello["ok"]:
                session.problems[SESSION] = self._no_pytest(runner.hello)
                session.exit_code = 3
                return session
            with runner.execute(self._request(args, asked)) as execution:
                self._follow(execution, session)
        finally:
            if single:
                runner.close()
        problem = session.problems.get(SESSION)
        if problem is not None and problem.facts is not None and not problem.facts.text:
            session.problems[SESSION] = self._with_output(problem, problem.facts)
        return session

    def _with_output(self, problem: CaseResult, facts: Facts) -> CaseResult:
        """Add what the tool printed to a problem that has no text of its own."""
        printed = self.logs[-1].read_text("utf-8", "replace") if self.logs and self.logs[-1].exists() else ""
        printed = printed.replace(str(self.workspace.source), "<SRC>")
        said = re.findall(r"^\S+: error: .*", printed, re.MULTILINE)
        message = problem.message
        if facts.exception == "SystemExit" and said:
            message = f"{message}: {said[-1]}"  # an old argument parser prints its complaint, and exits
        return replace(problem, message=message, facts=replace(facts, text=printed[-8000:]))

    def _request(self, args: list[str], asked: list[str] | None) -> dict[str, Any]:
        log = self.workspace.control / f"pytest-{time.monotonic_ns()}.log"
        self.logs.append(log)
        facts = self.environment.facts
        return {
            "root": str(self.workspace.source),
            "args": args,
            "asked": asked,
            "seed": self.seed,
            "trace": self.trace,
            "environ": self.workspace.environ(self.environment, self.suite.environment),
            "log": str(log),
            "limits": dict(LIMITS),
            "seconds": max(0.1, self.deadline - time.monotonic()),
            "modules": dict(facts.modules),
            "distributions": dict(facts.distributions),
        }

    def _follow(self, execution: Execution, session: Session) -> None:
        """Take the events; end the process when a test, or the collection of a file, takes too long."""
        stopped = False
        while session.end is None:
            limit = self.deadline + _GRACE
            if not stopped and (session.running or session.collecting or session.collected is not None):
                limit = min(limit, session.running_since + self.suite.timeout)
            for event in execution.events(limit):
                now = time.monotonic()
                if event is None:
                    if stopped or now >= self.deadline + _GRACE:
                        session.end = {"reason": "lost"}
                    else:
                        overdue = "timeout" if now < self.deadline else "deadline"
                        session.interrupted = self._overdue(overdue)
                        execution.stop()
                        stopped = True
                    break
                session.take(event, now)
                if event["e"] in ("start", "finish", "collecting", "collected", "end"):
                    break
            if stopped and session.end is None:
                self._drain(execution, session)

    def _drain(self, execution: Execution, session: Session) -> None:
        """After the process was told to end: take what was under way."""
        for event in execution.events(time.monotonic() + _GRACE):
            if event is None:
                break
            session.take(event, time.monotonic())
        session.end = session.end or {"reason": "lost"}

    def _overdue(self, why: str) -> str:
        if why == "deadline":
            return OVERDUE
        return f"It did not end within {self.suite.timeout:g} s (the suite's timeout)."

    def _ended(self, session: Session, name: str, phase: Phase) -> CaseResult:
        """Return the ``error`` of what was under way when the process ended."""
        end = session.end or {}
        if session.interrupted:
            message = session.interrupted
        elif end.get("reason") == "deadline":
            message = self._overdue("deadline")
        else:
            message = f"{session.how_it_ended()} in this test."
            if phase is not Phase.PROCESS:
                message = f"{session.how_it_ended()} before the tests could run."
        return broken(name, message, file=self._file(name), phase=phase, text=self.log()[-4000:])

    def _no_pytest(self, hello: Mapping[str, Any]) -> CaseResult:
        exception, said = str(hello.get("exception", "")), str(hello.get("message", ""))
        module = str(hello.get("module", ""))
        message = f"{exception}: {said}. pytest cannot be imported in the environment of suite {self.suite.name!r}"
        message += "; add pytest to environment.install." if module == "pytest" else "."
        facts = Facts(Phase.SESSION, exception, said, attributes={"module": module} if module else {},
                      text=str(hello.get("text", "")))  # fmt: skip
        return CaseResult(SESSION, Outcome.ERROR, 0.0, "", 0, message, facts)

    # -- what came out

    def log(self) -> str:
        """Return the shortened output of all processes."""
        text = "\n".join(path.read_text("utf-8", "replace") for path in self.logs if path.exists())
        text = text.replace(str(self.workspace.source), "<SRC>")
        return text if len(text) <= _LOG else f"{text[: _LOG // 4]}\n[...]\n{text[-3 * _LOG // 4 :]}"

    def code(self, results: Mapping[str, CaseResult]) -> int:
        """Return the exit code as pytest counts: 0 passed, 1 failures, 2-4 no proper session, 5 nothing ran."""
        if self.exit_code in (3, 4):
            return self.exit_code
        if not results:
            return self.exit_code or 5
        if SESSION in results and results[SESSION].outcome.bad:
            return self.exit_code or 3
        return 1 if any(result.outcome.bad for result in results.values()) else 0


def _expanded(wanted: list[str] | None, collected: list[str]) -> list[str]:
    """Put the tests of a file or class in its place, once it is known what they are."""
    if wanted is None:
        return list(collected)
    known = set(collected)
    found: dict[str, None] = {}
    for name in wanted:
        below = [] if name in known or "[" in name else [test for test in collected if _below(test, name)]
        found.update(dict.fromkeys(below or [name]))
    return list(found)


def _below(test: str, name: str) -> bool:
    """Whether a test belongs to what ``name`` stands for: the session, a folder, file, class or function."""
    return name == SESSION or test.startswith((name + "::", name + "[", name + "/"))


def _answered(name: str, results: Mapping[str, CaseResult]) -> bool:
    return name in results or any(_below(test, name) for test in results)


def _summary(name: str, children: Mapping[str, CaseResult], own: CaseResult | None) -> CaseResult:
    """Return the result of a file, class or session from those of the tests in it."""
    bad = [result for result in children.values() if result.outcome.bad]
    if not children:
        return own or broken(name, f"{name} holds no tests that were collected.", phase=Phase.COLLECT)
    seconds = sum(result.seconds for result in children.values())
    if bad:
        first = bad[0]
        message = (
            f"It is collected now; {len(bad)} of {len(children)} tests in it fail. First: {first.id}: {first.message}"
        )
        outcome = Outcome.FAILED
        return CaseResult(name, outcome, seconds, first.file, first.line, message[:4000], first.facts)
    passed = any(result.outcome in (Outcome.PASSED, Outcome.XFAILED, Outcome.XPASSED) for result in children.values())
    return CaseResult(name, Outcome.PASSED if passed else Outcome.SKIPPED, seconds, name.partition("::")[0])
