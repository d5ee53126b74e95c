"""What must be installed, and which versions."""

# ruff: noqa: E501 - sources of the projects under test stand on one line

import dataclasses
from collections.abc import Callable

import pytest
import yaml
from healing_strategies_bench import Bench
from maestro.healing.strategies.index import IndexUnavailableError, releases
from maestro.model import Failure, Frame, Strategy

Fail = Callable[..., Failure]
DEPENDENCY = (Strategy.DEPENDENCY_FIX,)


def installs(bench: Bench) -> list[str]:
    return list(yaml.safe_load(bench.read("maestro.yaml"))["environment"]["install"])


@pytest.mark.parametrize(
    ("module", "python", "expected"),
    [
        ("yaml", "3.12", "PyYAML"),
        ("paste", "3.12", "Paste"),
        ("pkg_resources", "3.12", "setuptools<81"),
        ("distutils", "3.12", "setuptools<81"),
        ("nose", "3.12", "pynose"),
        ("nose", "3.8", "nose"),
        ("whatever", "3.12", "whatever"),
        ("whatever.sub.module", "3.12", "whatever"),
    ],
)
def test_a_missing_module_gets_its_distribution(
    bench: Bench, fail: Fail, module: str, python: str, expected: str
) -> None:
    bench.python = python
    bench.write({"tests/test_demo.py": f"import {module}\n"})
    if module == "nose" and python == "3.8":
        bench.write({"setup.py": "from setuptools import setup\nsetup(name='x', tests_require=['nose'])\n"})
    candidates = bench.propose(
        fail("ModuleNotFoundError", f"No module named '{module}'", attributes={"module": module}), strategies=DEPENDENCY
    )
    bench.apply(candidates[0])
    assert installs(bench) == ["pytest", expected]


@pytest.mark.parametrize("file", ["demo.py", "tests/test_demo.py"])
def test_what_the_product_needs_and_does_not_ask_for_is_said(bench: Bench, fail: Fail, file: str) -> None:
    bench.write({"demo.py": "", "tests/test_demo.py": "import demo\n", file: "import yaml\n"})

    first, *_ = bench.propose(
        fail("ModuleNotFoundError", "No module named 'yaml'", file=file, line=1, attributes={"module": "yaml"}),
        strategies=DEPENDENCY,
    )

    assert ("its own metadata should ask for it as well" in first.summary) == (file == "demo.py")


@pytest.mark.parametrize(
    "module", ["no_such_distribution_at_all", "pyyamll", "_private", "demo", "helpers", "tkinter", "StringIO"]
)
def test_what_is_never_installed(bench: Bench, fail: Fail, module: str) -> None:
    bench.write({"demo/__init__.py": "", "tests/helpers.py": "", "tests/test_demo.py": f"import {module}\n"})
    failure = fail("ModuleNotFoundError", f"No module named '{module}'", attributes={"module": module})
    assert bench.propose(failure, strategies=DEPENDENCY) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"demo/yaml.py": "import yaml\n", "tests/test_demo.py": "import yaml\n"}, ["pytest", "PyYAML"]),
        ({"demo/widgets.py": "", "requirements-dev.txt": "widgets\n"}, ["pytest", "widgets"]),
        ({"demo/widgets.py": ""}, None),  # nothing asks for a stranger's distribution: it may mean its own
        ({"widgets.py": "", "requirements-dev.txt": "widgets\n"}, None),
        ({"src/widgets.py": "", "requirements-dev.txt": "widgets\n"}, None),
        ({"tests/__init__.py": "", "tests/widgets.py": "", "requirements-dev.txt": "widgets\n"}, None),
    ],
)
def test_what_lies_in_a_package_is_no_module_of_its_name(
    bench: Bench, fail: Fail, files: dict[str, str], expected: list[str] | None
) -> None:
    module = "yaml" if "demo/yaml.py" in files else "widgets"
    bench.write({"demo/__init__.py": "", "tests/test_demo.py": f"import {module}\n", **files})
    failure = fail("ModuleNotFoundError", f"No module named '{module}'", attributes={"module": module})
    candidates = bench.propose(failure, strategies=DEPENDENCY)
    if expected is None:
        assert candidates == []
    else:
        bench.apply(candidates[0])
        assert installs(bench) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from zope.component.testing import setUp", "zope.component"),
        ("from zope import component, interface", "zope.component"),
        ("import zope.component", "zope.component"),
        ("import zope", None),
    ],
)
def test_of_a_namespace_what_was_imported_is_installed(
    bench: Bench, fail: Fail, line: str, expected: str | None
) -> None:
    bench.write({"tests/test_demo.py": f"{line}\n", "requirements-dev.txt": "zope.component\nzope.schema\n"})
    failure = fail("ModuleNotFoundError", "No module named 'zope'", attributes={"module": "zope"})
    here = Frame("tests/test_demo.py", 1, "<module>", in_project=True, code=line)
    failure = dataclasses.replace(failure, facts=dataclasses.replace(failure.facts, frames=(here,)))
    candidates = bench.propose(failure, strategies=DEPENDENCY)
    if expected is None:
        assert candidates == []
    else:
        bench.apply(candidates[0])
        assert installs(bench) == ["pytest", expected]


