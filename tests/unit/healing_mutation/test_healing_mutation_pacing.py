"""The real sandbox on tests that a candidate makes slow, or that are slow by themselves."""

from typing import TYPE_CHECKING

import pytest
from maestro.healing import judge
from maestro.model import Candidate, Outcome, Strategy, TrialStatus
from maestro.orchestration import pacing

if TYPE_CHECKING:
    from healing_mutation_lab import Lab, Tried

FILE = "tests/test_client.py"
GONE = "from collections import Mapping\n"
ALIVE = "from collections.abc import Mapping\n"
QUICK = "\n\ndef test_quick():\n    assert isinstance({}, Mapping)\n"
WAITS = "\n\ndef test_waits():\n    import time\n    time.sleep({})\n    raise OSError('nobody answers')\n"
OTHER = {"tests/test_other.py": "def test_other():\n    assert 1 + 1 == 2\n"}
PATCH = Candidate("c", Strategy.API_CONTRACT_ADAPTATION, "catalogue_rename", "a change", "+a\n", prior=0.9)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one run of a trial take four seconds."""
    monkeypatch.setattr(pacing, "RUN_SECONDS", 4.0)


def judged(tried: "Tried") -> judge.Judgement:
    before, after = tried.trees
    return judge.judge(tried.failure, [PATCH], [tried.trial], tried.before, before, lambda _: after)


@pytest.mark.usefixtures("short")
def test_a_candidate_with_which_tests_wait_is_stopped_and_says_so(lab: "Lab") -> None:
    # given a change that gets a file collected, whose tests then wait for something that is not there
    waits = WAITS.format(60)
    tried = lab.try_change({**OTHER, FILE: GONE + waits}, {FILE: ALIVE + waits}, (FILE,))

    # then its trial ends soon, in words, and there is no repair
    assert tried.trial.status is TrialStatus.CANCELLED
    assert tried.trial.seconds < 25
    assert "too long: stopped after 4 s, when 0 tests had ended" in tried.trial.detail
    result = judged(tried)
    assert result.verdict == "exhausted"
    assert "the tests take too long" in result.rejected[0]


@pytest.mark.usefixtures("short")
def test_tests_that_were_green_before_the_limit_count(lab: "Lab") -> None:
    # given a file with a test that passes at once, and one that waits
    body = QUICK + WAITS.format(60)
    tried = lab.try_change({**OTHER, FILE: GONE + body}, {FILE: ALIVE + body}, (FILE,))

    # then the quick one is claimed, after the whole proof, and nothing is said of the other
    result = judged(tried)
    assert result.repair is not None
    assert result.repair.tests_fixed == (f"{FILE}::test_quick",)
    assert all(gate.passed for gate in result.repair.proof.values())
    assert tried.trial.repeats
    assert tried.trial.mutation is not None
    assert not [r for r in (*tried.trial.target, *tried.trial.suite) if "waits" in r.id]


@pytest.mark.usefixtures("short")
def test_what_passed_before_has_to_end_in_time_too(lab: "Lab") -> None:
    # given a change of what all tests share, with which one that passed before waits
    other = "def test_other():\n    from tests.support import wait\n    wait()\n"
    files = {"tests/__init__.py": "", "tests/support.py": "def wait():\n    pass\n", "tests/test_other.py": other}
    edits = {FILE: ALIVE + QUICK, "tests/support.py": "import time\n\n\ndef wait():\n    time.sleep(60)\n"}
    tried = lab.try_change({**files, FILE: GONE + QUICK}, edits, (FILE,))

    # then it is refused
    assert judged(tried).repair is None
    assert {r.outcome for r in tried.before if "test_other" in r.id} == {Outcome.PASSED}


@pytest.mark.usefixtures("short")
def test_known_tests_that_do_not_end_are_no_partial_repair(lab: "Lab") -> None:
    # given two tests that were seen to fail, and a change with which one passes and the other waits
    body = QUICK.replace("Mapping", "missing") + WAITS.format("missing and 60")
    tests = (f"{FILE}::test_quick", f"{FILE}::test_waits")
    tried = lab.try_change({**OTHER, FILE: body}, {FILE: ALIVE.replace("Mapping", "Mapping as missing") + body}, tests)

    assert tried.trial.status is TrialStatus.CANCELLED
    assert judged(tried).repair is None


def test_what_is_slow_is_repeated_once_in_another_order(lab: "Lab", monkeypatch: pytest.MonkeyPatch) -> None:
    # given tests that count as slow, one of which fails for a reason of its own
    monkeypatch.setattr(pacing, "SLOW_SECONDS", 0.0)
    body = QUICK + WAITS.format(0)
    tried = lab.try_change({**OTHER, FILE: GONE + body}, {FILE: ALIVE + body}, (FILE,))

    # then they are run again once, the red one not at all, and the repair stands
    assert len(tried.trial.repeats) == 1
    assert not [r for r in tried.trial.repeats[0] if r.id.endswith("test_waits")]
    assert judged(tried).verdict == "healed"
