"""Objects in S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from maestro.orchestration.errors import BlobNotFoundError, StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LATER = frozenset(("InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "500", "503"))
# S3 answers 403, not 404, for a missing object to whoever may not list the bucket, as least privilege has it.
_MISSING = frozenset(("404", "NoSuchKey", "NotFound", "403", "AccessDenied", "Forbidden"))


class S3BlobStore:
    """Objects in one bucket. Presigned URLs carry the client's credentials and end with them."""

    def __init__(self, bucket: str, client: "S3Client") -> None:
        self._bucket = bucket
        self._client = client

    @contextmanager
    def _explained(self, key: str, *, reading: bool = False) -> Iterator[None]:
        try:
            yield
        except self._client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if reading and code in _MISSING:
                message = f"There is no object {key}, or this function may not read it (S3 says {code})."
                raise BlobNotFoundError(message) from error
            if code in _LATER:
                raise StoreUnavailableError(f"The bucket {self._bucket} is not available: {error}") from error
            raise

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store an object."""
        with self._explained(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Return an object's bytes."""
        with self._explained(key, reading=True):
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def exists(self, key: str) -> bool:
        """Tell whether there is an object that may be read."""
        try:
            with self._explained(key, reading=True):
                self._client.head_object(Bucket=self._bucket, Key=key)
        except BlobNotFoundError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object."""
        with self._explained(key):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def presign_get(self, key: str, seconds: int = 3600) -> str:
        """Return a URL for GET."""
        what = {"Bucket": self._bucket, "Key": key}
        return self._client.generate_presigned_url("get_object", Params=what, ExpiresIn=seconds)

    def presign_put(self, key: str, seconds: int = 3600) -> str:
        """Return a URL for PUT."""
        what = {"Bucket": self._bucket, "Key": key}
        return self._client.generate_presigned_url("put_object", Params=what, ExpiresIn=seconds)

    def list(self, prefix: str) -> list[str]:
        """Return keys."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        with self._explained(prefix):
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
