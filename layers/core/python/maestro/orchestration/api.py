"""The HTTP API as a whole: its routes, its document, and how errors are told.

Every route names the scope that it needs; a caller without a valid key gets nowhere. Errors are problem details
(RFC 9457) with a stable ``code``.
"""

import json
from http import HTTPStatus

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRoute
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from maestro.model import MaestroError
from maestro.orchestration.context import Context
from maestro.orchestration.errors import RequestError
from maestro.orchestration.keys import KeyError_
from maestro.orchestration.routes import VERSION, Caller, add_audit, add_repairs, add_results, add_runs, add_service

PROBLEM = "application/problem+json"


def build(context: Context) -> APIGatewayHttpResolver:
    """Return the API on the given stores and streams."""
    app = APIGatewayHttpResolver(enable_validation=True)
    app.enable_swagger(path="/docs", title="Maestro CARS", version=VERSION)
    _errors(app)
    caller = Caller(app, context)
    add_service(app, caller, lambda: schema(app))
    add_runs(app, caller)
    add_results(app, caller)
    add_repairs(app, caller)
    add_audit(app, caller)
    return app


def schema(app: APIGatewayHttpResolver) -> str:
    """Return the OpenAPI document of the API as JSON text."""
    return app.get_openapi_json_schema(
        title="Maestro CARS",
        version=VERSION,
        description="Continuous Auto-Repair Service: proven repairs for failing checks.",
    )


def problem(status: int, code: str, detail: str) -> Response[str]:
    """Return an RFC 9457 problem document."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail}
    return Response(status, PROBLEM, json.dumps(body))


def _errors(app: APIGatewayHttpResolver) -> None:
    def refused(error: RequestError | KeyError_) -> Response[str]:
        return problem(error.status, error.code, str(error))

    def invalid(error: RequestValidationError) -> Response[str]:
        problems = "; ".join(f"{'.'.join(str(p) for p in e['loc'][1:]) or 'body'}: {e['msg']}" for e in error.errors())
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", problems)

    def trouble(error: MaestroError) -> Response[str]:
        status = HTTPStatus.SERVICE_UNAVAILABLE if error.retryable else HTTPStatus.BAD_REQUEST
        return problem(status, error.code, str(error))

    def no_route(_: NoRoute) -> Response[str]:
        event = app.current_event
        return problem(
            HTTPStatus.NOT_FOUND, "no_such_route", f"There is no {event.http_method} {event.path}; see /docs."
        )

    app.exception_handler([KeyError_, RequestError])(refused)
    app.exception_handler(RequestValidationError)(invalid)
    app.exception_handler(MaestroError)(trouble)
    app.exception_handler(NoRoute)(no_route)
