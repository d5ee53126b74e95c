"""Find a Python interpreter of a wanted version."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import uv

from maestro.registry.errors import PythonMissingError

_VERSION = re.compile(r"(?:python|cpython[-@]?)?(\d+(?:\.\d+){0,2})$")
_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(getattr(sys, '_base_executable', sys.executable))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter that answered: its path and full version ("3.12.4")."""

    path: Path
    version: str


def matches(version: str, wanted: str) -> bool:
    """Whether a full version satisfies a wanted one: "3.12.4" satisfies "3", "3.12" and "3.12.4".

    >>> matches("3.12.4", "3.12"), matches("3.12.4", "3.1")
    (True, False)
    """
    return version == wanted or version.startswith(wanted + ".")


@cache
def _ask(path: str, _mtime: int) -> Interpreter | None:
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", _ASK], capture_output=True, text=True, timeout=30, check=False,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.split("\n")
    return Interpreter(Path(path), lines[0]) if done.returncode == 0 and lines[0] else None


def ask(path: Path) -> Interpreter | None:
    """Run an interpreter to learn its version; None if it does not answer as one. Answers are remembered by mtime."""
    try:
        return _ask(str(path), path.stat().st_mtime_ns)
    except OSError:
        return None


def running() -> Interpreter:
    """Return the interpreter of this process, outside of its virtual environment."""
    base = Path(getattr(sys, "_base_executable", "") or sys.executable)
    return Interpreter(base, ".".join(map(str, sys.version_info[:3])))


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


class InterpreterFinder:
    """Finds interpreters: the running one, pyenv's and uv's of this user, those on PATH; last of all uv installs one.

    Parameters
    ----------
    environ
        The environment of uv: ``PATH``, ``HOME``, network settings. ``PYENV_ROOT`` is honoured.
    install_dir
        Where uv puts interpreters that it installs.
    install
        Whether uv may try to download one.
    """

    def __init__(self, environ: Mapping[str, str], install_dir: Path, *, install: bool = True) -> None:
        self._environ = dict(environ)
        self._install_dir = install_dir
        self._install = install
        self._found: dict[str, Interpreter] = {}

    def find(self, wanted: str) -> Interpreter:
        """Return an interpreter for "3.12", "3.12.4" or an absolute path.

        Raises
        ------
        PythonMissingError
            If there is none and none could be installed; the message lists those that were found.
        """
        known = self._found.get(wanted)
        if known is not None and known.path.exists():
            return known
        found = self._look(wanted.strip())
        self._found[wanted] = found
        return found

    def _look(self, wanted: str) -> Interpreter:
        if "/" in wanted:
            found = ask(Path(wanted)) if Path(wanted).is_absolute() else None
            if found is None:
                raise PythonMissingError(
                    f"environment.python: {wanted} is not a Python interpreter on this machine; "
                    f"give an absolute path or a version such as 3.12. Found: {self._listed()}."
                )
            return found
        said = _VERSION.match(wanted)
        if not said:
            raise PythonMissingError(f"environment.python: {wanted!r} is neither a version such as 3.12 nor a path.")
        version = said.group(1)
        for candidate in self.candidates(version):
            if matches(candidate.version, version):
                return candidate
        for arguments in self._ways(version):
            found = self._uv(arguments)
            if found is not None and matches(found.version, version):
                return found
        raise PythonMissingError(
            f"No Python {version} on this machine, and uv could not install one: {self._why}. "
            f"Found: {self._listed()}. Install it (`{uv.find_uv_bin()} python install {version}`), "
            "or change environment.python."
        )

    _why = "installing is switched off"

    def _ways(self, version: str) -> Iterator[list[str]]:
        yield ["find", "--no-python-downloads", "--no-project", version]
        if self._install:
            done = self._run(["install", "--no-bin", version], seconds=300)
            self._why = (done.stderr.strip().splitlines() or ["no reason given"])[-1].strip()
            yield ["find", "--no-python-downloads", "--no-project", version]

    def _uv(self, arguments: list[str]) -> Interpreter | None:
        done = self._run(arguments, seconds=60)
        lines = done.stdout.strip().splitlines()
        return ask(Path(lines[-1])) if done.returncode == 0 and lines else None

    def _run(self, arguments: list[str], *, seconds: float) -> subprocess.CompletedProcess[str]:
        command = [uv.find_uv_bin(), "python", *arguments]
        environ = {**self._environ, "UV_PYTHON_INSTALL_DIR": str(self._install_dir)}
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=seconds, check=False, env=environ, cwd="/"
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, "", f"uv did not answer within {seconds:.0f} s")

    def candidates(self, version: str = "") -> list[Interpreter]:
        """Return the running interpreter, those that pyenv and uv keep for this user (newest first), and our own.

        With ``version``, folders whose names speak of another one are not asked.
        """
        found = [running()]
        roots = [self._environ.get("PYENV_ROOT", ""), str(Path(self._environ.get("HOME", "/")) / ".pyenv")]
        roots += [str(Path("~").expanduser() / ".pyenv")]
        folders = [Path(root) / "versions" for root in dict.fromkeys(roots) if root]
        # Where uv puts what its user has it install; our uv looks in `install_dir` alone.
        folders += [Path("~/.local/share/uv/python").expanduser(), self._install_dir]
        for folder in folders:
            if folder.is_dir():
                for place in sorted(folder.iterdir(), key=lambda p: _order(p.name), reverse=True):
                    number = re.search(r"\d[\d.]*", place.name)
                    if number is None or (version and not matches(number.group(), version)):
                        continue
                    answer = ask(place / "bin" / "python")
                    if answer is not None and answer.path not in [known.path for known in found]:
                        found.append(answer)
        return found

    def _listed(self) -> str:
        return ", ".join(f"{one.version} ({one.path})" for one in self.candidates())
