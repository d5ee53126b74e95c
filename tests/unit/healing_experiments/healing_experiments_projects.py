"""Small projects on disk, for laboratories and whole runs."""

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

from maestro.orchestration.experimenting import Laboratory
from support.machine import LocalMachine, RunOutcome

MakeLaboratory = Callable[[Mapping[str, str]], Laboratory]
# One Python whatever runs these tests: the orders of sets and the draws of seeds that they know are its own.
CONFIG = """\
project: demo
environment:
  python: "3.11"
  install: [pytest]
  pythonpath: ["."]
suites:
  unit: {kind: test, adapter: pytest, paths: [tests]}
"""


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text))


def run(machine: LocalMachine, root: Path, files: Mapping[str, str]) -> RunOutcome:
    """Heal a project with these files, a configuration, and a package ``shop`` for its product."""
    write(root, {"maestro.yaml": CONFIG, "shop/__init__.py": "", **files})
    return machine.run(root, heal=True)
