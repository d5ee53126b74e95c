"""The routes of the HTTP API: what each takes, what it answers, and which scope it needs."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from maestro.audit import export, verify
from maestro.model import Outcome, Review, Run, Word, dump
from maestro.orchestration.context import Context
from maestro.orchestration.errors import NotFoundError
from maestro.orchestration.intake import now
from maestro.orchestration.keys import Principal
from maestro.orchestration.reading import Reading

VERSION = "0.1.0"
MAX_PAGE = 100


class UploadOpened(BaseModel):
    """Where to PUT a source bundle (tar.gz)."""

    upload_id: str
    url: str
    method: str = "PUT"
    expires_in: int = Field(description="seconds")


class RunRequest(BaseModel):
    """What to run. ``upload_id`` names a bundle that was uploaded before."""

    model_config = ConfigDict(extra="forbid")

    project: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.@/+ -]+$")]
    upload_id: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    heal: bool = True
    suites: Annotated[list[str], Field(max_length=100)] = []
    changes: Annotated[list[dict[str, Any]], Field(max_length=50, description="recent commits, newest first")] = []


class ReviewRequest(BaseModel):
    """Why a repair is approved or rejected, for whoever reads it later."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2000)] = ""


class RunView(BaseModel):
    """A run as its reader sees it."""

    id: str
    project: str
    status: str
    reason: str = ""
    code: str = ""
    created_at: str
    started_at: str = ""
    ended_at: str = ""
    heal: bool = True
    cancel_requested: bool = False
    totals: dict[str, int] = {}
    progress: dict[str, Any] = {}
    url: str = ""


class Page(BaseModel):
    """One page of a list; ``cursor`` asks for the next one."""

    items: list[dict[str, Any]]
    cursor: str | None = None


class Caller:
    """The request that is being served: who makes it, and what it may see."""

    def __init__(self, app: APIGatewayHttpResolver, context: Context) -> None:
        self.app = app
        self.context = context

    @property
    def reading(self) -> Reading:
        """What came out of runs."""
        return Reading(self.context.runs, self.context.blobs)

    def principal(self, scope: str) -> Principal:
        """Return who calls; raises a ``KeyError_`` for a caller who may not do what ``scope`` names."""
        headers = self.app.current_event.headers
        presented = headers.get("authorization", "").removeprefix("Bearer ").strip()
        return self.context.keys.verify(presented or headers.get("x-api-key", ""), scope)

    def mine(self, tenant: str, run_id: str) -> Run:
        """Return the tenant's run; raises NotFoundError."""
        run = self.context.runs.get_run(tenant, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id}.")
        return run

    def view(self, run: Run) -> RunView:
        """Show a run, with its live counters."""
        data = dump(run)
        return RunView(
            **{k: data[k] for k in RunView.model_fields if k in data and k not in ("totals", "progress")},
            totals=dict(run.totals),
            progress={**run.progress, **self.context.runs.counters_of(run.tenant, run.id)},
            url=f"/v1/runs/{run.id}",
        )


def add_service(app: APIGatewayHttpResolver, caller: Caller, document: Callable[[], str]) -> None:
    """Add the routes that tell about the service itself; they need no key."""
    context = caller.context

    @app.get("/health", summary="Health of each part", tags=["Service"])
    def health() -> Response[str]:
        parts = context.health()
        well = all(state == "ok" for state in parts.values())
        body = json.dumps({"status": "ok" if well else "degraded", "version": VERSION, "parts": parts})
        return Response(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, content_types.APPLICATION_JSON, body)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> Response[str]:
        return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, document())


def add_runs(app: APIGatewayHttpResolver, caller: Caller) -> None:
    """Add the routes that submit, read and stop runs."""
    context = caller.context

    @app.post("/v1/uploads", summary="A presigned URL for a source bundle", tags=["Runs"])
    def open_upload() -> UploadOpened:
        who = caller.principal("runs:write")
        return UploadOpened.model_validate(context.intake.open_upload(who.tenant))

    @app.post("/v1/runs", summary="Submit a run", tags=["Runs"])
    def submit(request: RunRequest) -> tuple[RunView, int]:
        who = caller.principal("runs:write")

        def once() -> dict[str, Any]:
            run = context.intake.submit(
                who.tenant,
                request.project,
                request.upload_id,
                heal=request.heal,
                suites=request.suites,
                changes=request.changes,
            )
            return caller.view(run).model_dump()

        key = caller.app.current_event.headers.get("idempotency-key", "")
        answer = context.idempotent(who.tenant, key, request.model_dump(), once) if key else once()
        return RunView.model_validate(answer), HTTPStatus.ACCEPTED

    @app.get("/v1/runs", summary="List runs, newest first", tags=["Runs"])
    def list_runs(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20, cursor: Annotated[str | None, Query()] = None
    ) -> Page:
        who = caller.principal("runs:read")
        page = context.runs.list_runs(who.tenant, limit, cursor)
        return Page(items=[caller.view(run).model_dump() for run in page.items], cursor=page.cursor)

    @app.get("/v1/runs/<run_id>", summary="Read a run", tags=["Runs"])
    def get_run(run_id: Annotated[str, Path()]) -> RunView:
        return caller.view(caller.mine(caller.principal("runs:read").tenant, run_id))

    @app.post("/v1/runs/<run_id>/cancel", summary="Cancel a run", tags=["Runs"])
    def cancel(run_id: Annotated[str, Path()]) -> RunView:
        who = caller.principal("runs:write")
        return caller.view(context.intake.cancel(who.tenant, run_id))


