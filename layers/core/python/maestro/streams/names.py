"""The streams and their groups, as the platform names them. A stream's key in Redis is the prefix and its name."""

from typing import Final

PREFIX: Final = "maestro:streams:automation:"

JOBS: Final = "jobs"
HEALING: Final = "healing"
ERRORS: Final = "errors"
VALIDATION: Final = "validation"  # written here, read by others
RESULTS: Final = "results"  # written here, read by others

GROUPS: Final = {
    JOBS: "maestro-automation-workers",
    HEALING: "maestro-healing-workers",
    ERRORS: "maestro-monitoring-workers",
}

DEAD: Final = ":dead"


def dead(stream: str) -> str:
    """Return the name of a stream's dead letters."""
    return stream + DEAD
