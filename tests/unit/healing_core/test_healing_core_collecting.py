"""A file that is collected again though no test in it is green: what may count as its repair, and what may not."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
from healing_core_trees import candidate, failure, two_trees
from maestro.healing import collecting, judge, proof
from maestro.healing.attempt import Attempt
from maestro.healing.static_gates import STATIC_GATES
from maestro.model import Candidate, CaseResult, Facts, Frame, Outcome, Phase, Strategy, Tier, Trial, TrialStatus

CONFIG = "project: sample\nenvironment:\n  install:\n  - pytest>=8\nsuites:\n  unit:\n    paths: [tests]\n"
FILE, STYLE = "tests/test_style.py", "tests/test_style.py::test_style"
TEST = "import pycodestyle\n\n\ndef test_style():\n    assert pycodestyle.StyleGuide().check_files(['a.py']) == 0\n"
TREE = {"maestro.yaml": CONFIG, FILE: TEST, "a.py": "x=1\n", "setup.py": "extras = {'test': ['pycodestyle', 'mock']}\n"}
DECLARED = {**TREE, "test-requirements.txt": "pycodestyle\nmock\n"}
OTHER = CaseResult("tests/test_a.py::test_a", Outcome.PASSED, 0.01)
MISSING = Facts(
    Phase.COLLECT, "ModuleNotFoundError", "No module named 'pycodestyle'", attributes={"module": "pycodestyle"}
)
BROKEN = dataclasses.replace(
    failure((FILE,), exception="ModuleNotFoundError", phase=Phase.COLLECT, attributes={"module": "pycodestyle"}),
    signature="module:pycodestyle",
)
BEFORE = (CaseResult(FILE, Outcome.ERROR, 0.0, FILE, facts=MISSING), OTHER)
ADDED = CONFIG.replace("  - pytest>=8\n", "  - pytest>=8\n  - pycodestyle\n")
INSTALL = dataclasses.replace(candidate("install"), strategy=Strategy.DEPENDENCY_FIX, prior=0.95)


def failing(
    exception: str = "AssertionError",
    *,
    phase: Phase = Phase.CALL,
    attributes: Mapping[str, object] | None = None,
    frames: tuple[Frame, ...] = (),
    bases: tuple[str, ...] = (),
) -> CaseResult:
    facts = Facts(phase, exception, "1 != 0", attributes=attributes or {}, frames=frames, bases=bases)
    return CaseResult(STYLE, Outcome.FAILED, 0.5, FILE, message="1 != 0", facts=facts)


def ran(result: CaseResult | None = None, *, suite: tuple[CaseResult, ...] | None = None) -> Trial:
    target = (result or failing(),)
    return Trial("install", TrialStatus.RAN, target=target, repeats=(target,), suite=suite or (*target, OTHER))


def judged(
    tmp_path: Path,
    edits: Mapping[str, str | None],
    trial: Trial,
    *,
    tree: Mapping[str, str] = DECLARED,
    tried: Candidate = INSTALL,
) -> tuple[judge.Judgement, dict[str, str]]:
    """Judge the edits; return the judgement, and what each gate that refuses says."""
    before, after = two_trees(tmp_path, tree, edits)
    result = judge.judge(BROKEN, [tried], [trial], BEFORE, before, lambda _: after)
    attempt = Attempt(BROKEN, tried, trial, BEFORE, before, after)
    gates = proof.prove(attempt, tests=[FILE], gates={**STATIC_GATES, **proof.SUITE_GATES, **collecting.COLLECT_GATES})
    return result, {name: gate.detail for name, gate in gates.items() if not gate.passed}


def test_a_file_that_is_collected_by_installing_what_the_project_asks_for_is_healed(tmp_path: Path) -> None:
    # given a missing module that the project's own files name, and a test that fails for a reason of its own
    result, refused = judged(tmp_path, {"maestro.yaml": ADDED}, ran())

    # then the file is healed, and a person looks at it, as no test tells whether it is right
    assert not refused
    assert result.verdict == "healed"
    assert result.repair is not None
    assert result.repair.tests_fixed == (FILE,)
    assert result.repair.tier is not Tier.APPLIED
    assert set(result.repair.proof) == {*STATIC_GATES, *proof.SUITE_GATES, "collects"}


def test_the_table_of_import_names_speaks_for_a_distribution_too(tmp_path: Path) -> None:
    tree = {"maestro.yaml": CONFIG, FILE: TEST.replace("pycodestyle", "yaml")}
    before, after = two_trees(tmp_path, tree, {"maestro.yaml": ADDED.replace("pycodestyle", "PyYAML")})
    broken = dataclasses.replace(
        BROKEN, facts=dataclasses.replace(MISSING, attributes={"module": "yaml"}), signature="module:yaml"
    )

    result = judge.judge(broken, [INSTALL], [ran()], BEFORE, before, lambda _: after)

    assert result.verdict == "healed"


WRONG: Mapping[str, tuple[Mapping[str, str | None], str]] = {
    "a stub in the module's place": ({"pycodestyle.py": "class StyleGuide:\n    pass\n"}, "scope"),
    "a stub beside the tests": ({"tests/pycodestyle.py": "class StyleGuide:\n    pass\n"}, "collects"),
    "a stub, and what is declared installed": (
        {"maestro.yaml": ADDED, "tests/pycodestyle.py": "StyleGuide = None\n"},
        "collects",
    ),
    "the import is gone": ({FILE: TEST.replace("import pycodestyle\n", "")}, "lints"),
    "the import may fail": (
        {FILE: TEST.replace("import pycodestyle\n", "try:\n    import pycodestyle\nexcept ImportError:\n    pass\n")},
        "collects",
    ),
    "the import is skipped": (
        {FILE: TEST.replace("import pycodestyle", "import pytest\npycodestyle = pytest.importorskip('pycodestyle')")},
        "no_weakening",
    ),
    "the import stands in the test": (
        {FILE: "def test_style():\n    import pycodestyle\n" + TEST.partition("def test_style():\n")[2]},
        "collects",
    ),
    "the file is emptied": ({FILE: ""}, "no_weakening"),
    "the file says something else": ({FILE: "def test_style():\n    assert 1 != 1\n"}, "no_weakening"),
    "the file is gone": ({FILE: None}, "no_weakening"),
    "the file is ignored": (
        {"maestro.yaml": ADDED.replace("paths: [tests]", "paths: [tests]\n    args: ['--ignore=tests/test_style.py']")},
        "no_weakening",
    ),
    "the file is left out by a conftest": (
        {"tests/conftest.py": "collect_ignore = ['test_style.py']\n"},
        "no_weakening",
    ),
    "another distribution goes back": (
        {"maestro.yaml": ADDED.replace("pytest>=8", "pytest<7")},
        "collects",
    ),
    "another distribution goes back by a second line": (
        {"maestro.yaml": ADDED.replace("- pycodestyle", "- pycodestyle\n  - pytest<7")},
        "collects",
    ),
    "a distribution that nobody asks for": (
        {"maestro.yaml": ADDED.replace("- pycodestyle", "- pycodestyle\n  - stylechecks")},
        "collects",
    ),
    "a variable beside it": (
        {"maestro.yaml": ADDED.replace("suites:", "  variables:\n    STYLE: 'off'\nsuites:")},
        "collects",
    ),
    "another Python": ({"maestro.yaml": ADDED.replace("  install:", "  python: '3.8'\n  install:")}, "collects"),
    "a folder of the project's that has such a module": (
        {"maestro.yaml": CONFIG.replace("  install:", "  pythonpath: [vendored]\n  install:")},
        "collects",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_way_to_get_a_file_collected_is_refused_by_name(tmp_path: Path, name: str) -> None:
    # given a change after which the file's test runs (or so it is said) and fails
    edits, gate = WRONG[name]

    result, refused = judged(tmp_path, edits, ran())

    # then it is no repair, and this gate says so
    assert gate in refused, refused
    assert result.repair is None
    assert result.verdict != "healed"


ABOUT: Mapping[str, CaseResult] = {
    "the import fails later": failing("ModuleNotFoundError", bases=("ImportError",)),
    "a name of the module is missing": failing("AttributeError", attributes={"name": "X", "owner": "pycodestyle"}),
    "a call into the module does not fit": failing("TypeError", attributes={"callee": "pycodestyle.StyleGuide"}),
    "the module is no name there": failing("NameError", attributes={"name": "pycodestyle"}),
    "what was installed fails itself": failing(
        "ValueError", frames=(Frame("pycodestyle.py", 1, "f", in_project=False, distribution="pycodestyle"),)
    ),
    "nobody knows": CaseResult(STYLE, Outcome.FAILED, 0.5, FILE),
}


@pytest.mark.parametrize("name", ABOUT)
def test_a_distribution_that_the_tests_do_not_get_on_with_is_refused(tmp_path: Path, name: str) -> None:
    result, refused = judged(tmp_path, {"maestro.yaml": ADDED}, ran(ABOUT[name]))

    assert "collects" in refused
    assert result.repair is None


SKIPPED = CaseResult(STYLE, Outcome.SKIPPED, 0.0, FILE)
STILL = CaseResult(FILE, Outcome.ERROR, 0.0, FILE, facts=MISSING)
TRIALS: Mapping[str, tuple[Trial, str]] = {
    "its tests are skipped": (ran(SKIPPED), "collects"),
    "it is not collected": (ran(STILL), "collects"),
    "it was run once": (dataclasses.replace(ran(), repeats=()), "collects"),
    "it was not collected again": (dataclasses.replace(ran(), repeats=((STILL,),)), "collects"),
    "the suite was not run": (dataclasses.replace(ran(), suite=()), "no_regression"),
    "another test is lost": (
        ran(suite=(failing(), dataclasses.replace(OTHER, outcome=Outcome.FAILED))),
        "no_regression",
    ),
    "another test is skipped": (
        ran(suite=(failing(), dataclasses.replace(OTHER, outcome=Outcome.SKIPPED))),
        "nothing_vanished",
    ),
    "another test is gone": (ran(suite=(failing(),)), "nothing_vanished"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_what_the_runs_show_refuses_it(tmp_path: Path, name: str) -> None:
    trial, gate = TRIALS[name]

    result, refused = judged(tmp_path, {"maestro.yaml": ADDED}, trial)

    assert gate in refused, refused
    assert result.repair is None


def test_a_distribution_of_that_very_name_is_no_evidence(tmp_path: Path) -> None:
    # given a module that no file of the project names, and no table knows
    tree = {"maestro.yaml": CONFIG, FILE: TEST}
    _, refused = judged(
        tmp_path / "stranger", {"maestro.yaml": ADDED.replace("pycodestyle", "stylechecks")}, ran(), tree=tree
    )
    assert "nothing but the name speaks for stylechecks" in refused["collects"]

    # and a workaround, or a regression, is none in any case
    pin = dataclasses.replace(INSTALL, workaround=True)
    assert judged(tmp_path / "pin", {"maestro.yaml": ADDED}, ran(), tried=pin)[0].repair is None
    before, after = two_trees(tmp_path / "regression", DECLARED, {"maestro.yaml": ADDED})
    regression = dataclasses.replace(BROKEN, regression=True)
    assert judge.judge(regression, [INSTALL], [ran()], BEFORE, before, lambda _: after).repair is None


def test_a_candidate_that_heals_all_is_preferred(tmp_path: Path) -> None:
    # given one change that only gets the file collected, and a workaround with which its test passes
    before, after = two_trees(tmp_path, DECLARED, {"maestro.yaml": ADDED})
    green = CaseResult(STYLE, Outcome.PASSED, 0.5, FILE)
    pin = dataclasses.replace(INSTALL, id="pin", workaround=True)
    whole = Trial("pin", TrialStatus.RAN, target=(green,), repeats=((green,),), suite=(green, OTHER))

    result = judge.judge(BROKEN, [INSTALL, pin], [ran(), whole], BEFORE, before, lambda _: after)

    assert result.winner == pin


def test_green_tests_count_whatever_the_file_sums_up(tmp_path: Path) -> None:
    # given a file whose own result says that some of its tests fail
    other = "tests/test_style.py::test_other"
    green = CaseResult(other, Outcome.PASSED, 0.1, FILE)
    summed = dataclasses.replace(failing(), id=FILE)
    target = (summed, failing(), green)
    trial = Trial("install", TrialStatus.RAN, target=target, repeats=(target,), suite=(failing(), green, OTHER))

    result, _ = judged(tmp_path, {"maestro.yaml": ADDED}, trial)

    # then the green one is claimed, and the file is healed
    assert result.verdict == "healed"
    assert result.repair is not None
    assert result.repair.tests_fixed == (other,)