def test_a_module_beside_the_one_that_asks_for_it_was_meant_in_python_2(bench: Bench, fail: Fail) -> None:
    bench.write({"demo/__init__.py": "import yaml\n", "demo/yaml.py": "", "tests/test_demo.py": "import demo\n"})
    failure = fail(
        "ModuleNotFoundError", "No module named 'yaml'", file="demo/__init__.py", line=1, attributes={"module": "yaml"}
    )
    assert bench.propose(failure, strategies=DEPENDENCY) == []


def test_the_projects_own_range_is_used(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "setup.cfg": "[options.extras_require]\ntest =\n    widgets[fast]>=1.2,<2\n",
            "tox.ini": "[testenv]\ndeps =\n    py27: widgets<1.1\n",
            "tests/test_demo.py": "import widgets\n",
        }
    )
    candidates = bench.propose(
        fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    )
    bench.apply(candidates[0])
    assert installs(bench) == ["pytest", "widgets[fast]<2,>=1.2"]
    assert not any("<1.1" in c.summary for c in candidates)


def test_the_files_other_missing_modules_come_along(bench: Bench, fail: Fail) -> None:
    bench.modules = {"pytest": "pytest"}
    bench.write(
        {
            "requirements-dev.txt": "gadgets\n",
            "tests/test_demo.py": "import os\nimport widgets\nimport gadgets\nimport pytest\ntry:\n    import yaml\nexcept ImportError:\n    yaml = None\n",
        }
    )
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", line=2, attributes={"module": "widgets"})
    bench.apply(next(c for c in bench.propose(failure) if "gadgets" in c.summary))
    assert installs(bench) == ["pytest", "gadgets", "widgets"]


def test_mock_is_rewritten_rather_than_installed_but_both_are_proposed(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "import mock\n\nX = mock.Mock()\n"})
    candidates = bench.propose(fail("ModuleNotFoundError", "No module named 'mock'", attributes={"module": "mock"}))
    assert [c.generator for c in candidates] == ["catalogue_rename", "missing_module"]
    bench.apply(candidates[0])
    assert bench.read("tests/test_demo.py").startswith("from unittest import mock\n")


@pytest.mark.parametrize(
    "message", ["You must have widgets installed to use this", "widgets is not installed", "Run: pip install widgets"]
)
def test_a_message_that_names_a_distribution(bench: Bench, fail: Fail, message: str) -> None:
    bench.write({"demo.py": ""})
    bench.apply(bench.propose(fail("ImportError", message))[0])
    assert installs(bench) == ["pytest", "widgets"]


def test_a_message_that_names_a_distribution_whose_module_is_called_otherwise(bench: Bench, fail: Fail) -> None:
    bench.write({"demo.py": ""})
    bench.apply(bench.propose(fail("ValueError", "a.yaml is a YAML file, please install PyYAML"))[0])
    assert installs(bench) == ["pytest", "PyYAML"]


