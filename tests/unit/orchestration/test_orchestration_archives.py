"""Environments are built once and kept in the bucket for sandboxes that share no disk."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from maestro.model import EnvironmentSpec, Suite
from maestro.orchestration.execution import Sandbox
from maestro.orchestration.orders import EnvironmentArchive, PrepareOrder, Source
from maestro.orchestration.transfer import Transfer
from maestro.registry import archive_key, pack
from maestro.settings import network_variables


class Objects(Transfer):
    """Presigned URLs whose objects are in a dict."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__()
        self.objects = objects
        self.asked: list[str] = []

    def download(self, url: str, dest: Path) -> None:
        dest.write_bytes(self.objects[url])

    def find(self, url: str, dest: Path) -> bool:
        self.asked.append(url)
        if url not in self.objects:
            return False
        dest.write_bytes(self.objects[url])
        return True

    def put(self, url: str, body: bytes) -> None:
        self.objects[url] = body


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "test_it.py").write_text("def test_it():\n    assert True\n")
    return folder


@contextmanager
def sandbox(cache: Path, objects: dict[str, bytes]) -> Iterator[Sandbox]:
    cache.mkdir(exist_ok=True)
    made = Sandbox(cache, network_variables(os.environ), os.environ["PATH"], Objects(objects), "acme")
    try:
        yield made
    finally:
        made.close()


def test_a_second_sandbox_adopts_what_the_first_one_built(tmp_path: Path, project: Path) -> None:
    # given a bundle in the bucket, and no environment anywhere
    pack(project, tmp_path / "bundle.tar.gz")
    objects = {"source": (tmp_path / "bundle.tar.gz").read_bytes()}
    suite = Suite("unit", environment=EnvironmentSpec(python="3.11", install=("pytest>=8",)))
    archive = EnvironmentArchive(archive_key(suite.environment, project), "get", "get")
    order = PrepareOrder(Source("source", "one"), (suite,), seconds=300, archive=archive)
    cache = tmp_path / "cache"

    # when one sandbox prepares it, and another one with an empty disk after it
    with sandbox(cache, objects) as first:
        built = first.prepare(order)
    assert "get" in objects
    shutil.rmtree(cache)
    with sandbox(cache, objects) as second:
        adopted = second.prepare(order)

    # then the second one found it built, and it works
    assert (built.error, adopted.error) == ("", "")
    assert (built.reused, adopted.reused) == (False, True)
    assert adopted.collections[0].tests == ("test_it.py::test_it",)


def test_an_environment_that_a_patch_changed_is_another_one(tmp_path: Path, project: Path) -> None:
    # given an order whose archive is of other requirements
    pack(project, tmp_path / "bundle.tar.gz")
    objects = {"source": (tmp_path / "bundle.tar.gz").read_bytes()}
    other = EnvironmentSpec(python="3.11", install=("pytest>=7",))
    suite = Suite("unit", environment=EnvironmentSpec(python="3.11", install=("pytest>=8",)))
    archive = EnvironmentArchive(archive_key(other, project), "get", "get")

    # when it is prepared
    with sandbox(tmp_path / "cache", objects) as made:
        answer = made.prepare(PrepareOrder(Source("source", "one"), (suite,), seconds=300, archive=archive))
        asked = made.transfer.asked  # type: ignore[attr-defined]

    # then the archive was neither used nor overwritten
    assert answer.error == ""
    assert asked == []
    assert "get" not in objects
