"""A run's verdict for people: outcome, totals, repairs with their diffs, regressions, flaky tests."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from maestro.model import Outcome, RunStatus, Tier
from rich.console import Console
from rich.text import Text

from maestro_cli.errors import Exit
from maestro_cli.output import USAGE_CODES, plain, printable

_COLOURS = {
    RunStatus.PASSED: "bold green",
    RunStatus.HEALED: "bold green",
    RunStatus.FAILED: "bold red",
    RunStatus.ERROR: "bold red",
    RunStatus.CANCELLED: "bold yellow",
}
_TIERS = {
    Tier.APPLIED: "safe to apply",
    Tier.REVIEW: "apply and review",
    Tier.PULL_REQUEST: "propose as a pull request",
    Tier.REPORT: "only reported",
}
_EXITS = {  # a run in error needs a closer look
    str(RunStatus.PASSED): Exit.OK,
    str(RunStatus.HEALED): Exit.OK,
    str(RunStatus.FAILED): Exit.FAILURES,
    str(RunStatus.CANCELLED): Exit.INTERRUPTED,
}
_TESTS_SHOWN = 5
_MESSAGE_LINES = 6
_DIFF_LINES = 200
_NO_TESTS = ("No tests were collected", "The project has no tests")  # how the service's reasons begin


def exit_code(document: Mapping[str, Any], reason: str = "", code: str = "") -> Exit:
    """Return what a command that ran ``document`` ends with; pytest's codes.

    ``code`` is the run's stable word for why it ended in error.
    """
    told = _EXITS.get(str(document.get("outcome")))
    if told is not None:
        return told
    if code == "no_tests" or reason.startswith(_NO_TESTS):
        return Exit.NOTHING_COLLECTED
    if code in USAGE_CODES:
        return Exit.USAGE
    if code.startswith("environment_"):
        return Exit.FAILURES  # the project's own fault: what it asks for cannot be installed
    # An error that shows in checks is a failure of the project; with none, the service could not do its work.
    return Exit.FAILURES if document.get("failures") or _bad(document) else Exit.INTERNAL


def show(
    console: Console,
    document: Mapping[str, Any],
    *,
    reason: str = "",
    patches: Mapping[str, bytes] | None = None,
    suspects: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
    where: str = "",
) -> None:
    """Print the verdict.

    Parameters
    ----------
    console
        Where to.
    document
        The run's document (DESIGN section 6).
    reason
        Why the run ended as it did, in the service's words.
    patches
        The diffs of the repairs, by id.
    suspects
        The suspected causes of the failures, by id, likeliest first.
    where
        Where the full report is.
    """
    _headline(console, document, reason)
    repairs = sorted(document.get("repairs", ()), key=lambda repair: repair["status"] != "accepted")
    delivered = [repair for repair in repairs if repair["status"] == "accepted" and repair["tier"] != Tier.REPORT]
    healed = {failure for repair in delivered for failure in repair["failures"]}
    failures = document.get("failures", ())
    regressions = [failure for failure in failures if failure.get("regression")]
    open_ones = [failure for failure in failures if not failure.get("regression") and failure["id"] not in healed]
    if regressions:
        console.print(
            "\n[bold]Regressions[/bold] [dim](the product and its tests disagree; the tests stay as they are)[/dim]"
        )
        for failure in regressions:
            _failure(console, failure, (suspects or {}).get(failure["id"], ()))
    if open_ones:
        console.print("\n[bold]Not healed[/bold]" if repairs else "\n[bold]Failures[/bold]")
        for failure in open_ones:
            _failure(console, failure, (suspects or {}).get(failure["id"], ()))
    for repair in repairs:
        _repair(console, repair, (patches or {}).get(repair["id"], b"").decode("utf-8", errors="replace"))
    _flaky(console, document.get("flaky", ()))
    _gates(console, document.get("gates", ()))
    if where:
        console.print(f"\n[dim]Report:[/dim] {plain(where)}")


def _flaky(console: Console, cases: Sequence[Mapping[str, Any]]) -> None:
    if cases:
        console.print("\n[bold]Flaky[/bold]")
    for case in cases:
        why = f" [dim]{plain(str(case['why']))}[/dim]" if case.get("why") else ""
        console.print(f"  {plain(str(case['id']))}{why}")


def _gates(console: Console, gates: Sequence[Mapping[str, Any]]) -> None:
    for gate in gates:
        if gate.get("passed") is False:
            what = " ".join(filter(None, (str(gate.get("name", "")), str(gate.get("detail", "")))))
            console.print(f"\n[red]Quality gate missed:[/red] {plain(what)}")


def _headline(console: Console, document: Mapping[str, Any], reason: str) -> None:
    outcome = str(document.get("outcome", "error"))
    colour = _COLOURS.get(RunStatus(outcome), "bold") if outcome in list(RunStatus) else "bold"
    totals = _counted(document.get("totals"))
    seconds = float(document.get("seconds") or 0)
    cost = float(document.get("cost_usd") or 0)
    if any(repair["status"] == "accepted" for repair in document.get("repairs", ())):
        after = _counted(document.get("totals_after"))
        totals = f"as submitted: {totals}" + (f"; with the repairs: {after}" if after else "")
    facts = ", ".join(filter(None, (totals, f"{seconds:.1f} s", f"${cost:.4f} on AWS" if cost else "")))
    console.print(f"[{colour}]{plain(outcome.upper())}[/{colour}]  {facts}")
    console.print(f"[dim]run {plain(document.get('run_id', ''))}[/dim]")
    if reason and outcome not in (RunStatus.PASSED, RunStatus.HEALED):
        console.print(f"  {plain(reason)}")


def _counted(totals: Mapping[str, int] | None) -> str:
    return ", ".join(f"{count} {plain(name)}" for name, count in (totals or {}).items() if count)


def _failure(console: Console, failure: Mapping[str, Any], suspects: Sequence[Mapping[str, str]]) -> None:
    what = str(failure.get("cause") or failure.get("signature"))
    console.print(f"  [red]✗[/red] {plain(what)} [dim]{plain(failure['kind'])}[/dim]")
    _tests(console, failure.get("tests", ()))
    message = str(failure.get("message") or "").strip().splitlines()
    for line in message[:_MESSAGE_LINES]:
        console.print(Text(f"      {printable(line)}", style="dim"))
    if failure.get("unhealed"):
        console.print(Text(f"      {printable(str(failure['unhealed']))}"))
    for suspect in suspects:
        place = ":".join(filter(None, (suspect.get("file", ""), suspect.get("function", ""))))
        commit = suspect.get("commit", "")[:10]
        about = " ".join(filter(None, (commit, suspect.get("subject", ""))))
        console.print(
            f"    [yellow]suspect[/yellow] {plain(place)}"
            + (f" [dim]{plain(about)}[/dim]" if about else "")
            + (f": {plain(suspect['why'])}" if suspect.get("why") else "")
        )


def _repair(console: Console, repair: Mapping[str, Any], patch: str) -> None:
    accepted = repair["status"] == "accepted"
    mark = "[green]✓[/green]" if accepted else "[red]✗[/red]"
    tier = _TIERS.get(Tier(repair["tier"]), repair["tier"]) if repair["tier"] in list(Tier) else repair["tier"]
    verdict = (
        f"{math.floor(float(repair['confidence']) * 100)}% confident, {tier}" if accepted else "rejected by the proof"
    )
    console.print(
        f"\n[bold]Repair[/bold] {mark} {plain(str(repair['summary']))}"
        f"\n  [dim]{plain(repair['strategy'])}, {plain(verdict)}, {plain(repair['id'])}[/dim]"
    )
    for name, gate in (repair.get("proof") or {}).items():
        if not gate["passed"] or not accepted:
            sign = "[green]✓[/green]" if gate["passed"] else "[red]✗[/red]"
            console.print(f"  {sign} {plain(name)}: {plain(str(gate['detail']))}")
    if not accepted:
        return
    _tests(console, repair.get("tests_fixed", ()))
    diff(console, patch)


def diff(console: Console, patch: str) -> None:
    """Print a unified diff in git's colours; a long one is cut, and says so."""
    lines = patch.splitlines()
    for line in lines[:_DIFF_LINES]:
        style = ""
        if line.startswith(("diff ", "index ", "--- ", "+++ ")):
            style = "bold"
        elif line.startswith("@@"):
            style = "cyan"
        elif line.startswith("+"):
            style = "green"
        elif line.startswith("-"):
            style = "red"
        console.print(Text(f"    {printable(line)}", style=style))
    if len(lines) > _DIFF_LINES:
        console.print(f"    [dim]{len(lines) - _DIFF_LINES} more lines in the patch file[/dim]")


def in_a_line(repair: Mapping[str, Any]) -> str:
    """Say what a repair does and what becomes of it."""
    return f"{repair['summary']} ({_TIERS.get(repair['tier'], repair['tier'])})"


def _tests(console: Console, tests: Sequence[str]) -> None:
    for test in tests[:_TESTS_SHOWN]:
        console.print(f"    {plain(test)}")
    if len(tests) > _TESTS_SHOWN:
        console.print(f"    [dim]and {len(tests) - _TESTS_SHOWN} more[/dim]")


def _bad(document: Mapping[str, Any]) -> bool:
    totals = document.get("totals") or {}
    return any(totals.get(outcome) for outcome in (Outcome.FAILED, Outcome.ERROR))
