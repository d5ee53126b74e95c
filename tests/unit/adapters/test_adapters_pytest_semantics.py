"""What the adapter says is what plain pytest says, on every interpreter and pytest that is here."""

import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from adapters_bench import Bench
from maestro.model import Outcome

TRICKY = """
    import os, sys, unittest
    import pytest

    def test_passes(): pass
    def test_fails(): assert [1, 2] == [1, 3]
    def test_errors_in_call(): {}["missing"]
    def test_no_fixture(nowhere): pass
    @pytest.mark.xfail
    def test_xfail(): assert 0
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.mark.xfail(strict=True)
    def test_xpass_strict(): pass
    @pytest.mark.skip(reason="because")
    def test_skip(): pass
    def test_skip_inside(): pytest.skip("later")
    @pytest.fixture
    def bad(): raise ValueError("no")
    def test_setup_error(bad): pass
    @pytest.fixture
    def bad_end():
        yield
        raise ValueError("end")
    def test_teardown_error(bad_end): pass
    def test_fails_twice(bad_end): assert 0
    @pytest.mark.parametrize("value", ["a/b", "::[x]", "\\xe9\\n", "", "a b", os.getcwd(), "x" * 300])
    def test_param(value): assert value != ""
    class TestClass(object):
        def test_method(self): assert self
    class Case(unittest.TestCase):
        def setUp(self): self.x = 1
        def test_good(self): self.assertEqual(self.x, 1)
        def test_bad(self): self.assertEqual({"a": 1}, {"a": 2})
        def test_sub(self):
            for i in range(3):
                with self.subTest(i=i): self.assertNotEqual(i, 1)
        @unittest.skip("no")
        def test_skipped(self): pass
        @unittest.expectedFailure
        def test_expected(self): self.fail()
    def test_path_has_no_cwd(): assert os.getcwd() not in sys.path[1:] and "" not in sys.path
    def test_name(): assert sys.argv[0].endswith("pytest") and __name__ == "test_tricky"
"""
DOCTEST = '''
    def double(x):
        """
        >>> double(2)
        4
        >>> double(3)
        7
        """
        return 2 * x
'''


def plain(bench: Bench, *args: str) -> tuple[int, dict[str, Outcome]]:
    """Run ``pytest`` itself and read its own JUnit report: (exit code, {class.name: outcome})."""
    with bench.workspace() as workspace:
        report = workspace.tmp / "report.xml"
        environ = workspace.environ(bench.environment, bench.spec)
        program = str(bench.environment.python.parent / "pytest")
        done = subprocess.run(
            [program, f"--junitxml={report}", "-p", "no:cacheprovider", *args],
            cwd=workspace.source, env=environ, capture_output=True, check=False,
        )  # fmt: skip
        found: dict[str, Outcome] = {}
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
            name = f"{case.get('classname')}.{case.get('name')}".replace(str(workspace.source), "<SRC>")
            kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
            outcome = Outcome.PASSED
            if "failure" in kinds:
                outcome = Outcome.FAILED
            elif "error" in kinds:
                outcome = Outcome.ERROR
            elif "skipped" in kinds:
                skip = next(child for child in case if child.tag == "skipped")
                # (an old pytest has no type for it, but a message)
                xfail = skip.get("type") == "pytest.xfail" or skip.get("message") == "expected test failure"
                outcome = Outcome.XFAILED if xfail else Outcome.SKIPPED
            worst = {Outcome.FAILED: 3, Outcome.ERROR: 2}
            if worst.get(outcome, 1) > worst.get(found.get(name, Outcome.PASSED), 0):
                found[name] = outcome
        return done.returncode, found


def junit_name(test: str) -> str:
    head, bracket, tail = test.partition("[")
    parts = head.replace("::()", "").replace(".py::", "::").replace("/", ".").split("::")
    return ".".join(parts) + bracket + tail


