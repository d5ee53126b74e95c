"""The whole bundle in one process: both state machines, the real steps and sandboxes, stores in memory.

    with LocalMachine(cache) as machine:
        outcome = machine.run(project, heal=True)

Only what is between the parts is replaced: Step Functions by :mod:`support.asl`, Lambda by a call, DynamoDB, S3 and
Redis by the in-memory stores that the contract suites hold to the real ones.
"""

import json
import os
import queue
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from maestro.model import Failure, Repair, Run, new_id
from maestro.orchestration.context import Context
from maestro.orchestration.dispatch import aggregation_step, healing_step, orchestration_step
from maestro.orchestration.errors import BlobNotFoundError, TransferError
from maestro.orchestration.execution import Execution, Sandbox
from maestro.orchestration.intake import Intake
from maestro.orchestration.memory import InMemoryBlobStore, InMemoryRunStore
from maestro.orchestration.naming import run_key
from maestro.orchestration.ports import BlobStore
from maestro.orchestration.transfer import AbsentError, Transfer
from maestro.registry import pack
from maestro.settings import Settings, network_variables
from maestro.streams import InMemoryStreams
from support.asl import Call, DefinitionError, ExecutionError, Interpreter, load_definition

DEFINITIONS = Path(__file__).resolve().parents[2] / "statemachine"
SUBSTITUTIONS = {
    "OrchestrationFunctionArn": "orchestration",
    "ExecutionFunctionArn": "execution",
    "AggregationFunctionArn": "aggregation",
    "HealingFunctionArn": "healing",
    "HealStateMachineArn": "heal",
    "BucketName": "bucket",
    "TableName": "table",
}
TENANT = "local"
TASK_SECONDS = 900.0

Hook = Callable[[Call, "LocalRun"], None]


