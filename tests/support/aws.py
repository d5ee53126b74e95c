"""The stack's table and bucket in moto, with clients that reach nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from moto import mock_aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

REGION = "eu-central-1"
TABLE = "maestro"
BUCKET = "maestro-data"
_FAKE = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
}


@dataclass(frozen=True)
class Aws:
    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    table: str = TABLE
    bucket: str = BUCKET


def _one_call_at_a_time(client: Any) -> None:
    """Make each call atomic, as DynamoDB's are: moto undoes a failed transaction by putting back a copy of all tables.

    Between the calls of several threads everything can still happen.
    """
    lock, call = Lock(), client._make_api_call

    def locked(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return call(*args, **kwargs)

    client._make_api_call = locked


@contextmanager
def fake_aws() -> Iterator[Aws]:
    """Give fresh clients of an empty table (as in template.yaml) and an empty bucket."""
    with patch.dict("os.environ", _FAKE), mock_aws():
        dynamodb = boto3.client("dynamodb", region_name=REGION)
        _one_call_at_a_time(dynamodb)
        names = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"]
        dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index,
                    "KeySchema": [
                        {"AttributeName": f"{index}pk", "KeyType": "HASH"},
                        {"AttributeName": f"{index}sk", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index in ("gsi1", "gsi2")
            ],
        )
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Aws(dynamodb, s3)
