"""Forms of tests, fixtures and hooks that pytest gave up, each with the one that its documentation gives instead."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from maestro.healing.base import Project, Proposal
from maestro.healing.known_forms.old_pytest import WORDS, formed
from maestro.healing.strategies.evidence import Evidence
from maestro.model import Failure, Strategy

_PAGE = "https://docs.pytest.org/en/stable/deprecations.html"


@dataclass(frozen=True, slots=True)
class PytestForm:
    """Writes one form (of :data:`~maestro.healing.known_forms.old_pytest.FORMS`) as today's pytest takes it.

    ``said`` is a regular expression of what pytest says of the old form; what its first group finds has to stand in a
    file, after ``needle`` (every such file has ``needle``).
    """

    name: str
    said: str
    needle: str
    words: str
    source: str

    @property
    def strategy(self) -> Strategy:
        """Always ``api_contract_adaptation``: pytest is the library here."""
        return Strategy.API_CONTRACT_ADAPTATION

    def propose(self, failure: Failure, project: Project) -> Iterable[Proposal]:
        """Yield the change of every file that has the old form, where pytest refused one."""
        evidence = Evidence(failure, project)
        found = re.search(self.said, evidence.text)
        if found is None:
            return
        needle = self.needle + (found[1] if found.groups() else "")
        edits: dict[str, str] = {}
        for source in evidence.tree.sources(*WORDS[self.name]):
            new = formed(self.name, source.text) if needle in source.text else None
            if new is not None:
                edits[source.path] = new
        if edits:
            yield Proposal(edits, f"{self.words} ({self.source})", 0.92)


def pytest_forms() -> list[PytestForm]:
    """Return one generator for each form."""
    return [
        PytestForm(
            "marked_parameters",
            r"\bMarkDecorator\b",
            "parametrize",
            "pytest takes marks of single parameters by pytest.param(..., marks=...) only",
            f"{_PAGE}#marks-in-pytest-parametrize",
        ),
        PytestForm(
            "called_fixtures",
            r"Fixture [\"'](\w+)[\"'] called directly",
            "def ",
            "fixtures cannot be called; the function that is called and the fixture become two",
            f"{_PAGE}#calling-fixtures-directly",
        ),
        PytestForm(
            "raised_strings",
            r"object \(type: <(?:class|type) 'str'>\) must be callable",
            "",
            "pytest.raises no longer runs code in a string; run it in the block",
            f"{_PAGE}#raises-warns-with-a-string-as-the-second-argument",
        ),
        PytestForm(
            "prefixed_fixtures",
            r"(?:fixture ['\"]|unknown hook ['\"]pytest_funcarg__)(\w+)['\"]",
            "pytest_funcarg__",
            "functions named pytest_funcarg__ are no fixtures any more; mark them as such",
            f"{_PAGE}#pytest-funcarg-prefix",
        ),
        PytestForm(
            "positional_scopes",
            r"@[\w.]*fixture\([\"'](\w+)[\"']",
            "",
            "pytest.fixture takes its scope by name only",
            "https://docs.pytest.org/en/stable/changelog.html#pytest-6-0-0rc1-2020-07-08",
        ),
        PytestForm(
            "cached_setups",
            r"has no attribute ['\"]cached_setup['\"]",
            "cached_setup",
            "request.cached_setup is gone; the fixture has the scope",
            f"{_PAGE}#cached-setup",
        ),
        PytestForm(
            "captured_logs",
            r"has no attribute ['\"](?:set|at)Level['\"]|caplog\.\w+\(\)",
            "caplog",
            "caplog is pytest's own now; its names and properties are used",
            "https://docs.pytest.org/en/stable/how-to/logging.html",
        ),
        PytestForm(
            "config_used",
            r"module ['\"]pytest['\"] has no attribute ['\"]config['\"]",
            "pytest.config",
            "pytest.config is gone; take the configuration where pytest gives it",
            f"{_PAGE}#pytest-config-global",
        ),
        PytestForm(
            "namespace_hook",
            r"unknown hook ['\"]pytest_namespace['\"]",
            "pytest_namespace",
            "the hook pytest_namespace is gone; set the attributes in pytest_configure",
            f"{_PAGE}#pytest-namespace",
        ),
        PytestForm(
            "direct_nodes",
            r"Direct construction of .{1,80} has been deprecated",
            "",
            "pytest's nodes are made by from_parent",
            f"{_PAGE}#node-construction-changed-to-node-from-parent",
        ),
        PytestForm(
            "stream_encodings",
            r"AttributeError: readonly attribute|attribute 'encoding' of '[\w.]+' objects is not writable",
            ".encoding",
            "the streams under pytest are Python's since 5.4; they are reconfigured, as their encoding is read-only",
            "https://docs.python.org/3/library/io.html#io.TextIOWrapper.reconfigure",
        ),
    ]