def test_a_missing_fixture(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/test_demo.py": "def test_it(mocker):\n    pass\n"})
    failure = fail(
        "FixtureLookupError", "fixture 'mocker' not found", attributes={"fixture": "mocker", "available": []}
    )
    bench.apply(bench.propose(failure)[0])
    assert installs(bench) == ["pytest", "pytest-mock"]


def test_a_fixture_of_the_project_is_not_a_plugins(bench: Bench, fail: Fail) -> None:
    bench.write({"tests/a/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef mocker():\n    return 1\n"})
    failure = fail("FixtureLookupError", "fixture 'mocker' not found", attributes={"fixture": "mocker"})
    assert bench.propose(failure) == []


def test_unrecognized_options(bench: Bench, fail: Fail) -> None:
    message = "error: unrecognized arguments: --cov=demo --cov-report=term"
    bench.apply(bench.propose(fail("UsageError", message, tests=("<session>",), frames=()))[0])
    assert installs(bench) == ["pytest", "pytest-cov"]


def test_pins_are_workarounds_below_the_adaptation_and_start_at_the_known_removal(bench: Bench, fail: Fail) -> None:
    bench.distributions, bench.modules = {"markupsafe": "3.0.4"}, {"markupsafe": "markupsafe"}
    bench.install = ("pytest", "markupsafe==3.0.4")
    bench.write(
        {
            "maestro.yaml": "environment:\n  python: '3.12'\n  install: [pytest, markupsafe==3.0.4]\n",
            "demo.py": "from markupsafe import soft_unicode\n",
        }
    )
    message = "cannot import name 'soft_unicode' from 'markupsafe' (/x/markupsafe/__init__.py)"
    candidates = bench.propose(fail("ImportError", message, file="demo.py"))

    assert [c.workaround for c in candidates] == sorted(c.workaround for c in candidates)
    assert candidates[0].generator == "catalogue_rename"
    pins = [c for c in candidates if c.workaround]
    bench.apply(pins[0])
    assert installs(bench) == ["pytest", "markupsafe<2.1"]


def test_an_error_inside_a_distribution_is_searched_back_in_time(bench: Bench, fail: Fail) -> None:
    bench.distributions, bench.modules = {"widgets": "2.1.0"}, {"widgets": "widgets"}
    bench.install = ("widgets==2.1.0",)
    bench.write(
        {
            "maestro.yaml": "environment:\n  install: [widgets==2.1.0]\n",
            "PKG-INFO": "Metadata-Version: 1.0\nName: demo\nVersion: 1.0\n",
        }
    )
    frames = (
        Frame("tests/test_demo.py", 3, "test_it", in_project=True),
        Frame("/x/site-packages/widgets/core.py", 9, "load", in_project=False, distribution="widgets"),
    )
    candidates = bench.propose(fail("ValueError", "unknown format", frames=frames, versions={"widgets": "2.1.0"}))
    assert candidates
    assert all(c.workaround for c in candidates)
    assert candidates[0].generator == "version_pin"
    assert "widgets<2" in candidates[0].patch


def test_a_family_goes_back_together(bench: Bench, fail: Fail) -> None:
    bench.distributions = {"widgets": "2.1.0", "gadgets": "1.0"}
    bench.modules = {"widgets": "widgets", "gadgets": "gadgets"}
    bench.install = ("widgets==2.1.0", "gadgets==1.0")
    bench.write(
        {
            "maestro.yaml": "environment:\n  install: [widgets==2.1.0, gadgets==1.0]\n",
            "PKG-INFO": "Metadata-Version: 1.0\nName: demo\nVersion: 1.0\n",
            "setup.py": "from setuptools import setup\nsetup(name='demo', install_requires=['widgets', 'gadgets'])\n",
        }
    )
    failure = fail("ImportError", "cannot import name 'old' from 'widgets' (/x/widgets.py)", file="demo.py")
    family = [c for c in bench.propose(failure) if c.generator == "family_pin"]
    bench.apply(family[0])
    assert installs(bench) == ["widgets<2", "gadgets<1"]


def test_requirements_file_in_use_is_edited(bench: Bench, fail: Fail) -> None:
    (bench.root / "maestro.yaml").unlink()
    bench.config_file = ""
    bench.install = ("-r requirements-test.txt",)
    bench.write({"requirements-test.txt": "pytest"})
    bench.apply(bench.propose(fail("ModuleNotFoundError", "No module named 'yaml'", attributes={"module": "yaml"}))[0])
    assert bench.read("requirements-test.txt") == "pytest\nPyYAML\n"


def test_a_new_maestro_yaml_where_there_is_nothing_to_edit(bench: Bench, fail: Fail) -> None:
    (bench.root / "maestro.yaml").unlink()
    bench.config_file = ""
    bench.write({"tests/test_demo.py": "import yaml\n\n\ndef test_it():\n    pass\n"})
    bench.apply(bench.propose(fail("ModuleNotFoundError", "No module named 'yaml'", attributes={"module": "yaml"}))[0])
    assert "PyYAML" in installs(bench)


def test_the_index_knows_names_and_dates(index: str) -> None:
    found = releases("Widgets", {"UV_DEFAULT_INDEX": index})
    assert [str(r.version) for r in found] == ["1.0.0", "1.4.0", "2.0.0", "2.1.0"]
    assert found[0].uploaded is not None
    assert found[0].uploaded.year == 2018
    assert releases("no-such", {"UV_DEFAULT_INDEX": index}) == ()


@pytest.mark.parametrize("network", [{"UV_OFFLINE": "1"}, {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}])
def test_an_index_that_cannot_be_asked_says_so(network: dict[str, str]) -> None:
    with pytest.raises(IndexUnavailableError):
        releases("widgets", network)


def test_compiled_code_that_names_its_distribution_is_suspected(bench: Bench, fail: Fail) -> None:
    bench.distributions = {"widgets": "2.1.0"}
    bench.install = ("widgets==2.1.0",)
    bench.write({"maestro.yaml": "environment:\n  install: [widgets==2.1.0]\n"})
    candidates = bench.propose(
        fail("ValueError", "bad key; please report it at https://example.org/acme/widgets/issues")
    )
    assert [c.generator for c in candidates] == ["version_pin"] * len(candidates)
    assert "widgets<2" in candidates[0].patch
    assert bench.propose(fail("ValueError", "bad key")) == []


def test_all_that_the_project_states_and_imports_can_come_at_once(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "setup.py": "from setuptools import setup\nsetup(name='demo', keywords=['paste', 'logging'],\n      tests_require=['widgets', 'gadgets>=0.5', 'Sphinx'])\n",
            "demo.py": "import __main__\nimport _thread\nimport logging\nimport paste\n\n\ndef lazy():\n    import gadgets\n    return gadgets\n",
            "tests/test_demo.py": "import widgets\n",
        }
    )
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    candidates = bench.propose(failure)
    bench.apply(candidates[0])
    assert installs(bench) == ["pytest", "gadgets>=0.5", "widgets"]
    assert [c.summary.partition(":")[0] for c in candidates[1:]] == ["install widgets for the module widgets"]


