"""Programs that a test could not start: their names, the package of the system that brings them, the project's own."""

import json
import re
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from maestro.healing.sourcetree import SourceTree
from maestro.model import Facts

_NOT_FOUND = re.compile(
    r"['\"]?([\w.+-]+)['\"]? not found in (?:\$?PATH|path)|"
    r"(?:sh|bash): (?:line )?(?:\d+: )?([\w.+-]+): (?:command )?not found"
)
_SHELL = re.compile(r"(?:^|[\s'\"/])(?:ba|da|z)?sh: (?:line )?(?:\d+: )?([\w.+-]+): (?:command )?not found")
_SCRIPT = re.compile(r"(?m)(?:^|['\"])[ \t]*([\w.-]+)[ \t]*=[ \t]*[\w.]+:[\w.]+")
_SAYING = frozenset({"FileNotFoundError", "OSError", "ExecutableNotFound", "CalledProcessError"})


def missing_program(facts: Facts) -> str:
    """Return the program that a failure says is not there, "" where it says nothing of the kind."""
    kind = facts.exception.rpartition(".")[2]
    looked = _NOT_FOUND.search(facts.message) if kind in _SAYING else None
    if looked is not None:
        return (looked[1] or looked[2])[:80]
    last = facts.frames[-1] if facts.frames else None
    started = kind == "FileNotFoundError" and last is not None and last.file.rsplit("/", 1)[-1] == "subprocess.py"
    if kind == "CommandNotFound" or started:
        return str(facts.attributes.get("filename") or facts.message.rsplit(":", 1)[-1]).strip(" '\"")[:80]
    return ""


def said(program: str) -> str:
    """Say that a program is missing, and what would bring it."""
    package = _packages().get(program.rpartition("/")[2], "")
    brought = f" (the package {package} of Debian and Ubuntu brings it)" if package else ""
    return f"The program {program} is not installed on this machine{brought}; a test that needs it is not faked"


@cache
def _packages() -> dict[str, str]:
    text = files("maestro.healing").joinpath("data/programs.json").read_text("utf-8")
    return dict(json.loads(text)["programs"])


def misses_own_program(facts: Facts, tree: SourceTree) -> str:
    """Return the program of the project itself that a shell could not find for a test; "" where none says so."""
    operands = [str(facts.assertion.get(side, "")) for side in ("left", "right")]
    looked = _SHELL.findall("\n".join([facts.message, facts.text, *operands]))
    own = own_programs(tree) if looked else frozenset()
    return next((name for name in looked if name in own), "")


def own_programs(tree: SourceTree) -> frozenset[str]:
    """Return the names of the programs that an installation of the project brings, read from its own files."""
    names: set[str] = set()
    for data in (_toml(tree.text("pyproject.toml") or ""),):
        tool = data.get("tool", {}) if isinstance(data.get("tool"), dict) else {}
        for holder in (data.get("project"), tool.get("poetry"), tool.get("flit")):
            scripts = holder.get("scripts") if isinstance(holder, dict) else None
            names |= set(scripts) if isinstance(scripts, dict) else set()
    for path in ("setup.cfg", "setup.py"):
        text = tree.text(path) or ""
        if "console_scripts" in text:
            names |= set(_SCRIPT.findall(text.partition("console_scripts")[2]))
    text = tree.text("setup.py") or ""
    names |= {PurePosixPath(script).name for script in re.findall(r"['\"]((?:bin|scripts)/[\w./-]+)['\"]", text)}
    return frozenset(names)


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
