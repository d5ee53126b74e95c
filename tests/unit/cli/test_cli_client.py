"""The client of the HTTP API, against a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from maestro_cli.client import Client
from maestro_cli.errors import ApiError, Exit, ServiceError
from support.api_server import ApiServer, api_server


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with api_server() as server:
        yield server


def test_it_sends_the_key_and_reads_json(api: ApiServer) -> None:
    api.on("GET", "/v1/runs/1", (200, {"id": "1"}))

    assert Client(api.url + "/", "mk_a_b").get("/v1/runs/1") == {"id": "1"}

    assert api.seen[0].headers["authorization"] == "Bearer mk_a_b"


def test_a_problem_document_becomes_a_message_with_its_code(api: ApiServer) -> None:
    problem = {"title": "Conflict", "status": 409, "code": "conflict", "detail": "Run 1 has already ended: passed."}
    api.on("POST", "/v1/runs/1/cancel", (409, problem))

    with pytest.raises(ApiError, match="Run 1 has already ended") as caught:
        Client(api.url, "k").post("/v1/runs/1/cancel", idempotency_key="i")

    assert caught.value.problem_code == "conflict"
    assert caught.value.exit_code is Exit.USAGE


def test_a_refused_key_says_how_to_get_another(api: ApiServer) -> None:
    api.on("GET", "/v1/runs", (401, {"title": "Unauthorized", "code": "unauthenticated", "detail": "no key"}))

    with pytest.raises(ApiError, match="maestro keys create"):
        Client(api.url, "wrong").get("/v1/runs")


def test_a_busy_service_is_asked_again_with_the_same_idempotency_key(api: ApiServer) -> None:
    # given a service that is away, then busy, then well
    api.on("POST", "/v1/runs", (503, {}), (429, {}), (202, {"id": "1"}))

    # when something is posted once
    assert Client(api.url, "k").post("/v1/runs", {"project": "p"}, idempotency_key="once") == {"id": "1"}

    # then every attempt carries the same key
    assert [request.headers["idempotency-key"] for request in api.calls("POST", "/v1/runs")] == ["once"] * 3


def test_a_service_that_stays_busy_is_given_up(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_cli.client._BACKOFF", 0.001)
    api.on("GET", "/v1/runs", (503, b"down for maintenance"))

    with pytest.raises(ApiError, match="down for maintenance") as caught:
        Client(api.url, "k").get("/v1/runs")

    assert caught.value.status == 503
    assert caught.value.exit_code is Exit.INTERNAL


def test_a_service_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_cli.client._BACKOFF", 0.001)

    with pytest.raises(ServiceError, match=r"cannot reach http://127\.0\.0\.1:1"):
        Client("http://127.0.0.1:1/api", "k").get("/v1/runs")


def test_pages_are_read_until_the_cursor_ends_or_the_limit_is_reached(api: ApiServer) -> None:
    api.routes["GET", "/v1/runs"] = lambda request: (
        200,
        {"items": [{"id": "3"}], "cursor": None}
        if "cursor=next" in request.query
        else {"items": [{"id": "1"}, {"id": "2"}], "cursor": "next"},
    )
    client = Client(api.url, "k")

    assert [item["id"] for item in client.pages("/v1/runs")] == ["1", "2", "3"]
    assert [item["id"] for item in client.pages("/v1/runs", limit=1)] == ["1"]


def test_an_upload_goes_without_the_key(api: ApiServer, tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar.gz"
    bundle.write_bytes(b"x" * 100_000)
    api.on("PUT", "/bucket/key", b"")

    Client(api.url, "secret").upload(f"{api.url}/bucket/key?signature=1", bundle)

    request = api.seen[0]
    assert request.body == bundle.read_bytes()
    assert "authorization" not in request.headers


def test_a_refused_upload_is_an_error(api: ApiServer, tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar.gz"
    bundle.write_bytes(b"x")
    api.on("PUT", "/bucket/key", (403, b"SignatureDoesNotMatch"))

    with pytest.raises(ServiceError, match="SignatureDoesNotMatch"):
        Client(api.url, "k").upload(f"{api.url}/bucket/key", bundle)


def test_an_answer_that_is_not_json_is_an_error(api: ApiServer) -> None:
    api.on("GET", "/v1/runs", b"<html>a captive portal</html>")

    with pytest.raises(ServiceError, match="captive portal"):
        Client(api.url, "k").get("/v1/runs")