def test_every_group_that_lacks_one_of_a_set_proposes_the_same_set(bench: Bench, fail: Fail) -> None:
    bench.modules = {"pytest": "pytest"}
    bench.write(
        {
            "requirements-dev.txt": "widgets\ngadgets\npytest-mock\npytest-cov\nsphinx\n",
            "setup.cfg": "[tool:pytest]\naddopts = --cov=demo -q\n",
            "docs/conf.py": "import sphinx\n",
            "tests/test_demo.py": "import widgets\n\n\ndef test_it(mocker):\n    pass\n",
            "tests/test_more.py": "import gadgets\n",
        }
    )
    sets = {
        bench.propose(fail("ModuleNotFoundError", f"No module named '{m}'", attributes={"module": m}))[0].patch
        for m in ("widgets", "gadgets")
    }
    assert len(sets) == 1
    (patch,) = sets
    for line in ("gadgets", "pytest-cov", "pytest-mock", "widgets"):
        assert f"+  - {line}\n" in patch
    assert "sphinx" not in patch  # only the documentation wants it


@pytest.mark.parametrize("module", ["squatter", "wheelie"])
def test_a_stranger_that_does_not_bring_the_module_is_not_installed(bench: Bench, fail: Fail, module: str) -> None:
    bench.write({"tests/test_demo.py": f"import {module}\n"})
    failure = fail("ModuleNotFoundError", f"No module named '{module}'", attributes={"module": module})
    assert bench.propose(failure, strategies=DEPENDENCY) == []


