"""Read an untrusted source tree within bounds, and write changes of it as one git diff.

Texts are the exact characters of the file (line ends untouched, a byte-order mark left out), so that a generator's
edit changes what it means to change and nothing else: :func:`diff` puts the encoding and the mark back.
"""

import fnmatch
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from maestro.healing._roles import Role, role
from maestro.healing.gitdiff import FileChange, render
from maestro.model import MaestroError

MAX_FILE_BYTES = 2_000_000
MAX_FILES = 20_000
MAX_TOTAL_BYTES = 100_000_000

_SKIPPED_FOLDERS = {
    ".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "__pycache__", "node_modules", ".eggs", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".maestro",
}  # fmt: skip
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BOM = b"\xef\xbb\xbf"


class SourceTreeError(MaestroError):
    """A path or an edit that the source tree cannot take."""

    code = "source_tree_invalid"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A text file: its exact characters without a byte-order mark, and how they are stored."""

    path: str
    text: str
    encoding: str
    bom: bool = False

    def encode(self, text: str) -> bytes:
        """Store other characters the way this file is stored.

        Raises
        ------
        SourceTreeError
            If ``text`` has characters that the file's encoding lacks.
        """
        try:
            body = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise SourceTreeError(
                f"{self.path}: the change needs the character {error.object[error.start]!r}, which the file's encoding "
                f"{self.encoding} does not have; change the file's encoding first"
            ) from error
        return (_BOM if self.bom else b"") + body


def decode(path: str, data: bytes) -> SourceFile | None:
    """Read ``data`` as text, by its byte-order mark, its coding comment, UTF-8 or Latin-1; None for binary data."""
    bom = data.startswith(_BOM)
    body = data[3:] if bom else data
    if b"\0" in body:
        return None
    declared = ""
    if not bom:
        for line in body.split(b"\n", 2)[:2]:
            found = _COOKIE.match(line)
            if found:
                declared = found[1].decode("ascii", "replace")
                break
    for encoding in (declared, "utf-8", "latin-1"):
        if not encoding:
            continue
        try:
            text = body.decode(encoding)
            if text.encode(encoding) == body:
                return SourceFile(path, text, encoding, bom)
        except (LookupError, UnicodeError):
            continue
    return None


class SourceTree:
    """The files below a root that nobody vetted: links are not followed, and size and number are bounded."""

    def __init__(self, root: Path, test_paths: Sequence[str] = ()) -> None:
        self.root = root
        self._test_files = {PurePosixPath(p).as_posix() for p in test_paths if p.endswith(".py")}
        self._read = 0
        self._cache: dict[str, SourceFile | None] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Paths of the regular files, relative to the root, sorted; at most ``MAX_FILES``."""
        found: list[str] = []
        for folder, folders, names in os.walk(self.root, followlinks=False):
            folders[:] = sorted(d for d in folders if d not in _SKIPPED_FOLDERS and not d.endswith(".egg-info"))
            base = Path(folder)
            for name in sorted(names):
                path = base / name
                if stat.S_ISREG(path.lstat().st_mode):
                    found.append(path.relative_to(self.root).as_posix())
            if len(found) >= MAX_FILES:
                break
        return tuple(sorted(found[:MAX_FILES]))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.files)

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        """The Python sources among :attr:`files`."""
        return tuple(f for f in self.files if f.endswith((".py", ".pyw")))

    def resolve(self, path: str) -> Path:
        """Return the place of a relative path.

        Raises
        ------
        SourceTreeError
            If the path leads out of the root, through a link, or into version control.
        """
        pure = PurePosixPath(path)
        if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path:
            raise SourceTreeError(f"{path!r} is not a path inside the project")
        if pure.parts and pure.parts[0] == ".git":
            raise SourceTreeError(f"{path!r} belongs to version control, which a repair never edits")
        place = self.root
        for part in pure.parts:
            place = place / part
            if place.is_symlink():
                raise SourceTreeError(f"{path!r} leads through a symbolic link, which is not followed")
        return place

    def data(self, path: str) -> bytes | None:
        """Return a file's bytes; None where there is no regular file or it is over the limits."""
        place = self.resolve(path)
        if not place.is_file():
            return None
        size = place.stat().st_size
        if size > MAX_FILE_BYTES or self._read + size > MAX_TOTAL_BYTES:
            return None
        self._read += size
        return place.read_bytes()

    def file(self, path: str) -> SourceFile | None:
        """Return a file as text, or None where there is none, it is binary, or it is over the limits."""
        if path not in self._cache:
            data = self.data(path)
            self._cache[path] = None if data is None else decode(path, data)
        return self._cache[path]

    def text(self, path: str) -> str | None:
        """Return the characters of a file, or None like :meth:`file`."""
        found = self.file(path)
        return None if found is None else found.text

    def sources(self, *needles: str) -> Iterator[SourceFile]:
        """Yield the Python sources that contain one of ``needles`` (all sources where none is given)."""
        for path in self.python_files:
            found = self.file(path)
            if found is not None and (not needles or any(n in found.text for n in needles)):
                yield found

    def role(self, path: str) -> Role:
        """Say what a path is to the project."""
        return role(path, self._test_files)

    @cached_property
    def modules(self) -> frozenset[str]:
        """Top-level import names that the tree itself brings: from the root, and from ``src``-like folders.

        What a package of the product has inside (``shop/yaml.py``) is no module of that name (``yaml``).
        """
        names: set[str] = set()
        for path in self.python_files:
            parts = PurePosixPath(path).parts
            names.add(PurePosixPath(parts[-1]).stem if len(parts) == 1 else parts[0])
            inside = f"{parts[0]}/__init__.py" in self._known and self.role(path) is Role.PRODUCT
            if len(parts) > 1 and not inside:  # src/package/..., lib/module.py, tests/helpers.py
                names.add(PurePosixPath(parts[1]).stem)
        return frozenset(names - {"__init__", "setup", "conftest"})

    @cached_property
    def names(self) -> frozenset[str]:
        """Every folder name and every Python file's stem in the tree, wherever it lies."""
        found = {PurePosixPath(path).stem for path in self.python_files}
        for path in self.python_files:
            found.update(PurePosixPath(path).parts[:-1])
        return frozenset(found)

    def owns(self, module: str) -> bool:
        """Whether the project's own tree brings ``module`` (judged by its first component)."""
        return module.partition(".")[0] in self.modules