def test_outcome_by_outcome_as_plain_pytest(each_bench: Bench) -> None:
    # given a suite of all the outcomes there are
    bench = each_bench.write(test_tricky=TRICKY, mathy=DOCTEST)
    code, expected = plain(bench, "--doctest-modules")
    # when the adapter runs it
    result = bench.run(args=("--doctest-modules",))
    # then every test has the outcome that pytest gave it
    got = {junit_name(one.id): one.outcome for one in result.results}
    merged = {name: Outcome.PASSED if value is Outcome.XPASSED else value for name, value in got.items()}
    assert len(expected) >= 28
    assert {k: merged.get(k) for k in expected if "[" not in k} == {k: v for k, v in expected.items() if "[" not in k}
    # ... parameters aside, whose control characters XML cannot hold
    assert sorted(v for k, v in merged.items() if "[" in k) == sorted(v for k, v in expected.items() if "[" in k)
    assert Outcome.XPASSED in got.values()
    assert result.exit_code == code == 1


def test_asking_for_ids_one_by_one_is_the_same_as_the_whole(each_bench: Bench) -> None:
    bench = each_bench.write(test_tricky=TRICKY)
    collection = bench.collect()
    whole = {one.id: one.outcome for one in bench.run().results}
    # when half of the ids are asked for, in another order
    asked = list(collection.tests)[::-2]
    result = bench.run(asked, collection=collection)
    # then exactly those come back, in the order asked for, with the same outcomes
    assert {one.id: one.outcome for one in result.results} == {name: whole[name] for name in asked}
    assert set(collection.tests) == set(whole)
    assert [one.id for one in result.results] == asked


def test_ids_are_the_same_in_every_copy(bench: Bench) -> None:
    bench.write(
        test_it="""
        import os, pytest
        @pytest.mark.parametrize("path", [os.getcwd() + "/data"])
        def test_path(path): assert 0, path
    """
    )
    collection = bench.collect()
    assert collection.tests == ("test_it.py::test_path[<SRC>/data]",)
    # when it runs in another copy
    (result,) = bench.run(list(collection.tests), collection=collection).results
    assert result.outcome is Outcome.FAILED
    assert "<SRC>/data" in result.message


def test_the_suites_settings_are_found_and_kept(bench: Bench) -> None:
    bench.write(**{
        "pytest.ini": "[pytest]\nnorecursedirs = other\npython_files = check_*.py\naddopts = -x\n",
        "sub__check_a": "def test_a(): assert 0",
        "sub__check_b": "def test_b(): pass",
        "other__check_c": "def test_c(): pass",
        "sub__setup.cfg": "[tool:pytest]\npython_files = nothing.py\n",
    })  # fmt: skip
    collection = bench.collect()
    assert collection.tests == ("sub/check_a.py::test_a", "sub/check_b.py::test_b")
    assert (collection.rootdir, collection.inifile) == (".", "pytest.ini")
    assert dict(collection.files)["sub/check_b.py::test_b"] == "sub/check_b.py"
    # when files below a folder with settings of its own are asked for, -x does not hide what comes after a failure
    result = bench.run(list(collection.tests), collection=collection)
    assert [one.outcome for one in result.results] == [Outcome.FAILED, Outcome.PASSED]


def test_a_rootdir_below_the_project(bench: Bench) -> None:
    bench.write(**{"inner__pytest.ini": "[pytest]\n", "inner__tests__test_a": "def test_a(): pass"})
    collection = bench.collect(paths=("inner/tests",))
    assert (collection.rootdir, collection.inifile) == ("inner", "inner/pytest.ini")
    assert dict(collection.files) == {"tests/test_a.py::test_a": "inner/tests/test_a.py"}
    result = bench.run(list(collection.tests), collection=collection, paths=("inner/tests",))
    assert [one.outcome for one in result.results] == [Outcome.PASSED]


def test_nothing_collected_is_never_passed(bench: Bench) -> None:
    bench.write(helper="x = 1")
    result = bench.run()
    assert (result.results, result.exit_code) == ((), 5)


def test_shuffling_is_deterministic_and_loses_nothing(bench: Bench) -> None:
    bench.write(
        test_a="import pytest\n"
        "@pytest.mark.parametrize('i', range(8))\ndef test_p(i): print('ran', i)\ndef test_q(): pass",
        test_b="class TestB:\n    def test_x(self): pass\n    def test_y(self): pass\n",
    )
    collection = bench.collect()

    def order(seed: int | None) -> list[str]:
        log = bench.run(list(collection.tests), collection=collection, seed=seed, args=("-v",)).log
        return [line.split()[0] for line in log.splitlines() if " PASSED" in line]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(3)) == sorted(collection.tests)
    assert order(None) == list(collection.tests)