@pytest.mark.parametrize("module", ["whatever", "wheeled"])
def test_a_stranger_that_brings_it_is_believed_little(bench: Bench, fail: Fail, module: str) -> None:
    bench.write({"tests/test_demo.py": f"import {module}\n"})
    failure = fail("ModuleNotFoundError", f"No module named '{module}'", attributes={"module": module})
    assert [c.prior for c in bench.propose(failure, strategies=DEPENDENCY)] == [0.3]
    bench.write({"requirements.txt": f"{module}\n"})
    assert [c.prior for c in bench.propose(failure, strategies=DEPENDENCY)] == [0.9]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("demo.egg-info/requires.txt", "six\n\n[test:python_version >= '3']\npython-widgets>=1\n"),
        ("PKG-INFO", "Name: demo\nRequires-Dist: python-widgets (>=1) ; extra == 'test'\n\nprose\n"),
        ("Pipfile", "[dev-packages]\npython-widgets = '>=1'\n"),
        ("pyproject.toml", "[dependency-groups]\ntest = ['python-widgets>=1']\n"),
    ],
)
def test_a_declared_distribution_is_known_by_the_usual_additions_to_its_name(
    bench: Bench, fail: Fail, path: str, text: str
) -> None:
    bench.write({path: text, "tests/test_demo.py": "import widgets\n"})
    failure = fail("ModuleNotFoundError", "No module named 'widgets'", attributes={"module": "widgets"})
    bench.apply(bench.propose(failure, strategies=DEPENDENCY)[0])
    assert installs(bench) == ["pytest", "python-widgets>=1"]


def pinned(bench: Bench, *lines: str, **files: str) -> None:
    bench.install = lines
    bench.distributions = dict(line.split("==") for line in lines)
    bench.modules = {name: name for name in bench.distributions}
    text = "".join(f"  - {line}\n" for line in lines)
    bench.write({"maestro.yaml": f"environment:\n  install:\n{text}", **files})


def inside(distribution: str) -> tuple[Frame, ...]:
    return (
        Frame("tests/test_demo.py", 3, "test_it", in_project=True),
        Frame(f"/x/site-packages/{distribution}/core.py", 9, "load", in_project=False, distribution=distribution),
    )


def test_what_python_lost_is_not_brought_back_by_an_older_distribution(bench: Bench, fail: Fail) -> None:
    pinned(bench, "widgets==2.1.0")
    message = "module 'collections' has no attribute 'Mapping'"
    failure = fail("AttributeError", message, versions={"widgets": "2.1.0"})
    assert "version_pin" not in {c.generator for c in bench.propose(failure)}


def test_a_distribution_too_old_for_this_python_is_upgraded_not_pinned(bench: Bench, fail: Fail) -> None:
    pinned(bench, "widgets==1.4.0")
    message = "module 'collections' has no attribute 'Mapping'"
    candidates = bench.propose(fail("AttributeError", message, frames=inside("widgets")), strategies=DEPENDENCY)
    bench.apply(candidates[0])
    assert installs(bench) == ["widgets>1.4.0"]
    assert not candidates[0].workaround
    assert len(candidates) == 1


