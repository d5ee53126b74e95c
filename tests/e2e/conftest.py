"""One running stack for most of the end-to-end tests; its state is in a temporary folder."""

import signal
from collections.abc import Iterator

import pytest
from support.stack import make_stack_fixture

stack = make_stack_fixture()


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> Iterator[None]:
    """A shell that starts the tests in the background lets them ignore Ctrl-C, and with them what they start."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
