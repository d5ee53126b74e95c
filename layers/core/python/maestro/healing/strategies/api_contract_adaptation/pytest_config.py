"""Helpers that read ``pytest.config``, which pytest gives to hooks, fixtures and tests only, get it by a conftest."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from maestro.healing._roles import Role
from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms import config_given
from maestro.healing.known_forms.edits import Text
from maestro.healing.strategies.evidence import Evidence
from maestro.healing.strategies.flaky_stabilization.giving_back import below_imports
from maestro.healing.strategies.imports import parse
from maestro.model import Failure, Strategy

_SAID = re.compile(r"module ['\"]pytest['\"] has no attribute ['\"]config['\"]")
_SOURCE = "https://docs.pytest.org/en/stable/deprecations.html#pytest-config-global"


class ConfigGiven:
    """Gives helpers the configuration as they read it: a workaround, tried where no argument brings it."""

    name = "config_given"
    strategy = Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of the topmost conftest file above the failing tests."""
        evidence = Evidence(failure, project)
        if not _SAID.search(evidence.text):
            return
        path = _conftest(failure, evidence)
        changed = with_config(evidence.tree.text(path) or "") if path else None
        if changed is not None:
            words = "pytest.config is gone; helpers that get no fixture read it from where a conftest file puts it"
            yield Proposal({path: changed}, f"{words} ({_SOURCE})", 0.8, workaround=True)


def _conftest(failure: Failure, evidence: Evidence) -> str:
    """Return the topmost conftest file in a folder above all failing tests; "" where there is none."""
    folders = [set(PurePosixPath(test.partition("::")[0]).parents) for test in failure.tests if "<" not in test]
    above = set.intersection(*folders) if folders else set()
    known = set(evidence.tree.files)
    found = [str(folder / "conftest.py") for folder in sorted(above, key=lambda folder: len(folder.parts))]
    return next((path for path in found if path in known and evidence.tree.role(path) is Role.FIXTURE), "")


def with_config(source: str) -> str | None:
    """Put the configuration into the hook of a conftest file, or add one; None where that does not go."""
    module = parse(source)
    if module is None or config_given.STATEMENT in source:
        return None
    if config_given.HOOK not in source:
        changed = below_imports(source, module, ["pytest"], list(config_given.LINES))
        return changed if parse(changed) is not None else None
    text = Text(source)
    function = config_given.hook(text.tree)
    if function is None or not re.search(r"(?m)^import pytest\b", source):
        return None
    margin = text.line_start(function.body[0])
    if margin.strip():
        return None  # on the line of its head
    start, _ = text.span(function.body[0])
    changed = text.edited([(start, start, f"{config_given.STATEMENT}\n{margin}")])
    return changed if parse(changed) is not None else None
