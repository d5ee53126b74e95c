"""The HTTP API as a Lambda function."""

from functools import cache
from typing import TYPE_CHECKING, Any

from maestro.orchestration.api import build
from maestro.orchestration.context import context

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver


@cache
def _app() -> "APIGatewayHttpResolver":
    return build(context())


def handler(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Answer one HTTP request (API Gateway payload format 2.0)."""
    return _app().resolve(event, lambda_context)
