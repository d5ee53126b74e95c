"""Invalid escape sequences, which are an error where warnings are errors, put right by ruff (rule W605)."""

import ast
import subprocess
import warnings
from collections.abc import Iterable

import ruff  # type: ignore[import-untyped]  # it has no type information

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_SECONDS = 30
_MOST = 200  # files


class EscapeSequences:
    """Makes strings with invalid escape sequences raw, or doubles the backslash; their values stay the same."""

    name = "escape_sequences"
    strategy = Strategy.SYNTAX_REPAIR

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield ruff's fix of every source with such a string."""
        evidence = Evidence(failure, project)
        if "invalid escape sequence" not in evidence.text:
            return
        edits: dict[str, str] = {}
        for file in evidence.tree.sources("\\"):
            if len(edits) < _MOST and _warns(file.text):
                text = _fixed(file.text)
                if text != file.text and parse(text) is not None:
                    edits[file.path] = text
        if edits:
            source = "https://docs.astral.sh/ruff/rules/invalid-escape-sequence/"
            yield Proposal(edits, f"strings with invalid escape sequences are made raw ({source})", 0.93)


def _warns(text: str) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return False
    return any("invalid escape sequence" in str(warning.message) for warning in caught)


def _fixed(text: str) -> str:
    """Return what ruff makes of a source; the source itself where it cannot be read."""
    command = [ruff.find_ruff_bin(), "check", "--isolated", "--no-cache", "--exit-zero", "--quiet", "--fix"]
    command += ["--ignore-noqa", "--select", "W605", "--stdin-filename", "source.py", "-"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_SECONDS, check=False, cwd="/")
    except subprocess.TimeoutExpired:
        return text
    return done.stdout.decode() if done.returncode == 0 and done.stdout else text
