"""What template.yaml promises: DESIGN sections 3, 5 and 6, checked on the file that is deployed."""

import ast
import json
from pathlib import Path

import pytest
from maestro.settings import Settings
from template_files import (
    FUNCTIONS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    as_list,
    environment_of,
    of_type,
    pairs_within,
    statements,
    statements_of_role,
)

SECONDS_OF_LAMBDA = 900
SECONDS_OF_HTTP = 29  # API Gateway gives up after 30 s
SERVICES = {"intake", "poller", "orchestration", "execution", "aggregation", "healing", "audit"}

functions = pytest.mark.parametrize("function", sorted(FUNCTIONS))


def folder_of(function: str) -> Path:
    return ROOT / FUNCTIONS[function]["CodeUri"]


def test_the_seven_functions_are_there() -> None:
    assert {folder_of(name).name for name in FUNCTIONS} == SERVICES


@functions
def test_a_function_is_described_and_limited(function: str) -> None:
    properties = FUNCTIONS[function]

    assert properties["Description"]
    assert 0 < properties["Timeout"] <= SECONDS_OF_LAMBDA
    assert "DeadLetterQueue" not in properties, "asynchronous failures are EventInvokeConfig's business"


@functions
def test_a_function_has_a_folder_with_a_short_handler(function: str) -> None:
    source = (folder_of(function) / "handler.py").read_text(encoding="utf-8")

    assert "handler" in {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert len(source.splitlines()) <= 45, "behaviour belongs in the layer"


@functions
def test_a_function_has_sample_events(function: str) -> None:
    events = sorted((ROOT / "events" / folder_of(function).name).glob("*.json"))

    assert events, "sam local invoke needs one"
    for event in events:
        json.loads(event.read_text(encoding="utf-8"))


@functions
def test_a_function_keeps_its_logs_for_a_set_time(function: str) -> None:
    group = FUNCTIONS[function]["LoggingConfig"]["LogGroup"]["Ref"]

    assert of_type("AWS::Logs::LogGroup")[group]["RetentionInDays"]
    assert [f["LoggingConfig"]["LogGroup"]["Ref"] for f in FUNCTIONS.values()].count(group) == 1


@functions
def test_a_function_has_rights_of_its_own(function: str) -> None:
    properties = FUNCTIONS[function]
    role = properties.get("Role")

    assert ("Policies" in properties) != (role is not None), "either policies, or a role that is written out"
    if role is not None:
        assert [name for name, other in FUNCTIONS.items() if other.get("Role") == role] == [function]


@functions
def test_environment_values_are_texts_or_references(function: str) -> None:
    for name, value in environment_of(function).items():
        assert isinstance(value, str | dict), f"{name}: quote it"


@functions
def test_every_setting_of_a_function_is_read_by_the_code(function: str) -> None:
    class Recorder(dict[str, str]):
        def __init__(self) -> None:
            self.asked: set[str] = set()

        def get(self, key: str, default: str) -> str:
            self.asked.add(key)
            return default

    recorder = Recorder()

    Settings.from_env(recorder)

    given = {name for name in environment_of(function) if name.startswith("MAESTRO_")}
    assert given <= recorder.asked


def test_no_statement_is_wider_than_it_must_be() -> None:
    for owner, statement in statements():
        where = f"{owner}: {statement.get('Sid', statement)}"
        assert "NotAction" not in statement, where
        assert "NotResource" not in statement, where
        for action in as_list(statement["Action"]):
            assert "*" not in action, where
        for resource in as_list(statement["Resource"]):
            text = resource if isinstance(resource, str) else resource.get("Fn::Sub", "")
            assert text != "*", where
            assert not text.endswith("${Bucket.Arn}/*"), f"{where}: name the prefix"


def test_the_sandbox_may_write_its_own_logs_and_nothing_else() -> None:
    (sandbox,) = [name for name in FUNCTIONS if folder_of(name).name == "execution"]
    (role,) = [FUNCTIONS[sandbox]["Role"]["Fn::GetAtt"][0]]
    allowed = statements_of_role(role)

    assert "ManagedPolicyArns" not in RESOURCES[role]["Properties"]
    assert {action for statement in allowed for action in as_list(statement["Action"])} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    own_group = FUNCTIONS[sandbox]["LoggingConfig"]["LogGroup"]["Ref"]
    assert [statement["Resource"] for statement in allowed] == [{"Fn::GetAtt": [own_group, "Arn"]}]


def test_the_sandbox_is_told_no_secret() -> None:
    (sandbox,) = [name for name in FUNCTIONS if folder_of(name).name == "execution"]
    secrets = set(of_type("AWS::SecretsManager::Secret")) | {
        name for name, parameter in TEMPLATE["Parameters"].items() if parameter.get("NoEcho")
    }

    told = json.dumps(environment_of(sandbox))

    assert secrets
    assert [name for name in secrets if name in told] == []


def test_secrets_travel_by_id_and_never_in_an_environment() -> None:
    hidden = {name for name, parameter in TEMPLATE["Parameters"].items() if parameter.get("NoEcho")}
    secrets = set(of_type("AWS::SecretsManager::Secret"))
    for function in FUNCTIONS:
        for name, value in environment_of(function).items():
            text = json.dumps(value)
            assert not [parameter for parameter in hidden if f'"{parameter}"' in text], f"{function} {name}"
            if any(f'"{secret}"' in text for secret in secrets):
                assert value["Fn::GetAtt"][1] == "Id", f"{function} {name}: !GetAtt Secret.Id"


def test_parameters_are_described_and_secrets_hidden() -> None:
    for name, parameter in TEMPLATE["Parameters"].items():
        assert len(parameter.get("Description", "")) > 10, name
        if any(word in name for word in ("Secret", "Password", "Url")) and not name.endswith("Arn"):
            assert parameter.get("NoEcho") is True, name


def test_outputs_are_described() -> None:
    for name, output in TEMPLATE["Outputs"].items():
        assert output.get("Description"), name


def test_the_http_api_is_written_out() -> None:
    kinds = {resource["Type"] for resource in RESOURCES.values()}

    assert not kinds & {"AWS::Serverless::HttpApi", "AWS::Serverless::Api"}
    assert not [name for name, properties in FUNCTIONS.items() if "Events" in properties]
    assert {f"AWS::ApiGatewayV2::{part}" for part in ("Api", "Integration", "Route", "Stage")} <= kinds
    (intake,) = [name for name in FUNCTIONS if folder_of(name).name == "intake"]
    assert FUNCTIONS[intake]["Timeout"] <= SECONDS_OF_HTTP
    permitted = [item for item in of_type("AWS::Lambda::Permission").values() if "apigateway" in item["Principal"]]
    assert [item["FunctionName"] for item in permitted] == [{"Ref": intake}]


def test_whoever_may_invoke_a_function_is_named() -> None:
    for name, permission in of_type("AWS::Lambda::Permission").items():
        assert permission.get("SourceArn"), f"{name}: name the source, or any account's could call"


def test_what_is_not_known_locally_stands_behind_a_condition() -> None:
    unknown = ("AWS::ElastiCache::", "AWS::CodeDeploy::", "AWS::CloudWatch::CompositeAlarm")
    for name, resource in RESOURCES.items():
        if resource["Type"].startswith(unknown):
            assert resource.get("Condition"), name
    assert "DeploymentPreference" not in {key for key, _ in pairs_within(FUNCTIONS)}


def test_the_domain_table_is_recoverable_and_forgets_by_itself() -> None:
    (table,) = [table for table in of_type("AWS::DynamoDB::Table").values() if len(table["KeySchema"]) == 2]

    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"]["Enabled"] is True
    assert len(table["GlobalSecondaryIndexes"]) == 2
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_every_table_is_encrypted_and_expires() -> None:
    for name, table in of_type("AWS::DynamoDB::Table").items():
        assert table["SSESpecification"]["SSEEnabled"] is True, name
        assert table["TimeToLiveSpecification"]["Enabled"] is True, name


def test_data_outlives_the_stack() -> None:
    kept = [*of_type("AWS::S3::Bucket"), *(n for n, t in of_type("AWS::DynamoDB::Table").items() if "sk" in str(t))]
    for name in kept:
        assert RESOURCES[name]["DeletionPolicy"] == "Retain", name
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain", name


@pytest.mark.parametrize("bucket", sorted(of_type("AWS::S3::Bucket")))
def test_a_bucket_is_private_encrypted_and_cleaned(bucket: str) -> None:
    properties = of_type("AWS::S3::Bucket")[bucket]

    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"AES256", "aws:kms"}
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert any("ExpirationInDays" in rule and rule["Status"] == "Enabled" for rule in rules)
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


