"""What is said of an option of pytest whose plugin no longer loads and has no successor: a person has to decide."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from maestro.model import Facts, Phase

_REFUSED = re.compile(r"unrecognized arguments: (.+)")


def refused(text: str) -> list[str]:
    """Return the options that pytest did not know, without their values.

    >>> refused("error: unrecognized arguments: --pep8 --cov=shop tests")
    ['--pep8', '--cov']
    """
    found = _REFUSED.search(text)
    return [word.partition("=")[0] for word in found[1].split() if word.startswith("-")] if found else []


def applies(row: Mapping[str, str], pytest: str) -> bool:
    """Whether a row of the table speaks of an installed version of pytest ("" where none is known)."""
    try:
        return Requirement(f"pytest{row['pytest']}").specifier.contains(Version(pytest))
    except InvalidVersion:
        return False


def unloadable(facts: Facts, distributions: Mapping[str, str]) -> str:
    """Say which options of the session no plugin provides any more, and what can be done; "" where that is not so."""
    version = distributions.get("pytest", "")
    options = refused(f"{facts.message}\n{facts.text}") if facts.phase is Phase.SESSION else []
    rows = [(o, row) for o in dict.fromkeys(options) if (row := _rows().get(o)) is not None and applies(row, version)]
    return "; ".join(
        f"no release of {row['plugin']} was seen to load under pytest {version}: run {row['command']} as a step of its "
        f"own and take {option} out of addopts, or stay with pytest{row['until']} for it"
        for option, row in rows
    )


@cache
def _rows() -> dict[str, dict[str, str]]:
    data = json.loads(files("maestro.healing").joinpath("data", "pytest_plugins.json").read_text("utf-8"))
    return dict(data["unloadable"])
