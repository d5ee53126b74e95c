"""A taken port of the tests' own becomes a free one; a port that means something stays."""

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest
from maestro.healing.known_forms import free_port
from maestro.healing.strategies.flaky_stabilization.ports import FreePort

TEST = "tests/test_demo.py::test_it"
TESTS = """\
import shop

PORT = 8765  # nobody else has it


def test_it():
    with shop.serving(PORT) as server:
        assert server.answers(f"http://127.0.0.1:{PORT}/")
"""
TAKEN = "[Errno 98] Address already in use"


@pytest.fixture
def asked(bench: Any, failing: Callable[..., Any]) -> Callable[..., Any]:
    def ask(files: dict[str, str], message: str = TAKEN, number: int = 98, verdict: str = "broken") -> Any:
        bench.write({"shop/__init__.py": "", **files})
        told = {"verdict": verdict}
        return bench.noted(FreePort(), failing("OSError", message, TEST, attributes={"errno": number}, diagnosis=told))

    return ask


def test_the_name_is_bound_to_a_free_port_and_nothing_else_changes(bench: Any, asked: Callable[..., Any]) -> None:
    (candidate,) = asked({"tests/test_demo.py": TESTS}).candidates

    text = (bench.applied(candidate) / "tests/test_demo.py").read_text()
    assert "PORT = _free_port()  # nobody else has it" in text
    assert text.startswith("import shop\nimport socket\n\n\ndef _free_port():")
    assert bench.findings(candidate) == []
    names: dict[str, Any] = {}
    exec(text.replace("import shop\n", ""), names)  # noqa: S102 - what is written has to work
    assert 1024 <= names["PORT"] <= 65535


def test_a_port_of_a_class_or_a_conftest_is_found_and_the_named_one_chosen(
    asked: Callable[..., Any],
) -> None:
    files = {
        "conftest.py": "OTHER_PORT = 8001\n",
        "tests/test_demo.py": "class TestIt:\n    port = 8765\n\n    def test_it(self):\n        serve(self.port)\n",
    }
    message = "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8765): address already in use"

    assert len(asked(files).candidates) == 2
    (candidate,) = asked(files, message).candidates
    assert "+    port = _free_port()" in candidate.patch


@pytest.mark.parametrize(
    "tests",
    [
        TESTS.replace("PORT", "LIMIT"),
        TESTS.replace("8765", "80"),
        TESTS + "\n\nPORT = 9000\n",
        TESTS + "\n\ndef test_other():\n    assert shop.chosen() != PORT\n",  # any other port would do
        TESTS + "\n\ndef test_other():\n    get('http://127.0.0.1:8765/')\n",
        TESTS.replace("import shop\n", "").replace("PORT = 8765", "PORT = 8765\nimport shop"),
    ],
    ids=["no-port", "low", "bound-twice", "asserted", "stated-twice", "import-below"],
)
def test_a_number_that_may_mean_something_else_stays(asked: Callable[..., Any], tests: str) -> None:
    assert asked({"tests/test_demo.py": tests}).candidates == ()


@pytest.mark.parametrize("where", ["shop/server.py", "README.md", "tox.ini"])
def test_a_port_of_the_product_stays(asked: Callable[..., Any], where: str) -> None:
    told = asked({"tests/test_demo.py": TESTS, where: "port = 8765\n"})

    assert told.candidates == ()
    assert "may be the product's own" in told.notes[0]


def test_another_error_changes_no_port(asked: Callable[..., Any]) -> None:
    assert asked({"tests/test_demo.py": TESTS}, "[Errno 13] Permission denied", 13).candidates == ()
    assert asked({"tests/test_demo.py": TESTS}, "Connection refused", 111).candidates == ()


@pytest.mark.parametrize("verdict", ["order", "random", "timing", "unknown", ""])
def test_a_test_that_can_pass_alone_may_meet_what_the_product_left_open(
    asked: Callable[..., Any], verdict: str
) -> None:
    assert asked({"tests/test_demo.py": TESTS}, verdict=verdict).candidates == ()


@pytest.mark.parametrize(
    "more",
    [
        "def test_first():\n    shop.serving(PORT)\n",
        "def helper():\n    return shop.serving(PORT)\n\n\ndef test_first():\n    helper()\n",
        "@pytest.fixture\ndef server():\n    return shop.serving(PORT)\n\n\ndef test_first(server):\n    pass\n",
        "@fixture(autouse=True)\ndef server():\n    return shop.serving(PORT)\n\n\ndef test_first():\n    pass\n",
        "def setup_function():\n    shop.serving(PORT)\n\n\ndef test_first():\n    pass\n",
    ],
)
def test_a_port_that_another_test_could_have_stays(asked: Callable[..., Any], more: str) -> None:
    told = asked({"tests/test_demo.py": f"{TESTS}\n\n{more}"})

    assert told.candidates == ()
    assert "test_first could have port 8765" in told.notes[0]


def test_a_test_that_does_not_use_the_port_says_nothing_of_it(asked: Callable[..., Any]) -> None:
    more = "def test_first():\n    assert shop.name == 'shop'\n"
    assert len(asked({"tests/test_demo.py": f"{TESTS}\n\n{more}"}).candidates) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("PORT = 8765", "PORT = 8766"),
        lambda text: text.replace("PORT = 8765", "PORT = _free_port()"),  # of another form, or of none
        lambda text: text.replace("PORT = 8765", f"{LINES}\n\n\nPORT = _free_port() + 1"),
        lambda text: text.replace("PORT = 8765", f"{LINES.replace('127.0.0.1', '')}\n\n\nPORT = _free_port()"),
        lambda text: text.replace("COUNT = 8765", f"{LINES}\n\n\nCOUNT = _free_port()"),
        lambda text: text.replace("!= RESERVED_PORT", "!= 1").replace(
            "RESERVED_PORT = 9000", f"{LINES}\n\n\nRESERVED_PORT = _free_port()"
        ),
        lambda text: text.replace("RESERVED_PORT = 9000", f"{LINES}\n\n\nRESERVED_PORT = _free_port()"),
    ],
)
def test_a_change_that_only_looks_like_it_is_refused(bench: Any, change: Callable[[str], str]) -> None:
    before = dedent("""\
        import socket
        import shop

        PORT = 8765
        COUNT = 8765
        RESERVED_PORT = 9000

        def test_it():
            assert shop.serve(PORT, COUNT)
            assert shop.chosen() != RESERVED_PORT
    """)
    bench.write({"tests/test_demo.py": before, "shop/__init__.py": ""})

    assert change(before) != before
    assert bench.rules({"tests/test_demo.py": change(before)})


LINES = "\n".join(free_port.LINES)
