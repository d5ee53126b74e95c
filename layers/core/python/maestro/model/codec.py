"""The model as JSON and back, checked on the way in."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def dump(value: object) -> Any:
    """Turn a model object into plain JSON data (dicts, lists, strings, numbers)."""
    return _adapter(type(value)).dump_python(value, mode="json")


def load(kind: type[T], data: Any) -> T:
    """Build a ``kind`` (a model class, or a generic alias such as ``list[CaseResult]``) from plain JSON data.

    Raises
    ------
    pydantic.ValidationError
        If the data does not have the shape of ``kind``.
    """
    made: T = _adapter(kind).validate_python(data)
    return made


def dump_json(value: object, kind: Any = None) -> bytes:
    """Serialise a model object (or, with ``kind`` given, a list of them) to JSON bytes."""
    return _adapter(kind or type(value)).dump_json(value)


def load_json(kind: type[T], data: bytes | str) -> T:
    """Parse and check JSON text; raises ``pydantic.ValidationError`` like :func:`load`."""
    made: T = _adapter(kind).validate_json(data)
    return made
