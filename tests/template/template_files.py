"""The template and the state machines as plain data, and the few questions that the tests ask them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
STATE_MACHINES = ("run", "heal")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: ``!Ref X`` becomes ``{"Ref": "X"}``."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load_template() -> dict[str, Any]:
    return yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader


TEMPLATE = load_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of every resource of the CloudFormation type *kind*, by logical id."""
    return {name: item.get("Properties", {}) for name, item in RESOURCES.items() if item["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")


def environment_of(function: str) -> dict[str, Any]:
    common = TEMPLATE["Globals"]["Function"].get("Environment", {}).get("Variables", {})
    return common | FUNCTIONS[function].get("Environment", {}).get("Variables", {})


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that allows something: (logical id of its owner, statement)."""
    for name, resource in RESOURCES.items():
        properties = resource.get("Properties", {})
        if resource["Type"] in {"AWS::Serverless::Function", "AWS::Serverless::StateMachine"}:
            documents = as_list(properties.get("Policies", []))
        elif resource["Type"] == "AWS::IAM::Role":
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        elif resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
            documents = [properties["PolicyDocument"]]
        else:
            continue
        for document in documents:
            if not isinstance(document, dict) or "Statement" not in document:
                raise AssertionError(f"{name} uses the ready-made policy {document!r}; write its statements out")
            for statement in as_list(document["Statement"]):
                if statement["Effect"] == "Allow":
                    yield name, statement


def statements_of_role(role: str) -> list[dict[str, Any]]:
    """What a role may do by itself and by the policies that are attached to it."""
    attached = {
        name for name, policy in of_type("AWS::IAM::Policy").items() if {"Ref": role} in policy.get("Roles", [])
    }
    return [statement for owner, statement in statements() if owner == role or owner in attached]


def machine_file(machine: str) -> Path:
    return ROOT / "statemachine" / f"{machine}.asl.json"


def load_machine(machine: str) -> dict[str, Any]:
    return json.loads(machine_file(machine).read_text(encoding="utf-8"))


def scopes(definition: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every list of states with its StartAt: the machine itself and what its Maps and Parallels hold."""
    yield where, definition
    for name, state in definition["States"].items():
        inner = [state[key] for key in ("ItemProcessor", "Iterator") if key in state] + state.get("Branches", [])
        for part in inner:
            yield from scopes(part, f"{where}{name} > ")


def all_states(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, scope in scopes(definition):
        for name, state in scope["States"].items():
            yield where + name, state


def following(state: dict[str, Any]) -> set[str]:
    """Names of the states that may come next."""
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    names = [state.get("Next"), state.get("Default"), *(rule["Next"] for rule in rules)]
    return {name for name in names if name}


def pairs_within(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value of every object inside *value*."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from pairs_within(item)
    elif isinstance(value, list):
        for item in value:
            yield from pairs_within(item)
