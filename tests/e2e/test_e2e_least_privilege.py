"""Function roles enforced: a whole healing run needs no right that its functions do not have, the sandbox has none."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from maestro_cli.stack.deploy import local_config, session
from maestro_cli.stack.ministack import REGION
from support.command import maestro
from support.stack import RunningStack, make_stack_fixture

SHOP = Path(__file__).parents[2] / "examples" / "storefront"

strict = make_stack_fixture(scope="module", auth=True)


@pytest.fixture(scope="module")
def as_sandbox(strict: RunningStack) -> Callable[[str], Any]:
    """Make clients with the credentials of the execution function's role, as the function gets them."""
    ours = session()
    role = _execution_role(strict)
    given = ours.client("sts", endpoint_url=strict.endpoint, config=local_config()).assume_role(
        RoleArn=role, RoleSessionName="sandbox"
    )["Credentials"]
    theirs = boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=REGION,
    )

    def client(service: str) -> Any:
        return theirs.client(service, endpoint_url=strict.endpoint, config=local_config())  # type: ignore[call-overload]

    return client


def _execution_role(up: RunningStack) -> str:
    functions = session().client("lambda", endpoint_url=up.endpoint, config=local_config())
    pages = functions.get_paginator("list_functions").paginate()
    return next(
        str(function["Role"]) for page in pages for function in page["Functions"]
        if "ExecutionFunction" in function["FunctionName"]
    )  # fmt: skip


def test_a_whole_run_with_healing(strict: RunningStack, tmp_path: Path) -> None:
    # given a project of which one file cannot be imported
    root = tmp_path / "shop"
    shutil.copytree(SHOP, root, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", ".maestro"))
    for test in ("test_pricing.py", "test_cart.py", "test_inventory.py", "test_search.py", "test_customers.py"):
        (root / "tests" / test).unlink()

    # when it runs with the roles enforced, then it is healed
    done = maestro(strict.folder, "run", root)
    assert (done.code, done.json["outcome"]) == (0, "healed"), (done.json, done.err)
    assert [repair["strategy"] for repair in done.json["repairs"] if repair["status"] == "accepted"] == [
        "api_contract_adaptation"
    ]
    # and what else a person does with it works
    assert maestro(strict.folder, "audit", "verify").json["ok"] is True
    assert maestro(strict.folder, "show", done.json["run_id"]).code == 0
    assert maestro(strict.folder, "cancel", done.json["run_id"]).code == 4, "it has ended"


def test_the_roles_are_enforced_indeed(strict: RunningStack, as_sandbox: Callable[[str], Any]) -> None:
    # given that the stack's own credentials may do what the sandbox's may not, the refusals below mean something
    table = strict.record.outputs["TableName"]
    ours = session().client("dynamodb", endpoint_url=strict.endpoint, config=local_config())
    assert ours.scan(TableName=table, Limit=1)["Count"] == 1
    assert "sandbox" in as_sandbox("sts").get_caller_identity()["Arn"]


def _attempts(up: RunningStack) -> Iterator[tuple[str, str, dict[str, Any]]]:
    outputs = up.record.outputs
    table, bucket = outputs["TableName"], outputs["BucketName"]
    key = {"pk": {"S": "local#AUDIT"}, "sk": {"S": "HEAD"}}
    yield "dynamodb", "get_item", {"TableName": table, "Key": key}
    yield "dynamodb", "put_item", {"TableName": table, "Item": key}
    yield "dynamodb", "delete_item", {"TableName": table, "Key": key}
    yield "dynamodb", "scan", {"TableName": table}
    yield "dynamodb", "list_tables", {}
    yield "s3", "list_objects_v2", {"Bucket": bucket}
    yield "s3", "get_object", {"Bucket": bucket, "Key": "local/sources/any"}
    yield "s3", "put_object", {"Bucket": bucket, "Key": "local/sources/any", "Body": b""}
    yield "s3", "delete_object", {"Bucket": bucket, "Key": "local/sources/any"}
    yield "s3", "list_buckets", {}
    yield "secretsmanager", "list_secrets", {}
    yield "stepfunctions", "list_executions", {"stateMachineArn": outputs["RunStateMachineArn"]}
    yield (
        "stepfunctions",
        "start_execution",
        {"stateMachineArn": outputs["RunStateMachineArn"], "input": json.dumps({})},
    )
    yield "lambda", "invoke", {"FunctionName": outputs["AuditFunctionName"], "Payload": b"{}"}
    yield "lambda", "list_functions", {}


def test_the_sandbox_may_do_nothing(strict: RunningStack, as_sandbox: Callable[[str], Any]) -> None:
    refused, allowed = [], []
    for service, call, arguments in _attempts(strict):
        try:
            getattr(as_sandbox(service), call)(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            assert code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), (call, code)
            refused.append(f"{service}:{call}")
        else:
            allowed.append(f"{service}:{call}")
    assert allowed == []
    assert len(refused) == 15
