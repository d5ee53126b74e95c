"""What a project states outside of its packaging files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maestro.healing.sourcetree import SourceTree
from maestro.healing.strategies import declarations
from maestro.healing.strategies.metadata import requirements


def names(tmp_path: Path, python: tuple[int, int] | None = None) -> list[str]:
    return sorted(str(r).partition(";")[0].strip() for r in requirements(SourceTree(tmp_path), python))


def test_what_setuptools_left_in_a_source_distribution(tmp_path: Path) -> None:
    folder = tmp_path / "src" / "demo.egg-info"
    folder.mkdir(parents=True)
    (folder / "requires.txt").write_text(
        "six>=1.2\n\n[:python_version < '3']\nfutures\n\n[test]\nmock\n\n[test:python_version < '3']\nunittest2\n"
    )
    assert names(tmp_path) == ["futures", "mock", "six>=1.2", "unittest2"]
    assert names(tmp_path, (3, 12)) == ["mock", "six>=1.2"]


PIPFILE = "[packages]\nflask = '*'\nlocal = {path = '.'}\n[dev-packages]\nmock = {version = '==1.0'}\n"
CONDA = "dependencies:\n- python=3.7\n- conda-forge::numpy=1.19\n- pip:\n  - mock>=1\n"
ACTION = "- run: python -m pip install coverage nose && nosetests x\n"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (".travis.yml", "install:\n  - pip install -U pytest 'mock>=1' -r more.txt .[test]\n", ["mock>=1", "pytest"]),
        (".github/workflows/test.yml", ACTION, ["coverage", "nose"]),
        ("noxfile.py", "def tests(session):\n    session.install('-e', '.', \"pytest\", 'mock')\n", ["mock", "pytest"]),
        ("Makefile", "dev:\n\tpip install $(DEPS) mock\n", ["mock"]),
        ("deploy/thing.yml", "- pip install mock\n", []),
        ("environment.yml", CONDA, ["mock>=1", "numpy"]),
        ("environment.yml", "dependencies: [unclosed\n", []),
        ("Pipfile", PIPFILE, ["flask", "mock==1.0"]),
        ("Pipfile", "not toml", []),
    ],
)
def test_other_places_of_requirements(tmp_path: Path, path: str, text: str, expected: list[str]) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert names(tmp_path) == expected


@given(st.text(max_size=300))
def test_no_text_upsets_a_reader(text: str) -> None:
    for reader in (
        declarations.egg_requirements,
        declarations.metadata_requirements,
        declarations.pipfile_requirements,
        declarations.conda_requirements,
        declarations.installed_by_commands,
    ):
        assert all(isinstance(line, str) for line in reader(text))


SETUP = """\
from setuptools import setup

setup(
    name="demo",
    extras_require={
        ":python_version == '2.7'": ["futures"],
        "loop:python_version == '2.7'": ["trollius"],
        "testing": ["pytest"],
        "testing:python_version == '3.4'": ["pytest_asyncio < 0.6"],
        "testing:python_version >= '3.5'": ["pytest_asyncio"],
    },
    entry_points={"a:b": ["run"]},
)
"""


def test_an_extra_under_a_condition_is_for_the_pythons_that_it_names(tmp_path: Path) -> None:
    # given the way in which setuptools wrote it before markers, and an environment of tox for one Python alone
    (tmp_path / "setup.py").write_text(SETUP)
    (tmp_path / "tox.ini").write_text("[testenv]\ndeps = mock\n[testenv:py34]\ndeps = mock<2\n")
    everything = ["futures", "mock", "mock<2", "pytest", "pytest_asyncio", "pytest_asyncio<0.6", "run", "trollius"]
    assert names(tmp_path) == everything
    assert names(tmp_path, (3, 12)) == ["mock", "pytest", "pytest_asyncio", "run"]
    assert names(tmp_path, (3, 4)) == ["mock", "mock<2", "pytest", "pytest_asyncio<0.6", "run"]
