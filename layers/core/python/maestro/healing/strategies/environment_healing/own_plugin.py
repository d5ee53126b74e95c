"""A project that is itself a plugin of pytest, which pytest loads only where it is installed (its entry points say so).

https://docs.pytest.org/en/stable/how-to/writing_plugins.html#making-your-plugin-installable-by-others
"""

import re

from maestro.healing._checkers import refused
from maestro.healing._roles import Role
from maestro.healing.strategies.evidence import Evidence
from maestro.model import Phase

_METADATA = ("setup.py", "setup.cfg", "pyproject.toml")
_RUNS_PYTEST = re.compile(r"\b(testdir|pytester)\b")
_FIXTURE = r"@(?:pytest\.)?(?:yield_)?fixture\b[^\n]*\n(?:[ \t]*@[^\n]*\n)*[ \t]*(?:async[ \t]+)?def "


def missed(evidence: Evidence) -> str:
    """Say what a failure misses of the plugin that the project is; "" where it misses nothing of it, or is none.

    That is a fixture or an option that the product's own code defines, or what tests see that run pytest themselves.
    """
    if not any("pytest11" in (evidence.tree.text(name) or "") for name in _METADATA):
        return ""
    fixture = evidence.missing_fixture
    if fixture and _defines(evidence, fixture, rf"{_FIXTURE}{re.escape(fixture)}\b"):
        return f"pytest loads its fixture {fixture} by its entry points"
    for option in refused(evidence.text):
        if _defines(evidence, option, rf"addoption\(\s*(?:['\"]-\w['\"],\s*)?['\"]{re.escape(option)}['\"]"):
            return f"pytest loads its option {option} by its entry points"
    if evidence.facts.phase is not Phase.CALL or evidence.missing_modules or evidence.missing_names:
        return ""
    files = dict.fromkeys(test.split("::")[0] for test in evidence.failure.tests)
    if files and all(_RUNS_PYTEST.search(evidence.tree.text(file) or "") for file in files):
        return "its tests run pytest, which loads the plugin that it is by its entry points"
    return ""


def _defines(evidence: Evidence, name: str, pattern: str) -> bool:
    """Whether code of the product, not of its tests, defines a fixture or option."""
    found = re.compile(pattern)
    return any(
        evidence.tree.role(source.path) is Role.PRODUCT and found.search(source.text)
        for source in evidence.tree.sources(name)
    )
