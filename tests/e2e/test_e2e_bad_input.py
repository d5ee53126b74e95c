"""Bad input: a clear error each time, the right exit code, and a stack that works on as before."""

import io
import os
import re
import tarfile
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from maestro_cli.client import Client
from maestro_cli.stack import keyring
from support.command import PLAIN, Done, maestro, outcomes, pids_with, project
from support.stack import RunningStack
from support.waiting import eventually

OK = {"tests/test_ok.py": "def test_ok():\n    assert True\n"}
FINAL = {"passed", "failed", "error", "cancelled", "healed"}
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
PR_CAPBSET_DROP = 24


@pytest.fixture(scope="module", autouse=True)
def _unharmed(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After all that happened here, a small good run passes on the same stack."""
    yield
    done = maestro(stack.folder, "run", project(tmp_path_factory.mktemp("good"), OK))
    assert (done.code, done.json["outcome"]) == (0, "passed"), done.err
    assert stack.stack.status().api


def run(stack: RunningStack, root: Path, *words: str) -> Done:
    return maestro(stack.folder, "run", root, *words)


def submit(client: Client, bundle: bytes, folder: Path) -> dict[str, Any]:
    """Upload bytes as a bundle and submit them; return the run when it has ended."""
    upload = client.post("/v1/uploads", idempotency_key=str(uuid.uuid4()))
    file = folder / "bundle.tar.gz"
    file.write_bytes(bundle)
    client.upload(upload["url"], file)
    body = {"project": "hostile", "upload_id": upload["upload_id"]}
    accepted = client.post("/v1/runs", body, idempotency_key=str(uuid.uuid4()))
    return ended(client, accepted["id"])


def ended(client: Client, run_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = client.get(f"/v1/runs/{run_id}")
        return found if found["status"] in FINAL else None

    return eventually(look, f"run {run_id} to end")


# ---------------------------------------------------------------------- folders


def test_a_folder_that_is_not_there(stack: RunningStack, tmp_path: Path) -> None:
    done = run(stack, tmp_path / "nowhere")
    assert done.code == 4
    assert "nowhere is not there" in done.error


def test_a_file_instead_of_a_folder(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text("x = 1\n", encoding="utf-8")
    done = run(stack, file)
    assert done.code == 4
    assert "file.py" in done.error


def test_an_empty_folder(stack: RunningStack, tmp_path: Path) -> None:
    done = run(stack, project(tmp_path / "empty", {}, config=""))
    assert done.code == 4
    assert done.json["error"]["code"] == "bundle_empty"
    assert "holds no files" in done.error


@pytest.mark.parametrize("place", [".", "tests", "maestro.yaml", "tests/test_ok.py"])
def test_a_folder_that_may_not_be_read(stack: RunningStack, tmp_path: Path, place: str) -> None:
    # given a folder that its reader has no right to (root's own rights over all files are given up for this)
    root = project(tmp_path / "locked", OK)
    (root / place).chmod(0)
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(f"""\
            import ctypes, os, sys
            for capability in ({CAP_DAC_OVERRIDE}, {CAP_DAC_READ_SEARCH}):
                ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, capability, 0, 0, 0)
            os.execv(sys.argv[1], sys.argv[1:])
        """),
        encoding="utf-8",
    )
    try:
        done = maestro(stack.folder, "run", root, through=script)
    finally:
        (root / place).chmod(0o700)

    # then it says so; it does not call the folder empty
    assert done.code == 4, done.err
    assert re.search(rf"{re.escape(Path('locked', place).name)}.*cannot be read", done.error), done.error


# ---------------------------------------------------------------------- maestro.yaml


@pytest.mark.parametrize(
    ("config", "place", "words"),
    [
        (PLAIN.replace("environment:", "environmnt:"), "maestro.yaml:2:1:", "did you mean 'environment'?"),
        (PLAIN.replace("[tests]", "[tests]\n    timeout: soon"), "maestro.yaml:8:", "timeout"),
        (PLAIN.replace("[tests]", "[tests"), "maestro.yaml:", "not YAML"),
        ("- a list\n", "maestro.yaml:1:1:", "keys"),
    ],
    ids=["a wrong key", "a wrong type", "no YAML", "a list"],
)
def test_a_wrong_configuration(stack: RunningStack, tmp_path: Path, config: str, place: str, words: str) -> None:
    done = run(stack, project(tmp_path / "project", OK, config))
    assert done.code == 4
    assert done.json["error"]["code"] == "config_invalid"
    assert place in done.error
    assert words in done.error


def test_a_wrong_configuration_that_the_command_has_not_seen(stack: RunningStack, tmp_path: Path) -> None:
    # given a bundle that was uploaded by somebody else's client
    bundle = packed({"maestro.yaml": PLAIN.replace("[tests]", "[tests]\n    tests: all").encode()})

    # when it runs, then the stored reason has the place and what would be right
    ended = submit(stack.client, bundle, tmp_path)
    assert (ended["status"], ended["code"]) == ("error", "config_invalid")
    assert "maestro.yaml:8:5: " in ended["reason"]
    assert "unknown key 'tests'" in ended["reason"]


def test_a_suite_that_is_not_there(stack: RunningStack, tmp_path: Path) -> None:
    done = run(stack, project(tmp_path / "project", OK), "--suite", "integration")
    assert done.code == 4
    assert "no suite integration" in done.error
    assert "unit" in done.error


# ---------------------------------------------------------------------- projects


@pytest.mark.parametrize(
    ("files", "config"),
    [
        ({"shop.py": "x = 1\n"}, ""),
        ({"tests/test_none.py": "x = 1\n"}, ""),
        ({"tests/test_none.py": "x = 1\n"}, PLAIN),
        ({"tests/empty.txt": ""}, PLAIN),
    ],
    ids=["no file", "no test", "no test in the suite's paths", "no file in the suite's paths"],
)
def test_a_project_without_tests(stack: RunningStack, tmp_path: Path, files: dict[str, str], config: str) -> None:
    done = run(stack, project(tmp_path / "project", files, config))
    assert done.json["outcome"] == "error"
    assert done.code == 5
    assert "no tests" in done.json["reason"].lower()


def test_a_suite_whose_path_is_not_there(stack: RunningStack, tmp_path: Path) -> None:
    done = run(stack, project(tmp_path / "project", {"shop.py": "x = 1\n"}), "--no-heal")
    assert done.json["outcome"] in ("failed", "error")
    assert done.code == 1
    assert done.json["totals"]["passed"] == 0
    assert "file or directory not found: tests" in done.json["failures"][0]["message"]


def test_an_environment_that_cannot_be_built(stack: RunningStack, tmp_path: Path) -> None:
    config = PLAIN.replace("[pytest]", "[pytest, 'no-such-package-of-anybody==1.2.3']")
    done = run(stack, project(tmp_path / "project", OK, config))
    assert done.json["outcome"] == "error"
    assert done.code == 1, "the project's own fault is no internal error"
    assert done.json["code"] == "environment_build_failed"
    assert "no-such-package-of-anybody" in done.json["reason"]
    assert "not found" in done.json["reason"], "the installer's own words"


def test_a_conftest_that_raises(stack: RunningStack, tmp_path: Path) -> None:
    files = {**OK, "tests/conftest.py": "raise RuntimeError('no database today')\n"}
    done = run(stack, project(tmp_path / "project", files), "--no-heal")
    assert done.json["outcome"] in ("error", "failed")
    assert done.code == 1
    assert done.json["totals"]["error"] >= 1
    assert done.json["totals"]["passed"] == 0
    assert any("no database today" in failure["message"] for failure in done.json["failures"])


HOSTILE = {
    "tests/test_ends.py": """\
        import os, signal, time

        def test_before():
            pass

        def test_never_ends():
            while True:
                time.sleep(0.1)

        def test_between():
            pass

        def test_kills_its_process():
            os.kill(os.getpid(), signal.SIGKILL)

        def test_leaves_with_success():
            os._exit(0)

        def test_after():
            pass
        """,
    "tests/test_noise.py": """\
        import os

        def test_prints_50_megabytes():
            line = "x" * (1 << 20)
            for _ in range(50):
                print(line)

        def test_writes_to_the_terminal_itself():
            for _ in range(50):
                os.write(1, b"y" * (1 << 20))
        """,
    "tests/test_reach.py": """\
        import os, subprocess, sys

        def test_leaves_a_daemon():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", "MARKER"])
                os._exit(0)

        def test_sees_no_credentials():
            secret = ("AWS_", "MAESTRO_", "PIP_", "UV_", "REDIS")
            assert [name for name in os.environ if name.startswith(secret) or name.upper().endswith("_PROXY")] == []

        def test_finds_none_above_itself():
            above = open(f"/proc/{os.getppid()}/environ", "rb").read()
            assert b"AWS_SECRET" not in above and b"REDIS" not in above

        def test_holds_no_descriptor_of_the_stack():
            own = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                   if os.path.lexists(f"/proc/self/fd/{fd}")}
            parts = ("aws", "valkey", "s3", "logs", "stack.json")
            assert not [name for name in own if any(f".maestro/{part}" in name for part in parts)]
        """,
}


def test_tests_that_misbehave(stack: RunningStack, tmp_path: Path) -> None:
    # given tests that hang, die, shout, leave something behind and look for secrets
    marker = f"maestro-e2e-{uuid.uuid4().hex}"
    files = {name: textwrap.dedent(text).replace("MARKER", marker) for name, text in HOSTILE.items()}
    config = PLAIN.replace("[tests]", "[tests]\n    timeout: 2")

    # when they run
    done = run(stack, project(tmp_path / "project", files, config), "--no-heal")

    # then each that could not end is an error that says why, and no other test is touched by it
    assert done.code == 1, done.err
    results = outcomes(list(stack.client.pages(f"/v1/runs/{done.json['run_id']}/tests")))
    ends = "tests/test_ends.py::test_"
    expected = {"never_ends": "timeout", "kills_its_process": "SIGKILL", "leaves_with_success": "exit code 0"}
    for name, words in expected.items():
        assert results[ends + name] == "error"
        assert words in results.message(ends + name)
    bad = {test: result["message"] for test, result in results.by_id.items() if result["outcome"] != "passed"}
    assert set(bad) == {ends + name for name in expected}
    assert len(results.by_id) == 12

    # and nothing of it is left
    eventually(lambda: not pids_with(marker) or None, "the daemon to be gone")

    # and what was printed is kept short
    reports = maestro(stack.folder, "show", done.json["run_id"])
    assert reports.code in (0, 1)
    assert len(reports.out) < 1 << 20


# ---------------------------------------------------------------------- bundles


def packed(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """Make a tar.gz whose members have exactly these names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def _above(_: Path) -> bytes:
    return packed({"tests/test_ok.py": b"def test_ok(): pass\n", "../../../../escaped.txt": b"out"})


