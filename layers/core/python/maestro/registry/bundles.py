"""Source bundles: a project's files as a tar.gz, packed the same way every time and unpacked with suspicion."""

import gzip
import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from maestro.registry.errors import BundleEmptyError, BundleError, BundleTooLargeError, BundleUnsafeError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

EXCLUDED = frozenset({
    ".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".maestro",
})  # fmt: skip
"""Names of folders that are never part of a bundle; so is any folder with a ``pyvenv.cfg``."""

_BLOCK = 1 << 16
_PATH_MAX, _NAME_MAX = 4096, 255  # of Linux file systems


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """A packed bundle: SHA-256 of the archive in hex, number of members, size of the archive in bytes."""

    sha256: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold: members, bytes in all and in one file, and unpacked to packed bytes."""

    files: int = 50_000
    total_bytes: int = 2 << 30
    file_bytes: int = 512 << 20
    ratio: int = 200
    ratio_floor: int = 10 << 20  # smaller trees may compress as well as they like


def pack(root: Path, dest: Path) -> BundleInfo:
    """Pack the project at ``root`` into ``dest`` (tar.gz); the same tree gives the same bytes.

    In a git work tree: tracked files and untracked ones that are not ignored. Elsewhere: every file. Symbolic links
    stay links; those that point outside of the project are refused by ``unpack``, so they are left out here.

    Raises
    ------
    BundleError
        If ``root`` is not a readable folder.
    BundleEmptyError
        If there are no files in it.
    """
    if not root.exists():
        raise BundleError(f"There is no folder {root}; give the path of the project.")
    if not root.is_dir():
        raise BundleError(f"{root} is a file; give the folder of the project.")
    try:
        os.scandir(root).close()
    except OSError as problem:
        raise BundleError(f"The folder {root} cannot be read: {problem.strerror}.") from problem
    names = sorted(name for name in _listed(root) if not _excluded(root, name))
    count = 0
    dest.parent.mkdir(parents=True, exist_ok=True)
    with (
        dest.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in names:
            count += _add(archive, root, name)
    if not count:
        dest.unlink()
        raise BundleEmptyError(f"The folder {root} holds no files to run (ignored and excluded ones do not count).")
    with dest.open("rb") as packed_file:
        digest = hashlib.file_digest(packed_file, "sha256").hexdigest()
    return BundleInfo(digest, count, dest.stat().st_size)


def _add(archive: tarfile.TarFile, root: Path, name: str) -> int:
    path = root / name
    try:
        found = path.lstat()
        member = tarfile.TarInfo(name)
        member.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
        if stat.S_ISLNK(found.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, str(path.readlink())
            if not _inside(name, member.linkname):
                return 0
            archive.addfile(member)
        elif stat.S_ISREG(found.st_mode):
            with path.open("rb") as content:
                member.size = os.fstat(content.fileno()).st_size
                archive.addfile(member, content)
        else:
            return 0
    except FileNotFoundError:
        return 0  # removed while packing
    except OSError as problem:
        raise BundleError(f"The file {path} cannot be read: {problem.strerror or problem}.") from problem
    return 1


def _listed(root: Path) -> set[str]:
    """List the project's files relative to ``root``: by git where it is a work tree, by walking elsewhere."""
    inside = any((folder / ".git").exists() for folder in (root, *root.resolve().parents))
    if inside and shutil.which("git"):
        command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*",
                   "-c", "core.quotePath=false", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                   ]  # fmt: skip
        environ = {"PATH": os.defpath + ":/usr/local/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
                   "HOME": os.devnull, "LC_ALL": "C.UTF-8", "GIT_OPTIONAL_LOCKS": "0"}  # fmt: skip
        done = subprocess.run(command, cwd=root, env=environ, capture_output=True, check=False)
        names = {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
        files = {name for name in names if (root / name).is_symlink() or (root / name).is_file()}
        if done.returncode == 0 and files:
            return files
        # A repository that cannot be read, or a folder that its repository ignores: take what is there.
    return _walked(root)


def _walked(root: Path) -> set[str]:
    found: set[str] = set()

    def fail(problem: OSError) -> None:
        raise BundleError(f"The folder {problem.filename} cannot be read: {problem.strerror}.") from problem

    for folder, folders, files in os.walk(root, onerror=fail):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = [n for n in folders if n not in EXCLUDED and n not in links and not _is_venv(Path(folder, n))]
        found.update(os.path.relpath(Path(folder, name), root) for name in [*files, *links])
    return found


def _is_venv(folder: Path) -> bool:
    try:
        return (folder / "pyvenv.cfg").is_file()
    except PermissionError:
        return False  # walking into it says so


def _excluded(root: Path, name: str) -> bool:
    folders = PurePosixPath(name).parents
    parts = PurePosixPath(name).parts
    return bool(EXCLUDED.intersection(parts[:-1])) or parts[-1] == ".git" or any(
        str(folder) != "." and _is_venv(root / folder) for folder in folders
    )  # fmt: skip


def _inside(name: str, target: str) -> bool:
    """Whether a link at ``name`` (relative to the root) with the text ``target`` stays inside of the root."""
    if target.startswith("/"):
        return False
    depth = 0
    for part in [*PurePosixPath(name).parts[:-1], *PurePosixPath(target).parts]:
        depth += -1 if part == ".." else 0 if part == "." else 1
        if depth < 0:
            return False
    return True


class _Counted(io.RawIOBase):
    """Unpacked bytes of a gzip stream, counted against the limits as they come."""

    def __init__(self, packed: IO[bytes], limits: Limits) -> None:
        self._packed, self._limits = packed, limits
        self._gunzip = zlib.decompressobj(wbits=31)
        self._left = b""
        self._in = self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        while not self._left:
            if self._gunzip.eof:
                return 0
            piece = self._gunzip.unconsumed_tail or self._packed.read(_BLOCK)
            if not piece:
                raise BundleError("The archive is cut short: its compressed stream does not end.")
            if not self._gunzip.unconsumed_tail:
                self._in += len(piece)
            try:
                self._left = self._gunzip.decompress(piece, _BLOCK)
            except zlib.error as problem:
                raise BundleError(f"The archive is not a valid gzip stream: {problem}.") from problem
            self._count()
        size = min(len(view), len(self._left))
        view[:size], self._left = self._left[:size], self._left[size:]
        return size

    def _count(self) -> None:
        self._out += len(self._left)
        limits = self._limits
        # Headers and padding: at most two blocks for each member, and as many for long names.
        if self._out > limits.total_bytes + 4096 * limits.files:
            raise BundleTooLargeError(f"The archive unpacks to more than {limits.total_bytes} bytes.")
        if self._out > limits.ratio_floor and self._out > limits.ratio * max(self._in, 1):
            raise BundleTooLargeError(f"The archive unpacks to more than {limits.ratio} times its size.")


def unpack(archive: Path, dest: Path, limits: Limits | None = None) -> None:
    """Unpack a bundle into ``dest``, which must not exist or be empty; nothing is left behind on refusal.

    Raises
    ------
    BundleError
        If the archive cannot be read, is cut short or corrupt.
    BundleEmptyError
        If it holds no file.
    BundleUnsafeError
        If a member has an absolute path or ``..``, a link points outside, two members share a path, or a member is
        neither a file, a folder nor a link.
    BundleTooLargeError
        If it holds more than ``limits`` allow.
    """
    limits = limits or Limits()
    if dest.exists() and any(dest.iterdir()):
        raise BundleError(f"The folder {dest} is not empty; a bundle is unpacked into a new one.")
    dest.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".unpack-", dir=dest.parent))
    try:
        with archive.open("rb") as packed:
            stream = io.BufferedReader(_Counted(packed, limits), _BLOCK)
            with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as members:
                _Unpacking(members, staging, limits).run()
            # tarfile stops at the end mark; the checksum of the gzip stream comes after it.
            while stream.read(_BLOCK):
                pass
        staging.chmod(0o755)
        if dest.exists():
            dest.rmdir()
        staging.rename(dest)
    except (tarfile.TarError, EOFError) as problem:
        raise BundleError(f"The archive is not a valid tar file: {problem}.") from problem
    except (OSError, ValueError, OverflowError) as problem:
        raise BundleError(f"The archive {archive.name} cannot be unpacked: {problem}.") from problem
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _Unpacking:
    """One unpacking: every member is checked before a byte of it is written."""

    def __init__(self, members: tarfile.TarFile, dest: Path, limits: Limits) -> None:
        self._members, self._dest, self._limits = members, dest, limits
        self._seen: dict[str, str] = {}  # path -> "file", "folder" or "link"
        self._count = self._total = 0

    def run(self) -> None:
        """Unpack every member."""
        files = 0
        for member in self._members:
            self._count += 1
            if self._count > self._limits.files:
                raise BundleTooLargeError(f"The archive holds more than {self._limits.files} members.")
            name = self._checked(member)
            if name == "." and member.isdir():
                continue
            if member.isdir():
                self._folder(name)
            elif member.issym():
                self._link(member, name)
                files += 1
            elif member.isreg():
                self._file(member, name)
                files += 1
            else:
                raise BundleUnsafeError(f"{member.name!r} is neither a file, a folder nor a symbolic link.")
        if not files:
            raise BundleEmptyError("The archive holds no files.")

    def _checked(self, member: tarfile.TarInfo) -> str:
        name = member.name
        path = PurePosixPath(name)
        if "\0" in name or path.is_absolute() or ".." in path.parts or "\\" in name.split("/")[0][:3]:
            raise BundleUnsafeError(f"{name!r} names a place outside of the project.")
        if len(name) > _PATH_MAX or any(len(os.fsencode(part)) > _NAME_MAX for part in path.parts):
            raise BundleUnsafeError(f"The path {name[:80]!r}... is too long.")
        for folder in path.parents:
            if self._seen.get(str(folder), "folder") != "folder":
                raise BundleUnsafeError(f"{name!r} lies below {str(folder)!r}, which is not a folder.")
        clean = str(path)
        if clean in self._seen and not (member.isdir() and self._seen[clean] == "folder"):
            raise BundleUnsafeError(f"{name!r} is in the archive twice.")
        return clean

    def _folder(self, name: str) -> None:
        (self._dest / name).mkdir(parents=True, exist_ok=True)
        for path in (PurePosixPath(name), *PurePosixPath(name).parents):
            self._seen[str(path)] = "folder"

    def _place(self, name: str, kind: str) -> Path:
        parent = str(PurePosixPath(name).parent)
        if parent not in self._seen:
            self._folder(parent)
        self._seen[name] = kind
        return self._dest / name

    def _link(self, member: tarfile.TarInfo, name: str) -> None:
        if not _inside(name, member.linkname) or "\0" in member.linkname:
            raise BundleUnsafeError(f"The link {member.name!r} points outside of the project.")
        self._place(name, "link").symlink_to(member.linkname)
        # A chain of links could still lead out: what the link leads to now, and later, must lie inside.
        for path, kind in self._seen.items():
            if kind == "link" and not self._stays(self._dest / path):
                raise BundleUnsafeError(f"The link {path!r} points outside of the project.")

    def _stays(self, link: Path) -> bool:
        root = os.path.realpath(self._dest)
        return os.path.realpath(link) == root or os.path.realpath(link).startswith(root + os.sep)

    def _file(self, member: tarfile.TarInfo, name: str) -> None:
        if member.size > self._limits.file_bytes:
            raise BundleTooLargeError(f"{member.name!r} is larger than {self._limits.file_bytes} bytes.")
        content = self._members.extractfile(member)
        if content is None:
            raise BundleUnsafeError(f"{member.name!r} has no content of its own.")
        written = 0
        with content, self._place(name, "file").open("xb") as target:
            while piece := content.read(_BLOCK):
                written += len(piece)
                self._total += len(piece)
                if written > self._limits.file_bytes:
                    raise BundleTooLargeError(f"{member.name!r} is larger than {self._limits.file_bytes} bytes.")
                if self._total > self._limits.total_bytes:
                    raise BundleTooLargeError(f"The archive unpacks to more than {self._limits.total_bytes} bytes.")
                target.write(piece)
            if written != member.size:
                raise BundleError(f"The archive is cut short in {member.name!r}.")
        (self._dest / name).chmod(0o755 if member.mode & stat.S_IXUSR else 0o644)
