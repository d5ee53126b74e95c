"""Environments: built once for what they depend on, then reused."""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv

from maestro.model import EnvironmentFacts, EnvironmentSpec, dump, load
from maestro.registry import bytecode, editables, sandbox
from maestro.registry.errors import EnvironmentBuildError, EnvironmentTimeoutError
from maestro.registry.interpreters import Interpreter, InterpreterFinder
from maestro.registry.requirements import Install, parse_install

_FORMAT = "4"  # changes whenever what is built from the same input changes
_METADATA = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", "PKG-INFO", "meson.build", "CMakeLists.txt",
             "hatch.toml", "poetry.lock", "pdm.lock", "tox.ini")  # fmt: skip
_QUERY = Path(__file__).parent / "guest" / "query.py"
_COMPILING = Path(__file__).parent / "guest" / "compiling.py"


@dataclass(frozen=True, slots=True)
class Environment:
    """A built environment. ``path`` holds all of it (``venv``, ``overlay``, ``environment.json``) and cannot move.

    ``import_roots`` are the folders, relative to the project's root, from which an editable install of the project is
    imported; ``overlay`` holds files that the build made inside the tree; ``seconds`` is what this call took.
    """

    path: Path
    python: Path
    facts: EnvironmentFacts
    import_roots: tuple[str, ...]
    overlay: Path
    reused: bool
    seconds: float
    search_path: str = os.defpath


