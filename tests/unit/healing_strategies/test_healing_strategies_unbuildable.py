"""What takes the place of a stated requirement that cannot be installed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from healing_strategies_bench import Bench
from maestro.healing.candidates import proposed
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.strategies.dependency_fix.unbuildable import UnbuildableRequirement
from maestro.model import Failure, Phase, Strategy

Fail = Callable[..., Failure]


@pytest.fixture
def refused(bench: Bench, fail: Fail) -> Callable[..., Failure]:
    def make(*lines: str, file: str = "") -> Failure:
        found = fail(
            "EnvironmentBuildError", f"The environment cannot be built with {', '.join(lines)}.", tests=("<session>",),
            frames=(), attributes={"unbuildable": dict.fromkeys(lines, file)},
        )  # fmt: skip
        found = replace(found, facts=replace(found.facts, phase=Phase.SESSION))
        own = ("pytest", *lines) if not file else ("pytest", f"-r {file}")
        stated = "".join(f"    - {line}\n" for line in own)
        bench.write({"maestro.yaml": f"project: demo\nenvironment:\n  python: '3.12'\n  install:\n{stated}"})
        return found

    return make


def installs(bench: Bench) -> list[str]:
    return list(yaml.safe_load(bench.read("maestro.yaml"))["environment"]["install"])


def test_it_is_no_regression_and_nothing_but_what_is_installed_may_change(
    bench: Bench, refused: Callable[..., Failure]
) -> None:
    found = diagnose(refused("dead==0.9"), bench.project)
    assert not found.regression
    assert healable(found, bench.project) == {Strategy.DEPENDENCY_FIX}


def test_what_is_used_gets_a_newer_release_and_what_nothing_imports_goes(
    bench: Bench, refused: Callable[..., Failure]
) -> None:
    found = refused("stale==1.0", "dead==0.9", "frame==9")
    bench.write({"tests/test_demo.py": "import stale\n\n\ndef test_it():\n    assert stale\n"})

    first, second = proposed(found, bench.project, using=[UnbuildableRequirement()]).candidates

    assert first.summary == (
        "stale==1.0, dead==0.9, frame==9 cannot be installed on Python 3.12: stale in a newer release; "
        "nothing imports dead, frame"
    )
    assert not first.workaround
    bench.apply(second)
    assert installs(bench) == ["pytest", "stale", "frame"]


def test_what_is_used_and_has_no_release_is_said(bench: Bench, refused: Callable[..., Failure]) -> None:
    found = refused("dead==0.9")
    bench.write({"demo.py": "import dead\n"})

    told = proposed(found, bench.project, using=[UnbuildableRequirement()])

    assert told.candidates == ()
    assert "no release of dead==0.9 can be installed on Python 3.12, and it is used" in told.notes[0]


@pytest.mark.parametrize("line", ["pytest-widgets==0.1", "pytest-cov==1"])
def test_what_may_check_something_without_being_imported_is_never_left_out(
    bench: Bench, refused: Callable[..., Failure], line: str
) -> None:
    found = refused(line)
    candidates = proposed(found, bench.project, using=[UnbuildableRequirement()]).candidates
    for candidate in candidates:
        bench.apply(candidate)
        assert installs(bench) == ["pytest", line.partition("=")[0]]
    assert len(candidates) == 1


def test_another_failure_changes_no_line(bench: Bench, fail: Fail) -> None:
    found = fail("ModuleNotFoundError", "No module named 'dead'", attributes={"module": "dead"})
    assert proposed(found, bench.project, using=[UnbuildableRequirement()]).candidates == ()


def test_a_file_of_requirements_keeps_its_other_lines_and_its_comments(
    bench: Bench, refused: Callable[..., Failure]
) -> None:
    found = refused("Stale==1.0", "dead==0.9", file="requirements/dev.txt")
    bench.write(
        {
            "requirements/dev.txt": "# for tests\r\nwidgets\r\nStale==1.0  # old\r\ndead==0.9\r\n",
            "tests/test_demo.py": "import stale\n",
        }
    )

    (candidate,) = proposed(found, bench.project, using=[UnbuildableRequirement()]).candidates

    bench.apply(candidate)
    assert bench.read("requirements/dev.txt") == "# for tests\r\nwidgets\r\nStale  # old\r\n"
    assert installs(bench) == ["pytest", "-r requirements/dev.txt"]
