"""Run functions of the template with `sam build` and `sam local invoke`, and look at what they answer.

Where a Docker daemon answers, it is used as it is. Where none does and this is root, a private daemon runs in a
temporary folder for as long as this takes (installed with apt-get if need be), with a base image made
of this machine's Python 3.13, so that no registry is needed. `sam local invoke` ends with 0 even when a handler
raises: each answer is read.
"""

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lambda_image

ROOT = Path(__file__).resolve().parent.parent
VERSION = "3.13"
IMAGE = f"public.ecr.aws/lambda/python:{VERSION}-x86_64"
SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"  # dockerd, ip
START_SECONDS = 30
INVOKE_SECONDS = 300
# SAM asks AWS for the account's id and would wait for an answer; functions must not get anybody's real keys.
NO_AWS = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_SESSION_TOKEN": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
    "SAM_CLI_TELEMETRY": "0",
}
# Parameters without a default; nothing that is invoked here goes to Redis.
PARAMETERS = ("RedisUrl=redis://127.0.0.1:6379/0",)
LAYER = "CoreLayer"
PROGRAMS = ("/opt/bin/git", "/opt/python/bin/uv", "/opt/python/bin/ruff")


def _has_api_description(payload: Any) -> str:
    document = json.loads(payload["body"])
    if payload["statusCode"] != 200:  # noqa: PLR2004 - HTTP's word for success
        return f"the status is {payload['statusCode']}"
    return "" if "/v1/runs" in document.get("paths", {}) else "the OpenAPI document names no /v1/runs"


def _refuses(payload: Any) -> str:
    problem = json.loads(payload["body"])
    if payload["statusCode"] != 401:  # noqa: PLR2004 - HTTP's word for a missing key
        return f"the status is {payload['statusCode']}"
    return "" if problem.get("code") else "the problem document has no code"


def _finds_chain_whole(payload: Any) -> str:
    return "" if payload.get("ok") is True else "an untouched chain was not found whole"


def _finds_chain_broken(payload: Any) -> str:
    found = payload.get("ok") is False and payload.get("problem")
    return "" if found else "a changed entry was not found"


def _as_it_is(event: dict[str, Any]) -> dict[str, Any]:
    return event


def _with_changed_entry(event: dict[str, Any]) -> dict[str, Any]:
    first, *others = event["lines"].splitlines()
    entry = json.loads(first)
    entry["data"]["changed"] = "afterwards"
    return {**event, "lines": "\n".join([json.dumps(entry, separators=(",", ":")), *others])}


@dataclass(frozen=True, slots=True)
class Invocation:
    """One function, one sample event, what to change in it, and what is wrong with an answer ("" when nothing is)."""

    what: str
    function: str
    event: str
    problem: Callable[[Any], str]
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is


INVOCATIONS = (
    Invocation("GET /openapi.json", "IntakeFunction", "events/intake/openapi.json", _has_api_description),
    Invocation("a request without a key", "IntakeFunction", "events/intake/unauthorised.json", _refuses),
    Invocation("an untouched audit trail", "AuditFunction", "events/audit/verify-inline.json", _finds_chain_whole),
    Invocation(
        "a changed audit trail",
        "AuditFunction",
        "events/audit/verify-inline.json",
        _finds_chain_broken,
        _with_changed_entry,
    ),
)