def _absolute(outside: Path) -> bytes:
    return packed({str(outside / "escaped.txt"): b"out"})


def _link(outside: Path) -> bytes:
    return packed({"door/escaped.txt": b"out"}, links={"door": str(outside)})


@pytest.mark.parametrize("make", [_above, _absolute, _link], ids=["above", "absolute", "through a link"])
def test_a_bundle_that_reaches_out(stack: RunningStack, tmp_path: Path, make: Callable[[Path], bytes]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    ended = submit(stack.client, make(outside), tmp_path)
    assert (ended["status"], ended["code"]) == ("error", "bundle_unsafe")
    assert "escaped.txt" in ended["reason"] or "door" in ended["reason"]
    assert list(outside.iterdir()) == []
    assert not list(stack.folder.parent.rglob("escaped.txt"))


_CUT = packed({"a.py": os.urandom(100_000)})[:-40_000]


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 4096, b"PK\x03\x04 no tar", _CUT],
    ids=["nothing", "zeros", "a zip", "cut off"],
)  # fmt: skip
def test_a_bundle_that_is_none(stack: RunningStack, tmp_path: Path, body: bytes) -> None:
    ended = submit(stack.client, body, tmp_path)
    assert ended["status"] == "error"
    assert ended["code"].startswith("bundle_")
    assert "bundle" in ended["reason"].lower() or "archive" in ended["reason"].lower()


