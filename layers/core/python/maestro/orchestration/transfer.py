"""Presigned URLs: one object in, one object out, retried where that helps."""

import shutil
from pathlib import Path
from typing import ClassVar

import urllib3

from maestro.orchestration.errors import TransferError
from maestro.resilience import retry

_RETRIED = (429, 500, 502, 503, 504)
_ATTEMPTS = 4


class AbsentError(TransferError):
    """There is no such object, or no right to it any more."""

    code: ClassVar[str] = "object_absent"
    retryable: ClassVar[bool] = False


class _TryAgainError(TransferError):
    """An answer that may be different next time."""


def _request(
    pool: urllib3.PoolManager, method: str, url: str, body: bytes | None, *, stream: bool
) -> urllib3.BaseHTTPResponse:
    response = pool.request(
        method,
        url,
        body=body,
        preload_content=not stream,
        redirect=False,
        retries=False,
        timeout=urllib3.Timeout(connect=10, read=120),
    )
    if response.status in _RETRIED:
        response.release_conn()
        raise _TryAgainError(f"{method} of an object answered {response.status}")
    return response


class Transfer:
    """Reads and writes presigned URLs. One object serves a whole process."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=4)

    def get(self, url: str) -> bytes:
        """Return the object's bytes.

        Raises
        ------
        TransferError
            If the object cannot be had.
        """
        response = self._send("GET", url, None, stream=False)
        return response.data

    def download(self, url: str, dest: Path) -> None:
        """Write the object to a file; raises TransferError like :meth:`get`."""
        response = self._send("GET", url, None, stream=True)
        try:
            with dest.open("wb") as out:
                shutil.copyfileobj(response, out, 1 << 20)
        finally:
            response.release_conn()

    def find(self, url: str, dest: Path) -> bool:
        """Write the object to a file if there is one; tell whether there was. Raises TransferError like :meth:`get`."""
        try:
            self.download(url, dest)
        except AbsentError:
            return False
        return True

    def put(self, url: str, body: bytes) -> None:
        """Store bytes as the object; raises TransferError like :meth:`get`."""
        self._send("PUT", url, body, stream=False)

    def _send(self, method: str, url: str, body: bytes | None, *, stream: bool) -> urllib3.BaseHTTPResponse:
        try:
            response = retry(
                lambda: _request(self._pool, method, url, body, stream=stream),
                attempts=_ATTEMPTS,
                seconds=60.0,
                first_wait=0.2,
                on=(_TryAgainError, urllib3.exceptions.HTTPError),
            )
        except urllib3.exceptions.HTTPError as error:
            msg = (
                f"{method} of an object failed: {type(error).__name__}. Is the URL still valid, and the network there?"
            )
            raise TransferError(msg) from error
        if response.status in (403, 404):  # S3 answers 403 for what is not there to those who may not list
            response.release_conn()
            raise AbsentError(
                f"{method} of an object answered {response.status}: it is not there, or the URL has expired."
            )
        if response.status >= 300:  # noqa: PLR2004 - HTTP's own border
            msg = f"{method} of an object answered {response.status}: the presigned URL has expired or names nothing."
            raise TransferError(msg)
        return response
