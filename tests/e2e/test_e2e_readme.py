"""What the README tells people to type works as it stands."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# `.ci/run` runs these three itself.
BY_CI = {"make demo", "make test", "make setup"}


def commands() -> list[str]:
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def test_ci_runs_the_make_targets_of_the_readme() -> None:
    listed = {command for command in commands() if command.startswith("make ")}
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert listed == BY_CI
    assert {command for command in ("make demo", "make test") if command in script} == {"make demo", "make test"}


def test_every_maestro_command_of_the_readme_works(tmp_path: Path) -> None:
    # given a folder that looks like a checkout
    for name in (".venv", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    typed = [command for command in commands() if command not in BY_CI]
    assert len(typed) >= 5

    # when each command is typed in order
    try:
        for command in typed:
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
            )
            # then it works
            if done.returncode != 0:
                pytest.fail(f"{command}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    finally:
        subprocess.run(
            [ROOT / ".venv/bin/maestro", "down"], cwd=tmp_path, capture_output=True, timeout=120, check=False
        )
