"""Healing as a Lambda function."""

from typing import Any

from maestro.orchestration.context import context
from maestro.orchestration.dispatch import healing_step


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Carry out the step that ``action`` names on the state machine's ``state``."""
    return healing_step(context(), event)