# ---------------------------------------------------------------------- the API


def ask(stack: RunningStack, path: str, key: str = "") -> tuple[int, dict[str, Any], str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = urllib3.request("GET", stack.record.api_url + path, headers=headers, timeout=60, retries=False)
    return answer.status, answer.json(), answer.headers["Content-Type"]


def test_a_run_that_nobody_knows(stack: RunningStack) -> None:
    status, problem, kind = ask(stack, "/v1/runs/01890a5d-ac96-774b-bcce-b302099a8057", stack.record.api_key)
    assert (status, problem["status"], problem["code"], kind) == (404, 404, "not_found", "application/problem+json")
    done = maestro(stack.folder, "show", "no-such-run")
    assert done.code == 4
    assert "no-such-run" in done.error


def test_no_key_and_wrong_keys(stack: RunningStack) -> None:
    key = stack.record.api_key
    for wrong in (
        "",
        "mk_",
        "nonsense",
        key[:-1] + ("A" if key[-1] != "A" else "B"),
        "mk_ffffffffffffffff_" + "x" * 43,
    ):
        status, problem, kind = ask(stack, "/v1/runs", wrong)
        assert (status, problem["code"], kind) == (401, "unauthenticated", "application/problem+json")
    done = maestro(stack.folder, "runs", "--url", stack.record.api_url, "--key", "mk_wrong_key")
    assert done.code == 4
    assert "401" in done.error


def test_what_belongs_to_another_tenant_is_not_there(stack: RunningStack, tmp_path: Path) -> None:
    # given a run of ours, and a valid key of somebody else
    ours = run(stack, project(tmp_path / "project", OK)).json["run_id"]
    key, _ = keyring.local(stack.record).create("another", keyring.SCOPES)

    # when they ask for it, or want to stop it, then there is no such thing
    for path in ("", "/tests", "/failures", "/repairs", "/report"):
        status, problem, _ = ask(stack, f"/v1/runs/{ours}{path}", key)
        assert (status, problem["code"]) == (404, "not_found"), path
    assert Client(stack.record.api_url, key).get("/v1/runs")["items"] == []
    assert ask(stack, f"/v1/runs/{ours}", stack.record.api_key)[0] == 200


def test_a_key_without_the_scope(stack: RunningStack) -> None:
    key, _ = keyring.local(stack.record).create("local", ["runs:read"])
    status, problem, _ = ask(stack, "/v1/audit/verify", key)
    assert (status, problem["code"]) == (403, "forbidden")
