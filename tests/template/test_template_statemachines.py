"""What both state machines promise: every state said, reachable and ending; every task limited and retried by name."""

import re

import pytest
from template_files import (
    STATE_MACHINES,
    all_states,
    as_list,
    following,
    load_machine,
    machine_file,
    of_type,
    pairs_within,
    scopes,
    statements_of_role,
)

machines = pytest.mark.parametrize("machine", STATE_MACHINES)
ENDS = {"Succeed", "Fail"}
# JSONata's words, and what the local engine does not do (DESIGN section 6).
NOT_USED = {"QueryLanguage", "Assign", "Arguments", "Output", "ItemBatcher", "ResultWriter", "HeartbeatSeconds"}


def properties_of(machine: str) -> dict:
    uri = f"statemachine/{machine}.asl.json"
    (found,) = [item for item in of_type("AWS::Serverless::StateMachine").values() if item["DefinitionUri"] == uri]
    return found


def ends(state: dict) -> bool:
    return state["Type"] in ENDS or state.get("End") is True


@machines
def test_only_the_common_language_is_used(machine: str) -> None:
    definition = load_machine(machine)
    words = {key for _, state in all_states(definition) for key in state} | set(definition)
    words |= {key for _, scope in scopes(definition) for key in scope if key != "States"}

    assert words & NOT_USED == set()
    assert "{%" not in machine_file(machine).read_text(encoding="utf-8")


@machines
def test_every_state_has_a_comment_and_a_readable_name(machine: str) -> None:
    for name, state in all_states(load_machine(machine)):
        assert len(state.get("Comment", "")) > 10, name
        assert re.fullmatch(r"[A-Z][A-Za-z]*( [A-Z][A-Za-z]*)*\??", name.rsplit(" > ", 1)[-1]), name


@machines
def test_every_state_is_reachable_and_reaches_an_end(machine: str) -> None:
    for where, scope in scopes(load_machine(machine)):
        states = scope["States"]
        reached, waiting = set(), [scope["StartAt"]]
        while waiting:
            name = waiting.pop()
            assert name in states, f"{where}{name} is named and not there"
            if name not in reached:
                reached.add(name)
                waiting.extend(following(states[name]))
        assert reached == set(states), f"{where}never reached"

        ending = {name for name, state in states.items() if ends(state)}
        while more := {n for n, s in states.items() if n not in ending and following(s) & ending}:
            ending |= more
        assert ending == set(states), f"{where}cannot end"


@machines
def test_every_state_says_where_it_goes(machine: str) -> None:
    for name, state in all_states(load_machine(machine)):
        if state["Type"] == "Choice":
            assert "Default" in state, name
        else:
            assert ends(state) != ("Next" in state), name


@machines
def test_every_task_has_a_time_limit(machine: str) -> None:
    for name, state in all_states(load_machine(machine)):
        if state["Type"] == "Task":
            assert {"TimeoutSeconds", "TimeoutSecondsPath"} & set(state), name


@machines
def test_every_task_retries_named_errors_with_backoff_and_jitter(machine: str) -> None:
    for name, state in all_states(load_machine(machine)):
        if state["Type"] != "Task":
            continue
        assert state.get("Retry"), name
        for rule in state["Retry"]:
            assert not {"States.ALL", "States.TaskFailed"} & set(rule["ErrorEquals"]), f"{name}: name the errors"
            assert rule["MaxAttempts"] >= 1, name
            assert rule["BackoffRate"] > 1, name
            assert rule["JitterStrategy"] == "FULL", name


def test_any_unhandled_error_of_a_run_is_recorded() -> None:
    definition = load_machine("run")
    last = definition["States"]["Record Failure"]
    for name, state in definition["States"].items():
        if state["Type"] in {"Task", "Map", "Parallel"} and state is not last:
            caught = [rule["Next"] for rule in state.get("Catch", []) if rule["ErrorEquals"] == ["States.ALL"]]
            assert caught == ["Record Failure"], name
    assert definition["States"][last["Next"]]["Type"] == "Fail"


def test_a_run_does_what_the_design_says() -> None:
    states = load_machine("run")["States"]

    for name in (
        "Load Configuration",
        "Check Services",
        "Prepare Environments",
        "Plan Chunks",
        "Run Waves",
        "Aggregate Results",
        "Anything To Heal?",
        "Heal Failures",
        "Deliver Repairs",
        "Record Outcome",
    ):
        assert name in states
    assert states["Run Waves"]["MaxConcurrency"] == 1, "one wave at a time"


@machines
def test_every_map_is_bounded(machine: str) -> None:
    for name, state in all_states(load_machine(machine)):
        if state["Type"] != "Map":
            continue
        assert {"MaxConcurrency", "MaxConcurrencyPath"} & set(state), name
        config = state["ItemProcessor"]["ProcessorConfig"]
        if config["Mode"] == "DISTRIBUTED":
            assert config["ExecutionType"] in {"STANDARD", "EXPRESS"}, name
            assert "ItemReader" in state, f"{name}: the items are in S3"


@machines
def test_what_the_template_fills_in_is_what_the_machine_asks_for(machine: str) -> None:
    asked = set(re.findall(r"\$\{(\w+)\}", machine_file(machine).read_text(encoding="utf-8")))

    assert asked == set(properties_of(machine)["DefinitionSubstitutions"])


@machines
def test_the_role_may_invoke_exactly_the_functions_that_the_machine_names(machine: str) -> None:
    properties = properties_of(machine)
    given = properties["DefinitionSubstitutions"]
    functions = {tuple(value["Fn::GetAtt"]) for value in given.values() if "Fn::GetAtt" in value}
    role = properties["Role"]["Fn::GetAtt"][0]

    allowed = {
        tuple(resource["Fn::GetAtt"])
        for statement in statements_of_role(role)
        if "lambda:InvokeFunction" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }

    assert allowed == functions


@machines
def test_a_path_is_never_sent_as_a_text(machine: str) -> None:
    for name, state in all_states(load_machine(machine)):
        for template in ("Parameters", "ItemSelector", "ResultSelector"):
            for key, value in pairs_within(state.get(template, {})):
                is_path = isinstance(value, str) and value.startswith(("$.", "$$.", "States."))
                assert key.endswith(".$") == (is_path or value == "$"), f"{name}: {key}"
