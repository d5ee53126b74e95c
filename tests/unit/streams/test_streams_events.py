import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.streams import CloudEvent, EventRefused, StreamsError, StreamsUnavailable
from maestro.streams.redis import RedisStreams
from support.valkey import valkey_server

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner),
    max_leaves=6,
)


@given(values)
def test_an_event_survives_the_wire(data: object) -> None:
    event = CloudEvent.new("maestro.run.requested", "/intake", data, tenant="acme", subject="r", traceparent="00-1")
    again = CloudEvent.parse(event.to_json())
    assert again == event
    assert json.loads(event.to_json())["traceparent"] == "00-1"


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_that_are_no_event_are_refused_briefly(noise: bytes | str) -> None:
    with pytest.raises(EventRefused, match=r"^not a CloudEvents 1\.0 event") as caught:
        CloudEvent.parse(noise)
    assert len(str(caught.value)) <= 1000


def test_times_are_rfc_3339() -> None:
    event = CloudEvent.new("t", "/s", time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert json.loads(event.to_json())["time"] == "2026-01-02T03:04:05+00:00"


def test_an_attribute_that_cloudevents_does_not_allow_is_refused() -> None:
    with pytest.raises(EventRefused, match="source"):
        CloudEvent.new("t", "")
    with pytest.raises(EventRefused, match="Bad_Name"):
        CloudEvent.new("t", "/s", Bad_Name="x")


def test_a_server_out_of_reach_is_a_retryable_error() -> None:
    with valkey_server() as server:
        streams = RedisStreams.connect(server.connection_url)
        streams.publish("jobs", CloudEvent.new("t", "/s"))
        server.terminate()
        with pytest.raises(StreamsUnavailable) as caught:
            streams.publish("jobs", CloudEvent.new("t", "/s"))
        assert caught.value.retryable
        streams.close()


def test_a_refusal_is_not_retryable() -> None:
    with valkey_server() as server:
        streams = RedisStreams.connect(server.connection_url)
        streams._redis.set(streams.key("jobs"), "not a stream")
        with pytest.raises(StreamsError, match="refused") as caught:
            streams.publish("jobs", CloudEvent.new("t", "/s"))
        assert not caught.value.retryable
        streams.close()
