"""Which modules a distribution really brings, and what a release of it needs: read from its files, running nothing.

A wheel is a zip archive: its list of files is at its end, which a range request fetches alone; so is its metadata,
mostly.
"""

import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

import urllib3
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from maestro.healing.strategies.declarations import metadata_requirements
from maestro.healing.strategies.index import IndexUnavailableError, file_version, index_url, pool
from maestro.healing.strategies.names import canonical

_ACCEPT = "application/vnd.pypi.simple.v1+json"
_TIMEOUT = urllib3.Timeout(connect=10, read=20)
_TAIL = 256_000  # bytes of a wheel's end: room for the list of some thousand files
_WHOLE = 2_000_000  # bytes; a source distribution up to this size is read whole
_MEMBERS = 5_000


def provides(distribution: str, module: str, network: Mapping[str, str]) -> bool:
    """Whether the newest release of a distribution brings a module; False where that cannot be found out.

    Raises
    ------
    IndexUnavailableError
        If the index cannot be asked.
    """
    files = _files(canonical(distribution), tuple(sorted(network.items())))
    top = module.partition(".")[0]
    return any(name == top or name.startswith(f"{top}.") for name in files)


def required_by(distribution: str, version: Version, network: Mapping[str, str]) -> tuple[Requirement, ...]:
    """Return what a release requires, extras apart; empty where no wheel of it tells.

    Raises
    ------
    IndexUnavailableError
        If the index cannot be asked.
    """
    return _requirements(canonical(distribution), version, tuple(sorted(network.items())))


@lru_cache(maxsize=256)
def _requirements(name: str, version: Version, network: tuple[tuple[str, str], ...]) -> tuple[Requirement, ...]:
    settings = dict(network)
    wheels = [
        place for listed, file, place, _ in _listed(name, settings) if listed == version and file.endswith(".whl")
    ]
    if not wheels:
        return ()
    found = []
    for line in metadata_requirements(_metadata(wheels[0], settings)):
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            found.append(requirement)
    return tuple(found)


def _metadata(place: str, settings: Mapping[str, str]) -> str:
    body = _get(place, settings, {"Range": f"bytes=-{_TAIL}"})
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".dist-info/METADATA") and entry.header_offset >= 0:  # else it is cut off
                    with archive.open(entry) as file:
                        return file.read(_TAIL).decode("utf-8", "replace")
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, zlib.error):
        return ""  # no archive, or packed in a way of its own
    return ""


def _listed(name: str, settings: Mapping[str, str]) -> list[tuple[Version, str, str, int]]:
    """Return (version, file name, URL, bytes) of the files of all final releases, as far as the index says it."""
    url = index_url(name, settings)
    body = _get(url, settings, {"Accept": _ACCEPT})
    try:
        data: Any = json.loads(body)
    except ValueError:
        return []  # an index of the old form does not say more than file names
    return [
        (version, str(file["filename"]), urljoin(url, str(file["url"])), int(file.get("size") or 0))
        for file in data.get("files", ())
        if not file.get("yanked") and (version := file_version(str(file["filename"]))) and not version.is_prerelease
    ]


@lru_cache(maxsize=256)
def _files(name: str, network: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """Return the top-level import names of the newest final release."""
    settings = dict(network)
    found = _listed(name, settings)
    if not found:
        return frozenset()
    newest: Version = max(version for version, *_ in found)
    latest = sorted((entry for entry in found if entry[0] == newest), key=lambda e: (not e[1].endswith(".whl"), e[1]))
    _, filename, place, size = latest[0]
    if filename.endswith(".whl"):
        return _of_wheel(place, settings)
    return _of_sdist(place, settings) if size <= _WHOLE else frozenset()


def _of_wheel(place: str, settings: Mapping[str, str]) -> frozenset[str]:
    body = _get(place, settings, {"Range": f"bytes=-{_TAIL}"})
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:  # offsets of what is cut off are never followed
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError):
        return frozenset()
    return _importable(names)


def _of_sdist(place: str, settings: Mapping[str, str]) -> frozenset[str]:
    body = _get(place, settings, {})
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:*") as archive:
            names = [member.name for _, member in zip(range(_MEMBERS), archive, strict=False)]
            inside = [name.partition("/")[2] for name in names]
            stated = next((n for n in names if n.endswith(".egg-info/top_level.txt")), None)
            member = archive.extractfile(stated) if stated else None
            if member is not None:
                return frozenset(member.read(100_000).decode("utf-8", "replace").split())
    except (tarfile.TarError, OSError, EOFError):
        return frozenset()
    return _importable([name.removeprefix("src/") for name in inside])


def _importable(names: Iterable[str]) -> frozenset[str]:
    """Return the top-level modules and packages among paths of files."""
    found: set[str] = set()
    for name in names:
        parts = name.split("/")
        if parts[0].endswith(".data") and len(parts) > 2 and parts[1] in ("purelib", "platlib"):
            parts = parts[2:]
        if len(parts) > 1 and not parts[0].endswith((".dist-info", ".data", ".egg-info")):
            found.add(parts[0])
        elif len(parts) == 1 and parts[0].endswith((".py", ".so", ".pyd")):
            found.add(parts[0].partition(".")[0])
    return frozenset(found)


def _get(url: str, settings: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    try:
        answer = pool(url, settings).request(
            "GET", url, headers=dict(headers), timeout=_TIMEOUT, retries=urllib3.Retry(2, backoff_factor=0.3),
            preload_content=False,
        )  # fmt: skip
        limit = 60_000_000 if "Accept" in headers else _WHOLE
        body: bytes = answer.read(limit)
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise IndexUnavailableError(
            f"the package index did not answer for {url}: {error}; check the network settings"
        ) from error
    return body if answer.status in (200, 206) else b""
