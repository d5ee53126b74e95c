"""What the machine or the tree lacks for a test, which no repair could bring: it is said, and not faked."""

import re

from maestro.healing._programs import missing_program, said
from maestro.model import Facts, Phase

_NETWORK = re.compile(
    r"getaddrinfo|Name or service not known|Temporary failure in name resolution|Network is unreachable|ConnectTimeout|"
    r"NewConnectionError|Failed to resolve|ProxyError|No route to host"
)
_NO_PATH = re.compile(r"(?:file or directory not found|file not found): (\S+)")


def lacking(facts: Facts) -> str:
    """Say what the machine or the tree lacks, where no repair could bring it; "" where nothing says so."""
    path, program, kind = misses_path(facts), missing_program(facts), facts.exception.rpartition(".")[2]
    rootless = kind == "Failed" and "root" in facts.message and "permission" in facts.message.lower()
    known = (
        (path, f"The suite asks for {path}, which the project does not have"),
        (needs_network(facts), "It needs a network that is not there; no change of the project brings it"),
        (program, said(program)),
        (
            kind == "Error" and "unsupported locale setting" in facts.message,
            "It wants a locale that this machine does not have",
        ),
        ("Address already in use" in facts.message, "A port that it wants is taken by another process of the machine"),
        (rootless, "It expects a user without the rights of root"),
    )
    return next((words for holds, words in known if holds), "")


def needs_network(facts: Facts) -> bool:
    """Whether a failure is about a network that is not there."""
    return bool(_NETWORK.search(facts.message))


def misses_path(facts: Facts) -> str:
    """Return the path that the test tool was told to run and did not find; "" where it was not that."""
    found = _NO_PATH.search(facts.message) if facts.phase is Phase.SESSION else None
    return found[1] if found and facts.exception.rpartition(".")[2] in ("", "UsageError") else ""
