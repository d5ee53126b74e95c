"""The commands, run as typer runs them, against a real HTTP server and real folders."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from maestro_cli.main import app
from support.api_server import ApiServer, Request, api_server
from typer.testing import CliRunner

RUN = "0190f0a0-0000-7000-8000-000000000001"
PATCH = b"diff --git a/shop.py b/shop.py\n--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-PRICE = 1\n+PRICE = 2\n"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with api_server() as server:
        yield server


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: ApiServer) -> Path:
    """A working folder of its own, with the service named by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAESTRO_URL", api.url)
    monkeypatch.setenv("MAESTRO_KEY", "mk_test_key")
    return tmp_path


@pytest.fixture
def project(here: Path) -> Path:
    root = here / "shop"
    (root / "tests").mkdir(parents=True)
    (root / "shop.py").write_text("PRICE = 1\n")
    (root / "tests" / "test_shop.py").write_text("def test_price():\n    assert True\n")
    (root / "maestro.yaml").write_text("project: shop\nsuites:\n  unit:\n    paths: [tests]\n")
    return root


def invoke(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))


def document(api: ApiServer, **changes: Any) -> dict[str, Any]:
    repair = {
        "id": "r1",
        "failures": ["f1"],
        "strategy": "assertion_update",
        "status": "accepted",
        "tier": "applied",
        "confidence": 0.97,
        "summary": "Set the price",
        "tests_fixed": ["tests/test_shop.py::test_price"],
        "files": ["shop.py"],
        "proof": {"target": {"passed": True, "detail": "1 of 1"}},
    }
    return {
        "run_id": RUN,
        "outcome": "healed",
        "totals": {"passed": 3, "failed": 1},
        "seconds": 1.5,
        "cost_usd": 0.0012,
        "failures": [
            {
                "id": "f1",
                "kind": "test_failure",
                "signature": "s",
                "cause": "The price is \x1b[2Jwrong [bold]",
                "regression": False,
                "tests": ["tests/test_shop.py::test_price"],
                "message": "assert 1 == 2",
            }
        ],
        "repairs": [repair],
        "flaky": [{"id": "tests/test_shop.py::test_now", "suite": "unit", "why": "passed on a retry"}],
        "gates": [],
        "artifacts": {
            "report": f"{api.url}/s3/report.html",
            "junit": f"{api.url}/s3/junit.xml",
            "ctrf": f"{api.url}/s3/ctrf.json",
            "patch": f"{api.url}/s3/repairs.patch",
            "patch:r1": f"{api.url}/s3/repairs/r1.patch",
        },
        **changes,
    }


def serve_run(api: ApiServer, **changes: Any) -> dict[str, Any]:
    """Have the server take a run, work on it for two looks, and end it with the document."""
    told = document(api, **changes)
    api.on("POST", "/v1/uploads", (200, {"upload_id": "u1", "url": f"{api.url}/s3/u1", "method": "PUT"}))
    api.on("PUT", "/s3/u1", b"")
    api.on("POST", "/v1/runs", (202, {"id": RUN, "status": "queued"}))
    base = {"id": RUN, "project": "shop", "created_at": "2026-01-01T00:00:00Z"}
    api.on(
        "GET",
        f"/v1/runs/{RUN}",
        (200, {**base, "status": "queued", "progress": {}}),
        (200, {**base, "status": "running", "progress": {"state": "Run Waves", "chunks_done": 1, "chunks_total": 4}}),
        (200, {**base, "status": told["outcome"], "reason": told.get("reason", "")}),
    )
    api.on("GET", f"/v1/runs/{RUN}/report", (200, told))
    api.on(
        "GET",
        f"/v1/runs/{RUN}/failures",
        (
            200,
            {
                "items": [
                    {
                        "id": "f1",
                        "suspects": [
                            {"file": "shop.py", "function": "price", "commit": "abcdef1234567", "why": "it changed"}
                        ],
                    }
                ],
                "cursor": None,
            },
        ),
    )
    for name in ("report.html", "junit.xml", "ctrf.json"):
        api.on("GET", f"/s3/{name}", name.encode())
    api.on("GET", "/s3/repairs.patch", PATCH)
    api.on("GET", "/s3/repairs/r1.patch", PATCH)
    return told