def test_the_projects_own_upper_bound_is_the_first_pin(bench: Bench, fail: Fail) -> None:
    declared = "from setuptools import setup\nsetup(name='demo', install_requires=['widgets>=1.0,<2.1', 'gadgets<1'])\n"
    pinned(bench, "widgets==2.1.0", "gadgets==1.0", **{"setup.py": declared})
    candidates = bench.propose(fail("ValueError", "unknown format", frames=inside("widgets")), strategies=DEPENDENCY)
    bench.apply(candidates[0])
    assert installs(bench) == ["widgets<2.1,>=1.0", "gadgets<1"]
    assert candidates[0].workaround


def test_a_pin_does_not_go_back_to_what_the_project_never_knew(bench: Bench, fail: Fail) -> None:
    release = "Metadata-Version: 1.0\nName: demo\nVersion: 1.5\n"  # of 2023: 1.x of widgets had a successor for years
    pinned(bench, "widgets==2.1.0", **{"PKG-INFO": release})
    failure = fail("ValueError", "unknown format", frames=inside("widgets"))
    pins = [c for c in bench.propose(failure) if c.generator == "version_pin"]
    assert pins
    assert not any("widgets<2:" in c.summary for c in pins)


def first_pin(bench: Bench, failure: Failure) -> str:
    pins = [c for c in bench.propose(failure, strategies=DEPENDENCY) if c.generator == "version_pin"]
    return pins[0].summary if pins else ""


@pytest.mark.parametrize(
    ("module", "installed", "first"),
    [
        ("werkzeug.contrib", "3.1.3", "pin werkzeug<1.0: werkzeug.contrib was removed in 1.0 ("),
        ("werkzeug.contrib.cache", "3.1.3", "pin werkzeug<1.0: werkzeug.contrib.cache was removed in 1.0 ("),
        ("werkzeug.contrib.cache.shared", "3.1.3", "pin werkzeug<1.0: werkzeug.contrib.cache was removed in 1.0 ("),
        ("werkzeug.contributed", "3.1.3", "pin werkzeug<3: the newest release series before 3"),
        ("werkzeug.contrib", "0.16.1", "pin werkzeug<0.16.1: the newest release series before 0.16.1"),
        ("werkzeug", "3.1.3", "pin werkzeug<3: the newest release series before 3"),
    ],
    ids=["package", "module", "in it", "a look-alike", "before the removal", "all of it"],
)
def test_the_first_pin_is_before_the_release_that_removed_the_module(
    bench: Bench, fail: Fail, module: str, installed: str, first: str
) -> None:
    pinned(bench, f"werkzeug=={installed}")
    message = f"No module named '{module}'"
    assert first_pin(bench, fail("ModuleNotFoundError", message, attributes={"module": module})).startswith(first)


def test_a_removed_module_that_the_project_imports_was_of_its_time(bench: Bench, fail: Fail) -> None:
    release = "Metadata-Version: 1.0\nName: demo\nVersion: 1.5\n"  # of 2023: 0.16 of werkzeug had a successor for years
    pinned(bench, "werkzeug==3.1.3", **{"PKG-INFO": release})
    failure = fail(
        "ModuleNotFoundError", "No module named 'werkzeug.contrib'", attributes={"module": "werkzeug.contrib"}
    )
    assert first_pin(bench, failure).startswith("pin werkzeug<1.0: ")


@pytest.mark.parametrize(
    ("message", "owner", "first"),
    [
        (
            "Retry.__init__() got an unexpected keyword argument 'method_whitelist'",
            "urllib3",
            "pin urllib3<2.0: Retry(m",
        ),
        ("Retry.__init__() got an unexpected keyword argument 'whitelist'", "urllib3", "pin urllib3<2: the newest"),
        ("Retry.__init__() got an unexpected keyword argument 'method_whitelist'", "demo", "pin urllib3<2: the newest"),
    ],
    ids=["removed", "another keyword", "a function of another"],
)
def test_the_first_pin_is_before_the_release_that_removed_the_keyword(
    bench: Bench, fail: Fail, message: str, owner: str, first: str
) -> None:
    pinned(bench, "urllib3==2.5.0")
    failure = fail(
        "TypeError", message, attributes={"callee_distribution": owner}, versions={"urllib3": "2.5.0"}
    )  # fmt: skip
    assert first_pin(bench, failure).startswith(first)


