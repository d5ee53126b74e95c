"""Calls handlers with those of an event's fields that they ask for."""

import inspect


def wanted(handler):
    """Return the names of the arguments that a handler takes."""
    return inspect.getargspec(handler).args


def call(handler, event):
    """Call a handler with the fields that it names; a field that the event lacks is None."""
    return handler(*[event.get(name) for name in wanted(handler)])
