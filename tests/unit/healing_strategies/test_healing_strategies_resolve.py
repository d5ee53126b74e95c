"""What else must change with a pin, asked of the real resolver over wheels on disk."""

import zipfile
from pathlib import Path

import pytest
from maestro.healing.base import Project
from maestro.healing.strategies.resolve import resolved, together
from maestro.model import EnvironmentFacts, EnvironmentSpec
from packaging.requirements import Requirement


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Write the smallest wheel that an installer takes."""
    info, folder = f"{name}-{version}.dist-info", folder / name
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    anchors = "".join(f'<a href="{file.name}">{file.name}</a>\n' for file in sorted(folder.glob("*.whl")))
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{anchors}</body></html>")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    wheels = tmp_path / "wheels"
    wheel(wheels, "base", "1.0")
    wheel(wheels, "base", "2.0")
    wheel(wheels, "frame", "1.5", "base>=1")
    wheel(wheels, "frame", "3.0", "base>=2")
    wheel(wheels, "other", "1.0")
    wheel(wheels, "other", "2.0")
    network = {"UV_DEFAULT_INDEX": wheels.as_uri(), "UV_CACHE_DIR": str(tmp_path / "cache")}
    environment = EnvironmentSpec("3.12", ("base==2.0", "frame==3.0", "other==1.0", "-e ."))
    return Project(tmp_path, environment, EnvironmentFacts("0", "3.12"), "maestro.yaml", network=network)


def test_what_needs_the_newer_release_goes_back_with_it_and_the_rest_stays(project: Project) -> None:
    changed = resolved(project, (3, 12), [Requirement("base<2")])
    assert [str(line) for line in changed] == ["base<2", "frame==1.5"]


def test_another_interpreter_than_the_running_one_may_be_asked_for(project: Project) -> None:
    assert [str(line) for line in resolved(project, (3, 8), [Requirement("base<2")])] == ["base<2", "frame==1.5"]


def test_where_nothing_fits_only_the_wish_is_stated(project: Project) -> None:
    assert [str(line) for line in resolved(project, (3, 12), [Requirement("base<1")])] == ["base<1"]


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (("base", "frame", "other"), ("base", "frame", "other")),
        (("frame", "lost", "other"), ("frame", "other")),  # it needs what the index does not have
        (("old", "other"), ("other",)),  # it contradicts a pin
        (("lost", "nowhere", "old"), ()),
        (("base", "lost", "nowhere", "other", "frame>=9", "old", "frame"), ("base", "other", "frame")),
        (("pair<2", "pair>=2", "other"), ("pair<2", "other")),  # of two that exclude each other the first stays
    ],
)
def test_a_set_is_resolved_without_those_that_keep_it_from_it(
    project: Project, lines: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    wheels = project.root / "wheels"
    wheel(wheels, "lost", "1.0", "nowhere>=1")
    wheel(wheels, "old", "1.0", "base<2")
    wheel(wheels, "pair", "1.0")
    wheel(wheels, "pair", "2.0")
    assert together(project, (3, 12), lines) == kept
