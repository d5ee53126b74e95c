"""Environments share bytecode; one made from another equals one made from nothing."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import uv
from maestro.model import EnvironmentSpec
from maestro.registry import Environment, EnvironmentBuilder, bytecode
from maestro.settings import network_variables

RUNNING = "{}.{}".format(*sys.version_info[:2])
FULL = "{}.{}.{}".format(*sys.version_info[:3])
LINES = ("iniconfig", "pluggy", "packaging")


def builder(cache: Path) -> EnvironmentBuilder:
    return EnvironmentBuilder(cache, network_variables(os.environ), os.environ["PATH"])


def site(environment: Environment) -> Path:
    (found,) = environment.path.glob("venv/lib/python*/site-packages")
    return found


def files(environment: Environment) -> set[str]:
    return {str(path.relative_to(environment.path)) for path in environment.path.rglob("*")}


def frozen(environment: Environment) -> str:
    command = [uv.find_uv_bin(), "pip", "freeze", "--python", str(environment.python)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_one_made_from_another_equals_one_made_from_nothing(tmp_path: Path) -> None:
    # given an environment that holds all but one of the packages
    near = builder(tmp_path / "near")
    base = near.ensure(EnvironmentSpec(RUNNING, LINES), tmp_path)

    # when the next one is built beside it, and the same one where there is nothing
    derived = near.ensure(EnvironmentSpec(RUNNING, (*LINES, "six")), tmp_path)
    alone = builder(tmp_path / "far").ensure(EnvironmentSpec(RUNNING, (*LINES, "six")), tmp_path)

    # then they are equal, and the first two share what they can
    assert derived.facts == alone.facts
    assert frozen(derived) == frozen(alone)
    assert files(derived) == files(alone)
    shared = [p for p in site(base).rglob("*.pyc") if p.samefile(site(derived) / p.relative_to(site(base)))]
    assert len(shared) > 20


def test_shared_bytecode_is_used_and_names_its_own_environment(tmp_path: Path) -> None:
    made = builder(tmp_path / "cache")
    made.ensure(EnvironmentSpec(RUNNING, LINES), tmp_path)
    derived = made.ensure(EnvironmentSpec(RUNNING, (*LINES, "six")), tmp_path)

    command = [
        str(derived.python),
        "-v",
        "-c",
        "import pluggy; print(pluggy.PluginManager.register.__code__.co_filename)",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONDONTWRITEBYTECODE": "1"})

    assert done.stdout.startswith(str(derived.path))
    assert f"code object from '{site(derived)}/pluggy/__pycache__/" in done.stderr
    assert "bytecode is stale" not in done.stderr


def compiled(sources: Sequence[Path]) -> None:
    for source in sources:
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(source)], check=False, capture_output=True)


def value(folder: Path) -> str:
    command = [sys.executable, "-c", "import module; print(module.VALUE)"]
    environ = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout.strip()


def test_a_module_of_another_content_never_gets_the_same_bytecode(tmp_path: Path) -> None:
    # given two modules of one name, one size and one time of change
    for name, text in (("one", "VALUE = 1\n"), ("two", "VALUE = 2\n"), ("three", "VALUE = 1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text(text)
        os.utime(tmp_path / name / "module.py", (1_700_000_000, 1_700_000_000))

    # when all are filled from one store
    filled = [bytecode.fill(tmp_path / name, tmp_path / "store", FULL, compiled) for name in ("one", "two", "three")]

    # then only the equal one is linked, and each says what is in it
    assert filled == [bytecode.Filled(0, 1), bytecode.Filled(0, 1), bytecode.Filled(1, 0)]
    assert [value(tmp_path / name) for name in ("one", "two", "three")] == ["1", "2", "1"]


def test_what_does_not_compile_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old.py").write_text("print 'of Python 2'\n")

    bytecode.fill(tmp_path / "site", tmp_path / "store", FULL, compiled)

    assert not list((tmp_path / "store").iterdir())
    assert not list((tmp_path / "site").rglob("*.pyc"))


def test_where_nothing_can_be_linked_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text("VALUE = 3\n")
        os.utime(tmp_path / name / "module.py", (1_700_000_000, 1_700_000_000))

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    filled = [bytecode.fill(tmp_path / name, tmp_path / "store", FULL, compiled) for name in ("one", "two")]

    assert filled == [bytecode.Filled(0, 1), bytecode.Filled(1, 0)]
    assert value(tmp_path / "two") == "3"
