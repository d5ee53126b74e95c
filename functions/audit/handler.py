"""The audit trail as a Lambda function: append, verify, export."""

from typing import Any

from maestro.orchestration.auditing import serve
from maestro.orchestration.context import context


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Carry out ``action`` (append, verify, export) on a tenant's trail, or verify entries that the event holds."""
    return serve(context(), event)
