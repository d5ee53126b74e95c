"""A small HTTP server that answers as the API does, for tests of its clients."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]
Route = Callable[["Request"], Answer]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ApiServer:
    """Answers by ``routes``: ("GET", "/v1/runs") -> a function of the request; keeps every request in ``seen``."""

    url: str = ""
    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)

    def on(self, method: str, path: str, *answers: Answer | bytes) -> None:
        """Answer with each of these in turn, and with the last one from then on."""
        left = list(answers)

        def route(_: Request) -> Answer:
            answer = left.pop(0) if len(left) > 1 else left[0]
            return (200, answer) if isinstance(answer, bytes) else answer

        self.routes[method, path] = route

    def calls(self, method: str, path: str) -> list[Request]:
        return [request for request in self.seen if (request.method, request.path) == (method, path)]


@contextmanager
def api_server() -> Iterator[ApiServer]:
    api = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, path, query, headers, body)
            api.seen.append(request)
            missing = (404, {"title": "Not Found", "code": "no_such_route", "detail": f"no {self.command} {path}"})
            status, answer = api.routes.get((self.command, path), lambda _: missing)(request)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names of the base class

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
