"""The parts that the functions work with, each made when it is first needed: a function pays only for its own."""

import json
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from maestro.settings import Settings, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from maestro.audit import Ledger
    from maestro.orchestration.intake import Intake
    from maestro.orchestration.keys import ApiKeys
    from maestro.orchestration.ports import BlobStore, ExecutionStarter, RunStore
    from maestro.orchestration.sources import Sources
    from maestro.streams import Streams


class Context:
    """The stores, streams and steps of this process, as its settings name them. AWS clients are made here alone."""

    def __init__(self, known: Settings) -> None:
        self.settings = known

    @cached_property
    def _dynamodb(self) -> "DynamoDBClient":
        import boto3

        return boto3.client("dynamodb")

    @cached_property
    def ledger(self) -> "Ledger":
        """The audit trail."""
        from maestro.audit.dynamo import DynamoLedger

        return DynamoLedger(self._dynamodb, self.settings.table)

    @cached_property
    def runs(self) -> "RunStore":
        """Runs, failures, repairs, statistics."""
        from maestro.orchestration.dynamo import DynamoRunStore

        return DynamoRunStore(self._dynamodb, self.settings.table, self.ledger)

    @cached_property
    def keys(self) -> "ApiKeys":
        """API keys."""
        from maestro.orchestration.dynamo_keys import DynamoKeyStore
        from maestro.orchestration.keys import ApiKeys

        return ApiKeys(DynamoKeyStore(self._dynamodb, self.settings.table, self.ledger))

    @cached_property
    def blobs(self) -> "BlobStore":
        """Sources, results, reports."""
        import boto3

        from maestro.orchestration.s3 import S3BlobStore

        return S3BlobStore(self.settings.bucket, boto3.client("s3"))

    @cached_property
    def sources(self) -> "Sources":
        """Submitted sources, laid out for reading."""
        from maestro.orchestration.sources import Sources

        return Sources(self.blobs)

    @cached_property
    def streams(self) -> "Streams":
        """The streams on Redis."""
        from maestro.streams.redis import RedisStreams

        return RedisStreams.connect(self._redis_url(), self.settings.stream_prefix)

    @cached_property
    def executions(self) -> "ExecutionStarter":
        """Executions of the state machines."""
        import boto3

        from maestro.orchestration.stepfunctions import StepFunctionsStarter

        machines = {"run": self.settings.run_state_machine, "heal": self.settings.heal_state_machine}
        return StepFunctionsStarter(boto3.client("stepfunctions"), machines)

    @cached_property
    def intake(self) -> "Intake":
        """Requests."""
        import boto3

        from maestro.orchestration.intake import Intake

        def wake() -> None:
            boto3.client("lambda").invoke(
                FunctionName=self.settings.poller_function, InvocationType="Event", Payload=b'{"source": "intake"}'
            )

        return Intake(self.runs, self.blobs, self.streams, wake)

    def idempotent(
        self, tenant: str, key: str, request: Mapping[str, Any], work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Do the work once per tenant and idempotency key; a repeat gets the first answer for a day.

        Raises
        ------
        ConflictError
            If the key was used for another request, or the first one is still under way.
        """
        from maestro.orchestration.idempotency import once

        return once(self.settings.idempotency_table, tenant, key, request, work)

    def health(self) -> dict[str, str]:
        """Ask each part for a sign of life: "ok", or what is wrong with it."""
        from maestro.orchestration.health import check

        return check(self)

    def _redis_url(self) -> str:
        if not self.settings.redis_secret:
            return self.settings.redis_url
        from aws_lambda_powertools.utilities.parameters import get_secret

        secret = get_secret(self.settings.redis_secret, max_age=300)
        return secret if isinstance(secret, str) else json.dumps(secret)


@cache
def context() -> Context:
    """Return this process's context."""
    return Context(settings())
