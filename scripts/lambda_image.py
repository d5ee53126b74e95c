"""A stand-in for AWS's Lambda base image, made of this machine's Python: no registry and no pull.

It holds a shell with the few commands that `sam local` runs while it builds on top, a copy of a Python
installation, the shared libraries that all of these name, the system's certificates, and AWS's own runtime client
(`awslambdaric`). It has no boto3 on purpose: a function that runs here finds everything in the project's layer.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

RUNTIME_CLIENT = "awslambdaric==4.2.2"
COMMANDS = ("sh", "mv", "chmod", "cp", "rm", "mkdir", "ls", "cat", "env")
# What compiled wheels expect of any Linux; they do not bring these along.
COMMON_LIBRARIES = re.compile(r"^lib(?:c|m|dl|pthread|rt|util|gcc_s|stdc\+\+|z|nss_dns|nss_files|resolv)\.so\.\d+$")
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
UNUSED = ("__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "site-packages", "config-*")

BOOTSTRAP = """\
#!/bin/sh
export PYTHONPATH=/var/task:/opt/python:/var/runtime
exec /var/lang/bin/python{version} -m awslambdaric "$_HANDLER"
"""
# With the runtime's emulator beside it SAM starts that; alone, the image starts the runtime itself.
ENTRYPOINT = """\
#!/bin/sh
exec /var/runtime/bootstrap
"""


def _needed_by(binary: Path) -> list[Path]:
    """Return the shared libraries that the loader would load for *binary*; none for a static one."""
    done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    return [Path(path) for path in re.findall(r"(?:=>\s*|^\s*)(/\S+)", done.stdout, flags=re.MULTILINE)]


def _common_libraries() -> list[Path]:
    """Return this machine's copies of the libraries that every Linux has."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    listing = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=True).stdout
    found: dict[str, Path] = {}
    for name, path in re.findall(r"^\s*(\S+) \([^)]*x86-64[^)]*\) => (\S+)$", listing, flags=re.MULTILINE):
        if COMMON_LIBRARIES.match(name):
            found.setdefault(name, Path(path))
    return list(found.values())


def _copy(files: Iterable[Path], root: Path) -> None:
    """Copy each file to its own path under *root*, what a link points to under the link's name."""
    for file in files:
        target = root / str(file).lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def lay_out(root: Path, prefix: Path, version: str, uv: Path) -> None:
    """Write the image's files under *root*.

    Parameters
    ----------
    root
        An empty folder that becomes the image's `/`.
    prefix
        A Python installation in a folder of its own, not `/usr`.
    version
        Its version as in `python3.13`: "3.13".
    uv
        The uv that fetches the runtime client.
    """
    python = prefix / "bin" / f"python{version}"
    lang = root / "var" / "lang"
    shutil.copytree(prefix, lang, symlinks=True, ignore=shutil.ignore_patterns(*UNUSED, "*.a", "share"))
    (lang / "lib" / f"python{version}" / "site-packages").mkdir(parents=True, exist_ok=True)

    commands = [Path(found) for name in COMMANDS if (found := shutil.which(name, path="/usr/bin:/bin"))]
    _copy(commands, root)
    for command in commands:
        _copy([Path("/bin") / command.name, Path("/usr/bin") / command.name], root)
    extensions = (prefix / "lib" / f"python{version}" / "lib-dynload").glob("*.so")
    libraries = {library for binary in (*commands, python, *extensions) for library in _needed_by(binary)}
    _copy((library for library in libraries if not library.is_relative_to(prefix)), root)
    _copy(_common_libraries(), root)
    _copy((Path(path) for path in CERTIFICATES if Path(path).is_file()), root)
    for folder in ("tmp", "var/task", "opt", "etc", "var/rapid"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)

    runtime = root / "var" / "runtime"
    install = [str(uv), "pip", "install", "--quiet", "--python", str(python), "--target", str(runtime), RUNTIME_CLIENT]
    subprocess.run(install, check=True)
    _script(runtime / "bootstrap", BOOTSTRAP.format(version=version))
    _script(root / "lambda-entrypoint.sh", ENTRYPOINT)


def import_image(root: Path, docker: list[str], tag: str) -> None:
    """Make the folder *root* the image *tag* of the daemon that the command line *docker* talks to."""
    settings = (
        "ENV PATH=/var/lang/bin:/usr/bin:/bin LD_LIBRARY_PATH=/var/lang/lib LAMBDA_TASK_ROOT=/var/task",
        "WORKDIR /var/task",
        'ENTRYPOINT ["/lambda-entrypoint.sh"]',
    )
    changes = [word for setting in settings for word in ("--change", setting)]
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run([*docker, "import", *changes, "-", tag], stdin=tar.stdout, stdout=subprocess.DEVNULL, check=True)
    if tar.returncode:
        raise SystemExit(f"sam-local: tar could not pack {root}")
