"""What is known of a failure, on every interpreter and pytest that is here."""

import ast
import os
from pathlib import Path
from typing import Any

import maestro.adapters
import maestro.registry
import pytest
from adapters_bench import Bench
from maestro.model import Facts, Outcome, Phase, SuiteResult, dump_json, load_json

SUITE = """
    import collections, json, os, unittest, warnings
    import pytest
    from lib import Owner, Quiet, call, check, chained

    def test_module_attribute(): collections.NoSuchThing
    def test_class_attribute(): Owner.colour
    def test_instance_attribute(): Owner().colour
    def test_import_name():
        from collections import NoSuchThing
    def test_import_module(): import no_such_module
    def test_key():
        settings = {"alpha": 1, 2: 3}
        settings["beta"]
    def test_type(): call(1, wrong=2)
    def test_type_class(): Owner(1, 2, 3)
    def test_type_override(): Quiet("quiet").warning("said")
    def test_syntax(): compile("def (", "thing.py", "exec")
    def test_os(): open("/no/such/file")
    def test_name(): undefined_thing
    def test_raises():
        with pytest.raises(PermissionError): call(1)
    def test_compare():
        got = {"a": [1, 2]}
        assert got == {"a": [1, 3]}
    def test_compare_call(): assert call(20) < call(3)
    def test_in(): assert "x" in ["y", "z"]
    def test_truth(): assert call(0)
    def test_not():
        value = [1]
        assert not value
    def test_helper(): check(1, 2)
    def test_chained(): chained()
    def test_warns():
        warnings.warn("old thing", DeprecationWarning)
        assert 0
    def test_logs():
        import logging
        try:
            raise LookupError("no such page")
        except LookupError:
            logging.getLogger("app").exception("answered 500")
        assert 500 == 200
    def test_site(): json.loads("{")
    def test_plain_fixture(nowhere): pass
    class Hostile(object):
        def __repr__(self): raise OverflowError("no")
        def __getattr__(self, name): raise KeyboardInterrupt if name == "thing" else AttributeError(name)
        __str__ = __repr__
    def test_hostile(): assert Hostile() == 1
    def test_hostile_message(): raise ValueError(Hostile())
    def test_long(): assert "x" * 100000 == list(range(100000))
    class Case(unittest.TestCase):
        def test_equal(self): self.assertEqual(call(1), 2)
        def test_in(self): self.assertIn("x", {"y": 1})
        def test_true(self): self.assertTrue(call(0), "said")
        def test_gone(self): self.assertNothing(1)
"""
LIB = """
    import logging
    class Owner(object):
        color = 1
        def __init__(self, one=1): self._one = one
        def paint(self): pass
    class Quiet(logging.Logger):
        def findCaller(self, stack_info=False): return "", 0, "", None
    def call(value, right=0): return value
    def check(left, right):
        assert left == right, "they differ"
    def chained():
        try:
            {}["inner"]
        except KeyError as error:
            raise RuntimeError("outer") from error
"""


@pytest.fixture
def facts(each_bench: Bench) -> dict[str, Facts]:
    each_bench.write(test_it=SUITE, lib=LIB)
    result = each_bench.run()
    assert all(one.outcome.bad and one.facts for one in result.results)
    assert load_json(SuiteResult, dump_json(result)) == result
    return {one.id.rpartition("::")[2] if "Case" not in one.id else "Case." + one.id.rpartition("::")[2]: one.facts
            for one in result.results if one.facts}  # fmt: skip


def having(facts: Facts, **expected: Any) -> None:
    found = {**facts.attributes, **facts.assertion}
    assert {name: found.get(name) for name in expected} == expected, dict(found)


def test_facts_of_every_kind(facts: dict[str, Facts]) -> None:
    having(facts["test_module_attribute"], name="NoSuchThing", owner="collections", owner_kind="module")
    assert "OrderedDict" in facts["test_module_attribute"].attributes["available"]
    having(
        facts["test_class_attribute"],
        name="colour",
        owner="lib.Owner",
        owner_kind="class",
        available=["color", "paint"],
    )
    having(facts["test_instance_attribute"], name="colour", owner="lib.Owner", owner_kind="instance")
    having(facts["Case.test_gone"], name="assertNothing", owner_kind="instance", owner_bases=["unittest.case.TestCase"])
    assert "assertEqual" in facts["Case.test_gone"].attributes["available"]
    having(facts["test_import_name"], module="collections", name="NoSuchThing")
    assert "OrderedDict" in facts["test_import_name"].attributes["available"]
    having(facts["test_import_module"], module="no_such_module")
    having(facts["test_key"], key="beta", available=["alpha", 2])
    having(facts["test_type"], callee="lib.call", signature="(value, right=0)")
    having(facts["test_type_class"], callee="lib.Owner", signature="(one=1)")
    overridden = facts["test_type_override"].attributes["overridden"]
    assert overridden["owner"] == "logging.Logger"
    assert overridden["signature"].startswith("(self, stack_info=False, stacklevel=1")
    assert "overridden" not in facts["test_type"].attributes
    having(facts["test_syntax"], file="thing.py", line=1, text="def (")
    having(facts["test_os"], errno=2, filename="/no/such/file")
    having(facts["test_name"], name="undefined_thing")
    having(facts["test_raises"], superuser=True if os.geteuid() == 0 else None)
    having(facts["test_plain_fixture"], fixture="nowhere")
    assert "tmpdir" in facts["test_plain_fixture"].attributes["available"]
    assert facts["test_plain_fixture"].phase is Phase.SETUP