class BlobTransfer(Transfer):
    """Follows the URLs that an ``InMemoryBlobStore`` presigns; each names one object and one method."""

    def __init__(self, blobs: BlobStore) -> None:
        super().__init__()
        self._blobs = blobs

    def get(self, url: str) -> bytes:
        """Return the object's bytes."""
        try:
            return self._blobs.get(self._key(url, "GET"))
        except BlobNotFoundError as problem:
            raise AbsentError(f"GET of an object: {problem}") from problem

    def download(self, url: str, dest: Path) -> None:
        """Write the object to a file."""
        dest.write_bytes(self.get(url))

    def put(self, url: str, body: bytes) -> None:
        """Store bytes as the object."""
        self._blobs.put(self._key(url, "PUT"), body)

    @staticmethod
    def _key(url: str, method: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "memory" or parse_qs(parts.query)["method"] != [method]:
            raise TransferError(f"{method} of {url}: that is not what the URL was signed for.")
        return unquote(parts.path.lstrip("/"))


@dataclass(slots=True)
class LocalRun:
    """A run under way: its stores, and the calls made so far (with those of nested executions)."""

    context: Context
    run: Run
    calls: list[Call] = field(default_factory=list)

    def cancel(self) -> None:
        """Mark the run as cancelled, as the API does."""
        self.context.runs.request_cancel(self.run.tenant, self.run.id)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: the stored run, ``summary.json`` where one was written, and what was stored with it.

    ``patch`` is ``repairs.patch`` (empty where there is none); ``failed`` the execution's own error, if it failed;
    ``states`` the states that were entered, in order; ``calls`` the tasks that were done.
    """

    run: Run
    document: Mapping[str, Any]
    repairs: tuple[Repair, ...]
    failures: tuple[Failure, ...]
    patch: str
    failed: str
    states: tuple[str, ...]
    calls: tuple[Call, ...]
    context: Context

    @property
    def accepted(self) -> tuple[Repair, ...]:
        """The repairs that passed every gate, whatever their tier."""
        return tuple(r for r in self.repairs if r.status == "accepted")


class LocalMachine:
    """Runs projects. Environments are kept in ``cache`` between runs, and machines; use it as a context manager.

    Parameters
    ----------
    cache
        A folder for environments, uv's cache and unpacked sources.
    concurrency
        How many sandboxes work at once.
    archives
        Whether environments also go to the store, as where sandboxes share no disk.
    """

    def __init__(self, cache: Path, *, concurrency: int = 2, archives: bool = False) -> None:
        self._archives = archives
        self._network = network_variables(os.environ)
        self._cache = cache
        self._concurrency = concurrency
        self._free: queue.SimpleQueue[Sandbox] = queue.SimpleQueue()
        self._sandboxes = [
            Sandbox(cache=cache, network=self._network, path=os.environ.get("PATH", os.defpath))
            for _ in range(concurrency)
        ]
        for sandbox in self._sandboxes:
            self._free.put(sandbox)
        self._definitions = {
            name: load_definition(DEFINITIONS / f"{name}.asl.json", SUBSTITUTIONS) for name in ("run", "heal")
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sandbox in self._sandboxes:
            for adapter in sandbox._adapters.values():
                adapter.close()

    def run(
        self,
        path: Path,
        *,
        heal: bool = True,
        suites: Sequence[str] = (),
        changes: Sequence[Mapping[str, object]] = (),
        before: Hook | None = None,
        after: Hook | None = None,
        tenant: str = TENANT,
        within: Context | None = None,
    ) -> RunOutcome:
        """Run a project folder through the whole state machine.

        ``within`` are the stores of an earlier run (``outcome.context``), for a run that comes after it.

        ``before`` and ``after`` are called around every task, also of nested executions; what ``before`` raises is
        the task's failure.
        """
        context = within or self._context()
        with tempfile.TemporaryDirectory() as scratch:
            bundle = Path(scratch) / "bundle.tar.gz"
            pack(path, bundle)
            intake = Intake(context.runs, context.blobs, context.streams, lambda: None)
            upload = new_id()
            context.blobs.put(f"{tenant}/sources/{upload}.tar.gz", bundle.read_bytes())
        run = intake.submit(tenant, path.name, upload, heal=heal, suites=suites, changes=changes)
        local = LocalRun(context, run)

        def perform(call: Call) -> Any:
            local.calls.append(call)
            if before is not None:
                before(call, local)
            result = self._perform(context, call)
            if after is not None:
                after(call, local)
            return result

        machine = Interpreter(self._definitions, perform, lambda _bucket, key: context.blobs.get(key))
        failed = ""
        try:
            machine.execute("run", {"tenant": tenant, "run_id": run.id, "pass": 0}, run.id)
        except ExecutionError as failure:
            failed = str(failure)
        return _outcome(local, machine, failed)

    def _context(self) -> Context:
        context = Context(
            Settings(
                cache=self._cache,
                concurrency=self._concurrency,
                network=self._network,
                archive_environments=self._archives,
            )
        )
        context.runs = InMemoryRunStore()
        context.blobs = InMemoryBlobStore()
        context.streams = InMemoryStreams()
        return context

    def _perform(self, context: Context, call: Call) -> Any:
        if call.resource == "arn:aws:states:::lambda:invoke":
            payload = call.parameters["Payload"]
            return {"Payload": self._invoke(context, call.parameters["FunctionName"], payload), "StatusCode": 200}
        if call.resource == "arn:aws:states:::dynamodb:updateItem":
            return _update_item(context, call.parameters)
        if call.resource == "arn:aws:states:::states:startExecution.sync:2":
            return None  # the interpreter runs it
        raise DefinitionError(f"a resource that is not known here: {call.resource}")

    def _invoke(self, context: Context, function: str, payload: Any) -> Any:
        if function == "execution":
            with self._sandbox(context) as sandbox:
                return Execution(sandbox).handle(payload, TASK_SECONDS)
        steps = {
            "orchestration": orchestration_step,
            "aggregation": aggregation_step,
            "healing": healing_step,
        }
        return steps[function](context, payload)

    @contextmanager
    def _sandbox(self, context: Context) -> Iterator[Sandbox]:
        sandbox = self._free.get()
        try:
            sandbox.transfer = BlobTransfer(context.blobs)
            yield sandbox
        finally:
            self._free.put(sandbox)


def _update_item(context: Context, parameters: Any) -> Any:
    """Do the one update that the definition makes: add to the run's counters, whose names the expression gives."""
    tenant, _, run_id = parameters["Key"]["pk"]["S"].partition("#RUN#")
    if (parameters["Key"]["pk"]["S"], parameters["Key"]["sk"]["S"]) != context.runs.progress_key(tenant, run_id):
        raise DefinitionError(f"an update of another item than the run's counters: {parameters['Key']}")
    verb, _, rest = parameters["UpdateExpression"].partition(" ")
    if verb != "ADD":
        raise DefinitionError(f"an update that is not known here: {parameters['UpdateExpression']}")
    values = parameters["ExpressionAttributeValues"]
    counts = {name: int(values[key]["N"]) for name, key in (part.split() for part in rest.split(", "))}
    context.runs.count(tenant, run_id, counts)
    return {}


def _outcome(local: LocalRun, machine: Interpreter, failed: str) -> RunOutcome:
    context, tenant, run_id = local.context, local.run.tenant, local.run.id
    run = context.runs.get_run(tenant, run_id)
    assert run is not None

    def stored(name: str) -> bytes:
        key = run_key(tenant, run_id, "report", name)
        return context.blobs.get(key) if context.blobs.exists(key) else b""

    return RunOutcome(
        run=run,
        document=json.loads(stored("summary.json") or b"{}"),
        repairs=tuple(context.runs.list_repairs(tenant, run_id)),
        failures=tuple({f.id: f for f in context.runs.list_failures(tenant, run_id)}.values()),
        patch=stored("repairs.patch").decode("utf-8", "surrogateescape"),
        failed=failed,
        states=tuple(machine.visited),
        calls=tuple(local.calls),
        context=context,
    )
