"""From the events of a test process to results."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from maestro.model import CaseResult, Facts, Frame, Outcome, Phase

SESSION = "<session>"


def read_facts(data: object, *, phase: str, message: str = "") -> Facts:
    """Read facts that the process under test wrote; what has not their shape is left out."""
    said: Mapping[str, Any] = data if isinstance(data, dict) else {}

    def text(value: object, limit: int = 16_000) -> str:
        return value[:limit] if isinstance(value, str) else ""

    def number(value: object) -> int:
        return value if isinstance(value, int) else 0

    def mapping(value: object) -> dict[str, Any]:
        return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}

    def items(value: object) -> list[Any]:
        return value[:200] if isinstance(value, list) else []

    frames = tuple(
        Frame(text(f.get("file")), number(f.get("line")), text(f.get("function")), f.get("in_project") is True,
              text(f.get("code")), text(f.get("distribution")))
        for f in items(said.get("frames")) if isinstance(f, dict)
    )  # fmt: skip
    return Facts(
        phase=_phase(phase),
        exception=text(said.get("exception")),
        message=text(said.get("message")) or message,
        bases=tuple(text(b) for b in items(said.get("bases"))),
        attributes=mapping(said.get("attributes")),
        assertion=mapping(said.get("assertion")),
        frames=frames,
        causes=tuple({str(k): text(v) for k, v in c.items()} for c in items(said.get("causes")) if isinstance(c, dict)),
        versions={k: text(v) for k, v in mapping(said.get("versions")).items()},
        text=text(said.get("text")),
    )


def _phase(value: object) -> Phase:
    try:
        return Phase(str(value))
    except ValueError:
        return Phase.CALL


@dataclass(slots=True)
class Case:
    """What is known of one test while it runs."""

    id: str
    file: str = ""
    line: int = 0
    started: float = 0.0  # monotonic, of the supervisor
    finished: bool = False
    seconds: float = 0.0
    reports: list[tuple[str, Outcome, str]] = field(default_factory=list)  # (phase, outcome, message)
    facts: list[Facts] = field(default_factory=list)  # in the order of the bad reports
    warnings: list[str] = field(default_factory=list)
    covered: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def report(self, event: Mapping[str, Any]) -> None:
        """Take one phase's report."""
        when, said, xfail = str(event.get("when")), event.get("outcome"), event.get("xfail") is True
        self.seconds += float(event.get("seconds") or 0.0)
        if said == "failed":
            outcome = Outcome.FAILED if when == "call" else Outcome.ERROR
        elif event.get("sub"):
            return  # a part that passed or was skipped says nothing of the whole
        elif said == "skipped":
            outcome = Outcome.XFAILED if xfail else Outcome.SKIPPED
        else:
            outcome = Outcome.XPASSED if xfail else Outcome.PASSED
        self.reports.append((when, outcome, str(event.get("message") or "")[:4000]))

    def result(self) -> CaseResult:
        """Merge the phases as pytest counts them; what failed first speaks."""
        outcomes = [outcome for _, outcome, _ in self.reports]
        chosen = Outcome.PASSED
        for outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.XFAILED, Outcome.XPASSED, Outcome.SKIPPED):
            if outcome in outcomes:
                chosen = outcome
                break
        message = next((m for _, outcome, m in self.reports if outcome is chosen and m), "")
        facts = None
        if chosen.bad:
            bad = [when for when, outcome, _ in self.reports if outcome.bad]
            first = next(when for when, outcome, _ in self.reports if outcome is chosen)
            at = bad.index(first)
            found = self.facts[at] if at < len(self.facts) else Facts(_phase(first), "", message)
            facts = replace(found, warnings=tuple(self.warnings[:50]), covered=self.covered)
        elif self.covered:
            facts = Facts(Phase.CALL, "", "", warnings=tuple(self.warnings[:50]), covered=self.covered)
        return CaseResult(self.id, chosen, round(self.seconds, 6), self.file, self.line, message, facts)


OVERDUE = "The deadline of the run was reached."
UNREACHED = "The deadline was reached before it could run."


def unfinished(result: CaseResult) -> bool:
    """Whether the deadline of the run came before the check ended, so that nothing is known of how it would end."""
    facts = result.facts
    return facts is not None and not facts.exception and facts.message in (OVERDUE, UNREACHED)


def broken(
    name: str,
    message: str,
    *,
    file: str = "",
    line: int = 0,
    phase: Phase = Phase.PROCESS,
    seconds: float = 0.0,
    text: str = "",
) -> CaseResult:
    """Return the ``error`` of a test that could not run to its end."""
    return CaseResult(name, Outcome.ERROR, round(seconds, 6), file, line, message,
                      Facts(phase=phase, exception="", message=message, text=text))  # fmt: skip


