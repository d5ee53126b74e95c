"""The one base of every error that CARS raises on purpose."""

from typing import ClassVar


class MaestroError(Exception):
    """An error with a stable code, for the person who reads it.

    Each package derives one base from this class, and its errors from that base. The message says what happened,
    to what (file, line, column where there is one), and what to do.

    Attributes
    ----------
    code
        Stable, machine-readable, snake_case; part of the HTTP problem document and of the run's stored reason.
    retryable
        Whether the same request can succeed later without being changed.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
