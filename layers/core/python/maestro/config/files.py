"""Reading files of an untrusted project: regular, inside the project, of bounded size, UTF-8."""

from pathlib import Path

from maestro.config.errors import ConfigError, Problem

MAX_BYTES = 1 << 20


def inside(root: Path, name: str) -> bool:
    """Tell whether ``name``, links followed, lies in the folder ``root``; it need not exist."""
    if "\0" in name:
        return False
    try:
        return (root / name).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a name too long for the file system, a loop of links
        return False


def is_file(root: Path, name: str) -> bool:
    """Tell whether ``name`` is a regular file that lies in ``root``."""
    try:
        return inside(root, name) and (root / name).is_file()
    except OSError:
        return False


def is_dir(root: Path, name: str) -> bool:
    """Tell whether ``name`` is a folder that lies in ``root``."""
    try:
        return inside(root, name) and (root / name).is_dir()
    except OSError:
        return False


def read_text(root: Path, name: str) -> str:
    """Return the text of the file ``name`` in ``root``, without a byte order mark.

    Raises
    ------
    ConfigError
        If it is not a regular file inside ``root``, is over 1 MiB, or is not UTF-8.
    """
    if not is_file(root, name):
        raise ConfigError(
            [Problem(name, 1, 1, "this is not a regular file inside the project", "put the text itself here")]
        )
    try:
        with (root / name).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            [Problem(name, 1, 1, f"the file cannot be read ({error.strerror})", "make it readable")]
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(name, 1, 1, "the file is over 1 MiB", "a configuration must be smaller")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise ConfigError([Problem(name, line, column, what, "save the file as UTF-8")]) from error