def test_a_part_of_a_suite_that_a_plugin_reorders_runs_as_it_stood_in_the_whole(bench: Bench) -> None:
    # given a plugin that turns the order round, as pytest-reverse does
    bench.write(
        conftest="def pytest_collection_modifyitems(items):\n    items.reverse()\n",
        test_a="def test_p(): pass\ndef test_q(): pass\n",
        test_b="def test_r(): pass\ndef test_s(): pass\n",
    )
    collection = bench.collect()
    assert [name[-1] for name in collection.tests] == ["s", "r", "q", "p"]

    def order(asked: list[str]) -> list[str]:
        log = bench.run(asked, collection=collection, args=("-v",)).log
        return [line.split()[0] for line in log.splitlines() if " PASSED" in line]

    # then all of it, and a part of it, runs in that order: it is not turned round a second time, file by file
    assert order(list(collection.tests)) == list(collection.tests)
    assert order(list(collection.tests[1:])) == list(collection.tests[1:])


def test_the_child_sees_only_what_it_is_given(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given secrets in the caller's environment
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:password@index.invalid/")
    bench = make_bench(variables={"GIVEN": "1", "TZ": "Asia/Tokyo"}, pythonpath=("lib",))
    bench.write(lib__thing="VALUE = 3", test_env="""
        import os, stat, sys, time
        def test_environment():
            assert not [n for n in os.environ if n.startswith(("AWS", "PIP", "UV", "MAESTRO"))]
            assert os.environ["GIVEN"] == "1" and time.tzname[0] == "JST" and os.environ["LC_ALL"] == "C.UTF-8"
            assert os.listdir(os.environ["HOME"]) == [] and os.environ["PYTHONHASHSEED"] == "0"
            assert os.path.dirname(sys.executable) == os.environ["PATH"].split(":")[0]
        def test_path():
            import thing
            assert thing.VALUE == 3 and any(entry.endswith("/lib") for entry in sys.path[:3])
        def test_descriptors():
            assert sorted(int(n) for n in os.listdir("/proc/self/fd"))[:3] == [0, 1, 2]
            low = [n for n in os.listdir("/proc/self/fd") if 2 < int(n) < 100 and os.path.exists("/proc/self/fd/" + n)]
            assert not [n for n in low if stat.S_ISSOCK(os.stat("/proc/self/fd/" + n).st_mode)]
        def test_random(): import random; print("RANDOM", random.random())
    """)  # fmt: skip
    first, second = bench.run(args=("-s",)), bench.run(args=("-s",))
    assert {one.id: one.message for one in first.results if one.outcome is not Outcome.PASSED} == {}
    numbers = [line for run in (first, second) for line in run.log.splitlines() if "RANDOM" in line]
    assert len(numbers) == len(set(numbers)) == 2


def test_a_project_that_replaces_what_pytest_uses_is_tested_itself(bench: Bench) -> None:
    # given a project whose package has the name of one that the warm runner has loaded
    bench.write(
        **{"iniconfig/__init__.py": "raise ImportError('the project came first')", "test_it": "def test_it(): pass"}
    )
    spec = bench.spec
    object.__setattr__(bench, "spec", type(spec)(spec.python, spec.install, (".",)))
    result = bench.run()
    assert [one.id for one in result.results] == ["<session>"]
    assert "the project came first" in result.results[0].message


def test_warm_start_is_quicker_than_cold(bench: Bench) -> None:
    bench.write(test_it="def test_it(): pass")
    bench.run()
    with bench.workspace() as workspace:
        environ = workspace.environ(bench.environment, bench.spec)
        command = [str(bench.environment.python), "-m", "pytest", "-q"]
        started = time.monotonic()
        subprocess.run(command, cwd=workspace.source, env=environ, check=True, capture_output=True)
        cold = time.monotonic() - started
        deadline = time.monotonic() + 60
        started = time.monotonic()
        bench.adapter.run(workspace, bench.environment, bench.suite(), tests=None, collection=None, deadline=deadline)
        warm = time.monotonic() - started
    print(f"cold {cold * 1000:.0f} ms, warm {warm * 1000:.0f} ms, ratio {cold / warm:.1f}")  # noqa: T201 - a figure, no check