def covered(path: str, patterns: Sequence[str]) -> bool:
    """Whether one of the glob patterns (``*`` crosses folders; ``dir/`` means all below) covers ``path``."""
    for pattern in patterns:
        glob = pattern.removeprefix("./")
        if glob.endswith("/"):
            glob += "*"
        if fnmatch.fnmatch(path, glob) or fnmatch.fnmatch(path, glob.rstrip("/") + "/*"):
            return True
        if glob.startswith("**/") and fnmatch.fnmatch(path, glob[3:]):
            return True
    return False


def diff(root: Path | SourceTree, edits: Mapping[str, str | None]) -> str:
    """Write ``edits`` (new texts; None deletes a file) as a git diff against the tree; "" where nothing changes.

    Applied with ``git apply``, it gives exactly the new texts in each file's own encoding, byte-order mark and line
    ends included. Files whose change is not UTF-8 become a (pure ASCII) git binary patch.

    Raises
    ------
    SourceTreeError
        If a path leads outside the root, an existing file is not text, or a new text does not fit its encoding.
    """
    tree = root if isinstance(root, SourceTree) else SourceTree(root)
    changes: list[FileChange] = []
    for path in sorted(edits):
        place, new = tree.resolve(path), edits[path]
        old = tree.data(path)
        if old is None and place.exists():
            raise SourceTreeError(f"{path} is not a regular file of at most {MAX_FILE_BYTES} bytes")
        executable = old is not None and bool(place.stat().st_mode & stat.S_IXUSR)
        if new is None:
            data = None
        elif old is None:
            data = new.encode()
        else:
            known = decode(path, old)
            if known is None:
                raise SourceTreeError(f"{path} is not a text file; it cannot be edited")
            data = known.encode(new)
        if old != data:
            changes.append(FileChange(path, old, data, executable))
    return render(changes)