@pytest.mark.parametrize(
    ("release", "words"),
    [("Metadata-Version: 1.0\nName: demo\nVersion: 1.0\n", "project"), ("", "6 years")],
    ids=["a release is stated", "none is"],
)
def test_a_release_of_the_project_is_spoken_of_where_it_states_one(
    bench: Bench, fail: Fail, release: str, words: str
) -> None:
    pinned(bench, "yearly==8.0", **({"PKG-INFO": release} if release else {}))
    failure = fail("ValueError", "unknown format", frames=inside("yearly"))
    timed = [c.summary for c in bench.propose(failure) if c.generator == "version_pin" and ": as it was" in c.summary]
    assert timed
    assert all(words in summary for summary in timed)


PLUGIN_ERROR = (
    "Traceback (most recent call last):\n"
    '  File "/x/site-packages/_pytest/main.py", line 9, in wrap_session\n'
    '  File "/x/site-packages/pytest_widgets.py", line 9, in pytest_runtest_setup\n'
    '  File "/x/site-packages/pluggy/_manager.py", line 9, in _hookexec\n'
    "AttributeError: 'CallSpec2' object has no attribute 'funcargs'\n"
)


def test_a_plugin_whose_own_code_breaks_gets_the_pytest_of_its_time(bench: Bench, fail: Fail) -> None:
    pinned(bench, "pytest==9.2.0", "pytest-widgets==1.0")
    bench.modules = {"pytest_widgets": "pytest-widgets", "_pytest": "pytest", "pluggy": "pluggy"}
    message = "'CallSpec2' object has no attribute 'funcargs'"
    failure = fail("AttributeError", message, tests=("<session>",), frames=(), text=PLUGIN_ERROR)
    candidates = bench.propose(failure, strategies=DEPENDENCY)
    bench.apply(candidates[0])
    assert installs(bench)[0] == "pytest<9.2"
    assert candidates[0].workaround


def test_a_name_that_a_plugin_adds_to_pytest(bench: Bench, fail: Fail) -> None:
    failure = fail("AttributeError", "module 'pytest' has no attribute 'lazy_fixture'")
    bench.apply(bench.propose(failure, strategies=DEPENDENCY)[0])
    assert installs(bench) == ["pytest", "pytest-lazy-fixture"]


def test_a_missing_plugin_comes_with_what_else_the_project_declares_and_uses(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "tox.ini": "[pytest]\naddopts = --cov=demo\n[testenv]\ndeps =\n    pytest-cov\n    pytest-tornado\n    widgets\n",
            "tests/test_demo.py": "import pytest\n\n\n@pytest.mark.gen_test\ndef test_it():\n    pass\n",
        }
    )
    message = "error: unrecognized arguments: --cov=demo"
    candidates = bench.propose(fail("UsageError", message, tests=("<session>",), frames=()), strategies=DEPENDENCY)
    bench.apply(candidates[0])
    assert installs(bench) == ["pytest", "pytest-cov", "pytest-tornado"]
    assert len(candidates) == 2


DEAD = "usage: pytest [options]\npytest: error: unrecognized arguments: --pep8 --cov=demo --cov-report=term-missing\n"


