"""API keys, made in the table itself by those who may write to it."""

from typing import TYPE_CHECKING

import boto3
from maestro.audit.dynamo import DynamoLedger
from maestro.orchestration.dynamo_keys import DynamoKeyStore
from maestro.orchestration.keys import ApiKeys

from maestro_cli.stack import ministack
from maestro_cli.stack.deploy import local_config, session
from maestro_cli.stack.errors import StackError
from maestro_cli.stack.folder import Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TENANT = "local"
SCOPES = ("audit:read", "monitors:read", "monitors:write", "repairs:write", "runs:read", "runs:write")


def local(record: Record) -> ApiKeys:
    """Return the keys of an embedded stack.

    Raises
    ------
    StackError
        If what was deployed has no table.
    """
    table = record.outputs.get("TableName")
    if not table:
        raise StackError("the deployed template has no table of keys; run `maestro up`")
    return _keys(session().client("dynamodb", endpoint_url=ministack.url(record.aws), config=local_config()), table)


def deployed(table: str) -> ApiKeys:
    """Return the keys of a deployed service, reached with the operator's own AWS credentials."""
    return _keys(boto3.client("dynamodb"), table)


def _keys(client: "DynamoDBClient", table: str) -> ApiKeys:
    return ApiKeys(DynamoKeyStore(client, table, DynamoLedger(client, table)))
