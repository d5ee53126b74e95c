"""Calls of one function by another."""

from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class AsyncInvoker:
    """Invokes one function asynchronously; what the function answers is nobody's concern here."""

    def __init__(self, function: str, client: "LambdaClient | None" = None) -> None:
        self._function = function
        self._client: LambdaClient = client or boto3.client("lambda")

    def __call__(self) -> None:
        """Ask Lambda to run the function soon."""
        self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=b'{"source": "intake"}')