def unknown(fail: Fail, message: str = DEAD) -> Failure:
    return fail("UsageError", message, tests=("<session>",), frames=(), text=message)


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "pytest.ini",
            "[pytest]\npep8ignore = docs/conf.py ALL\naddopts = --pep8 --cov=demo --cov-report=term-missing docs\n",
            "[pytest]\npep8ignore = docs/conf.py ALL\naddopts = --pycodestyle --cov=demo --cov-report=term-missing docs\n",
        ),
        (
            "setup.cfg",
            "[tool:pytest]\naddopts =\n    --cov=demo\n    --pep8\npep8maxlinelength = 99\n",
            "[tool:pytest]\naddopts =\n    --cov=demo\n    --pycodestyle\npep8maxlinelength = 99\n",
        ),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\naddopts = ["--pep8", "--pep8-more"]\n',
            '[tool.pytest.ini_options]\naddopts = ["--pycodestyle", "--pep8-more"]\n',
        ),
    ],
)
def test_the_option_of_a_dead_plugin_becomes_its_successors(
    bench: Bench, fail: Fail, path: str, before: str, after: str
) -> None:
    bench.write({path: before, "setup.py": "from setuptools import setup\nsetup(tests_require=['pytest-pep8'])\n"})
    bench.distributions = {"pytest": "9.2.0"}
    candidates = bench.propose(unknown(fail), strategies=DEPENDENCY)
    (candidate,) = [c for c in candidates if c.generator == "succeeded_option"]
    bench.apply(candidate)
    assert bench.read(path) == after
    assert installs(bench) == ["pytest", "pytest-pycodestyle", "pytest-cov"]
    assert not candidate.workaround
    assert not any("pytest-pep8" in c.summary for c in candidates if c.generator == "missing_plugin")


def test_the_successor_comes_with_what_else_is_needed_and_without(bench: Bench, fail: Fail) -> None:
    bench.write(
        {
            "tox.ini": "[pytest]\naddopts = --pep8\n[testenv]\ndeps =\n    widgets\n",
            "tests/test_a.py": "import widgets\n",
        }
    )
    bench.distributions = {"pytest": "9.2.0", "pytest-pycodestyle": "2.5.0"}
    candidates = bench.propose(unknown(fail, DEAD.partition(" --cov")[0]), strategies=DEPENDENCY)
    together, alone = [c for c in candidates if c.generator == "succeeded_option"]
    assert together.summary.endswith("; install widgets")
    assert "install" not in alone.summary
    assert "maestro.yaml" not in alone.patch


def test_an_installed_plugin_that_no_longer_loads_gives_way_to_its_successor(bench: Bench, fail: Fail) -> None:
    pinned(bench, "pytest==9.2.0", "pytest-pep8==1.0.6", **{"tox.ini": "[pytest]\naddopts = --pep8\n"})
    message = (
        "pluggy._manager.PluginValidationError: Plugin 'pep8' for hook 'pytest_collect_file'\n"
        "hookimpl definition: pytest_collect_file(path, parent)\n"
        "Argument(s) {'path'} are declared in the hookimpl but can not be found in the hookspec"
    )
    candidates = bench.propose(unknown(fail, message), strategies=DEPENDENCY)
    (candidate,) = [c for c in candidates if c.generator == "succeeded_option"]
    bench.apply(candidate)
    assert installs(bench) == ["pytest==9.2.0", "pytest-pycodestyle"]
    assert bench.read("tox.ini") == "[pytest]\naddopts = --pycodestyle\n"


@pytest.mark.parametrize(
    ("version", "added", "message"),
    [
        pytest.param("4.6.0", "--pep8", DEAD, id="its plugin still loads"),
        pytest.param("9.2.0", "--pep257", DEAD.replace("pep8", "pep257"), id="the successor does not load either"),
        pytest.param("9.2.0", "--flake8", DEAD.replace("pep8", "flake8"), id="no successor"),
        pytest.param("9.2.0", "-q", DEAD, id="the option came from the command line"),
        pytest.param("9.2.0", "--pep8", DEAD.replace("--pep8 ", ""), id="another option is unknown"),
    ],
)
def test_other_options_keep_their_plugins(bench: Bench, fail: Fail, version: str, added: str, message: str) -> None:
    bench.write({"pytest.ini": f"[pytest]\naddopts = {added} --cov=demo\n"})
    bench.distributions = {"pytest": version}
    generators = {c.generator for c in bench.propose(unknown(fail, message), strategies=DEPENDENCY)}
    assert "succeeded_option" not in generators
    assert "missing_plugin" in generators
