"""CloudEvents 1.0 in JSON (github.com/cloudevents/spec, v1.0.2), and the types that CARS uses."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_serializer, model_validator

from maestro.model import new_id
from maestro.streams.errors import EventRefused

_EXTENSION = re.compile(r"[a-z0-9]+")
_REQUIRED = Field(min_length=1)


class EventType(StrEnum):
    """The events of CARS."""

    RUN_REQUESTED = "maestro.run.requested"
    RUN_CANCELLED = "maestro.run.cancelled"
    RUN_COMPLETED = "maestro.run.completed"
    MONITOR_STARTED = "maestro.monitor.started"
    MONITOR_STOPPED = "maestro.monitor.stopped"
    HEAL_REQUESTED = "maestro.heal.requested"
    ERROR_DETECTED = "maestro.error.detected"
    VALIDATION_COMPLETED = "maestro.validation.completed"
    REPAIR_COMPLETED = "maestro.repair.completed"


class CloudEvent(BaseModel):
    """One event. ``tenant`` is an extension attribute; other extensions (lower-case letters and digits) are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, _REQUIRED]
    source: Annotated[str, _REQUIRED]
    type: Annotated[str, _REQUIRED]
    subject: Annotated[str, _REQUIRED] | None = None
    time: AwareDatetime | None = None
    datacontenttype: Annotated[str, _REQUIRED] | None = None
    dataschema: Annotated[str, _REQUIRED] | None = None
    tenant: str | None = None
    data: Any = None
    data_base64: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "CloudEvent":
        for name in self.model_extra or ():
            if not _EXTENSION.fullmatch(name):
                raise ValueError(f"the extension attribute {name[:60]!r} is not lower-case letters and digits")
        if self.data is not None and self.data_base64 is not None:
            raise ValueError("an event has data or data_base64, not both")
        return self

    @field_serializer("time", when_used="json-unless-none")
    def _time(self, value: datetime) -> str:
        return value.isoformat()

    @classmethod
    def new(
        cls,
        kind: str,
        source: str,
        data: Any = None,
        *,
        tenant: str | None = None,
        subject: str | None = None,
        time: datetime | None = None,
        **extensions: str,
    ) -> "CloudEvent":
        """Make an event of now with a new id.

        Parameters
        ----------
        kind
            The event's ``type``, usually an :class:`EventType`.
        source
            Who says so, a URI reference such as ``/intake``.
        data
            JSON data.

        Raises
        ------
        EventRefused
            If an attribute is not what CloudEvents allows.
        """
        attributes: Mapping[str, Any] = {
            **extensions,
            "id": new_id(),
            "source": source,
            "type": str(kind),
            "subject": subject,
            "time": time or datetime.now(UTC),
            "datacontenttype": "application/json" if data is not None else None,
            "tenant": tenant,
            "data": data,
        }
        try:
            return cls.model_validate(attributes)
        except ValidationError as error:
            raise EventRefused(_explain(error)) from error

    @classmethod
    def parse(cls, text: bytes | str) -> "CloudEvent":
        """Read an event from JSON; raises ``EventRefused``, saying what is wrong and where."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise EventRefused(_explain(error)) from error

    def to_json(self) -> bytes:
        """Return the event as JSON, without absent attributes; raises ``EventRefused`` for data that is not JSON."""
        try:
            fields = self.__pydantic_serializer__.to_json(self, exclude_none=False, exclude=self._absent())
        except (TypeError, ValueError) as error:
            raise EventRefused(f"the data of the event {self.type} {self.id} is not JSON: {error}") from error
        return fields

    def _absent(self) -> set[str]:
        # Only absent attributes: a None inside the data is data.
        return {name for name in type(self).model_fields if getattr(self, name) is None}


def _explain(error: ValidationError) -> str:
    """Say what is wrong without quoting the input at length; it may be hostile."""
    problems = (
        f"{'.'.join(map(str, problem['loc'])) or 'event'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return ("not a CloudEvents 1.0 event in JSON: " + "; ".join(problems))[:1000]
