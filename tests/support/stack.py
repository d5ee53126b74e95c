"""Embedded stacks for tests: real ones, each in a folder of its own, always stopped.

In a ``conftest.py`` or test module::

    from support.stack import make_stack_fixture

    running_stack = make_stack_fixture()           # the whole bundle, one for the session
    small_stack = make_stack_fixture(SMALL_BUNDLE) # one function, up in three seconds
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from maestro_cli.client import Client
from maestro_cli.stack import EmbeddedStack, Record

SMALL_BUNDLE = Path(__file__).parent / "small_bundle" / "template.yaml"


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that is up: its handle, what it wrote down, a client with its key, and the folder it is up in."""

    stack: EmbeddedStack
    record: Record
    client: Client
    folder: Path

    @property
    def endpoint(self) -> str:
        """URL of the AWS APIs."""
        return f"http://127.0.0.1:{self.record.aws.port}"


@contextmanager
def running(folder: Path, template: Path | None = None, *, auth: bool = False) -> Iterator[RunningStack]:
    """Bring a stack up in ``folder``/.maestro and take it down again.

    Parameters
    ----------
    folder
        Where a user would stand; ``maestro run`` with this working folder uses the stack.
    template
        What to deploy; the bundle unless given.
    auth
        Whether the functions' roles are enforced.
    """
    stack = EmbeddedStack(folder / ".maestro", template=template, auth=auth)
    try:
        record = stack.up()
        yield RunningStack(stack, record, Client(record.api_url, record.api_key), folder)
    finally:
        stack.down()


def make_stack_fixture(
    template: Path | None = None, *, scope: str = "session", auth: bool = False
) -> Callable[..., Iterator[RunningStack]]:
    """Return a fixture that gives a :class:`RunningStack`; its environments' cache is the user's own."""

    @pytest.fixture(scope=scope)  # type: ignore[call-overload,untyped-decorator]
    def fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
        with running(tmp_path_factory.mktemp("stack"), template, auth=auth) as up:
            yield up

    return fixture  # type: ignore[no-any-return]


def clean_environment() -> dict[str, str]:
    """Return an environment for commands under test: this one's, without settings that name a service."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAESTRO_", "AWS_"))}
