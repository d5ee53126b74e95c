"""``strict = true`` in a configuration that is older than pytest 9, to which it meant nothing.

https://docs.pytest.org/en/stable/changelog.html#pytest-9-0-0: since then it turns on every kind of strictness at once.
"""

import re
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime

from maestro.healing.base import Project, Proposal
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.releasing import release_date
from maestro.model import Failure, Strategy

_PYTEST_9 = datetime(2025, 11, 8, tzinfo=UTC)
# What pytest says -> the one strictness that said it. Not strict_xfail: whether a test passes is for nobody to loosen.
_SAID = (
    (
        re.compile(r"Duplicate parametrization IDs detected, but strict_parametrization_ids"),
        "strict_parametrization_ids",
    ),
    (re.compile(r"Unknown config option: "), "strict_config"),
    (re.compile(r"not found in `markers` configuration option"), "strict_markers"),
)
_FILES = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "pyproject.toml": "tool.pytest.ini_options",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}  # in the order in which pytest looks for its settings
_STRICT = re.compile(r"(?im)^strict([ \t]*=[ \t]*)(?:true|yes|on|1)[ \t]*$")


class StrictSetting:
    """Turns off the one strictness that an old ``strict = true`` came to mean, and that the tests do not meet."""

    name = "strict_setting"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the setting beside ``strict``, where the project was released before it meant anything."""
        evidence = Evidence(failure, project)
        setting = next((name for said, name in _SAID if said.search(evidence.text)), "")
        if not setting:
            return
        for path, section in _FILES.items():
            text = evidence.tree.text(path)
            new = None if text is None else _with(text, section, setting)
            if new is None:
                continue
            when = release_date(evidence)
            if when is not None and when < _PYTEST_9:
                words = (
                    f"`strict` meant nothing to pytest when the project was released ({when:%B %Y}); since pytest 9 it"
                )
                yield Proposal({path: new}, f"{words} turns on {setting}, which this turns off", 0.85)
            return


def _with(text: str, section: str, setting: str) -> str | None:
    """Return a configuration with a setting turned off below the ``strict`` that turned it on; None where none did."""
    start = re.search(rf"(?m)^\[{re.escape(section)}\][ \t]*$", text)
    if start is None:
        return None
    end = re.compile(r"(?m)^\[").search(text, start.end())
    body = text[start.end() : end.start() if end else len(text)]
    strict = _STRICT.search(body)
    if strict is None or re.search(rf"(?m)^{setting}\b", body):
        return None
    place = start.end() + strict.end()
    made = f"{text[:place]}\n{setting}{strict[1]}false{text[place:]}"
    if section.startswith("tool."):
        try:
            tomllib.loads(made)
        except tomllib.TOMLDecodeError:
            return None
    return made
