"""Packing the bundle as ``sam package`` does."""

import io
import zipfile
from pathlib import Path

import pytest
from maestro_cli.stack import StackError, bundle
from support.stack import SMALL_BUNDLE

REPOSITORY = Path(__file__).parents[3]


def _names(body: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(body)).namelist()


def test_the_bundle_of_the_checkout_is_found_and_packed() -> None:
    template = bundle.locate()
    assert template == REPOSITORY / "template.yaml"

    package = bundle.pack(template, "bucket")

    # every piece of local content became an object of the bucket, and nothing is named that is not there
    for resource in package.template["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if place := resource.get("Properties", {}).get(name):
                assert place.startswith("s3://bucket/")
                assert place.removeprefix("s3://bucket/") in package.objects
        if resource["Type"] == "AWS::Serverless::StateMachine":
            assert resource["Properties"]["DefinitionUri"]["Key"] in package.objects
    assert {"RedisUrl", "Concurrency", "CacheFolder", "ArchiveEnvironments"} <= package.parameters


def test_the_layer_is_the_package_alone_under_python() -> None:
    package = bundle.pack(SMALL_BUNDLE, "bucket")
    place = package.template["Resources"]["CoreLayer"]["Properties"]["ContentUri"]

    names = _names(package.objects[place.removeprefix("s3://bucket/")])

    assert "python/maestro/settings.py" in names
    assert all(name.startswith("python/maestro/") for name in names)
    assert not any("__pycache__" in name for name in names)


def test_equal_content_gives_an_equal_package_and_a_change_another(tmp_path: Path) -> None:
    (tmp_path / "functions" / "api").mkdir(parents=True)
    handler = tmp_path / "functions" / "api" / "handler.py"
    template = tmp_path / "template.yaml"
    template.write_text(SMALL_BUNDLE.read_text())
    handler.write_text("one")
    first = bundle.pack(template, "bucket")

    handler.touch()
    assert bundle.pack(template, "bucket").fingerprint == first.fingerprint

    handler.write_text("two")
    assert bundle.pack(template, "bucket").fingerprint != first.fingerprint


def test_short_forms_are_read_as_long_ones(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "AWSTemplateFormatVersion: 2010-09-09\n"
        "Resources:\n"
        "  A:\n"
        "    Type: AWS::SNS::Topic\n"
        "    Properties:\n"
        "      TopicName: !Sub '${AWS::StackName}-x'\n"
        "      Tags: !If [Yes, [{Key: a, Value: !GetAtt B.Arn.C}], !Ref 'AWS::NoValue']\n"
    )

    found = bundle.pack(template, "bucket").template

    assert found["AWSTemplateFormatVersion"] == "2010-09-09"
    properties = found["Resources"]["A"]["Properties"]
    assert properties["TopicName"] == {"Fn::Sub": "${AWS::StackName}-x"}
    assert properties["Tags"]["Fn::If"][1][0]["Value"] == {"Fn::GetAtt": ["B", "Arn.C"]}
    assert properties["Tags"]["Fn::If"][2] == {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize(
    "text",
    ["Resources: [", "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: gone}\n", "{}"],
)
def test_a_template_that_cannot_be_packed_is_named(tmp_path: Path, text: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(text)

    with pytest.raises(StackError, match=str(template)):
        bundle.pack(template, "bucket")
