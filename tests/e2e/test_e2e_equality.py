"""An unmodified release from the package index: for each test id the same outcome as plain `pytest`."""

from pathlib import Path

from support.equality import compare, fetch
from support.stack import RunningStack


def test_pluggy_as_plain_pytest_says(stack: RunningStack, tmp_path: Path) -> None:
    # given the current source distribution of pluggy
    (tmp_path / "release").mkdir()
    root = fetch("pluggy", tmp_path / "release")

    # when plain pytest and Maestro run it, with the same interpreter and requirements
    found = compare(stack, root, tmp_path)

    # then they agree on every test, and there are tests to agree on
    assert found.differences == {}
    assert len(found.ids) > 50
    assert (found.plain_exit == 0) == (found.our_exit == 0)
