import json
from collections.abc import Iterator
from unittest.mock import patch

import boto3
import pytest
from botocore.stub import Stubber
from maestro.orchestration.errors import StoreError, StoreUnavailableError
from maestro.orchestration.stepfunctions import StepFunctionsStarter
from moto import mock_aws
from support.aws import REGION

ARN = f"arn:aws:states:{REGION}:123456789012:stateMachine:cars-run"


@pytest.fixture
def starter() -> Iterator[StepFunctionsStarter]:
    fake = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with patch.dict("os.environ", fake), mock_aws():
        client = boto3.client("stepfunctions", region_name=REGION)
        definition = json.dumps({"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 60, "End": True}}})
        role = "arn:aws:iam::123456789012:role/any"
        arn = client.create_state_machine(name="cars-run", definition=definition, roleArn=role)["stateMachineArn"]
        yield StepFunctionsStarter(client, {"run": arn, "heal": arn})


def test_an_execution_starts_once_under_its_name(starter: StepFunctionsStarter) -> None:
    state = {"tenant": "acme", "run_id": "r-1", "pass": 0}
    starter.start("run", "r-1", state)
    starter.start("run", "r-1", state)
    assert starter.status("r-1") == "running"
    executions = starter._client.list_executions(stateMachineArn=ARN)["executions"]
    assert [execution["name"] for execution in executions] == ["r-1"]
    described = starter._client.describe_execution(executionArn=executions[0]["executionArn"])
    assert json.loads(described["input"]) == state


def test_an_execution_of_that_name_with_another_input_is_success_too(starter: StepFunctionsStarter) -> None:
    starter.start("run", "r-1", {"pass": 0})
    starter.start("run", "r-1", {"pass": 1})
    assert starter.status("r-1") == "running"


def test_a_stopped_execution_is_aborted_and_an_unknown_one_missing(starter: StepFunctionsStarter) -> None:
    starter.start("run", "r-1", {})
    starter.stop("r-1", "cancelled on request")
    assert starter.status("r-1") == "aborted"
    assert starter.status("never") == "missing"
    starter.stop("never", "cancelled on request")


@pytest.mark.parametrize(
    ("status", "word"), [("SUCCEEDED", "succeeded"), ("FAILED", "failed"), ("TIMED_OUT", "failed")]
)
def test_every_status_has_its_word(status: str, word: str) -> None:
    client = boto3.client("stepfunctions", region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t")
    with Stubber(client) as stub:
        execution = ARN.replace(":stateMachine:", ":execution:") + ":r-1"
        answer = {"executionArn": execution, "stateMachineArn": ARN, "status": status, "startDate": 0}
        stub.add_response("describe_execution", answer, {"executionArn": execution})
        assert StepFunctionsStarter(client, {"run": ARN}).status("r-1") == word


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", StoreUnavailableError),
        ("InvalidName", StoreError),
        ("AccessDeniedException", StoreError),
    ],
)
def test_trouble_says_whether_it_passes(code: str, kind: type[StoreError]) -> None:
    client = boto3.client("stepfunctions", region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t")
    with Stubber(client) as stub:
        stub.add_client_error("start_execution", code, "no")
        with pytest.raises(StoreError, match="start the run r-1") as caught:
            StepFunctionsStarter(client, {"run": ARN}).start("run", "r-1", {})
    assert type(caught.value) is kind
