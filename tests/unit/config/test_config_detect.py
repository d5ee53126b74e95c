"""What a project without a maestro.yaml needs is told by its own files."""

import sys
from pathlib import Path

import pytest
from maestro.config import ConfigError, detect, load_text, render
from maestro.config.pyproject import poetry_range
from maestro.config.schema import SuiteSection

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def project(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


TEST = {"tests/test_a.py": "def test(): pass"}
BUILD = '[build-system]\nrequires = ["setuptools"]\n'


@pytest.mark.parametrize(
    ("files", "install", "pythonpath"),
    [
        ({}, ("pytest",), (".",)),
        ({"src/a.py": ""}, ("pytest",), ("src",)),
        (
            {"pyproject.toml": BUILD + '[project]\nname="Sh.op"\n[dependency-groups]\ntest = ["sh-op[x]", "pytest"]'},
            ("-e .[x]", "pytest"),
            (),
        ),
        ({"requirements.txt": "six"}, ("-r requirements.txt", "pytest"), (".",)),
        ({"requirements.txt": "six\npytest>=7 # yes"}, ("-r requirements.txt",), (".",)),
        (
            {"requirements.txt": "six", "requirements-dev.txt": "-r sub/x.txt", "sub/x.txt": "pytest"},
            ("-r requirements.txt", "-r requirements-dev.txt"),
            (".",),
        ),
        ({"requirements/test.txt": "-r test.txt\nmock"}, ("-r requirements/test.txt", "pytest"), (".",)),
        ({"test-requirements.txt": "pytest", "dev-requirements.txt": "tox"}, ("-r test-requirements.txt",), (".",)),
        ({"pyproject.toml": BUILD}, ("-e .", "pytest"), ()),
        (
            {"pyproject.toml": BUILD + '[project.optional-dependencies]\ntests = ["pytest>8"]\ndev = ["x"]'},
            ("-e .[tests]",),
            (),
        ),
        (
            {"pyproject.toml": BUILD + '[project.optional-dependencies]\ndocs = ["sphinx"]\ndev = ["x"]'},
            ("-e .[dev]", "pytest"),
            (),
        ),
        ({"pyproject.toml": '[project]\nname="a"\ndependencies = ["six>1"]'}, ("six>1", "pytest"), (".",)),
        (
            {
                "pyproject.toml": BUILD
                + '[dependency-groups]\ntest = ["pytest", {include-group="More"}]\nmore=["mock",{include-group="test"}]'
            },
            ("-e .", "pytest", "mock"),
            (),
        ),
        (
            {
                "pyproject.toml": BUILD
                + '[tool.poetry.group.test.dependencies]\npytest = "^7.1"\nx = {version = "*", extras = ["y"]}'
            },
            ("-e .", "pytest>=7.1,<8", "x[y]"),
            (),
        ),
        (
            {"setup.py": "T=['pytest', 'mock']\nsetup(name='a', extras_require={'test': T + ['x']})"},
            ("-e .[test]",),
            (),
        ),
        (
            {"setup.py": "import setuptools as s\ns.setup(tests_require=['mock>1', 'nose'])"},
            ("-e .", "mock>1", "nose", "pytest"),
            (),
        ),
        ({"setup.py": "print 'Python 2'", "requirements.txt": "six"}, ("-e .", "-r requirements.txt", "pytest"), ()),
        (
            {"setup.cfg": "[metadata]\nname = a\n[options.extras_require]\ntesting =\n  pytest\n  x"},
            ("-e .[testing]",),
            (),
        ),
        (
            {
                "setup.py": "",
                "tox.ini": "[testenv]\ndeps =\n  pytest<8\n  -rr.txt\n  -r{toxinidir}/no.txt\n  py27: mock\n  {env:X}",
                "r.txt": "x",
            },
            ("-e .", "pytest<8", "-r r.txt"),
            (),
        ),
    ],
)
def test_what_to_install(
    tmp_path: Path, files: dict[str, str], install: tuple[str, ...], pythonpath: tuple[str, ...]
) -> None:
    config = detect(project(tmp_path, {**TEST, **files}))

    assert (config.environment.install, config.environment.pythonpath) == (install, pythonpath)
    assert (config.detected, config.config_file) == (True, "")
    assert config.suites[0].environment == config.environment


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ({"tests/test_a.py": ""}, ("tests",)),
        ({"test/a_test.py": "", "test_b.py": ""}, ("test", "test_b.py")),
        ({"test_b.py": "", "a_test.py": ""}, ("a_test.py", "test_b.py")),
        ({"pkg/tests/test_a.py": "", "pkg/tests/sub/test_b.py": "", "other/test_c.py": ""}, ("other", "pkg/tests")),
        ({"tests.py": "def test_it(): pass"}, ("tests.py",)),
        ({"test/all_unittest.py": "class A(unittest.TestCase): pass", "test/help.py": ""}, ("test/all_unittest.py",)),
        ({"tests/test_a.py": "", "pytest.ini": "[pytest]\ntestpaths = tests"}, ()),
        ({"tests/test_a.py": "", "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]'}, ()),
        ({"tests/test_a.py": "", "setup.cfg": "[tool:pytest]\ntestpaths = tests"}, ()),
        ({"tests/check_a.py": "", "tox.ini": "[pytest]\npython_files = check_*.py"}, ("tests",)),
        ({}, None),
        (
            {
                "a.py": "",
                "tests.py": "x = 1",
                "test_data.txt": "",
                "node_modules/x/test_a.py": "",
                ".tox/test_b.py": "",
            },
            None,
        ),
    ],
)
def test_what_to_run(tmp_path: Path, files: dict[str, str], paths: tuple[str, ...] | None) -> None:
    suites = detect(project(tmp_path, files)).suites

    assert [suite.paths for suite in suites] == ([] if paths is None else [paths])


def _other_than(version: str) -> str:
    return "3.9" if version != "3.9" else "3.10"


@pytest.mark.parametrize(
    ("files", "python"),
    [
        ({}, RUNNING),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.8"'}, RUNNING),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.8,<3.10"'}, "3.9"),
        ({"pyproject.toml": '[project]\nrequires-python = "==3.8.*"'}, "3.8"),
        ({"pyproject.toml": '[project]\nrequires-python = "==3.10.4"'}, "3.10"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.13.2"'}, "3.14"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.8"'}, "3.8"),
        ({"setup.py": "setup(python_requires='<3.9')"}, "3.8"),
        ({"setup.cfg": "[options]\npython_requires = <3.9"}, "3.8"),
        ({".python-version": _other_than(RUNNING) + ".7\n"}, _other_than(RUNNING)),
        ({".python-version": "3.8", "pyproject.toml": f'[project]\nrequires-python = "=={RUNNING}.*"'}, RUNNING),
    ],
)
def test_which_python(tmp_path: Path, files: dict[str, str], python: str) -> None:
    assert detect(project(tmp_path, files)).environment.python == python


@pytest.mark.parametrize(
    ("text", "specifiers"),
    [
        ("^3.8", ">=3.8,<4"),
        ("^0.3.1", ">=0.3.1,<0.4"),
        ("^0", ">=0,<1"),
        ("~2.7", ">=2.7,<2.8"),
        ("~1", ">=1,<2"),
        ("*", ""),
        ("2.0", "==2.0"),
        (">=1,<2", ">=1,<2"),
        ("~2.7 || ^3.6", ">=3.6,<4"),
    ],
)
def test_ranges_of_poetry(text: str, specifiers: str) -> None:
    assert poetry_range(text) == specifiers


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"pyproject.toml": "[project]\nname = \n"}, "pyproject.toml:2:8: not TOML: Invalid value"),
        ({"pyproject.toml": "a = " + "[" * 100_000}, "pyproject.toml:1:1: .*nested too deep"),
        (
            {"pyproject.toml": '[project]\nrequires-python = "three"'},
            "pyproject.toml:2:1: 'three' is not a range of versions",
        ),
        (
            {"setup.py": "\nsetup(\n  python_requires='<3'\n)"},
            "setup.py:3:1: no Python from 3.8 to 3.14 satisfies '<3'",
        ),
        ({"setup.cfg": "[metadata]\nname\n"}, "setup.cfg:2:1: not an ini file"),
        ({"tox.ini": "x = 1\n"}, "tox.ini:1:1: not an ini file"),
        ({"setup.py": "#" * (1 << 21)}, "setup.py:1:1: the file is over 1 MiB"),
    ],
)
def test_a_broken_file_is_told_with_its_line(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        detect(project(tmp_path, files))


def test_nothing_of_the_project_is_executed(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')\n"
    files = {
        "setup.py": trap + "from setuptools import setup\nsetup(name='a')",
        "tests/test_a.py": trap,
        "conftest.py": trap,
    }

    assert detect(project(tmp_path, files)).project == "a"
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    "text",
    [
        "setup(name=" + "(" * 5000,
        "setup(name=" + "a+" * 20_000 + "a)",
        "a = a\nsetup(name=a)",
        "setup(**x)",
        "\0",
        "setup(extras_require={**a})",
    ],
)
def test_a_strange_setup_says_nothing(tmp_path: Path, text: str) -> None:
    assert detect(project(tmp_path, {"setup.py": text, **TEST})).environment.install == ("-e .", "pytest")


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    outside = project(tmp_path / "outside", {"test_x.py": "", "requirements.txt": "x"})
    root = project(tmp_path / "root", {"a.py": ""})
    (root / "tests").symlink_to(outside)
    (root / "requirements.txt").symlink_to(outside / "requirements.txt")

    config = detect(root)

    assert config.suites == ()
    assert config.environment.install == ("pytest",)


def test_what_was_detected_can_be_written_as_a_file(tmp_path: Path) -> None:
    root = project(tmp_path, {**TEST, "pyproject.toml": BUILD + '[project]\nname = "shop"\nrequires-python = ">=3.9"'})
    config = detect(root)

    text = render(config)

    again = load_text(text, root)
    assert again == config.model_copy(update={"detected": False, "config_file": "maestro.yaml"})
    assert text.startswith("# What Maestro runs")
    assert all(len(line) < 100 for line in text.splitlines())


def test_the_project_gets_a_name_that_the_schema_takes(tmp_path: Path) -> None:
    for name in ("Größe (x)", "--", "a" * 300, "ok_1.2"):
        root = project(tmp_path, {"setup.cfg": f"[metadata]\nname = {name}\n", **TEST})
        assert load_text(render(detect(root)), root).project == detect(root).project
    assert SuiteSection().paths == ()
