"""Real little projects on disk, a package index on 127.0.0.1, and failures as the capture plugin records them."""

import io
import json
import re
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from healing_strategies_bench import Bench
from maestro.model import (
    ErrorKind,
    Facts,
    Failure,
    Frame,
    Phase,
    Severity,
)

_NOW = datetime.now(UTC)
INDEX: dict[str, list[tuple[str, str]]] = {
    "pyyaml": [("6.0", "2021-10-13")],
    "mock": [("5.2.0", "2025-01-01")],
    "paste": [("3.10.1", "2024-01-01")],
    "whatever": [("0.7", "2022-01-01")],
    "widgets": [("1.0.0", "2018-01-01"), ("1.4.0", "2019-01-01"), ("2.0.0", "2021-01-01"), ("2.1.0", "2023-01-01")],
    "gadgets": [("0.9", "2018-06-01"), ("1.0", "2022-01-01")],
    "markupsafe": [("1.1.1", "2019-02-23"), ("2.0.1", "2021-05-18"), ("2.1.0", "2022-02-17"), ("3.0.4", "2025-09-01")],
    "werkzeug": [
        ("0.9", "2013-06-01"),
        ("0.16.1", "2020-01-27"),
        ("1.0.1", "2020-03-31"),
        ("3.0.0", "2023-09-30"),
        ("3.1.3", "2024-11-08"),
    ],
    "yearly": [
        ("0.1", "2010-01-01"),
        *((f"{9 - n}.0", f"{_NOW - timedelta(days=365 * n - 180):%Y-%m-%d}") for n in range(8, 0, -1)),
    ],
    "cachelib": [("0.13.0", "2024-04-13")],
    "urllib3": [("1.26.0", "2020-11-10"), ("2.0.0", "2023-04-26"), ("2.5.0", "2025-06-18")],
    "demo": [
        ("1.0", "2019-06-01"),
        ("1.1", "2020-06-01"),
        ("1.3", "2021-02-01"),
        ("1.5", "2023-02-01"),
        ("3.0", "2126-01-01"),
    ],
    "pytest": [
        ("5.4.1", "2020-03-01"),
        ("6.1.2", "2020-10-01"),
        ("6.2.0", "2020-12-12"),
        ("8.4.2", "2024-08-01"),
        ("9.2.0", "2026-05-01"),
    ],
    "arrays": [("0.1", "2010-01-01"), ("1.0", "2018-01-01"), ("1.5", "2023-12-01"), ("2.0", "2025-01-01")],
    "modern": [("1.0", "2025-06-01")],
    "pytest-widgets": [("1.0", "2022-06-01")],
    "squatter": [("1.0", "2024-01-01")],
    "wheeled": [("1.0", "2024-01-01")],
    "newcomer": [("0.9", "2024-01-01"), ("1.0", "2025-06-01")],
    "frame": [("0.9", "2019-01-01"), ("1.5", "2021-06-01"), ("3.0", "2025-03-01")],
    "base": [
        ("0.8", "2018-12-01"),
        ("1.4", "2021-05-01"),
        ("1.5", "2022-03-01"),
        ("2.0", "2023-03-01"),
        ("3.0", "2025-02-01"),
    ],
    "helper": [("2.0", "2020-05-01"), ("2.9", "2025-02-01")],
    "closed": [("1.0", "2018-01-01"), ("2.0", "2025-01-01")],
    "dead": [("0.9", "2012-01-01"), ("1.0", "2013-01-01")],
    "stale": [("1.0", "2014-01-01"), ("2.0", "2024-06-01")],
    "pytest-cov": [("7.0", "2025-01-01")],
    "pytest-mock": [("3.14", "2025-01-01")],
    "pytest-tornado": [("0.8", "2020-01-01")],
    "sphinx": [("8.0", "2024-07-01")],
}

