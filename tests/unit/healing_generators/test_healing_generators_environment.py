"""The environment is changed only by what the project itself states, or what the failure says in so many words."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from maestro.healing.base import Project
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.strategies.environment_healing.project import (
    DistinctPackages,
    ProjectInstalled,
    ProjectPath,
)
from maestro.healing.strategies.environment_healing.variables import (
    Conventional,
    Encoding,
    GitIdentity,
    SaidVariable,
    StatedEnvironment,
    StatedVariable,
)
from maestro.model import EnvironmentFacts, EnvironmentSpec, Frame, Strategy

CHILD = "RAN: python x.py\n\nTraceback (most recent call last):\nModuleNotFoundError: No module named 'shop'"
OS = (Frame("os.py", 679, "__getitem__", in_project=False),)


def environment(bench: Any, candidate: Any) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load((bench.applied(candidate) / "maestro.yaml").read_text())
    assert bench.findings(candidate) == []
    found: Mapping[str, Any] = loaded["environment"]
    return found


def test_a_project_that_a_child_cannot_import_is_installed(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({"setup.py": "from setuptools import setup\nsetup(name='shop', py_modules=['shop'])\n", "shop.py": ""})

    candidates = bench.propose(ProjectInstalled(), failing("shop.ErrorReturnCode_1", CHILD))

    assert [environment(bench, c)["install"] for c in candidates] == [["pytest", "-e ."], ["pytest", "."]]


@pytest.mark.parametrize(
    ("files", "exception", "message"),
    [
        ({"shop.py": ""}, "subprocess.CalledProcessError", CHILD),
        ({"setup.py": "", "shop.py": ""}, "subprocess.CalledProcessError", CHILD.replace("shop", "requests")),
        ({"setup.py": "", "tests/shop.py": ""}, "subprocess.CalledProcessError", CHILD),
        ({"setup.py": "", "shop.py": ""}, "ModuleNotFoundError", "No module named 'shop'"),
    ],
    ids=["cannot be installed", "a stranger", "a module of the tests", "pytest's own process"],
)
def test_nothing_is_installed_without_need(
    bench: Any, failing: Callable[..., Any], files: dict[str, str], exception: str, message: str
) -> None:
    bench.write(files)
    assert bench.propose(ProjectInstalled(), failing(exception, message)) == []


def test_a_project_missing_in_a_child_is_no_regression_and_another_error_of_it_is(
    bench: Any, failing: Callable[..., Any]
) -> None:
    bench.write({"setup.py": "", "shop.py": "", "tests/test_demo.py": "def test_it():\n    run()\n"})
    project = Project(bench.root, EnvironmentSpec("3.12"), EnvironmentFacts("0", "3.12"))
    frames = (Frame("tests/test_demo.py", 2, "test_it", in_project=True), Frame("shop.py", 9, "run", in_project=True))

    assert not diagnose(failing("shop.ErrorReturnCode_1", CHILD, frames=frames), project).regression
    assert diagnose(failing("shop.ErrorReturnCode_1", "exit code 1", frames=frames), project).regression


def test_the_folder_of_an_own_module_joins_the_path(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({"src/shop/__init__.py": "", "src/shop/cart.py": ""})
    missing = failing("ModuleNotFoundError", "No module named 'shop'", attributes={"module": "shop.cart"})

    (candidate,) = bench.propose(ProjectPath(), missing)

    assert environment(bench, candidate)["pythonpath"] == ["src"]


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({"tox.ini": "[testenv]\nsetenv =\n    SHOP_MODE = test\n"}, "test"),
        ({".env.example": "SHOP_MODE=dev\n"}, "dev"),
        ({".github/workflows/ci.yml": "jobs:\n  t:\n    env:\n      SHOP_MODE: ci\n"}, "ci"),
        ({"README.md": "Run\n\n    export SHOP_MODE=local\n\nthen pytest.\n"}, "local"),
        ({"pytest.ini": "[pytest]\nenv =\n    D:SHOP_MODE=env\n"}, "env"),
        ({"Makefile": "export SHOP_MODE = made\n\ntest:\n\tpytest\n"}, "made"),
        ({"README.md": "Run `SHOP_MODE=typed OTHER=1 python -m pytest`.\n"}, "typed"),
        ({"manage.py": 'import os\nos.environ.setdefault("SHOP_MODE", "shop.settings")\n'}, "shop.settings"),
        ({"tests/conftest.py": 'import os\nos.environ["SHOP_MODE"] = "conf"\n'}, "conf"),
        ({"docker-compose.yml": "services:\n  web:\n    environment:\n      - SHOP_MODE=box\n"}, "box"),
    ],
    ids=[
        "tox",
        "dotenv",
        "CI",
        "README",
        "pytest-env",
        "Makefile",
        "before a command",
        "runner",
        "conftest",
        "compose",
    ],
)
def test_a_missing_variable_gets_the_value_that_the_project_states(
    bench: Any, failing: Callable[..., Any], files: dict[str, str], value: str
) -> None:
    bench.write(files)
    missing = failing("KeyError", "'SHOP_MODE'", attributes={"key": "SHOP_MODE"}, frames=OS)

    (candidate,) = bench.propose(StatedVariable(), missing)

    assert environment(bench, candidate)["variables"] == {"SHOP_MODE": value}


@pytest.mark.parametrize(
    ("files", "key", "frames"),
    [
        ({}, "SHOP_MODE", OS),
        ({"tox.ini": "[testenv]\nsetenv =\n    SHOP_TOKEN = abc\n"}, "SHOP_TOKEN", OS),
        ({"tox.ini": "[testenv]\nsetenv =\n    SHOP_MODE = {env:SHOP_MODE}\n    OTHER = ${X}\n"}, "OTHER", OS),
        ({"tox.ini": "[testenv]\nsetenv =\n    SHOP_MODE = test\n"}, "SHOP_MODE",
         (Frame("shop.py", 3, "mode", in_project=True, code="PRICES['SHOP_MODE']"),)),
    ],
    ids=["nobody states it", "a secret", "a reference", "a key of another mapping"],
)  # fmt: skip
def test_no_value_is_invented(
    bench: Any, failing: Callable[..., Any], files: dict[str, str], key: str, frames: tuple[Frame, ...]
) -> None:
    bench.write(files)
    missing = failing("KeyError", f"'{key}'", attributes={"key": key}, frames=frames)
    assert bench.propose(StatedVariable(), missing) == []


def test_a_text_that_is_not_ascii_gets_utf8(bench: Any, failing: Callable[..., Any]) -> None:
    bench.variables = {"LC_ALL": "C"}
    message = "'ascii' codec can't decode byte 0xc3 in position 0"

    first, second = bench.propose(Encoding(), failing("UnicodeDecodeError", message))

    assert environment(bench, first)["variables"] == {"LC_ALL": "C.UTF-8"}
    assert environment(bench, second)["variables"] == {"PYTHONUTF8": "1"}
    assert bench.propose(Encoding(), failing("UnicodeDecodeError", message.replace("ascii", "utf-8"))) == []


def test_git_gets_an_identity_where_it_asks_for_one(bench: Any, failing: Callable[..., Any]) -> None:
    asked = failing("CalledProcessError", "*** Please tell me who you are.\n\nfatal: empty ident name")

    (candidate,) = bench.propose(GitIdentity(), asked)

    assert set(environment(bench, candidate)["variables"]) == {
        "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
    }  # fmt: skip
    assert bench.propose(GitIdentity(), failing("CalledProcessError", "fatal: not a git repository")) == []


@pytest.mark.parametrize(
    ("exception", "message", "frames", "said"),
    [
        ("requests.exceptions.ConnectionError", "Failed to resolve 'example.org'", (), "needs a network"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'xmllint'",
         (Frame("/usr/lib/python3.12/subprocess.py", 1950, "_execute_child", in_project=False),), "xmllint"),
        ("OSError", "[Errno 98] Address already in use", (), "port"),
        ("FileNotFoundError", '[Errno 2] "twopi" not found in path.', (), "package graphviz of Debian"),
        ("subprocess.CalledProcessError", "/bin/sh: 1: ffprobe: not found", (), "package ffmpeg of Debian"),
        ("locale.Error", "unsupported locale setting", (), "locale"),
    ],
    ids=["network", "program", "port", "looked for", "in a shell", "locale"],
)  # fmt: skip
def test_what_the_machine_lacks_is_said_and_not_faked(  # noqa: PLR0917 - the columns of the cases
    bench: Any, failing: Callable[..., Any], exception: str, message: str, frames: tuple[Frame, ...], said: str
) -> None:
    project = Project(bench.root, EnvironmentSpec("3.12"), EnvironmentFacts("0", "3.12"))
    told = diagnose(failing(exception, message, frames=frames), project)
    assert said in told.cause
    assert not told.regression
    assert diagnose(told, project).cause == told.cause
    if said == "needs a network":
        assert healable(told) == frozenset()


TOX = """\
    [testenv]
    setenv =
        TZ = Europe/Berlin
        SHOP_MODE = test
        PYTHONPATH = {toxinidir}
        COVERAGE_FILE = .coverage.x
        SHOP_SECRET_KEY = abc
    commands = pytest
