"""Executions of the Step Functions state machines."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from maestro.orchestration.errors import StoreError, StoreUnavailableError
from maestro.orchestration.ports import ExecutionStatus, Kind

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_LATER = frozenset(
    (
        "ExecutionLimitExceeded",
        "InternalFailure",
        "InternalServerError",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "StateMachineDeleting",
        "ThrottlingException",
    )
)
_STATUS: Mapping[str, ExecutionStatus] = {
    "RUNNING": "running",
    "PENDING_REDRIVE": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "failed",
    "ABORTED": "aborted",
}


class StepFunctionsStarter:
    """Starts executions of Standard state machines, whose names are unique for 90 days.

    Parameters
    ----------
    machines
        The ARN of the state machine of each kind.
    """

    def __init__(self, client: "SFNClient", machines: Mapping[str, str]) -> None:
        self._client = client
        self._machines = machines

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _LATER:
                raise StoreUnavailableError(f"Step Functions could not {what} just now: {error}") from error
            raise StoreError(f"Step Functions refused to {what}: {error}") from error

    def start(self, kind: Kind, name: str, state: Mapping[str, Any]) -> None:
        """Start an execution; one of that name that was started before is success."""
        try:
            with self._explained(f"start the {kind} {name}"):
                self._client.start_execution(
                    stateMachineArn=self._machines[kind], name=name, input=json.dumps(dict(state))
                )
        except StoreError as error:
            if not isinstance(error.__cause__, self._client.exceptions.ExecutionAlreadyExists):
                raise

    def _arn(self, kind: Kind, name: str) -> str:
        return self._machines[kind].replace(":stateMachine:", ":execution:", 1) + ":" + name

    def status(self, name: str, kind: Kind = "run") -> ExecutionStatus:
        """Tell how an execution is; Step Functions may answer a few seconds late."""
        try:
            with self._explained(f"describe the {kind} {name}"):
                found = self._client.describe_execution(executionArn=self._arn(kind, name))
        except StoreError as error:
            if isinstance(error.__cause__, self._client.exceptions.ExecutionDoesNotExist):
                return "missing"
            raise
        return _STATUS[found["status"]]

    def stop(self, name: str, reason: str, kind: Kind = "run") -> None:
        """Stop an execution; one that ended, or never was, needs no stopping."""
        try:
            with self._explained(f"stop the {kind} {name}"):
                self._client.stop_execution(executionArn=self._arn(kind, name), error="cancelled", cause=reason)
        except StoreError as error:
            if not isinstance(error.__cause__, self._client.exceptions.ExecutionDoesNotExist):
                raise