PYTHONS = {"modern": ">=3.11"}
WHEELS = {
    "wheeled-1.0": ["py3-none-any"],
    "arrays-1.0": ["cp38-cp38-manylinux1_x86_64"],
    "arrays-1.5": ["cp38-cp38-manylinux1_x86_64", "cp312-cp312-manylinux1_x86_64"],
    "arrays-2.0": ["cp312-cp312-manylinux1_x86_64"],
    **{f"frame-{v}": ["py3-none-any"] for v in ("0.9", "1.5", "3.0")},
    "closed-1.0": ["cp38-cp38-manylinux1_x86_64"],
    "closed-2.0": ["cp312-cp312-manylinux1_x86_64"],
    "dead-0.9": ["py2-none-any"],
    "dead-1.0": ["cp27-cp27m-manylinux1_x86_64"],
    "stale-1.0": ["cp27-cp27m-manylinux1_x86_64"],
    "stale-2.0": ["py3-none-any"],
}


MODULES = {"squatter": "something_else"}
# What each release requires, as its wheel says; that of frame 0.9 stands where only its whole wheel shows it.
NEEDS = {
    "frame-0.9": ["helper"],
    "frame-1.5": ["Base>=1", "helper>=2", "pytest>=5", "gadgets ; extra == 'fast'"],
    "frame-3.0": ["base>=3"],
}


class _Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/files/"):
            self._file(self.path.rpartition("/")[2])
            return
        name = self.path.strip("/").rpartition("/")[2]
        releases = INDEX.get(name)
        self.send_response(200 if releases else 404)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.end_headers()
        files = [
            {
                "filename": f"{name}-{end}",
                "url": f"../../files/{name}-{end}",
                "size": 1000,
                "upload-time": f"{day}T00:00:00Z",
                "requires-python": PYTHONS.get(name, ""),
            }
            for v, day in releases or ()
            for end in (
                *([] if name == "closed" else [f"{v}.tar.gz"]),
                *(f"{v}-{tag}.whl" for tag in WHEELS.get(f"{name}-{v}", ())),
            )
        ]
        self.wfile.write(json.dumps({"name": name, "files": files, "meta": {"api-version": "1.1"}}).encode())

    def _file(self, filename: str) -> None:
        """Send a release: what it brings is a module of the distribution's name, or what MODULES says."""
        name, _, rest = filename.partition("-")
        module, held = MODULES.get(name, name), io.BytesIO()
        if filename.endswith(".whl"):
            release = "-".join(filename.split("-")[:2])
            said = "".join(f"Requires-Dist: {line}\n" for line in NEEDS.get(release, ()))
            padding, metadata = (
                ("padding.txt", "x" * 400_000),
                (f"{release}.dist-info/METADATA", f"Name: {name}\n{said}"),
            )
            with zipfile.ZipFile(held, "w") as wheel:
                for entry in (metadata, padding) if release == "frame-0.9" else (padding, metadata):
                    wheel.writestr(*entry)
                wheel.writestr(f"{module}/__init__.py", "")
        else:
            with tarfile.open(fileobj=held, mode="w:gz") as sdist:
                sdist.addfile(tarfile.TarInfo(f"{name}-{rest.removesuffix('.tar.gz')}/{module}.py"))
        body = held.getvalue()
        tail = re.fullmatch(r"bytes=-(\d+)", self.headers.get("Range", ""))
        self.send_response(206 if tail else 200)
        self.end_headers()
        self.wfile.write(body[-int(tail[1]) :] if tail else body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def index() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Index)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def bench(tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
    assert shutil.which("git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    root = tmp_path / "project"
    root.mkdir()
    return Bench(root, index)


@pytest.fixture
def fail() -> Callable[..., Failure]:
    def make(
        exception: str,
        message: str,
        *,
        tests: tuple[str, ...] = ("tests/test_demo.py::test_it",),
        file: str = "tests/test_demo.py",
        line: int = 1,
        text: str = "",
        attributes: Mapping[str, Any] | None = None,
        assertion: Mapping[str, Any] | None = None,
        versions: Mapping[str, str] | None = None,
        frames: tuple[Frame, ...] | None = None,
    ) -> Failure:
        shown = (Frame(file, line, "test_it", in_project=True),) if frames is None else frames
        facts = Facts(
            Phase.CALL,
            exception,
            message,
            attributes=attributes or {},
            assertion=assertion or {},
            frames=shown,
            versions=versions or {},
            text=text or f"E   {exception}: {message}\n{file}:{line}: {exception}",
        )
        return Failure(
            "f1", ErrorKind.TEST_FAILURE, Severity.HIGH, "s", "c", tests, "tests", f"{exception}: {message}", facts
        )

    return make