def test_operands_of_assertions(facts: dict[str, Facts]) -> None:
    having(facts["test_compare"], op="==", left="{'a': [1, 2]}", right="{'a': [1, 3]}", left_type="dict",
           left_source="got", right_source='{"a": [1, 3]}')  # fmt: skip
    having(facts["test_compare_call"], op="<", left="20", right="3", left_source="call(20)", right_type="int")
    having(facts["test_in"], op="in", left="'x'", right="['y', 'z']")
    having(facts["test_truth"], op="truth", left_source="call(0)")
    having(facts["test_not"], op="not", left="[1]", left_source="value")
    having(facts["test_helper"], op="==", left="1", right="2", file="lib.py")
    having(facts["Case.test_equal"], op="assertEqual", left="1", right="2", left_source="call(1)", file="test_it.py")
    having(facts["Case.test_in"], op="assertIn", left="'x'", right="{'y': 1}")
    having(facts["Case.test_true"], op="assertTrue", left="0", left_source="call(0)")


def test_frames_causes_and_warnings(facts: dict[str, Facts]) -> None:
    frames = facts["test_type"].frames
    assert [(f.file, f.in_project, f.code) for f in frames] == [
        ("test_it.py", True, "def test_type(): call(1, wrong=2)")
    ]
    frames = facts["test_site"].frames
    assert frames[0].in_project
    assert (frames[-1].file, frames[-1].in_project) == ("json/decoder.py", False)
    assert facts["test_chained"].causes == ({"exception": "KeyError", "message": "'inner'"},)
    assert facts["test_warns"].warnings[0] == "DeprecationWarning: old thing"
    assert facts["test_plain_fixture"].frames[-1].distribution == "pytest"
    assert "pytest" in facts["test_plain_fixture"].versions
    assert facts["test_os"].exception == "FileNotFoundError"
    assert "OSError" in facts["test_os"].bases


def test_what_was_logged_stands_below_the_tools_own_text(facts: dict[str, Facts]) -> None:
    text = facts["test_logs"].text
    assert "assert 500 == 200" in text
    assert "answered 500" in text
    assert "\nLookupError: no such page" in text


def test_hostile_objects_are_survived(facts: dict[str, Facts]) -> None:
    assert "repr() raised OverflowError" in facts["test_hostile"].assertion["left"]
    assert "str() raised OverflowError" in facts["test_hostile_message"].message
    long = facts["test_long"]
    assert len(long.assertion["left"]) <= 4000
    assert long.assertion["right"] == "<list of 100000 items>"
    assert len(dump_json(long)) < 60_000


def test_tracing_tells_the_functions_that_a_test_entered(each_bench: Bench) -> None:
    each_bench.write(
        lib__core="def used():\n    return inner()\ndef inner():\n    return 1\ndef unused(): pass\n",
        test_it="""
            from lib.core import used
            import json
            def test_one(): json.dumps(used())
            def test_two(): assert 0
        """)  # fmt: skip
    one, two = each_bench.run(trace=True).results
    assert one.outcome is Outcome.PASSED
    assert one.facts is not None
    assert dict(one.facts.covered) == {"lib/core.py": ("inner", "used"), "test_it.py": ("test_one",)}
    assert two.facts is not None
    assert dict(two.facts.covered) == {"test_it.py": ("test_two",)}
    assert all(r.facts is None for r in each_bench.run(["test_it.py::test_one"]).results)


@pytest.mark.parametrize("package", [maestro.adapters, maestro.registry])
def test_guest_files_are_of_python_3_8(package: Any) -> None:
    files = sorted((Path(package.__file__).parent / "guest").glob("*.py"))
    assert files
    for file in files:
        tree = ast.parse(file.read_text(), feature_version=(3, 8))
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"removesuffix", "removeprefix", "bit_count", "pairwise", "file_digest"}
