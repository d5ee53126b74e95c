"""Back to the project's own time: which interpreter, which releases, and when nothing is said."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import yaml
from healing_strategies_bench import Bench
from maestro.healing.candidates import proposed
from maestro.healing.strategies.dependency_fix.dated import DatedEnvironment
from maestro.healing.strategies.index import Release, releases
from maestro.healing.strategies.releasing import bound_after
from maestro.model import Candidate, Failure
from packaging.version import Version

Fail = Callable[..., Failure]
PINS = ("pytest==8.4.2", "widgets==2.1.0", "gadgets==1.0", "newcomer==1.0", "-e .")

OLD = "setup(name='demo', classifiers=['Programming Language :: Python :: 3.5'])\n"


@pytest.fixture
def dated(bench: Bench) -> Bench:
    lines = "".join(f"  - {line}\n" for line in PINS)
    bench.install = PINS
    bench.write(
        {
            "maestro.yaml": f"project: demo\nenvironment:\n  python: '3.12'\n  install:\n{lines}",
            "PKG-INFO": "Metadata-Version: 1.0\nName: demo\nVersion: 1.0\n",
            "setup.py": OLD,
            "demo.py": "",
        }
    )
    return bench


def candidates(bench: Bench, failure: Failure) -> list[Candidate]:
    return list(proposed(failure, bench.project, using=[DatedEnvironment()]).candidates)


def environment(bench: Bench, candidate: Candidate) -> tuple[str, list[str]]:
    bench.apply(candidate)
    data = yaml.safe_load(bench.read("maestro.yaml"))["environment"]
    return data["python"], data["install"]


def test_the_interpreter_and_the_pins_go_back_together(dated: Bench, fail: Fail) -> None:
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert all(c.workaround and not c.touches_product for c in found)
    # what did not exist then is left to the installer, the project itself stays
    assert environment(dated, found[2]) == (
        "3.8",
        ["pytest<6.2", "widgets<2", "gadgets<1", "newcomer", "-e ."],
    )


def test_what_the_older_interpreter_never_had_is_left_out(dated: Bench, fail: Fail) -> None:
    dated.install = ("modern==1.0", "widgets==2.1.0")
    dated.write({"maestro.yaml": "environment:\n  python: '3.12'\n  install:\n  - modern==1.0\n  - widgets==2.1.0\n"})
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert environment(dated, found[-1]) == ("3.8", ["widgets<2"])


def test_on_the_same_interpreter_the_tools_stay_new_enough_for_it(dated: Bench, fail: Fail) -> None:
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert environment(dated, found[1]) == ("3.12", ["pytest==8.4.2", "widgets<2", "gadgets<1", "newcomer", "-e ."])


def test_the_mildest_is_the_first_year_of_the_interpreter_at_hand(dated: Bench, fail: Fail) -> None:
    dated.install = ("pytest==9.2.0", "newcomer==1.0", "widgets==2.1.0")
    dated.write({"maestro.yaml": "environment:\n  python: '3.12'\n  install: [pytest==9.2.0, newcomer==1.0]\n"})
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert environment(dated, found[0])[1] == ["pytest<9.2", "newcomer<1"]
    assert "Python 3.12's release (October 2023)" in found[0].summary


def test_what_comes_compiled_goes_back_as_far_as_it_is_ready_for_the_interpreter(dated: Bench, fail: Fail) -> None:
    dated.install = ("arrays==2.0",)
    dated.write({"maestro.yaml": "environment:\n  python: '3.12'\n  install: [arrays==2.0]\n"})
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert environment(dated, found[0]) == ("3.12", ["arrays<2"])  # 1.0 would have to be built
    assert len({c.patch for c in found}) == 2  # its first year, and with the older interpreter


@pytest.mark.parametrize(
    ("version", "python"),
    [("1.0", "3.8"), ("1.0.5.dev1", "3.8"), ("1.3", "3.9"), ("1.5", "3.11")],
)
def test_the_interpreter_is_of_the_releases_time(dated: Bench, fail: Fail, version: str, python: str) -> None:
    dated.write({"PKG-INFO": f"Metadata-Version: 1.0\nName: demo\nVersion: {version}\n"})
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert environment(dated, found[-1])[0] == python


def test_an_environment_that_is_of_that_time_stays(dated: Bench, fail: Fail) -> None:
    dated.python, dated.install = "3.8", ("pytest==5.4.1", "widgets==1.4.0")
    dated.write({"maestro.yaml": "environment:\n  python: '3.8'\n  install: [pytest==5.4.1, widgets==1.4.0]\n"})
    assert candidates(dated, fail("AssertionError", "assert 1 == 2")) == []


@pytest.mark.parametrize("version", ["0.1", "3.0", "no version"])
def test_nothing_is_said_without_a_release_or_of_a_new_one(dated: Bench, fail: Fail, version: str) -> None:
    dated.write({"PKG-INFO": f"Metadata-Version: 1.0\nName: demo\nVersion: {version}\n"})
    assert candidates(dated, fail("AssertionError", "assert 1 == 2")) == []


def test_an_unpublished_project_is_dated_by_its_list_of_changes(dated: Bench, fail: Fail) -> None:
    (dated.root / "PKG-INFO").unlink()
    dated.write({"CHANGES.rst": "1.1 (2020-01-05)\n====\n\n1.0 (2019-02-30, really 2019-03-01)\n=====\n2199-01-01\n"})
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert "(January 2020)" in found[1].summary
    assert environment(dated, found[-1])[0] == "3.8"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.cfg", "[metadata]\nname = demo\nversion = 1.3\n"),
        ("pyproject.toml", "[project]\nname = 'demo'\nversion = '1.3'\n"),
    ],
)
def test_the_version_is_read_from_the_metadata(dated: Bench, fail: Fail, name: str, text: str) -> None:
    (dated.root / "PKG-INFO").unlink()
    dated.write({name: text})
    assert environment(dated, candidates(dated, fail("AssertionError", "no"))[-1])[0] == "3.9"


@pytest.mark.parametrize(
    ("stated", "interpreters"),
    [
        ("", {"3.12"}),
        ("classifiers=['Programming Language :: Python :: 3.7', 'Programming Language :: Python :: 3.12']", {"3.12"}),
        ("classifiers=['Programming Language :: Python :: 3.7']", {"3.12", "3.8"}),
        ("python_requires='>=3.6'", {"3.12"}),
        ("python_requires='>=3.6, <3.11'", {"3.12", "3.8"}),
    ],
)
def test_another_interpreter_only_where_the_project_rules_out_the_one_at_hand(
    dated: Bench, fail: Fail, stated: str, interpreters: set[str]
) -> None:
    dated.write({"setup.py": f"from setuptools import setup\nsetup(\n    name='demo',\n    {stated}\n)\n"})
    found = candidates(dated, fail("AssertionError", "assert 1 == 2"))
    assert {"3.8" if "Python 3.8" in c.summary else "3.12" for c in found} == interpreters


@pytest.mark.parametrize(
    ("exception", "message", "attributes"),
    [
        ("ModuleNotFoundError", "No module named 'whatever'", {"module": "whatever"}),
        ("FixtureLookupError", "fixture 'mocker' not found", {"fixture": "mocker"}),
        ("UsageError", "error: unrecognized arguments: --cov=demo", {}),
    ],
)
def test_going_back_is_no_answer_to_what_was_never_installed(
    dated: Bench, fail: Fail, exception: str, message: str, attributes: dict[str, str]
) -> None:
    assert candidates(dated, fail(exception, message, attributes=attributes)) == []


def test_going_back_may_bring_a_module_that_python_removed(dated: Bench, fail: Fail) -> None:
    failure = fail("ModuleNotFoundError", "No module named 'imp'", attributes={"module": "imp"})
    assert candidates(dated, failure)


def test_nothing_is_said_where_the_index_is_silent(dated: Bench, fail: Fail) -> None:
    dated.index = "http://127.0.0.1:9/simple"
    assert candidates(dated, fail("AssertionError", "assert 1 == 2")) == []


def test_what_an_earlier_round_installed_goes_back_too(dated: Bench, fail: Fail) -> None:
    dated.install = ("pytest==8.4.2", "widgets")
    dated.write({"maestro.yaml": "environment:\n  python: '3.12'\n  install: [pytest==8.4.2, widgets]\n"})
    found = candidates(dated, fail("AttributeError", "module 'widgets' has no attribute 'old'"))
    assert environment(dated, found[0]) == ("3.12", ["pytest==8.4.2", "widgets<2"])


def test_a_pin_for_what_an_earlier_round_installed(dated: Bench, fail: Fail) -> None:
    dated.install = ("pytest", "widgets")
    dated.write({"maestro.yaml": "environment:\n  install: [pytest, widgets]\n"})
    failure = fail(
        "ImportError",
        "cannot import name 'old' from 'widgets' (/x/widgets.py)",
        attributes={"module": "widgets", "name": "old", "module_distribution": "widgets"},
    )
    pins = [c for c in dated.propose(failure) if c.generator == "version_pin"]
    assert "widgets<2" in pins[0].patch


def test_only_the_experiment_is_tried_on_a_regression(dated: Bench, fail: Fail) -> None:
    import dataclasses

    failure = fail("ImportError", "cannot import name 'old' from 'widgets'", versions={"widgets": "2.1.0"})
    regression = dataclasses.replace(failure, regression=True)
    assert {c.generator for c in dated.propose(regression)} == {"dated_environment"}
    assert {c.generator for c in dated.propose(failure)} > {"dated_environment"}


def test_one_way_back_is_always_among_the_candidates(dated: Bench, fail: Fail) -> None:
    dated.distributions, dated.modules = {"widgets": "2.1.0"}, {"widgets": "widgets"}
    failure = fail("ImportError", "cannot import name 'old' from 'widgets' (/x/widgets.py)")
    assert [c.generator for c in dated.propose(failure, limit=3)][-1] == "dated_environment"


@pytest.mark.parametrize(
    ("wheels", "python", "ready"),
    [
        ((), (3, 12), True),
        ((("py3", "none"),), (3, 12), True),
        ((("py2", "none"),), (3, 12), False),
        ((("cp39", "cp39"), ("cp311", "cp311")), (3, 12), False),
        ((("cp39", "cp39"),), (3, 9), True),
        ((("cp38", "abi3"),), (3, 12), True),
        ((("cp38", "abi3"),), (3, 7), False),
    ],
)
def test_a_release_is_ready_for_an_interpreter_by_its_wheels(
    wheels: tuple[tuple[str, str], ...], python: tuple[int, int], *, ready: bool
) -> None:
    assert Release(Version("1"), None, "", frozenset(wheels)).built_for(python) is ready


def test_bounds_leave_what_was_out_by_then(index: str) -> None:
    known = releases("widgets", {"UV_DEFAULT_INDEX": index})
    assert str(bound_after(known, datetime(2020, 1, 1, tzinfo=UTC))) == "2"
    assert bound_after(known, datetime(2017, 1, 1, tzinfo=UTC)) is None  # nothing was
    assert bound_after(known, datetime(2030, 1, 1, tzinfo=UTC)) is None  # everything was
