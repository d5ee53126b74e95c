"""MiniStack as a detached process with a clean, explicit environment."""

import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import urllib3
from maestro.settings import network_variables

from maestro_cli.stack.folder import Part, StateFolder
from maestro_cli.stack.process import ProcessRef, spawn

REGION = "us-east-1"
_LOOPBACK = ("127.0.0.1", "localhost")
# What says which certificates uv trusts; PIP_CERT becomes its SSL_CERT_FILE, and UV_NATIVE_TLS is an older name.
_TRUST = ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT")
_http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=1, read=5))


def log_file(folder: StateFolder) -> Path:
    """Return where MiniStack's output goes."""
    return folder.logs / "aws.log"


def environment(folder: StateFolder, port: int, operator: Mapping[str, str], *, auth: bool) -> dict[str, str]:
    """Return all that MiniStack gets to see of the environment, and with it every function.

    Of the operator's own environment that is PATH, HOME, the language and the network settings that installers need;
    no credentials and no AWS profile. Where the operator does not say which certificates to trust, uv trusts those of
    the system, as pip does since 24.2; left alone it would know the public authorities only.
    """
    network = network_variables(operator)
    if not any(operator.get(name) for name in _TRUST):
        network["UV_SYSTEM_CERTS"] = "1"
    for name in ("NO_PROXY", "no_proxy"):
        network[name] = ",".join(filter(None, (operator.get(name, ""), *_LOOPBACK)))
    tools = str(Path(sys.executable).parent)
    concurrency = max(32, 8 * (os.cpu_count() or 1))
    return {
        "PATH": os.pathsep.join(filter(None, (operator.get("PATH", os.defpath), tools))),
        "HOME": operator.get("HOME", str(folder.tmp)),
        "LANG": operator.get("LANG", "C.UTF-8"),
        "TMPDIR": str(folder.tmp),
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        **network,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder.aws),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder.objects),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_ACCOUNT_CONCURRENCY": str(concurrency),
        "MINISTACK_WORKER_THREADS": str(2 * concurrency),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder.tmp}/no-docker",  # nothing needs a container, and asking a daemon takes seconds
        "AUTH": str(auth).lower(),
    }


def start(folder: StateFolder, port: int, operator: Mapping[str, str], *, auth: bool) -> ProcessRef:
    """Start MiniStack on 127.0.0.1:``port``, enforcing the functions' roles if ``auth``; it is not waited for."""
    return spawn(
        [sys.executable, "-m", "maestro_cli.stack.aws", marker(folder)],
        env=environment(folder, port, operator, auth=auth),
        cwd=folder.aws,
        log=log_file(folder),
    )


def marker(folder: StateFolder) -> str:
    """Return the argument by which a MiniStack of this folder is found."""
    return str(folder.path)


def healthy(part: Part) -> bool:
    """Whether the MiniStack of this very process answers on its port."""
    if part.process is None:
        return False
    try:
        answer = _http.request("GET", f"{url(part)}/_maestro/stack")
        body: Any = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError):
        return False
    return isinstance(body, dict) and body.get("pid") == part.process.pid


def checkpoint(part: Part) -> bool:
    """Have the state written now; return whether all of it was."""
    try:
        answer = _http.request("POST", f"{url(part)}/_maestro/checkpoint", timeout=60)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == HTTPStatus.OK


def url(part: Part) -> str:
    """Return the endpoint of every AWS API."""
    return f"http://127.0.0.1:{part.port}"


def version() -> str:
    """Return the version that is installed."""
    return installed_version("ministack")
