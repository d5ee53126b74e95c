"""``strict = true`` of a time when pytest did not know it: one strictness is turned off, where pytest says which."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from maestro.healing.strategies.api_contract_adaptation.pytest_strict import StrictSetting
from maestro.model import Facts, Failure, Phase

DUPLICATE = "Duplicate parametrization IDs detected, but strict_parametrization_ids is set."
OLD, YOUNG = "1.0 (2017-12-30)\n", "1.0 (2026-01-30)\n"
INI = "[metadata]\nlicense_file = LICENSE\n\n[tool:pytest]\nstrict = true\naddopts = -ra\n\n[isort]\natomic = true\n"
TOML = '[tool.pytest.ini_options]\nminversion = "6.0"\nstrict = true\n\n[tool.other]\nx = 1\n'


@pytest.fixture
def said(bench: Any, failing: Callable[..., Failure]) -> Callable[..., Failure]:
    """The failure of a project with some files, by what pytest says."""

    def make(message: str, **files: str) -> Failure:
        bench.write({"CHANGES": OLD, "tests/test_shop.py": "", **{k.replace("_", "."): v for k, v in files.items()}})
        found = failing("_pytest.nodes.Collector.CollectError", message, "tests/test_shop.py::TestShop")
        return replace(found, facts=Facts(Phase.COLLECT, found.facts.exception, message))

    return make


@pytest.mark.parametrize(
    ("message", "setting"),
    [
        (DUPLICATE, "strict_parametrization_ids"),
        ("Unknown config option: flake8-ignore", "strict_config"),
        ("'slow' not found in `markers` configuration option", "strict_markers"),
    ],
)
@pytest.mark.parametrize("file", [("setup_cfg", INI), ("pyproject_toml", TOML)])
def test_the_strictness_that_pytest_names_is_turned_off(
    bench: Any, said: Callable[..., Failure], file: tuple[str, str], message: str, setting: str
) -> None:
    name, text = file
    (candidate,) = bench.propose(StrictSetting(), said(message, **{name: text}))

    after = (bench.applied(candidate) / name.replace("_", ".")).read_text()
    assert after == text.replace("strict = true\n", f"strict = true\n{setting} = false\n")
    assert bench.findings(candidate) == []
    assert "December 2017" in candidate.summary


@pytest.mark.parametrize(
    ("message", "files"),
    [
        ("[XPASS(strict)] it was known to fail", {"setup_cfg": INI}),  # how a test ends is for nobody to loosen
        (DUPLICATE, {"setup_cfg": INI, "CHANGES": YOUNG}),
        (DUPLICATE, {"setup_cfg": INI.replace("strict", "strict_parametrization_ids")}),  # asked for by name
        (DUPLICATE, {"setup_cfg": INI.replace("addopts", "strict_parametrization_ids = true\naddopts")}),
        (DUPLICATE, {"setup_cfg": INI.replace("true\naddopts", "false\naddopts")}),
        (DUPLICATE, {"setup_cfg": INI.replace("[isort]", "[isort]\nstrict = true").replace("strict = true\na", "a")}),
    ],
)
def test_nothing_else_is_loosened(
    bench: Any, said: Callable[..., Failure], message: str, files: dict[str, str]
) -> None:
    assert bench.propose(StrictSetting(), said(message, **files)) == []


@pytest.mark.parametrize("line", ["strict_xfail = false", "strict = false", "xfail_strict = false"])
def test_a_repair_that_loosens_how_tests_end_is_refused(bench: Any, line: str) -> None:
    bench.write({"setup.cfg": "[tool:pytest]\naddopts = -ra\n"})
    assert bench.rules({"setup.cfg": f"[tool:pytest]\naddopts = -ra\n{line}\n"}) == {"deselecting_configuration"}
