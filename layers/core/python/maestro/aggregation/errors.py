"""Errors of the aggregation package."""

from typing import ClassVar

from maestro.model import MaestroError


class AggregationError(MaestroError):
    """Results could not be put together; base of this package's errors."""

    code: ClassVar[str] = "aggregation_error"


class MismatchError(AggregationError):
    """A collection and the suite it was given for are not the same suite."""

    code: ClassVar[str] = "suite_mismatch"


class GateError(AggregationError):
    """A quality gate has a name or a limit that cannot be evaluated."""

    code: ClassVar[str] = "quality_gate_invalid"


class StatisticsError(AggregationError):
    """Stored test statistics cannot be read."""

    code: ClassVar[str] = "statistics_unreadable"
