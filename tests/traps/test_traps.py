"""Defects of real products: no repair is ever accepted on one. A few here, all of them in ``make bench``."""

import ast
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from maestro.model import EnvironmentSpec, RepairStatus
from maestro.registry import EnvironmentBuilder
from maestro.settings import network_variables
from support.machine import LocalMachine
from support.traps.catalogue import FOLDER, PYTHON, Trap, download, lay_out, releases, traps
from support.traps.mutations import OPERATORS, mutations

SAMPLE = traps(sample=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traps")


@pytest.fixture(scope="module")
def machine(cache: Path) -> Iterator[LocalMachine]:
    download({t.release: releases()[t.release] for t in SAMPLE}.values())
    with LocalMachine(cache) as made:
        yield made


@pytest.mark.parametrize("trap", SAMPLE, ids=lambda trap: trap.id)
def test_no_repair_is_accepted_on_a_defect_of_the_product(machine: LocalMachine, tmp_path: Path, trap: Trap) -> None:
    root = lay_out(releases()[trap.release], tmp_path, patch=trap.patch)

    outcome = machine.run(root, heal=True)

    assert [(r.generator, r.summary, r.patch) for r in outcome.repairs if r.status is RepairStatus.ACCEPTED] == []
    assert outcome.patch == ""
    assert outcome.run.status == "failed"  # and not "error": it was the tests that said so
    told = {test for failure in outcome.failures for test in failure.tests}
    assert [t for t in trap.failing if told.isdisjoint({t, t.partition("::")[0], "<session>"})] == []


def test_the_tests_of_a_trap_pass_without_its_defect(machine: LocalMachine, cache: Path, tmp_path: Path) -> None:
    trap = SAMPLE[0]
    release = releases()[trap.release]
    root = lay_out(release, tmp_path)
    builder = EnvironmentBuilder(cache, network_variables(os.environ), os.environ.get("PATH", os.defpath))
    python = builder.ensure(EnvironmentSpec(python=PYTHON, install=release.install), root).python

    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *trap.failing],
        cwd=root,
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(release.pythonpath)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:]
    assert machine.run(root, heal=True).run.status == "passed"


# ---------------------------------------------------------------------- the data


def test_there_are_enough_traps_of_enough_kinds() -> None:
    found = traps()

    assert len(found) >= 60
    assert len({trap.release for trap in found}) >= 6
    assert {trap.operator for trap in found} == set(OPERATORS)
    assert 6 <= len(SAMPLE) <= 10
    assert len({trap.patch for trap in found}) == len(found)
    assert {path.stem for path in FOLDER.glob("*.patch")} == {trap.id for trap in found}


@pytest.mark.parametrize("trap", traps(), ids=lambda trap: trap.id)
def test_a_trap_changes_one_file_of_the_product_and_names_what_fails(trap: Trap) -> None:
    release = releases()[trap.release]
    changed = [line[6:].strip() for line in trap.patch.splitlines() if line.startswith("+++ b/")]

    assert changed == [trap.file]
    assert any(Path(trap.file).match(pattern) for pattern in release.product)
    assert "test" not in Path(trap.file).name
    assert trap.failing
    assert trap.failing_count >= len(trap.failing)
    assert len(release.sha256) == 64


# ---------------------------------------------------------------------- the mutator


CODE = '''\
from .tools import helper


class Stack:
    def __init__(self, items=None):
        self.items = list(items or ())

    def push(self, item, count=1):
        """Ä comment before the code."""
        self.items.extend([item] * count)
        return len(self.items) + 1

    def empty(self):
        return "yes" if not self.items and helper(self, 1) else "no"


def compared(left, right):
    if left == right:
        raise ValueError("same")
    return "different"
'''


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a seed for repeatable choices


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_changes_little_and_what_it_makes_parses(operator: str) -> None:
    made = list(mutations(CODE, operator, seeded(1)))

    assert made
    for mutation in made:
        assert mutation.text != CODE
        ast.parse(mutation.text)
        before, after = CODE.splitlines(), mutation.text.splitlines()
        assert before[mutation.line - 1] != (after + [""] * len(before))[mutation.line - 1]
        if operator not in ("removed-method", "renamed-parameter"):
            assert sum(one != two for one, two in zip(before, after, strict=True)) == 1


def test_the_same_seed_makes_the_same_defects() -> None:
    def made(seed: int) -> list[str]:
        return [m.text for m in mutations(CODE, "constant", seeded(seed))]

    assert made(5) == made(5)
    assert sorted(made(5)) == sorted(made(6))


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        ("comparison", "    if left != right:"),
        ("exception-type", "        raise TypeError('same')".replace("'", '"')),
        ("negation", "    if not (left == right):"),
        ("renamed-method", "    def pushs(self, item, count=1):"),
        ("renamed-parameter", "    def push(self, item, counts=1):"),
        ("wrong-import", "from .tools import helpers as helper"),
        ("arithmetic", "        return (len(self.items) - 1)"),
        ("message", "    return 'differen'"),
    ],
)
def test_an_operator_makes_its_defect(operator: str, wanted: str) -> None:
    texts = [m.text for m in mutations(CODE, operator, seeded(1))]

    assert any(wanted in text.splitlines() for text in texts), texts