class EnvironmentBuilder:
    """Builds environments with uv below ``cache``; safe for concurrent builders, threads and processes alike.

    Parameters
    ----------
    cache
        ``environments/{hash}``, ``uv`` (its cache), ``pythons`` and ``bytecode`` are made there.
    network
        The operator's network settings (``settings.network_variables``): given to uv, never to tests.
    path
        The ``PATH`` of builds, and after the environment's own programs, of tests.
    timeout
        Seconds for one call of the installer.
    """

    def __init__(self, cache: Path, network: Mapping[str, str], path: str, *, timeout: float = 900.0) -> None:
        self._cache = cache.resolve()
        self._path = path
        self._timeout = timeout
        self._environ = installer_variables(self._cache, network, path)
        (self._cache / "home").mkdir(parents=True, exist_ok=True)
        self._finder = InterpreterFinder(self._environ, self._cache / "pythons")

    def find_python(self, version: str) -> Interpreter:
        """Return an interpreter for a version or path; raises ``PythonMissingError``."""
        return self._finder.find(version)

    def hash(self, spec: EnvironmentSpec, source: Path) -> str:
        """Return what identifies the environment: 24 hex digits over everything that the build depends on.

        Raises
        ------
        PythonMissingError
            If there is no such interpreter.
        EnvironmentBuildError
            If a requirements file that the spec names is not there.
        """
        python = self.find_python(spec.python)
        return _digest((python.version, str(python.path)), parse_install(spec.install, source), source)

    def ensure(self, spec: EnvironmentSpec, source: Path) -> Environment:
        """Return the environment, building it if there is none yet.

        ``source`` is never written: a build of the project itself runs in a copy.

        Raises
        ------
        EnvironmentBuildError
            With the installer's own words; ``EnvironmentTimeoutError`` if it did not end in time.
        """
        started = time.monotonic()
        python = self.find_python(spec.python)
        install = parse_install(spec.install, source)
        name = _digest((python.version, str(python.path)), install, source)
        place = self._cache / "environments" / name
        known = self._read(place, started)
        if known is not None:
            return known
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place.with_suffix(".lock")):
            known = self._read(place, started)
            if known is not None:
                return known
            # Without its marker it is a build that was interrupted.
            sandbox.wipe(place) if place.exists() else None
            try:
                self._build(place, name, python, install, source)
            except BaseException:
                sandbox.wipe(place) if place.exists() else None
                raise
        built = self._read(place, started, reused=False)
        if built is None:
            raise EnvironmentBuildError(f"The environment at {place} vanished while it was being built.")
        return built

    def archive(self, environment: Environment, dest: Path) -> None:
        """Write the environment, and an interpreter that was installed for it, as a tar.gz to ``dest``."""
        home = Path(os.path.realpath(environment.python))
        pythons = self._cache / "pythons"
        with tarfile.open(dest, "w:gz", compresslevel=1) as archive:
            archive.add(environment.path, environment.path.relative_to(self._cache).as_posix())
            if home.is_relative_to(pythons):
                installed = pythons / home.relative_to(pythons).parts[0]
                archive.add(installed, installed.relative_to(self._cache).as_posix())

    def adopt(self, archive: Path) -> None:
        """Lay out what :meth:`archive` wrote, at the same place: the cache must have the path that it had there.

        Only archives that this service's own sandboxes wrote are to be adopted.
        """
        with tarfile.open(archive, "r:gz") as members:
            members.extraction_filter = getattr(tarfile, "tar_filter", None)  # older releases have no filters
            members.extractall(self._cache)  # noqa: S202 - this service wrote it

    def _read(self, place: Path, started: float, *, reused: bool = True) -> Environment | None:
        marker = place / "environment.json"
        python = place / "venv" / "bin" / "python"
        if not marker.is_file() or not python.exists():
            return None
        said = json.loads(marker.read_text())
        return Environment(
            path=place,
            python=python,
            facts=load(EnvironmentFacts, said["facts"]),
            import_roots=tuple(said["import_roots"]),
            overlay=place / "overlay",
            reused=reused,
            seconds=time.monotonic() - started,
            search_path=os.pathsep.join([str(python.parent), self._path]),
        )

    def _build(self, place: Path, name: str, python: Interpreter, install: Install, source: Path) -> None:
        (place / "overlay").mkdir(parents=True)
        tree = place / "build"
        if install.project:
            sandbox.copy_tree(source, tree)
        else:
            tree = source
        self._uv(["venv", "--no-project", "--python", str(python.path), str(place / "venv")], cwd=place)
        target = place / "venv" / "bin" / "python"
        if install.arguments:
            self._install(target, install, tree, place)
        self._compile(target, python, place)
        facts = self._facts(name, target)
        roots: tuple[str, ...] = ()
        if install.project:
            roots = editables.import_roots(_site(target), tree, place / "overlay")
            editables.collect_generated(source, tree, place / "overlay")
            facts = editables.with_modules(facts, tree, roots)
            # Without it nothing that is not shadowed by the copy under test can be imported from a stale tree.
            sandbox.wipe(tree)
        text = json.dumps({"facts": dump(facts), "import_roots": roots, "install": list(install.arguments)})
        draft = place / "environment.json.tmp"
        draft.write_text(text)
        draft.rename(place / "environment.json")

    def _install(self, target: Path, install: Install, tree: Path, place: Path) -> None:
        arguments = ["pip", "install", "--python", str(target), "--no-config", *install.at(tree)]
        try:
            self._uv(arguments, cwd=tree)
        except EnvironmentTimeoutError:
            raise
        except EnvironmentBuildError as problem:
            version = editables.stated_version(tree) if install.project else ""
            if not version or not editables.lacks_version(str(problem)):
                raise
            # A build that asks version control, of a tree without it, whose PKG-INFO tells the answer.
            extra = {"SETUPTOOLS_SCM_PRETEND_VERSION": version, "PBR_VERSION": version}
            if place.exists():
                self._uv(arguments, cwd=tree, extra=extra)

    def _compile(self, target: Path, python: Interpreter, place: Path) -> None:
        """Give the installed modules bytecode: from other environments, or else by compiling it."""

        def build(files: Sequence[Path]) -> None:
            listed = place / "compile.txt"
            listed.write_text("\n".join(map(str, files)), "utf-8", "surrogateescape")
            sandbox.run(
                [str(target), "-I", "-S", str(_COMPILING), str(listed)], cwd=place, seconds=self._timeout,
                environ={"PATH": self._path, "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
            listed.unlink()

        kind = f"{python.version}-{hashlib.sha256(os.fsencode(python.path)).hexdigest()[:8]}"
        bytecode.fill(_site(target), self._cache / "bytecode" / kind, python.version, build)

    def _uv(self, arguments: Sequence[str], *, cwd: Path, extra: Mapping[str, str] | None = None) -> None:
        tmp = Path(tempfile.mkdtemp(prefix="build-", dir=self._cache))
        try:
            done = sandbox.run(
                [uv.find_uv_bin(), *arguments], cwd=cwd, seconds=self._timeout, limits={"CORE": 0},
                environ={**self._environ, **(extra or {}), "TMPDIR": str(tmp)},
            )  # fmt: skip
        finally:
            sandbox.wipe(tmp)
        command = " ".join(["uv", *arguments[:2]])
        if done.timed_out:
            raise EnvironmentTimeoutError(
                f"`{command}` did not end within {self._timeout:.0f} s. {done.output[-1500:]}"
            )
        if done.exit_code:
            raise EnvironmentBuildError(f"`{command}` failed:\n{_shortened(done.output)}")

    def _facts(self, name: str, python: Path) -> EnvironmentFacts:
        done = sandbox.run(
            [str(python), "-I", str(_QUERY)], cwd=python.parent, seconds=60,
            environ={"PATH": self._path, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        if done.exit_code:
            raise EnvironmentBuildError(f"The new environment's interpreter does not work:\n{done.output[-2000:]}")
        said = json.loads(done.output.strip().splitlines()[-1])
        return EnvironmentFacts(hash=name, **said)


def _shortened(output: str, limit: int = 6000) -> str:
    text = output.strip()
    return text if len(text) <= limit else f"{text[: limit // 3]}\n[...]\n{text[-2 * limit // 3 :]}"


def _site(python: Path) -> Path:
    found = sorted((python.parent.parent / "lib").glob("python*/site-packages"))
    if not found:
        raise EnvironmentBuildError(f"The environment of {python} has no site-packages folder.")
    return found[0]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, among processes and threads; the system frees it if this process dies."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def archive_key(spec: EnvironmentSpec, source: Path) -> str:
    """Return what identifies an environment's archive: like its hash, but without looking for an interpreter.

    Raises
    ------
    EnvironmentBuildError
        If a requirements file that the spec names is not there.
    """
    return _digest((spec.python,), parse_install(spec.install, source), source)


def _digest(python: Sequence[str], install: Install, source: Path) -> str:
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape")
            digest.update(len(data).to_bytes(8, "big") + data)

    add(_FORMAT, *python, *install.arguments)
    for file in install.files:
        add(file.name, file.read_bytes())
    if install.project:
        for name in _METADATA:
            if (source / name).is_file():
                add(name, (source / name).read_bytes())
    if install.copies:
        for name in _product_files(source):
            add(name, (source / name).read_bytes())
    elif install.project:
        # What an editable install maps: the packages by name, not their content.
        add(*editables.layout(source))
    return digest.hexdigest()[:24]


def _product_files(source: Path) -> list[str]:
    """List the files that an installed copy of the project may hold: not its tests, which run from the tree."""
    found = []
    for folder, folders, files in os.walk(source):
        top = Path(folder) == source
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in _NO_PRODUCT
                            and not (top and n in ("tests", "test", "docs")))  # fmt: skip
        for name in sorted(files):
            if name.startswith("test_") or name.endswith(("_test.py", ".pyc")) or name == "conftest.py":
                continue
            if not (top and name in ("maestro.yaml", "maestro.yml")) and Path(folder, name).is_file():
                found.append(os.path.relpath(Path(folder, name), source))
    return found


_NO_PRODUCT = frozenset({"__pycache__", "node_modules", "venv"})


def installer_variables(cache: Path, network: Mapping[str, str], path: str) -> dict[str, str]:
    """Return all that uv gets to see of the environment when it works below ``cache``."""
    return {**_uv_variables(network), "PATH": path, "HOME": str(cache / "home"),
            "UV_CACHE_DIR": str(cache / "uv"), "LC_ALL": "C.UTF-8", "NO_COLOR": "1",
            "UV_PYTHON_INSTALL_DIR": str(cache / "pythons"), "UV_NO_PROGRESS": "1",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}  # fmt: skip


def _uv_variables(network: Mapping[str, str]) -> dict[str, str]:
    """Translate pip's settings to uv's where the operator set only pip's; keep uv's own that name no other folders."""
    ours = {"UV_CACHE_DIR", "UV_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_SYSTEM_PYTHON", "UV_NO_CACHE",
            "UV_WORKING_DIRECTORY", "UV_RUN_RECURSION_DEPTH", "UV_PYTHON_INSTALL_DIR", "UV"}  # fmt: skip
    made = {name: value for name, value in network.items() if name not in ours}
    pip = {name: value.strip() for name, value in network.items() if name.startswith("PIP_") and value.strip()}
    if "PIP_INDEX_URL" in pip and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & made.keys():
        made["UV_DEFAULT_INDEX"] = pip["PIP_INDEX_URL"]
    if "PIP_EXTRA_INDEX_URL" in pip and not {"UV_INDEX", "UV_EXTRA_INDEX_URL"} & made.keys():
        made["UV_INDEX"] = pip["PIP_EXTRA_INDEX_URL"]
        # As pip does: the best version of all indexes, not all versions of the first that knows the name.
        made.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if "PIP_FIND_LINKS" in pip:
        links = [link for link in shlex.split(pip["PIP_FIND_LINKS"]) if "://" in link or Path(link).is_dir()]
        if links:
            made.setdefault("UV_FIND_LINKS", ",".join(links))
    if pip.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on"):
        made.setdefault("UV_NO_INDEX", "1")
    for theirs, uvs in (("PIP_TRUSTED_HOST", "UV_INSECURE_HOST"), ("PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT"),
                        ("PIP_CERT", "SSL_CERT_FILE")):  # fmt: skip
        if theirs in pip:
            made.setdefault(uvs, pip[theirs])
    return made


def clean(cache: Path) -> None:
    """Remove every environment below ``cache``, and what they share; running builds are not waited for."""
    for name in ("environments", "bytecode"):
        shutil.rmtree(cache / name, ignore_errors=True)
