"""The HTTP API at its edge: what callers send and get, on in-memory stores."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import boto3
import pytest
from maestro.audit import InMemoryLedger
from maestro.model import Repair, RepairStatus, RunStatus, Strategy, Tally, Tier
from maestro.orchestration.api import build
from maestro.orchestration.context import Context
from maestro.orchestration.intake import Intake
from maestro.orchestration.keys import ApiKeys
from maestro.orchestration.memory import InMemoryBlobStore, InMemoryKeyStore, InMemoryRunStore
from maestro.orchestration.naming import run_key, source_key
from maestro.settings import Settings
from maestro.streams import InMemoryStreams
from moto import mock_aws

UPLOAD = "01a202d0-6ad4-75f2-a22e-a6af5593e4c0"
BODY = {"project": "shop", "upload_id": UPLOAD}


class Answer:
    """What the API answered."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.status = raw["statusCode"]
        self.type = raw["headers"].get("Content-Type", "")
        self.location = raw["headers"].get("Location", "")
        self.text = raw.get("body") or ""

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Service:
    """The API on in-memory parts, with one key that may do everything."""

    def __init__(self) -> None:
        context = Context(Settings(idempotency_table="idempotency"))
        ledger = InMemoryLedger()
        self.runs, self.blobs = InMemoryRunStore(ledger), InMemoryBlobStore()
        self.keys = ApiKeys(InMemoryKeyStore())
        # cached properties are plain attributes: what is set is not made
        vars(context).update(
            ledger=ledger,
            runs=self.runs,
            blobs=self.blobs,
            streams=InMemoryStreams(),
            keys=self.keys,
            intake=Intake(self.runs, self.blobs, InMemoryStreams(), lambda: None),
        )
        self._app = build(context)
        self.key = self.key_with("runs:read", "runs:write", "repairs:write", "audit:read")
        self.blobs.put(source_key("acme", UPLOAD), b"a bundle")

    def key_with(self, *scopes: str, tenant: str = "acme", ttl: timedelta | None = None) -> str:
        return self.keys.create(tenant, scopes, ttl)[0]

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Answer:
        path, _, query = path.partition("?")
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "queryStringParameters": dict(pair.split("=", 1) for pair in query.split("&") if pair),
            "headers": {
                "content-type": "application/json",
                "authorization": f"Bearer {self.key if key is None else key}",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
            "body": body if isinstance(body, str) else json.dumps(body) if body is not None else None,
            "isBase64Encoded": False,
        }
        return Answer(self._app.resolve(event, None))


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def run_id(service: Service) -> str:
    return str(service.call("POST", "/v1/runs", BODY).json["id"])


def ended(service: Service, run_id: str) -> None:
    service.runs.transition("acme", run_id, RunStatus.RUNNING, expected={RunStatus.QUEUED})
    service.runs.transition("acme", run_id, RunStatus.PASSED, expected={RunStatus.RUNNING})


def test_a_run_is_accepted_and_can_be_read(service: Service) -> None:
    # when a run is submitted
    answer = service.call("POST", "/v1/runs", BODY)

    # then it is accepted, and reading it, alone or in the list, shows the same
    assert answer.status == 202
    read = service.call("GET", answer.json["url"])
    assert (read.status, read.json["status"], read.json["project"]) == (200, "queued", "shop")
    assert service.call("GET", "/v1/runs").json["items"] == [read.json]


def test_an_upload_gets_a_url_for_one_object(service: Service) -> None:
    answer = service.call("POST", "/v1/uploads")

    assert (answer.status, answer.json["method"]) == (200, "PUT")
    assert answer.json["upload_id"] in answer.json["url"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "project"),
        ({**BODY, "project": ""}, "project"),
        ({**BODY, "project": "<script>"}, "project"),
        ({**BODY, "upload_id": "../../x"}, "upload_id"),
        ({**BODY, "heal": "perhaps"}, "heal"),
        ({**BODY, "suites": "unit"}, "suites"),
        ({**BODY, "colour": "red"}, "colour"),
        ([], ""),
        ("{not json", ""),
    ],
)
def test_a_bad_body_is_a_problem_that_names_the_field(service: Service, body: Any, named: str) -> None:
    answer = service.call("POST", "/v1/runs", body)

    assert (answer.status, answer.type) == (422, "application/problem+json")
    assert answer.json["code"] == "invalid_request"
    assert named in answer.json["detail"]
    assert service.call("GET", "/v1/runs").json["items"] == []


