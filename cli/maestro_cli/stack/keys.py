"""API keys: made in the table itself, by those who may write to it."""

from typing import TYPE_CHECKING

import boto3

from maestro.orchestration.keys import DynamoKeyStore
from maestro_cli.stack import ministack
from maestro_cli.stack.deploy import local_config, session
from maestro_cli.stack.errors import StackError
from maestro_cli.stack.folder import Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TENANT = "local"


def store(record: Record) -> DynamoKeyStore:
    """Return the key store of an embedded stack."""
    table = record.outputs.get("TableName")
    if not table:
        raise StackError("the deployed template has no table of keys; run `maestro up`")
    client: DynamoDBClient = session().client("dynamodb", endpoint_url=ministack.url(record.aws), config=local_config())
    return DynamoKeyStore(client, table)


def deployed_store(table: str) -> DynamoKeyStore:
    """Return the key store of a deployed service, reached with the operator's own AWS credentials."""
    return DynamoKeyStore(boto3.client("dynamodb"), table)
