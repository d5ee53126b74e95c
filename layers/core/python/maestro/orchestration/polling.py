"""The poller function: polls while there is work, and keeps time to leave in peace."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from maestro.orchestration.poller import Poller, PollerSettings

if TYPE_CHECKING:
    from maestro.orchestration.context import Context

MARGIN_SECONDS = 10.0


RESTARTED = PollerSettings(grace_seconds=0.0, visibility_seconds=1.0)
"""Who restarted the whole stack says so: nothing that was at work before it is alive, so nothing is waited for."""


def serve(context: "Context", seconds_left: float, source: str = "") -> dict[str, Any]:
    """Poll until the streams are idle or the function's time is nearly up; return what was done, as counts.

    ``source`` tells who woke the poller; "restart" is for the first time after everything was stopped or killed.
    """
    settings = RESTARTED if source == "restart" else None
    poller = Poller(context.streams, context.runs, context.executions, settings=settings)
    done = poller.poll(time.monotonic() + max(1.0, seconds_left - MARGIN_SECONDS))
    if done.dead:
        metrics = Metrics()  # its namespace and service come from the function's environment
        metrics.add_metric(name="DeadLetters", unit=MetricUnit.Count, value=done.dead)
        metrics.flush_metrics()
    return asdict(done)
