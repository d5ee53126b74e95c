"""The interpreter refuses what it does not know, so that a run in it says something about the definitions."""

import json
import threading
from typing import Any

import pytest
from support.asl import Call, DefinitionError, ExecutionError, Interpreter, filled, value_at
from support.machine import DEFINITIONS, SUBSTITUTIONS, load_definition

INVOKE = "arn:aws:states:::lambda:invoke"


def interpreter(states: dict[str, Any], perform: Any = None) -> Interpreter:
    start = next(iter(states))
    return Interpreter({"m": {"StartAt": start, "States": states}}, perform or (lambda _: None), lambda *_: b"")


def task(**more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": INVOKE, "Parameters": {"in.$": "$"}, "End": True, **more}


@pytest.mark.parametrize("name", ["run", "heal"])
def test_every_substitution_of_the_definitions_is_given(name: str) -> None:
    definition = load_definition(DEFINITIONS / f"{name}.asl.json", SUBSTITUTIONS)

    assert "${" not in json.dumps(definition)


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Wait", "Seconds": 1, "End": True},
        {"Type": "Pass", "Result": {}, "End": True},
        task(HeartbeatSeconds=5),
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "StringMatches": "x*", "Next": "X"}], "Default": "X"},
        {"Type": "Pass", "Parameters": {"a.$": "$.list[0]"}, "End": True},
        {"Type": "Pass", "Parameters": {"a.$": "States.UUID()"}, "End": True},
        {"Type": "Pass", "Next": "Nowhere"},
    ],
)
def test_what_is_not_known_is_an_error_that_no_state_catches(state: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        interpreter({"X": state}).execute("m", {"a": "b"}, "id")


def test_a_path_that_leads_nowhere_fails_the_execution() -> None:
    with pytest.raises(ExecutionError, match=r"\$\.a\.c leads nowhere"):
        value_at("$.a.c", {"a": {"b": 1}}, {})


def test_a_payload_template_takes_from_the_state_and_the_context() -> None:
    template = {
        "fixed": 1,
        "name.$": "$.a.b",
        "item.$": "$$.Map.Item.Value",
        "deep": [{"text.$": "States.Format('{}/{}', $.n, $.s)"}],
    }

    made = filled(template, {"a": {"b": 2}, "n": 3, "s": "x"}, {"Map": {"Item": {"Value": "v"}}})

    assert made == {"fixed": 1, "name": 2, "item": "v", "deep": [{"text": "3/x"}]}


def test_a_task_is_retried_for_named_errors_and_caught_for_the_others() -> None:
    seen: list[int] = []

    def perform(call: Call) -> Any:
        seen.append(call.number)
        if len(seen) <= 2:
            raise ExecutionError("Lambda.Unknown")
        raise ValueError("no good")

    states = {
        "X": task(
            Retry=[{"ErrorEquals": ["Lambda.Unknown"], "MaxAttempts": 4}],
            Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Y"}],
        ),
        "Y": {"Type": "Succeed"},
    }

    out = interpreter(states, perform).execute("m", {"kept": True}, "id")

    assert len(seen) == 3
    assert out["kept"] is True
    assert out["error"]["Error"] == "ValueError"
    assert json.loads(out["error"]["Cause"])["errorMessage"] == "no good"


def test_retries_end() -> None:
    seen = []

    def perform(call: Call) -> Any:
        seen.append(call)
        raise ExecutionError("Lambda.Unknown")

    with pytest.raises(ExecutionError, match=r"Lambda\.Unknown"):
        interpreter({"X": task(Retry=[{"ErrorEquals": ["Lambda.Unknown"], "MaxAttempts": 4}])}, perform).execute(
            "m", {}, "id"
        )
    assert len(seen) == 5


def mapping(**more: Any) -> dict[str, Any]:
    inner = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "T", "States": {"T": task()}}
    return {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrencyPath": "$.limit",
        "ItemSelector": {"v.$": "$$.Map.Item.Value"},
        "ItemProcessor": inner,
        "End": True,
        **more,
    }


def test_a_map_works_on_as_many_items_at_once_as_it_may_and_keeps_their_order() -> None:
    together = threading.Barrier(2, timeout=10)

    def perform(call: Call) -> Any:
        together.wait()
        return call.parameters["in"]["v"] * 10

    assert interpreter({"M": mapping()}, perform).execute("m", {"items": [1, 2, 3, 4], "limit": 2}, "id") == [
        10,
        20,
        30,
        40,
    ]


def test_a_map_fails_with_an_item_unless_failures_are_tolerated() -> None:
    def perform(call: Call) -> Any:
        if call.parameters["in"]["v"] == 2:
            raise ValueError("two")
        return call.parameters["in"]["v"]

    given = {"items": [1, 2], "limit": 1}
    with pytest.raises(ExecutionError, match="two"):
        interpreter({"M": mapping()}, perform).execute("m", given, "id")
    tolerant = interpreter({"M": mapping(ToleratedFailurePercentage=100)}, perform)
    assert tolerant.execute("m", given, "id") == [1]


def test_a_definition_that_goes_round_for_ever_is_ended() -> None:
    with pytest.raises(DefinitionError, match="circles"):
        interpreter({"X": {"Type": "Pass", "Next": "X"}}).execute("m", {}, "id")
