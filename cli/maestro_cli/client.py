"""A small client of the HTTP API."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from maestro_cli.errors import ApiError, Exit, ServiceError

_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_UPLOAD_TIMEOUT = urllib3.Timeout(connect=10, read=600)
_ATTEMPTS = 5
_BACKOFF = 0.2  # seconds before the second attempt; doubled for each further one
_UNAVAILABLE = frozenset({429, 500, 502, 503, 504})
_USAGE_STATUSES = range(400, 500)


class Client:
    """Speaks to one API with one key.

    Parameters
    ----------
    url
        The API's base URL, without a trailing slash.
    key
        An API key, ``mk_<id>_<secret>``.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._http = pool(self.url)

    def get(self, path: str, **query: str | int | None) -> Any:
        """Return the JSON document at ``path``.

        Raises
        ------
        ApiError
            If the service refuses.
        ServiceError
            If it cannot be reached.
        """
        return _json(self._send("GET", path, query=query))

    def text(self, path: str, **query: str | int | None) -> str:
        """Return the text at ``path``, or at the URL that it names; raises like :meth:`get`."""
        answer = self._send("GET", path, query=query)
        body = self.download(answer.headers["Location"]) if answer.status == HTTPStatus.SEE_OTHER else answer.data
        return body.decode("utf-8", errors="replace")

    def pages(self, path: str, *, limit: int | None = None, **query: str | int | None) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page by page, at most ``limit`` of them; raises like :meth:`get`."""
        cursor: str | None = None
        count = 0
        while True:
            page = self.get(path, cursor=cursor, **query)
            for item in page.get("items", ()):
                if limit is not None and count >= limit:
                    return
                count += 1
                yield item
            cursor = page.get("cursor")
            if not cursor:
                return

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str) -> Any:
        """Post JSON; the idempotency key makes it safe to send again. Raises like :meth:`get`."""
        headers = {"Idempotency-Key": idempotency_key, "Content-Type": "application/json"}
        return _json(self._send("POST", path, body=json.dumps(body or {}).encode(), headers=headers))

    def delete(self, path: str) -> Any:
        """Delete the resource at ``path``; raises like :meth:`get`."""
        return _json(self._send("DELETE", path))

    def upload(self, url: str, file: Path) -> None:
        """Put a file to a presigned URL; raises like :meth:`get`."""
        store = pool(url)
        with file.open("rb") as body:
            try:
                answer = store.request(
                    "PUT",
                    url,
                    body=body,
                    headers={"Content-Length": str(file.stat().st_size)},
                    timeout=_UPLOAD_TIMEOUT,
                    retries=urllib3.Retry(total=3, backoff_factor=_BACKOFF, allowed_methods=["PUT"]),
                )
            except urllib3.exceptions.HTTPError as error:
                raise ServiceError(f"cannot upload the source to {_host(url)}: {error}; try again") from error
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ServiceError(
                f"the store at {_host(url)} refused the source with status {answer.status}: {answer.data[:300]!r}"
            )

    def download(self, url: str) -> bytes:
        """Return what stands at a URL that the service gave; raises like :meth:`get`."""
        try:
            answer = pool(url).request("GET", url, timeout=_TIMEOUT, retries=urllib3.Retry(total=3, backoff_factor=1))
        except urllib3.exceptions.HTTPError as error:
            raise ServiceError(f"cannot download from {_host(url)}: {error}; try again") from error
        if answer.status != HTTPStatus.OK:
            raise ServiceError(f"cannot download from {_host(url)}: status {answer.status}")
        return answer.data

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, again while the service is busy or away; every call here is safe to repeat."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = self.url + path + (f"?{urlencode(given)}" if given else "")
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_BACKOFF * 2 ** (attempt - 1))
            last = attempt == _ATTEMPTS - 1
            try:
                answer = self._http.request(
                    method,
                    target,
                    body=body,
                    headers={**self._headers, **(headers or {})},
                    timeout=_TIMEOUT,
                    retries=False,
                    redirect=False,
                )
            except urllib3.exceptions.HTTPError as error:
                if last:
                    raise ServiceError(
                        f"cannot reach {_host(self.url)}: {error}; check the URL, or `maestro status` for a local stack"
                    ) from error
                continue
            if answer.status in _UNAVAILABLE and not last:
                continue
            if not (answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status == HTTPStatus.SEE_OTHER):
                raise _refusal(method, path, answer)
            return answer
        raise AssertionError("unreachable")  # pragma: no cover


def _refusal(method: str, path: str, answer: urllib3.BaseHTTPResponse) -> ApiError:
    """Turn a problem document (RFC 9457), or whatever came instead, into an error that says what happened."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": answer.data[:300].decode("utf-8", errors="replace").strip()}
    title = problem.get("title") or answer.reason or "refused"
    detail = problem.get("detail") or problem.get("message") or ""
    lines = [f"{title} (status {answer.status}, {method} {path})" + (f": {detail}" if detail else "")]
    if answer.status == HTTPStatus.UNAUTHORIZED:
        lines.append("  give a valid key by --key or MAESTRO_KEY; `maestro keys create` makes one")
    error = ApiError("\n".join(lines), status=answer.status, problem_code=str(problem.get("code") or ""))
    if answer.status in _USAGE_STATUSES:
        error.exit_code = Exit.USAGE  # type: ignore[misc]
    return error


def _json(answer: urllib3.BaseHTTPResponse) -> Any:
    if not answer.data:
        return {}
    try:
        return answer.json()
    except ValueError as error:
        raise ServiceError(f"the service answered with something that is not JSON: {answer.data[:200]!r}") from error


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def pool(url: str) -> urllib3.PoolManager:
    """Return a pool that goes through the operator's proxy where one is set for this host."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    bundle = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    options: dict[str, Any] = {"ca_certs": bundle} if bundle and parts.scheme == "https" else {}
    if not proxy or parts.hostname in ("127.0.0.1", "localhost") or urllib.request.proxy_bypass(parts.netloc):
        return urllib3.PoolManager(**options)
    return urllib3.ProxyManager(proxy, **options)