@contextlib.contextmanager
def phase(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    print(f"sam-local: {what}", flush=True)
    start = time.monotonic()
    yield
    print(f"sam-local: {what}: {time.monotonic() - start:.1f} s", flush=True)


def answers(environment: dict[str, str]) -> bool:
    """Tell whether a Docker daemon answers the `docker` command."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], env=environment, capture_output=True, check=False).returncode == 0


def need_dockerd() -> None:
    """Make sure that `docker` and `dockerd` are installed, or say what to do."""
    missing = [name for name in ("docker", "dockerd") if shutil.which(name) is None]
    if os.geteuid() != 0:
        raise SystemExit(
            "sam-local: no Docker daemon answers; start one, or run this as root so that it can start its own"
        )
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise SystemExit(f"sam-local: {' and '.join(missing)} not found and no apt-get to install them; install Docker")
    with phase("installing docker.io with apt-get"):
        apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", "docker.io"]):
            done = subprocess.run(["apt-get", *command], env=apt, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"sam-local: apt-get {' '.join(command)} failed:\n{done.stderr}")
    if shutil.which("dockerd") is None:
        raise SystemExit("sam-local: docker.io is installed and there is still no dockerd on PATH")


@contextlib.contextmanager
def private_daemon(folder: Path) -> Iterator[dict[str, str]]:
    """Run a Docker daemon that keeps everything in *folder*; yield the environment that reaches it."""
    bridge = Path("/sys/class/net/docker0")
    had_bridge = bridge.exists()
    address = f"unix://{folder}/docker.sock"
    options = {
        "--data-root": folder / "data",
        "--exec-root": folder / "exec",
        "--pidfile": folder / "dockerd.pid",
        "--host": address,
    }
    words = [str(word) for option in options.items() for word in option]
    log = folder / "dockerd.log"
    environment = {**os.environ, "DOCKER_HOST": address}
    with log.open("wb") as output:
        daemon = subprocess.Popen(["dockerd", *words], stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(environment):
            if daemon.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise SystemExit(f"sam-local: dockerd did not start; the end of its log:\n{tail}")
            time.sleep(0.2)
        yield environment
    finally:
        daemon.terminate()
        try:
            daemon.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        if bridge.exists() and not had_bridge and shutil.which("ip"):
            subprocess.run(["ip", "link", "delete", "docker0"], check=False)


def installation_of(python: Path) -> Path | None:
    """Return the folder that *python* is installed in; none when it does not run or is the system's own."""
    code = "import sys; print(sys.base_prefix)"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    prefix = Path(done.stdout.strip() or "/usr")
    return None if done.returncode or prefix in {Path("/usr"), Path("/usr/local")} else prefix


def find_python(uv: Path) -> Path:
    """Return the folder of a Python 3.13 installation; uv fetches one where there is none but the system's."""
    own = ROOT / "build" / "python"
    name = f"python{VERSION}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += sorted(pyenv.glob(f"versions/{VERSION}.*/bin"), reverse=True) + sorted(own.glob("*/bin"))
    for folder in folders:
        if (folder / name).is_file() and (prefix := installation_of(folder / name)):
            return prefix
    with phase(f"fetching Python {VERSION} with uv"):
        subprocess.run([str(uv), "python", "install", "--quiet", "--install-dir", str(own), VERSION], check=True)
    for folder in own.glob("*/bin"):
        if prefix := installation_of(folder / name):
            return prefix
    raise SystemExit(f"sam-local: no Python {VERSION} in a folder of its own; install one with uv or pyenv")


def build_image(folder: Path, uv: Path, prefix: Path, environment: dict[str, str]) -> None:
    """Give the private daemon the base image that SAM builds upon."""
    root = folder / "image"
    root.mkdir()
    lambda_image.lay_out(root, prefix, VERSION, uv)
    lambda_image.import_image(root, ["docker", "--host", environment["DOCKER_HOST"]], IMAGE)


def check_programs(environment: dict[str, str]) -> None:
    """Start the programs that the code runs, from the built layer, in the runtime's image."""
    mount = f"{ROOT / '.aws-sam' / 'build' / LAYER}:/opt:ro"
    for program in PROGRAMS:
        command = [
            "docker",
            "run",
            "--rm",
            "--network=none",
            "--volume",
            mount,
            "--entrypoint",
            program,
            IMAGE,
            "--version",
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"sam-local: {program} of the built layer does not start: {done.stderr.strip()}")
        print(f"  {program}: {done.stdout.strip()}", flush=True)


def invoke(sam: list[str], invocation: Invocation, environment: dict[str, str]) -> str:
    """Invoke one function; return what is wrong with its answer, "" when nothing is."""
    event = invocation.prepare(json.loads((ROOT / invocation.event).read_text(encoding="utf-8")))
    template = ROOT / ".aws-sam" / "build" / "template.yaml"
    options = ["--template", str(template), "--event", "-", "--skip-pull-image"]
    command = [*sam, "local", "invoke", invocation.function, *options, "--parameter-overrides", *PARAMETERS]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=False,
        timeout=INVOKE_SECONDS,
    )
    if done.returncode or not done.stdout.strip():
        return f"sam ended with {done.returncode}:\n{done.stderr[-3000:]}"
    answer = done.stdout.strip().splitlines()[-1]
    try:
        payload = json.loads(answer)
        if isinstance(payload, dict) and "errorMessage" in payload:
            problem = f"the handler raised {payload.get('errorType')}: {payload['errorMessage']}"
        else:
            problem = invocation.problem(payload)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"the answer has another shape ({error!r})"
    return f"{problem}\nanswer: {answer[:1000]}\nlog:\n{done.stderr[-3000:]}" if problem else ""


def check_answers(sam: list[str], environment: dict[str, str]) -> int:
    """Invoke every function of the list; return how many answers were wrong."""
    wrong = 0
    for invocation in INVOCATIONS:
        start = time.monotonic()
        problem = invoke(sam, invocation, environment)
        verdict = f"WRONG: {problem}" if problem else "answers as it should"
        print(f"  {invocation.function}, {invocation.what}: {verdict} ({time.monotonic() - start:.1f} s)", flush=True)
        wrong += bool(problem)
    return wrong


def main() -> int:
    """Build, invoke, judge; 0 when every answer made sense."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sam", default="sam", help="the command that runs the SAM command line")
    sam = shlex.split(parser.parse_args().sam)
    sam = [str(Path(sam[0]).absolute()) if "/" in sam[0] else sam[0], *sam[1:]]
    uv = Path(sys.executable).with_name("uv")
    os.environ["PATH"] += os.pathsep + SYSTEM_PROGRAMS
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    prefix = find_python(uv)
    offline = {**NO_AWS, "PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        if not answers(environment):
            need_dockerd()
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maestro-sam-")))
            with phase("starting a private Docker daemon"):
                environment = stack.enter_context(private_daemon(folder))
            with phase(f"making the base image of {prefix}"):
                build_image(folder, uv, prefix, environment)
        environment |= offline
        with phase("sam build"):
            subprocess.run([*sam, "build"], cwd=ROOT, env=environment, check=True)
        with phase("programs of the layer"):
            check_programs(environment)
        with phase("sam local invoke"):
            wrong = check_answers(sam, environment)
    print(f"sam-local: {len(INVOCATIONS) - wrong} of {len(INVOCATIONS)} answers make sense")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failure:
        raise SystemExit(f"sam-local: this command failed, see above: {shlex.join(failure.cmd)}") from failure
