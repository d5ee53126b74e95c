"""Deploying a template through CloudFormation change sets, as a team does into its own account."""

import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from maestro_cli.stack.bundle import Package
from maestro_cli.stack.errors import DeployError
from maestro_cli.stack.ministack import REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_s3 import S3Client

ARTIFACTS = "maestro-artifacts"
STACK = "maestro"
_BODY_LIMIT = 51_200  # bytes of a template in a request (CloudFormation quotas); a longer one goes through S3
_POLL = 0.1
_UNUSABLE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def session() -> boto3.Session:
    """Return a session for the local stack that takes nothing from the operator's AWS configuration."""
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    return boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator's fixed words, no secret
        region_name=REGION,
        botocore_session=core,
    )


def local_config() -> Config:
    """Return client settings for 127.0.0.1: no proxy, short timeouts, few retries."""
    return Config(proxies={}, connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 3, "mode": "standard"})


class Deployer:
    """Deploys packages to one endpoint.

    Parameters
    ----------
    endpoint
        URL of the AWS APIs.
    stack
        The CloudFormation stack's name.
    """

    def __init__(self, endpoint: str, stack: str = STACK) -> None:
        ours = session()
        self._stack = stack
        self._s3: S3Client = ours.client("s3", endpoint_url=endpoint, config=local_config())
        self._cloudformation: CloudFormationClient = ours.client(
            "cloudformation", endpoint_url=endpoint, config=local_config()
        )

    def deploy(self, package: Package, parameters: Mapping[str, str], *, timeout: float = 120.0) -> dict[str, str]:
        """Create or update the stack; return its outputs.

        Only parameters that the template declares are passed on. A stack whose creation failed is deleted first.

        Raises
        ------
        DeployError
            If CloudFormation refuses the change set or fails in executing it; the stack is then rolled back.
        """
        deadline = time.monotonic() + timeout
        try:
            self._upload(package)
            kind = self._prepare(deadline)
            name = f"maestro-{uuid.uuid4().hex[:12]}"
            request: dict[str, Any] = {
                "StackName": self._stack,
                "ChangeSetName": name,
                "ChangeSetType": kind,
                "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
                "Parameters": [
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in sorted(parameters.items())
                    if key in package.parameters
                ],
                **self._template(package),
            }
            self._cloudformation.create_change_set(**request)
            if self._await_change_set(name, deadline):
                self._cloudformation.execute_change_set(StackName=self._stack, ChangeSetName=name)
                self._await_stack(deadline)
            return self.outputs()
        except (ClientError, BotoCoreError) as error:
            raise DeployError(f"CloudFormation, on stack {self._stack!r}: {error}") from error

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs; empty when it has none or is not there."""
        stack = self._describe()
        return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])} if stack else {}

    def status(self) -> str:
        """Return the stack's status, such as ``CREATE_COMPLETE``; empty when there is no stack."""
        stack = self._describe()
        return stack["StackStatus"] if stack else ""

    def delete(self, *, timeout: float = 120.0) -> None:
        """Delete the stack and wait until it is gone."""
        self._cloudformation.delete_stack(StackName=self._stack)
        deadline = time.monotonic() + timeout
        while self.status() not in ("", "DELETE_COMPLETE"):
            _pause(deadline, f"deleting stack {self._stack!r}")

    def _upload(self, package: Package) -> None:
        try:
            self._s3.head_bucket(Bucket=ARTIFACTS)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise
            self._s3.create_bucket(Bucket=ARTIFACTS)
        present = {item["Key"] for item in self._s3.list_objects_v2(Bucket=ARTIFACTS).get("Contents", [])}
        for key, body in package.objects.items():
            if key not in present:
                self._s3.put_object(Bucket=ARTIFACTS, Key=key, Body=body)

    def _template(self, package: Package) -> dict[str, str]:
        if len(package.body) < _BODY_LIMIT:
            return {"TemplateBody": package.body}
        key = f"{package.fingerprint}.template"
        self._s3.put_object(Bucket=ARTIFACTS, Key=key, Body=package.body.encode())
        return {"TemplateURL": f"{self._s3.meta.endpoint_url}/{ARTIFACTS}/{key}"}

    def _prepare(self, deadline: float) -> str:
        """Wait for work in progress, clear away a failed creation, and say which kind of change is due."""
        while (status := self.status()).endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            _pause(deadline, f"stack {self._stack!r} to leave {status}")
        if status in _UNUSABLE:
            self.delete()
            status = ""
        return "CREATE" if status in ("", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS") else "UPDATE"

    def _await_change_set(self, name: str, deadline: float) -> bool:
        """Wait for the change set; return whether it holds any change."""
        while True:
            change = self._cloudformation.describe_change_set(StackName=self._stack, ChangeSetName=name)
            if change["Status"] == "CREATE_COMPLETE":
                return True
            if change["Status"] == "FAILED":
                reason = change.get("StatusReason", "no reason given")
                if "didn't contain changes" in reason or "No updates" in reason:
                    self._cloudformation.delete_change_set(StackName=self._stack, ChangeSetName=name)
                    return False
                raise DeployError(f"CloudFormation refused the change set of stack {self._stack!r}: {reason}")
            _pause(deadline, "the change set")

    def _await_stack(self, deadline: float) -> None:
        while (status := self.status()).endswith("_IN_PROGRESS"):
            _pause(deadline, f"stack {self._stack!r} to leave {status}")
        if status not in _GOOD:
            raise DeployError(
                f"CloudFormation failed on stack {self._stack!r}, which is now {status}:\n{self._failures()}"
            )

    def _failures(self) -> str:
        events = self._cloudformation.describe_stack_events(StackName=self._stack)["StackEvents"]
        lines = [
            f"  {e.get('LogicalResourceId')} ({e.get('ResourceType')}): {e.get('ResourceStatusReason')}"
            for e in reversed(events)
            if e.get("ResourceStatus", "").endswith("_FAILED") and e.get("ResourceStatusReason")
        ]
        return "\n".join(dict.fromkeys(lines)) or "  (no reason given)"

    def _describe(self) -> "StackTypeDef | None":
        try:
            return self._cloudformation.describe_stacks(StackName=self._stack)["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
                return None
            raise


def _pause(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise DeployError(f"gave up waiting for {what}; see `maestro status` and try `maestro up` again")
    time.sleep(_POLL)
