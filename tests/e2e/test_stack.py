"""The embedded stack on real servers: Valkey, MiniStack, and a bundle of one function."""

import json
import os
import signal
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
import urllib3
from maestro_cli.stack import DeployError, EmbeddedStack, Record, ministack, valkey
from maestro_cli.stack.process import alive, members, wait_gone
from support.stack import SMALL_BUNDLE, running


def _call(record: Record, method: str, path: str, body: str | None = None) -> Any:
    answer = urllib3.request(method, record.api_url + path, body=body, timeout=20)
    assert answer.status == 200, answer.data
    return json.loads(answer.data)


def _redis(record: Record) -> "redis.Redis":
    return redis.Redis.from_url(valkey.url(record.valkey, record.valkey_password))


def test_its_state_survives_down_and_up(tmp_path: Path) -> None:
    with running(tmp_path, SMALL_BUNDLE) as up:
        # given a stack with something in every store
        _call(up.record, "PUT", "/items/kept", "value")
        _redis(up.record).xadd("stream", {"event": "kept"})
        processes = [up.record.valkey.process, up.record.aws.process]
        assert up.stack.status().up
        assert up.stack.status().api

        # when it goes down
        assert up.stack.down()

        # then nothing of it runs, and it says so
        assert not any(alive(process) for process in processes)
        assert not up.stack.status().up
        assert not up.stack.down()

        # and when it comes up again, everything is there
        record = up.stack.up()
        assert _call(record, "GET", "/items/kept")["pk"] == "kept"
        assert _redis(record).xlen("stream") == 1


def test_what_was_killed_is_mended_with_its_state(tmp_path: Path) -> None:
    with running(tmp_path, SMALL_BUNDLE) as up:
        # given a stack whose state was checkpointed
        _call(up.record, "PUT", "/items/kept", "value")
        assert ministack.checkpoint(up.record.aws)
        first = up.record.aws.process
        kept_valkey = up.record.valkey.process

        # when MiniStack is killed
        assert first
        os.kill(first.pid, signal.SIGKILL)

        # then the next `up` starts it again, and it alone, with its state
        record = up.stack.up()
        assert record.aws.process != first
        assert record.valkey.process == kept_valkey
        assert _call(record, "GET", "/items/kept")["pk"] == "kept"
        assert _call(record, "GET", "/health")["redis"]

        # and when Valkey is killed and its port taken by somebody else
        assert kept_valkey
        os.kill(kept_valkey.pid, signal.SIGKILL)
        assert wait_gone([kept_valkey], timeout=5)
        with _listener(up.record.valkey.port):
            record = up.stack.up()

        # then it is up on another port, and the functions know that one
        assert record.valkey.port != up.record.valkey.port
        assert _call(record, "GET", "/health")["redis"]


def test_two_stacks_side_by_side_do_not_meet(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    stacks = [EmbeddedStack(folder / ".maestro", template=SMALL_BUNDLE) for folder in folders]
    try:
        # given two that were started at the same time
        with ThreadPoolExecutor() as pool:
            one, two = pool.map(EmbeddedStack.up, stacks)

        # when something is stored in one
        _call(one, "PUT", "/items/mine", "value")

        # then the other does not have it, nor its ports, nor its word
        assert _call(two, "GET", "/items/mine") is None
        assert {one.aws.port, one.valkey.port}.isdisjoint({two.aws.port, two.valkey.port})
        assert one.valkey_password != two.valkey_password

        # and stopping one leaves the other up
        stacks[0].down()
        assert _call(two, "GET", "/health")["redis"]
    finally:
        for stack in stacks:
            stack.down()


def test_a_function_sees_a_clean_environment_and_dies_with_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an operator with credentials and network settings
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example/simple")
    with running(tmp_path, SMALL_BUNDLE) as up:
        # then a function sees only the latter, and the layer's package
        seen = _call(up.record, "GET", "/environment")
        assert seen["PIP_INDEX_URL"] == "https://pypi.example/simple"
        assert "hunter2" not in seen.values()
        assert "AWS_PROFILE" not in seen
        assert str(up.stack.folder.tmp) in _call(up.record, "GET", "/health")["maestro"]

        # and its secrets are for the owner's eyes only
        mode = (up.stack.folder.path / "stack.json").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600

        # and when it is at work with a child in a session of its own while the stack goes down
        with ThreadPoolExecutor() as pool:
            asleep = pool.submit(urllib3.request, "GET", up.record.api_url + "/sleep", retries=False)
            tree = _wait_for_child(up)
            up.stack.down()
            assert asleep.exception() is not None or asleep.result().status >= 500

        # then none of them is left
        assert not any(alive(process) for process in tree)


def test_a_template_that_fails_is_told_in_cloudformations_words_and_can_be_corrected(tmp_path: Path) -> None:
    # given a bundle with a resource of a type that does not exist
    bundle = tmp_path / "bundle"
    handler = bundle / "functions" / "api" / "handler.py"
    handler.parent.mkdir(parents=True)
    handler.write_bytes((SMALL_BUNDLE.parent / "functions/api/handler.py").read_bytes())
    good = SMALL_BUNDLE.read_text(encoding="utf-8")
    template = bundle / "template.yaml"
    template.write_text(good.replace("AWS::DynamoDB::Table", "AWS::DynamoDB::Stool"), encoding="utf-8")
    stack = EmbeddedStack(tmp_path / ".maestro", template=template)
    try:
        # when it is brought up, then the error names what is wrong
        with pytest.raises(DeployError, match="AWS::DynamoDB::Stool"):
            stack.up()

        # and once corrected it comes up
        template.write_text(good, encoding="utf-8")
        assert _call(stack.up(), "GET", "/health")["redis"]
    finally:
        stack.down()


def _wait_for_child(up: Any) -> list[Any]:
    process = up.record.aws.process
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        tree = members(process)
        if any(os.getsid(ref.pid) == ref.pid for ref in tree if ref != process):
            return tree
        time.sleep(0.05)
    raise AssertionError("the function did not start its child")


def _listener(port: int) -> Any:
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server