def add_results(app: APIGatewayHttpResolver, caller: Caller) -> None:
    """Add the routes that show what came out."""
    context = caller.context

    @app.get("/v1/runs/<run_id>/tests", summary="The results of a run's tests", tags=["Results"])
    def tests(
        run_id: Annotated[str, Path()],
        outcome: Annotated[Outcome | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        cursor: Annotated[str | None, Query()] = None,
    ) -> Page:
        run = caller.mine(caller.principal("runs:read").tenant, run_id)
        items, after = caller.reading.tests(run, outcome, limit, cursor)
        return Page(items=items, cursor=after)

    @app.get("/v1/runs/<run_id>/failures", summary="The failures of a run, grouped by cause", tags=["Results"])
    def failures(run_id: Annotated[str, Path()]) -> Page:
        run = caller.mine(caller.principal("runs:read").tenant, run_id)
        found = {f.id: f for f in context.runs.list_failures(run.tenant, run.id)}  # of several passes the last one's
        return Page(items=[dump(f) for f in found.values()])

    @app.get("/v1/runs/<run_id>/repairs", summary="The repairs of a run, accepted and rejected", tags=["Results"])
    def repairs(run_id: Annotated[str, Path()]) -> Page:
        run = caller.mine(caller.principal("runs:read").tenant, run_id)
        return Page(items=[dump(r) for r in context.runs.list_repairs(run.tenant, run.id)])

    @app.get("/v1/runs/<run_id>/report", summary="The report of a run that has ended", tags=["Results"])
    def report(run_id: Annotated[str, Path()], format: Annotated[str, Query()] = "json") -> Response[str]:  # noqa: A002 - the query's name
        run = caller.mine(caller.principal("runs:read").tenant, run_id)
        if format == "json":
            return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, json.dumps(caller.reading.document(run)))
        return Response(HTTPStatus.SEE_OTHER, headers={"Location": caller.reading.report_url(run, format)}, body="")

    @app.get("/v1/statistics", summary="Totals of the tenant", tags=["Results"])
    def statistics() -> dict[str, int]:
        return dict(context.runs.counters(caller.principal("runs:read").tenant))


def add_repairs(app: APIGatewayHttpResolver, caller: Caller) -> None:
    """Add the routes of repairs, and of what people say of them."""
    context = caller.context

    @app.get("/v1/repairs", summary="The repairs of all runs, newest run first", tags=["Repairs"])
    def all_repairs(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20, cursor: Annotated[str | None, Query()] = None
    ) -> Page:
        who = caller.principal("runs:read")
        page = context.runs.list_all_repairs(who.tenant, limit, cursor)
        return Page(items=[dump(r) for r in page.items], cursor=page.cursor)

    def review(repair_id: str, word: Word, request: ReviewRequest | None) -> dict[str, Any]:
        who = caller.principal("repairs:write")
        said = Review(word, at=now(), by=who.key_id, reason=request.reason if request else "")
        return dict(dump(context.runs.review_repair(who.tenant, repair_id, said)))

    @app.post("/v1/repairs/<repair_id>/approve", summary="Say that a repair is right", tags=["Repairs"])
    def approve(repair_id: Annotated[str, Path()], request: ReviewRequest | None = None) -> dict[str, Any]:
        return review(repair_id, Word.APPROVED, request)

    @app.post("/v1/repairs/<repair_id>/reject", summary="Say that a repair is wrong", tags=["Repairs"])
    def reject(repair_id: Annotated[str, Path()], request: ReviewRequest | None = None) -> dict[str, Any]:
        return review(repair_id, Word.REJECTED, request)


def add_audit(app: APIGatewayHttpResolver, caller: Caller) -> None:
    """Add the routes of the audit trail."""
    context = caller.context

    @app.get("/v1/audit", summary="The audit trail", tags=["Audit"])
    def audit(after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> Page:
        who = caller.principal("audit:read")
        entries = context.ledger.entries(who.tenant, after=after, limit=limit)
        items = [json.loads(line) for line in export(entries)]
        return Page(items=items, cursor=str(items[-1]["seq"]) if len(items) == limit else None)

    @app.get("/v1/audit/verify", summary="Whether the audit trail is whole", tags=["Audit"])
    def audit_verify() -> dict[str, Any]:
        who = caller.principal("audit:read")
        return dict(dump(verify(context.ledger.entries(who.tenant), context.ledger.head(who.tenant))))
