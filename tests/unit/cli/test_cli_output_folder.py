"""What a run leaves in its output folder, and what becomes of a former run's files in there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from maestro_cli.main import app
from support.api_server import ApiServer, api_server
from typer.testing import CliRunner

RUN = "0190f0a0-0000-7000-8000-000000000001"
PATCHES = {
    "r1": b"--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-PRICE = 1\n+PRICE = 2\n",
    "r2": b"--- a/other.py\n+++ b/other.py\n@@ -1 +1 @@\n-RATE = 1\n+RATE = 2\n",
}


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with api_server() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: ApiServer) -> Path:
    """A project of the working folder, with the service named by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAESTRO_URL", api.url)
    monkeypatch.setenv("MAESTRO_KEY", "mk_test_key")
    root = tmp_path / "shop"
    root.mkdir()
    (root / "shop.py").write_text("PRICE = 1\n")
    (root / "other.py").write_text("RATE = 1\n")
    (root / "maestro.yaml").write_text("project: shop\nsuites:\n  unit:\n    paths: [.]\n")
    return root


def serve(api: ApiServer, tiers: dict[str, str], outcome: str = "healed") -> None:
    """Have the service take a run and end it with one accepted repair of each tier."""
    repairs = [
        {"id": name, "failures": [], "strategy": "syntax_repair", "status": "accepted", "tier": tier,
         "confidence": 0.9, "summary": f"Mend {name}", "tests_fixed": [], "files": [], "proof": {}}
        for name, tier in tiers.items()
    ]  # fmt: skip
    urls = {f"patch:{name}": f"{api.url}/s3/{name}" for name in tiers}
    urls |= {"patch": f"{api.url}/s3/all", "report": f"{api.url}/s3/page"} if tiers else {}
    told = {"run_id": RUN, "outcome": outcome, "totals": {"passed": 1}, "seconds": 1.0, "cost_usd": 0.0, "failures": [],
            "repairs": repairs, "flaky": [], "gates": [], "artifacts": urls}  # fmt: skip
    api.on("POST", "/v1/uploads", (200, {"upload_id": "u1", "url": f"{api.url}/s3/u1", "method": "PUT"}))
    api.on("PUT", "/s3/u1", b"")
    api.on("POST", "/v1/runs", (202, {"id": RUN, "status": "queued"}))
    api.on("GET", f"/v1/runs/{RUN}", (200, {"id": RUN, "status": outcome, "created_at": "2026-01-01T00:00:00Z"}))
    api.on("GET", f"/v1/runs/{RUN}/report", (200, told))
    for name in tiers:
        api.on("GET", f"/s3/{name}", PATCHES[name])
    api.on("GET", "/s3/all", b"".join(PATCHES[name] for name in tiers))
    api.on("GET", "/s3/page", b"<html>")


def invoke(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("project")
def test_a_former_runs_files_go_first_and_nothing_else(api: ApiServer, tmp_path: Path) -> None:
    # given an output folder with a former run's files, and files of somebody else
    out = tmp_path / "out"
    serve(api, {"r1": "applied", "r2": "applied"})
    assert invoke("run", "shop", "--output", "out").exit_code == 0
    assert files(out) == {"summary.json", "report.html", "repairs.patch", "repairs/r1.patch", "repairs/r2.patch"}
    (out / "junit.xml").write_text("another program's")
    (out / "repairs" / "mine.patch").write_text("by hand")

    # when a run that heals nothing writes there
    serve(api, {}, "passed")
    assert invoke("run", "shop", "--output", "out").exit_code == 0

    # then no patch of the former one is left to be applied
    assert files(out) == {"summary.json", "junit.xml", "repairs/mine.patch"}


@pytest.mark.usefixtures("project")
def test_they_go_even_if_the_new_run_breaks_off(api: ApiServer, tmp_path: Path) -> None:
    serve(api, {"r1": "applied"})
    invoke("run", "shop", "--output", "out")
    api.on("POST", "/v1/runs", (400, {"title": "Bad request", "detail": "no"}))

    assert invoke("run", "shop", "--output", "out").exit_code != 0

    assert not any((tmp_path / "out").iterdir())


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "summary",
    [
        "not JSON",
        "[]",
        '{"artifacts": {"patch": "repairs.patch"}}',
        '{"run_id": "x", "artifacts": {"a": "../keep", "b": "repairs/../keep", "c": "keep", "d": 3}}',
    ],
)
def test_a_summary_that_is_not_ours_costs_no_file(api: ApiServer, tmp_path: Path, summary: str) -> None:
    out = tmp_path / "out"
    (out / "repairs").mkdir(parents=True)
    for place in (tmp_path / "keep", out / "keep", out / "repairs.patch"):
        place.write_text("mine")
    (out / "summary.json").write_text(summary)
    serve(api, {}, "passed")

    assert invoke("run", "shop", "--output", "out").exit_code == 0

    assert (tmp_path / "keep").exists()
    assert {"keep", "repairs.patch", "summary.json"} <= files(out)


def test_the_summary_and_the_words_tell_what_was_applied(api: ApiServer, project: Path, tmp_path: Path) -> None:
    # given two accepted repairs of which one earned the tier, and an output folder within the project
    serve(api, {"r1": "applied", "r2": "review"})

    done = invoke("run", "shop", "--apply", "applied", "--output", "shop/out", "--json")

    # then that one is applied, and so it is told everywhere
    assert done.exit_code == 0, done.output
    assert "Applied 1 of 2 repairs to" in done.stderr
    assert "Left out: Mend r2" in done.stderr
    assert (project / "shop.py").read_text() == "PRICE = 2\n"
    assert (project / "other.py").read_text() == "RATE = 1\n"
    assert json.loads(done.stdout)["applied"] == ["r1"]
    assert json.loads((project / "out" / "summary.json").read_text())["applied"] == ["r1"]

    # and a run that applies nothing says that too
    invoke("run", "shop", "--output", str(tmp_path / "more"))
    assert json.loads((tmp_path / "more" / "summary.json").read_text())["applied"] == []


def test_what_does_not_apply_is_not_told_as_applied(api: ApiServer, project: Path, tmp_path: Path) -> None:
    (project / "shop.py").write_text("PRICE = 9\n")
    serve(api, {"r1": "applied"})

    done = invoke("run", "shop", "--apply", "applied", "--output", "out")

    assert done.exit_code == 4
    assert "does not apply" in done.stderr
    assert "HEALED" in done.stdout
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["applied"] == []


def test_one_file_is_not_called_files(api: ApiServer, project: Path) -> None:
    for name in ("other.py", "maestro.yaml"):
        (project / name).unlink()
    serve(api, {}, "passed")

    assert "shop: 1 file, " in invoke("run", "shop").stderr


@pytest.mark.usefixtures("project")
def test_runs_says_where_the_files_of_runs_with_their_own_stack_are(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a folder without a stack, and no run
    for name in ("MAESTRO_URL", "MAESTRO_KEY"):
        monkeypatch.delenv(name)
    assert ".maestro/runs" not in invoke("runs").stderr

    # when a run left its files there
    serve(api, {})
    invoke("run", "shop", "--url", api.url, "--key", "mk_test_key")

    # then they are named
    told = invoke("runs")
    assert told.exit_code == 4
    assert f"{tmp_path}/.maestro/runs, the newest run's in {RUN}" in told.stderr
