"""``maestro run`` with a stack of its own: the whole bundle, started and stopped around one run."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from maestro_cli.stack import EmbeddedStack
from maestro_cli.stack.process import find
from support.stack import clean_environment

MAESTRO = [sys.executable, "-m", "maestro_cli.main"]


def _project(folder: Path, body: str) -> Path:
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_it.py").write_text(body)
    return folder


def _environment(tmp_path: Path) -> dict[str, str]:
    return {**clean_environment(), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def _maestro(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command, environment = [*MAESTRO, *words], _environment(folder.parent)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


def _private_stacks(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache" / "maestro" / "stacks").glob("run-*"))


def test_several_runs_at_once_each_with_a_stack_of_its_own(tmp_path: Path) -> None:
    # given two projects, and no stack that is up
    good = _project(tmp_path / "good", "def test_good():\n    assert True\n")
    bad = _project(tmp_path / "bad", "def test_bad():\n    assert 1 == 2\n")
    environment = _environment(tmp_path)

    # when both are run at once
    runs = [
        subprocess.Popen(
            [*MAESTRO, "run", str(root), "--no-heal", "--json", "--output", str(tmp_path / f"out-{root.name}")],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for root in (good, bad)
    ]
    ended = [run.communicate(timeout=240) for run in runs]

    # then each has its verdict, its exit code, and its reports
    assert [run.returncode for run in runs] == [0, 1], [stderr for _, stderr in ended]
    documents = [json.loads(stdout) for stdout, _ in ended]
    assert [document["outcome"] for document in documents] == ["passed", "failed"]
    assert (tmp_path / "out-bad" / "report.html").is_file()
    assert (tmp_path / "out-bad" / "junit.xml").is_file()

    # and nothing is left of their stacks
    assert _private_stacks(tmp_path) == []


def test_settings_beside_the_stack_are_not_those_of_a_project_that_runs_in_it(tmp_path: Path) -> None:
    # given a stack in a folder that has settings for tests of its own, and a project below it that has none
    home = tmp_path / "repository"
    project = _project(home / "member", "def test_one():\n    assert 1 + 1 == 2\n")
    (home / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    temporary = tmp_path / "cache" / "maestro" / "tmp"
    try:
        up = _maestro(home, "up")
        assert up.returncode == 0, up.stderr

        # when it runs in that stack
        done = _maestro(home, "run", project, "--no-heal")

        # then its tests are found, and pass
        assert done.returncode == 0, done.stdout + done.stderr
        assert list(temporary.iterdir())
    finally:
        _maestro(home, "down")
    assert not list(temporary.iterdir())


def test_ctrl_c_cancels_the_run_and_stops_its_stack(tmp_path: Path) -> None:
    # given a run whose test takes very long
    slow = _project(tmp_path / "slow", "import time\n\ndef test_slow():\n    time.sleep(300)\n")
    log = tmp_path / "stderr"
    with log.open("w") as stderr:
        run = subprocess.Popen(
            [*MAESTRO, "run", str(slow), "--no-heal"], cwd=tmp_path, env=_environment(tmp_path), stderr=stderr
        )
        try:
            deadline = time.monotonic() + 180
            while "Run Waves" not in log.read_text():
                assert run.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            (folder,) = _private_stacks(tmp_path)
            assert find(str(folder / ".maestro"))

            # when the user interrupts it
            run.send_signal(signal.SIGINT)

            # then it ends as interrupted, and its stack is gone with everything in it
            assert run.wait(60) == 2, log.read_text()
        finally:
            run.kill()
            run.wait()
            for left in _private_stacks(tmp_path):  # where the command did not end by itself
                EmbeddedStack(left / ".maestro").down()
    assert "Cancelling run" in log.read_text()
    assert find(str(folder / ".maestro")) == []
    assert _private_stacks(tmp_path) == []
