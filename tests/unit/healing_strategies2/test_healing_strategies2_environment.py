"""The environment is changed only by what the project itself states, or what the failure says in so many words."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from maestro.healing.base import Project
from maestro.healing.diagnosis import diagnose, healable
from maestro.healing.strategies.environment_healing.project import ProjectInstalled, ProjectPath
from maestro.healing.strategies.environment_healing.variables import Encoding, GitIdentity, StatedVariable
from maestro.model import EnvironmentFacts, EnvironmentSpec, Frame

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
    ],
    ids=["tox", "dotenv", "CI", "README"],
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
    ],
    ids=["network", "program", "port"],
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
