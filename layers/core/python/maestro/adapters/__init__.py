"""Test tools, each behind the same two calls: collect, and run.

An adapter turns a suite into test ids, and test ids into results with the facts of each failure, taken where it
happened. Tests run in forks of a warm process that has the tool imported; a test that hangs, or ends its process, costs
itself and no other. The files in ``guest`` run inside the project's own interpreter, Python 3.8 and later.

>>> from maestro.adapters import adapter_for
>>> adapter_for("pytest").name
'pytest'
"""

from maestro.adapters.base import Adapter
from maestro.adapters.errors import AdapterError, RunnerError, UnknownAdapterError
from maestro.adapters.outcomes import unfinished
from maestro.adapters.pytest import PytestAdapter

__all__ = [
    "Adapter",
    "AdapterError",
    "PytestAdapter",
    "RunnerError",
    "UnknownAdapterError",
    "adapter_for",
    "unfinished",
]

_ADAPTERS = {"pytest": PytestAdapter}


def adapter_for(name: str, *, owner: str = "") -> Adapter:
    """Return a new adapter; its warm processes serve ``owner`` (a tenant) alone. Close it after use.

    Raises
    ------
    UnknownAdapterError
        If there is none of that name.
    """
    if name not in _ADAPTERS:
        raise UnknownAdapterError(f"There is no adapter {name!r}; there are: {', '.join(sorted(_ADAPTERS))}.")
    return _ADAPTERS[name](owner=owner)
