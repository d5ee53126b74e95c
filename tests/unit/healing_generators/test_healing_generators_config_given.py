"""Helpers that read pytest's configuration as it was once given: a conftest file gives it to them, and no more."""

from collections.abc import Callable
from typing import Any

import pytest
from maestro.healing.known_forms import config_given
from maestro.healing.strategies.api_contract_adaptation.pytest_config import ConfigGiven

HELPER = "import pytest\n\n\ndef slow():\n    return pytest.config.getoption('--slow')\n"
TESTS = "from helpers import slow\n\n\ndef test_it():\n    assert not slow()\n"
OPTION = 'import pytest\n\n\ndef pytest_addoption(parser):\n    parser.addoption("--slow", action="store_true")\n'
HOOK = OPTION + '\n\ndef pytest_configure(config):\n    config.addinivalue_line("markers", "slow")\n'
ADDED = "\n".join(config_given.LINES)


@pytest.fixture
def asked(bench: Any, failing: Callable[..., Any]) -> Callable[..., Any]:
    def ask(
        conftest: str, said: str = "module 'pytest' has no attribute 'config'", test: str = "tests/test_a.py"
    ) -> Any:
        bench.write({"tests/helpers.py": HELPER, "tests/test_a.py": TESTS, "tests/conftest.py": conftest})
        return bench.propose(ConfigGiven(), failing("AttributeError", said, f"{test}::test_it"))

    return ask


def test_a_hook_is_added_that_gives_it(bench: Any, asked: Callable[..., Any]) -> None:
    (candidate,) = asked(OPTION)

    text = (bench.applied(candidate) / "tests/conftest.py").read_text()
    assert text == OPTION.replace("import pytest\n", f"import pytest\n\n\n{ADDED}\n", 1)
    assert candidate.workaround
    assert bench.findings(candidate) == []


def test_a_hook_that_is_there_gives_it_first(bench: Any, asked: Callable[..., Any]) -> None:
    (candidate,) = asked(HOOK)

    text = (bench.applied(candidate) / "tests/conftest.py").read_text()
    assert text == HOOK.replace("(config):\n", "(config):\n    pytest.config = config\n")
    assert bench.findings(candidate) == []


@pytest.mark.parametrize(
    "conftest",
    [
        HOOK.replace("import pytest\n", ""),
        HOOK.replace("pytest_configure(config)", "pytest_configure()"),
        HOOK.replace("def pytest_configure", "@hookimpl\ndef pytest_configure"),
        OPTION + "\n\ndef pytest_configure(config): pass\n",
        OPTION + "\n\nif True:\n    def pytest_configure(config):\n        pass\n",
        OPTION + "\n\ndef pytest_configure(config):\n    pytest.config = config\n",
    ],
    ids=["no pytest", "no config", "decorated", "one line", "conditional", "given already"],
)
def test_a_hook_of_another_form_stays(asked: Callable[..., Any], conftest: str) -> None:
    assert asked(conftest) == []


def test_nothing_is_given_for_another_error_or_below_no_conftest(asked: Callable[..., Any]) -> None:
    assert asked(OPTION, "module 'shop' has no attribute 'config'") == []
    assert asked(OPTION, test="more/test_b.py") == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("    pytest.config = config", "    pytest.config = None"),
        ("    pytest.config = config", "    pytest.main = config"),
        ("    pytest.config = config", "    pytest.config = config\n    config.option.slow = True"),
        ("    pytest.config = config", "    pytest.config = config\n    config.args[:] = []"),
        ("def pytest_configure(config)", "def pytest_collection_modifyitems(config)"),
        ("def pytest_configure(config)", "def pytest_configure(config, slow=print(1))"),
        ("def pytest_configure(config)", "@print\ndef pytest_configure(config)"),
    ],
)
def test_whatever_does_more_than_that_is_refused(bench: Any, right: str, wrong: str) -> None:
    bench.write({"tests/helpers.py": HELPER, "tests/test_a.py": TESTS, "tests/conftest.py": OPTION})
    mended = OPTION.replace("import pytest\n", f"import pytest\n\n\n{ADDED}\n", 1)
    assert right in mended
    assert bench.rules({"tests/conftest.py": mended.replace(right, wrong)})
