"""Ask a package index about one distribution: does it exist, and what was released when (PEP 503, 691, 700)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

import urllib3
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from maestro.healing.strategies.names import canonical
from maestro.model import MaestroError

_DEFAULT_INDEX = "https://pypi.org/simple"
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_MAX_ANSWER = 60_000_000  # bytes; the largest projects answer with about 20 MB
_TIMEOUT = urllib3.Timeout(connect=10, read=30)


class IndexUnavailableError(MaestroError):
    """The package index could not be asked."""

    code = "package_index_unavailable"
    retryable = True


@dataclass(frozen=True, slots=True)
class Release:
    """One released version that is not withdrawn; ``uploaded`` is when its first file came, if the index says so."""

    version: Version
    uploaded: datetime | None
    requires_python: str
    wheels: frozenset[tuple[str, str]] = frozenset()  # interpreter and ABI of each: ("py3", "none"), ("cp39", "abi3")
    source: bool = True  # whether it comes as a source distribution as well

    def takes(self, python: tuple[int, int]) -> bool:
        """Whether it declares to support this Python."""
        try:
            return not self.requires_python or SpecifierSet(self.requires_python).contains(
                f"{python[0]}.{python[1]}.99"
            )
        except InvalidSpecifier:
            return True

    def built_for(self, python: tuple[int, int]) -> bool:
        """Whether it comes ready for this Python; a release without any wheel is taken to need no compiler."""
        if not self.wheels:
            return True
        own = f"cp{python[0]}{python[1]}"
        for interpreter, abi in self.wheels:
            stable = interpreter.removeprefix("cp3") if abi == "abi3" else ""
            if interpreter in (own, f"py{python[0]}", own.replace("cp", "py")) or (
                stable.isdigit() and int(stable) <= python[1]
            ):
                return True
        return False


def releases(distribution: str, network: Mapping[str, str]) -> tuple[Release, ...]:
    """Return the final releases of a distribution, ascending; empty where the index does not have it.

    ``network`` are the operator's settings (``UV_*``, ``PIP_*``, proxies, certificates).

    Raises
    ------
    IndexUnavailableError
        If the index cannot be reached or answers with an error.
    """
    return _releases(canonical(distribution), tuple(sorted(network.items())))


@lru_cache(maxsize=256)
def _releases(name: str, network: tuple[tuple[str, str], ...]) -> tuple[Release, ...]:
    settings = dict(network)
    url = index_url(name, settings)
    try:
        answer = pool(url, settings).request(
            "GET", url, headers={"Accept": _ACCEPT}, timeout=_TIMEOUT, retries=urllib3.Retry(2, backoff_factor=0.3),
            preload_content=False,
        )  # fmt: skip
        body = answer.read(_MAX_ANSWER)
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise IndexUnavailableError(
            f"the package index did not answer for {name!r}: {error}; check the network settings"
        ) from error
    if answer.status in (404, 410):
        return ()
    if answer.status != 200:
        raise IndexUnavailableError(
            f"the package index answered {answer.status} for {name!r}; check the network settings"
        )
    if "json" in answer.headers.get("Content-Type", ""):
        return _from_json(body)
    return _from_html(body.decode("utf-8", "replace"))


def index_url(name: str, settings: Mapping[str, str]) -> str:
    """Return where the index lists a distribution's files; raises :class:`IndexUnavailableError` where it is off."""
    if settings.get("UV_OFFLINE") or settings.get("PIP_NO_INDEX") or settings.get("UV_NO_INDEX"):
        raise IndexUnavailableError(
            f"the package index is switched off here, so {name!r} could not be looked up; allow an index"
        )
    base = _first(settings, "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL") or _DEFAULT_INDEX
    return f"{base.rpartition('=')[2] if '://' in base.rpartition('=')[2] else base}".rstrip("/") + f"/{name}/"


def _first(settings: Mapping[str, str], *names: str) -> str:
    return next((settings[n] for n in names if settings.get(n)), "")


def pool(url: str, settings: Mapping[str, str]) -> urllib3.PoolManager:
    """Return what asks a URL the way the operator's settings say: proxy, certificates, credentials."""
    certificates = _first(settings, "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") or None
    parsed = urllib3.util.parse_url(url)
    headers = urllib3.util.make_headers(basic_auth=parsed.auth) if parsed.auth else None
    proxy = _first(settings, "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy") if parsed.scheme == "https" else ""
    bypass = [h.strip().lstrip(".") for h in _first(settings, "NO_PROXY", "no_proxy").split(",") if h.strip()]
    if proxy and not any(h == "*" or (parsed.host or "").endswith(h) for h in bypass):
        return urllib3.ProxyManager(proxy, ca_certs=certificates, headers=headers)
    return urllib3.PoolManager(ca_certs=certificates, headers=headers)


def _from_json(body: bytes) -> tuple[Release, ...]:
    import json

    data: Any = json.loads(body)
    files = data.get("files", []) if isinstance(data, dict) else []
    keys = ("filename", "upload-time", "requires-python")
    return _collect((*(str(f.get(key) or "") for key in keys), bool(f.get("yanked"))) for f in files)


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.files: list[tuple[str, str, str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            given = dict(attrs)
            filename = re.split(r"[#?]", given.get("href") or "")[0].rpartition("/")[2]
            self.files.append((filename, "", given.get("data-requires-python") or "", "data-yanked" in given))


def _from_html(text: str) -> tuple[Release, ...]:
    parser = _Anchors()
    parser.feed(text)
    return _collect(parser.files)


def _collect(files: Any) -> tuple[Release, ...]:
    found: dict[Version, Release] = {}
    for filename, uploaded, requires_python, yanked in files:
        version = file_version(filename)
        if version is None or yanked or version.is_prerelease or version.is_devrelease:
            continue
        when = datetime.fromisoformat(uploaded).astimezone(UTC) if uploaded else None
        known = found.get(version)
        wheels = _tags(filename) | (known.wheels if known else frozenset())
        source = not filename.endswith(".whl") or (known is not None and known.source)
        if known is None or (when and known.uploaded and when < known.uploaded):
            found[version] = Release(version, when, requires_python, wheels, source)
        else:
            found[version] = replace(known, wheels=wheels, source=source)
    return tuple(found[v] for v in sorted(found))


def _tags(filename: str) -> frozenset[tuple[str, str]]:
    if not filename.endswith(".whl"):
        return frozenset()
    return frozenset((tag.interpreter, tag.abi) for tag in parse_wheel_filename(filename)[3])


def file_version(filename: str) -> Version | None:
    """Return the version of a wheel or source distribution by its file's name; None for any other file."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
