"""A request is stored before anything else; the stream is only the road."""

import pytest
from maestro.model import RunStatus
from maestro.orchestration.errors import ConflictError, NotFoundError, RequestError
from maestro.orchestration.intake import Intake
from maestro.orchestration.memory import InMemoryBlobStore, InMemoryRunStore
from maestro.orchestration.naming import source_key
from maestro.streams import JOBS, CloudEvent, InMemoryStreams, StreamsUnavailable


class Down(InMemoryStreams):
    """A stream server that is out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def publish(self, stream: str, event: CloudEvent) -> str:
        self.asked += 1
        raise StreamsUnavailable(f"{stream} cannot take {event.id}")


class Desk:
    """An intake with an uploaded bundle, and a count of how often the poller was woken."""

    def __init__(self, streams: InMemoryStreams) -> None:
        self.runs, self.blobs, self.streams, self.woken = InMemoryRunStore(), InMemoryBlobStore(), streams, 0
        self.intake = Intake(self.runs, self.blobs, streams, self.wake)
        self.blobs.put(source_key("acme", "u1"), b"a bundle")

    def wake(self) -> None:
        self.woken += 1


def test_a_run_is_stored_announced_and_the_poller_woken() -> None:
    desk = Desk(InMemoryStreams())

    run = desk.intake.submit("acme", "shop", "u1")

    stored = desk.runs.get_run("acme", run.id)
    assert stored is not None
    assert stored.status is RunStatus.QUEUED
    (message,) = desk.streams.read(JOBS, "group", "consumer")
    assert (message.event.subject, message.event.tenant) == (run.id, "acme")
    assert desk.woken == 1


def test_a_poller_that_is_alive_is_left_alone() -> None:
    desk = Desk(InMemoryStreams())
    desk.streams.beat("poller", 60)

    desk.intake.submit("acme", "shop", "u1")

    assert desk.woken == 0


def test_a_stream_that_is_down_loses_no_run_and_soon_slows_none() -> None:
    # given a stream server that is out of reach
    streams = Down()
    desk = Desk(streams)

    # when many runs are submitted
    runs = [desk.intake.submit("acme", "shop", "u1") for _ in range(10)]

    # then all are stored and waiting for the sweep, the poller is woken, and the server is soon not asked any more
    assert {run.id for run in desk.runs.list_unstreamed(older_than_seconds=-1)} == {run.id for run in runs}
    assert desk.woken == 10
    assert streams.asked == 3


def test_what_was_never_uploaded_cannot_run() -> None:
    desk = Desk(InMemoryStreams())

    with pytest.raises(RequestError, match="There is no upload u2"):
        desk.intake.submit("acme", "shop", "u2")
    with pytest.raises(RequestError, match="There is no upload u1"):
        desk.intake.submit("other", "shop", "u1")


def test_only_a_run_that_is_there_and_not_over_can_be_cancelled() -> None:
    desk = Desk(InMemoryStreams())
    run = desk.intake.submit("acme", "shop", "u1")

    assert desk.intake.cancel("acme", run.id).cancel_requested
    with pytest.raises(NotFoundError):
        desk.intake.cancel("other", run.id)
    desk.runs.transition("acme", run.id, RunStatus.CANCELLED, expected={RunStatus.QUEUED})
    with pytest.raises(ConflictError, match="already ended"):
        desk.intake.cancel("acme", run.id)
