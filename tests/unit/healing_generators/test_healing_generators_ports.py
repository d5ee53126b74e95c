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


# ------------------------------------------------------------------ a port that the calls of a file state

CALLS = """\
import shop


def test_it():
    server = shop.serve("127.0.0.1", 8765)
    assert server.port == 8765
    with shop.connection(("127.0.0.1", 8765)) as client:
        assert client.heard == "hello"
    assert shop.get("http://127.0.0.1:8765/") == "hello"
    shop.stop(port=8765)


def test_nothing():
    assert shop.name == "shop"
"""
SHARED = (
    CALLS.replace('"http://127.0.0.1:8765/"', 'f"http://127.0.0.1:{_PORT}/"')
    .replace("8765", "_PORT")
    .replace("import shop\n", f"import shop\nimport socket\n\n\n{LINES}\n\n\n_PORT = _free_port()\n")
)


def test_all_calls_of_a_file_share_a_free_port(bench: Any, asked: Callable[..., Any]) -> None:
    (candidate,) = asked({"tests/test_demo.py": CALLS}).candidates

    assert (bench.applied(candidate) / "tests/test_demo.py").read_text() == SHARED
    assert bench.findings(candidate) == []


def test_an_address_that_a_file_binds_is_used_by_those_that_name_it(bench: Any, asked: Callable[..., Any]) -> None:
    text = CALLS.replace("\n\ndef test_it", '\n\nURL = "http://localhost:8765"\n\n\ndef test_it')
    (candidate,) = asked({"tests/test_demo.py": text}).candidates
    assert '+URL = f"http://localhost:{_PORT}"' in candidate.patch
    assert bench.findings(candidate) == []

    other = text.replace('assert shop.name == "shop"', "shop.get(URL)")
    assert asked({"tests/test_demo.py": other}).candidates == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port == 8765", "port != 8765"),
        ("port == 8765", "pid < 8765"),
        ("port == 8765", "count == 8765"),
        ("port == 8765", "port == 8765  # 8765 it is"),
        ("8765/", "8765/{}"),
        ('"http://127.0.0.1:8765/"', 'f"http://127.0.0.1:8765/{shop.name}"'),
        ('"http://127.0.0.1:8765/"', 'r"http://127.0.0.1:8765/"'),
        ('"http://127.0.0.1:8765/"', '"8765 is http://127.0.0.1:8765/"'),
        ("shop.stop(port=8765)", "shop.stop(8765)"),
        ("    assert server.port", "    port = 8765\n    assert shop.chosen() != port\n    assert server.port"),
        ("def test_it", "@pytest.mark.parametrize('port', [8765])\ndef test_it"),
        ('assert shop.name == "shop"', "shop.serve('127.0.0.1', 8765)"),
        ("def test_nothing", "_PORT = 1\n\n\ndef test_nothing"),
    ],
    ids=[
        "denied", "a limit", "a count", "a comment", "a form", "put together", "raw", "said twice", "unnamed",
        "asserted by name", "parameter", "another test", "the name is taken",
    ],
)  # fmt: skip
def test_a_number_in_a_call_that_may_mean_something_else_stays(asked: Callable[..., Any], old: str, new: str) -> None:
    assert old in CALLS
    assert asked({"tests/test_demo.py": CALLS.replace(old, new)}).candidates == ()


@pytest.mark.parametrize("where", ["shop/server.py", "README.md", "tests/conftest.py"])
def test_a_port_in_calls_that_another_file_states_stays(asked: Callable[..., Any], where: str) -> None:
    assert asked({"tests/test_demo.py": CALLS, where: "port = 8765\n"}).candidates == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("server.port == _PORT", "server.port == server.port"),
        ("server.port == _PORT", "server.port == 8765"),
        ('"127.0.0.1", _PORT)\n', '"127.0.0.1", _PORT + 1)\n'),
        ("_PORT = _free_port()", "_PORT = _free_port() or 1"),
        ("_PORT = _free_port()", "_PORT = 9000"),
        ('found.bind(("127.0.0.1", 0))', "found.bind(('', 0))"),
        ("{_PORT}/", "{_PORT}/other"),
        ("{_PORT}/", "{_PORT!r}/"),
        ('shop.name == "shop"', "shop.name == _PORT"),
        ("    shop.stop(port=_PORT)\n", ""),
        ("def test_nothing", "_PORT = 1\n\n\ndef test_nothing"),
    ],
)
def test_a_change_that_only_looks_like_a_shared_port_is_refused(bench: Any, old: str, new: str) -> None:
    bench.write({"tests/test_demo.py": CALLS, "shop/__init__.py": ""})
    assert old in SHARED
    assert bench.rules({"tests/test_demo.py": SHARED.replace(old, new, 1)})


@pytest.mark.parametrize(
    ("old", "new"), [("port == 8765", "count == 8765"), ("port == 8765", "port != 8765"), ("(port=8765)", "(8765)")]
)
def test_a_number_that_may_mean_something_else_is_no_port_to_the_gate_either(bench: Any, old: str, new: str) -> None:
    bench.write({"tests/test_demo.py": CALLS.replace(old, new), "shop/__init__.py": ""})
    after = SHARED.replace(old.replace("8765", "_PORT"), new.replace("8765", "_PORT"))
    assert after != SHARED
    assert bench.rules({"tests/test_demo.py": after})
