"""What of a set can be installed, and what goes back together with a pin."""

from collections.abc import Callable

import pytest
import yaml
from healing_strategies_bench import Bench
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing.strategies.dependency_fix.companions import companions
from maestro.healing.strategies.dependency_fix.possible import choices
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.index import releases
from maestro.healing.strategies.releasing import runs
from maestro.healing.strategies.resolve import cleared
from maestro.healing.strategies.wheels import required_by
from maestro.model import Failure, Frame, Strategy
from packaging.specifiers import SpecifierSet
from packaging.version import Version

Fail = Callable[..., Failure]
DEPENDENCY = (Strategy.DEPENDENCY_FIX,)
NAMES = st.lists(st.sampled_from("abcdefghijkl"), unique=True)


def installs(bench: Bench) -> list[str]:
    return list(yaml.safe_load(bench.read("maestro.yaml"))["environment"]["install"])


# ---------------------------------------------------------------------- sets


@given(NAMES, st.sets(st.sampled_from("abcdefghijkl"), max_size=4))
def test_all_but_the_culprits_are_cleared(lines: list[str], dead: set[str]) -> None:
    # given lines of which some can never be installed; enough questions for each of them
    assert cleared(lines, lambda some: not dead & set(some), questions=100) == [n for n in lines if n not in dead]


@given(NAMES, st.sets(st.frozensets(st.sampled_from("abcdefghijkl"), min_size=2, max_size=3)), st.integers(0, 12))
def test_what_is_cleared_fits_and_the_questions_are_bounded(
    lines: list[str], exclusive: set[frozenset[str]], questions: int
) -> None:
    asked: list[list[str]] = []

    def fits(some: object) -> bool:
        asked.append(list(some))  # type: ignore[call-overload]
        return not any(pair <= set(asked[-1]) for pair in exclusive)

    kept = cleared(lines, fits, questions)

    assert len(asked) <= questions
    assert not kept or fits(kept)
    assert kept == [line for line in lines if line in kept]


def test_what_is_dead_on_this_python_is_left_out_and_said(bench: Bench, fail: Fail) -> None:
    # given a project that declares and uses a distribution of Python 2, one in a range of that time, and living ones
    bench.write(
        {
            "test-requirements.txt": "dead\nstale<2\nwidgets\ngadgets\n",
            "tests/test_demo.py": "import widgets\nimport gadgets\nimport stale\nimport dead\n",
        }
    )

    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    sets = [c for c in bench.propose(failure, strategies=DEPENDENCY) if "gadgets" in c.summary]

    # then the set is what is left, in its range (which may build) and without it; the summary tells of the other
    assert [c.summary.partition(":")[0] for c in sets] == [
        "install gadgets, stale<2, widgets",
        "install gadgets, stale, widgets",
    ]
    assert all(c.summary.endswith("; left out: dead (no release is ready for Python 3.12)") for c in sets)
    bench.apply(sets[1])
    assert installs(bench) == ["pytest", "gadgets", "stale", "widgets"]


def test_what_is_declared_for_another_python_alone_is_no_part_of_a_set(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "requirements-test.txt": "widgets\ngadgets\nwhatever; python_version < '3'\n",
            "tests/test_demo.py": "import widgets\nimport gadgets\n",
            "demo.py": "try:\n    import whatever\nexcept ImportError:\n    whatever = None\n",
        }
    )
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    bench.apply(next(c for c in bench.propose(failure, strategies=DEPENDENCY) if "gadgets" in c.summary))
    assert installs(bench) == ["pytest", "gadgets", "widgets"]


def test_on_its_own_python_nothing_is_dead(bench: Bench, fail: Fail) -> None:
    bench.python = "2.7"  # any Python that the wheels are for
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    (only,) = choices(Evidence(failure, bench.project), ["dead", "stale<2"])
    assert (only.lines, only.left) == (("dead", "stale<2"), "")


def test_what_the_failure_lacks_is_never_what_is_left_out(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "test-requirements.txt": "dead\nwidgets\ngadgets\n",
            "tests/test_demo.py": "import widgets\nimport gadgets\nimport dead\n",
        }
    )
    failure = fail("ModuleNotFoundError", "No module named 'dead'", attributes={"module": "dead"})
    assert not any("gadgets" in c.summary for c in bench.propose(failure, strategies=DEPENDENCY))


def test_what_would_have_to_be_built_is_tried_with_and_without(bench: Bench, fail: Fail) -> None:
    # given one that comes as a wheel, and one that comes as a source distribution alone
    bench.write({})
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    found = choices(Evidence(failure, bench.project), ["frame", "helper"])
    assert [choice.lines for choice in found] == [("frame", "helper"), ("frame",)]
    assert found[1].left == "; left out: helper (it would have to be built)"


# ---------------------------------------------------------------------- pins


def frames_in(distribution: str) -> tuple[Frame, ...]:
    return (
        Frame("tests/test_demo.py", 3, "test_it", in_project=True),
        Frame(f"/x/site-packages/{distribution}/core.py", 9, "load", in_project=False, distribution=distribution),
    )


def pinned(bench: Bench, *lines: str) -> None:
    bench.install = lines
    bench.distributions = dict(line.split("==") for line in lines)
    bench.modules = {name: name for name in bench.distributions}
    bench.write({"maestro.yaml": "environment:\n  install:\n" + "".join(f"  - {line}\n" for line in lines)})


