"""A configuration with everything resolved."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from maestro.config.schema import HealingConfig, Notifications, QualityGates, Service
from maestro.model import EnvironmentSpec, Suite


class Config(BaseModel):
    """What a run does.

    ``suites`` are the suites after their matrices, each with the environment that holds for it; none when the project
    has no tests. ``config_file`` is the name of the file that was read, or "" where there is none (``detected``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str
    environment: EnvironmentSpec
    suites: tuple[Suite, ...]
    services: Mapping[str, Service] = Field(default_factory=dict)
    quality_gates: QualityGates = Field(default_factory=QualityGates)
    healing: HealingConfig = Field(default_factory=HealingConfig)
    notifications: Notifications = Field(default_factory=Notifications)
    detected: bool = False
    config_file: str = ""
