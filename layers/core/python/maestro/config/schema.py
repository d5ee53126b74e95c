"""What a ``maestro.yaml`` may say: these models are the schema, and the published JSON Schema is made from them."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from maestro.config import requirements
from maestro.config.files import inside
from maestro.config.templates import TEMPLATES
from maestro.model import RunStatus, Strategy, SuiteKind

MAX_COMBINATIONS = 64  # suites that one matrix may become
_VERSION = re.compile(r"3\.\d{1,2}(\.\d{1,2})?")
_OLDEST = (3, 8)
_SCALAR = {"type": ["string", "number", "boolean", "null"]}


def _root(info: ValidationInfo) -> Path | None:
    return info.context.get("root") if isinstance(info.context, dict) else None


def _python(value: str) -> str:
    if "/" in value:
        return value
    if not _VERSION.fullmatch(value):
        raise ValueError(f'{value!r} is not a version of Python; write one like "3.12", or the path of an interpreter')
    if tuple(map(int, value.split(".")[:2])) < _OLDEST:
        raise ValueError(f"Python {value} is too old; 3.8 is the oldest that is run")
    return value


def _requirement(value: str, info: ValidationInfo) -> str:
    return requirements.normalise(value, _root(info))


def _path(value: str, info: ValidationInfo) -> str:
    root = _root(info)
    if not value or "\0" in value:
        raise ValueError("an empty path; write '.' for the project's folder")
    if root is not None and not inside(root, value.partition("::")[0]):
        raise ValueError(f"{value!r} lies outside the project; name a path below the project's folder")
    return value


def _text(value: object) -> object:
    return "" if value is None else value


def _variable(value: str) -> str:
    if not value or "=" in value or "\0" in value:
        raise ValueError(f"{value!r} cannot be the name of a variable; write one like 'TZ'")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = bool(parts.scheme and parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"{value!r} is not a URL; write one like 'http://127.0.0.1:8080'")
    return value


def _web_url(value: str) -> str:
    if urlsplit(_url(value)).scheme not in ("http", "https"):
        raise ValueError(f"{value!r} is not a web address; write one like 'https://hooks.example.com/maestro'")
    return value


def _health(value: str) -> str:
    return value if value.startswith("/") else _web_url(value)


Python = Annotated[str, AfterValidator(_python), WithJsonSchema({"type": ["string", "number"], "examples": ["3.12"]})]
Requirement = Annotated[str, AfterValidator(_requirement)]
ProjectPath = Annotated[str, AfterValidator(_path)]
Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(_SCALAR)]
Variable = Annotated[str, AfterValidator(_variable)]
Url = Annotated[str, AfterValidator(_url)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Health = Annotated[str, AfterValidator(_health)]
SuiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_ .,()=+-]{0,99}$")]
ServiceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A mapping of the file: unknown keys are errors, and a key without a value is as if it were not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: Any) -> Any:
        return (
            {k: v for k, v in data.items() if v is not None or k not in cls.model_fields}
            if isinstance(data, dict)
            else data
        )


class EnvironmentSection(Section):
    """What the suites run in. What is left out is detected from the project."""

    python: Python | None = Field(default=None, description="The version of Python, or the path of an interpreter.")
    install: tuple[Requirement, ...] | None = Field(
        default=None,
        description="What to install: requirement lines, '-r FILE', '-c FILE', '-e .'.",
        examples=[["-e .", "pytest>=8"]],
    )
    pythonpath: tuple[ProjectPath, ...] | None = Field(
        default=None, description="Folders from which tests import, relative to the project's.", examples=[["src"]]
    )
    variables: dict[Variable, Text] = Field(
        default_factory=dict, description="Environment variables of the tests.", examples=[{"TZ": "UTC"}]
    )


class SuiteEnvironment(EnvironmentSection):
    """What differs for one suite: python and pythonpath replace; install and variables are added.

    A line of ``install`` for a distribution that the environment already names takes that line's place.
    """


class Service(Section):
    """Something outside that the tests talk to; it is checked before anything runs."""

    url: Url = Field(description="Where it answers.", examples=["http://127.0.0.1:8080"])
    health: Health | None = Field(
        default=None, description="The path, or the URL, that answers 2xx when it is well.", examples=["/health"]
    )


class SuiteSection(Section):
    """One set of checks with one tool."""

    kind: Literal[SuiteKind.TEST] = Field(default=SuiteKind.TEST, description="What is checked.", examples=["test"])
    adapter: Literal["pytest"] = Field(default="pytest", description="The tool that checks it.", examples=["pytest"])
    paths: tuple[ProjectPath, ...] = Field(
        default=(), description="What to check; empty: the tool's own choice.", examples=[["tests"]]
    )
    args: tuple[Text, ...] = Field(
        default=(), description="Further arguments of the tool.", examples=[["-m", "not slow"]]
    )
    matrix: dict[Variable, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Values to combine, one suite each: 'python', or the name of an environment variable.",
        examples=[{"python": ["3.11", "3.12"]}],
    )
    needs: tuple[str, ...] = Field(default=(), description="Suites that must end first.", examples=[["unit"]])
    timeout: Annotated[float, Field(gt=0, le=840, allow_inf_nan=False)] = Field(
        default=300.0, description="Seconds that one test may take.", examples=[30]
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        default=2, description="How often a failed test is run again to tell flaky from broken.", examples=[2]
    )
    target_time: Seconds | None = Field(default=None, description="Seconds that the suite should take.", examples=[60])
    executor: Literal["lambda"] = Field(default="lambda", description="Where it runs.", examples=["lambda"])
    environment: SuiteEnvironment = Field(
        default_factory=SuiteEnvironment, description="What differs from 'environment'.", examples=[{"python": "3.12"}]
    )

    @field_validator("matrix")
    @classmethod
    def _versions(cls, matrix: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for value in matrix.get("python", ()):
            _python(value)
        return matrix


class Thresholds(Section):
    """The least confidence (0 to 1) of each tier; below the last a repair is only reported."""

    applied: Probability = Field(default=0.90, description="Applied.", examples=[0.9])
    review: Probability = Field(default=0.75, description="Applied, for review.", examples=[0.75])
    pull_request: Probability = Field(default=0.60, description="Proposed as a pull request.", examples=[0.6])

    @model_validator(mode="after")
    def _descend(self) -> "Thresholds":
        if not self.applied >= self.review >= self.pull_request:
            raise ValueError("the tiers are out of order; applied >= review >= pull_request must hold")
        return self


class HealingConfig(Section):
    """Whether and how failures are repaired."""

    enabled: bool = Field(default=True, description="Whether failures are repaired at all.", examples=["true"])
    strategies: tuple[Strategy, ...] = Field(
        default=tuple(Strategy), description="The strategies that may be tried.", examples=[["dependency_fix"]]
    )
    thresholds: Thresholds = Field(
        default_factory=Thresholds, description="The confidence of each tier.", examples=[{"applied": 0.9}]
    )
    allow: tuple[str, ...] = Field(
        default=(), description="Patterns of files that a repair may touch; empty: all.", examples=[["tests/**"]]
    )
    protect: tuple[str, ...] = Field(
        default=(".git/**", ".github/**", ".gitlab-ci.yml", ".maestro/**"),
        description="Patterns of files that no repair may touch.",
        examples=[["migrations/**"]],
    )
    approval: Literal["never", "review", "always"] = Field(
        default="never",
        description="Which repairs wait for a person: none, those below the applied tier, all.",
        examples=["review"],
    )
    delivery: Literal["diff", "commit", "pull_request", "comment"] = Field(
        default="diff", description="How repairs are delivered, beside the diff that is always made.", examples=["diff"]
    )
    max_attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        default=6, description="Rounds of repair for one failure.", examples=[6]
    )
    max_concurrent_repairs: Annotated[int, Field(ge=1, le=64)] = Field(
        default=4, description="Failures that are repaired at once.", examples=[4]
    )
    time_limit: Annotated[float, Field(gt=0, le=36_000)] | None = Field(
        default=None,
        description="Seconds for all healing of a run; by default 480, or three times what the suite takes if longer.",
        examples=[600],
    )


class QualityGates(Section):
    """What a run must fulfil beyond having no failed test; a gate that is left out does not hold anyone up."""

    min_pass_rate: Probability | None = Field(
        default=None, description="Least share of passed among all that ran, 0 to 1.", examples=[0.99]
    )
    max_failures: Count | None = Field(default=None, description="Most failed tests and errors.", examples=[0])
    max_flaky: Count | None = Field(default=None, description="Most flaky tests.", examples=[3])
    max_skipped: Count | None = Field(default=None, description="Most skipped tests.", examples=[10])
    max_seconds: Seconds | None = Field(default=None, description="Longest wall time of the run.", examples=[600])


class Notifications(Section):
    """Who hears how a run ended."""

    webhooks: tuple[WebUrl, ...] = Field(
        default=(),
        description="Addresses that receive the summary by POST.",
        examples=[["https://hooks.example.com/maestro"]],
    )
    events: tuple[Literal["passed", "failed", "healed", "error", "cancelled"], ...] = Field(
        default=(RunStatus.FAILED.value, RunStatus.HEALED.value, RunStatus.ERROR.value),
        description="The ends of a run that are told.",
        examples=[["failed", "error"]],
    )


class File(Section):
    """A whole ``maestro.yaml``."""

    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w .@/+-]{0,127}$")] | None = Field(
        default=None, description="The project's name.", examples=["shop"]
    )
    extends: Literal[TEMPLATES] | None = Field(  # type: ignore[valid-type]  # the names of files
        None, description="A template whose values hold where this file says nothing.", examples=["python-pytest"]
    )
    environment: EnvironmentSection = Field(
        default_factory=EnvironmentSection, description="What the suites run in.", examples=[{"python": "3.12"}]
    )
    services: dict[ServiceName, Service] = Field(
        default_factory=dict,
        description="What the tests talk to.",
        examples=[{"api": {"url": "http://127.0.0.1:8080", "health": "/health"}}],
    )
    suites: Annotated[dict[SuiteName, SuiteSection], Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="What to check.", examples=[{"unit": {"paths": ["tests"]}}]
    )
    quality_gates: QualityGates = Field(
        default_factory=QualityGates, description="What a run must fulfil.", examples=[{"max_flaky": 3}]
    )
    healing: HealingConfig = Field(
        default_factory=HealingConfig, description="Whether and how to repair.", examples=[{"enabled": "true"}]
    )
    notifications: Notifications = Field(
        default_factory=Notifications,
        description="Who hears of it.",
        examples=[{"webhooks": ["https://hooks.example.com/maestro"]}],
    )


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``maestro.yaml``, for editors and for publishing."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "maestro.yaml",
        **{k: v for k, v in File.model_json_schema().items() if k != "title"},
    }