def test_run_brings_everything_home_and_shows_the_verdict(api: ApiServer, project: Path, here: Path) -> None:
    serve_run(api, totals_after={"passed": 4, "failed": 0})

    done = invoke("run", "shop")

    # then the verdict is readable, and what others wrote neither moves the cursor nor is markup
    assert done.exit_code == 0, done.output
    assert "HEALED  as submitted: 3 passed, 1 failed; with the repairs: 4 passed, 1.5 s" in done.stdout
    assert "Set the price" in done.stdout
    assert "97% confident" in done.stdout
    assert "+PRICE = 2" in done.stdout
    assert "test_now" in done.stdout
    assert "\x1b" not in done.stdout
    assert "Run Waves, 1/4 chunks" in done.stderr

    # and the output folder holds all of it
    folder = here / ".maestro" / "runs" / RUN
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written == {"summary.json", "report.html", "junit.xml", "ctrf.json", "repairs.patch", "repairs/r1.patch"}
    assert (folder / "repairs.patch").read_bytes() == PATCH
    assert json.loads((folder / "summary.json").read_text())["artifacts"]["patch:r1"] == "repairs/r1.patch"
    assert (project / "shop.py").read_text() == "PRICE = 1\n"


def test_run_submits_the_source_with_its_history(api: ApiServer, project: Path) -> None:
    # given a project in git with a commit and an uncommitted change
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "Set the price"], check=True)
    (project / "new.py").write_text("")
    serve_run(api)

    # when it is run with options
    assert invoke("run", "shop", "--no-heal", "--suite", "unit").exit_code == 0

    # then they are in the request, and so are both changes
    sent = api.calls("POST", "/v1/runs")[0].json
    assert {name: sent[name] for name in ("project", "upload_id", "heal", "suites")} == {
        "project": "shop",
        "upload_id": "u1",
        "heal": False,
        "suites": ["unit"],
    }
    uncommitted, commit = sent["changes"]
    assert uncommitted["files"] == ["new.py"]
    assert commit["subject"] == "Set the price"
    assert sorted(commit["files"]) == ["maestro.yaml", "shop.py", "tests/test_shop.py"]
    assert api.calls("PUT", "/s3/u1")[0].body[:2] == b"\x1f\x8b"


@pytest.mark.usefixtures("project")
def test_run_with_json_prints_one_document_and_nothing_else(api: ApiServer, here: Path) -> None:
    serve_run(api)

    done = invoke("run", "shop", "--json", "--output", "out")

    told = json.loads(done.stdout)
    assert told == json.loads((here / "out" / "summary.json").read_text())
    assert told["artifacts"]["report"] == "report.html"


def test_run_applies_what_earned_the_tier(api: ApiServer, project: Path) -> None:
    serve_run(api)

    assert invoke("run", "shop", "--apply", "applied").exit_code == 0

    assert (project / "shop.py").read_text() == "PRICE = 2\n"


def test_run_leaves_alone_what_did_not_earn_the_tier(api: ApiServer, project: Path) -> None:
    repair = {**document(api)["repairs"][0], "tier": "review"}
    serve_run(api, repairs=[repair])

    done = invoke("run", "shop", "--apply", "applied")

    assert "No repair of tier applied" in done.stderr
    assert "Left out: Set the price (apply and review)" in done.stderr
    assert (project / "shop.py").read_text() == "PRICE = 1\n"


def test_run_refuses_to_apply_to_a_tree_that_changed_meanwhile(api: ApiServer, project: Path) -> None:
    serve_run(api)
    patch = api.routes["GET", "/s3/repairs.patch"]

    def edit_meanwhile(request: Request) -> Any:
        (project / "shop.py").write_text("PRICE = 3\n")
        return patch(request)

    api.routes["GET", "/s3/repairs.patch"] = edit_meanwhile

    done = invoke("run", "shop", "--apply", "applied")

    assert done.exit_code == 4
    assert "changed while the run was at work" in done.stderr
    assert (project / "shop.py").read_text() == "PRICE = 3\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"outcome": "passed"}, 0),
        ({"outcome": "failed"}, 1),
        ({"outcome": "cancelled"}, 2),
        ({"outcome": "error", "totals": {}, "failures": [], "repairs": [], "reason": "A step of the run failed"}, 3),
        ({"outcome": "error", "totals": {"error": 2}, "failures": [], "repairs": []}, 1),
        (
            {
                "outcome": "error",
                "totals": {},
                "failures": [],
                "repairs": [],
                "reason": "No tests were collected: none.",
            },
            5,
        ),
    ],
)
def test_run_ends_with_pytests_exit_codes(api: ApiServer, changes: dict[str, Any], code: int) -> None:
    serve_run(api, **changes)

    assert invoke("run", "shop").exit_code == code


