"""The simulated AWS that every store is held to."""

from collections.abc import Iterator

import pytest
from support.aws import Aws, fake_aws


@pytest.fixture
def aws() -> Iterator[Aws]:
    with fake_aws() as running:
        yield running
