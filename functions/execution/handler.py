"""The sandbox as a Lambda function: one order in, one answer out."""

import os
from typing import Any

from maestro.orchestration.errors import WrongTenantError
from maestro.orchestration.execution import Execution, Sandbox
from maestro.settings import settings

_execution = Execution(Sandbox(cache=settings().cache, network=settings().network, path=settings().path))


def handler(event: dict[str, Any], context: Any) -> Any:
    """Carry out the order that the event points to."""
    try:
        return _execution.handle(event, context.get_remaining_time_in_millis() / 1000)
    except WrongTenantError:
        os._exit(75)  # a retry gets a fresh process; nothing of the other tenant is left in this one
