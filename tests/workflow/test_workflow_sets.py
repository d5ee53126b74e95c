"""Sets of distributions of which some are dead, and last resorts that come late."""

from typing import Any

import pytest
from maestro.healing import resorts
from support.machine import LocalMachine

# trollius was given up before Python 3.8: it has wheels of Python 2 alone, and needs a distribution that is as dead.
DECLARED = {"test-requirements.txt": "six\ntoml\ntrollius\n"}
GUARDED = "try:\n    import trollius\nexcept ImportError:\n    trollius = None\n\n\ndef loop():\n    return trollius\n"
SIX = "import six\n\n\ndef test_six():\n    assert six.text_type is str\n"
TOML = "import toml\n\n\ndef test_toml():\n    assert toml.loads('a = 1') == {'a': 1}\n"

LAYERS = """\
import collections
import importlib


def test_first():
    assert isinstance({}, collections.Mapping)


def test_second():
    assert isinstance({}, collections.Mapping)
    six = importlib.import_module("six")
    assert six.text_type is str
"""


def test_a_dead_distribution_does_not_take_the_living_with_it(machine: LocalMachine, write: Any) -> None:
    # given two files that lack a distribution each, in a project that uses a third one where it is there
    outcome = machine.run(
        write({"loops.py": GUARDED, "tests/test_six.py": SIX, "tests/test_toml.py": TOML, **DECLARED})
    )

    # then one change installs what can be, says what it leaves, and heals both
    assert outcome.run.status == "healed"
    (changed,) = {line for r in outcome.accepted for line in r.patch.splitlines() if line.startswith("+  install:")}
    assert changed.endswith(", six, toml]")
    assert all("left out: trollius (no release is ready for Python" in r.summary for r in outcome.accepted)


@pytest.mark.parametrize("last", [False, True])
def test_what_was_earned_first_is_a_repair_of_its_own(
    machine: LocalMachine, write: Any, monkeypatch: pytest.MonkeyPatch, *, last: bool
) -> None:
    # given tests of one cause, behind which one hides another, whose repair stands for a last resort or does not
    if last:
        monkeypatch.setattr(resorts, "BY_THEMSELVES", frozenset({"missing_module"}))
    outcome = machine.run(write({"tests/test_layers.py": LAYERS, "test-requirements.txt": "six\n"}))

    # then it is one repair of two rounds; or each is one, proven and confirmed in a pass of its own
    assert outcome.run.status == "healed"
    repairs = {repair.generator: repair for repair in outcome.accepted}
    if last:
        assert set(repairs) == {"catalogue_rename", "missing_module"}
        assert repairs["catalogue_rename"].tests_fixed == ("tests/test_layers.py::test_first",)
        assert repairs["catalogue_rename"].files == ("tests/test_layers.py",)
        assert repairs["missing_module"].files == ("maestro.yaml",)
    else:
        assert [len(repair.rounds) for repair in outcome.accepted] == [2]
    assert all(repair.proof["confirmed"].passed for repair in outcome.accepted)


def test_what_nobody_asked_for_stays_so_in_the_rounds_after_it(machine: LocalMachine, write: Any) -> None:
    # given a file that imports what nothing of the project asks for, and behind that error a removed name
    test = "import collections\n\nimport six\n\n\ndef test_it():\n"
    test += "    assert isinstance({six: 1}, collections.Mapping)\n"
    outcome = machine.run(write({"tests/test_it.py": test}))

    # then the repair of both rounds is looked at before it is applied, however sure the second one is
    (repair,) = outcome.accepted
    assert len(repair.rounds) == 2
    assert (repair.generator, str(repair.tier)) == ("catalogue_rename", "review")
    assert repair.confidence >= 0.9