@dataclass(slots=True)
class Session:
    """What one test process told, event by event."""

    cases: dict[str, Case] = field(default_factory=dict)
    collected: list[str] | None = None
    files: dict[str, str] = field(default_factory=dict)
    problems: dict[str, CaseResult] = field(default_factory=dict)
    rootdir: str = "."
    inifile: str = ""
    running: str = ""
    running_since: float = 0.0
    collecting: str = ""
    exit_code: int | None = None
    interrupted: str = ""
    end: Mapping[str, Any] | None = None
    garbage: int = 0

    def take(self, event: Mapping[str, Any], now: float) -> None:
        """Take one event; unknown ones are counted."""
        handler = getattr(self, "_on_" + str(event["e"]), None)
        if handler is None:
            self.garbage += 1
            return
        try:
            handler(event, now)
        except (TypeError, ValueError, KeyError):
            self.garbage += 1  # the process under test wrote something of another shape

    def _on_config(self, event: Mapping[str, Any], _: float) -> None:
        self.rootdir, self.inifile = str(event["rootdir"]), str(event["inifile"] or "")

    def _on_collecting(self, event: Mapping[str, Any], now: float) -> None:
        self.collecting, self.running_since = str(event["id"]), now

    def _on_collected(self, event: Mapping[str, Any], now: float) -> None:
        self.collected, self.collecting, self.running_since = [], "", now
        for name, file, line in event["tests"]:
            if name not in self.cases:
                self.collected.append(str(name))
            self.files[str(name)] = str(file)
            self.cases[str(name)] = Case(str(name), str(file), int(line))

    def _on_problem(self, event: Mapping[str, Any], _: float) -> None:
        name, message = str(event["id"]), str(event["message"])
        facts = read_facts(event.get("facts"), phase=str(event["phase"]), message=message)
        message = message or facts.message
        known = CaseResult(name, Outcome.ERROR, 0.0, str(event["file"]), int(event["line"]), message[:4000], facts)
        self.problems.setdefault(name, known)

    def _case(self, event: Mapping[str, Any]) -> Case:
        name = str(event["id"])
        if name not in self.cases:
            self.cases[name] = Case(name, name.partition("::")[0])
        return self.cases[name]

    def _on_start(self, event: Mapping[str, Any], now: float) -> None:
        self._case(event).started = now
        self.running, self.running_since = str(event["id"]), now

    def _on_report(self, event: Mapping[str, Any], _: float) -> None:
        self._case(event).report(event)

    def _on_facts(self, event: Mapping[str, Any], _: float) -> None:
        case = self._case(event)
        phase, message = case.reports[-1][0], case.reports[-1][2]
        case.facts.append(read_facts(event["facts"], phase=phase, message=message))

    def _on_warning(self, event: Mapping[str, Any], _: float) -> None:
        if event["id"] in self.cases:
            self.cases[event["id"]].warnings.append(str(event["text"])[:600])

    def _on_covered(self, event: Mapping[str, Any], _: float) -> None:
        files = event["files"].items()
        self._case(event).covered = {str(file): tuple(map(str, names)) for file, names in files}

    def _on_rerun(self, event: Mapping[str, Any], _: float) -> None:
        case = self._case(event)
        case.reports.clear()
        case.facts.clear()

    def _on_finish(self, event: Mapping[str, Any], now: float) -> None:
        self._case(event).finished = True
        self.running, self.running_since = "", now

    def _on_interrupt(self, event: Mapping[str, Any], _: float) -> None:
        self.interrupted = str(event["message"])

    def _on_session(self, event: Mapping[str, Any], _: float) -> None:
        self.exit_code = int(event["exit"])

    def _on_end(self, event: Mapping[str, Any], _: float) -> None:
        self.end = event

    def finished(self) -> dict[str, CaseResult]:
        """Return the results of the tests that ran to their end."""
        return {case.id: case.result() for case in self.cases.values() if case.finished and case.reports}

    def how_it_ended(self) -> str:
        """Say how the process ended, when it did not end by itself."""
        end = self.end or {}
        if "signal" in end:
            import signal

            number = int(end["signal"])
            names = {int(s): s.name for s in signal.Signals}
            return f"The process was killed by signal {number} ({names.get(number, 'unknown')})"
        if "exit" in end:
            return f"The process ended with exit code {end['exit']}"
        return "The process was lost (its supervisor was killed)"
