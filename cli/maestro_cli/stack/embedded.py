"""The embedded stack as a whole: bringing it up, mending it, taking it down."""

import hashlib
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from maestro_cli.stack import bundle, keyring, ministack, valkey
from maestro_cli.stack.deploy import ARTIFACTS, Deployer, local_config, session
from maestro_cli.stack.errors import StackError, StackStartError
from maestro_cli.stack.folder import Part, Record, StateFolder, clear, rotate, tail
from maestro_cli.stack.process import ProcessRef, alive, find, start_time, stop

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_START_TIMEOUT = 30.0  # seconds for one server to answer
_API_TIMEOUT = 60.0  # seconds for the deployed API's first answer
_GRACE = 10.0  # seconds between SIGTERM and SIGKILL
_PORT_ATTEMPTS = 5
_LOCK_WAIT = 90.0


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part as it is now; ``pid`` is 0 when it does not run."""

    name: str
    up: bool
    pid: int
    port: int
    version: str
    log: str


@dataclass(frozen=True, slots=True)
class StackStatus:
    """The stack as it is now; ``api`` is whether the deployed API answers."""

    folder: str
    up: bool
    api: bool
    api_url: str
    started_at: str
    parts: tuple[PartStatus, ...]
    outputs: Mapping[str, str]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    part: Part
    log: Path
    start: Callable[[], ProcessRef]
    healthy: Callable[[], bool]


class EmbeddedStack:
    """One stack in one state folder.

    Parameters
    ----------
    folder
        Its ``.maestro`` folder.
    environ
        The operator's environment, of which the stack takes only what it needs.
    template
        What to deploy; the project's own bundle unless given.
    auth
        Whether the functions' roles are enforced (``AUTH`` of MiniStack).
    say
        Is told, in a few words, what is being done.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environ: Mapping[str, str] | None = None,
        template: Path | None = None,
        auth: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = StateFolder(folder)
        self._environ = dict(os.environ if environ is None else environ)
        self._template = template
        self._auth = auth
        self._say = say

    def up(self) -> Record:
        """Bring every part up that is not, deploy what changed, and return once the API answers.

        Doing it again mends what died meanwhile. State from before is kept; ports may be other ones.

        Raises
        ------
        StackStartError
            If a server does not start or answer in time; the message ends with its log.
        DeployError
            If CloudFormation refuses or fails.
        StackBusyError
            If another command is at work on this stack for over a minute.
        """
        self.folder.create()
        with self.folder.locked(_LOCK_WAIT):
            record = self.folder.load()
            record.valkey_password = record.valkey_password or secrets.token_urlsafe(24)
            before = record.aws.process
            started = self._start_parts(record)
            restarted = bool(record.deployed) and record.aws.process != before
            if started or not record.started_at:
                record.started_at = datetime.now(UTC).isoformat(timespec="seconds")
            self._deploy(record)
            self._await_api(record)
            self._ensure_key(record)
            if restarted:
                self._settle(record)
            record.versions = {
                "maestro": installed_version("maestro-cars"),
                "python": sys.version.split()[0],
                "ministack": ministack.version(),
                "valkey": valkey.version(record.valkey, record.valkey_password),
            }
            self.folder.save(record)
            return record

    def mend(self) -> Record:
        """Return the record of a stack that is whole as it is; bring it up like :meth:`up` where a part has died."""
        record = self.folder.load()
        if (
            record.deployed
            and record.api_key
            and valkey.healthy(record.valkey, record.valkey_password)
            and ministack.healthy(record.aws)
        ):
            return record
        return self.up()

    def down(self) -> bool:
        """Stop every process of the stack and keep its state; return whether anything ran."""
        if not self.folder.path.is_dir():
            return False
        with self.folder.locked(_LOCK_WAIT):
            record = self.folder.load()
            parts = (record.aws, record.valkey)  # functions first: they may still write to the streams
            ran = False
            for part in parts:
                ran = self._stop_part(part) or ran
            ran = self._stop_strays(record) or ran
            shutil.rmtree(self.folder.tmp, ignore_errors=True)
            record.started_at = ""
            if (self.folder.path / "stack.json").exists():
                self.folder.save(record)
            return ran

    def status(self) -> StackStatus:
        """Look at every part; changes nothing."""
        record = self.folder.load()
        valkey_up = valkey.healthy(record.valkey, record.valkey_password)
        aws_up = ministack.healthy(record.aws)
        parts = (
            _part_status("valkey", record.valkey, up=valkey_up, record=record, log=valkey.log_file(self.folder)),
            _part_status("ministack", record.aws, up=aws_up, record=record, log=ministack.log_file(self.folder)),
        )
        api = aws_up and bool(record.api_url) and _answers(f"{record.api_url}/health")
        return StackStatus(
            folder=str(self.folder.path),
            up=valkey_up and aws_up and bool(record.deployed),
            api=api,
            api_url=record.api_url,
            started_at=record.started_at,
            parts=parts,
            outputs=record.outputs,
            versions=record.versions,
        )

    def _start_parts(self, record: Record) -> bool:
        """Start what is not healthy, both servers at once; return whether anything had to be."""
        need_valkey = not valkey.healthy(record.valkey, record.valkey_password)
        need_aws = not ministack.healthy(record.aws)
        if not (need_valkey or need_aws):
            return False
        if need_aws:
            self._stop_part(record.aws)
            clear(self.folder.tmp)  # what functions left there when they were killed
        if need_valkey:
            self._stop_part(record.valkey)
        self._stop_strays(record)
        for log in (valkey.log_file(self.folder), ministack.log_file(self.folder)):
            rotate(log)
        self._say("Starting Valkey and MiniStack")
        servers = []
        if need_valkey:
            servers.append(self._valkey(record))
        if need_aws:
            servers.append(self._ministack(record))
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            for server in servers:
                server.part.port = _port(server.part.port)
                server.part.process = server.start()
            self.folder.save(record)
            servers = [server for server in servers if not self._await(server, last=attempt == _PORT_ATTEMPTS)]
            if not servers:
                break
        return True

    def _valkey(self, record: Record) -> "_Server":
        return _Server(
            "Valkey",
            record.valkey,
            valkey.log_file(self.folder),
            start=lambda: valkey.start(self.folder, record.valkey.port, record.valkey_password),
            healthy=lambda: valkey.healthy(record.valkey, record.valkey_password),
        )

    def _ministack(self, record: Record) -> "_Server":
        return _Server(
            "MiniStack",
            record.aws,
            ministack.log_file(self.folder),
            start=lambda: ministack.start(self.folder, record.aws.port, self._environ, auth=self._auth),
            healthy=lambda: ministack.healthy(record.aws),
        )

    def _await(self, server: "_Server", *, last: bool) -> bool:
        """Wait until a server is healthy.

        ``False`` if it ended because somebody took its port, and it is not the ``last`` time that it is tried.
        """
        part = server.part
        deadline = time.monotonic() + _START_TIMEOUT
        while not server.healthy():
            dead = not alive(part.process)
            if dead and not last and _taken(part.port):
                part.port = 0
                return False
            if dead or time.monotonic() > deadline:
                what = "ended while starting" if dead else f"did not answer within {_START_TIMEOUT:.0f} seconds"
                port = part.port
                self._stop_part(part)
                raise StackStartError(
                    f"{server.name} {what} (port {port}); `maestro doctor` checks this machine."
                    f" The end of {server.log}:\n{tail(server.log)}"
                )
            time.sleep(0.03)
        return True

    def _stop_part(self, part: Part) -> bool:
        if part.process is None:
            return False
        ran = alive(part.process)
        stop(part.process, grace=_GRACE)
        part.process = None
        return ran

    def _stop_strays(self, record: Record) -> bool:
        """Stop servers of this folder that no record knows: their command was killed before it could write one."""
        known = {part.process for part in (record.valkey, record.aws)}
        strays: list[ProcessRef] = []
        for marker in (ministack.marker(self.folder), str(valkey.config_file(self.folder))):
            strays += [ref for ref in find(marker) if ref not in known]
        for ref in strays:
            stop(ref, grace=_GRACE)
        return bool(strays)

    def _deploy(self, record: Record) -> None:
        package = bundle.pack(self._template or bundle.locate(), ARTIFACTS)
        parameters = self._parameters(record)
        given = sorted((name, value) for name, value in parameters.items() if name in package.parameters)
        fingerprint = hashlib.sha256(repr((package.fingerprint, given)).encode()).hexdigest()
        deployer = Deployer(ministack.url(record.aws))
        if record.deployed == fingerprint and deployer.status() in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            record.api_url = _api_url(record)
            return
        self._say("Deploying template.yaml")
        if not record.deployed and deployer.status():
            deployer.delete()  # its first deployment was cut off, so it holds nothing yet
        record.deployed = record.deployed and "unfinished"
        self.folder.save(record)
        record.outputs = deployer.deploy(package, parameters)
        record.api_url = _api_url(record)
        if not ministack.checkpoint(record.aws):
            raise StackError(f"the state could not be written; see {ministack.log_file(self.folder)}")
        record.deployed = fingerprint
        self.folder.save(record)

    def _parameters(self, record: Record) -> dict[str, str]:
        caches = Path(
            self._environ.get("XDG_CACHE_HOME") or Path(self._environ.get("HOME", "~")).expanduser() / ".cache"
        )
        return {
            "RedisUrl": valkey.url(record.valkey, record.valkey_password),
            "CacheFolder": str(caches / "maestro"),
            "ArchiveEnvironments": "false",
            "Concurrency": str(os.cpu_count() or 1),
            "Stage": "local",
        }

    def _await_api(self, record: Record) -> None:
        if not record.api_url:
            return  # a template without an API, as some tests deploy
        self._say("Waiting for the API's first answer")
        deadline = time.monotonic() + _API_TIMEOUT
        while (answer := _ask(f"{record.api_url}/health")).status != HTTPStatus.OK:
            if time.monotonic() > deadline:
                raise StackStartError(
                    f"the API at {record.api_url} was not well within {_API_TIMEOUT:.0f} seconds; its last answer was"
                    f" {answer.status or 'none'}: {answer.text}\nThe end of"
                    f" {ministack.log_file(self.folder)}:\n{tail(ministack.log_file(self.folder))}"
                )
            time.sleep(0.1)

    def _settle(self, record: Record) -> None:
        """Have the poller end what was at work when the stack was stopped or killed, now and not after its grace."""
        poller = record.outputs.get("PollerFunctionName")
        if not poller:
            return  # a template without runs, as some tests deploy
        client: LambdaClient = session().client("lambda", endpoint_url=ministack.url(record.aws), config=local_config())
        try:
            client.invoke(FunctionName=poller, InvocationType="Event", Payload=b'{"source": "restart"}')
        except (ClientError, BotoCoreError) as error:
            raise StackError(
                f"the poller could not be woken after the restart: {error}; try `maestro up` again"
            ) from error

    def _ensure_key(self, record: Record) -> None:
        """Make an API key for the tenant ``local``, unless the one that is stored still works."""
        if not record.outputs.get("TableName"):
            return  # a template without keys, as some tests deploy
        if record.api_key and _accepted(record):
            return
        record.api_key, _ = keyring.local(record).create(keyring.TENANT, keyring.SCOPES)
        ministack.checkpoint(record.aws)


