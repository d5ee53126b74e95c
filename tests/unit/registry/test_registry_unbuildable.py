"""Which lines an installer refuses, by words of uv's."""

from pathlib import Path

import pytest
from maestro.registry.unbuildable import refused, spelled_out

LINES = ("-e .", "pytest", "nose==0.10", "Unit_Test2==0.5.1 ; python_version > '3'", "tool @ https://example.org/t.zip")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "cause: Because there is no version of nose==0.10 and you require nose==0.10, we can conclude that\nyour",
            ("nose==0.10",),
        ),
        ("x Failed to build `unit-test2==0.5.1`\n  The build backend returned an error", (LINES[3],)),
        ("x Failed to download and build `nose==0.10`", ("nose==0.10",)),
        ("Because only nose<=1.3.7 is available and you\n require nose>=2, we can", ("nose==0.10",)),
        # what no other line of the project would mend, or what is not said of one line
        ("Because nose was not found in the package registry and you require nose, we can", ()),
        ("Because you require nose==0.10 and pytest>8 and you require pytest<8, we can", ()),
        ("x Failed to build `shop @ file:///project`", ()),
        ("x Failed to build `six==0.1`\n  help: `six` was included because `nose` depends on it", ()),
        ("error: Failed to fetch: `https://pypi.org/simple/nose/`\n  Caused by: dns error", ()),
        ("Because you require tool==2, we can", ()),
        ("", ()),
    ],
)
def test_a_line_is_refused_where_the_installer_names_it(said: str, expected: tuple[str, ...]) -> None:
    assert refused(said, LINES) == expected


def test_of_two_lines_for_one_distribution_neither_is_to_blame() -> None:
    assert refused("Because you require pytest<3 and you require pytest>8", ("pytest<3", "pytest>8")) == ()


def test_lines_of_named_files_are_known_with_their_files(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/dev.txt").write_text("# tools\n-r base.txt\nnose==0.10  # old\n\n-e .\n")
    (tmp_path / "requirements/base.txt").write_text("six\n")

    stated = spelled_out(("pytest", "-r requirements/dev.txt", "-c limits.txt"), tmp_path)

    assert stated == {
        "pytest": "",
        "six": "requirements/base.txt",
        "nose==0.10": "requirements/dev.txt",
        "-e .": "requirements/dev.txt",
        "-c limits.txt": "",
    }


@pytest.mark.parametrize(
    "text",
    [
        "six --hash=sha256:00\n",
        "--index-url https://example.org\nsix\n",
        "-r missing.txt\n",
        "-r again.txt\n",
        "six \\\n",
    ],
)
def test_a_file_that_says_more_stays_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "again.txt").write_text(text)
    assert spelled_out(("-r again.txt",), tmp_path) == {"-r again.txt": ""}


def test_a_file_outside_of_the_project_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("six\n")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/link.txt").symlink_to(tmp_path / "outside.txt")
    lines = ("-r ../outside.txt", "-r link.txt", f"-r {tmp_path}/outside.txt")
    assert spelled_out(lines, tmp_path / "project") == dict.fromkeys(lines, "")