def test_a_pin_is_tried_alone_and_with_what_its_release_was_made_for(bench: Bench, fail: Fail) -> None:
    # given a framework that needs a base without an upper bound, both of today
    pinned(bench, "frame==3.0", "base==3.0", "helper==2.9", "pytest==9.2.0", "gadgets==1.0")
    candidates = bench.propose(fail("ValueError", "unknown format", frames=frames_in("frame")), strategies=DEPENDENCY)

    # then the base of its release's time goes back with it; no extras, no tools, nothing that kept its first number
    pins = [c for c in candidates if c.generator == "version_pin"]
    assert pins[0].summary == "pin frame<3: the newest release series before 3"
    beside = next(c for c in pins if c.summary.startswith("pin frame<3, base<1.5:"))
    assert "with what frame 1.5 was made for" in beside.summary
    assert pins[0].prior > beside.prior
    assert all(c.workaround for c in candidates)
    bench.apply(beside)
    assert installs(bench) == ["frame<3", "base<1.5", "helper==2.9", "pytest==9.2.0", "gadgets==1.0"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("3.0", ["base<1.5"]),
        ("1.5", []),  # another series of the same first number still fits, mostly
        ("1.4", []),  # it is of that time
    ],
)
def test_companions_go_back_only_if_their_first_number_changed(
    bench: Bench, fail: Fail, index: str, base: str, expected: list[str]
) -> None:
    pinned(bench, "frame==3.0", f"base=={base}")
    left = next(r for r in releases("frame", {"UV_DEFAULT_INDEX": index}) if str(r.version) == "1.5")
    found = companions(Evidence(fail("ValueError", "x"), bench.project), "frame", left)
    assert list(map(str, found)) == expected


def test_what_a_wheel_requires_is_read_from_its_end(index: str) -> None:
    network = {"UV_DEFAULT_INDEX": index}
    assert [r.name for r in required_by("frame", Version("1.5"), network)] == ["Base", "helper", "pytest"]
    assert required_by("frame", Version("0.9"), network) == ()  # too far from it
    assert required_by("widgets", Version("1.0.0"), network) == ()  # no wheel


@pytest.mark.parametrize(
    ("name", "bound", "python", "can"),
    [
        ("pytest", "8", (3, 12), False),  # of years before Python 3.12
        ("pytest", "9", (3, 12), True),
        ("pytest", "6", (3, 9), True),  # of the year before Python 3.9
        ("widgets", "2", (3, 12), True),  # no tool: it may well run
        ("arrays", "1.5", (3, 12), True),  # compiled for Python 3.8 alone, but its source is there
        ("closed", "1.5", (3, 12), False),  # its source is not
        ("closed", "1.5", (3, 8), True),
        ("modern", "1.0", (3, 12), False),  # nothing is left
        ("modern", "2", (3, 9), False),  # it says that it needs a newer Python
    ],
)
def test_only_what_runs_on_this_python_is_pinned(
    index: str, name: str, bound: str, python: tuple[int, int], *, can: bool
) -> None:
    known = releases(name, {"UV_DEFAULT_INDEX": index})
    assert runs(name, known, SpecifierSet(f"<{bound}"), python) is can


def test_a_tool_is_not_pinned_to_before_the_interpreter(bench: Bench, fail: Fail) -> None:
    # given a project of 2020 on Python 3.12, whose failure points at pytest alone
    pinned(bench, "pytest==9.2.0")
    bench.write({"PKG-INFO": "Metadata-Version: 1.0\nName: demo\nVersion: 1.1\n"})
    frames = (Frame("/x/site-packages/_pytest/core.py", 9, "load", in_project=False, distribution="pytest"),)
    candidates = bench.propose(fail("ValueError", "unknown", frames=frames), strategies=DEPENDENCY)
    pins = [c.summary.partition(":")[0] for c in candidates if c.generator in ("version_pin", "family_pin")]

    # then neither the pytest of its own time is proposed, nor any other of years before Python 3.12
    assert pins == ["pin pytest<9.2"]


@pytest.mark.parametrize(
    ("declared", "pins"), [("pytest<6", []), ("pytest<9", ["pin pytest<9: the range that the project itself declares"])]
)
def test_a_declared_range_that_no_release_for_this_python_meets_is_no_pin(
    bench: Bench, fail: Fail, declared: str, pins: list[str]
) -> None:
    pinned(bench, "pytest==9.2.0")
    bench.write({"test-requirements.txt": f"{declared}\n"})
    frames = (Frame("/x/site-packages/_pytest/core.py", 9, "load", in_project=False, distribution="pytest"),)
    candidates = bench.propose(fail("ValueError", "unknown", frames=frames), strategies=DEPENDENCY)
    assert [c.summary for c in candidates if "declares" in c.summary] == pins


def test_a_later_round_does_not_loosen_the_pin_of_an_earlier_one(bench: Bench, fail: Fail) -> None:
    # given what was captured before any round, and the line that a round has put in its place
    pinned(bench, "widgets==2.1.0")
    bench.install = ("widgets<2",)
    bench.write({"maestro.yaml": "environment:\n  install:\n  - widgets<2\n"})
    candidates = bench.propose(fail("ValueError", "unknown format", frames=frames_in("widgets")), strategies=DEPENDENCY)
    pins = [c.summary.partition(":")[0] for c in candidates if c.generator == "version_pin"]
    assert pins == ["pin widgets<1.4"]
