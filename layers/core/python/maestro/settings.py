"""What a function is told by its environment; the only module that reads ``os.environ``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

# What an installer needs to reach its indexes; tests never see these (DESIGN section 6).
_NETWORK_PREFIXES = ("PIP_", "UV_", "npm_config_", "SSL_CERT_")
_NETWORK_SUFFIXES = ("_CA_BUNDLE", "_PROXY", "_proxy")
_NETWORK_NAMES = ("NODE_EXTRA_CA_CERTS",)


def network_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Select the operator's network settings, which building an environment needs and a test must never see."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(_NETWORK_PREFIXES) or name.endswith(_NETWORK_SUFFIXES) or name in _NETWORK_NAMES
    }


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one function; those that it does not use are empty."""

    table: str = ""
    bucket: str = ""
    redis_url: str = ""
    redis_secret: str = ""  # a secret that holds the URL; it wins over ``redis_url``
    idempotency_table: str = ""
    stream_prefix: str = "maestro:streams:automation:"
    run_state_machine: str = ""
    heal_state_machine: str = ""
    poller_function: str = ""
    api_url: str = ""
    cache: Path = Path("/tmp/maestro")  # noqa: S108 - the only writable folder of a Lambda function
    archive_environments: bool = True
    concurrency: int = 32
    path: str = os.defpath
    network: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from environment variables; absent ones keep their defaults."""

        def get(name: str, default: str = "") -> str:
            return environ.get("MAESTRO_" + name, default)

        return cls(
            table=get("TABLE"),
            bucket=get("BUCKET"),
            redis_url=get("REDIS_URL"),
            redis_secret=get("REDIS_SECRET"),
            idempotency_table=get("IDEMPOTENCY_TABLE"),
            stream_prefix=get("STREAM_PREFIX", "maestro:streams:automation:"),
            run_state_machine=get("RUN_STATE_MACHINE"),
            heal_state_machine=get("HEAL_STATE_MACHINE"),
            poller_function=get("POLLER_FUNCTION"),
            api_url=get("API_URL"),
            cache=Path(get("CACHE", "/tmp/maestro")),  # noqa: S108 - as above
            archive_environments=get("ARCHIVE_ENVIRONMENTS", "true") == "true",
            concurrency=int(get("CONCURRENCY", "32")),
            path=environ.get("PATH", os.defpath),
            network=network_variables(environ),
        )


@cache
def settings() -> Settings:
    """Return this process's settings."""
    return Settings.from_env(os.environ)
