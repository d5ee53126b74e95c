"""Where a value of a test comes from: only what a dependency made by itself is a dependency's."""

from collections.abc import Mapping

import pytest
from healing_experiments_projects import MakeLaboratory
from maestro.healing.experiments import Experiment

PROJECT = {
    "shop/__init__.py": "",
    "shop/cart.py": """\
        import argparse
        import functools
        import html
        import json
        import subprocess
        import sys
        import textwrap

        def parsed(text):
            return json.loads(text)

        def described():
            return argparse.ArgumentParser("shop", description="sells pears").format_help()

        def mine():
            return "made by the shop itself"

        def handed():
            return textwrap.fill(mine(), 30)

        def escaped(words):
            return html.escape(words)

        def computed(text):
            return parsed(text) * 2

        def child():
            return subprocess.run([sys.executable, "-c", "print('from ' + 'a child')"], capture_output=True,
                                  text=True).stdout

        @functools.lru_cache
        def cached():
            return mine()

        class Row:
            def __init__(self):
                self.total = "total of the row"

        def dumped(row):
            return json.dumps(row, default=vars)

        def misused():
            return parsed()
    """,
    "tests/test_cart.py": """\
        import json
        import pytest
        from shop import cart

        def test_message():
            with pytest.raises(ValueError) as caught:
                cart.parsed("{")
            assert "property name" in str(caught.value)

        def test_matched():
            with pytest.raises(ValueError, match="property name enclosed"):
                cart.parsed("{")

        def test_help():
            assert "show this help" in cart.described()

        def test_description():
            assert "sells pears" in cart.described()

        def test_mine():
            assert cart.mine()

        def test_handed():
            assert cart.handed()

        def test_escaped():
            assert cart.escaped("a & pear's") == "a &amp; pear&#x27;s"

        def test_value():
            assert cart.parsed("[1234.5]") == [1234.5]

        def test_computed():
            assert cart.computed("1234.5") == 2469.0

        def test_child():
            assert "child" in cart.child()

        def test_cached():
            assert cart.cached()

        def test_called_back():
            assert json.dumps(object(), default=lambda _: cart.mine())

        def test_attribute():
            assert cart.dumped(cart.Row())

        def test_interpreter():
            with pytest.raises(TypeError):
                cart.misused()

        def test_own_error():
            with pytest.raises(ValueError):
                raise ValueError("raised by the test")
    """,
}
CASES = [
    ("message", {"text": "property name enclosed"}, "dependency", "json.loads"),
    ("matched", {"text": "property name enclosed"}, "dependency", "json.loads"),
    ("help", {"text": "show this help"}, "dependency", "argparse.__init__"),
    ("description", {"text": "sells pears"}, "project", ""),
    ("mine", {"text": "shop itself"}, "project", ""),
    ("handed", {"text": "shop itself"}, "project", ""),
    ("escaped", {"text": "&amp; pear"}, "dependency", "html.escape"),
    ("value", {"value": "[1234.5]"}, "dependency", "json.loads"),
    ("computed", {"value": "2469.0"}, "project", ""),
    ("child", {"text": "from a child"}, "outside", "subprocess.run"),
    ("cached", {"text": "shop itself"}, "project", ""),
    ("called_back", {"text": "shop itself"}, "project", ""),
    ("attribute", {"text": "total of the row"}, "project", ""),
    ("interpreter", {"text": "missing 1 required positional"}, "dependency", "builtins.TypeError"),
    ("own_error", {"text": "raised by the test"}, "project", ""),
    ("mine", {"text": "never seen anywhere"}, "", ""),
]


@pytest.fixture
def told(laboratory: MakeLaboratory) -> Mapping[str, list[Mapping[str, object]]]:
    sought: dict[str, list[Mapping[str, str]]] = {}
    for name, what, _, _ in CASES:
        sought.setdefault(f"tests/test_cart.py::test_{name}", []).append(what)
    seen = laboratory(PROJECT).observe(Experiment("swap-now", tuple(sought), sought=sought))
    assert seen.environment is not None
    assert {outcome for each in seen.outcomes.values() for outcome in each} == {"passed"}
    assert all("shop/cart.py" in said["entered"] for test, said in seen.origins.items() if "own_error" not in test)
    return {test.rpartition("test_")[2]: list(said["origins"]) for test, said in seen.origins.items()}


def test_each_value_has_the_place_where_it_was_first_seen(told: Mapping[str, list[Mapping[str, object]]]) -> None:
    places: dict[str, int] = {}
    found = []
    for name, what, _, _ in CASES:
        number = places[name] = places.get(name, -1) + 1
        origin = told[name][number]
        made = f"{origin['module']}.{origin['function']}" if origin["by"] in ("dependency", "outside") else ""
        found.append((name, what, origin["by"], made.replace("json.decoder.", "json.")))

    assert found == CASES


def test_a_call_is_told_with_what_it_was_given(told: Mapping[str, list[Mapping[str, object]]]) -> None:
    assert told["escaped"][0]["given"] == ['"a & pear\'s"', "True"]
    assert told["escaped"][0]["text"] == "a &amp; pear&#x27;s"
    assert told["help"][0]["given"][:4] == ["ArgumentParser", "'shop'", "None", "'sells pears'"]
    assert told["help"][0]["text"] == "show this help message and exit"
    assert "usage: shop" in str(told["help"][0]["whole"])
    assert told["interpreter"][0]["given"] == ["return parsed()"]
