"""Programs that a test could not start: their names, and the package of the system that brings them."""

import json
import re
from functools import cache
from importlib.resources import files

from maestro.model import Facts

_NOT_FOUND = re.compile(
    r"['\"]?([\w.+-]+)['\"]? not found in (?:\$?PATH|path)|"
    r"(?:sh|bash): (?:line )?(?:\d+: )?([\w.+-]+): (?:command )?not found"
)
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