@pytest.mark.usefixtures("project")
def test_run_shows_a_regression_with_its_suspects(api: ApiServer) -> None:
    failure = {**document(api)["failures"][0], "regression": True}
    serve_run(api, outcome="failed", failures=[failure], repairs=[])

    done = invoke("run", "shop")

    assert "Regressions" in done.stdout
    assert "suspect shop.py:price abcdef1234: it changed" in done.stdout


def test_a_broken_configuration_is_told_before_anything_is_sent(api: ApiServer, project: Path) -> None:
    (project / "maestro.yaml").write_text("project: shop\nsuite:\n  - name: unit\n")

    done = invoke("run", "shop")

    assert done.exit_code == 4
    assert "maestro.yaml:2:1" in done.stderr
    assert not api.seen


@pytest.mark.usefixtures("project")
def test_an_unknown_suite_or_folder_is_told() -> None:
    assert "there are: unit" in invoke("run", "shop", "--suite", "unot").stderr
    missing = invoke("run", "nowhere")
    assert missing.exit_code == 4
    assert "nowhere is not there" in missing.stderr


def test_errors_are_one_json_document_too() -> None:
    done = invoke("run", "nowhere", "--json")

    assert json.loads(done.stdout)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "args", [["frobnicate"], ["run"], ["up", "--nope"], ["config", "frob"], ["run", "x", "--apply", "all"]]
)
def test_wrong_usage_ends_with_4(args: list[str]) -> None:
    assert invoke(*args).exit_code == 4


def test_every_command_has_help_and_json() -> None:
    names = [["up"], ["down"], ["status"], ["doctor"], ["run"], ["runs"], ["show"], ["cancel"], ["logs"], ["init"]]
    names += [["config", "check"], ["config", "schema"], ["audit", "verify"], ["audit", "export"]]
    names += [["repairs"], ["approve"], ["reject"]]
    names += [["keys", "create"], ["keys", "list"], ["keys", "revoke"]]
    for name in names:
        done = invoke(*name, "--help")
        assert done.exit_code == 0
        assert "--json" in done.stdout, name


def test_a_deployed_service_needs_url_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAESTRO_KEY")

    done = invoke("runs")

    assert done.exit_code == 4
    assert "both --url and --key" in done.stderr


def test_without_a_stack_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAESTRO_URL")
    monkeypatch.delenv("MAESTRO_KEY")

    done = invoke("runs")

    assert done.exit_code == 4
    assert "maestro up" in done.stderr


def test_runs_lists_and_show_shows_the_latest(api: ApiServer) -> None:
    serve_run(api, outcome="failed", repairs=[])
    run = {"id": RUN, "status": "failed", "project": "shop", "created_at": "2026-01-01", "totals": {"failed": 1}}
    api.on("GET", "/v1/runs", (200, {"items": [run], "cursor": None}))
    api.on("GET", f"/v1/runs/{RUN}", (200, run))

    assert RUN in invoke("runs").stdout
    assert json.loads(invoke("runs", "--json").stdout)["runs"][0]["id"] == RUN
    shown = invoke("show", "latest")
    assert shown.exit_code == 1
    assert "FAILED" in shown.stdout


def test_cancel_posts_and_refusal_is_told(api: ApiServer) -> None:
    api.on("POST", f"/v1/runs/{RUN}/cancel", (200, {"id": RUN}))
    assert invoke("cancel", RUN).stdout == f"Cancelling {RUN}\n"

    api.on("POST", f"/v1/runs/{RUN}/cancel", (409, {"title": "Conflict", "detail": f"Run {RUN} has already ended."}))
    assert "already ended" in invoke("cancel", RUN).stderr


REPAIR = {
    "run_id": RUN,
    "created_at": "2026-01-01T00:00:00Z",
    "repair": {"id": "r1", "status": "accepted", "tier": "review", "confidence": 0.899, "strategy": "syntax_repair",
               "summary": "Add a colon [bold]"},
    "review": None,
}  # fmt: skip


def reviewed(word: str, reason: str = "") -> dict[str, Any]:
    return {**REPAIR, "review": {"word": word, "at": "2026-01-01T00:00:01Z", "by": "k1", "reason": reason}}


def test_repairs_are_listed_with_what_was_said_of_them(api: ApiServer) -> None:
    api.on("GET", "/v1/repairs", (200, {"items": [REPAIR, reviewed("rejected")], "cursor": None}))

    shown = invoke("repairs").stdout.splitlines()

    assert [line.split()[0] for line in shown] == ["repair", "r1", "r1"]
    assert "89%" in shown[1]
    assert "Add a colon [bold]" in shown[1]
    assert " rejected " in shown[2]
    assert " rejected " not in shown[1]
    assert json.loads(invoke("repairs", "--json").stdout) == {"repairs": [REPAIR, reviewed("rejected")]}
    api.on("GET", "/v1/repairs", (200, {"items": [], "cursor": None}))
    assert invoke("repairs").stdout == "No repairs yet\n"


