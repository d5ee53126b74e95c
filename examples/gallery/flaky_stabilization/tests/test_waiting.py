import pytest
from waiting import WaitingList


@pytest.fixture(scope="module")
def waiting():
    return WaitingList()


def test_first_come_first_served(waiting):
    waiting.add("ada")
    waiting.add("grace")
    assert waiting.next() == "ada"


def test_nobody_waits(waiting):
    assert waiting.next() is None
