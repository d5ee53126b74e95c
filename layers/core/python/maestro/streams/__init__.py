"""The road between the parts: CloudEvents on Redis Streams, read by consumer groups.

What is published is delivered at least once: read, then acknowledged; what a dead consumer left is claimed after the
visibility time; what cannot be read or keeps failing goes to ``<stream>:dead`` with its reason. A lost stream or group
is made again. Streams are named without their prefix ("jobs"). ``maestro.streams.redis.RedisStreams`` is the real one.

>>> from maestro.streams import GROUPS, JOBS, CloudEvent, EventType, InMemoryStreams
>>> streams = InMemoryStreams()
>>> id = streams.publish(JOBS, CloudEvent.new(EventType.RUN_REQUESTED, "/intake", {"id": "run-1"}, tenant="acme"))
>>> [message] = streams.read(JOBS, GROUPS[JOBS], "consumer-1")
>>> message.event.data, streams.ack(JOBS, GROUPS[JOBS], message.id)
({'id': 'run-1'}, 1)
"""

from maestro.streams.errors import EventRefused, StreamsError, StreamsUnavailable
from maestro.streams.events import CloudEvent, EventType
from maestro.streams.memory import InMemoryStreams
from maestro.streams.names import DEAD, ERRORS, GROUPS, HEALING, JOBS, PREFIX, RESULTS, VALIDATION, dead
from maestro.streams.ports import DeadLetter, Message, StreamInfo, Streams

__all__ = [
    "DEAD",
    "ERRORS",
    "GROUPS",
    "HEALING",
    "JOBS",
    "PREFIX",
    "RESULTS",
    "VALIDATION",
    "CloudEvent",
    "DeadLetter",
    "EventRefused",
    "EventType",
    "InMemoryStreams",
    "Message",
    "StreamInfo",
    "Streams",
    "StreamsError",
    "StreamsUnavailable",
    "dead",
]