def _part_status(name: str, part: Part, *, up: bool, record: Record, log: Path) -> PartStatus:
    pid = part.process.pid if part.process and start_time(part.process.pid) == part.process.started else 0
    return PartStatus(name, up, pid, part.port if pid else 0, record.versions.get(name, ""), str(log))


def _port(wanted: int) -> int:
    """Return ``wanted`` if it is free on 127.0.0.1 (so that URLs stay), else any free port."""
    for candidate in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StackStartError("no free port on 127.0.0.1; end some programs that listen there and try again")


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _api_url(record: Record) -> str:
    """Return the API's local address from the stack's outputs; empty if the template has no API."""
    api = record.outputs.get("ApiId", "")
    return f"{ministack.url(record.aws)}/_aws/execute-api/{api}/$default" if api else ""


def _answers(url: str) -> bool:
    return _ask(url).status == HTTPStatus.OK


def _accepted(record: Record) -> bool:
    """Whether the API accepts the stored key; anything but a refusal leaves it as it is."""
    answer = _ask(f"{record.api_url}/v1/runs?limit=1", {"Authorization": f"Bearer {record.api_key}"})
    return answer.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    text: str


def _ask(url: str, headers: Mapping[str, str] | None = None) -> _Answer:
    try:
        answer = urllib3.request(
            "GET", url, headers=headers, retries=False, timeout=urllib3.Timeout(connect=1, read=30)
        )
    except urllib3.exceptions.HTTPError as error:
        return _Answer(0, str(error))
    return _Answer(answer.status, answer.data[:2000].decode("utf-8", errors="replace"))
