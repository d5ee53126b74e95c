"""What the embedded stack logged about a run: the states of its execution, and lines of its functions."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from maestro_cli.errors import ServiceError
from maestro_cli.stack import Record, StateFolder, ministack
from maestro_cli.stack.deploy import local_config, session
from maestro_cli.stack.folder import tail

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_stepfunctions import SFNClient

_LINES = 5000  # the newest of a function
_DETAIL = 500  # characters
_TROUBLE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:WARNING|ERROR) .*", re.MULTILINE)
_TROUBLE_LINES = 50
# Fields of a structured line that every one has, or that say nothing about its run.
_COMMON = frozenset(
    {"level", "message", "exception", "exception_name", "stack_trace", "location", "timestamp", "service", "tenant",
     "run_id", "cold_start", "function_name", "function_memory_size", "function_arn", "function_request_id",
     "xray_trace_id", "correlation_id"}
)  # fmt: skip


def read_log(record: Record, run_id: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the state history and the log lines that mention ``run_id``, both oldest first.

    An event is ``{"time", "event", "name", "detail"}``, a line ``{"time", "function", "message"}``.

    Raises
    ------
    ServiceError
        If the stack's APIs do not answer.
    """
    ours = session()
    endpoint = ministack.url(record.aws)
    try:
        states = ours.client("stepfunctions", endpoint_url=endpoint, config=local_config())
        logs = ours.client("logs", endpoint_url=endpoint, config=local_config())
        history = list(_history(states, record.outputs.get("RunStateMachineArn", ""), run_id))
        return history, sorted(_lines(logs, run_id), key=lambda line: line["time"])
    except (ClientError, BotoCoreError) as error:
        raise ServiceError(f"cannot read the logs of run {run_id} from the stack: {error}") from error


def stack_trouble(folder: StateFolder, since: str) -> list[str]:
    """Return the warnings and errors that MiniStack itself logged from ``since`` (ISO 8601, UTC) on, the newest last.

    A function that cannot even be imported is told there alone.
    """
    start = datetime.fromisoformat(since).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    found = _TROUBLE.findall(tail(ministack.log_file(folder), _LINES))
    return [line for line in found if line >= start][-_TROUBLE_LINES:]


def _history(client: "SFNClient", machine: str, run_id: str) -> Iterator[dict[str, str]]:
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{run_id}"
    try:
        pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
        for page in pages:
            for event in page["events"]:
                yield _event(dict(event))
    except client.exceptions.ExecutionDoesNotExist:
        return  # the poller has not started it yet


def _event(event: dict[str, Any]) -> dict[str, str]:
    details: dict[str, Any] = next(
        (value for name, value in event.items() if name.endswith("EventDetails") and value), {}
    )
    text = ": ".join(str(details[name]) for name in ("error", "cause") if details.get(name))
    return {
        "time": _time(event["timestamp"]),
        "event": str(event["type"]),
        "name": str(details.get("name", "")),
        "detail": text[:_DETAIL],
    }


def _lines(client: "CloudWatchLogsClient", run_id: str) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/"):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            found = client.get_paginator("filter_log_events").paginate(
                logGroupName=name, filterPattern=f'"{run_id}"', PaginationConfig={"MaxItems": _LINES}
            )
            for events in found:
                for event in events["events"]:
                    if run_id in event["message"]:
                        yield {
                            "time": _time(datetime.fromtimestamp(event["timestamp"] / 1000, tz=UTC)),
                            "function": name.rpartition("/")[2],
                            "message": line_of(event["message"]),
                        }


def line_of(raw: str) -> str:
    """Return a structured line's level, message and own fields, or the line as it is."""
    try:
        data = json.loads(raw)
    except ValueError:
        return raw.strip()
    if not isinstance(data, dict) or "message" not in data:
        return raw.strip()
    own = [f"{name}={value}" for name, value in data.items() if name not in _COMMON and not isinstance(value, dict)]
    return " ".join(
        filter(None, (str(data.get("level", "")), str(data["message"]), *own, str(data.get("exception", ""))))
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
