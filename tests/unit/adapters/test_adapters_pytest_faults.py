"""Tests that hang, die, vanish or break the session cost themselves and no other."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from adapters_bench import RUNNING, Bench
from maestro.adapters import PytestAdapter, adapter_for
from maestro.adapters.errors import UnknownAdapterError
from maestro.model import Outcome, Phase, SuiteResult


def outcomes(result: SuiteResult) -> dict[str, str]:
    return {one.id.rpartition("::")[2]: one.outcome.value for one in result.results}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("os.kill(os.getppid(), 9); time.sleep(5)", "supervisor was killed"),
    ],
)
def test_a_test_that_ends_its_process(bench: Bench, how: str, words: str) -> None:
    bench.write(test_it=f"import os, time\ndef test_a(): pass\ndef test_dies(): {how}\ndef test_z(): pass\n")
    result = bench.run()
    assert outcomes(result) == {"test_a": "passed", "test_dies": "error", "test_z": "passed"}
    (dead,) = [one for one in result.results if one.outcome is Outcome.ERROR]
    assert words in dead.message
    assert dead.facts is not None
    assert dead.facts.phase is Phase.PROCESS
    assert dead.line == 3


def test_a_test_that_does_not_end(bench: Bench) -> None:
    bench.write(test_it="import time\ndef test_a(): pass\ndef test_hangs(): time.sleep(60)\ndef test_z(): pass\n")
    started = time.monotonic()
    result = bench.run(timeout=1.0)
    assert outcomes(result) == {"test_a": "passed", "test_hangs": "error", "test_z": "passed"}
    assert "did not end within 1 s" in result.results[1].message
    assert time.monotonic() - started < 10


def test_the_deadline(bench: Bench) -> None:
    bench.write(test_it="import time\ndef test_a(): pass\ndef test_hangs(): time.sleep(60)\ndef test_z(): pass\n")
    collection = bench.collect()
    result = bench.run(list(collection.tests), collection=collection, seconds=1.5)
    assert outcomes(result) == {"test_a": "passed", "test_hangs": "error", "test_z": "error"}
    assert all("deadline" in one.message for one in result.results[1:])


def test_import_that_ends_or_hangs_the_process(bench: Bench) -> None:
    bench.write(test_a="def test_a(): pass", test_b="import os; os._exit(7)", test_c="import time; time.sleep(60)",
                test_d="def test_d(): pass")  # fmt: skip
    collection = bench.collect(timeout=1.0)
    assert collection.tests == ("test_a.py::test_a", "test_d.py::test_d")
    assert {one.id for one in collection.errors} == {"test_b.py", "test_c.py"}
    assert {one.facts.phase for one in collection.errors if one.facts} == {Phase.COLLECT}
    # and a run of everything says the same
    result = bench.run(timeout=1.0)
    assert outcomes(result) == {"test_a": "passed", "test_b.py": "error", "test_c.py": "error", "test_d": "passed"}


def test_nothing_outlives_the_run(bench: Bench, tmp_path: Path) -> None:
    # given tests that leave a daemon (double fork, new session), a child that ignores signals, and a thread
    mark = tmp_path / "alive"
    bench.write(
        test_it=f"""
        import os, signal, subprocess, sys, threading, time
        def test_daemon():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.environ.clear()
                    os.chdir("/")
                    while True:
                        open({str(mark)!r}, "a").write("x")
                        time.sleep(0.05)
                os._exit(0)
        def test_child():
            code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300.123)"
            subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        def test_thread():
            threading.Thread(target=time.sleep, args=(300,)).start()
            time.sleep(0.3)
    """
    )
    other = subprocess.Popen(["sleep", "30"])
    try:
        result = bench.run()
        assert outcomes(result) == {"test_daemon": "passed", "test_child": "passed", "test_thread": "passed"}
        # then the daemon did live, and does not any more; the caller's own child does
        size = mark.stat().st_size
        time.sleep(0.3)
        assert size > 0
        assert mark.stat().st_size == size
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "300.123" not in left


def test_flaky_tests_are_told_by_retries(bench: Bench, tmp_path: Path) -> None:
    bench.write(
        test_it=f"""
        import os
        def test_second_time():
            mark = {str(tmp_path / "once")!r}
            seen = os.path.exists(mark)
            open(mark, "w").close()
            assert seen
        def test_never(): assert 0
        def test_good(): pass
    """
    )
    result = bench.run(retries=2)
    assert outcomes(result) == {"test_second_time": "flaky", "test_never": "failed", "test_good": "passed"}
    by_name = {one.id.rpartition("::")[2]: one for one in result.results}
    assert by_name["test_second_time"].attempts == (Outcome.FAILED, Outcome.PASSED)
    assert by_name["test_never"].attempts == (Outcome.FAILED,) * 3
    assert result.exit_code == 1


@pytest.mark.parametrize(("failing", "tries"), [(60, 1), (40, 3)])
def test_where_most_of_many_tests_fail_they_are_not_tried_again(bench: Bench, failing: int, tries: int) -> None:
    bench.write(
        test_it=f"""
        import pytest
        @pytest.mark.parametrize("n", range(70))
        def test_it(n): assert n >= {failing}
    """
    )
    result = bench.run(retries=2)
    failed = [one for one in result.results if one.outcome is Outcome.FAILED]
    assert len(failed) == failing
    assert {len(one.attempts) or 1 for one in failed} == {tries}


def test_where_a_shuffled_order_upsets_most_of_many_tests_they_are_tried_again(bench: Bench) -> None:
    bench.write(
        test_it="""
        import pytest
        @pytest.mark.parametrize("n", range(60))
        def test_it(n): assert 0
    """
    )
    result = bench.run(retries=1, seed=1)
    assert {len(one.attempts) for one in result.results if one.outcome is Outcome.FAILED} == {2}


def test_a_vanished_test_is_an_error(bench: Bench) -> None:
    bench.write(test_it="def test_here(): pass")
    asked = ["test_it.py::test_here", "test_it.py::test_gone", "test_no_file.py::test_x"]
    result = bench.run(asked)
    assert [one.id for one in result.results] == asked
    assert [one.outcome.value for one in result.results] == ["passed", "error", "error"]
    assert "not in the suite" in result.results[1].message


def test_pytest_exit_and_interrupts_stop_one_test(bench: Bench) -> None:
    bench.write(
        test_it="""
        import pytest
        def test_a(): pass
        def test_exit(): pytest.exit("enough")
        def test_b(): raise KeyboardInterrupt
        def test_z(): pass
    """
    )
    result = bench.run()
    assert outcomes(result) == {"test_a": "passed", "test_exit": "error", "test_b": "error", "test_z": "passed"}
    assert "enough" in result.results[1].message


def test_ids_of_files_classes_and_the_session(bench: Bench) -> None:
    bench.write(
        test_a="class TestA:\n    def test_x(self): pass\n    def test_y(self): assert 0\n", test_b="import nowhere"
    )
    result = bench.run(["test_a.py", "test_b.py"])
    by_id = {one.id: one for one in result.results}
    assert set(by_id) == {"test_a.py", "test_b.py", "test_a.py::TestA::test_x", "test_a.py::TestA::test_y"}
    assert by_id["test_a.py"].outcome is Outcome.FAILED
    assert by_id["test_b.py"].outcome is Outcome.ERROR
    assert by_id["test_b.py"].facts is not None
    assert by_id["test_b.py"].facts.attributes == {"module": "nowhere"}
    classes = bench.run(["test_a.py::TestA"])
    assert classes.results[0].id == "test_a.py::TestA"
    assert len(classes.results) == 3
    # when the session is asked for, everything runs
    session = bench.run(["<session>"])
    assert session.results[0].id == "<session>"
    assert len(session.results) == 4


IT = "def test_it(): pass"
SESSION_FAULTS = {
    "conftest": ({"conftest": "import missing_thing", "test_it": IT}, (), "ModuleNotFoundError"),
    "conftest below": ({"tests__conftest": "1/0", "tests__test_it": IT}, ("tests",), "ZeroDivisionError"),
    "plugin": ({"pytest.ini": "[pytest]\naddopts = -p no_such_plugin\n", "test_it": ""}, (), "ModuleNotFoundError"),
    "option": ({"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_it": ""}, (), "UsageError"),
    "path": ({"test_it": IT}, ("nowhere",), "UsageError"),
    "hook": ({"conftest": "def pytest_nonsense(): pass", "test_it": IT}, (), "PluginValidationError"),
    "argument": ({"conftest": "def pytest_collect_file(nonsense): pass", "test_it": IT}, (), "PluginValidationError"),
    "syntax": ({"conftest": "def (", "test_it": ""}, (), "SyntaxError"),
    "exit": ({"conftest": "raise SystemExit(3)", "test_it": ""}, (), "SystemExit"),
    "internal": (
        {"conftest": "def pytest_collection_modifyitems(): raise RuntimeError('inside')", "test_it": IT},
        (), "RuntimeError",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", SESSION_FAULTS)
def test_what_stops_the_session_is_a_result(each_bench: Bench, fault: str) -> None:
    files, paths, exception = SESSION_FAULTS[fault]
    each_bench.write(**files)
    collection = each_bench.collect(paths=paths)
    assert [one.id for one in collection.errors] == ["<session>"]
    (error,) = collection.errors
    assert error.outcome is Outcome.ERROR
    assert error.facts is not None
    # (an old pytest leaves by SystemExit where newer ones raise a UsageError)
    assert error.facts.exception.rpartition(".")[2] in (exception, "SystemExit" if fault == "option" else exception)
    assert fault != "option" or "--no-such-option" in error.message
    assert fault != "argument" or error.facts.attributes["argument"] == "nonsense"
    assert error.facts.phase is Phase.SESSION
    # when it runs, with ids or without, no test passes (a wrong path hides no id)
    for tests in (None,) if fault == "path" else (None, ["test_it.py::test_it"]):
        result = each_bench.run(tests, paths=paths)
        assert result.exit_code not in (0, 5)
        assert all(one.outcome is Outcome.ERROR for one in result.results)
        assert result.results


def test_no_pytest_in_the_environment(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(RUNNING, "six")
    bench.write(test_it="def test_it(): pass")
    for result in (bench.run(), bench.run(["test_it.py::test_it"])):
        assert result.results[-1].outcome is Outcome.ERROR
        assert "No module named 'pytest'" in result.results[-1].message
        assert "environment.install" in result.results[-1].message
    assert bench.collect().errors[0].id == "<session>"


def test_a_runner_belongs_to_one_owner(bench: Bench) -> None:
    bench.write(
        test_it="import os\ndef test_it(): print('PARENT', open('/proc/%d/stat' % os.getppid()).read().split()[3])"
    )

    def parent(adapter: PytestAdapter) -> str:
        bench.adapter = adapter
        return next(line for line in bench.run(args=("-s",)).log.splitlines() if "PARENT" in line)

    pool = PytestAdapter(owner="one")._pool
    one, two = PytestAdapter(owner="one", pool=pool), PytestAdapter(owner="two", pool=pool)
    try:
        first = parent(one)
        assert parent(one) == first
        second = parent(two)
        assert second != first
        assert parent(one) not in (first, second)
    finally:
        pool.close()


def test_unknown_adapters_are_named() -> None:
    with pytest.raises(UnknownAdapterError, match="there are: pytest"):
        adapter_for("nose")
