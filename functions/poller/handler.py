"""The poller as a Lambda function: woken by intake, and every minute as a safety net."""

from typing import Any

from maestro.orchestration.context import context
from maestro.orchestration.polling import serve


def handler(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Poll until the streams are idle or the time is nearly up; return what was done."""
    return serve(context(), lambda_context.get_remaining_time_in_millis() / 1000, str(event.get("source", "")))