@pytest.mark.parametrize("bucket", sorted(of_type("AWS::S3::Bucket")))
def test_a_bucket_refuses_plain_http(bucket: str) -> None:
    policies = [p for p in of_type("AWS::S3::BucketPolicy").values() if p["Bucket"] == {"Ref": bucket}]
    denials = [
        statement
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and "aws:SecureTransport" in statement["Condition"].get("Bool", {})
    ]

    assert len(denials) == 1
    assert denials[0]["Action"] == "s3:*"
    assert denials[0]["Resource"] == [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]


def test_the_layer_is_built_for_the_runtime_of_the_functions() -> None:
    runtime = TEMPLATE["Globals"]["Function"]["Runtime"]
    (layer,) = of_type("AWS::Serverless::LayerVersion")

    makefile = (ROOT / "layers" / "core" / "python" / "Makefile").read_text(encoding="utf-8")
    assert RESOURCES[layer]["Metadata"]["BuildMethod"] == "makefile", (
        "SAM's own builder leaves uv and ruff out of place"
    )
    assert f"build-{layer}:" in makefile
    assert f"RUNTIME := {runtime.removeprefix('python')}\n" in makefile
    assert RESOURCES[layer]["Properties"]["ContentUri"] == "layers/core/python"
    assert TEMPLATE["Globals"]["Function"]["Layers"] == [{"Ref": layer}]
    assert RESOURCES[layer]["Properties"]["CompatibleArchitectures"] == TEMPLATE["Globals"]["Function"]["Architectures"]
    assert RESOURCES[layer]["Metadata"]["BuildArchitecture"] in TEMPLATE["Globals"]["Function"]["Architectures"]


def test_alarms_say_what_they_mean_and_reach_the_topic() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")

    assert alarms
    for name, alarm in alarms.items():
        assert alarm["AlarmDescription"], name
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert {"Ref": "AlarmTopicArn"} in alarm["AlarmActions"]["Fn::If"][1], name
