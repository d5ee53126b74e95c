"""A small interpreter of the Amazon States Language: as much of JSONPath mode as our two definitions use.

Whatever it does not know (a state's type, a field, a path, an intrinsic function, a resource) raises
:class:`DefinitionError` and is caught by no state, so running a definition here also tests it.
"""

import json
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = Any

_PATH = re.compile(r"\$\$?(\.[A-Za-z_][A-Za-z0-9_]*)*")
_FORMAT = re.compile(r"States\.Format\('([^']*)'((?:, \$[^,)]*)*)\)")
_COMMON = {"Comment", "Type", "Next", "End"}
_FIELDS = {
    "Task": {
        "Resource", "Parameters", "ResultSelector", "ResultPath", "OutputPath", "TimeoutSeconds", "Retry", "Catch",
    },
    "Map": {
        "ItemsPath", "ItemReader", "ItemSelector", "ItemProcessor", "MaxConcurrency", "MaxConcurrencyPath", "Label",
        "ToleratedFailurePercentage", "ResultPath", "Catch",
    },
    "Choice": {"Choices", "Default"},
    "Pass": {"Parameters"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}  # fmt: skip
_COMPARE: Mapping[str, Callable[[Json, Json], bool]] = {
    "BooleanEquals": lambda found, wanted: found is wanted,
    "StringEquals": lambda found, wanted: found == wanted,
    "NumericGreaterThan": lambda found, wanted: found > wanted,
}
MAX_STEPS = 400


class DefinitionError(Exception):
    """The definition says something that this interpreter does not know, or that cannot be."""


class ExecutionError(Exception):
    """An execution, or a state of it, failed: ``error`` is the name that Catch and Retry look at."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Call:
    """A task about to be done: the state's name, the resource, its parameters; ``number`` counts all tasks from 1."""

    number: int
    state: str
    resource: str
    parameters: Json


@dataclass(slots=True)
class Interpreter:
    """Runs definitions.

    Parameters
    ----------
    definitions
        By name; a task that starts another execution finds it here by its ``StateMachineArn``.
    perform
        Does a task and returns its result; :class:`ExecutionError` and every ordinary exception is the task's failure.
    read
        Returns the bytes of an object, for an ``ItemReader``: bucket, key.
    """

    definitions: Mapping[str, Json]
    perform: Callable[[Call], Json]
    read: Callable[[str, str], bytes]
    visited: list[str] = field(default_factory=list)
    _calls: int = 0

    def execute(self, name: str, given: Json, execution_id: str) -> Json:
        """Run a definition to its end and return its output; raises ExecutionError."""
        definition = self.definitions[name]
        unknown = set(definition) - {"Comment", "StartAt", "TimeoutSeconds", "States"}
        if unknown:
            raise DefinitionError(f"{name} has unknown fields {sorted(unknown)}")
        return self._scope(definition, given, {"Execution": {"Id": execution_id}})

    def _scope(self, scope: Json, data: Json, context: Json) -> Json:
        state_name = scope["StartAt"]
        for _ in range(MAX_STEPS):
            state = _known(scope, state_name)
            kind = state["Type"]
            self.visited.append(state_name)
            here = {**context, "State": {"Name": state_name}}
            if kind == "Succeed":
                return data
            if kind == "Fail":
                raise ExecutionError(state["Error"], state["Cause"])
            if kind == "Choice":
                state_name = _chosen(state, data)
                continue
            try:
                data = self._work(state_name, state, data, here)
            except ExecutionError as failure:
                catcher = _matching(state.get("Catch", ()), failure)
                if catcher is None:
                    raise
                told = {"Error": failure.error, "Cause": failure.cause}
                data = _placed(data, told, catcher.get("ResultPath", "$"))
                state_name = catcher["Next"]
                continue
            if state.get("End"):
                return data
            state_name = state["Next"]
        raise DefinitionError(f"the execution took more than {MAX_STEPS} steps; it goes round in circles")

    def _work(self, name: str, state: Json, data: Json, context: Json) -> Json:
        if state["Type"] == "Pass":
            return filled(state["Parameters"], data, context) if "Parameters" in state else data
        result = self._map(state, data, context) if state["Type"] == "Map" else self._task(name, state, data, context)
        if "ResultSelector" in state:
            result = filled(state["ResultSelector"], result, context)
        out = _placed(data, result, state.get("ResultPath", "$"))
        return value_at(state["OutputPath"], out, context) if "OutputPath" in state else out

    # ------------------------------------------------------------------ tasks

    def _task(self, name: str, state: Json, data: Json, context: Json) -> Json:
        parameters = filled(state["Parameters"], data, context)
        tries: dict[int, int] = {}
        while True:
            self._calls += 1
            try:
                return self._once(Call(self._calls, name, state["Resource"], parameters))
            except ExecutionError as failure:
                rules = state.get("Retry", ())
                rule = next((i for i, r in enumerate(rules) if _matches(r["ErrorEquals"], failure)), None)
                if rule is None or tries.get(rule, 0) >= rules[rule]["MaxAttempts"]:
                    raise
                tries[rule] = tries.get(rule, 0) + 1  # without waiting: nothing here gets better with time

    def _once(self, call: Call) -> Json:
        if call.resource == "arn:aws:states:::states:startExecution.sync:2":
            child = call.parameters["Input"]
            self._perform(call)
            try:
                output = self.execute(call.parameters["StateMachineArn"], child, f"heal-{call.number}")
            except ExecutionError as failure:
                raise ExecutionError("States.TaskFailed", json.dumps({"Error": failure.error})) from failure
            return {"Status": "SUCCEEDED", "Output": output}
        return self._perform(call)

    def _perform(self, call: Call) -> Json:
        try:
            result = self.perform(call)
        except (ExecutionError, DefinitionError):
            raise
        except Exception as error:
            # As the Lambda runtime reports it.
            cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            raise ExecutionError(type(error).__name__, cause) from error
        return json.loads(json.dumps(result))  # what goes between states is JSON

    # ------------------------------------------------------------------ maps

    def _map(self, state: Json, data: Json, context: Json) -> list[Json]:
        items, limit = self._items(state, data, context), self._limit(state, data, context)
        processor = state["ItemProcessor"]
        mode = processor["ProcessorConfig"]["Mode"]
        if mode not in ("INLINE", "DISTRIBUTED"):
            raise DefinitionError(f"a map of the unknown mode {mode!r}")

        def one(index: int) -> Json | ExecutionError:
            inside = {**context, "Map": {"Item": {"Value": items[index], "Index": index}}}
            given = filled(state["ItemSelector"], data, inside)
            try:
                return self._scope(processor, given, context)
            except ExecutionError as failure:
                return failure

        with ThreadPoolExecutor(max_workers=limit or max(1, len(items))) as pool:
            results = list(pool.map(one, range(len(items))))
        failures = [r for r in results if isinstance(r, ExecutionError)]
        if failures and 100 * len(failures) > state.get("ToleratedFailurePercentage", 0) * len(items):
            raise failures[0]
        return [r for r in results if not isinstance(r, ExecutionError)]

    def _items(self, state: Json, data: Json, context: Json) -> list[Json]:
        if "ItemReader" not in state:
            items = value_at(state["ItemsPath"], data, context)
            if not isinstance(items, list):
                raise DefinitionError(f"{state['ItemsPath']} is no list")
            return items
        reader = state["ItemReader"]
        known = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSONL"}}
        if {k: v for k, v in reader.items() if k != "Parameters"} != known:
            raise DefinitionError(f"an item reader that is not known here: {reader}")
        place = filled(reader["Parameters"], data, context)
        return [json.loads(line) for line in self.read(place["Bucket"], place["Key"]).splitlines() if line]

    def _limit(self, state: Json, data: Json, context: Json) -> int:
        if "MaxConcurrencyPath" not in state:
            return int(state["MaxConcurrency"])
        limit = value_at(state["MaxConcurrencyPath"], data, context)
        if not isinstance(limit, int) or limit < 1:
            raise DefinitionError(f"{state['MaxConcurrencyPath']} is {limit!r}, no concurrency")
        return limit


def _known(scope: Json, name: str) -> Json:
    """Return a state of which every field is known here."""
    state = scope["States"].get(name)
    if state is None:
        raise DefinitionError(f"there is no state {name!r}")
    if state.get("Type") not in _FIELDS:
        raise DefinitionError(f"{name!r} is of the unknown type {state.get('Type')!r}")
    unknown = set(state) - _COMMON - _FIELDS[state["Type"]]
    if unknown:
        raise DefinitionError(f"{name!r} has fields that are not known here: {sorted(unknown)}")
    return state


def load_definition(path: Path, substitutions: Mapping[str, str]) -> Json:
    """Read a definition as it is deployed: with the template's ``DefinitionSubstitutions`` put in."""

    def put_in(found: re.Match[str]) -> str:
        if found[1] not in substitutions:
            raise DefinitionError(f"{path.name} names ${{{found[1]}}}, which nothing gives")
        return substitutions[found[1]]

    return json.loads(re.sub(r"\$\{(\w+)\}", put_in, path.read_text("utf-8")))


def value_at(path: str, data: Json, context: Json) -> Json:
    """Return what a reference path names; raises ExecutionError where there is nothing, as the service does."""
    if not _PATH.fullmatch(path):
        raise DefinitionError(f"a path that is not known here: {path}")
    value = context if path.startswith("$$") else data
    for name in path.split(".")[1:]:
        if not isinstance(value, dict) or name not in value:
            raise ExecutionError("States.Runtime", f"the path {path} leads nowhere: there is no {name!r}")
        value = value[name]
    return value


def filled(template: Json, data: Json, context: Json) -> Json:
    """Fill a payload template: keys that end in ``.$`` hold paths or intrinsic functions."""
    if isinstance(template, list):
        return [filled(item, data, context) for item in template]
    if not isinstance(template, dict):
        return template
    out = {}
    for key, value in template.items():
        if not key.endswith(".$"):
            out[key] = filled(value, data, context)
        elif value.startswith("States."):
            out[key[:-2]] = _intrinsic(value, data, context)
        else:
            out[key[:-2]] = value_at(value, data, context)
    return out


def _intrinsic(text: str, data: Json, context: Json) -> str:
    found = _FORMAT.fullmatch(text)
    if found is None:
        raise DefinitionError(f"an intrinsic function that is not known here: {text}")
    values = [value_at(path, data, context) for path in found[2].split(", ") if path]
    if found[1].count("{}") != len(values):
        raise DefinitionError(f"{text} has other places than values")
    shown = [v if isinstance(v, str) else json.dumps(v) for v in values]
    return found[1].format(*shown)


def _chosen(state: Json, data: Json) -> str:
    for rule in state["Choices"]:
        (name,) = set(rule) - {"Variable", "Next"}
        if name not in _COMPARE:
            raise DefinitionError(f"a comparison that is not known here: {name}")
        if _COMPARE[name](value_at(rule["Variable"], data, {}), rule[name]):
            return str(rule["Next"])
    return str(state["Default"])


def _placed(data: Json, result: Json, path: str | None) -> Json:
    if path is None:
        return data
    if path == "$":
        return result
    if not _PATH.fullmatch(path) or path.count(".") != 1 or path.startswith("$$"):
        raise DefinitionError(f"a result path that is not known here: {path}")
    return {**data, path[2:]: result}


def _matches(names: list[str], failure: ExecutionError) -> bool:
    return failure.error in names or "States.ALL" in names


def _matching(catchers: Any, failure: ExecutionError) -> Json | None:
    return next((c for c in catchers if _matches(c["ErrorEquals"], failure)), None)
