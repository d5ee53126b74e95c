"""A module that a project's own packaging files name is never taken from an index: there it is somebody else's."""

from collections.abc import Callable
from textwrap import dedent

import pytest
from healing_strategies_bench import Bench
from maestro.healing._stated import stated_modules
from maestro.healing.sourcetree import SourceTree
from maestro.model import Failure, Strategy

Fail = Callable[..., Failure]
DEPENDENCY = frozenset({Strategy.DEPENDENCY_FIX})
SETUP = "from setuptools import Extension, find_packages, setup\n"


@pytest.mark.parametrize(
    "files",
    [
        {"setup.py": f'{SETUP}setup(name="shop", py_modules=["shop", "widgets"])\n'},
        {"setup.py": f'{SETUP}PARTS = ["shop"]\nALL = PARTS + ["widgets.core"]\nsetup(name="shop", packages=ALL)\n'},
        {"setup.py": f'{SETUP}setup(packages=["shop"] + find_packages(include=["widgets*"]))\n'},
        {"setup.py": f'{SETUP}setup(name="shop", ext_modules=[Extension("widgets", ["widgets.c"])])\n'},
        {"setup.py": f'{SETUP}setup(**dict(name="shop", packages=("widgets", "shop")))\n'},
        {"setup.py": f'{SETUP}options = {{"name": "shop", "py_modules": ["widgets"]}}\nsetup(**options)\n'},
        {"setup.py": "print 'Python 2'\nsetup(name='shop', py_modules=['shop', 'widgets'])\n"},
        {"setup.py": f'{SETUP}setup(name="widgets")\n'},
        {"setup.cfg": "[options]\npy_modules =\n    shop\n    widgets\n"},
        {"setup.cfg": "[options]\npackages = find:\n[options.packages.find]\ninclude = widgets.*\n"},
        {"setup.cfg": "[files]\npackages =\n    widgets\n"},
        {"pyproject.toml": '[project]\nname = "widgets"\n'},
        {"pyproject.toml": '[tool.setuptools]\npy-modules = ["shop", "widgets"]\n'},
        {"pyproject.toml": '[tool.setuptools]\npackages = ["widgets", "widgets.core"]\n'},
        {"pyproject.toml": '[tool.setuptools.packages.find]\ninclude = ["widgets*"]\n'},
        {"pyproject.toml": '[tool.flit.module]\nname = "widgets"\n'},
        {"pyproject.toml": '[tool.flit.metadata]\nmodule = "widgets"\n'},
        {"pyproject.toml": '[tool.poetry]\nname = "shop"\npackages = [{include = "widgets", from = "src"}]\n'},
        {"pyproject.toml": '[tool.hatch.build.targets.wheel]\npackages = ["src/widgets"]\n'},
        {"pyproject.toml": '[tool.maturin]\nmodule-name = "widgets._native"\n'},
        {"pyproject.toml": '[tool.uv.build-backend]\nmodule-name = "widgets"\n'},
        {"shop.egg-info/top_level.txt": "shop\nwidgets\n"},
        {"shop/widgets.pyi": "def made() -> int: ...\n"},
        {"src/shop/widgets.pyx": "def made():\n    return 1\n"},
    ],
    ids=lambda files: " ".join(f"{name}: {text[-40:]!r}" for name, text in files.items()),
)
def test_a_module_that_the_project_states_as_its_own_is_not_installed(
    bench: Bench, fail: Fail, files: dict[str, str]
) -> None:
    # given a module that is nowhere in the tree, and a distribution of that name on the index
    bench.write({"shop/__init__.py": "", "tests/test_demo.py": "import widgets\n"})
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    assert bench.propose(failure, strategies=DEPENDENCY)

    bench.write(files)

    # then what the project says counts, unless it asks for the distribution as well
    assert bench.propose(failure, strategies=DEPENDENCY) == []
    if "name" not in str(files):
        bench.write({"requirements.txt": "widgets\n"})
        assert bench.propose(failure, strategies=DEPENDENCY)


def test_what_the_table_of_names_knows_is_somebody_elses_too(bench: Bench, fail: Fail) -> None:
    bench.write({"setup.py": f'{SETUP}setup(name="shop", py_modules=["shop", "yaml"])\n'})
    bench.write({"tests/test_demo.py": "import yaml\n"})
    failure = fail("ModuleNotFoundError", "No module named 'yaml'", attributes={"module": "yaml"})
    assert bench.propose(failure, strategies=DEPENDENCY) == []


@pytest.mark.parametrize(
    "files",
    [
        {"setup.py": f'{SETUP}setup(packages=find_packages(exclude=["widgets"]), install_requires=["x"])\n'},
        {"setup.py": f'{SETUP}setup(packages=find_packages("widgets"), extras_require={{"widgets": []}})\n'},
        {"setup.py": f'{SETUP}setup(keywords=["widgets"], package_data={{"shop": ["widgets"]}})\n'},
        {"stubs/widgets.pyi": "x: int\n"},
        {"typings/widgets/__init__.pyi": "x: int\n"},
        {"pyproject.toml": "not toml ["},
        {"setup.cfg": "no section\n"},
    ],
)
def test_what_only_looks_like_a_statement_is_none(bench: Bench, files: dict[str, str]) -> None:
    bench.write({name: dedent(text) for name, text in files.items()})
    assert "widgets" not in stated_modules(SourceTree(bench.root))