"""


def test_the_environment_that_a_project_states_for_its_tests_may_contradict_a_regression(
    bench: Any, failing: Callable[..., Any]
) -> None:
    # given a test that fails in the product, and a tox.ini that sets variables for the tests
    bench.write({"tox.ini": TOX, "shop.py": "", "tests/test_demo.py": "import shop\n\ndef test_it():\n    pass\n"})
    bench.variables = {"TZ": "UTC"}
    told = diagnose(failing("AssertionError", "assert 1 == 2"), bench.project())
    assert told.regression

    (candidate,) = bench.propose(StatedEnvironment(), told)

    # then all of them are set at once, but for what steers tools, and secrets; nothing else may be tried
    assert environment(bench, candidate)["variables"] == {"TZ": "Europe/Berlin", "SHOP_MODE": "test"}
    assert Strategy.ENVIRONMENT_HEALING in healable(told)
    assert bench.propose(Conventional(), replace(told, message="KeyError: 'USER'")) == []


def test_where_all_that_is_stated_is_set_there_is_nothing_to_try(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({"tox.ini": TOX})
    bench.variables = {"TZ": "Europe/Berlin", "SHOP_MODE": "test"}
    assert bench.propose(StatedEnvironment(), failing("AssertionError", "assert 1 == 2")) == []


@pytest.mark.parametrize(
    ("exception", "message", "attributes", "wanted"),
    [
        ("_tkinter.TclError", "no display name and no $DISPLAY environment variable", {}, {"MPLBACKEND": "Agg"}),
        ("KeyError", "'USER'", {"key": "USER"}, {"USER": "tests", "LOGNAME": "tests"}),
        ("OSError", "No username set in the environment", {}, {"USER": "tests", "LOGNAME": "tests"}),
        ("_curses.error", "setupterm: could not find terminal", {}, {"TERM": "xterm"}),
        ("CalledProcessError", "fatal: detected dubious ownership in repository at '/x'", {},
         {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}),
        ("KeyError", "'SHOP_USER'", {"key": "SHOP_USER"}, None),
        ("ValueError", "no display today", {}, None),
    ],
)  # fmt: skip
def test_a_variable_that_usual_machines_have_is_set_by_convention(  # noqa: PLR0917 - the columns of the cases
    bench: Any,
    failing: Callable[..., Any],
    exception: str,
    message: str,
    attributes: dict[str, Any],
    wanted: dict[str, str] | None,
) -> None:
    told = failing(exception, message, attributes=attributes, frames=OS)

    found = [environment(bench, c)["variables"] for c in bench.propose(Conventional(), told)]

    assert found == ([] if wanted is None else [wanted])


@pytest.mark.parametrize(
    ("message", "file", "wanted"),
    [
        ("Please set the environment variable SLUG_MODE=yes to go on", "site-packages/x.py", {"SLUG_MODE": "yes"}),
        ("Set BUFFERS=python (but this is slow)", "site-packages/x.py", {"BUFFERS": "python"}),
        ("Set CHECKS=off to go on", "shop.py", None),
        ("got MODE=3 with RATE=4", "site-packages/x.py", None),
        ("set API_TOKEN=abc", "site-packages/x.py", None),
    ],
    ids=["asked", "another way", "the project's own word", "a mere value", "a secret"],
)  # fmt: skip
def test_what_a_library_asks_for_is_set_and_what_the_product_asks_for_is_not(
    bench: Any,
    failing: Callable[..., Any],
    message: str,
    file: str,
    wanted: dict[str, str] | None,
) -> None:
    frames = (Frame(file, 3, "f", in_project=file == "shop.py"),)
    told = failing("RuntimeError", message, frames=frames)
    found = [environment(bench, c)["variables"] for c in bench.propose(SaidVariable(), told)]
    assert found == ([] if wanted is None else [wanted])


@pytest.mark.parametrize(
    ("exception", "message"),
    [
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'shop-cli'"),
        ("subprocess.CalledProcessError", "/bin/sh: 1: shop-cli: not found"),
        ("importlib.metadata.PackageNotFoundError", "No package metadata was found for shop"),
        ("pkg_resources.DistributionNotFound", "DistributionNotFound: The 'shop' distribution was not found"),
    ],
)
def test_a_project_whose_program_or_metadata_is_asked_for_is_installed(
    bench: Any, failing: Callable[..., Any], exception: str, message: str
) -> None:
    entry = "entry_points={'console_scripts': ['shop-cli = shop:main']}"
    bench.write({"setup.py": f"from setuptools import setup\nsetup(name='shop', {entry})\n", "shop.py": ""})

    candidates = bench.propose(ProjectInstalled(), failing(exception, message))

    assert environment(bench, candidates[0])["install"] == ["pytest", "-e ."]
    assert bench.propose(ProjectInstalled(), failing(exception, message.replace("shop", "other"))) == []


def test_test_files_of_one_name_are_told_apart_by_packages(bench: Any, failing: Callable[..., Any]) -> None:
    bench.write({"tests/a/test_x.py": "def test_x():\n    pass\n", "tests/b/test_x.py": "def test_y():\n    pass\n"})
    message = (
        "import file mismatch:\nimported module 'test_x' has this __file__ attribute:\n  /src/tests/a/test_x.py\n"
        "which is not the same as the test file we want to collect:\n  /src/tests/b/test_x.py\nHINT: remove __pycache__"
    )

    (candidate,) = bench.propose(DistinctPackages(), failing("CollectError", message))

    after = bench.applied(candidate)
    assert (after / "tests/a/__init__.py").read_text() == (after / "tests/b/__init__.py").read_text() == ""
    assert bench.findings(candidate) == []
