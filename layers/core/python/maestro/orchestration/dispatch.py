"""Which step an event of the state machines asks for."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from maestro.orchestration.errors import OrderError

if TYPE_CHECKING:
    from maestro.orchestration.context import Context

logger = Logger()  # its service comes from the function's environment

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
        return _perform(event, {"load_configuration": steps.load_configuration, "plan_chunks": steps.plan_chunks})
    recording = Recording(context.runs, context.blobs, context.streams)
    return _perform(
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

    return _perform(event, {"aggregate": Aggregating(context.runs, context.blobs).aggregate})


def healing_step(context: "Context", event: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a step of the healing function; raises OrderError for an unknown one."""
    from maestro.orchestration.healing_steps import HealingSteps
    from maestro.orchestration.passes import Passes

    steps = HealingSteps(
        context.runs, context.blobs, context.sources, context.settings.concurrency, context.settings.network
    )
    passes = Passes(context.runs, context.blobs, context.sources, context.settings.archive_environments)
    return _perform(
        event,
        {"diagnose": steps.diagnose, "judge": steps.judge, "combine": passes.combine, "confirm": passes.confirm},
    )


def _perform(event: Mapping[str, Any], steps: Mapping[str, Step]) -> dict[str, Any]:
    step = steps.get(str(event.get("action", "")))
    if step is None:
        msg = f"There is no step {event.get('action')!r} here; there are {', '.join(steps)}."
        raise OrderError(msg)
    state = event["state"]
    known = {k: state[k] for k in ("tenant", "run_id", "pass", "failure_id", "round") if k in state}
    logger.info("Step begins", extra={"step": event["action"], **known})
    started = time.monotonic()
    after = step(state)
    said = {k: after[k] for k in ("stop", "status", "code", "verdict", "count", "again") if after.get(k)}
    logger.info(
        "Step ends", extra={"step": event["action"], **known, **said, "seconds": round(time.monotonic() - started, 3)}
    )
    return after
