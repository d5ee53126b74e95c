"""Which step an event of the state machines asks for."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from maestro.orchestration.errors import OrderError

if TYPE_CHECKING:
    from maestro.orchestration.context import Context

logger = Logger()  # its service comes from the function's environment

# The states of the state machine, as whoever follows a run sees them, and as a run that broke off names them.
STATES: Mapping[str, str] = {
    "load_configuration": "Load Configuration",
    "plan_chunks": "Plan Chunks",
    "aggregate": "Aggregate Results",
    "confirm": "Confirm Repairs",
    "combine": "Combine Repairs",
    "deliver": "Deliver Repairs",
    "record_outcome": "Record Outcome",
}
# Those that do their work in the sandbox begin when the step before them ends.
NEXT: Mapping[str, str] = {"load_configuration": "Prepare Environments", "plan_chunks": "Run Waves"}

Step = Callable[[Mapping[str, Any]], dict[str, Any]]


def orchestration_step(context: "Context", event: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a step of the orchestration function; raises OrderError for an unknown one."""
    from maestro.orchestration.recording import Recording
    from maestro.orchestration.steps import RunSteps

    action = str(event.get("action", ""))
    if action in ("load_configuration", "plan_chunks"):
        steps = RunSteps(
            context.runs,
            context.blobs,
            context.sources,
            context.settings.concurrency,
            context.settings.archive_environments,
        )
        return _perform(
            context, event, {"load_configuration": steps.load_configuration, "plan_chunks": steps.plan_chunks}
        )
    recording = Recording(context.runs, context.blobs, context.streams)
    return _perform(
        context,
        event,
        {
            "deliver": recording.deliver,
            "record_outcome": recording.record_outcome,
            "record_failure": recording.record_failure,
        },
    )


def aggregation_step(context: "Context", event: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a step of the aggregation function; raises OrderError for an unknown one."""
    from maestro.orchestration.aggregating import Aggregating

    return _perform(context, event, {"aggregate": Aggregating(context.runs, context.blobs).aggregate})


def healing_step(context: "Context", event: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a step of the healing function; raises OrderError for an unknown one."""
    from maestro.orchestration.healing_steps import HealingSteps
    from maestro.orchestration.passes import Passes

    steps = HealingSteps(
        context.runs, context.blobs, context.sources, context.settings.concurrency, context.settings.network
    )
    passes = Passes(context.runs, context.blobs, context.sources, context.settings.archive_environments)
    return _perform(
        context,
        event,
        {"diagnose": steps.diagnose, "judge": steps.judge, "combine": passes.combine, "confirm": passes.confirm},
    )


def _perform(context: "Context", event: Mapping[str, Any], steps: Mapping[str, Step]) -> dict[str, Any]:
    action = str(event.get("action", ""))
    step = steps.get(action)
    if step is None:
        msg = f"There is no step {event.get('action')!r} here; there are {', '.join(steps)}."
        raise OrderError(msg)
    state = event["state"]
    known = {k: state[k] for k in ("tenant", "run_id", "pass", "failure_id", "round") if k in state}
    logger.info("Step begins", extra={"step": action, **known})
    started = time.monotonic()
    if action in STATES:
        context.runs.set_progress(state["tenant"], state["run_id"], {"state": STATES[action]})
    after = step(state)
    if action in NEXT and not after.get("stop"):
        context.runs.set_progress(state["tenant"], state["run_id"], {"state": NEXT[action]})
    said = {k: after[k] for k in ("stop", "status", "code", "verdict", "count", "again") if after.get(k)}
    logger.info("Step ends", extra={"step": action, **known, **said, "seconds": round(time.monotonic() - started, 3)})
    return after
