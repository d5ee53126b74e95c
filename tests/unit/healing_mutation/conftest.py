"""The real sandbox on small projects, fed over HTTP as in production."""

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from healing_mutation_lab import Lab
from maestro.orchestration.execution import Sandbox
from maestro.settings import network_variables


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("served")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path_factory.mktemp("cache"), network_variables(os.environ), os.environ["PATH"])
    yield made
    for adapter in made._adapters.values():
        adapter.close()


@pytest.fixture
def lab(sandbox: Sandbox, served: tuple[Path, str], tmp_path: Path) -> Lab:
    return Lab(sandbox, *served, tmp_path)