ROUTES = [
    ("POST", "/v1/uploads", "runs:write"),
    ("POST", "/v1/runs", "runs:write"),
    ("GET", "/v1/runs", "runs:read"),
    ("GET", "/v1/runs/x", "runs:read"),
    ("POST", "/v1/runs/x/cancel", "runs:write"),
    ("GET", "/v1/runs/x/tests", "runs:read"),
    ("GET", "/v1/runs/x/failures", "runs:read"),
    ("GET", "/v1/runs/x/repairs", "runs:read"),
    ("GET", "/v1/runs/x/report", "runs:read"),
    ("GET", "/v1/repairs", "runs:read"),
    ("POST", "/v1/repairs/x/approve", "repairs:write"),
    ("POST", "/v1/repairs/x/reject", "repairs:write"),
    ("GET", "/v1/statistics", "runs:read"),
    ("GET", "/v1/audit", "audit:read"),
    ("GET", "/v1/audit/verify", "audit:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_every_route_wants_a_key_with_its_scope(service: Service, method: str, path: str, scope: str) -> None:
    body = BODY if path == "/v1/runs" and method == "POST" else None
    others = {"runs:read", "runs:write", "repairs:write", "audit:read"} - {scope}

    assert service.call(method, path, body, key="").status == 401
    assert service.call(method, path, body, key="mk_0123456789abcdef_wrong").status == 401
    assert service.call(method, path, body, key=service.key_with(scope, ttl=timedelta(0))).json["code"] == "key_expired"
    assert service.call(method, path, body, key=service.key_with(*others)).status == 403
    assert service.call(method, path, body, key=service.key_with(scope)).status not in (401, 403)


def test_no_route_is_left_out_above(service: Service) -> None:
    document = service.call("GET", "/openapi.json", key="").json
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods if path != "/health"
    }

    of = {"repairs": "{repair_id}", "runs": "{run_id}"}
    assert described == {
        (method, re.sub("(repairs|runs)/x", lambda m: f"{m[1]}/{of[m[1]]}", path)) for method, path, _ in ROUTES
    }


@pytest.mark.parametrize("path", ["", "/tests", "/failures", "/repairs", "/report"])
def test_another_tenants_run_does_not_exist(service: Service, run_id: str, path: str) -> None:
    stranger = service.key_with("runs:read", "runs:write", tenant="other")

    answer = service.call("GET", f"/v1/runs/{run_id}{path}", key=stranger)

    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert service.call("POST", f"/v1/runs/{run_id}/cancel", key=stranger).status == 404
    assert service.call("GET", "/v1/runs", key=stranger).json["items"] == []


def test_a_run_is_cancelled_once(service: Service, run_id: str) -> None:
    assert service.call("POST", f"/v1/runs/{run_id}/cancel").json["cancel_requested"] is True
    ended(service, run_id)

    answer = service.call("POST", f"/v1/runs/{run_id}/cancel")

    assert (answer.status, answer.json["code"]) == (409, "conflict")


def test_a_report_is_there_once_the_run_has_ended(service: Service, run_id: str) -> None:
    # given a run that is under way
    assert service.call("GET", f"/v1/runs/{run_id}/report").status == 409
    ended(service, run_id)
    service.blobs.put(run_key("acme", run_id, "report", "report.html"), b"<html>")

    # when it has ended
    html = service.call("GET", f"/v1/runs/{run_id}/report?format=html")

    # then there is its document, and its page by a URL; other formats are told
    assert service.call("GET", f"/v1/runs/{run_id}/report").json["outcome"] == "passed"
    assert html.status == 303
    assert "report.html" in html.location
    assert service.call("GET", f"/v1/runs/{run_id}/report?format=junit").status == 404
    assert "html, junit" in service.call("GET", f"/v1/runs/{run_id}/report?format=pdf").json["detail"]


def repaired(service: Service, run_id: str, status: RepairStatus = RepairStatus.ACCEPTED) -> str:
    repair = Repair(
        f"r-{status}", ("f1",), Strategy.SYNTAX_REPAIR, status, Tier.REVIEW, 0.8, "a colon", ("t::a",), ("a",), "+:",
        generator="one_slip", pattern="syntax:SyntaxError",
    )  # fmt: skip
    service.runs.put_repair("acme", run_id, repair)
    return repair.id


@pytest.mark.parametrize(("verb", "word", "counts"), [("approve", "approved", (1, 0)), ("reject", "rejected", (0, 1))])
def test_a_persons_word_on_a_repair_is_stored_once(
    service: Service, run_id: str, verb: str, word: str, counts: tuple[int, int]
) -> None:
    repair = repaired(service, run_id)

    # when it is said twice, with a reason, by a key that is known
    first = service.call("POST", f"/v1/repairs/{repair}/{verb}", {"reason": "I looked"})
    again = service.call("POST", f"/v1/repairs/{repair}/{verb}", {"reason": "I looked"})

    # then both answers are the same, the list shows it, and it counts and is audited once
    assert (first.status, again.json) == (200, first.json)
    review = first.json["review"]
    assert (review["word"], review["reason"]) == (word, "I looked")
    assert review["by"]
    assert review["by"] in service.key
    assert service.call("GET", "/v1/repairs").json["items"] == [first.json]
    assert service.runs.tallies("acme") == [Tally("shop", "syntax_repair", "one_slip", "syntax:SyntaxError", *counts)]
    told = [e["action"] for e in service.call("GET", "/v1/audit").json["items"]]
    assert told.count(f"review.{word}") == 1


def test_a_word_needs_no_reason_and_can_be_changed(service: Service, run_id: str) -> None:
    repair = repaired(service, run_id)
    assert service.call("POST", f"/v1/repairs/{repair}/approve").json["review"]["reason"] == ""
    assert service.call("POST", f"/v1/repairs/{repair}/reject", {}).json["review"]["word"] == "rejected"
    [tally] = service.runs.tallies("acme")
    assert (tally.right, tally.wrong) == (0, 1)


def test_a_word_on_nothing_or_on_what_was_refused_is_a_problem(service: Service, run_id: str) -> None:
    mine, refused = repaired(service, run_id), repaired(service, run_id, RepairStatus.REJECTED)
    stranger = service.key_with("repairs:write", tenant="other")

    assert service.call("POST", "/v1/repairs/nothing/approve").json["code"] == "not_found"
    assert service.call("POST", f"/v1/repairs/{mine}/approve", key=stranger).status == 404
    conflict = service.call("POST", f"/v1/repairs/{refused}/approve")
    assert (conflict.status, conflict.type, conflict.json["code"]) == (
        409,
        "application/problem+json",
        "repair_not_accepted",
    )
    for body in ({"reason": "x" * 2001}, {"why": "x"}, {"reason": 3}, []):
        assert service.call("POST", f"/v1/repairs/{mine}/reject", body).status == 422
    assert service.runs.tallies("acme") == []


def test_lists_come_in_pages(service: Service) -> None:
    ids = [service.call("POST", "/v1/runs", BODY).json["id"] for _ in range(5)]

    first = service.call("GET", "/v1/runs?limit=3").json
    second = service.call("GET", f"/v1/runs?limit=3&cursor={first['cursor']}").json

    assert [r["id"] for r in first["items"] + second["items"]] == ids[::-1]
    assert second["cursor"] is None
    assert service.call("GET", "/v1/runs?cursor=nonsense").status == 400
    assert service.call("GET", "/v1/runs?limit=0").status == 422


def test_the_trail_is_shown_and_proven(service: Service, run_id: str) -> None:
    items = service.call("GET", "/v1/audit").json["items"]

    assert [(entry["action"], entry["subject"]) for entry in items] == [("run.requested", run_id)]
    assert service.call("GET", "/v1/audit/verify").json["ok"] is True


def test_a_path_that_is_not_there_is_a_problem(service: Service) -> None:
    answer = service.call("GET", "/v2/everything")

    assert (answer.status, answer.type, answer.json["code"]) == (404, "application/problem+json", "no_such_route")


@pytest.fixture
def table() -> Iterator[Callable[[], int]]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="idempotency",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield lambda: client.scan(TableName="idempotency")["Count"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # the time left of a Lambda function that there is none of
def test_a_repeated_request_is_one_request(
    service: Service, table: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    # when the same request comes twice under one key, then another one under the same key
    first = service.call("POST", "/v1/runs", BODY, idempotency_key="k1")
    again = service.call("POST", "/v1/runs", BODY, idempotency_key="k1")
    other = service.call("POST", "/v1/runs", {**BODY, "heal": False}, idempotency_key="k1")

    # then there is one run, the same answer for the repeat, and a conflict for the other
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json
    assert (other.status, other.json["code"]) == (409, "conflict")
    assert len(service.call("GET", "/v1/runs").json["items"]) == 1
    assert table() == 1


def test_a_run_shows_its_progress(service: Service, run_id: str) -> None:
    service.runs.set_progress("acme", run_id, {"state": "Run Waves", "chunks_total": 4})

    shown = service.call("GET", f"/v1/runs/{run_id}").json["progress"]

    assert (shown["state"], shown["chunks_total"]) == ("Run Waves", 4)