def test_repairs_are_readable_in_a_narrow_terminal(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a repair with a long summary, and a terminal of 80 columns
    summary = "numpy.float is gone since 1.24: use float (tests/test_shop.py, tests/test_more.py)"
    record = reviewed("rejected")
    long = {**record, "repair": {**record["repair"], "summary": summary}}
    api.on("GET", "/v1/repairs", (200, {"items": [REPAIR, long], "cursor": None}))
    monkeypatch.setattr("maestro_cli.output._width", lambda _: 80)

    # when they are listed
    shown = [line.rstrip() for line in invoke("repairs").stdout.splitlines()]

    # then nothing is cut, and the summary has the width of the screen
    assert max(map(len, shown)) <= 80
    assert shown[1:4] == [
        "r1      Add a colon [bold]",
        "        syntax_repair, accepted, 89% confident, review",
        f"        run {RUN}",
    ]
    assert " ".join(" ".join(shown[4:6]).split()) == f"r1 {summary}"
    assert shown[6].endswith("review, rejected")


@pytest.mark.parametrize(("verb", "word"), [("approve", "approved"), ("reject", "rejected")])
def test_a_word_is_posted_with_its_reason(api: ApiServer, verb: str, word: str) -> None:
    answer = reviewed(word, "it only hides it")
    api.on("POST", f"/v1/repairs/r1/{verb}", (200, answer))

    done = invoke(verb, "r1", "--reason", "it only hides it")
    told = invoke(verb, "r1", "--json")

    assert (done.exit_code, done.stdout) == (0, f"{word.capitalize()} r1: Add a colon [bold]\n")
    assert json.loads(told.stdout) == answer
    assert [call.json for call in api.calls("POST", f"/v1/repairs/r1/{verb}")] == [
        {"reason": "it only hides it"},
        {"reason": ""},
    ]


def test_a_word_that_is_refused_ends_with_4_and_the_services_words(api: ApiServer) -> None:
    problem = {"title": "Conflict", "code": "repair_not_accepted", "detail": "The repair r1 did not survive the proof."}
    api.on("POST", "/v1/repairs/r1/approve", (409, problem))

    done = invoke("approve", "r1")
    missing = invoke("reject", "../keys")

    assert done.exit_code == missing.exit_code == 4
    assert "did not survive the proof" in done.stderr
    assert api.seen[-1].path == "/v1/repairs/..%2Fkeys/reject"


def test_audit_verify_fails_when_the_trail_is_broken(api: ApiServer) -> None:
    api.on("GET", "/v1/audit/verify", (200, {"ok": True}), (200, {"ok": False, "problem": "entry changed", "at": 7}))

    assert invoke("audit", "verify").exit_code == 0
    broken = invoke("audit", "verify")
    assert broken.exit_code == 1
    assert "entry changed at entry 7" in broken.stdout


def test_audit_export_writes_every_page(api: ApiServer, here: Path) -> None:
    api.routes["GET", "/v1/audit"] = lambda request: (
        200,
        {"items": [{"seq": 1}], "cursor": "1"}
        if "after=0" in request.query
        else {"items": [{"seq": 2}], "cursor": None},
    )

    assert invoke("audit", "export", "-o", "trail.jsonl").exit_code == 0

    assert [json.loads(line)["seq"] for line in (here / "trail.jsonl").read_text().splitlines()] == [1, 2]


def test_init_writes_what_config_check_accepts_and_replaces_nothing(project: Path) -> None:
    (project / "maestro.yaml").unlink()

    assert invoke("init", "shop").exit_code == 0
    checked = invoke("config", "check", "shop", "--json")
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["config"]["detected"] is False

    again = invoke("init", "shop")
    assert again.exit_code == 4
    assert "--force" in again.stderr
    assert invoke("init", "shop", "--force").exit_code == 0


def test_config_schema_is_a_json_schema() -> None:
    assert "$schema" in json.loads(invoke("config", "schema", "--json").stdout)
    assert "$schema" in json.loads(invoke("config", "schema").stdout)


def test_status_and_down_without_a_stack(here: Path) -> None:
    assert invoke("down").stdout == "Nothing was up\n"
    status = invoke("status", "--json")
    assert status.exit_code == 1
    assert json.loads(status.stdout)["up"] is False
    assert not (here / ".maestro").exists()
